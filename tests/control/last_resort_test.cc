// Which rules answer by last resort, noticed as it changes.
#include "control/last_resort.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

constexpr std::uint16_t kA = 1;

RuleDigest Rule(std::uint64_t number) {
  return {.word = {number, 0}};
}

CompiledPool Pool(std::uint64_t rule, bool fires) {
  CompiledPool pool{.rule = Rule(rule), .type = kA};
  pool.outcomes.resize(2);
  if (fires) {
    pool.outcomes[1].flags = table::kOutcomeLastResort;
  }
  return pool;
}

/// Names with the rule of their A records; 0: a static image.
std::vector<CompiledZone> Zones(const std::vector<std::pair<const char*, std::uint64_t>>& names) {
  std::vector<CompiledZone> zones(1);
  for (const auto& [name, rule] : names) {
    CompiledName made{.name = wire::FromText(name).value()};
    made.rrsets.push_back(
        {.type = kA, .answer = rule == 0 ? AnswerRef(ImageSpecPtr()) : AnswerRef(Rule(rule))});
    zones[0].names.push_back(made);
  }
  return zones;
}

std::vector<std::string> Told(LastResort& watched) {
  std::vector<std::string> lines;
  for (const LastResortChange& change : watched.TakeTold().changes) {
    lines.push_back(change.name + " " + change.type + " +" + std::to_string(change.others) +
                    (change.fires ? " fires" : " is over"));
  }
  return lines;
}

using Lines = std::vector<std::string>;

TEST(LastResort, TellsChangesByANameOfTheRule) {
  LastResort watched;
  const auto zones = Zones({{"a.test", 1}, {"b.test", 1}, {"c.test", 2}, {"d.test", 0}});
  watched.Load(zones, std::vector{Pool(1, false), Pool(2, true), Pool(3, true)}, true);
  EXPECT_EQ(Told(watched), Lines{});  // at the start nothing is news
  EXPECT_EQ(watched.firing(), 1U) << "the third has no name";
  watched.Note(std::vector{Pool(1, true)});
  watched.Settle();
  EXPECT_EQ(Told(watched), Lines{"a.test. A +1 fires"});
  watched.Note(std::vector{Pool(1, true), Pool(2, false), Pool(3, false)});
  watched.Settle();
  EXPECT_EQ(Told(watched), Lines{"c.test. A +0 is over"});
  EXPECT_EQ(watched.firing(), 1U);
  watched.Note(std::vector{Pool(1, false)});
  watched.Settle();
  EXPECT_EQ(Told(watched), Lines{"a.test. A +1 is over"});
  EXPECT_EQ(watched.firing(), 0U);
}

TEST(LastResort, TellsWhatALoadChanges) {
  LastResort watched;
  watched.Load(Zones({{"a.test", 1}}), std::vector{Pool(1, true)}, true);
  watched.Load(
      Zones({{"a.test", 1}, {"b.test", 2}}), std::vector{Pool(1, true), Pool(2, true)}, true);
  EXPECT_EQ(Told(watched), Lines{"b.test. A +0 fires"});
  watched.Load(Zones({{"b.test", 2}}), std::vector{Pool(2, false)}, true);
  EXPECT_EQ(Told(watched), Lines{"b.test. A +0 is over"});
}

TEST(LastResort, KeepsNothingWhileNobodyAsks) {
  LastResort watched;
  watched.Load(Zones({{"a.test", 1}}), std::vector{Pool(1, false)}, false);
  watched.Note(std::vector{Pool(1, true)});
  watched.Settle();
  EXPECT_EQ(Told(watched), Lines{});
  EXPECT_EQ(watched.firing(), std::nullopt);
  watched.Load(Zones({{"a.test", 1}}), std::vector{Pool(1, true)}, true);
  EXPECT_EQ(Told(watched), Lines{});
  watched.Note(std::vector{Pool(1, false)});
  watched.Settle();
  EXPECT_EQ(Told(watched), Lines{"a.test. A +0 is over"});
}

TEST(LastResort, TellsNothingOfWhatIsNotPublished) {
  LastResort watched;
  watched.Load(Zones({{"a.test", 1}}), std::vector{Pool(1, false)}, true);
  watched.Note(std::vector{Pool(1, true)});
  watched.Forget();
  watched.Settle();
  EXPECT_EQ(Told(watched), Lines{});
  EXPECT_EQ(watched.firing(), 0U);
  watched.Note(std::vector{Pool(1, true)});
  watched.Settle();
  EXPECT_EQ(Told(watched), Lines{"a.test. A +0 fires"});
}

TEST(LastResort, CountsWhatItHasNoWordsFor) {
  std::vector<std::string> texts;
  std::vector<std::pair<const char*, std::uint64_t>> names;
  std::vector<CompiledPool> pools;
  constexpr std::size_t kMany = LastResort::kMost + 5;
  texts.reserve(kMany);
  for (std::size_t i = 1; i <= kMany; ++i) {
    names.emplace_back(texts.emplace_back("n" + std::to_string(i) + ".test").c_str(), i);
    pools.push_back(Pool(i, true));
  }
  LastResort watched;
  watched.Load(Zones(names), {}, true);
  watched.Note(pools);
  watched.Settle();
  const auto told = watched.TakeTold();
  EXPECT_EQ(told.changes.size(), LastResort::kMost);
  EXPECT_EQ(told.lost, 5U);
  EXPECT_EQ(watched.TakeTold().lost, 0U);
}

}  // namespace
}  // namespace holdfast::control
