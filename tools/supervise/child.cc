// fork, descriptors, exec; see child.h.
#include "tools/supervise/child.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <string_view>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace holdfast::tools {

namespace {

constexpr int kFirstPassedFd = 3;

std::string JoinNames(const std::vector<NamedFd>& fds) {
  std::string names;
  for (const NamedFd& fd : fds) {
    names += (names.empty() ? "" : ":") + fd.name;
  }
  return names;
}

// The child's side of fork. Writes errno to `report` and ends when a step fails; `report` closes
// itself when exec succeeds.
[[noreturn]] void BecomeChild(
    const ChildSpec& spec, char* const* argv, const std::string& names, pid_t parent, int report) {
  const auto give_up = [&report] {
    const int why = errno;
    [[maybe_unused]] const ssize_t written = write(report, &why, sizeof(why));
    _exit(127);
  };
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
    give_up();
  }
  if (getppid() != parent) {  // it died before the line above
    _exit(127);
  }
  setpgid(0, 0);
  const auto count = static_cast<int>(spec.fds.size());
  // First out of the way of the places they go to, the report pipe too.
  std::vector<int> high(spec.fds.size());
  report = fcntl(report, F_DUPFD_CLOEXEC, kFirstPassedFd + count);
  for (std::size_t i = 0; i < high.size(); ++i) {
    high[i] = fcntl(spec.fds[i].fd, F_DUPFD_CLOEXEC, kFirstPassedFd + count);
    if (high[i] < 0) {
      give_up();
    }
  }
  for (int i = 0; i < count; ++i) {
    if (dup2(high[static_cast<std::size_t>(i)], kFirstPassedFd + i) < 0) {
      give_up();
    }
  }
  if (count > 0) {
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    setenv("LISTEN_FDS", std::to_string(count).c_str(), 1);
    setenv("LISTEN_FDNAMES", names.c_str(), 1);
  }
  // The service manager's words are for the supervisor.
  unsetenv("NOTIFY_SOCKET");
  unsetenv("WATCHDOG_USEC");
  unsetenv("WATCHDOG_PID");
  signal(SIGPIPE, SIG_DFL);
  sigset_t none{};
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(argv[0], argv);
  give_up();
  _exit(127);
}

}  // namespace

Result<pid_t> StartChild(const ChildSpec& spec) {
  std::array<int, 2> report{};
  if (pipe2(report.data(), O_CLOEXEC) != 0) {
    return Fail(ErrorCode::kIo, "cannot start " + spec.argv[0] + ": pipe: " + std::strerror(errno));
  }
  std::vector<std::string> words = spec.argv;
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  const std::string names = JoinNames(spec.fds);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    BecomeChild(spec, argv.data(), names, parent, report[1]);
  }
  const int fork_errno = errno;
  close(report[1]);
  if (pid < 0) {
    close(report[0]);
    return Fail(ErrorCode::kIo,
                "cannot start " + spec.argv[0] + ": fork: " + std::strerror(fork_errno));
  }
  int why = 0;
  ssize_t got = 0;
  do {
    got = read(report[0], &why, sizeof(why));
  } while (got < 0 && errno == EINTR);
  close(report[0]);
  if (got == sizeof(why)) {
    waitpid(pid, nullptr, 0);
    return Fail(why == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                "cannot start " + spec.argv[0] + ": " + std::strerror(why));
  }
  return pid;
}

std::string ExitText(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const int number = WTERMSIG(wait_status);
    return "signal " + std::to_string(number) + " (" + strsignal(number) + ")";
  }
  return "status " + std::to_string(WEXITSTATUS(wait_status));
}

Result<std::string> FindProgram(const std::string& name) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    std::string beside = (self.parent_path() / name).string();
    if (access(beside.c_str(), X_OK) == 0) {
      return beside;
    }
  }
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::size_t end = rest.find(':');
    const std::string_view folder = rest.substr(0, end);
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
    std::string candidate = std::string(folder) + "/" + name;
    if (!folder.empty() && access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return Fail(ErrorCode::kNotFound,
              "there is no program " + name + " beside " + self.string() + " nor in PATH");
}

}  // namespace holdfast::tools
