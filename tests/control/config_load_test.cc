// A whole node: the examples load without a warning, and files that do not fit together are
// refused.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <span>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "control/config/load.h"
#include "control/config/node.h"
#include "control/model/stored_zone.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"
#include "tests/control/node_folder.h"

namespace holdfast::control {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

TEST_F(NodeFolder, OfTheExamplesLoadsWithoutAWarning) {
  std::filesystem::copy(
      HOLDFAST_EXAMPLES, folder_ / "examples", std::filesystem::copy_options::recursive);
  const auto file = folder_ / "examples" / "holdfast.toml";
  ASSERT_EQ(chmod(file.c_str(), 0640), 0);  // it has a token
  const auto node = LoadNode(file.string());
  ASSERT_TRUE(node) << node.error().message;
  const auto loaded = LoadAll(*node);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_THAT(loaded->AllWarnings().Warnings(), IsEmpty());
  ASSERT_EQ(loaded->model.zones.size(), 1U);
  EXPECT_EQ(loaded->model.zones[0].id, "Z2EXAMPLETEST");
  EXPECT_EQ(loaded->model.zones[0].record_sets.size(), 16U);
  // Those of the node's file, one of each native type, then those of the JSON file.
  ASSERT_EQ(loaded->model.checks.size(), 9U);
  for (std::size_t n = 0; n < 6; ++n) {
    EXPECT_EQ(loaded->model.checks[n].native.index(), n + 1);
  }
  EXPECT_EQ(loaded->model.checks[6].type, health::CheckType::kPush);
  EXPECT_EQ(loaded->model.checks[7].interval.count(), 100);
  EXPECT_EQ(loaded->model.checks[8].interval.count(), 10'000);
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
  EXPECT_THAT(loaded->AllWarnings().Warnings(),
              ElementsAre(HasSubstr("health check 'c1' resolves the very name")));
}

TEST_F(NodeFolder, CountsAnUnknownCheckAsNoneWithAWarning) {
  Write("zone", kZone);
  Write("checks", kChecks);
  Write("records", "{\"ResourceRecordSets\": [" + Weighted("v", "1", "c9") + "]}");
  const auto loaded = Load(kToml);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_THAT(loaded->AllWarnings().Warnings(),
              ElementsAre(HasSubstr("HealthCheckId 'c9' is no health check of this node")));
}

TEST(Checkers, AreMissedWhereAChecksVerdictNeedsThem) {
  CheckersConfig two{.checkers = {{"a", "eu"}, {"b", "us"}}};
  std::vector<health::CheckConfig> checks(3);
  checks[0].id = "any";
  checks[0].quorum.min_reporters = 3;  // with the local one
  checks[1].id = "eu";
  checks[1].regions = {"eu", "sa-east-1"};
  checks[1].quorum.min_reporters = 2;
  checks[2].type = health::CheckType::kCalculated;
  Findings findings;
  WarnOfCheckers(two, checks, "n.toml", findings);
  EXPECT_THAT(
      findings.Warnings(),
      ElementsAre(
          HasSubstr("n.toml: check 'eu': key 'min_reporters' is 2, but 1 checker watches it"),
          HasSubstr("region \"sa-east-1\" is named by 1 check, but no [[checkers.checker]] has")));
  Findings alone;
  WarnOfCheckers({}, checks, "n.toml", alone);
  EXPECT_THAT(alone.Warnings(),
              ElementsAre(HasSubstr("check 'any': key 'min_reporters' is 3, but 1 checker"),
                          HasSubstr("check 'eu': key 'min_reporters' is 2, but 1 checker")));
}

TEST_F(NodeFolder, WarnsOnceThatAZoneIsNotServedAsASignedOne) {
  Write("zone",
        std::string(kZone) +
            "@ NSEC static A NS SOA NSEC\n@ DNSKEY 257 3 13 AQID\nstatic NSEC @ A NSEC\n");
  const auto loaded = Load("[[zone]]\norigin = \"example.test\"\nfile = \"zone\"\n");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_THAT(loaded->AllWarnings().Warnings(),
              ElementsAre(HasSubstr(
                  "zone:5: 'example.test. NSEC': zone example.test. has no RRSIG over its SOA")));
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

// A node that is loaded again and again with a store beside it.
class StoredNode : public NodeFolder {
 protected:
  StoredNode() : store_(Store::Open((folder_ / "state.db").string()).value()) {
    Write("zone", std::string(kZone) + "$INCLUDE part\ntwice A 192.0.2.1\ntwice A 192.0.2.1\n");
    Write("part", "www A 192.0.2.80\n*.w NS ns.other.test.\n");
    Write("checks", kChecks);
    Write("records",
          "{\"ResourceRecordSets\": [" + Weighted("v", "1", "c1") + "," + Weighted("v", "2", "") +
              "," + kAlias + "]}");
    Write("n.toml", std::string(kHead) + kToml);
    Parse();
  }
  Loaded LoadNow() {
    const auto node = LoadNode((folder_ / "n.toml").string());
    EXPECT_TRUE(node) << node.error().message;
    auto loaded = LoadAll(*node, store_.get());
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded ? std::move(*loaded) : Loaded{};
  }
  void Parse() {
    first_ = LoadNow();
    ASSERT_EQ(first_.parsed.size(), 1U);
    Keep(first_.parsed);
  }
  void Keep(const std::vector<ParsedZone>& parsed) {
    ASSERT_TRUE(store_->KeepParsed(parsed, std::vector{origin_}));
  }
  static bool IsStored(const Loaded& loaded) {
    return loaded.parsed.empty() && loaded.model.zones.at(0).stored;
  }

  static constexpr const char* kHead = "[[listen]]\naddress = \"192.0.2.53\"\n";
  static constexpr const char* kAlias =
      R"({"Name": "a.example.test.", "Type": "A", "AliasTarget": {"HostedZoneId": "Z1",
          "DNSName": "v.example.test.", "EvaluateTargetHealth": true}})";
  const std::string origin_ = wire::FromText("example.test").value();
  std::unique_ptr<Store> store_;
  Loaded first_;
};

