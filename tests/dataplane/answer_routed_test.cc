// Routed names, whole bursts and what is counted.
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/dataplane/answer_reply.h"

namespace holdfast::answer {
namespace {

// ---- Routed names

TEST_F(Reply, AnswersThePrimaryThenTheSecondaryThenTheLastResort) {
  test::TestTables tables(test::ExampleModel());
  const auto ask = [&] {
    const auto reply =
        client_.Ask(tables.snapshot(), PacketBuilder().Question("f2.example.test", Type::kA));
    EXPECT_EQ(reply.answer.size(), 1U);
    EXPECT_EQ(reply.answer.at(0).ttl, 30U);
    return reply.answer.at(0).rdata;
  };
  EXPECT_EQ(ask(), A("192.0.2.10"));
  tables.SetHealth("check-p", false);
  EXPECT_EQ(ask(), A("192.0.2.20"));
  EXPECT_EQ(client_.Count(Counter::kLastResort), 0U);
  tables.SetHealth("check-s", false);
  EXPECT_EQ(ask(), A("192.0.2.10"));
  EXPECT_EQ(client_.Count(Counter::kLastResort), 1U);
  tables.SetHealth("check-p", true);
  EXPECT_EQ(ask(), A("192.0.2.10"));
  EXPECT_EQ(client_.Count(Counter::kLastResort), 1U);
}

TEST_F(Reply, conf_X07_HealthNeverChangesWhichNamesAndTypesExist) {
  test::TestTables tables(test::ExampleModel());
  for (const bool healthy : {true, false}) {
    tables.SetHealth("check-p", healthy);
    tables.SetHealth("check-s", healthy);
    const auto address =
        client_.Ask(tables.snapshot(), PacketBuilder().Question("f2.example.test", Type::kA));
    EXPECT_EQ(address.answer.size(), 1U);
    ExpectNodata(
        client_.Ask(tables.snapshot(), PacketBuilder().Question("f2.example.test", Type::kAaaa)));
  }
}

TEST_F(Reply, FollowsTheCnameThatARuleChose) {
  test::TestTables tables(test::ExampleModel());
  const auto ask = [&] {
    return Shape(
        client_.Ask(tables.snapshot(), PacketBuilder().Question("fc.example.test", Type::kAaaa))
            .answer);
  };
  EXPECT_EQ(ask(), (Lines{"fc.example.test. CNAME", "www.example.test. AAAA"}));
  tables.SetHealth("check-p", false);
  EXPECT_EQ(ask(), (Lines{"fc.example.test. CNAME"})) << "multi has no AAAA";
}

TEST_F(Reply, conf_K07_DrawsWeightsInTheirShares) {
  constexpr int kDraws = 100000;
  std::map<std::string, int> seen;
  for (int i = 0; i < kDraws; ++i) {
    const auto raw = client_.Raw(tables_->snapshot(),
                                 PacketBuilder().Question("w3.example.test", Type::kA).Build());
    ++seen[raw->substr(raw->size() - 4)];
  }
  const double shares[] = {0.1, 0.2, 0.7};
  for (int i = 0; i < 3; ++i) {
    const int count = seen[A(("192.0.2." + std::to_string(31 + i)).c_str())];
    const double sigma = std::sqrt(kDraws * shares[i] * (1 - shares[i]));
    EXPECT_NEAR(count, kDraws * shares[i], 6 * sigma) << i;
  }
}

// Of 12 that are drawn from by leaving four out, and of 20 whose eight are drawn.
TEST_F(Reply, DrawsEightDifferentRecordsOfAMultivalueGroupEachAsOftenAndAsOftenFirst) {
  constexpr int kDraws = 30000;
  for (const auto& [name, records] : {std::pair{"mv", 12}, std::pair{"mv20", 20}}) {
    std::map<std::string, int> seen;
    std::map<std::string, int> first;
    for (int i = 0; i < kDraws; ++i) {
      const auto reply = Ask(name, Type::kA);
      ASSERT_EQ(reply.answer.size(), 8U);
      ASSERT_EQ(Rdata(reply.answer).size(), 8U) << "without replacement";
      ++first[reply.answer[0].rdata];
      for (const auto& record : reply.answer) {
        ++seen[record.rdata];
      }
    }
    ASSERT_EQ(seen.size(), static_cast<std::size_t>(records));
    const double share = 8.0 / records;
    for (const auto& [rdata, count] : seen) {
      EXPECT_NEAR(count, kDraws * share, 6 * std::sqrt(kDraws * share * (1 - share))) << name;
      const double of_first = 1.0 / records;
      EXPECT_NEAR(
          first[rdata], kDraws * of_first, 6 * std::sqrt(kDraws * of_first * (1 - of_first)))
          << name;
    }
  }
}

// ---- Services whose target is their owner

// `s` draws from two such records or another name's, `a` is an alias to it, `*.w` too; each has an
// address of its own.
control::Model OwnersOfServices() {
  test::TestZone zone("t.test.");
  zone.Add("other", Type::kA, {A("192.0.2.1")}).Add("s", Type::kA, {A("192.0.2.2")});
  zone.Add("a", Type::kA, {A("192.0.2.3")}).Add("*.w", Type::kA, {A("192.0.2.4")});
  for (const bool primary : {true, false}) {
    auto set = test::Member(primary ? "p" : "s", test::Svc(1, primary ? "." : "other.t.test."));
    set.type = N(Type::kHttps);
    set.policy = control::Policy::kFailover;
    set.primary = primary;
    set.health_check_id = primary ? "check-p" : "";
    zone.Add(set, "s");
  }
  control::RecordSet alias;
  alias.type = N(Type::kHttps);
  alias.alias = control::AliasTarget{zone.zone().id, Wire("s.t.test."), false};
  zone.Add(alias, "a").Add(alias, "*.w");
  control::Model model;
  model.zones.push_back(zone.zone());
  model.checks.emplace_back().id = "check-p";
  return model;
}

TEST_F(Reply, HoldsBesideAServiceTheAddressesOfTheNameItIsAnsweredFor) {
  test::TestTables tables(OwnersOfServices());
  const auto ask = [&](const std::string& name) {
    return client_.Ask(tables.snapshot(), PacketBuilder().Question(name + ".t.test", Type::kHttps))
        .additional;
  };
  const std::pair<const char*, const char*> owners[] = {
      {"s", "192.0.2.2"}, {"a", "192.0.2.3"}, {"x.w", "192.0.2.4"}};
  for (const auto& [name, address] : owners) {
    tables.SetHealth("check-p", true);
    EXPECT_EQ(Shape(ask(name)), (Lines{std::string(name) + ".t.test. A"}));
    EXPECT_EQ(Rdata(ask(name)), std::set<std::string>{A(address)}) << name;
    tables.SetHealth("check-p", false);
    EXPECT_EQ(Shape(ask(name)), (Lines{"other.t.test. A"})) << name;
  }
}

// ---- Glue that a rule gives

// A delegation whose servers' addresses are a failover group, an alias and, for `many` > 1, as many
// values of the primary.
control::Model RoutedGlue(int many) {
  test::TestZone zone("t.test.");
  zone.Add("ns1", Type::kA, {A("192.0.2.1")}).Add("ns2", Type::kA, {A("192.0.2.2")});
  zone.Add("sub", Type::kNs, {Wire("ns.sub.t.test."), Wire("al.sub.t.test."), Wire("ns1.t.test.")});
  for (const bool primary : {true, false}) {
    auto set = test::Member(primary ? "p" : "s", A(primary ? "192.0.2.10" : "192.0.2.20"));
    set.policy = control::Policy::kFailover;
    set.primary = primary;
    set.health_check_id = primary ? "check-p" : "";
    for (int i = 1; primary && i < many; ++i) {
      set.rdata.push_back(A(("198.51.100." + std::to_string(i)).c_str()));
    }
    zone.Add(set, "ns.sub");
  }
  control::RecordSet alias;
  alias.type = N(Type::kA);
  alias.alias = control::AliasTarget{zone.zone().id, Wire("ns1.t.test."), false};
  zone.Add(alias, "al.sub");
  control::Model model;
  model.zones.push_back(zone.zone());
  model.checks.emplace_back().id = "check-p";
  return model;
}

TEST_F(Reply, RefersWithTheAddressesThatRulesGiveTheServers) {
  test::TestTables tables(RoutedGlue(1));
  const auto ask = [&] {
    return client_.Ask(tables.snapshot(), PacketBuilder().Question("x.sub.t.test", Type::kA));
  };
  const auto reply = ask();
  EXPECT_EQ(reply.authority.size(), 3U);
  EXPECT_EQ(Shape(reply.additional), (Lines{"ns.sub.t.test. A", "al.sub.t.test. A"}));
  EXPECT_EQ(Rdata(reply.additional), (std::set<std::string>{A("192.0.2.10"), A("192.0.2.1")}));
  tables.SetHealth("check-p", false);
  EXPECT_EQ(Rdata(ask().additional), (std::set<std::string>{A("192.0.2.20"), A("192.0.2.1")}));
}

TEST_F(Reply, TruncatesWhenTheAddressesThatRulesGiveTheServersHaveNoRoom) {
  test::TestTables tables(RoutedGlue(40));
  const PacketBuilder question = PacketBuilder().Question("x.sub.t.test", Type::kA);
  EXPECT_TRUE(client_.Ask(tables.snapshot(), question).Tc());
  const auto whole = client_.Ask(tables.snapshot(), question, Transport::kTcp);
  EXPECT_EQ(whole.additional.size(), 41U);
}

// ---- Bursts and counters

TEST_F(Reply, AnswersAFullBurstOfDifferentQueriesAsOneByOne) {
  const char* names[] = {"www", "nope", "alias", "x.sub", "foo.w", "f2", "ent", "multi"};
  std::vector<std::vector<std::byte>> buffers;
  std::vector<Job> jobs(kMaxBurst);
  for (std::size_t i = 0; i < kMaxBurst; ++i) {
    PacketBuilder message;
    message.Id(static_cast<std::uint16_t>(i))
        .Question(std::string(names[i % 8]) + ".example.test", Type::kA);
    std::string octets = i % 16 == 3 ? std::string("short") : message.Build();
    auto& buffer = buffers.emplace_back(4096);
    std::memcpy(buffer.data(), octets.data(), octets.size());
    jobs[i].message = buffer.data();
    jobs[i].query_octets = static_cast<std::uint32_t>(octets.size());
    jobs[i].room_octets = 4096;
  }
  Answer(tables_->snapshot(), jobs, client_.scratch());
  for (std::size_t i = 0; i < kMaxBurst; ++i) {
    if (i % 16 == 3) {
      EXPECT_EQ(jobs[i].outcome, Outcome::kDrop);
      continue;
    }
    ASSERT_EQ(jobs[i].outcome, Outcome::kReply);
    const auto burst =
        test::ReadMessage({reinterpret_cast<const char*>(jobs[i].message), jobs[i].reply_octets});
    ASSERT_TRUE(burst.has_value());
    EXPECT_EQ(burst->id, i);
    test::AnswerClient alone;
    const auto single =
        alone.Ask(tables_->snapshot(),
                  PacketBuilder().Question(std::string(names[i % 8]) + ".example.test", Type::kA));
    EXPECT_EQ(burst->flags, single.flags) << names[i % 8];
    EXPECT_EQ(Rdata(burst->answer), Rdata(single.answer));
    EXPECT_EQ(Shape(burst->authority), Shape(single.authority));
  }
  EXPECT_EQ(client_.Count(Counter::kQueries), kMaxBurst);
  EXPECT_EQ(client_.Count(Counter::kReplies), kMaxBurst - 4);
  EXPECT_EQ(client_.Count(Counter::kDroppedShort), 4U);
}

TEST_F(Reply, DropsEverythingWithoutATable) {
  const auto raw = client_.Raw(table::Snapshot(),
                               PacketBuilder().Question("www.example.test", Type::kA).Build());
  EXPECT_FALSE(raw.has_value());
  EXPECT_EQ(client_.Count(Counter::kDroppedNoTable), 1U);
}

TEST_F(Reply, conf_H02_CountsTheResponsesItDrops) {
  EXPECT_FALSE(
      client_.Raw(tables_->snapshot(),
                  PacketBuilder().Flags(0x8000).Question("www.example.test", Type::kA).Build()));
  EXPECT_EQ(client_.Count(Counter::kDroppedResponse), 1U);
}

TEST(CounterText, NamesEveryCounterOnce) {
  std::set<std::string> names;
  for (int i = 0; i < static_cast<int>(Counter::kCount); ++i) {
    names.insert(CounterText(static_cast<Counter>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Counter::kCount));
  EXPECT_FALSE(names.contains(""));
}

}  // namespace
}  // namespace holdfast::answer
