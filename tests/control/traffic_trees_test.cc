// Instances of the store as trees: what a row says that no command writes is a fault of its
// instance, in words, and of nothing else.
#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <sqlite3.h>
#include <string>
#include <vector>

#include "control/model/store.h"
#include "control/traffic/trees.h"
#include "tests/control/compile_kit.h"

namespace holdfast::control {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class StoredTrees : public ::testing::Test {
 protected:
  StoredTrees() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-trees-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    auto store = Store::Open(Path());
    EXPECT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    EXPECT_TRUE(store_->AddPolicyVersion(
        "p", "web", {1, kit::TypeOf("A"), "", 7}, R"({"AWSPolicyFormatVersion": "2015-10-01",
          "RecordType": "A", "StartEndpoint": "a",
          "Endpoints": {"a": {"Type": "value", "Value": "192.0.2.1"}}})"));
    for (const char* label : {"good", "www"}) {
      EXPECT_TRUE(store_->SaveInstance(Whole(label)));
    }
  }
  ~StoredTrees() override {
    store_ = nullptr;
    std::filesystem::remove_all(folder_);
  }
  static StoredInstance Whole(const std::string& label) {
    return {label,
            kit::Wire("example.test"),
            kit::Wire(label + ".example.test"),
            kit::TypeOf("A"),
            60,
            "p",
            1};
  }
  [[nodiscard]] std::string Path() const { return (folder_ / "state.db").string(); }

  // Behind our back: with no regard to foreign keys.
  void Run(const std::string& sql) const {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(Path().c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  // Of the instance www, one column of whose row is something else; the other instance stays whole.
  TrafficTree Damaged(const std::string& column, const std::string& value) {
    EXPECT_TRUE(store_->SaveInstance(Whole("www")));
    Run("UPDATE traffic_policy_instance SET " + column + " = " + value + " WHERE id = 'www'");
    const auto trees = TreesOf(*store_);
    EXPECT_TRUE(trees) << trees.error().message;
    EXPECT_THAT(*trees, SizeIs(2)) << value;
    EXPECT_THAT(trees->at(0).fault, IsEmpty()) << value;
    EXPECT_THAT(trees->at(0).record_sets, SizeIs(1)) << value;
    EXPECT_THAT(trees->at(1).record_sets, IsEmpty()) << value;
    return trees->at(1);
  }

  std::filesystem::path folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoredTrees, StandWhereTheyAreWhole) {
  const auto trees = TreesOf(*store_).value();
  ASSERT_THAT(trees, SizeIs(2));
  EXPECT_EQ(trees[1].title, "traffic policy instance www.example.test. A");
  EXPECT_EQ(trees[1].record_sets.at(0).rdata.at(0), kit::V4("192.0.2.1"));
}

TEST_F(StoredTrees, SayThatANameOrAZoneIsDamaged) {
  struct Damage {
    const char* column;
    const char* value;
    const char* title;
  };
  const std::vector<Damage> damages{
      {"name", "x''", "www"},
      {"name", "x'03777777'", "www"},                                // does not end
      {"name", "x'ff777777'", "www"},                                // no such label
      {"name", "x'03777777076578616d706c6504746573740000'", "www"},  // goes on behind its end
      {"name", "x'03575757076578616d706c65047465737400'", "WWW.example.test. A"},  // not folded
      {"name", "x'0377777704746573740a'", "www"},
      {"name", "x'03777777047465737400'", "www.test. A"},  // of another zone
      {"origin", "x''", "www.example.test. A"},
      {"origin", "x'076578616d706c65'", "www.example.test. A"},
      {"origin", "x'074578616d706c65047465737400'", "www.example.test. A"}};
  for (const auto& [column, value, title] : damages) {
    const TrafficTree tree = Damaged(column, value);
    EXPECT_EQ(
        tree.fault,
        "its name or zone is damaged in the store; remove it by its id www and apply it again")
        << value;
    EXPECT_EQ(tree.title, std::string("traffic policy instance ") + title) << value;
  }
}

TEST_F(StoredTrees, SayThatATtlOrATypeIsDamaged) {
  for (const char* ttl : {"-1", "2147483648", "4294967356", "9223372036854775807"}) {
    EXPECT_EQ(Damaged("ttl", ttl).fault,
              "its TTL is damaged in the store; apply it again with --ttl")
        << ttl;
  }
  const std::string is_a = "policy web v1 is of type A; expected ";
  EXPECT_EQ(Damaged("type", "28").fault, is_a + "AAAA");
  EXPECT_EQ(Damaged("type", "65537").fault, is_a + "TYPE65535");  // of 16 bits it would be A
}

TEST_F(StoredTrees, SayThatADocumentIsGoneOrDamaged) {
  for (const char* version : {"4", "4294967297", "-1"}) {
    EXPECT_THAT(Damaged("version", version).fault, HasSubstr("no version ")) << version;
  }
  EXPECT_THAT(Damaged("policy_id", "'q'").fault, HasSubstr("no version 1 of traffic policy q"));
  Run("INSERT INTO traffic_policy_version VALUES('p', 2, 1, '', x'7b', 7), "
      "('p', 3, 1, '', x'7b7d00', 7)");
  EXPECT_THAT(Damaged("version", "2").fault, HasSubstr("policy web v2:1:2: syntax error"));
  EXPECT_THAT(Damaged("version", "3").fault, HasSubstr("policy web v3:1: holds a NUL octet"));
}

}  // namespace
}  // namespace holdfast::control
