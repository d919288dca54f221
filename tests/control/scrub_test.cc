// The background check on a hand-moved clock: how fast it goes, what it finds, when it rests.
#include "control/scrub.h"

#include <gmock/gmock.h>

#include "tests/control/publish_kit.h"

namespace holdfast::control {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

class ScrubTest : public PublishTest {
 protected:
  void SetUp() override {
    PublishTest::SetUp();
    Open();
    ASSERT_TRUE(PublishState(*publisher_, 3));
  }
  std::optional<Scrub::Found> Step() {
    now_ += milliseconds(10);
    return scrub_.Step(publisher_->view(), publisher_->generation(), minutes(1), now_);
  }
  // Goes on until it finds something or has ended a pass; the clock says how long that took.
  std::optional<Scrub::Found> Pass() {
    const auto passes = scrub_.state().passes;
    const auto began = now_;
    std::optional<Scrub::Found> found;
    while (!found && scrub_.state().passes == passes && now_ - began < hours(3)) {
      found = Step();
    }
    took_ = now_ - began;
    return found;
  }
  // Through a mapping of its own, as what damages memory would do it.
  std::byte& Octet(std::uint64_t at) {
    if (mapping_.data() == nullptr || mapped_ != publisher_->image_path()) {
      mapped_ = publisher_->image_path();
      mapping_ = table::Mapping::Map(mapped_, true).value();
    }
    return mapping_.data()[at];
  }
  std::uint64_t ImageOf(const std::string& text) {
    const Snapshot snapshot(publisher_->view(), publisher_->generation());
    const PaddedName name(Wire(text), snapshot.key());
    return std::uint64_t{snapshot.Find(name.key())->rrset[0].at} * kOffsetUnit;
  }

  Scrub scrub_;
  Scrub::Time now_ = seconds(1000);
  Scrub::Time took_{};
  std::string mapped_;
  table::Mapping mapping_;
};

TEST_F(ScrubTest, TakesItsTimeForEachPass) {
  EXPECT_FALSE(Pass());
  EXPECT_GE(took_, minutes(1));
  EXPECT_LE(took_, seconds(61));
  EXPECT_FALSE(Pass());
  EXPECT_EQ(scrub_.state().passes, 2U);
  EXPECT_EQ(scrub_.state().defects, 0U);
}

TEST_F(ScrubTest, GoesOnWhileTheTablesChange) {
  int state = 1;
  while (scrub_.state().passes < 2) {
    ASSERT_FALSE(Step());
    if (now_.count() % seconds(1).count() == 0) {
      ASSERT_TRUE(PublishState(*publisher_, state = state % 4 + 1));
    }
  }
}

TEST_F(ScrubTest, FindsDamageAndSaysOfWhichNameThenWaits) {
  const std::uint64_t at = ImageOf("s7.test.");
  Octet(at + sizeof(table::RrImage) + 13) ^= std::byte{1};
  const auto found = Pass();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->defect.rule, table::Rule::kImageChecksum);
  EXPECT_THAT(found->text, HasSubstr("octet " + std::to_string(at) + " ("));
  EXPECT_THAT(found->text, HasSubstr(".test.): an rrset image has a wrong checksum"));
  EXPECT_EQ(scrub_.state().last_defect, found->text);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(Step());
  }
  std::vector<std::string> notes;
  ASSERT_TRUE(publisher_->StartAnew(notes));
  ASSERT_TRUE(PublishState(*publisher_, 3));
  scrub_.Rebuilt({}, now_);
  EXPECT_FALSE(Pass());
  EXPECT_EQ(scrub_.state().passes, 1U);
  EXPECT_EQ(scrub_.state().rebuilt, 1U);
}

TEST_F(ScrubTest, LooksThroughALargeBlobSliceBySlice) {
  constexpr std::uint32_t kRanges = 100000;  // 800 kB: a dozen slices
  ASSERT_TRUE(publisher_->PutPool(Switch(4, 3, Located(1U << 24U, kRanges))));
  ASSERT_TRUE(publisher_->Commit());
  EXPECT_FALSE(Pass());
  const Snapshot snapshot(publisher_->view(), publisher_->generation());
  const PaddedName name(Wire("r4.test."), snapshot.key());
  const auto* decision = snapshot.DecisionOf(snapshot.Find(name.key())->rrset[0].at);
  const std::uint64_t at = std::uint64_t{decision->location_at} * kOffsetUnit;
  Octet(at + (kRanges * 7)) ^= std::byte{1};
  const auto found = Pass();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->defect.rule, table::Rule::kLocationTable);
  EXPECT_THAT(found->text, HasSubstr("octet " + std::to_string(at) + " (r"));
}

TEST_F(ScrubTest, TakesWhatThePublisherCameAcrossOnce) {
  Octet(ImageOf("s7.test.") + sizeof(table::RrImage) + 13) ^= std::byte{1};
  ASSERT_TRUE(PublishState(*publisher_, 2));
  ASSERT_TRUE(PublishState(*publisher_, 4));
  ASSERT_TRUE(publisher_->damaged());
  const auto take = [this] {
    return scrub_.Take(publisher_->view(), *publisher_->damaged(), now_);
  };
  ASSERT_TRUE(take());
  EXPECT_THAT(scrub_.state().last_defect, HasSubstr("an rrset image has a wrong checksum"));
  EXPECT_FALSE(take());
  EXPECT_EQ(scrub_.state().defects, 1U);
  std::vector<std::string> notes;
  ASSERT_TRUE(publisher_->StartAnew(notes));
  ASSERT_TRUE(PublishState(*publisher_, 3));
  scrub_.Rebuilt({}, now_);
  EXPECT_FALSE(publisher_->damaged());
  EXPECT_FALSE(Pass());
}

TEST_F(ScrubTest, FindsDamageOfTheHealthAndOfTheHeader) {
  const auto health_at =
      std::uint64_t{16} *
      reinterpret_cast<const table::ImageHeader*>(publisher_->view().base())->health_at.load();
  Octet(health_at + sizeof(table::HealthTable) + offsetof(table::HealthEntry, raw)) ^=
      std::byte{128};
  ASSERT_TRUE(Pass());
  EXPECT_THAT(scrub_.state().last_defect, HasSubstr("the health table"));
  scrub_.Rebuilt({}, now_);
  Octet(offsetof(table::ImageHeader, created_ms)) ^= std::byte{1};
  ASSERT_TRUE(Pass());
  EXPECT_THAT(scrub_.state().last_defect, HasSubstr("octet 0: the header is damaged"));
  scrub_.Rebuilt({}, now_);
  Octet(offsetof(table::ImageHeader, index_at) + 3) = std::byte{0xFF};
  ASSERT_TRUE(Pass());
}

TEST_F(ScrubTest, RestsLongerEachTimeWhenBuildingAnewDoesNotHelp) {
  Octet(ImageOf("s7.test.") + sizeof(table::RrImage) + 13) ^= std::byte{1};
  Scrub::Time least{};
  for (int i = 0; i < 16; ++i) {
    ASSERT_TRUE(Pass());
    EXPECT_GE(took_, least);
    least = i < 2 ? Scrub::Time{} : std::min<Scrub::Time>(2 * least + seconds(1), minutes(50));
    scrub_.Rebuilt(Fail(ErrorCode::kExhausted, "no room"), now_);
  }
  EXPECT_LE(took_, minutes(62));
  EXPECT_EQ(scrub_.state().problem, "no room");
  EXPECT_EQ(scrub_.state().rebuilt, 0U);
  EXPECT_EQ(scrub_.state().defects, 16U);
}

}  // namespace
}  // namespace holdfast::control
