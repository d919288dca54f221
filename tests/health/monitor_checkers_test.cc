// The monitor with several checkers: who watches what, whose reports count, and that nobody's
// silence changes a status. Reports are handed in; nothing is probed here.
#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <unistd.h>

#include "dataplane/base/clock.h"
#include "health/monitor.h"

namespace holdfast::health {
namespace {

CheckConfig Tcp(std::string id, std::vector<std::string> regions = {}) {
  CheckConfig check;
  check.id = std::move(id);
  check.type = CheckType::kTcp;
  check.ip_address = "127.0.0.1";
  check.port = 1;
  check.regions = std::move(regions);
  check.quorum.report_ttl = Milliseconds(1000);
  return check;
}

class Checkers : public ::testing::Test {
 protected:
  Checkers() {
    MonitorOptions options;
    options.local.resolvers = "127.0.0.1:1";
    auto monitor = Monitor::Create(options);
    EXPECT_TRUE(monitor.has_value()) << monitor.error().message;
    monitor_ = std::move(*monitor);
  }
  void Set(const std::vector<CheckerName>& remote, bool local = false) {
    const auto indices = monitor_->SetCheckers(remote, local);
    ASSERT_TRUE(indices) << indices.error().message;
    index_.clear();
    for (std::size_t i = 0; i < remote.size(); ++i) {
      index_[remote[i].name] = (*indices)[i];
    }
  }
  std::map<std::string, Assignment> Of(std::uint32_t index) const {
    std::map<std::string, Assignment> assigned;
    for (Assignment& each : monitor_->AssignmentsOf(index)) {
      const std::string id = each.check.id;
      assigned.emplace(id, std::move(each));
    }
    return assigned;
  }
  void Say(const std::string& checker,
           const std::string& id,
           State side,
           std::uint64_t age_ns = 0) {
    const Assignment assigned = Of(index_.at(checker)).at(id);
    monitor_->Take(index_.at(checker), Said(assigned, side, age_ns));
  }
  static Report Said(const Assignment& assigned, State side, std::uint64_t age_ns = 0) {
    return {.slot = assigned.slot,
            .version = assigned.version,
            .side = side,
            .seen = {.outcome = side == State::kHealthy     ? Outcome::kPass
                                : side == State::kUnhealthy ? Outcome::kFail
                                                            : Outcome::kUnknown,
                     .reason = "said",
                     .rtt = {},
                     .at_ns = MonotonicNs() - age_ns,
                     .phases = {}}};
  }
  CheckStatus Status(const std::string& id) const {
    const auto statuses = monitor_->Statuses();
    return *std::ranges::find(statuses, id, &CheckStatus::id);
  }

