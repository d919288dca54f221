// What control keeps in its own memory of the blobs and pools of an image.
#include <gtest/gtest.h>
#include <map>
#include <random>

#include "control/publish/arena.h"
#include "control/publish/open_table.h"
#include "control/publish/pool_table.h"

namespace holdfast::control {
namespace {

struct Place {
  std::uint32_t at = 0;
  std::uint32_t hash = 0;
};

TEST(OpenTable, FindsWhatIsThereAndNothingElseWhateverCameAndWent) {
  OpenTable<Place> table;
  std::map<std::uint32_t, std::uint32_t> there;  // place -> hash
  std::mt19937 random(20261122);
  const auto find = [&table](std::uint32_t at, std::uint32_t hash) {
    return table.Find(hash, [at](const Place& place) { return place.at == at; });
  };
  for (std::uint32_t step = 1; step < 20'000; ++step) {
    if (there.size() < 200 && random() % 5 < 3) {
      // Many share a hash, or the last places of the array, from where they go on at the first.
      const auto hash = static_cast<std::uint32_t>(random() % 3 == 0 ? 0xffffffff - random() % 4
                                                                     : random() << 24U);
      table.Add({step, hash});
      there[step] = hash;
    } else if (!there.empty()) {
      const auto gone = std::next(there.begin(), static_cast<int>(random() % there.size()));
      const auto [at, hash] = *gone;
      table.Remove(find(at, hash));
      there.erase(gone);
      ASSERT_EQ(find(at, hash), nullptr);
    }
    ASSERT_EQ(table.size(), there.size());
    if (step % 50 == 0) {
      for (const auto& [at, hash] : there) {
        ASSERT_NE(find(at, hash), nullptr);
      }
    }
  }
}

TEST(Arena, TellsWhatItWillGiveNext) {
  Arena arena(256, 4096);
  EXPECT_EQ(arena.Upcoming(3, 0), 0U);  // nothing of that size was freed
  for (const std::uint32_t at : {300U, 400U, 500U}) {
    arena.Free(at, 3);
  }
  const std::uint32_t first = arena.Upcoming(3, 0);
  const std::uint32_t second = arena.Upcoming(3, 1);
  EXPECT_EQ(arena.Upcoming(3, 3), 0U);
  EXPECT_EQ(arena.Upcoming(1'000'000, 0), 0U);
  EXPECT_EQ(arena.Allocate(3), first);
  EXPECT_EQ(arena.Allocate(3), second);
}

// Rules of a few hashes, so that the rule itself has to decide.
RuleDigest Rule(std::uint32_t n) {
  return {{n % 5, n}};
}

TEST(PoolTable, FindsAPoolByItsRuleAndByItsSlotWhateverCameAndWent) {
  PoolTable table;
  std::map<std::uint32_t, std::uint32_t> there;  // rule -> slot
  std::mt19937 random(20261123);
  for (std::uint32_t step = 1; step < 5'000; ++step) {
    if (there.size() < 100 && random() % 5 < 3) {
      table.Add({.rule = Rule(step), .slot_at = step * 3, .decision_at = step});
      there[step] = step * 3;
    } else if (!there.empty()) {
      const auto gone = std::next(there.begin(), static_cast<int>(random() % there.size()));
      const auto [rule, slot_at] = *gone;
      table.Remove(*table.Find(Rule(rule)));
      there.erase(gone);
      ASSERT_EQ(table.Find(Rule(rule)), nullptr);
      ASSERT_EQ(table.At(slot_at), nullptr);
    }
    ASSERT_EQ(table.size(), there.size());
    if (step % 50 == 0) {
      for (const auto& [rule, slot_at] : there) {
        ASSERT_NE(table.Find(Rule(rule)), nullptr);
        ASSERT_EQ(table.Find(Rule(rule)), table.At(slot_at));
        ASSERT_EQ(table.At(slot_at)->decision_at, rule);
      }
    }
  }
}

TEST(PoolTable, LeavesTheFirstOfTwoPoolsOfOneRuleWhenTheOtherGoes) {
  PoolTable table;
  table.Add({.rule = Rule(1), .slot_at = 10});
  table.Add({.rule = Rule(1), .slot_at = 20});
  table.Remove(*table.At(20));
  ASSERT_NE(table.Find(Rule(1)), nullptr);
  EXPECT_EQ(table.Find(Rule(1))->slot_at, 10U);
  EXPECT_EQ(table.At(20), nullptr);
}

}  // namespace
}  // namespace holdfast::control
