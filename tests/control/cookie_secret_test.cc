// The cookie secret that control keeps by itself: made once, for its owner alone, and what is no
// secret is refused.
#include "control/cookie_secret.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <sys/stat.h>

#include "dataplane/table/format.h"

namespace holdfast::control {
namespace {

using ::testing::HasSubstr;

class CookieSecret : public testing::Test {
 protected:
  CookieSecret() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-cookie-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    path_ = (folder_ / "cookie_secret").string();
  }
  ~CookieSecret() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
  std::string path_;
};

TEST_F(CookieSecret, IsMadeOnceAndForItsOwnerAlone) {
  std::ofstream(path_ + ".new") << "of a start that was killed";
  const auto made = KeptCookieSecret(path_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->size(), table::kCookieSecretOctets);
  struct stat file{};
  ASSERT_EQ(stat(path_.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 07777U, 0600U);
  EXPECT_EQ(KeptCookieSecret(path_).value(), *made);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
  std::filesystem::remove(path_);
  EXPECT_NE(KeptCookieSecret(path_).value(), *made);
}

TEST_F(CookieSecret, IsRefusedWhenItIsNone) {
  const auto refused = [this](const std::string& octets, mode_t mode) {
    std::ofstream(path_, std::ios::trunc) << octets;
    EXPECT_EQ(chmod(path_.c_str(), mode), 0);
    const auto kept = KeptCookieSecret(path_);
    return kept ? std::string() : kept.error().message;
  };
  EXPECT_THAT(refused("short", 0600), HasSubstr("has 5 octets; expected 16"));
  EXPECT_THAT(refused(std::string(17, 'x'), 0600), HasSubstr("has 17 octets; expected 16"));
  EXPECT_THAT(refused(std::string(16, 'x'), 0644), HasSubstr("everybody may read this secret"));
  EXPECT_EQ(refused(std::string(16, 'x'), 0600), "");
  const auto nowhere = KeptCookieSecret((folder_ / "none" / "cookie_secret").string());
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::kIo);
  EXPECT_THAT(nowhere.error().message, HasSubstr("cannot make"));
}

}  // namespace
}  // namespace holdfast::control