  std::unique_ptr<Monitor> monitor_;
  std::map<std::string, std::uint32_t> index_;
};

const std::vector<CheckerName> kThree{{"a", "eu"}, {"b", "us"}, {"c", "asia"}};

TEST_F(Checkers, AreAllAssignedAllChecksThatNameNoRegion) {
  ASSERT_TRUE(monitor_->Configure({Tcp("web"), Tcp("eu", {"eu"}), Tcp("mars", {"mars"})}));
  Set(kThree, true);
  EXPECT_EQ(Of(0).size(), 2U);  // the local one has no region
  EXPECT_EQ(Of(index_["a"]).size(), 3U);
  EXPECT_EQ(Of(index_["b"]).size(), 2U);
  EXPECT_FALSE(Of(index_["b"]).contains("eu"));
  EXPECT_TRUE(Of(index_["b"]).contains("mars"));  // a region without a checker: all
  EXPECT_EQ(Status("web").tally.assigned, 4U);
  EXPECT_EQ(Status("eu").tally.assigned, 1U);
}

TEST_F(Checkers, TheLocalOneMayBeLeftOut) {
  ASSERT_TRUE(monitor_->Configure({Tcp("web")}));
  Set(kThree, false);
  EXPECT_TRUE(Of(0).empty());
  EXPECT_EQ(Status("web").tally.assigned, 3U);
  ASSERT_TRUE(monitor_->Configure({Tcp("web"), Tcp("new")}));
  EXPECT_TRUE(Of(0).empty());
  EXPECT_EQ(Of(index_["c"]).size(), 2U);
}

TEST_F(Checkers, DerivedAndDisabledChecksAreNobodys) {
  CheckConfig disabled = Tcp("off");
  disabled.disabled = true;
  CheckConfig sum;
  sum.id = "sum";
  sum.type = CheckType::kCalculated;
  sum.children = {"off"};
  ASSERT_TRUE(monitor_->Configure({disabled, sum}));
  Set(kThree);
  EXPECT_TRUE(Of(index_["a"]).empty());
  EXPECT_FALSE(Status("off").has_quorum);
}

TEST_F(Checkers, TheVersionOfAssignmentsCountsEveryChange) {
  const auto first = monitor_->assignments_version();
  ASSERT_TRUE(monitor_->Configure({Tcp("web")}));
  const auto second = monitor_->assignments_version();
  EXPECT_GT(second, first);
  Set(kThree);
  const auto third = monitor_->assignments_version();
  EXPECT_GT(third, second);
  Say("a", "web", State::kHealthy);
  EXPECT_EQ(monitor_->assignments_version(), third);
}

TEST_F(Checkers, ATransitionSaysWhatEachOfThemSaw) {
  ASSERT_TRUE(monitor_->Configure({Tcp("web")}));
  Set(kThree);
  for (const char* checker : {"a", "b", "c"}) {
    Say(checker, "web", State::kHealthy);
  }
  (void)monitor_->queue().Drain();
  for (const char* checker : {"b", "c"}) {
    Say(checker, "web", State::kUnhealthy, 200'000'000);
  }
  EXPECT_TRUE(monitor_->queue().Drain().empty()) << "one of three is more than 18 %";
  Say("a", "web", State::kUnhealthy);
  const auto told = monitor_->queue().Drain();
  ASSERT_EQ(told.size(), 1U);
  ASSERT_EQ(told[0].sides.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    const CheckerSide& side = told[0].sides[i];
    EXPECT_EQ(side.checker, kThree[i].name);
    EXPECT_EQ(side.region, kThree[i].region);
    EXPECT_EQ(side.side, State::kUnhealthy);
    EXPECT_EQ(side.reason, "said");
    ASSERT_TRUE(side.age_ms);
    EXPECT_GE(*side.age_ms, i == 0 ? 0 : 200);
  }
}

TEST_F(Checkers, OfManyThoseThatAgreeWithTheTransitionAreNamed) {
  ASSERT_TRUE(monitor_->Configure({Tcp("web")}));
  std::vector<CheckerName> many;
  for (int i = 0; i < 20; ++i) {
    many.push_back({"c" + std::to_string(i), ""});
  }
  Set(many);
  for (const CheckerName& one : many) {
    Say(one.name, "web", State::kHealthy);
  }
  (void)monitor_->queue().Drain();
  std::vector<Transition> told;
  for (std::size_t i = 0; i < 20 && told.empty(); ++i) {  // the first ones go on to be content
    Say(many[19 - i].name, "web", State::kUnhealthy);
    told = monitor_->queue().Drain();
  }
  ASSERT_EQ(told.size(), 1U);
  ASSERT_EQ(told[0].sides.size(), Transition::kMostSides);
  EXPECT_TRUE(std::ranges::all_of(
      told[0].sides, [](const CheckerSide& one) { return one.side == State::kUnhealthy; }));
}

TEST_F(Checkers, OnlyTheSettingsInForceAreReportedOn) {
  ASSERT_TRUE(monitor_->Configure({Tcp("web")}));
  Set(kThree);
  const Assignment old = Of(index_["a"]).at("web");
  CheckConfig changed = Tcp("web");
  changed.port = 2;
  ASSERT_TRUE(monitor_->Configure({changed}));
  const Assignment now = Of(index_["a"]).at("web");
  EXPECT_EQ(now.slot, old.slot);
  EXPECT_GT(now.version, old.version);
  monitor_->Take(index_["a"], Said(old, State::kUnhealthy));
  EXPECT_EQ(Status("web").tally.reporting, 0U);
  monitor_->Take(index_["a"], Said({.slot = 77, .version = 1, .check = {}}, State::kUnhealthy));
  monitor_->Take(99, Said(now, State::kUnhealthy));
  EXPECT_EQ(Status("web").tally.reporting, 0U);
  monitor_->Take(index_["a"], Said(now, State::kHealthy));
  EXPECT_EQ(Status("web").tally.reporting, 1U);
}

TEST_F(Checkers, OneOfNThatSeesFailureChangesNothing) {
  ASSERT_TRUE(monitor_->Configure({Tcp("web")}));
  Set(kThree);
  for (const char* name : {"a", "b", "c"}) {
    Say(name, "web", State::kHealthy);
  }
  (void)monitor_->queue().Drain();
  Say("b", "web", State::kUnhealthy);
  Say("c", "web", State::kUnhealthy);
  EXPECT_TRUE(monitor_->queue().Drain().empty());  // one of three is more than 18 %
  Say("a", "web", State::kUnhealthy);
  const auto told = monitor_->queue().Drain();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_FALSE(told[0].healthy);
  EXPECT_EQ(told[0].reason.substr(0, 35), "0 of 3 reporting health checkers (3");
}

TEST_F(Checkers, AFirstVerdictWaitsForHalfOfThem) {
  ASSERT_TRUE(monitor_->Configure({Tcp("web")}));
  Set(kThree);
  Say("a", "web", State::kUnhealthy);
  EXPECT_EQ(Status("web").raw, State::kUnknown);
  Say("b", "web", State::kUnhealthy);
  EXPECT_EQ(Status("web").raw, State::kUnhealthy);
}

TEST_F(Checkers, ThoseThatStayKeepTheirVotesWhenOthersGo) {
  ASSERT_TRUE(monitor_->Configure({Tcp("web")}));
  Set(kThree);
  Say("a", "web", State::kHealthy);
  Say("b", "web", State::kUnhealthy);
  Say("c", "web", State::kUnhealthy);
  const auto c = index_["c"];
  Set({{"d", ""}, {"c", "asia"}});
  EXPECT_EQ(index_["c"], c);
  EXPECT_NE(index_["d"], c);
  auto views = monitor_->Views("web");
  ASSERT_TRUE(views);
  ASSERT_EQ(views->size(), 2U);
  for (const CheckerView& view : *views) {
    EXPECT_EQ(view.side, view.checker == "c" ? State::kUnhealthy : State::kUnknown) << view.checker;
  }
  // The votes of who went are gone, and so is the status that hung on them.
  EXPECT_EQ(Status("web").raw, State::kUnhealthy);
  // Who comes back does so under its old index, with no opinion.
  Set({{"c", "asia"}, {"a", "eu"}});
  EXPECT_EQ(Status("web").tally.reporting, 1U);
  EXPECT_EQ(monitor_->Checkers().at(index_["a"]).name, "a");
}

constexpr std::uint64_t kMinute = 60'000'000'000;

CheckConfig Lasting(std::vector<std::string> regions) {
  CheckConfig check = Tcp("web", std::move(regions));
  check.quorum.report_ttl = Milliseconds(3'600'000);
  return check;
}

TEST_F(Checkers, WhoseRegionIsTakenOffACheckVoteOnUntilTheNewOnesDo) {
  ASSERT_TRUE(monitor_->Configure({Lasting({"eu"})}));
  Set(kThree);
  Say("a", "web", State::kHealthy);
  (void)monitor_->queue().Drain();
  ASSERT_TRUE(monitor_->Configure({Lasting({"us"})}));
  EXPECT_TRUE(Of(index_["a"]).contains("web"));
  EXPECT_TRUE(Of(index_["b"]).contains("web"));
  EXPECT_FALSE(Of(index_["c"]).contains("web"));
  const auto views = *monitor_->Views("web");
  ASSERT_EQ(views.size(), 2U);
  EXPECT_TRUE(views[0].checker == "b" && !views[0].draining);
  EXPECT_TRUE(views[1].checker == "a" && views[1].draining);
  EXPECT_TRUE(Status("web").has_quorum);
  ASSERT_TRUE(monitor_->Tick(MonotonicNs() + (10 * kMinute)));
  Say("a", "web", State::kHealthy);  // the new one has said nothing yet
  Say("b", "web", State::kUnhealthy);
  const auto version = monitor_->assignments_version();
  ASSERT_TRUE(monitor_->Tick(MonotonicNs() + (11 * kMinute)));
  EXPECT_GT(monitor_->assignments_version(), version);
  EXPECT_FALSE(Of(index_["a"]).contains("web"));
  const auto told = monitor_->queue().Drain();
  ASSERT_EQ(told.size(), 1U) << "now the new one is the only one";
  EXPECT_FALSE(told[0].healthy);
  EXPECT_TRUE(monitor_->TakeQuorumChanges().lost.empty());
}

TEST_F(Checkers, DrainForAMinute) {
  ASSERT_TRUE(monitor_->Configure({Lasting({"eu"})}));
  Set(kThree);
  Say("a", "web", State::kHealthy);
  const std::uint64_t before = MonotonicNs();
  ASSERT_TRUE(monitor_->Configure({Lasting({"us"})}));
  const std::uint64_t after = MonotonicNs();
  Say("b", "web", State::kHealthy);
  ASSERT_TRUE(monitor_->Tick(before + kMinute - 1));
  EXPECT_TRUE(Of(index_["a"]).contains("web"));
  ASSERT_TRUE(monitor_->Tick(after + kMinute + 1'000'000'000));
  EXPECT_FALSE(Of(index_["a"]).contains("web"));
}

TEST_F(Checkers, DrainTheLocalOneToo) {
  ASSERT_TRUE(monitor_->Configure({Lasting({})}));
  Set({}, true);
  const Assignment own = monitor_->AssignmentsOf(0).at(0);
  monitor_->Take(0, Said(own, State::kHealthy));
  Set(kThree, true);
  ASSERT_TRUE(monitor_->Configure({Lasting({"us"}), Tcp("other")}));
  EXPECT_TRUE(Of(0).contains("web"));
  Say("b", "web", State::kHealthy);
  ASSERT_TRUE(monitor_->Tick(MonotonicNs() + (2 * kMinute)));
  EXPECT_FALSE(Of(0).contains("web"));
  EXPECT_TRUE(Of(0).contains("other"));
}

TEST_F(Checkers, ThatAreNotThereAnyMoreOrSawSomethingElseDoNotDrain) {
  ASSERT_TRUE(monitor_->Configure({Lasting({"eu", "asia"})}));
  Set(kThree);
  Say("a", "web", State::kHealthy);
  Say("c", "web", State::kHealthy);
  ASSERT_TRUE(monitor_->Configure({Lasting({"us"})}));
  Set({{"b", "us"}, {"c", "asia"}});  // "a" is no checker of this node any more
  ASSERT_EQ(monitor_->Views("web")->size(), 2U);
  CheckConfig other = Lasting({"us"});
  other.type = CheckType::kHttp;
  ASSERT_TRUE(monitor_->Configure({other}));
  ASSERT_EQ(monitor_->Views("web")->size(), 1U);
  EXPECT_EQ(monitor_->Views("web")->at(0).checker, "b");
}

TEST_F(Checkers, SilenceOfAllKeepsTheStatusAndIsToldOnce) {
  ASSERT_TRUE(monitor_->Configure({Tcp("one"), Tcp("two")}));
  Set(kThree);
  ASSERT_TRUE(monitor_->Start());
  for (const char* name : {"a", "b"}) {
    Say(name, "one", State::kHealthy);
    Say(name, "two", State::kUnhealthy);
  }
  (void)monitor_->queue().Drain();
  QuorumChanges changes = monitor_->TakeQuorumChanges();
  EXPECT_TRUE(changes.lost.empty() && changes.regained.empty());  // a first one is no news
  EXPECT_TRUE(Status("one").has_quorum);
  for (int i = 0; i < 100 && changes.lost.size() < 2; ++i) {
    usleep(50'000);
    for (std::string& id : monitor_->TakeQuorumChanges().lost) {
      changes.lost.push_back(std::move(id));
    }
  }
  EXPECT_EQ(changes.lost, (std::vector<std::string>{"one", "two"}));
  EXPECT_FALSE(Status("one").has_quorum);
  EXPECT_TRUE(Status("one").healthy);
  EXPECT_FALSE(Status("two").healthy);
  EXPECT_TRUE(monitor_->queue().Drain().empty());
  Say("c", "one", State::kHealthy);
  changes = monitor_->TakeQuorumChanges();
  EXPECT_TRUE(changes.lost.empty());
  EXPECT_EQ(changes.regained, std::vector<std::string>{"one"});
}

TEST_F(Checkers, FewerThanMinReportersDecideNothing) {
  CheckConfig check = Tcp("web");
  check.quorum.min_reporters = 2;
  ASSERT_TRUE(monitor_->Configure({check}));
  Set(kThree);
  Say("a", "web", State::kHealthy);
  EXPECT_FALSE(Status("web").has_quorum);
  Say("b", "web", State::kHealthy);
  EXPECT_TRUE(Status("web").has_quorum);
  Say("b", "web", State::kUnknown);  // has lost its uplink
  EXPECT_FALSE(Status("web").has_quorum);
  Say("a", "web", State::kUnhealthy);
  EXPECT_EQ(Status("web").raw, State::kHealthy);
  EXPECT_EQ(monitor_->TakeQuorumChanges().lost, std::vector<std::string>{"web"});
}

TEST_F(Checkers, AReportThatWasLongOnItsWayIsNotJudgedByVotesThatHaveGone) {
  constexpr std::uint64_t kMs = 1'000'000;
  ASSERT_TRUE(monitor_->Configure({Tcp("web")}));
  Set(kThree);
  Say("a", "web", State::kHealthy, 900 * kMs);
  Say("b", "web", State::kHealthy, 900 * kMs);
  EXPECT_EQ(Status("web").raw, State::kHealthy);
  usleep(200'000);  // by now both are too old
  (void)monitor_->queue().Drain();
  // When this was seen they were not; but it is now that it decides, alone.
  Say("c", "web", State::kUnhealthy, 500 * kMs);
  EXPECT_EQ(Status("web").raw, State::kUnhealthy);
}

}  // namespace
}  // namespace holdfast::health
