// holdfast-sockets as a process: passed descriptors, no tables, no rights, the end. The program's
// path is the environment variable HOLDFAST_SOCKETS.
#include <array>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <poll.h>
#include <string>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "dataplane/base/check.h"
#include "dataplane/listen/rights.h"
#include "tests/dataplane/listen_live.h"

namespace holdfast::listen {
namespace {

constexpr int kPatienceMs = 5'000;

// A child with `fds` from descriptor 3 on; ended and waited for at the end.
class Process {
 public:
  Process(const std::vector<int>& fds,
          std::vector<std::string> arguments,
          const std::vector<std::string>& environment) {
    const char* program = std::getenv("HOLDFAST_SOCKETS");
    HF_CHECK(program != nullptr);
    std::array<int, 2> sentences{};
    HF_CHECK(pipe2(sentences.data(), O_CLOEXEC) == 0);
    arguments.insert(arguments.begin(), program);
    pid_ = fork();
    HF_CHECK(pid_ >= 0);
    if (pid_ == 0) {
      Become(fds, arguments, environment, sentences[1]);
    }
    close(sentences[1]);
    sentences_ = sentences[0];
  }
  ~Process() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(sentences_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void End() const { kill(pid_, SIGTERM); }

  // Waits for the end; its exit code, or -1 when it was ended by a signal or takes seconds.
  int ExitCode() {
    Read(true);
    int status = 0;
    for (int i = 0; i < kPatienceMs; ++i) {
      if (waitpid(pid_, &status, WNOHANG) == pid_) {
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return -1;
  }
  // Waits until it has said `words` on standard error.
  bool Says(const std::string& words) {
    while (said_.find(words) == std::string::npos) {
      if (!Read(false)) {
        return false;
      }
    }
    return true;
  }
  [[nodiscard]] const std::string& said() const { return said_; }

 private:
  [[noreturn]] static void Become(const std::vector<int>& fds,
                                  const std::vector<std::string>& arguments,
                                  const std::vector<std::string>& environment,
                                  int sentences) {
    // Out of the way first: a descriptor to be passed may stand where another one is to go.
    std::vector<int> high;
    high.reserve(fds.size());
    for (const int fd : fds) {
      high.push_back(fcntl(fd, F_DUPFD_CLOEXEC, 100));
    }
    dup2(sentences, STDERR_FILENO);
    for (std::size_t i = 0; i < high.size(); ++i) {
      dup2(high[i], kFirstListenFd + static_cast<int>(i));
    }
    std::vector<char*> words;
    words.reserve(arguments.size() + 1);
    for (const std::string& argument : arguments) {
      words.push_back(const_cast<char*>(argument.c_str()));
    }
    words.push_back(nullptr);
    std::vector<char*> variables;
    variables.reserve(environment.size() + 1);
    for (const std::string& variable : environment) {
      variables.push_back(const_cast<char*>(variable.c_str()));
    }
    variables.push_back(nullptr);
    execve(words[0], words.data(), variables.data());
    _exit(127);
  }

  bool Read(bool to_the_end) {
    do {
      pollfd wait{.fd = sentences_, .events = POLLIN, .revents = 0};
      std::array<char, 4096> octets{};
      if (poll(&wait, 1, kPatienceMs) != 1) {
        return false;
      }
      const ssize_t got = read(sentences_, octets.data(), octets.size());
      if (got <= 0) {
        return false;
      }
      said_.append(octets.data(), static_cast<std::size_t>(got));
    } while (to_the_end);
    return true;
  }

  pid_t pid_ = -1;
  int sentences_ = -1;
  std::string said_;
};

std::string StatusOf(pid_t pid, const std::string& field) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) {
      return line.substr(field.size() + 2);
    }
  }
  return "";
}

class SocketsProcess : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("HOLDFAST_SOCKETS") == nullptr) {
      GTEST_SKIP() << "HOLDFAST_SOCKETS is not set: meson test sets it";
    }
    udp_ = BindListener(SOCK_DGRAM, "127.0.0.1");
    tcp_ = BindListener(SOCK_STREAM, "127.0.0.1");
  }
  void TearDown() override {
    close(udp_);
    close(tcp_);
  }
  std::vector<std::string> RunDir(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--run-dir", tables_.run_dir()});
    return more;
  }

  TestTables tables_;
  int udp_ = -1;
  int tcp_ = -1;
};

