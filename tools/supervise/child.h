// One child process: how it is started, with which descriptors, and what its end meant. Called by
// the supervisor, which has one thread. Cold.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "dataplane/base/result.h"

namespace holdfast::tools {

/// A descriptor to hand over: a listening socket, or what its name says. It stays the caller's.
struct NamedFd {
  int fd = -1;
  std::string name;  // for LISTEN_FDNAMES: no colon
};

struct ChildSpec {
  std::string name;               // for people: "control", "dataplane", "sockets"
  std::vector<std::string> argv;  // argv[0] is the program's path
  std::vector<NamedFd> fds;       // become descriptors 3, 4, ... with LISTEN_FDS in the environment
};

/// Starts a child in a process group of its own (a terminal's Ctrl-C reaches the supervisor alone),
/// with signals as at login, killed by the kernel when the supervisor dies.
/// @return its process id; kNotFound when there is no such program, kIo when it cannot be started.
/// Main thread of a process with one thread: the kernel ties the child's life to this thread.
Result<pid_t> StartChild(const ChildSpec& spec);

/// "status 1", "signal 9 (Killed)": what a wait status says.
std::string ExitText(int wait_status);

/// Where a program of ours lies: beside the running one, else in PATH, else kNotFound.
Result<std::string> FindProgram(const std::string& name);

}  // namespace holdfast::tools
