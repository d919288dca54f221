// Row maps and location tables: kept once, counted, given back, and found again by another control.
#include <gtest/gtest.h>
#include <string>

#include "dataplane/table/verify.h"
#include "tests/control/publish_kit.h"

namespace holdfast::control {
namespace {

class SharedBlobsTest : public PublishTest {
 protected:
  void SetUp() override {
    PublishTest::SetUp();
    Open();
  }
  void PublishPools(const std::vector<CompiledPool>& pools) {
    std::vector<CompiledName> names{Name("test.", {})};
    for (const CompiledPool& pool : pools) {
      names.push_back(
          Name("r" + std::to_string(pool.rule.word[0]) + ".test.", {Routed(pool.rule.word[0])}));
    }
    Publish(ZoneOf(1, names), pools);
    publisher_->Reclaim();
    const auto result = table::VerifyImage(publisher_->view(), publisher_->generation());
    EXPECT_TRUE(result.defects.empty()) << table::RuleText(result.defects[0].rule);
  }
  // The location table of a pool's decision.
  std::uint32_t TableOf(std::uint64_t rule) {
    const Snapshot snapshot(publisher_->view(), publisher_->generation());
    const PaddedName name(Wire("r" + std::to_string(rule) + ".test."), snapshot.key());
    const NameRecord* record = snapshot.Find(name.key());
    return snapshot.DecisionOf(record->rrset[0].at)->location_at;
  }
};

TEST_F(SharedBlobsTest, AreKeptOncePerContent) {
  PublishPools({Switch(1, 10, Located(1000)), Switch(2, 20, Located(1000))});
  EXPECT_EQ(TableOf(1), TableOf(2));
  PublishPools({Switch(1, 10, Located(1000)), Switch(2, 20, Located(2000))});
  EXPECT_NE(TableOf(1), TableOf(2));
}

TEST_F(SharedBlobsTest, TakeTheirRoomOnceAndGiveItBack) {
  const auto free = [this] { return publisher_->Use().free_octets; };
  PublishPools({Pool(1, 10), Pool(2, 20)});
  const auto before = free();
  constexpr std::uint32_t kRanges = 50000;  // 400 kB
  PublishPools({Switch(1, 10, Located(1000, kRanges)), Switch(2, 20, Located(1000, kRanges))});
  EXPECT_LT(free(), before - (kRanges * 8));
  EXPECT_GT(free(), before - (kRanges * 8) - 4096) << "once for both";
  PublishPools({Pool(1, 10), Switch(2, 20, Located(1000, kRanges))});
  EXPECT_LT(free(), before - (kRanges * 8)) << "the other still goes by it";
  PublishPools({Pool(1, 10), Pool(2, 20)});
  EXPECT_EQ(free(), before);
}

TEST_F(SharedBlobsTest, AreFoundAgainByANewControl) {
  const std::vector<CompiledPool> pools = {Switch(1, 10, Located(1000)),
                                           Switch(2, 20, Located(1000))};
  PublishPools(pools);
  const auto use = publisher_->Use();
  const auto generation = publisher_->generation();
  Open();
  EXPECT_TRUE(publisher_->adopted());
  EXPECT_EQ(publisher_->Use().blobs, use.blobs);
  for (const CompiledPool& pool : pools) {
    ASSERT_TRUE(publisher_->PutPool(pool));
  }
  const auto again = publisher_->Commit();
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->changed) << "nothing differs, so nothing is published";
  EXPECT_EQ(publisher_->generation(), generation);
  PublishPools({Pool(1, 10), Pool(2, 20)});
  PublishPools(pools);
  EXPECT_EQ(publisher_->Use().blobs, use.blobs);
}

TEST_F(SharedBlobsTest, OfAnAbortedPublishAreGone) {
  PublishPools({Pool(1, 10)});
  const auto before = publisher_->Use();
  ASSERT_TRUE(publisher_->PutPool(Switch(1, 11, Located(1000, 50000))));
  publisher_->Abort();
  PublishPools({Pool(1, 10)});
  EXPECT_EQ(publisher_->Use().blobs, before.blobs);
  EXPECT_EQ(publisher_->Use().free_octets, before.free_octets);
}

TEST_F(SharedBlobsTest, ThatFindNoRoomAreRefusedAndWhatWasThereStays) {
  PublishPools({Switch(1, 10, Located(1000))});
  const auto refused = publisher_->PutPool(Switch(1, 11, Located(1000, 600000)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kExhausted);
  publisher_->Abort();
  PublishPools({Switch(1, 10, Located(1000))});
  EXPECT_EQ(LastOctet(Snapshot(publisher_->view(), publisher_->generation()), "r1.test."), 10);
}

}  // namespace
}  // namespace holdfast::control
