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