TEST_F(SocketsProcess, LeavesWhatComesAloneUntilThereAreTablesAndAnswersItThen) {
  Process process({udp_, tcp_}, RunDir(), {"LISTEN_FDS=2", "LISTEN_FDNAMES=dns-udp:dns-tcp"});
  ASSERT_TRUE(process.Says("waiting for tables")) << process.said();
  Client udp(SOCK_DGRAM, AddressOf(udp_));
  Client tcp(SOCK_STREAM, AddressOf(tcp_));
  ASSERT_TRUE(udp.Send(Query(1, "www")));
  ASSERT_TRUE(tcp.Send(Framed(Query(2, "www"))));
  pollfd silent{.fd = udp.fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&silent, 1, 100), 0);
  tables_.Publish();
  EXPECT_TRUE(IsAddress(udp.ReceiveDatagram(), 1));
  EXPECT_TRUE(IsAddress(tcp.ReceiveMessage(), 2));
  process.End();
  EXPECT_EQ(process.ExitCode(), 0) << process.said();
}

TEST_F(SocketsProcess, EndsWithZeroAlsoWhileItWaitsForTables) {
  Process process({udp_}, RunDir(), {"LISTEN_FDS=1"});
  ASSERT_TRUE(process.Says("waiting for tables"));
  process.End();
  EXPECT_EQ(process.ExitCode(), 0);
}

TEST_F(SocketsProcess, ServesOnFromTheSameSocketsAfterItWasKilled) {
  tables_.Publish();
  Client client(SOCK_DGRAM, AddressOf(udp_));
  {
    Process first({udp_, tcp_}, RunDir(), {"LISTEN_FDS=2"});
    ASSERT_TRUE(client.Send(Query(1, "www")));
    EXPECT_TRUE(IsAddress(client.ReceiveDatagram(), 1));
  }
  ASSERT_TRUE(client.Send(Query(2, "www")));
  Process second({udp_, tcp_}, RunDir(), {"LISTEN_FDS=2"});
  EXPECT_TRUE(IsAddress(client.ReceiveDatagram(), 2));
}

TEST_F(SocketsProcess, KeepsNoRights) {
  tables_.Publish();
  const bool root = geteuid() == 0;
  chmod(tables_.run_dir().c_str(), 0755);
  const auto reader = table::MakeReaderFile(tables_.run_dir(), "sockets.1-1", "sockets", 1);
  ASSERT_TRUE(reader) << reader.error().message;
  Process process(
      {udp_, reader->page, tcp_, reader->lock},
      RunDir(root ? std::vector<std::string>{"--user", "nobody"} : std::vector<std::string>{}),
      {"LISTEN_FDS=4", "LISTEN_FDNAMES=dns-udp:reader-page:dns-tcp:reader-lock"});
  close(reader->page);
  close(reader->lock);
  Client client(SOCK_DGRAM, AddressOf(udp_));
  ASSERT_TRUE(client.Send(Query(1, "www")));
  EXPECT_TRUE(IsAddress(client.ReceiveDatagram(), 1)) << process.said();
  EXPECT_EQ(StatusOf(process.pid(), "NoNewPrivs"), "1");
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
    EXPECT_EQ(StatusOf(process.pid(), set), "0000000000000000") << set;
  }
  if (root) {
    EXPECT_FALSE(StatusOf(process.pid(), "Uid").starts_with("0\t"));
    EXPECT_FALSE(StatusOf(process.pid(), "Gid").starts_with("0\t"));
    EXPECT_EQ(StatusOf(process.pid(), "Groups").find_first_not_of(" \t"), std::string::npos);
  }
  const auto readers = table::ListReaders(tables_.run_dir());
  ASSERT_EQ(readers.size(), 1U);
  EXPECT_EQ(readers[0].pid, static_cast<std::uint32_t>(process.pid()));
  process.End();
  EXPECT_EQ(process.ExitCode(), 0);
  EXPECT_TRUE(table::ListReaders(tables_.run_dir()).empty());
}

TEST_F(SocketsProcess, SaysWhichFolderIsClosedToItsUser) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "needs root, to become somebody else";
  }
  tables_.Publish();
  chmod(tables_.run_dir().c_str(), 0700);
  Process process({udp_}, RunDir({"--user", "nobody"}), {"LISTEN_FDS=1"});
  EXPECT_EQ(process.ExitCode(), 1);
  EXPECT_NE(process.said().find("may not enter " + tables_.run_dir() + ": `chmod o+x"),
            std::string::npos)
      << process.said();
}

