// One piece of news when many checks change at a time.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "control/notify/mass.h"

namespace holdfast::control {
namespace {

using namespace std::chrono_literals;
using Clock = MassGate::Clock;

class Mass : public testing::Test {
 protected:
  Mass() { gate_.SetMost(3); }
  void Change(const std::string& id, bool healthy = false) {
    gate_.Add({.kind = Event::Kind::kTransition,
               .id = id,
               .was = healthy ? "unhealthy" : "healthy",
               .is = healthy ? "healthy" : "unhealthy",
               .time_ms = 1000},
              now_);
  }
  // One rule begins or ceases to answer by last resort; now so many do.
  void Rule(const std::string& id, std::size_t firing, bool fires = true, std::uint64_t more = 0) {
    gate_.SetAtLastResort(firing);
    gate_.Add({.kind = Event::Kind::kLastResort,
               .id = id,
               .was = fires ? "normal" : "last_resort",
               .is = fires ? "last_resort" : "normal",
               .time_ms = 2000},
              now_,
              more);
  }
  void Quorum(std::size_t checks, bool lost = true) {
    gate_.Add({.kind = Event::Kind::kQuorum,
               .id = "q",
               .was = lost ? "quorum" : "quorum_lost",
               .is = lost ? "quorum_lost" : "quorum",
               .time_ms = 3000,
               .checks = checks},
              now_);
  }
  // "a unhealthy, b healthy".
  std::string Told() {
    std::string text;
    for (const MassGate::Told& told : gate_.TakeDue(now_)) {
      text += (text.empty() ? "" : ", ") + told.event.id + " " + told.event.is +
              (told.more == 0 ? "" : " and " + std::to_string(told.more) + " more");
      last_ = told.event;
    }
    return text;
  }
  // After it had time to come together.
  std::string ToldLater() {
    now_ += MassGate::kHold;
    return Told();
  }

