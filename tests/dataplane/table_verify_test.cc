// Every rule of verify has an image that breaks it; a whole image breaks none.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>

#include "control/publish/publisher.h"
#include "dataplane/table/verify.h"
#include "dataplane/wire/name.h"

namespace holdfast::table {
namespace {

using control::CompiledName;
using control::CompiledPool;
using control::CompiledZone;
using control::ImageSpec;
using control::ImageSpecPtr;
using control::Publisher;
using control::RuleDigest;

std::string Wire(const std::string& text) {
  return wire::FromText(text).value();
}

ImageSpecPtr Address(char last, bool twice = false) {
  auto spec = std::make_shared<ImageSpec>();
  spec->type = 1;
  for (int i = 0; i <= (twice ? 1 : 0); ++i) {
    spec->wire += std::string("\xC0\x0C\0\1\0\1\0\0\0\x3C\0\4\xC0\0\2", 15) + last;
    spec->record_ends.push_back(static_cast<std::uint16_t>(spec->wire.size()));
  }
  return spec;
}

ImageSpecPtr Soa() {
  auto spec = std::make_shared<ImageSpec>();
  spec->kind = ImageKind::kNegative;
  spec->type = 6;
  spec->wire = std::string(24, 'x');
  spec->relocations = {{0, (1U << 14U) | 6U}};
  spec->record_ends = {24};
  return spec;
}

// A small published image in plain memory that tests may break.
class VerifyTest : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/dev/shm/holdfast-verify-test-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    control::PublisherOptions options;
    options.run_dir = std::string(folder) + "/run";
    options.image = {folder, 2U << 20U, "verify"};
    std::vector<std::string> notes;
    auto publisher = Publisher::Open(options, notes).value();
    CompiledPool pool;
    pool.rule = RuleDigest{{7, 7}};
    pool.type = 1;
    pool.outcomes = {{0x7FFFFFFF, OutcomeKind::kImage, 0, Address(3)},
                     {0xFFFFFFFF, OutcomeKind::kSubset, 1, Address(4, true)}};
    ASSERT_TRUE(publisher->PutPool(pool));
    CompiledZone zone;
    zone.origin = Wire("test.");
    zone.max_labels = 3;
    zone.negative = Soa();
    auto proof = std::make_shared<ImageSpec>(*TypedAs(47));
    proof->sigs = TypedAs(46);
    zone.order = control::CompiledOrder{.salt = {}, .proofs = {{"", proof}, {"\1a", proof}}};
    const control::CompiledRrset a{1, RrsetKind::kImage, Address(1)};
    const control::CompiledRrset alone{
        1, RrsetKind::kAddress, {}, {.ttl = 60, .address = {192, 0, 2, 1}}};
    zone.names = {
        CompiledName{Wire("test."), kNameApex, {}},
        CompiledName{Wire("a.test."), 0, {alone}},
        CompiledName{Wire("i.test."), 0, {{1, RrsetKind::kImage, Address(1, true)}}},
        CompiledName{Wire(std::string(50, 'l') + ".test."), 0, {alone}},
        CompiledName{Wire("p.test."), 0, {{1, RrsetKind::kPool, pool.rule}}},
        CompiledName{
            Wire("three.test."),
            0,
            {a, {2, RrsetKind::kImage, TypedAs(2)}, {16, RrsetKind::kImage, TypedAs(16)}}}};
    ASSERT_TRUE(publisher->PutZone(zone));
    ASSERT_TRUE(publisher->PutHealth({{"a", 1, true, 0, 5}, {"b", 2, false, 0, 6}}));
    control::CompiledSettings settings;
    settings.cookie_secrets = {std::string(kCookieSecretOctets, 's')};
    ASSERT_TRUE(publisher->PutSettings(settings));
    generation_ = publisher->Commit()->generation;
    const auto mapping = Mapping::Map(publisher->image_path(), false).value();
    octets_.assign(reinterpret_cast<const Line*>(mapping.data()),
                   reinterpret_cast<const Line*>(mapping.data() + mapping.size()));
    publisher.reset();
    std::filesystem::remove_all(folder);
  }
  static ImageSpecPtr TypedAs(std::uint16_t type) {
    auto spec = std::make_shared<ImageSpec>(*Address(1));
    spec->type = type;
    StoreBe16(spec->wire.data() + 2, type);
    return spec;
  }
  [[nodiscard]] View view() const {
    return {reinterpret_cast<const std::byte*>(octets_.data()), octets_.size() * sizeof(Line)};
  }
  template <class T>
  T& At(std::uint32_t at) {
    return *reinterpret_cast<T*>(reinterpret_cast<std::byte*>(octets_.data()) +
                                 (std::size_t{at} * kOffsetUnit));
  }
  ImageHeader& header() { return At<ImageHeader>(0); }
  IndexVersion& index() { return At<IndexVersion>(header().index_at.load()); }
  std::uint32_t RecordAt(const std::string& text) {
    const Snapshot snapshot(view(), generation_);
    const control::PaddedName name(Wire(text), snapshot.key());
    const NameRecord* record = snapshot.Find(name.key());
    return record == nullptr
               ? 0
               : static_cast<std::uint32_t>(
                     (reinterpret_cast<const std::byte*>(record) - view().base()) / kOffsetUnit);
  }
  NameRecord& Record(const std::string& text) { return At<NameRecord>(RecordAt(text)); }
  RrImage& Image(const std::string& text) { return At<RrImage>(Record(text).rrset[0].at); }
  PoolSlot& Slot() { return At<PoolSlot>(Record("p.test.").rrset[0].at); }
  Decision& TheDecision() { return At<Decision>(Slot().decision_at.load()); }
  ZoneVersion& Zone() {
    return At<ZoneVersion>(At<ZoneSlot>(Record("a.test.").zone_at).version_at.load());
  }
  Settings& TheSettings() { return At<Settings>(header().settings_at.load()); }
  void Seal(RrImage& image, std::size_t octets) {
    image.crc32c = Crc32c(reinterpret_cast<std::byte*>(&image) + 4, octets - 4);
  }
  void SealDecision() {
    Decision& d = TheDecision();
    d.crc32c =
        Crc32c(reinterpret_cast<std::byte*>(&d) + 16, sizeof(d) + (d.count * sizeof(Outcome)) - 16);
  }
  void Expect(Rule rule) {
    const VerifyResult result = VerifyImage(view(), generation_);
    bool found = false;
    for (const Defect& defect : result.defects) {
      found = found || defect.rule == rule;
    }
    EXPECT_TRUE(found) << "expected: " << RuleText(rule) << "; found "
                       << (result.defects.empty() ? "nothing" : RuleText(result.defects[0].rule));
  }

