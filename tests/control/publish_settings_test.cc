// The settings of an image, and the access rules that they lead to: from which generation on they
// hold, what a new control finds of them, and that their room comes back.
#include <gtest/gtest.h>
#include <string>

#include "dataplane/table/verify.h"
#include "tests/control/publish_kit.h"

namespace holdfast::control {
namespace {

TEST_F(PublishTest, ShowsSettingsFromTheirGenerationOn) {
  Open();
  Publish(ZoneOf(1, {Name("test.", {})}));
  Reader reader(options_.run_dir);
  EXPECT_EQ(reader.Take().settings(), nullptr);
  const auto put = [this](const CompiledSettings& settings) {
    EXPECT_TRUE(publisher_->PutSettings(settings));
    return publisher_->Commit().value().changed;
  };
  EXPECT_TRUE(put(SettingsNamed("one")));
  const Snapshot first = reader.Take();
  EXPECT_EQ(IdentityIn(first), "one");
  EXPECT_FALSE(put(SettingsNamed("one"))) << "nothing differs";
  CompiledSettings all = SettingsNamed("two");
  all.cookies = table::CookieMode::kRequire;
  all.cookie_secrets = {std::string(16, 'a'), std::string(16, 'b')};
  all.nsid = std::string("\0n", 2);
  all.version = std::string(255, 'v');
  all.extended_errors = true;
  EXPECT_TRUE(put(all));
  EXPECT_EQ(IdentityIn(first), "one") << "of a burst under way";
  const table::Settings& now = *reader.Take().settings();
  EXPECT_EQ(now.cookies, table::CookieMode::kRequire);
  EXPECT_EQ(now.cookie_secrets, 2);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(now.cookie_secret[1]), 16),
            all.cookie_secrets[1]);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(now.nsid), now.nsid_octets), all.nsid);
  EXPECT_EQ(std::string(now.version, now.version_octets), all.version);
  EXPECT_EQ(now.extended_errors, 1);
  ASSERT_TRUE(publisher_->PutSettings(SettingsNamed("three")));
  publisher_->Abort();
  EXPECT_EQ(IdentityIn(reader.Take()), "two");
  Open();
  EXPECT_TRUE(publisher_->adopted());
  EXPECT_FALSE(put(all)) << "a new control finds them";
  EXPECT_TRUE(put(SettingsNamed("four")));
  EXPECT_EQ(IdentityIn(reader.Take()), "four");
}

TEST_F(PublishTest, GivesBackTheRoomOfSettings) {
  Open();
  Publish(ZoneOf(1, {Name("test.", {})}));
  std::uint64_t free_octets = 0;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(publisher_->PutSettings(SettingsNamed(std::to_string(i % 10))));
    ASSERT_TRUE(publisher_->Commit());
    publisher_->Reclaim();
    if (i == 0) {
      free_octets = publisher_->Use().free_octets;
    }
  }
  EXPECT_EQ(publisher_->Use().free_octets, free_octets);
}

TEST_F(PublishTest, GivesBackTheRoomOfAccessRules) {
  Open();
  Publish(ZoneOf(1, {Name("test.", {})}));
  const auto put = [this](const TableBlob& access) {
    ASSERT_TRUE(publisher_->PutSettings(SettingsNamed("one", access)));
    ASSERT_TRUE(publisher_->Commit());
    publisher_->Reclaim();
    const auto result = table::VerifyImage(publisher_->view(), publisher_->generation());
    EXPECT_TRUE(result.defects.empty()) << table::RuleText(result.defects[0].rule);
  };
  constexpr std::uint32_t kRanges = 10'000;
  put(nullptr);
  const auto without = publisher_->Use().free_octets;
  put(Located(1000, kRanges));
  const auto with = publisher_->Use().free_octets;
  EXPECT_LT(with, without - (kRanges * 8));
  put(Located(1000, kRanges));
  EXPECT_EQ(publisher_->Use().free_octets, with) << "the same, once";
  put(Located(2000, kRanges));
  EXPECT_EQ(publisher_->Use().free_octets, with) << "others in their place";
  ASSERT_TRUE(publisher_->PutSettings(SettingsNamed("one", Located(3000, kRanges))));
  publisher_->Abort();
  publisher_->Reclaim();
  EXPECT_EQ(publisher_->Use().free_octets, with) << "of an aborted publish";
  Open();
  EXPECT_TRUE(publisher_->adopted());
  put(nullptr);
  EXPECT_EQ(publisher_->Use().free_octets, without) << "a new control knows of them";
}

TEST_F(PublishTest, FindsDamagedAccessRulesWhereTheyLie) {
  Open();
  Publish(ZoneOf(1, {Name("test.", {})}));
  ASSERT_TRUE(publisher_->PutSettings(SettingsNamed("one", Located(1000))));
  ASSERT_TRUE(publisher_->Commit());
  const Snapshot snapshot(publisher_->view(), publisher_->generation());
  const std::uint32_t at = snapshot.settings()->access_at;
  ASSERT_NE(at, 0U);
  auto* octets = const_cast<char*>(snapshot.view().At<char>(at));
  octets[sizeof(table::LocationTable) + 8] ^= 1;
  const auto result = table::VerifyHealth(publisher_->view(), publisher_->generation());
  ASSERT_EQ(result.defects.size(), 1U);
  EXPECT_EQ(result.defects[0].rule, table::Rule::kLocationTable);
  EXPECT_EQ(result.defects[0].at, at);
}

}  // namespace
}  // namespace holdfast::control