TEST_F(StoredNode, TakesAZoneWhoseTextsAreUnchangedFromTheStore) {
  EXPECT_FALSE(first_.model.zones.at(0).stored);
  const Loaded again = LoadNow();
  ASSERT_TRUE(IsStored(again));
  const Zone& was = first_.model.zones.at(0);
  const Zone& is = again.model.zones.at(0);
  EXPECT_EQ(is.texts, was.texts);
  EXPECT_EQ(is.texts.size(), 3U);
  EXPECT_EQ(is.id, was.id);
  EXPECT_EQ(is.source.Text(), was.source.Text());
  ASSERT_EQ(is.rrsets.size(), was.rrsets.size());
  for (std::size_t i = 0; i < is.rrsets.size(); ++i) {
    EXPECT_EQ(is.rrsets[i].owner, was.rrsets[i].owner);
    EXPECT_EQ(is.rrsets[i].type, was.rrsets[i].type);
    EXPECT_EQ(is.rrsets[i].ttl, was.rrsets[i].ttl);
    EXPECT_EQ(is.rrsets[i].rdata, was.rrsets[i].rdata);
    EXPECT_EQ(is.rrsets[i].source.Text(), was.rrsets[i].source.Text());
  }
  ASSERT_EQ(is.record_sets.size(), 3U);
  EXPECT_EQ(is.record_sets[1].set_identifier, "2");
  EXPECT_EQ(is.record_sets[2].alias->name, wire::FromText("v.example.test").value());
  EXPECT_EQ(is.record_sets[2].source.Text(), was.record_sets[2].source.Text());
  // Of the parser, of the rules, and of the lint, which is asked anew.
  EXPECT_THAT(first_.AllWarnings().Warnings(),
              ElementsAre(HasSubstr("the same record came before"),
                          HasSubstr("NS at a wildcard"),
                          HasSubstr("has no health check although")));
  EXPECT_EQ(again.AllWarnings().Warnings(), first_.AllWarnings().Warnings());
}

TEST_F(StoredNode, JudgesAStoredZoneByTheChecksOfToday) {
  Write("checks", R"({"HealthChecks": []})");
  const Loaded again = LoadNow();
  EXPECT_TRUE(IsStored(again));
  EXPECT_THAT(again.AllWarnings().Warnings().back(), HasSubstr("is no health check of this node"));
}

TEST_F(StoredNode, ParsesAgainWhenAnyTextHasChanged) {
  const std::pair<const char*, std::string> changes[] = {
      {"zone", std::string(kZone) + "$INCLUDE part\nnew A 192.0.2.9\n"},
      {"part", "www A 192.0.2.81\n"},
      {"records", R"({"ResourceRecordSets": []})"}};
  for (const auto& [name, text] : changes) {
    SCOPED_TRACE(name);
    Write(name, text);
    const Loaded again = LoadNow();
    EXPECT_FALSE(IsStored(again));
    Keep(again.parsed);
    EXPECT_TRUE(IsStored(LoadNow()));
  }
}

TEST_F(StoredNode, FindsAChangeThatLeavesSizeAndTimeAsTheyWere) {
  const auto time = std::filesystem::last_write_time(folder_ / "part");
  Write("part", "www A 192.0.2.81\n*.w NS ns.other.test.\n");
  std::filesystem::last_write_time(folder_ / "part", time);
  const Loaded again = LoadNow();
  EXPECT_FALSE(IsStored(again));
  EXPECT_EQ(again.model.zones.at(0).rrsets.at(3).rdata.at(0), std::string("\xc0\x00\x02\x51", 4));
}

TEST_F(StoredNode, ParsesAgainWhenTheNodeFileNamesTheZoneOtherwise) {
  Write("n.toml",
        std::string(kHead) + "[[zone]]\norigin = \"example.test\"\nid = \"Z1\"\nfile = \"zone\"\n");
  EXPECT_FALSE(IsStored(LoadNow()));
}

