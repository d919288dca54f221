// The EXEC probe with real programs: what they are given, what they are kept from, how they end.
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "health/probe/child_process.h"
#include "health/probe/probe.h"
#include "tests/health/probe_run.h"

namespace holdfast::health {
namespace {

using namespace testing;
using std::chrono::milliseconds;

// As who we are, so that a test may look at what a program left behind.
CheckConfig ExecCheck(std::string command, std::vector<std::string> arguments = {}) {
  CheckConfig check = LoopbackCheck(CheckType::kExec, 0);
  check.ip_address.clear();
  check.native =
      ExecSettings{.command = std::move(command), .arguments = std::move(arguments), .user = ""};
  return check;
}

CheckConfig Script(const std::string& text) {
  return ExecCheck("/bin/sh", {"-c", text});
}

std::string ReasonOf(const std::string& script) {
  return ProbeOnce(Script(script)).reason;
}

TEST(ExecProbe, TakesTheExitStatusForTheAnswer) {
  Observation seen = ProbeOnce(ExecCheck("/bin/true"));
  EXPECT_EQ(seen.outcome, Outcome::kPass);
  EXPECT_EQ(seen.reason, "Success: exit status 0");
  seen = ProbeOnce(Script("echo first; echo last words >&2; echo; exit 3"));
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason, "Failure: exit status 3: last words");
  seen = ProbeOnce(Script("kill -SEGV $$"));
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason, "Failure: ended by signal 11 (Segmentation fault)");
}

TEST(ExecProbe, HandsArgumentsOverWithoutAShell) {
  EXPECT_EQ(ProbeOnce(ExecCheck("/bin/echo", {"$HOME", "a b", "", "; exit 1"})).reason,
            "Success: exit status 0: $HOME a b  ; exit 1");
}

TEST(ExecProbe, GivesItsEnvironmentAndNoMore) {
  EXPECT_EQ(ProbeOnce(ExecCheck("/bin/cat", {"/proc/self/environ"})).reason,
            "Success: exit status 0: PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
            "/bin?HOLDFAST_CHECK_ID=c1?");
  EXPECT_EQ(ReasonOf("pwd"), "Success: exit status 0: /");
}

TEST(ExecProbe, InheritsNoDescriptorAndReadsNothing) {
  const int kept = open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  ASSERT_EQ(fcntl(kept, F_DUPFD, 40), 40);
  // The last is the folder itself.
  EXPECT_EQ(ReasonOf("echo $(ls /proc/self/fd); cat"), "Success: exit status 0: 0 1 2 3");
  close(40);
  close(kept);
}

TEST(ExecProbe, BoundsWhatAProgramMayTake) {
  EXPECT_EQ(ReasonOf("echo $(ulimit -n) $(ulimit -c) $(ulimit -p) $(ulimit -v) $(ulimit -t)"),
            "Success: exit status 0: 64 0 256 1048576 6");
}

TEST(ExecProbe, KeepsAProgramFromNewRightsAndFromLeavingItsGroup) {
  EXPECT_EQ(ReasonOf("echo $(grep -E 'NoNewPrivs|Seccomp:' /proc/self/status)"),
            "Success: exit status 0: NoNewPrivs: 1 Seccomp: 2");
  for (const char* refused :
       {"setsid -w true", "unshare -n true", "unshare -U true", "chroot / true"}) {
    const Observation seen = ProbeOnce(Script(refused));
    EXPECT_EQ(seen.outcome, Outcome::kFail) << refused << ": " << seen.reason;
    EXPECT_NE(seen.reason.find("ermi"), std::string::npos) << refused << ": " << seen.reason;
  }
}

TEST(ExecProbe, BecomesItsUserUnderRoot) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "needs root";
  }
  CheckConfig check = Script("echo $(id -u) $(id -g) $(id -G)");
  EXPECT_EQ(ProbeOnce(check).reason, "Success: exit status 0: 0 0 0");
  std::get<ExecSettings>(check.native).user = "nobody";
  const auto who = FindRunAs("nobody");
  ASSERT_TRUE(who.has_value() && who->has_value());
  const std::string group = std::to_string((*who)->gid);
  EXPECT_EQ(ProbeOnce(check).reason,
            "Success: exit status 0: " + std::to_string((*who)->uid) + " " + group + " " + group);
  std::get<ExecSettings>(check.native).user = "nobody-of-this-name";
  const auto task = MakeTask(check, nullptr);
  ASSERT_FALSE(task.has_value());
  EXPECT_EQ(task.error().message, "health check \"c1\": user 'nobody-of-this-name' does not exist");
}

TEST(ExecProbe, FailsForAProgramThatCannotBeRun) {
  const struct {
    const char* command;
    const char* why;
  } cases[] = {{"/nonexistent/probe", "No such file or directory"},
               {"/etc/passwd", "Permission denied"},
               {"/tmp", "Permission denied"}};
  for (const auto& c : cases) {
    const Observation seen = ProbeOnce(ExecCheck(c.command));
    EXPECT_EQ(seen.outcome, Outcome::kFail);
    EXPECT_EQ(
        seen.reason,
        std::string("Failure: The health checker could not run ") + c.command + ": " + c.why + ".");
  }
}

