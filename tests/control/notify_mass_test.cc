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
  // "a unhealthy, b healthy".
  std::string Told() {
    std::string text;
    for (const Event& event : gate_.TakeDue(now_)) {
      text += (text.empty() ? "" : ", ") + event.id + " " + event.is;
      reason_ = event.reason;
    }
    return text;
  }

  MassGate gate_;
  Clock::time_point now_ = Clock::time_point(1000s);
  std::string reason_;
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
  EXPECT_EQ(Told(), "mass mass");
  EXPECT_TRUE(gate_.mass());
  EXPECT_EQ(
      reason_,
      "more than 3 health checks changed within 10 s: single changes are not told until it is "
      "over");
  now_ += 5s;
  Change("7", true);
  EXPECT_EQ(Told(), "");
  EXPECT_EQ(gate_.next(), now_ + 5s) << "one within the window is half of three";
  now_ += 5s;
  EXPECT_EQ(Told(), "mass normal");
  EXPECT_EQ(reason_.substr(0, reason_.find(':')),
            "10001 changes of 10000 health checks, of which 9999 are unhealthy now");
  EXPECT_TRUE(reason_.ends_with(" and 9979 more")) << reason_;
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
  EXPECT_EQ(Told(), "mass mass");
  now_ += 9s;  // "c" and "d" are within 10 s, then "d" alone
  EXPECT_EQ(Told(), "mass normal");
  EXPECT_EQ(reason_, "1 changes of 1 health checks, of which 1 are unhealthy now: d");
  Change("e");
  now_ += 1s;
  EXPECT_EQ(Told(), "e unhealthy");
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
  gate_.SetMost(1);
  Change("a");
  Change("b");
  EXPECT_EQ(Told(), "mass mass");
  gate_.SetMost(0);
  now_ += 11s;
  EXPECT_EQ(Told(), "mass normal") << "what has begun ends";
}

}  // namespace
}  // namespace holdfast::control
