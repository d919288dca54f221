// The store: what survives a restart, and what happens when the disk or the file is not well.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "control/model/store.h"

namespace holdfast::control {
namespace {

using health::Order;
using health::Override;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreFolder : public ::testing::Test {
 protected:
  StoreFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-store-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    path_ = (folder_ / "state.db").string();
  }
  ~StoreFolder() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Store> Open(const Store::Options& options = {}) {
    auto store = Store::Open(path_, options);
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  // A program of somebody else on the same file.
  void Execute(const char* sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }

  std::filesystem::path folder_;
  std::string path_;
};

const StoredCheck kDown{"c1",
                        health::State::kUnhealthy,
                        Override::kAuto,
                        1'700'000'000'123,
                        "Failure: HTTP Status Code 503, Service Unavailable"};
const StoredCheck kForced{"c2", health::State::kHealthy, Override::kUnhealthy, 5, ""};

StoredZone SomeZone() {
  return {std::string("\4test\0", 6), false, "Z1", "/z/test.zone", std::string("\0\1\xff", 3), 7};
}

TEST_F(StoreFolder, KeepsChecksZonesAndBootOverARestart) {
  {
    const auto store = Open();
    EXPECT_THAT(store->Checks().value(), IsEmpty());
    EXPECT_THAT(store->Zones().value(), IsEmpty());
    EXPECT_EQ(store->BootId().value(), "");
    ASSERT_TRUE(store->SaveChecks(std::vector{kForced, kDown}));
    ASSERT_TRUE(store->SaveZone(SomeZone()));
    ASSERT_TRUE(store->SetBootId("boot-1"));
  }
  const auto store = Open();
  EXPECT_THAT(store->Checks().value(), ElementsAre(kDown, kForced));
  EXPECT_THAT(store->Zones().value(), ElementsAre(SomeZone()));
  EXPECT_EQ(store->BootId().value(), "boot-1");
}

TEST_F(StoreFolder, KeepsAnOverrideWithItsEnd) {
  StoredCheck ends = kForced;
  ends.ordered = Order(Override::kHealthy, 1'700'000'060'123);
  {
    const auto store = Open();
    ASSERT_TRUE(store->SaveChecks(std::vector{kDown, ends}));
  }
  const auto store = Open();
  EXPECT_THAT(store->Checks().value(), ElementsAre(kDown, ends));
  ASSERT_TRUE(store->SaveChecks(std::vector{kForced}));  // one without an end, in its place
  EXPECT_THAT(store->Checks().value(), ElementsAre(kDown, kForced));
}

TEST_F(StoreFolder, ReplacesAndForgets) {
  const auto store = Open();
  StoredCheck up = kDown;
  up.raw = health::State::kHealthy;
  up.since_ms += 1000;
  ASSERT_TRUE(store->SaveChecks(std::vector{kDown, kForced}));
  ASSERT_TRUE(store->SaveChecks(std::vector{up}));
  EXPECT_THAT(store->Checks().value(), ElementsAre(up, kForced));
  ASSERT_TRUE(store->KeepChecks(std::vector<std::string>{"c2", "never-stored"}));
  EXPECT_THAT(store->Checks().value(), ElementsAre(kForced));

  StoredZone dropped = SomeZone();
  dropped.dropped = true;
  dropped.content.clear();
  ASSERT_TRUE(store->SaveZone(SomeZone()));
  ASSERT_TRUE(store->SaveZone(dropped));
  EXPECT_THAT(store->Zones().value(), ElementsAre(dropped));
  ASSERT_TRUE(store->ForgetZone(dropped.origin));
  ASSERT_TRUE(store->ForgetZone(dropped.origin));
  EXPECT_THAT(store->Zones().value(), IsEmpty());
}

TEST_F(StoreFolder, KeepsParsedZonesOfTheConfigurationOnly) {
  const ParsedZone a{std::string("\1a\0", 3), std::string("\0\1", 2)};
  const ParsedZone b{std::string("\1b\0", 3), "b"};
  {
    const auto store = Open();
    EXPECT_EQ(store->ParsedContent(a.origin).value(), "");
    ASSERT_TRUE(store->KeepParsed(std::vector{a, b}, std::vector{a.origin, b.origin}));
  }
  const auto store = Open();
  EXPECT_EQ(store->ParsedContent(a.origin).value(), a.content);
  ASSERT_TRUE(store->KeepParsed(std::vector{ParsedZone{a.origin, "new"}}, std::vector{a.origin}));
  EXPECT_EQ(store->ParsedContent(a.origin).value(), "new");
  EXPECT_EQ(store->ParsedContent(b.origin).value(), "");
  EXPECT_THAT(store->Zones().value(), IsEmpty());
}

TEST_F(StoreFolder, KeepsCountersOfTheChecksThatStay) {
  const StoredCounters a{"c1",
                         {7,
                          2,
                          1,
                          1'700'000'000'123,
                          "Failure: DNS resolution failed",
                          99,
                          {1'700'000'000'000, 1'700'000'000'100}}};
  const StoredCounters b{"c2", {}};
  {
    const auto store = Open();
    ASSERT_TRUE(store->SaveCounters(std::vector{b, a}));
    StoredCounters more = b;
    more.counters.passes = 1;
    ASSERT_TRUE(store->SaveCounters(std::vector{more}));
    EXPECT_THAT(store->Counters().value(), ElementsAre(a, more));
  }
  const auto store = Open();
  ASSERT_TRUE(store->KeepChecks(std::vector<std::string>{"c1"}));
  EXPECT_THAT(store->Counters().value(), ElementsAre(a));
}

// Version 1 had no parsed zones.
TEST_F(StoreFolder, BringsAnOlderStoreUpToDate) {
  {
    const auto store = Open();
    ASSERT_TRUE(store->SaveZone(SomeZone()));
  }
  Execute(
      "DROP TABLE parsed_zone; DROP TABLE traffic_policy_instance; DROP TABLE "
      "traffic_policy_version;"
      "DROP TABLE traffic_policy; DROP TABLE health_counters; DROP TABLE routing_control; "
      "DROP TABLE routing_control_log; "
      "ALTER TABLE health_check DROP COLUMN override_until_ms; PRAGMA user_version=1");
  const auto store = Open();
  EXPECT_THAT(store->Zones().value(), ElementsAre(SomeZone()));
  EXPECT_EQ(store->ParsedContent("x").value(), "");
}

// Version 6 had overrides without an end.
TEST_F(StoreFolder, BringsOverridesWithoutAnEndUpToDate) {
  {
    const auto store = Open();
    ASSERT_TRUE(store->SaveChecks(std::vector{kDown, kForced}));
  }
  Execute("ALTER TABLE health_check DROP COLUMN override_until_ms; PRAGMA user_version=6");
  const auto store = Open();
  EXPECT_THAT(store->Checks().value(), ElementsAre(kDown, kForced));
  StoredCheck ends = kForced;
  ends.ordered = Order(Override::kUnhealthy, 7);
  ASSERT_TRUE(store->SaveChecks(std::vector{ends}));
  EXPECT_THAT(store->Checks().value(), ElementsAre(kDown, ends));
}

TEST_F(StoreFolder, KeepsAStateTogetherWithTheFailureThatExplainsIt) {
  const StoredCounters why{kDown.id, {7, 2, 1, 1'700'000'000'123, "Failure: refused", 99}};
  {
    const auto store = Open();
    ASSERT_TRUE(store->SaveChecks(std::vector{kDown}, std::vector{why}));
  }
  const auto store = Open();
  EXPECT_THAT(store->Checks().value(), ElementsAre(kDown));
  EXPECT_THAT(store->Counters().value(), ElementsAre(why));
  // Both or none.
  StoredCheck impossible = kForced;
  impossible.raw = static_cast<health::State>(9);
  StoredCounters later = why;
  later.counters.failures = 100;
  ASSERT_FALSE(store->SaveChecks(std::vector{impossible}, std::vector{later}));
  EXPECT_THAT(store->Counters().value(), ElementsAre(why));
}

TEST_F(StoreFolder, KeepsNothingOfABatchThatFails) {
  const auto store = Open();
  StoredCheck impossible = kForced;
  impossible.raw = static_cast<health::State>(9);
  const auto saved = store->SaveChecks(std::vector{kDown, impossible});
  ASSERT_FALSE(saved);
  EXPECT_THAT(saved.error().message, HasSubstr("CHECK constraint failed"));
  EXPECT_THAT(store->Checks().value(), IsEmpty());
  EXPECT_TRUE(store->SaveChecks(std::vector{kDown}));
}

TEST_F(StoreFolder, IsOpenInOneProcessOnly) {
  auto first = Open();
  const auto second = Store::Open(path_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  EXPECT_THAT(second.error().message, HasSubstr("another process has the store"));
  first.reset();
  EXPECT_TRUE(Store::Open(path_));
}

TEST_F(StoreFolder, SaysSoWhenAnotherProgramWrites) {
  const auto store = Open({.busy_ms = 1});
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const auto saved = store->SaveChecks(std::vector{kDown});
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(saved.error().message, HasSubstr("database is locked"));
  EXPECT_TRUE(store->Checks());  // readers go on
  sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  EXPECT_TRUE(store->SaveChecks(std::vector{kDown}));
}

TEST_F(StoreFolder, KeepsWhatItHadWhenTheDiskIsFull) {
  const auto store = Open({.max_pages = 24});
  ASSERT_TRUE(store->SaveChecks(std::vector{kDown}));
  StoredZone large = SomeZone();
  large.content.assign(1 << 20, 'x');
  const auto saved = store->SaveZone(large);
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(saved.error().message, HasSubstr("database or disk is full"));
  EXPECT_THAT(store->Zones().value(), IsEmpty());
  EXPECT_THAT(store->Checks().value(), ElementsAre(kDown));
  EXPECT_TRUE(store->SaveChecks(std::vector{kForced}));
}

TEST_F(StoreFolder, RefusesADamagedFileAndSaysHowToRestore) {
  {
    const auto store = Open();
    for (int i = 0; i < 200; ++i) {
      StoredCheck check = kDown;
      check.id = "c" + std::to_string(i);
      ASSERT_TRUE(store->SaveChecks(std::vector{check}));
    }
  }
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096 + 5);
  file << std::string(3 * 4096, '\xff');
  file.close();
  const auto store = Store::Open(path_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(store.error().message, HasSubstr("put back a copy of " + path_));
  EXPECT_THAT(store.error().message, HasSubstr("it starts anew"));
}

TEST_F(StoreFolder, RefusesAFileThatIsNoDatabase) {
  std::ofstream(path_) << std::string(8192, 'x');
  const auto store = Store::Open(path_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(store.error().message, HasSubstr("file is not a database; stop Holdfast and put"));
}

TEST_F(StoreFolder, RefusesAStoreOfANewerRelease) {
  Open();
  Execute("PRAGMA user_version=99");
  const auto store = Store::Open(path_);
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, HasSubstr("its version is 99; this release knows 7"));
}

TEST_F(StoreFolder, NamesAFolderThatIsNotThere) {
  const auto store = Store::Open((folder_ / "none" / "state.db").string());
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kIo);
  EXPECT_THAT(store.error().message, HasSubstr("none/state.db.lock: No such file or directory"));
}

TEST(BootId, IsThatOfTheKernel) {
  EXPECT_EQ(CurrentBootId().size(), 36U);
  EXPECT_EQ(CurrentBootId(), CurrentBootId());
}

}  // namespace
}  // namespace holdfast::control