TEST_F(SocketsProcess, EndsWithItsParentAlsoAsAnotherUser) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "needs root, to become somebody else";
  }
  // The parent's death is a signal that the kernel forgets when a process changes its user.
  std::array<int, 2> pipe_fds{};
  ASSERT_EQ(pipe2(pipe_fds.data(), O_CLOEXEC), 0);
  const pid_t parent = fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    const pid_t child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const bool dropped = DropRights("nobody").has_value();
      const pid_t self = dropped ? getpid() : 0;
      [[maybe_unused]] const ssize_t written = write(pipe_fds[1], &self, sizeof(self));
      pause();
    }
    pause();
  }
  close(pipe_fds[1]);
  pid_t child = 0;
  ASSERT_EQ(read(pipe_fds[0], &child, sizeof(child)), static_cast<ssize_t>(sizeof(child)));
  ASSERT_GT(child, 0);
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  // The pipe's other end is closed by the last who has it.
  pollfd wait{.fd = pipe_fds[0], .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&wait, 1, kPatienceMs), 1);
  close(pipe_fds[0]);
}

TEST_F(SocketsProcess, LeavesUdpAloneWhenToldSo) {
  tables_.Publish();
  Process process({udp_, tcp_}, RunDir({"--no-udp"}), {"LISTEN_FDS=2"});
  Client udp(SOCK_DGRAM, AddressOf(udp_));
  ASSERT_TRUE(udp.Send(Query(1, "www")));
  Client tcp(SOCK_STREAM, AddressOf(tcp_));
  ASSERT_TRUE(tcp.Send(Framed(Query(2, "www"))));
  EXPECT_TRUE(IsAddress(tcp.ReceiveMessage(), 2));
  pollfd silent{.fd = udp.fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&silent, 1, 50), 0);
}

TEST_F(SocketsProcess, RefusesToStartAndSaysWhatIsWrong) {
  const int unbound = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int deaf = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  struct Case {
    std::vector<int> fds;
    std::vector<std::string> arguments;
    std::vector<std::string> environment;
    int code;
    std::string sentence;
  };
  const std::vector<Case> cases = {
      {{}, RunDir(), {}, 2, "LISTEN_FDS is not set"},
      {{udp_}, RunDir(), {"LISTEN_FDS=1", "LISTEN_PID=1"}, 2, "LISTEN_PID is 1"},
      {{udp_}, {}, {"LISTEN_FDS=1"}, 2, "--run-dir is missing"},
      {{udp_}, RunDir({"--threads=0"}), {"LISTEN_FDS=1"}, 2, "--threads is \"0\""},
      {{unbound},
       RunDir(),
       {"LISTEN_FDS=1", "LISTEN_FDNAMES=dns"},
       2,
       "dns: the UDP socket is not bound"},
      {{deaf}, RunDir(), {"LISTEN_FDS=1"}, 2, "fd 3: the TCP socket does not listen"},
      {{udp_, local}, RunDir(), {"LISTEN_FDS=2"}, 2, "fd 4: descriptor 4 is a socket of another"},
      {{file}, RunDir(), {"LISTEN_FDS=1"}, 2, "fd 3: descriptor 3 is no socket"},
      {{udp_}, RunDir({"--no-udp"}), {"LISTEN_FDS=1"}, 2, "nothing to serve"},
      {{udp_}, RunDir({"--user=no-such-user"}), {"LISTEN_FDS=1"}, 2, "there is no such user"},
      {{file},
       RunDir(),
       {"LISTEN_FDS=1", "LISTEN_FDNAMES=reader-page"},
       2,
       "no listening socket among what was passed"},
      {{udp_, file},
       RunDir(),
       {"LISTEN_FDS=2", "LISTEN_FDNAMES=dns:reader-lock"},
       2,
       "expected reader-page and reader-lock among what was passed, or neither"},
      {{udp_}, RunDir({"--wait=0"}), {"LISTEN_FDS=1"}, 3, "nothing is published"},
      {{udp_}, {"--run-dir=/nonexistent", "--wait=0"}, {"LISTEN_FDS=1"}, 3, "/nonexistent/root"},
  };
  for (const Case& c : cases) {
    Process process(c.fds, c.arguments, c.environment);
    EXPECT_EQ(process.ExitCode(), c.code) << c.sentence;
    EXPECT_NE(process.said().find(c.sentence), std::string::npos) << process.said();
  }
  for (const int fd : {unbound, deaf, local, file}) {
    close(fd);
  }
}

}  // namespace
}  // namespace holdfast::listen