  MassGate gate_;
  Clock::time_point now_ = Clock::time_point(1000s);
  Event last_;
};

TEST_F(Mass, LetsFewThroughOneByOneAfterAMoment) {
  Change("a");
  Change("b");
  Change("c");
  EXPECT_EQ(Told(), "");
  EXPECT_EQ(gate_.next(), now_ + MassGate::kHold);
  now_ += MassGate::kHold;
  EXPECT_EQ(Told(), "a unhealthy, b unhealthy, c unhealthy");
  EXPECT_EQ(gate_.next(), std::nullopt);
}

TEST_F(Mass, TellsManyAtOnceOnce) {
  for (int i = 0; i < 10'000; ++i) {
    Change(std::to_string(i));
  }
  EXPECT_EQ(Told(), "");
  EXPECT_TRUE(gate_.mass());
  EXPECT_EQ(gate_.next(), now_ + MassGate::kHold);
  now_ += MassGate::kHold;
  Change("a later one");
  EXPECT_EQ(Told(), "mass mass");
  EXPECT_EQ(
      last_.reason,
      "more than 3 health checks changed within 10 s: single changes are not told until it is "
      "over; so far 10001 changes of 10001 health checks, of which 10001 are unhealthy now");
  now_ += 5s;
  Change("7", true);
  EXPECT_EQ(Told(), "");
  EXPECT_EQ(gate_.next(), now_ + 5s - MassGate::kHold);
  now_ += 5s;
  EXPECT_EQ(Told(), "mass normal") << "one within the window is half of three";
  EXPECT_EQ(last_.reason.substr(0, last_.reason.find(':')),
            "10002 changes of 10001 health checks, of which 10000 are unhealthy now");
  EXPECT_TRUE(last_.reason.ends_with(" and 9980 more")) << last_.reason;
  EXPECT_FALSE(gate_.mass());
  EXPECT_EQ(gate_.next(), std::nullopt);
}

TEST_F(Mass, CountsThoseThatWereToldAlready) {
  for (const char* id : {"a", "b", "c"}) {
    Change(id);
    now_ += 1s;
    EXPECT_EQ(Told(), std::string(id) + " unhealthy");
  }
  Change("d");
  EXPECT_EQ(Told(), "");
  EXPECT_EQ(ToldLater(), "mass mass");
  now_ += 9s;  // "c" and "d" are within 10 s, then "d" alone
  EXPECT_EQ(Told(), "mass normal");
  EXPECT_EQ(last_.reason, "1 change of 1 health check, of which 1 are unhealthy now: d");
  Change("e");
  now_ += 1s;
  EXPECT_EQ(Told(), "e unhealthy");
}

TEST_F(Mass, KeepsWhatFollowsFromItAndTellsHowMuchItWas) {
  Rule("before A", 1);
  EXPECT_EQ(ToldLater(), "before A last_resort");
  for (int i = 0; i < 2000; ++i) {
    Change(std::to_string(i));
  }
  EXPECT_EQ(Told(), "");
  for (int i = 0; i < 1024; ++i) {
    Rule(std::to_string(i) + " A", 2001, true, i == 1023 ? 976 : 0);
  }
  Quorum(5);
  EXPECT_EQ(ToldLater(), "mass mass");
  ASSERT_TRUE(last_.mass);
  EXPECT_EQ(last_.mass->changes, 2000U);
  EXPECT_EQ(last_.mass->rule_changes, 2000U);
  EXPECT_EQ(last_.mass->at_last_resort, 2001U);
  EXPECT_TRUE(last_.reason.ends_with(
      "; 2001 rules answer by last resort now, after 2000 changes; quorums of checkers lost 5, "
      "regained 0"))
      << last_.reason;
  now_ += 5s;
  Rule("7 A", 2000, false);
  Quorum(4, false);
  EXPECT_EQ(Told(), "");
  now_ += 5s;
  EXPECT_EQ(Told(), "mass normal");
  ASSERT_TRUE(last_.mass);
  EXPECT_EQ(last_.mass->checks, 2000U);
  EXPECT_EQ(last_.mass->unhealthy, 2000U);
  EXPECT_EQ(last_.mass->rule_changes, 2001U);
  EXPECT_EQ(last_.mass->at_last_resort, 2000U);
  EXPECT_EQ(last_.mass->quorums_lost, 5U);
  EXPECT_EQ(last_.mass->quorums_regained, 4U);
  EXPECT_EQ(last_.time_ms, 3000);
  Rule("7 A", 2001);
  EXPECT_EQ(ToldLater(), "7 A last_resort") << "what comes after it is told again";
}

TEST_F(Mass, TakesWhatFollowedBeforeItWasSeen) {
  Change("a");
  Rule("a A", 1);
  now_ += MassGate::kHold / 2;
  for (const char* id : {"b", "c", "d"}) {
    Change(id);
  }
  EXPECT_EQ(Told(), "");
  EXPECT_EQ(ToldLater(), "mass mass");
  EXPECT_EQ(last_.mass->changes, 4U);
  EXPECT_EQ(last_.mass->rule_changes, 1U);
}

TEST_F(Mass, IsNotManyRulesOfFewChecks) {
  Change("a");
  for (int i = 0; i < 5; ++i) {
    Rule(std::to_string(i), 5, true, i == 4 ? 7 : 0);
  }
  Quorum(2);
  EXPECT_EQ(Told(), "");
  EXPECT_EQ(ToldLater(),
            "a unhealthy, 0 last_resort, 1 last_resort, 2 last_resort, 3 last_resort, "
            "4 last_resort and 7 more, q quorum_lost")
      << "in the order in which they came";
}

TEST_F(Mass, SaysNothingOfRulesThatNobodyWatches) {
  for (int i = 0; i < 4; ++i) {
    Change(std::to_string(i));
  }
  EXPECT_EQ(Told(), "");
  EXPECT_EQ(ToldLater(), "mass mass");
  EXPECT_FALSE(last_.mass->at_last_resort);
  EXPECT_EQ(last_.reason.find("last resort"), std::string::npos);
}

TEST_F(Mass, IsNothingThatComesSlowly) {
  for (int i = 0; i < 100; ++i) {
    Change(std::to_string(i));
    now_ += 4s;
    EXPECT_EQ(Told(), std::to_string(i) + " unhealthy");
  }
}

TEST_F(Mass, IsNotOneCheckThatFlaps) {
  for (int i = 0; i < 100; ++i) {
    Change("a", i % 2 == 1);
    now_ += MassGate::kHold;
    EXPECT_EQ(Told(), i % 2 == 1 ? "a healthy" : "a unhealthy");
  }
}

TEST_F(Mass, MayBeSwitchedOff) {
  gate_.SetMost(0);
  for (int i = 0; i < 5; ++i) {
    Change(std::to_string(i));
  }
  EXPECT_EQ(Told(), "0 unhealthy, 1 unhealthy, 2 unhealthy, 3 unhealthy, 4 unhealthy");
  Rule("r", 1);
  EXPECT_EQ(Told(), "r last_resort");
  gate_.SetMost(1);
  Change("a");
  Change("b");
  EXPECT_EQ(Told(), "");
  EXPECT_EQ(ToldLater(), "mass mass");
  gate_.SetMost(0);
  now_ += 11s;
  EXPECT_EQ(Told(), "mass normal") << "what has begun ends";
}

}  // namespace
}  // namespace holdfast::control
