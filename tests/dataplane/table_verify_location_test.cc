// The rules of verify about decisions that depend on the client, each broken in an image of tables
// as production makes them.
#include <functional>
#include <gtest/gtest.h>
#include <string>

#include "control/publish/name_index.h"
#include "dataplane/table/location.h"
#include "dataplane/table/verify.h"
#include "tests/dataplane/located_zone.h"
#include "tests/dataplane/test_tables.h"

namespace holdfast::table {
namespace {

class VerifyLocation : public testing::Test {
 protected:
  [[nodiscard]] Snapshot snapshot() const { return image_.snapshot(); }
  // The switch that answers for a name's A.
  [[nodiscard]] const Decision* Switch(const char* text = "geo.example.test.") const {
    const control::PaddedName name(test::Wire(text), snapshot().key());
    const NameRecord* record = snapshot().Find(name.key());
    return record == nullptr ? nullptr : snapshot().DecisionOf(record->rrset[0].at);
  }
  [[nodiscard]] const LocationTable* Table() const {
    return snapshot().view().At<LocationTable>(Switch()->location_at);
  }
  [[nodiscard]] const RowMap* Map() const {
    return snapshot().view().At<RowMap>(OpenDecision(snapshot().view(), Switch()).map_at);
  }
  // The image is ours: what a reader sees as constant may be broken.
  template <class T>
  static T& Mutable(const T* at) {
    return const_cast<T&>(*at);
  }
  template <class T>
  static void Seal(const T* blob, std::uint64_t octets) {
    Mutable(blob).crc32c =
        Crc32c(reinterpret_cast<const std::byte*>(blob) + sizeof(blob->crc32c), octets - 4);
  }
  static void SealDecision(const Decision* decision, std::uint64_t octets) {
    Mutable(decision).crc32c =
        Crc32c(reinterpret_cast<const std::byte*>(decision) + 16, octets - 16);
  }
  void Expect(Rule rule) {
    const VerifyResult result = VerifyImage(snapshot().view(), snapshot().generation());
    bool found = false;
    for (const Defect& defect : result.defects) {
      found = found || defect.rule == rule;
    }
    EXPECT_TRUE(found) << "expected: " << RuleText(rule) << "; found "
                       << (result.defects.empty() ? "nothing" : RuleText(result.defects[0].rule));
  }

  test::TestTables tables_{test::LocatedModel()};
  test::FrozenImage image_ = tables_.Freeze();
};

TEST_F(VerifyLocation, FindsNothingInAWholeImage) {
  ASSERT_NE(Switch(), nullptr);
  EXPECT_EQ(Switch()->op, DecisionOp::kSwitch);
  for (const Defect& defect : VerifyImage(snapshot().view(), snapshot().generation()).defects) {
    EXPECT_EQ(defect.rule, Rule::kHeader) << RuleText(defect.rule);  // the copy is cut off
  }
}

TEST_F(VerifyLocation, FindsASwitchWithAWrongChecksum) {
  Mutable(OpenDecision(snapshot().view(), Switch()).list_of_row.data()) ^= 1U;
  Expect(Rule::kDecisionChecksum);
}

TEST_F(VerifyLocation, FindsARowWithoutAList) {
  const DecisionParts parts = OpenDecision(snapshot().view(), Switch());
  Mutable(parts.list_of_row.data()) = static_cast<std::uint16_t>(parts.list_end.size());
  SealDecision(Switch(), parts.octets);
  Expect(Rule::kDecisionLists);
}

TEST_F(VerifyLocation, FindsListsThatDoNotFillTheOutcomes) {
  const DecisionParts parts = OpenDecision(snapshot().view(), Switch());
  Mutable(&parts.list_end.back()) -= 1;
  SealDecision(Switch(), parts.octets);
  Expect(Rule::kDecisionLists);
}

TEST_F(VerifyLocation, FindsARowThatTheSwitchDoesNotHave) {
  const auto rows = OpenRowMap(snapshot().view(), OpenDecision(snapshot().view(), Switch()).map_at);
  Mutable(rows.data()) = 999;
  Seal(Map(), sizeof(RowMap) + rows.size_bytes());
  Expect(Rule::kRowMap);
}

TEST_F(VerifyLocation, FindsAMapWithAWrongChecksum) {
  Mutable(OpenRowMap(snapshot().view(), OpenDecision(snapshot().view(), Switch()).map_at).data()) ^=
      1U;
  Expect(Rule::kRowMap);
}

// Each breaks one rule of the format, under a right checksum.
TEST_F(VerifyLocation, FindsWhatIsWrongInALocationTable) {
  const std::pair<const char*, std::function<void(const LocationParts&)>> cases[] = {
      {"ranges out of order", [](const auto& p) { Mutable(p.v4.start + 1) = ~std::uint32_t{0}; }},
      {"a first range that is not at 0", [](const auto& p) { Mutable(p.v6.start) = 1; }},
      {"a record that is not there", [](const auto& p) { Mutable(p.v4.record) = 99; }},
      {"a stretch that begins elsewhere", [](const auto& p) { Mutable(p.v4.top) += 1; }},
      {"a class that is not there",
       [](const auto& p) { Mutable(p.records.data() + 1).class_at = p.table->classes; }},
      {"a parent that is as long",
       [](const auto& p) {
         const auto last = static_cast<std::uint32_t>(p.records.size() - 1);
         Mutable(p.records.data() + last).parent = last;
       }},
      {"an unknown client with a class",
       [](const auto& p) { Mutable(p.records.data()).class_at = 1; }}};
  for (const auto& [what, breaks] : cases) {
    SCOPED_TRACE(what);
    image_ = tables_.Freeze();
    const LocationParts parts =
        OpenLocation(snapshot().view(), Switch("cidr.example.test.")->location_at);
    breaks(parts);
    Seal(parts.table, parts.octets);
    Expect(Rule::kLocationTable);
  }
}

TEST_F(VerifyLocation, FindsALocationTableWithAWrongChecksum) {
  Mutable(Table()).classes += 1;
  Expect(Rule::kLocationTable);
}

TEST_F(VerifyLocation, FindsALocationTableOutside) {
  const DecisionParts parts = OpenDecision(snapshot().view(), Switch());
  Mutable(Switch()).location_at = 0xFFFFFFF0;
  SealDecision(Switch(), parts.octets);
  Expect(Rule::kLocationTable);
}

}  // namespace
}  // namespace holdfast::table
