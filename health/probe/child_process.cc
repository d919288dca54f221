// Between clone and exec the child shares our memory (CLONE_VM) while its parent's thread waits
// (CLONE_VFORK): nothing is copied, however large the process, and an error comes back by memory.
// So the child does system calls and nothing else: no allocation, no lock, no call that speaks to
// other threads (glibc's setuid does; the bare one does not).
#include "health/probe/child_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <mutex>
#include <pwd.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "health/probe/sandbox.h"

namespace holdfast::health {

namespace {

constexpr rlim_t kMemoryOctets = rlim_t{1} << 30U;
constexpr rlim_t kFileOctets = rlim_t{1} << 20U;
constexpr rlim_t kDescriptors = 64;
constexpr rlim_t kProcesses = 256;  // of the user, so of all programs that run at the same time
constexpr std::size_t kStackOctets = 65'536;

struct Limit {
  __rlimit_resource which;
  rlim_t most;
};

// All that the child reads and writes; laid out before it exists.
struct Order {
  const char* command;
  char* const* arguments;
  char* const* environment;
  const RunAs* run_as;
  int output;
  std::array<Limit, 6> limits;
  sock_fprog filter;
  const char* doing = nullptr;  // what failed; null: nothing
  int error = 0;
};

int Failed(Order& order, const char* doing) {
  order.error = errno;
  order.doing = doing;
  return 127;
}

// Bare calls: what glibc and sanitizers remember of handlers and descriptors is our own.
bool ResetSignals() {
  constexpr std::size_t kMaskOctets = 8;
  struct {
    const void* handler = nullptr;  // SIG_DFL
    unsigned long flags = 0;
    const void* restorer = nullptr;
    std::uint64_t mask = 0;
  } usual;
  for (int number = 1; number < NSIG; ++number) {
    syscall(SYS_rt_sigaction, number, &usual, nullptr, kMaskOctets);  // not for SIGKILL, SIGSTOP
  }
  const std::uint64_t none = 0;
  return syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, kMaskOctets) == 0;
}

bool TakeDescriptors(int output) {
  const long nothing = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY, 0);
  return nothing >= 0 && syscall(SYS_dup2, nothing, STDIN_FILENO) >= 0 &&
         syscall(SYS_dup2, output, STDOUT_FILENO) >= 0 &&
         syscall(SYS_dup2, output, STDERR_FILENO) >= 0 &&
         syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) == 0;
}

bool Limited(const Order& order) {
  return std::ranges::all_of(order.limits, [](const Limit& limit) {
    rlimit now{};
    if (getrlimit(limit.which, &now) != 0) {
      return false;
    }
    const rlim_t most = std::min(limit.most, now.rlim_max);
    const rlimit wanted{.rlim_cur = most, .rlim_max = most};
    return setrlimit(limit.which, &wanted) == 0;
  });
}

bool Become(const RunAs& who) {
  return syscall(SYS_setgroups, 0, nullptr) == 0 &&
         syscall(SYS_setresgid, who.gid, who.gid, who.gid) == 0 &&
         syscall(SYS_setresuid, who.uid, who.uid, who.uid) == 0;
}

int RunChild(void* argument) {
  Order& order = *static_cast<Order*>(argument);
  umask(077);
  if (setsid() < 0 || chdir("/") != 0) {
    return Failed(order, "begin a session");
  }
  if (!TakeDescriptors(order.output)) {
    return Failed(order, "open a program's descriptors");
  }
  if (!Limited(order)) {
    return Failed(order, "limit a program");
  }
  if (order.run_as != nullptr && !Become(*order.run_as)) {
    return Failed(order, "become the check's user");
  }
  // After the change of user, which forgets it. Ends the program with our thread.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      !ResetSignals() || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &order.filter) != 0) {
    return Failed(order, "confine a program");
  }
  execve(order.command, order.arguments, order.environment);
  return Failed(order, nullptr);
}

