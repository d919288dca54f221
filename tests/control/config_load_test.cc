// A whole node: the examples load without a warning, and files that do not fit together are
// refused.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>

#include "control/config/load.h"
#include "control/config/node.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class NodeFolder : public ::testing::Test {
 protected:
  NodeFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-load-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~NodeFolder() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }
  Result<Loaded> Load(const std::string& toml) {
    Write("n.toml", "[[listen]]\naddress = \"192.0.2.53\"\n" + toml);
    const auto node = LoadNode((folder_ / "n.toml").string());
    return node ? LoadAll(*node) : std::unexpected(node.error());
  }

  std::filesystem::path folder_;
};

constexpr const char* kZone =
    "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns.other.test.\nstatic A 192.0.2.1\n";
constexpr const char* kToml =
    "[[zone]]\norigin = \"example.test\"\nid = \"Z1\"\nfile = \"zone\"\nrecords = \"records\"\n"
    "[health]\nchecks = \"checks\"\n";

std::string Weighted(const std::string& name, const std::string& id, const std::string& check) {
  return R"({"Name": ")" + name + R"(.example.test.", "Type": "A", "SetIdentifier": ")" + id +
         R"(", "Weight": 1, "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.)" + id + "\"}]" +
         (check.empty() ? "" : R"(, "HealthCheckId": ")" + check + "\"") + "}";
}

constexpr const char* kChecks = R"({"HealthChecks": [{"Id": "c1", "HealthCheckConfig": {
  "Type": "HTTP", "FullyQualifiedDomainName": "w.example.test"}}]})";

TEST(Examples, LoadWithoutAWarning) {
  const auto node = LoadNode(std::string(HOLDFAST_EXAMPLES) + "/holdfast.toml");
  ASSERT_TRUE(node) << node.error().message;
  const auto loaded = LoadAll(*node);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_THAT(loaded->warnings, IsEmpty());
  ASSERT_EQ(loaded->model.zones.size(), 1U);
  EXPECT_EQ(loaded->model.zones[0].id, "Z2EXAMPLETEST");
  EXPECT_EQ(loaded->model.zones[0].record_sets.size(), 16U);
  ASSERT_EQ(loaded->model.checks.size(), 2U);
  EXPECT_EQ(loaded->model.checks[0].interval.count(), 100);
  EXPECT_EQ(loaded->model.checks[1].interval.count(), 10'000);
}

TEST_F(NodeFolder, ReadsZoneRecordsAndChecksTogether) {
  Write("zone", kZone);
  Write("checks", kChecks);
  Write("records", "{\"ResourceRecordSets\": [" + Weighted("w", "1", "c1") + "]}");
  const auto loaded = Load(kToml);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->model.zones.at(0).rrsets.size(), 3U);
  EXPECT_EQ(loaded->model.zones.at(0).record_sets.size(), 1U);
  EXPECT_EQ(loaded->model.checks.at(0).fqdn, "w.example.test");
  // Averting-problems row 12.
  EXPECT_THAT(loaded->warnings, ElementsAre(HasSubstr("health check 'c1' resolves the very name")));
}

TEST_F(NodeFolder, CountsAnUnknownCheckAsNoneWithAWarning) {
  Write("zone", kZone);
  Write("checks", kChecks);
  Write("records", "{\"ResourceRecordSets\": [" + Weighted("v", "1", "c9") + "]}");
  const auto loaded = Load(kToml);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_THAT(loaded->warnings,
              ElementsAre(HasSubstr("HealthCheckId 'c9' is no health check of this node")));
}

TEST_F(NodeFolder, RefusesANameAndTypeInBothFiles) {
  Write("zone", kZone);
  Write("checks", kChecks);
  Write("records", "{\"ResourceRecordSets\": [" + Weighted("static", "1", "") + "]}");
  const auto loaded = Load(kToml);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message,
              HasSubstr("records:1: record 'static.example.test. A' (SetIdentifier '1'): the zone "
                        "file has this name and type too ("));
  EXPECT_THAT(loaded.error().message, HasSubstr("zone:4); expected it in one of the two"));
}

TEST_F(NodeFolder, ReportsFaultsOfEveryFileAtOnce) {
  Write("zone", std::string(kZone) + "bad A 1.2.3\n");
  Write("checks", "{");
  const auto loaded = Load(std::string(kToml) + "[check.c9]\ninterval_ms = 100\n");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(loaded.error().message, HasSubstr("zone:5: rdata '1.2.3' is no A"));
  EXPECT_THAT(loaded.error().message, HasSubstr("checks:1:2: syntax error"));
  EXPECT_THAT(loaded.error().message, HasSubstr("cannot open"));
  EXPECT_THAT(loaded.error().message, HasSubstr("records: No such file"));
}

TEST_F(NodeFolder, RefusesATableForACheckThatIsNotThere) {
  Write("zone", kZone);
  Write("checks", kChecks);
  Write("records", R"({"ResourceRecordSets": []})");
  const auto loaded = Load(std::string(kToml) + "[check.c9]\ninterval_ms = 100\n");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr("n.toml:10:1: check 'c9' names no health check"));
}

TEST_F(NodeFolder, LoadsOneZoneFromRecordsAlone) {
  Write("records", R"({"ResourceRecordSets": [
    {"Name": "example.test.", "Type": "SOA", "TTL": 900, "ResourceRecords": [{"Value":
      "ns.other.test. hostmaster.other.test. 1 7200 900 1209600 86400"}]},
    {"Name": "example.test.", "Type": "NS", "TTL": 900, "ResourceRecords": [{"Value":
      "ns.other.test."}]}]})");
  ZoneConfig config;
  config.origin = wire::FromText("example.test").value();
  config.id = "Z1";
  config.records = (folder_ / "records").string();
  const auto loaded = LoadZone(config, {});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->zone.record_sets.size(), 2U);
  EXPECT_THAT(loaded->warnings, IsEmpty());
}

}  // namespace
}  // namespace holdfast::control
