// Traffic policies in the store: what survives a restart, and what is refused.
#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "control/model/store.h"

namespace holdfast::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TrafficStore : public ::testing::Test {
 protected:
  TrafficStore() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-store-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    Open();
  }
  ~TrafficStore() override {
    store_ = nullptr;
    std::filesystem::remove_all(folder_);
  }
  void Open() {
    store_ = nullptr;
    auto store = Store::Open((folder_ / "state.db").string());
    EXPECT_TRUE(store) << store.error().message;
    store_ = store ? std::move(*store) : nullptr;
  }
  Status Add(const std::string& id, const std::string& name, std::uint32_t version) {
    return store_->AddPolicyVersion(
        id, name, {version, 1, "v" + std::to_string(version), 7}, "{\"\u00e9\": " + id + "}\n");
  }

  std::filesystem::path folder_;
  std::unique_ptr<Store> store_;
};

StoredInstance SomeInstance(const std::string& id, const std::string& label) {
  return {id,
          std::string("\4test\0", 6),
          static_cast<char>(label.size()) + label + std::string("\4test\0", 6),
          1,
          60,
          "z",
          1};
}

TEST_F(TrafficStore, KeepsPoliciesInTheOrderTheyWereMade) {
  ASSERT_TRUE(Add("z", "web", 1));
  ASSERT_TRUE(Add("a", "mail", 1));
  ASSERT_TRUE(Add("z", "web", 2));
  ASSERT_TRUE(store_->SaveInstance(SomeInstance("i", "www")));
  Open();
  const auto policies = store_->Policies().value();
  ASSERT_EQ(policies.size(), 2U);
  EXPECT_EQ(policies[0].name, "web");
  EXPECT_EQ(policies[0].last_version, 2U);
  EXPECT_THAT(policies[0].versions,
              ElementsAre(StoredPolicyVersion{1, 1, "v1", 7}, StoredPolicyVersion{2, 1, "v2", 7}));
  EXPECT_EQ(policies[1].name, "mail");
  EXPECT_EQ(store_->PolicyDocument("a", 1).value(), "{\"\u00e9\": a}\n");
  EXPECT_THAT(store_->Instances().value(), ElementsAre(SomeInstance("i", "www")));
}

TEST_F(TrafficStore, RefusesAVersionOrANameThatIsThereAlready) {
  ASSERT_TRUE(Add("z", "web", 1));
  for (const auto& again : {Add("z", "web", 1), Add("other", "web", 1)}) {
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::kConflict);
  }
  EXPECT_FALSE(Add("z", "web", kMaxPolicyVersions + 1));
  EXPECT_EQ(store_->Policies().value()[0].last_version, 1U) << "half of a refused version is kept";
  EXPECT_EQ(store_->PolicyDocument("z", 2).error().code, ErrorCode::kNotFound);
}

TEST_F(TrafficStore, ForgetsAPolicyWithItsLastVersionButNoneThatIsInUse) {
  ASSERT_TRUE(Add("z", "web", 1));
  ASSERT_TRUE(Add("z", "web", 2));
  ASSERT_TRUE(store_->SaveInstance(SomeInstance("i", "www")));
  const auto used = store_->ForgetPolicyVersion("z", 1);
  ASSERT_FALSE(used);
  EXPECT_EQ(used.error().code, ErrorCode::kConflict);
  EXPECT_THAT(used.error().message, HasSubstr("FOREIGN KEY"));
  ASSERT_TRUE(store_->ForgetPolicyVersion("z", 2));
  EXPECT_EQ(store_->Policies().value()[0].last_version, 2U) << "its number must not come again";
  ASSERT_TRUE(store_->ForgetInstance("i"));
  ASSERT_TRUE(store_->ForgetPolicyVersion("z", 1));
  EXPECT_THAT(store_->Policies().value(), IsEmpty());
  EXPECT_TRUE(store_->ForgetInstance("i"));
  EXPECT_TRUE(store_->ForgetPolicyVersion("z", 1));
}

TEST_F(TrafficStore, HasOneInstanceOfANameAndType) {
  ASSERT_TRUE(Add("z", "web", 1));
  ASSERT_TRUE(Add("z", "web", 2));
  ASSERT_TRUE(store_->SaveInstance(SomeInstance("i", "www")));
  StoredInstance changed = SomeInstance("i", "www");
  changed.ttl = 5;
  changed.version = 2;
  ASSERT_TRUE(store_->SaveInstance(changed));
  EXPECT_FALSE(store_->SaveInstance(SomeInstance("j", "www")));
  StoredInstance without = SomeInstance("k", "ftp");
  without.version = 3;
  EXPECT_FALSE(store_->SaveInstance(without)) << "of a version that does not exist";
  EXPECT_THAT(store_->Instances().value(), ElementsAre(changed));
}

}  // namespace
}  // namespace holdfast::control