// Errors of execve that speak of the file. Others speak of this machine.
bool IsOfProgram(int error) {
  return error != EAGAIN && error != ENOMEM && error != EMFILE && error != ENFILE && error != EIO;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) {
    pointers.push_back(text.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

// Killed programs whose status nobody has taken yet: each launch looks after them.
struct Unreaped {
  std::mutex mutex;
  std::vector<pid_t> pids;
};
Unreaped unreaped;

// @return false while the program runs yet.
bool TakeStatus(pid_t pid, siginfo_t& ended) noexcept {
  ended = {};
  return waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOHANG) != 0 || ended.si_pid != 0;
}

// Where SIGCHLD is ignored (as whoever started us may have left it) the kernel throws statuses
// away.
bool KeepStatuses() noexcept {
  struct sigaction now{};
  if (sigaction(SIGCHLD, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) {
    now = {};
    now.sa_handler = SIG_DFL;
    return sigaction(SIGCHLD, &now, nullptr) == 0;
  }
  return true;
}

void ReapKilled() {
  const std::lock_guard lock(unreaped.mutex);
  std::erase_if(unreaped.pids, [](pid_t pid) {
    siginfo_t ended;
    return TakeStatus(pid, ended);
  });
}

}  // namespace

Result<std::optional<RunAs>> FindRunAs(const std::string& user) {
  if (user.empty() || geteuid() != 0) {
    return std::optional<RunAs>();
  }
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> room(16'384);
  getpwnam_r(user.c_str(), &entry, room.data(), room.size(), &found);
  if (found == nullptr) {
    return Fail(ErrorCode::kNotFound, "user '" + user + "' does not exist");
  }
  return RunAs{.uid = found->pw_uid, .gid = found->pw_gid};
}

std::expected<ChildProcess::Launched, ChildProcess::Problem> ChildProcess::Launch(
    const Program& program) {
  static const bool kStatusesAreKept = KeepStatuses();
  static_cast<void>(kStatusesAreKept);
  ReapKilled();
  const auto& filter = SandboxFilter();
  if (!filter) {
    return std::unexpected(Problem{ENOMEM, "make a sandbox", false});
  }
  std::vector<std::string> words{program.command};
  words.insert(words.end(), program.arguments.begin(), program.arguments.end());
  std::vector<std::string> variables{
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "HOLDFAST_CHECK_ID=" + program.check_id};
  const std::vector<char*> arguments = Pointers(words);
  const std::vector<char*> environment = Pointers(variables);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return std::unexpected(Problem{errno, "make a pipe", false});
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  const auto cpu = static_cast<rlim_t>(program.cpu_seconds.count());
  Order order{.command = program.command.c_str(),
              .arguments = arguments.data(),
              .environment = environment.data(),
              .run_as = program.run_as ? &*program.run_as : nullptr,
              .output = ends[1],
              .limits = {{{RLIMIT_CPU, cpu},
                          {RLIMIT_AS, kMemoryOctets},
                          {RLIMIT_FSIZE, kFileOctets},
                          {RLIMIT_NOFILE, kDescriptors},
                          {RLIMIT_NPROC, kProcesses},
                          {RLIMIT_CORE, 0}}},
              .filter = {.len = static_cast<unsigned short>(filter->size()),
                         .filter = const_cast<sock_filter*>(filter->data())}};
  alignas(16) std::array<std::byte, kStackOctets> stack;
  // A handler of ours must not run in the child, on our memory.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int pidfd = -1;
  const pid_t pid = clone(&RunChild,
                          stack.data() + stack.size(),
                          CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
                          &order,
                          &pidfd);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return std::unexpected(Problem{error, "start a process", false});
  }
  ChildProcess child(pid);
  if (order.error != 0) {
    close(pidfd);
    close(ends[0]);
    const bool at_exec = order.doing == nullptr;
    return std::unexpected(Problem{order.error,
                                   at_exec ? "run " + program.command : order.doing,
                                   at_exec && IsOfProgram(order.error)});
  }
  return Launched{std::move(child), pidfd, ends[0]};
}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    Kill();
    pid_ = std::exchange(other.pid_, 0);
  }
  return *this;
}

std::optional<ExitStatus> ChildProcess::Reap() noexcept {
  siginfo_t ended{};
  const int looked = waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT);
  if (looked != 0) {
    pid_ = 0;
    return ExitStatus{};
  }
  if (ended.si_pid == 0) {
    return std::nullopt;
  }
  // While its status is not taken its number is nobody else's, and so is its group's.
  kill(-pid_, SIGKILL);
  TakeStatus(std::exchange(pid_, 0), ended);
  using Kind = ExitStatus::Kind;
  return ExitStatus{.kind = ended.si_code == CLD_EXITED ? Kind::kExited : Kind::kKilled,
                    .number = ended.si_status};
}

void ChildProcess::Kill() noexcept {
  if (pid_ == 0) {
    return;
  }
  const pid_t pid = std::exchange(pid_, 0);
  kill(-pid, SIGKILL);
  kill(pid, SIGKILL);
  siginfo_t ended;
  if (!TakeStatus(pid, ended)) {
    const std::lock_guard lock(unreaped.mutex);
    unreaped.pids.push_back(pid);
  }
}

}  // namespace holdfast::health
