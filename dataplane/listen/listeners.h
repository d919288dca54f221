// What is passed to this process. It binds no socket: whoever starts it (the supervisor, or a
// service manager with socket units) binds them and passes descriptors, so that a restart keeps the
// sockets with what waits in them, and no right is needed for port 53. Cold, main thread.
#pragma once

#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/table/readers.h"

namespace holdfast::listen {

enum class ListenerKind { kUdp, kTcp };

/// One socket; the descriptor is the caller's to close (or nobody's: it lives as the process does).
struct Listener {
  int fd = -1;
  ListenerKind kind = ListenerKind::kUdp;
  bool is_v6 = false;  // its family; such a socket may serve IPv4 clients too (mapped addresses)
  std::string name;    // of LISTEN_FDNAMES, or "fd N"; for messages
};

/// First descriptor that is passed.
inline constexpr int kFirstListenFd = 3;

/// What the environment says was passed.
struct PassedFds {
  int count = 0;
  std::vector<std::string> names;  // `count` of them
};

/// Reads the values of LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES (null: not set).
/// @return kInvalid when nothing was passed, it was passed to another process (LISTEN_PID set and
/// not `pid`), the number is not 1..1024, or there are not as many names as descriptors.
Result<PassedFds> ParseListenFds(const char* listen_pid,
                                 const char* listen_fds,
                                 const char* listen_fdnames,
                                 int pid);

/// The names among LISTEN_FDNAMES of what is no socket: this process's table::ReaderFds.
inline constexpr const char* kReaderPageName = "reader-page";
inline constexpr const char* kReaderLockName = "reader-lock";

/// Looks at a descriptor: which kind of listener it is; and makes it ready to be served: not
/// blocking, closed on exec, UDP with the address that was asked, DF and no trust in path-MTU
/// messages (RFC 9715 3.1), TCP without delay and with fast open.
/// @return kInvalid when it is not an IPv4 or IPv6 socket, UDP and not bound, or TCP and not
/// listening; the sentence names it.
Result<Listener> PrepareListener(int fd, std::string name);

/// Connections of a listener, at most, that may have been opened by data in a SYN while their
/// handshakes are under way; more begin in the ordinary way.
inline constexpr int kFastOpenConnections = 256;

struct Inherited {
  std::vector<Listener> listeners;  // at least one
  table::ReaderFds reader;          // -1: none was passed, the process makes its own file
};

/// What the environment says was passed; all of it or an error.
Result<Inherited> Inherit();

}  // namespace holdfast::listen
