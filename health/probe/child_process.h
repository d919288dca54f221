// A program run apart from us, for EXEC checks: own session and process group, none of our
// descriptors, an almost empty environment, bounded resources, no way to new rights. It is killed,
// with all that it started, at the latest when the object goes. Health loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "dataplane/base/result.h"

namespace holdfast::health {

/// Whom a program becomes; made under root only.
struct RunAs {
  uid_t uid;
  gid_t gid;
};

/// @param user  empty: nobody else.
/// @return nothing when we are not root and so cannot become another, or `user` is empty;
///         kNotFound for a user that does not exist. May read files: not for the loop.
Result<std::optional<RunAs>> FindRunAs(const std::string& user);

struct Program {
  std::string command;  // absolute path
  std::vector<std::string> arguments;
  std::string check_id;         // HOLDFAST_CHECK_ID; beside it the environment has PATH only
  std::optional<RunAs> run_as;  // nothing: it stays what we are
  std::chrono::seconds cpu_seconds{1};  // of processor time, at least 1
};

/// How a program ended.
struct ExitStatus {
  enum class Kind : std::uint8_t { kExited, kKilled, kLost };  // lost: somebody else took it
  Kind kind = Kind::kLost;
  int number = 0;  // exit status or signal
};

class ChildProcess {
 public:
  /// Why no program runs: errno, and what could not be done ("run /x", "become the check's user").
  struct Problem {
    int error;
    std::string doing;
    bool of_program;  // the file is at fault, not this machine
  };
  struct Launched;

  /// Returns once the program has been executed or could not be.
  static std::expected<Launched, Problem> Launch(const Program& program);
  ChildProcess() noexcept = default;
  ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() { Kill(); }

  /// What it left running in its group is killed, then its status taken. Nothing when it runs yet.
  std::optional<ExitStatus> Reap() noexcept;
  /// SIGKILL to the program and its whole group, without waiting for their end.
  void Kill() noexcept;

 private:
  explicit ChildProcess(pid_t pid) noexcept : pid_(pid) {}

  pid_t pid_ = 0;  // of a child whose status is not taken, so nobody else's; 0: none
};

struct ChildProcess::Launched {
  ChildProcess process;
  int pidfd;   // the caller's; readable once the program has ended
  int output;  // the caller's; standard output and error in one, non-blocking
};

}  // namespace holdfast::health