TEST(ExecProbe, ReadsMuchOutputAndKeepsLittle) {
  Observation seen = ProbeOnce(Script("head -c 3000000 /dev/zero; echo; echo behind it"));
  EXPECT_EQ(seen.outcome, Outcome::kPass);
  EXPECT_EQ(seen.reason, "Success: exit status 0: " + std::string(200, '?'));
  CheckConfig check = ExecCheck("/usr/bin/yes");
  check.response_timeout = Milliseconds(500);
  seen = ProbeOnce(check);
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason,
            "Failure: the program did not end within the timeout limit and was killed.");
  EXPECT_LT(seen.rtt, milliseconds(3000));
}

// A file that a program writes the numbers of its processes to.
class Pids {
 public:
  Pids() : path_(std::string(::testing::TempDir()) + "holdfast-pids-" + std::to_string(getpid())) {
    std::filesystem::remove(path_);
  }
  ~Pids() { std::filesystem::remove(path_); }
  Pids(const Pids&) = delete;
  Pids& operator=(const Pids&) = delete;

  // Two processes that ignore what asks them politely.
  [[nodiscard]] CheckConfig Sleepers() const {
    return Script("trap '' TERM HUP; sleep 60 & echo $$ $! > " + path_ + "; wait");
  }
  // Waits for the two numbers, then for the end of both. @return whether both ended.
  [[nodiscard]] bool AreGone() const {
    std::vector<pid_t> pids;
    for (int wait = 0; wait < 400; ++wait) {
      std::ifstream file(path_);
      pid_t first = 0;
      pid_t second = 0;
      if (file >> first >> second && !IsRunning(first) && !IsRunning(second)) {
        return true;
      }
      std::this_thread::sleep_for(milliseconds(10));
    }
    return false;
  }

 private:
  // A zombie runs no more; its status is taken at the next launch.
  static bool IsRunning(pid_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string number;
    std::string name;
    std::string state;
    return static_cast<bool>(stat >> number >> name >> state) && state != "Z" && state != "X";
  }
  std::string path_;
};

TEST(ExecProbe, KillsTheWholeGroupWhenItsTimeIsUp) {
  const Pids pids;
  CheckConfig check = pids.Sleepers();
  check.response_timeout = Milliseconds(500);
  const Observation seen = ProbeOnce(check);
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_GE(seen.rtt, milliseconds(500));
  EXPECT_LT(seen.rtt, milliseconds(3000));
  EXPECT_TRUE(pids.AreGone());
}

TEST(ExecProbe, KillsTheWholeGroupWhenAbandoned) {
  const Pids pids;
  EXPECT_EQ(ProbeAndAbandon(pids.Sleepers(), milliseconds(300)), 0);
  EXPECT_TRUE(pids.AreGone());
}

TEST(ExecProbe, KillsWhatAProgramLeavesBehind) {
  const Pids pids;
  CheckConfig check = pids.Sleepers();
  auto& words = std::get<ExecSettings>(check.native).arguments;
  words[1].replace(words[1].find("; wait"), 6, "");
  EXPECT_EQ(ProbeOnce(check).outcome, Outcome::kPass);
  EXPECT_TRUE(pids.AreGone());
}

TEST(ExecProbe, LeavesNoZombieBehindButForAMoment) {
  for (int round = 0; round < 20; ++round) {
    CheckConfig check = ExecCheck("/bin/sleep", {"30"});
    check.response_timeout = Milliseconds(10);
    ProbeOnce(check);
  }
  std::this_thread::sleep_for(milliseconds(100));
  ProbeOnce(ExecCheck("/bin/true"));
  siginfo_t left{};
  EXPECT_EQ(waitid(P_ALL, 0, &left, WEXITED | WNOHANG), -1) << left.si_pid;
}

TEST(ExecProbe, BlamesNobodyForAStatusThatSomebodyElseTook) {
  // Whoever waits for any child of this process may win against us.
  const Observation seen =
      ProbeOnce(Script("sleep 0.1"), {.meanwhile = [](boost::asio::io_context&) {
                  siginfo_t taken{};
                  EXPECT_EQ(waitid(P_ALL, 0, &taken, WEXITED), 0);
                }});
  EXPECT_EQ(seen.outcome, Outcome::kUnknown);
  EXPECT_EQ(seen.reason, "Unknown: the program's exit status was lost.");
}

TEST(ExecProbe, BlamesNobodyForOurDescriptors) {
  // A pipe takes two, the pidfd one; what the program has is no longer ours.
  const std::string lacking[] = {"make a pipe", "make a pipe", "start a process"};
  for (int spare = 0; spare < 3; ++spare) {
    const Observation seen = ProbeWithoutDescriptors(ExecCheck("/bin/true"), spare);
    EXPECT_EQ(seen.outcome, Outcome::kUnknown);
    EXPECT_EQ(seen.reason,
              "Unknown: The health checker could not " + lacking[spare] + ": Too many open files.");
  }
  EXPECT_EQ(ProbeWithoutDescriptors(ExecCheck("/bin/true"), 3).outcome, Outcome::kPass);
}

TEST(ExecProbe, RunsManyAtTheSameTime) {
  const std::vector<CheckConfig> checks(32, Script("exit 0"));
  for (const Observation& seen : Probes(checks)) {
    EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
  }
}

}  // namespace
}  // namespace holdfast::health