  struct alignas(64) Line {
    std::byte octets[64];
  };
  std::vector<Line> octets_;
  Generation generation_;
};

TEST_F(VerifyTest, FindsNothingInAWholeImage) {
  const VerifyResult result = VerifyImage(view(), generation_);
  EXPECT_TRUE(result.defects.empty()) << RuleText(result.defects[0].rule);
  EXPECT_EQ(result.names, 6U);
  EXPECT_EQ(result.pools, 1U);
  EXPECT_EQ(result.images, 9U);
}

TEST_F(VerifyTest, FindsInPartsWhatItFindsAtOnceAndOfWhichName) {
  VerifyResult sum;
  for (std::uint32_t first = 0; first < index().buckets; first += 3) {
    const VerifyResult part = VerifyBuckets(view(), generation_, first, 3);
    EXPECT_TRUE(part.defects.empty()) << RuleText(part.defects[0].rule);
    sum.names += part.names;
  }
  EXPECT_EQ(sum.names, 6U);
  EXPECT_TRUE(VerifyBuckets(view(), generation_, index().buckets, 3).defects.empty());
  EXPECT_TRUE(VerifyHealth(view(), generation_).defects.empty());
  reinterpret_cast<std::uint8_t*>(&TheDecision() + 1)[1] ^= 4;
  std::vector<Defect> found;
  for (std::uint32_t first = 0; first < index().buckets; ++first) {
    std::ranges::copy(VerifyBuckets(view(), generation_, first, 1).defects,
                      std::back_inserter(found));
  }
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].rule, Rule::kDecisionChecksum);
  EXPECT_EQ(found[0].record_at, RecordAt("p.test."));
}

