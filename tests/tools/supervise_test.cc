// The supervisor with real child processes (small shell scripts), and its pure parts by tables.
#include <algorithm>
#include <arpa/inet.h>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sstream>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "control/config/node.h"
#include "tools/supervise/backoff.h"
#include "tools/supervise/beats.h"
#include "tools/supervise/child.h"
#include "tools/supervise/listeners.h"
#include "tools/supervise/processes_file.h"
#include "tools/supervise/render.h"
#include "tools/supervise/run_lock.h"
#include "tools/supervise/supervisor.h"

namespace holdfast::tools {
namespace {

using std::chrono::milliseconds;

// A folder of its own, gone at the end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "hf-admin-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string Read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

ChildSpec Shell(const std::string& name, const std::string& script) {
  return ChildSpec{.name = name, .argv = {"/bin/sh", "-c", script}, .fds = {}};
}

TEST(Backoff, DoublesUpToTheMostAndStartsOverAfterHealth) {
  Backoff backoff(BackoffLimits{});
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 8; ++i) {
    waits.push_back(backoff.AfterEnd(milliseconds(9999)).count());
  }
  EXPECT_EQ(waits, (std::vector<std::int64_t>{100, 200, 400, 800, 1600, 3200, 5000, 5000}));
  EXPECT_EQ(backoff.AfterEnd(milliseconds(10'000)).count(), 100);
  EXPECT_EQ(backoff.AfterEnd(milliseconds(0)).count(), 200);
}

TEST(Beats, MeasuresHowLongACounterStandsStill) {
  Beats beats(milliseconds(400));
  EXPECT_EQ(beats.Look("a", 0, milliseconds(1000)).still.count(), 0);
  const auto still = beats.Look("a", 0, milliseconds(1200));
  EXPECT_EQ(still.still.count(), 200);
  EXPECT_FALSE(still.moved);
  const auto moved = beats.Look("a", 1, milliseconds(1400));
  EXPECT_EQ(moved.still.count(), 0);
  EXPECT_TRUE(moved.moved);
  EXPECT_EQ(beats.Look("a", 1, milliseconds(1600)).still.count(), 200);
  EXPECT_TRUE(beats.Look("b", 9, milliseconds(1600)).moved);  // before the first look
}

TEST(Beats, TakesALongGapBetweenLooksForItsOwnStop) {
  Beats beats(milliseconds(400));
  beats.Look("a", 7, milliseconds(0));
  EXPECT_EQ(beats.Look("a", 7, milliseconds(60'000)).still.count(), 400);
}

TEST(Beats, KeepsCountersApartAndForgetsOldOnes) {
  Beats beats(milliseconds(400));
  beats.Look("a", 1, milliseconds(0));
  beats.Look("b", 1, milliseconds(0));
  beats.Look("a", 1, milliseconds(300));
  EXPECT_EQ(beats.Look("b", 2, milliseconds(300)).still.count(), 0);
  beats.ForgetOlder(milliseconds(1000));
  EXPECT_EQ(beats.Look("a", 1, milliseconds(1000)).still.count(), 0);
}

TEST(Child, GetsItsDescriptorsFromThreeOnWithTheirNames) {
  const Folder folder;
  const std::string out = folder / "out";
  std::vector<NamedFd> fds;
  for (const char* name : {"first", "second"}) {
    std::ofstream(folder / name) << name << '\n';
    const int fd = open((folder / name).c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    fds.push_back(NamedFd{.fd = fd, .name = name});
  }
  // The second one is the lower descriptor: places and sources overlap.
  std::swap(fds[0], fds[1]);
  ChildSpec spec = Shell("c",
                         "{ cat <&3; cat <&4; echo $LISTEN_FDS $LISTEN_FDNAMES; "
                         "[ $LISTEN_PID = $$ ] && echo own; } > " +
                             out);
  spec.fds = fds;
  const auto pid = StartChild(spec);
  ASSERT_TRUE(pid) << pid.error().message;
  int status = 0;
  ASSERT_EQ(waitpid(*pid, &status, 0), *pid);
  EXPECT_EQ(ExitText(status), "status 0");
  EXPECT_EQ(Read(out), "second\nfirst\n2 second:first\nown\n");
  for (const NamedFd& fd : fds) {
    close(fd.fd);
  }
}

TEST(Child, ThatIsNoProgramIsAnErrorThatNamesIt) {
  const auto pid = StartChild(ChildSpec{.name = "x", .argv = {"/no/such/program"}, .fds = {}});
  ASSERT_FALSE(pid);
  EXPECT_EQ(pid.error().code, ErrorCode::kNotFound);
  EXPECT_NE(pid.error().message.find("/no/such/program"), std::string::npos);
  EXPECT_FALSE(FindProgram("holdfast-no-such-program"));
}

TEST(Child, ExitTextTellsStatusAndSignal) {
  for (const auto& [script, text] : std::vector<std::pair<std::string, std::string>>{
           {"exit 7", "status 7"}, {"kill -9 $$", "signal 9 (Killed)"}}) {
    const auto pid = StartChild(Shell("c", script));
    ASSERT_TRUE(pid);
    int status = 0;
    waitpid(*pid, &status, 0);
    EXPECT_EQ(ExitText(status), text);
  }
}

TEST(Child, DiesWithItsParent) {
  const Folder folder;
  const std::string said = folder / "pid";
  const pid_t parent = fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    const auto pid = StartChild(Shell("c", "exec sleep 600"));
    std::ofstream(said) << (pid ? *pid : 0) << std::flush;
    _exit(0);
  }
  waitpid(parent, nullptr, 0);
  const pid_t child = std::stoi(Read(said));
  ASSERT_GT(child, 0);
  // An orphan is somebody else's to reap: wait until it is dead, reaped or not.
  for (int i = 0; i < 1000; ++i) {
    const std::string stat = Read("/proc/" + std::to_string(child) + "/stat");
    if (stat.empty() || stat.find(") Z ") != std::string::npos) {
      SUCCEED();
      return;
    }
    usleep(5000);
  }
  FAIL() << "process " << child << " outlived its parent";
}

// A supervisor of shell scripts; each script writes what it does into the folder.
class SupervisorTest : public testing::Test {
 protected:
  ServiceSpec Service(const std::string& name, const std::string& script, unsigned stop_rank = 0) {
    ServiceSpec spec;
    spec.child = Shell(name, "cd " + folder_.path() + "; " + script);
    spec.stop_rank = stop_rank;
    return spec;
  }

  // Runs until the scripts or the hooks have it end. A bound that no healthy run comes near to is
  // the test's own timeout.
  int Run(std::vector<ServiceSpec> services) {
    SupervisorHooks hooks;
    hooks.log = [this](const std::string& sentence) { log_ += sentence + "\n"; };
    hooks.on_change = [this](const ProcessList& list) { list_ = list; };
    hooks.on_look = [this](std::span<const Watched> children) {
      ++looks_;
      return on_look_ ? on_look_(children) : std::vector<StandStill>{};
    };
    hooks.on_reload = [this] { return std::optional(Service("r", "echo reload >> log").child); };
    auto supervisor = Supervisor::Create(std::move(services), options_, std::move(hooks));
    if (!supervisor) {
      ADD_FAILURE() << supervisor.error().message;
      return -1;
    }
    supervisor_ = &*supervisor;
    return supervisor->Run();
  }

  // Words of the file that the scripts write into.
  std::string Log() { return Read(folder_ / "log"); }

  Folder folder_;
  SupervisorOptions options_{.backoff = {.first = milliseconds(10),
                                         .most = milliseconds(40),
                                         .healthy = milliseconds(60'000)},
                             .look = milliseconds(5),
                             .stop_patience = milliseconds(300)};
  std::function<std::vector<StandStill>(std::span<const Watched>)> on_look_;
  Supervisor* supervisor_ = nullptr;
  std::string log_;
  ProcessList list_;
  int looks_ = 0;
};

// A script that ends when told to. It has no child that could outlive it: one that is told to end
// while it is being forked loses the signal, and the test's own output would stay open with it.
std::string UntilTold(const std::string& name) {
  return "trap 'echo " + name + " ends >> log; exit 0' TERM; echo " + name +
         " up >> log; while :; do sleep 0.01; done";
}

TEST_F(SupervisorTest, StopsInTheOrderOfRanksOneAfterTheOther) {
  on_look_ = [this](std::span<const Watched> children) {
    const std::string log = Log();
    if (children.size() == 3 && std::count(log.begin(), log.end(), '\n') == 3) {
      kill(getpid(), SIGTERM);
    }
    return std::vector<StandStill>{};
  };
  EXPECT_EQ(Run({Service("control", UntilTold("control"), 2),
                 Service("dataplane", UntilTold("dataplane"), 0),
                 Service("sockets", UntilTold("sockets"), 1)}),
            0);
  const std::string log = Log();
  const auto ends = log.find("dataplane ends");
  ASSERT_NE(ends, std::string::npos) << log;
  EXPECT_EQ(log.substr(ends), "dataplane ends\nsockets ends\ncontrol ends\n");
  for (const ProcessState& one : list_.processes) {
    EXPECT_EQ(one.pid, 0) << one.name;
    EXPECT_EQ(one.last_exit, "status 0") << one.name;
  }
}

TEST_F(SupervisorTest, StartsAgainWhatEndsAndCountsIt) {
  on_look_ = [this](std::span<const Watched>) {
    if (Log().find("xxxx") != std::string::npos) {
      kill(getpid(), SIGTERM);
    }
    return std::vector<StandStill>{};
  };
  // Four short lives, then it stays.
  EXPECT_EQ(
      Run({Service("a", "printf x >> log; [ $(wc -c < log) -ge 4 ] && exec sleep 600; exit 5")}),
      0);
  ASSERT_EQ(list_.processes.size(), 1U);
  EXPECT_EQ(list_.processes[0].restarts, 3U);
  EXPECT_NE(log_.find("ended: status 5; starts again in 0.0 s"), std::string::npos) << log_;
}

TEST_F(SupervisorTest, MakesDescriptorsForEachStart) {
  on_look_ = [this](std::span<const Watched>) {
    if (Log() == "dns:n1\ndns:n2\n") {
      kill(getpid(), SIGTERM);
    }
    return std::vector<StandStill>{};
  };
  const int passed = open("/dev/null", O_RDONLY | O_CLOEXEC);
  ServiceSpec service = Service("a",
                                "echo $LISTEN_FDNAMES >> log; [ -e /dev/fd/4 ] || exit; cat <&4; "
                                "grep -q n2 log && exec sleep 600; exit 5");
  service.child.fds = {NamedFd{.fd = passed, .name = "dns"}};
  int start = 0;
  std::vector<int> made;
  service.fresh_fds = [&]() -> Result<std::vector<NamedFd>> {
    made.push_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
    return std::vector<NamedFd>{{.fd = made.back(), .name = "n" + std::to_string(++start)}};
  };
  EXPECT_EQ(Run({service}), 0);
  for (const int fd : made) {
    EXPECT_EQ(fcntl(fd, F_GETFD), -1) << "kept by the supervisor";
  }
  EXPECT_EQ(fcntl(passed, F_GETFD), FD_CLOEXEC);
  close(passed);
}

TEST_F(SupervisorTest, KillsWhatDoesNotEndWhenToldTo) {
  on_look_ = [this](std::span<const Watched>) {
    if (!Log().empty()) {
      kill(getpid(), SIGINT);
    }
    return std::vector<StandStill>{};
  };
  EXPECT_EQ(Run({Service("deaf", "trap '' TERM; echo up >> log; exec sleep 600")}), 0);
  EXPECT_NE(log_.find("did not end within 0.3 s: killed"), std::string::npos) << log_;
  EXPECT_EQ(list_.processes[0].last_exit, "signal 9 (Killed)");
}

TEST_F(SupervisorTest, EndsWithARefusalOfTheFirstStart) {
  for (const int status : {1, 2}) {
    ServiceSpec control = Service("control", "exit " + std::to_string(status), 2);
    control.refusal_is_final = true;
    control.after_refusal = "do better";
    log_.clear();
    EXPECT_EQ(Run({control, Service("sockets", "exec sleep 600", 1)}), status);
    EXPECT_NE(log_.find("status " + std::to_string(status) +
                        "; what it said before is why, and the node ends with it: do better\n"),
              std::string::npos)
        << log_;
    EXPECT_EQ(list_.processes[1].last_exit, "signal 15 (Terminated)");
  }
}

TEST_F(SupervisorTest, TakesARefusalOnceReadyForAnEndLikeAnyOther) {
  on_look_ = [this](std::span<const Watched>) {
    supervisor_->SetReady();
    std::ofstream(folder_ / "go") << "go";
    if (Log().find("xx") != std::string::npos) {
      kill(getpid(), SIGTERM);
    }
    return std::vector<StandStill>{};
  };
  ServiceSpec control =
      Service("control", "while [ ! -e go ]; do sleep 0.01; done; printf x >> log; exit 1");
  control.refusal_is_final = true;
  EXPECT_EQ(Run({control}), 0);
  EXPECT_GE(list_.processes[0].restarts, 1U);
}

TEST_F(SupervisorTest, DoesNotTakeACrashForARefusal) {
  on_look_ = [this](std::span<const Watched>) {
    if (Log().find("xx") != std::string::npos) {
      kill(getpid(), SIGTERM);
    }
    return std::vector<StandStill>{};
  };
  ServiceSpec control = Service("control", "printf x >> log; kill -9 $$");
  control.refusal_is_final = true;
  EXPECT_EQ(Run({control}), 0);
  EXPECT_NE(log_.find("ended: signal 9 (Killed); starts again"), std::string::npos) << log_;
}

TEST_F(SupervisorTest, EndsWhatStandsStillAndStartsItAgain) {
  pid_t first = 0;
  on_look_ = [&first](std::span<const Watched> children) {
    std::vector<StandStill> found;
    if (!children.empty() && first == 0) {
      first = children[0].pid;
      found.push_back(StandStill{.pid = first, .is_final = false, .reason = "is slow"});
      found.push_back(StandStill{.pid = first, .is_final = true, .reason = "stands still"});
    } else if (!children.empty() && children[0].pid != first) {
      kill(getpid(), SIGTERM);
    }
    return found;
  };
  EXPECT_EQ(Run({Service("a", "exec sleep 600")}), 0);
  EXPECT_NE(log_.find("is slow\n"), std::string::npos) << log_;
  EXPECT_NE(log_.find("stands still; it is ended\n"), std::string::npos) << log_;
  EXPECT_EQ(list_.processes[0].restarts, 1U);
}

TEST_F(SupervisorTest, RunsTheReloadCommandWhenHungUp) {
  bool told = false;
  on_look_ = [this, &told](std::span<const Watched>) {
    if (!std::exchange(told, true)) {
      kill(getpid(), SIGHUP);
    } else if (Log() == "reload\n") {
      kill(getpid(), SIGTERM);
    }
    return std::vector<StandStill>{};
  };
  EXPECT_EQ(Run({Service("a", "exec sleep 600")}), 0);
  EXPECT_EQ(Log(), "reload\n");
}

TEST_F(SupervisorTest, EndsWhenAProgramIsNotThere) {
  ServiceSpec missing;
  missing.child = ChildSpec{.name = "b", .argv = {"/no/such/program"}, .fds = {}};
  EXPECT_EQ(Run({Service("a", "exec sleep 600"), missing}), 1);
  EXPECT_NE(log_.find("cannot start /no/such/program"), std::string::npos) << log_;
}

TEST(RunLock, IsHeldByOneProcessAndGivenUpWithIt) {
  const Folder folder;
  EXPECT_EQ(RunLockHolder(folder.path()), 0);
  const pid_t other = fork();
  ASSERT_GE(other, 0);
  if (other == 0) {
    const auto lock = RunLock::Take(folder.path());
    std::ofstream(folder / "held") << (lock ? "yes" : "no") << std::flush;
    while (true) {
      pause();
    }
  }
  while (Read(folder / "held").empty()) {
    usleep(1000);
  }
  EXPECT_EQ(RunLockHolder(folder.path()), other);
  const auto second = RunLock::Take(folder.path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  EXPECT_NE(second.error().message.find(std::to_string(other)), std::string::npos);
  kill(other, SIGKILL);
  waitpid(other, nullptr, 0);
  EXPECT_TRUE(std::filesystem::exists(folder / "holdfast.pid"));  // of one that was killed
  EXPECT_TRUE(RunLock::Take(folder.path()));
  EXPECT_FALSE(std::filesystem::exists(folder / "holdfast.pid"));
}

TEST(RunLock, LeavesAForeignFileAsItIs) {
  for (const std::string text :
       {"notes of somebody\n", "12x\n", "\n", "12", "1234567890123456\n"}) {
    const Folder folder;
    std::ofstream(folder / "holdfast.pid") << text;
    const auto lock = RunLock::Take(folder.path());
    ASSERT_FALSE(lock) << text;
    EXPECT_EQ(lock.error().code, ErrorCode::kInvalid);
    EXPECT_NE(lock.error().message.find("left as it is"), std::string::npos);
    EXPECT_EQ(Read(folder / "holdfast.pid"), text);
  }
  const Folder folder;
  std::ofstream(folder / "other") << "7\n";
  std::filesystem::create_symlink(folder / "other", folder / "holdfast.pid");
  EXPECT_FALSE(RunLock::Take(folder.path()));
  EXPECT_EQ(Read(folder / "other"), "7\n");
}

TEST(ProcessesFile, GivesBackWhatWasWrittenAndRefusesOtherFiles) {
  const Folder folder;
  EXPECT_EQ(ReadProcesses(folder.path()).error().code, ErrorCode::kNotFound);
  const ProcessList list{.supervisor = 12,
                         .started_ms = 34,
                         .processes = {{.name = "control",
                                        .pid = 56,
                                        .started_ms = 78,
                                        .restarts = 9,
                                        .last_exit = "signal 9 (Killed)"}}};
  ASSERT_TRUE(WriteProcesses(folder.path(), list));
  const auto read = ReadProcesses(folder.path());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->supervisor, 12);
  ASSERT_EQ(read->processes.size(), 1U);
  EXPECT_EQ(read->processes[0].last_exit, "signal 9 (Killed)");
  EXPECT_EQ(read->processes[0].restarts, 9U);
  for (const char* text : {"", "{", "[]", "{\"supervisor\": \"x\"}", "{\"supervisor\": 1}"}) {
    std::ofstream(folder / "processes.json") << text;
    EXPECT_EQ(ReadProcesses(folder.path()).error().code, ErrorCode::kInvalid) << text;
  }
}

std::uint16_t PortOf(int fd) {
  sockaddr_in address{};
  socklen_t octets = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &octets);
  return ntohs(address.sin_port);
}

TEST(Listeners, BindsTcpAndUdpAndNamesThem) {
  const std::vector<control::ListenConfig> listen = {
      {.address = "127.0.0.1", .port = 0, .ipv6 = false}};
  const auto both = BindListeners(listen, true);
  ASSERT_TRUE(both) << both.error().message;
  ASSERT_EQ(both->size(), 2U);
  EXPECT_EQ((*both)[0].name, "tcp-127.0.0.1-0");
  EXPECT_EQ((*both)[1].name, "udp-127.0.0.1-0");
  const auto one = BindListeners(listen, false);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->size(), 1U);

  // Both kinds in use are told apart, with the command that shows by whom.
  for (const bool tcp : {true, false}) {
    const std::uint16_t port = PortOf((*both)[tcp ? 0 : 1].fd);
    const auto taken = BindListeners(
        std::vector<control::ListenConfig>{{.address = "127.0.0.1", .port = port, .ipv6 = false}},
        true);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, ErrorCode::kConflict);
    EXPECT_NE(taken.error().message.find("in use; `ss -"), std::string::npos);
  }
  for (const NamedFd& fd : *both) {
    close(fd.fd);
  }
  close((*one)[0].fd);
}

TEST(Listeners, GivesUdpRoomForABurst) {
  const auto bound = BindListeners(
      std::vector<control::ListenConfig>{{.address = "127.0.0.1", .port = 0, .ipv6 = false}}, true);
  ASSERT_TRUE(bound) << bound.error().message;
  int octets = 0;
  socklen_t size = sizeof(octets);
  ASSERT_EQ(getsockopt((*bound)[1].fd, SOL_SOCKET, SO_RCVBUF, &octets, &size), 0);
  // Forced, or as much as the machine lets anyone have; a network namespace may not show its bound.
  const std::string most = Read("/proc/sys/net/core/rmem_max");
  EXPECT_LE(octets, 2 * kReceiveBufferOctets);
  EXPECT_GE(octets,
            std::min(2 * kReceiveBufferOctets, 2 * (most.empty() ? 65536 : std::stoi(most))));
  for (const NamedFd& fd : *bound) {
    close(fd.fd);
  }
}

TEST(Listeners, RefusesAnAddressOfAnotherMachine) {
  const auto bound = BindListeners(
      std::vector<control::ListenConfig>{{.address = "192.0.2.1", .port = 53, .ipv6 = false}},
      true);
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().code, ErrorCode::kNotFound);
  EXPECT_NE(bound.error().message.find("192.0.2.1 port 53"), std::string::npos);
}

std::string Line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    line += (line.empty() ? "" : " ") + word;
  }
  return line;
}

TEST(Render, SaysWhatEachProcessNeedsToKnow) {
  control::NodeConfig node;
  node.path = "/etc/node.toml";
  node.run_dir = "/run/x";
  node.dataplane.lcores = {1, 2};
  node.dataplane.hugepages = false;
  node.dataplane.eal_args = {"--huge-dir", "/mnt/a b"};
  node.dataplane.ports = {{.device = "0000:3b:00.0",
                           .queues = 2,
                           .descriptors = 512,
                           .verify_udp_checksum = true,
                           .addresses = {"192.0.2.53", "2001:db8::53"}},
                          {.device = "net_tap0,iface=t",
                           .queues = 1,
                           .verify_udp_checksum = false,
                           .addresses = {"192.0.2.53"},
                           .kernel_interface = "dns0"}};
  node.dataplane.burst = 16;
  EXPECT_EQ(Line(DataplaneArguments(node)),
            "--run-dir /run/x --wait 3600 --lcores 1,2 --burst 16 --memory-mb 256 --no-huge "
            "--file-prefix holdfast --port 0000:3b:00.0 --queues 0000:3b:00.0=2 "
            "--descriptors 0000:3b:00.0=512 "
            "--address 0000:3b:00.0=192.0.2.53 --address 0000:3b:00.0=2001:db8::53 "
            "--port net_tap0,iface=t --queues net_tap0=1 --descriptors net_tap0=1024 "
            "--trust-udp-checksum net_tap0 "
            "--kernel-interface net_tap0=dns0 --address net_tap0=192.0.2.53 --eal=--huge-dir "
            "--eal=/mnt/a b");

  EXPECT_EQ(Line(SocketsArguments(node, "dns")),
            "--run-dir /run/x --user dns --threads 1 --tcp-max-connections 1024 "
            "--tcp-max-per-client 100 --tcp-idle-ms 10000 "
            "--tcp-total-ms 60000");
  EXPECT_EQ(ControlArguments(node), (std::vector<std::string>{"--config", "/etc/node.toml"}));
  EXPECT_FALSE(Line(SocketsArguments(node, "")).contains("--user"));
  node.location.client_subnet = false;
  EXPECT_TRUE(Line(SocketsArguments(node, "")).contains(" --no-client-subnet"));
  EXPECT_TRUE(Line(DataplaneArguments(node)).contains(" --no-client-subnet"));
  node.sockets.udp = control::SocketsUdp::kNever;
  EXPECT_FALSE(SocketsWantUdp(node));
  node.sockets.udp = control::SocketsUdp::kFallback;
  EXPECT_TRUE(SocketsWantUdp(node));
}

}  // namespace
}  // namespace holdfast::tools