TEST_F(StoredNode, TakesAZoneWhoseTrafficPoliciesCameOrWentFromTheStore) {
  RecordSet record;
  record.name = wire::FromText("v.example.test").value();
  record.type = static_cast<std::uint16_t>(wire::Type::kAaaa);
  record.rdata = {std::string(16, '\1')};
  record.traffic = std::make_shared<const TrafficPart>(TrafficPart{"i", "policy web v1", false});
  std::vector<TrafficTree> trees{{"i", origin_, record.name, "instance", {record}, {}}};
  const auto node = LoadNode((folder_ / "n.toml").string());
  const auto load = [&](bool with) {
    auto loaded = LoadAll(*node, store_.get(), with ? trees : std::span<TrafficTree>());
    EXPECT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(loaded->AllWarnings().Warnings(), first_.AllWarnings().Warnings());
    EXPECT_EQ(loaded->model.zones.at(0).record_sets.size(), with ? 4U : 3U);
    return std::move(*loaded);
  };
  EXPECT_TRUE(IsStored(load(true)));
  Keep({{origin_, "damaged"}});
  const Loaded parsed = load(true);
  EXPECT_FALSE(IsStored(parsed));
  Keep(parsed.parsed);
  EXPECT_TRUE(IsStored(load(true)));
  EXPECT_TRUE(IsStored(load(false)));
  // What was whole only with them is judged when they are gone.
  Write("records",
        "{\"ResourceRecordSets\": [" + Weighted("v", "1", "c1") +
            R"(,{"Name": "b.example.test.", "Type": "AAAA", "AliasTarget": {"HostedZoneId": "Z1",
                "DNSName": "v.example.test.", "EvaluateTargetHealth": true}}]})");
  const auto leading = LoadAll(*node, store_.get(), trees);
  ASSERT_TRUE(leading) << leading.error().message;
  Keep(leading->parsed);
  EXPECT_TRUE(IsStored(*LoadAll(*node, store_.get(), trees)));
  const auto without = LoadAll(*node, store_.get());
  ASSERT_FALSE(without);
  EXPECT_THAT(without.error().message, HasSubstr("that target was not found"));
}

TEST_F(StoredNode, SaysWhatIsWrongWithATextThatWasGoodBefore) {
  std::filesystem::remove(folder_ / "part");
  const auto node = LoadNode((folder_ / "n.toml").string());
  const auto loaded = LoadAll(*node, store_.get());
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr("$INCLUDE part: No such file"));
}

TEST_F(StoredNode, ParsesWhatIsDamagedOrOfAnotherRelease) {
  const std::string good = first_.parsed.at(0).content;
  std::string other_layout = good;
  other_layout[3] = '9';
  std::string flipped = good;
  flipped[good.size() / 2] ^= 1;
  Findings findings;
  const std::string other_release =
      ZoneContent(first_.model.zones.at(0), findings, "0.0.0 of another day");
  for (const std::string& content :
       {other_layout, flipped, other_release, good.substr(0, good.size() - 1), std::string("HF")}) {
    Keep({{origin_, content}});
    const Loaded again = LoadNow();
    EXPECT_FALSE(IsStored(again));
    Keep(again.parsed);
    EXPECT_TRUE(IsStored(LoadNow()));
  }
}

TEST_F(NodeFolder, WarnsOfATokenInAFileThatEverybodyMayRead) {
  const std::string push = "[check.agent]\ntype = \"PUSH\"\ntoken = \"0123456789abcdef\"\n";
  const auto warned = [this](mode_t mode) {
    EXPECT_EQ(chmod((folder_ / "n.toml").c_str(), mode), 0);
    const auto loaded = LoadAll(*LoadNode((folder_ / "n.toml").string()));
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded ? loaded->AllWarnings().Warnings() : std::vector<std::string>();
  };
  ASSERT_TRUE(Load(push + "[http]\nlisten = [\"127.0.0.1:9153\"]\n"));
  for (const mode_t mode : {0644, 0604, 0666}) {
    EXPECT_THAT(warned(mode),
                ElementsAre(AllOf(HasSubstr((folder_ / "n.toml").string() + ": everybody may read"),
                                  HasSubstr("check \"agent\" has its token in it"),
                                  HasSubstr("expected mode 0640 or tighter"))));
  }
  EXPECT_THAT(warned(0644), ElementsAre(HasSubstr("(mode 0644)")));
  for (const mode_t mode : {0640, 0600, 0660}) {
    EXPECT_THAT(warned(mode), IsEmpty()) << mode;
  }
  ASSERT_TRUE(Load(""));
  EXPECT_THAT(warned(0644), IsEmpty()) << "no token, no secret";
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
  EXPECT_THAT(loaded->warnings.Warnings(), IsEmpty());
}

}  // namespace
}  // namespace holdfast::control
