// Which reports of a checker are believed. D10 of the fault matrix in small: late, repeated,
// reordered and future ones change nothing.
#include <gtest/gtest.h>

#include "health/link/gate.h"

namespace holdfast::health {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kNow = 1'000 * kSecond;

ReportLine Line(std::uint64_t sequence,
                std::uint32_t slot = 1,
                std::uint64_t version = 1,
                std::chrono::microseconds age = 0us) {
  ReportLine line{.sequence = sequence, .age = age, .report = {}};
  line.report.slot = slot;
  line.report.version = version;
  return line;
}

class Gate : public ::testing::Test {
 protected:
  Gate() {
    gate_.Begin(10);
    gate_.Assign(1, 1, 30s, 1s);
  }
  std::optional<Drop> Why(const ReportLine& line, std::uint64_t sent_ns = kNow) {
    const auto judged = gate_.Judge(line, sent_ns, kNow);
    return judged ? std::nullopt : std::optional(judged.error());
  }
  ReportGate gate_;
};

TEST_F(Gate, TakesReportsInTheirOrderAndEachOnce) {
  EXPECT_EQ(Why(Line(5)), std::nullopt);
  EXPECT_EQ(Why(Line(5)), Drop::kRepeated);
  EXPECT_EQ(Why(Line(4)), Drop::kReordered);
  EXPECT_EQ(Why(Line(9)), std::nullopt);  // what lies between was replaced by it
  gate_.Assign(2, 1, 30s, 1s);
  EXPECT_EQ(Why(Line(6, 2)), std::nullopt);  // each check for itself
}

TEST_F(Gate, DropsWhatIsNotAssigned) {
  EXPECT_EQ(Why(Line(1, 2)), Drop::kUnassigned);
  EXPECT_EQ(Why(Line(1, 1, 2)), Drop::kUnassigned);
  gate_.Assign(1, 2, 30s, 1s);
  EXPECT_EQ(Why(Line(2, 1, 1)), Drop::kUnassigned);
  EXPECT_EQ(Why(Line(2, 1, 2)), std::nullopt);
  gate_.Remove(1);
  EXPECT_EQ(Why(Line(3, 1, 2)), Drop::kUnassigned);
}

TEST_F(Gate, ANewVersionMayBringTheLastReportAgain) {
  EXPECT_EQ(Why(Line(5)), std::nullopt);
  gate_.Assign(1, 1, 30s, 1s);
  EXPECT_EQ(Why(Line(5)), Drop::kRepeated);
  gate_.Assign(1, 2, 30s, 1s);
  EXPECT_EQ(Why(Line(5, 1, 2)), std::nullopt);
}

TEST_F(Gate, AnotherProcessBeginsItsNumbersAnew) {
  EXPECT_EQ(Why(Line(5)), std::nullopt);
  gate_.Begin(10);  // the same one, connected again
  EXPECT_EQ(Why(Line(5)), Drop::kRepeated);
  gate_.Begin(11);
  EXPECT_EQ(Why(Line(1)), std::nullopt);
}

TEST_F(Gate, KeepsTheAgeOnItsOwnClock) {
  const auto judged = gate_.Judge(Line(1, 1, 1, 2s), kNow - kSecond, kNow);
  ASSERT_TRUE(judged);
  EXPECT_EQ(judged->seen.at_ns, kNow - 3 * kSecond);
}

TEST_F(Gate, DropsWhatIsTooOldHoweverItBecameSo) {
  EXPECT_EQ(Why(Line(1, 1, 1, 29'999ms)), std::nullopt);
  EXPECT_EQ(Why(Line(2, 1, 1, 30s)), Drop::kLate);
  EXPECT_EQ(Why(Line(3), kNow - 30 * kSecond), Drop::kLate);
  EXPECT_EQ(Why(Line(4, 1, 1, 20s), kNow - 10 * kSecond), Drop::kLate);
  EXPECT_EQ(Why(Line(5, 1, 1, 2'000s)), Drop::kLate);  // before this clock began
  EXPECT_EQ(Why(Line(2)), std::nullopt);               // a late one is not the last
}

// Whoever holds a checker's key may lie about its checks, but not have control publish at its pace.
TEST_F(Gate, TakesNoMoreReportsThanProbesCouldMake) {
  std::uint64_t taken = 0;
  for (std::uint64_t i = 1; i <= 5'000; ++i) {  // within one second
    const std::uint64_t now_ns = kNow + i * kSecond / 5'000;
    taken += gate_.Judge(Line(i), now_ns, now_ns) ? 1 : 0;
  }
  EXPECT_EQ(taken, 9U);  // 8 at once, 2 an interval: the second of them is not due yet
  EXPECT_EQ(Why(Line(5'001), kNow), Drop::kTooOften);
  gate_.Assign(1, 1, 30s, 1s);
  EXPECT_EQ(Why(Line(5'002), kNow), Drop::kTooOften);
  gate_.Assign(2, 1, 30s, 1s);
  EXPECT_EQ(Why(Line(5'003, 2), kNow), std::nullopt);  // each check for itself
}

TEST_F(Gate, TakesTheNextReportAfterAShorterIntervalCame) {
  gate_.Assign(1, 2, 30s, 300s);
  EXPECT_EQ(Why(Line(1, 1, 2)), std::nullopt);
  gate_.Assign(1, 3, 30s, 50ms);
  for (std::uint64_t i = 0; i < 100; ++i) {
    const std::uint64_t now_ns = kNow + i * kSecond / 20;
    EXPECT_TRUE(gate_.Judge(Line(2 + i, 1, 3), now_ns, now_ns)) << i;
  }
}

TEST_F(Gate, TakesReportsWhoseClockALatePingMovedBack) {
  gate_.Assign(1, 2, 30s, 50ms);
  for (std::uint64_t i = 1; i <= 80; ++i) {
    const std::uint64_t now_ns = kNow + i * kSecond / 20;
    const std::uint64_t said_ns = i < 40 ? now_ns : now_ns - kSecond;
    EXPECT_TRUE(gate_.Judge(Line(i, 1, 2), said_ns, now_ns)) << i;
  }
}

TEST_F(Gate, TakesWhatProbesOfHalfTheIntervalMake) {
  for (std::uint64_t i = 1; i <= 1'000; ++i) {  // the greatest jitter that there is
    const std::uint64_t now_ns = kNow + i * kSecond / 2;
    EXPECT_TRUE(gate_.Judge(Line(i), now_ns, now_ns)) << i;
  }
}

TEST_F(Gate, TakesAtOnceWhatALinkHeldBack) {
  for (std::uint64_t i = 1; i <= 29; ++i) {
    EXPECT_EQ(Why(Line(i, 1, 1, std::chrono::seconds(30 - i))), std::nullopt) << i;
  }
}

TEST(GateEcho, SaysWhenABatchWasSentAtTheEarliest) {
  const std::uint64_t since = kNow - 100 * kSecond;
  const auto sent = [&](std::uint64_t echo_ns, std::chrono::microseconds held) {
    return ReportGate::SentNs({.echo_ns = echo_ns, .held = held, .reports = {}}, since, kNow);
  };
  EXPECT_EQ(sent(kNow - 2 * kSecond, 500ms), kNow - 2 * kSecond + kSecond / 2);
  EXPECT_EQ(sent(since, 0us), since);
  // Clocks that run a little differently, but no more than that.
  EXPECT_EQ(sent(kNow - kSecond, 1'010ms), kNow);
  EXPECT_EQ(sent(kNow - kSecond, 2s), std::nullopt);
  EXPECT_EQ(sent(kNow + 1, 0us), std::nullopt);
  EXPECT_EQ(sent(since - 1, 0us), std::nullopt);
}

}  // namespace
}  // namespace holdfast::health