TEST_F(VerifyTest, FindsABrokenHeader) {
  header().octets ^= 1U;
  Expect(Rule::kHeader);
}
TEST_F(VerifyTest, FindsABrokenIndex) {
  index().spill = kMaxSpill + 1;
  Expect(Rule::kIndexVersion);
}
TEST_F(VerifyTest, FindsAChainThatRunsBackwards) {
  index().older_at = header().index_at.load() + 4;
  At<IndexVersion>(header().index_at.load() + 4).born = ~std::uint64_t{0};
  Expect(Rule::kVersionChain);
}
TEST_F(VerifyTest, FindsAReferenceToNowhere) {
  At<Bucket>(index().buckets_at).ref[9] = 0xFFFFFFF0;
  Expect(Rule::kRecordPlace);
}
TEST_F(VerifyTest, FindsANameThatIsNotFolded) {
  Record("a.test.").name[1] = 'A';
  Expect(Rule::kRecordName);
}
TEST_F(VerifyTest, FindsALongNameWithAWrongChecksum) {
  const std::string name = std::string(50, 'l') + ".test.";
  reinterpret_cast<std::byte*>(&At<NameBlob>(LoadAs<std::uint32_t>(Record(name).name)))[12] =
      std::byte{'m'};
  Expect(Rule::kRecordName);
}
TEST_F(VerifyTest, FindsARecordInTheWrongBucket) {
  Record("a.test.").name[1] = 'b';
  Expect(Rule::kRecordBucket);
}
TEST_F(VerifyTest, FindsRrsetsOfUnknownKind) {
  Record("a.test.").rrset[0].kind = static_cast<RrsetKind>(9);
  Expect(Rule::kRecordRrsets);
}
TEST_F(VerifyTest, FindsAZoneThatDoesNotEncloseTheName) {
  auto& blob = At<NameBlob>(Zone().name_at);
  reinterpret_cast<std::byte*>(&blob)[kNameBlobName + 1] = std::byte{'r'};
  blob.crc32c = Crc32c(reinterpret_cast<std::byte*>(&blob) + 4, kNameBlobName + blob.octets - 4);
  Expect(Rule::kRecordZone);
}
TEST_F(VerifyTest, FindsANameWithTooManyLabels) {
  header().max_labels.store(1);
  Expect(Rule::kRecordLabels);
}
TEST_F(VerifyTest, FindsATableOfRrsetsWithAWrongChecksum) {
  At<RrsetTable>(Record("three.test.").rrset[0].at).count = 4;
  Expect(Rule::kTableChecksum);
}
TEST_F(VerifyTest, FindsAnImageOutside) {
  Image("i.test.").octets = 65535;
  header().octets = 0;
  Record("i.test.").rrset[0].at = static_cast<std::uint32_t>(octets_.size() * 4);
  Expect(Rule::kImagePlace);
}
TEST_F(VerifyTest, FindsAnImageWithAWrongChecksum) {
  reinterpret_cast<std::byte*>(&Image("i.test.") + 1)[4 + 9] = std::byte{61};  // the TTL
  Expect(Rule::kImageChecksum);
}
TEST_F(VerifyTest, FindsRecordsThatDoNotFillTheWireOctets) {
  auto& image = Image("i.test.");
  reinterpret_cast<std::uint16_t*>(&image + 1)[1] = 31;  // where the second record ends
  Seal(image, 16 + 4 + 32);
  Expect(Rule::kImageRecords);
}
TEST_F(VerifyTest, FindsARelocationOutside) {
  auto& image = At<RrImage>(Zone().negative_at);
  reinterpret_cast<Relocation*>(&image + 1)->at = 23;
  Seal(image, 16 + 4 + 24);
  Expect(Rule::kImageRelocation);
}
TEST_F(VerifyTest, FindsAnAddressWithAWrongChecksum) {
  auto& record = Record("a.test.");
  ASSERT_EQ(record.rrset[0].kind, RrsetKind::kAddress);
  reinterpret_cast<std::byte*>(&record.rrset[1])[7] ^= std::byte{1};
  Expect(Rule::kRecordAddress);
}
TEST_F(VerifyTest, FindsAnAddressOfAnotherType) {
  Record("a.test.").rrset[0].type = 28;
  Expect(Rule::kRecordAddress);
}
TEST_F(VerifyTest, FindsAnAddressBesideAnotherRrset) {
  Record("a.test.").rrsets = 2;
  Expect(Rule::kRecordRrsets);
}
TEST_F(VerifyTest, FindsAnImageOfAnotherType) {
  Record("i.test.").rrset[0].type = 28;
  Expect(Rule::kImageKind);
}
TEST_F(VerifyTest, FindsAPoolOutside) {
  Record("p.test.").rrset[0].at = 0xFFFFFFF0;
  Expect(Rule::kPoolPlace);
}
TEST_F(VerifyTest, FindsAPoolWithoutADecision) {
  TheDecision().count = 0;
  Expect(Rule::kDecisionPlace);
}
TEST_F(VerifyTest, FindsADecisionWithAWrongChecksum) {
  TheDecision().reserved ^= 1;
  Expect(Rule::kDecisionChecksum);
}
TEST_F(VerifyTest, FindsThresholdsThatDoNotAscend) {
  reinterpret_cast<Outcome*>(&TheDecision() + 1)[1].upto = 5;
  SealDecision();
  Expect(Rule::kDecisionOutcomes);
}
TEST_F(VerifyTest, FindsAZoneOutside) {
  Record("a.test.").zone_at = 0xFFFFFFF0;
  Expect(Rule::kZonePlace);
}
TEST_F(VerifyTest, FindsAZoneWithAWrongChecksum) {
  Zone().serial ^= 1;
  Expect(Rule::kZoneChecksum);
}
TEST_F(VerifyTest, FindsProofsWithAWrongChecksum) {
  At<OrderedTable>(Zone().ordered_at).iterations ^= 1;
  Expect(Rule::kOrderedTable);
}
TEST_F(VerifyTest, FindsProofsOutOfOrderOrOutside) {
  auto& table = At<OrderedTable>(Zone().ordered_at);
  auto* entry = reinterpret_cast<OrderedName*>(&table + 1);
  const auto seal = [&] {
    table.crc32c = Crc32c(reinterpret_cast<std::byte*>(&table) + 4,
                          sizeof(table) + (2 * sizeof(OrderedName)) + table.tail - 4);
  };
  std::swap(entry[0].name_at, entry[1].name_at);
  seal();
  Expect(Rule::kOrderedTable);
  std::swap(entry[0].name_at, entry[1].name_at);
  entry[1].name_at = table.tail;
  seal();
  Expect(Rule::kOrderedTable);
  table.count = 0xFFFFFFFF;
  Expect(Rule::kOrderedTable);
}
TEST_F(VerifyTest, FindsProofsAndSignaturesOfAnotherType) {
  auto& table = At<OrderedTable>(Zone().ordered_at);
  const std::uint32_t proof_at = reinterpret_cast<OrderedName*>(&table + 1)->at;
  auto& proof = At<RrImage>(proof_at);
  proof.sigs_at = Record("i.test.").rrset[0].at;
  Seal(proof, 32);
  Expect(Rule::kImageKind);
}
TEST_F(VerifyTest, FindsHealthOutOfOrder) {
  reinterpret_cast<HealthEntry*>(&At<HealthTable>(header().health_at.load()) + 1)->id[0] = 'z';
  Expect(Rule::kHealthTable);
}
TEST_F(VerifyTest, FindsSettingsOutside) {
  header().settings_at.store(static_cast<std::uint32_t>((octets_.size() * 4) - 1));
  Expect(Rule::kSettings);
}
TEST_F(VerifyTest, FindsSettingsWithAWrongChecksum) {
  TheSettings().cookie_secret[0][3] ^= 1;
  Expect(Rule::kSettings);
  EXPECT_FALSE(VerifyHealth(view(), generation_).defects.empty()) << "and so does the scrub";
}
TEST_F(VerifyTest, FindsSettingsWhoseNumbersAreTooLarge) {
  Settings& settings = TheSettings();
  const Settings whole = settings;
  const auto expect = [&](auto change) {
    settings = whole;
    change();
    settings.crc32c = ChecksumOf(settings);
    Expect(Rule::kSettings);
  };
  expect([&] { settings.cookies = static_cast<CookieMode>(3); });
  expect([&] { settings.cookie_secrets = kMaxCookieSecrets + 1; });
  expect([&] { settings.nsid_octets = kMaxNsidOctets + 1; });
  expect([&] { settings.extended_errors = 2; });
}
TEST_F(VerifyTest, FindsPoolsThatLeadToThemselves) {
  auto* outcome = reinterpret_cast<Outcome*>(&TheDecision() + 1);
  outcome[0].kind = OutcomeKind::kPool;
  outcome[0].at = Record("p.test.").rrset[0].at;
  SealDecision();
  const VerifyResult result = VerifyImage(view(), generation_);
  EXPECT_EQ(result.pools, 1U);  // looked at once, and it ends
}

}  // namespace
}  // namespace holdfast::table
