// What `explain` says of the client: what is known, which file said so; and that what it keeps from
// call to call changes nothing.
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "control/compile/explain.h"
#include "tests/control/compile_kit.h"
#include "tests/dataplane/located_zone.h"

namespace holdfast::control {
namespace {

using namespace kit;  // NOLINT(google-build-using-namespace)

table::ClientPrefix Client(std::uint32_t address) {
  return {.address = address, .length = 24, .v6 = false};
}
constexpr std::uint32_t kInFrance = 0x0a010200;
constexpr std::uint32_t kInTheLab = 0x0a010300;
constexpr std::uint32_t kNowhere = 0x0b000000;

RecordSet AtRegion(const char* region, const char* address) {
  RecordSet set = test::Member(region, V4(address));
  set.policy = Policy::kLatency;
  RecordLocation where;
  where.region = region;
  set.where = std::make_shared<const RecordLocation>(std::move(where));
  return set;
}

/// LocatedModel with files for what it knows, and `lat` at the regions a (by the table) and b (by
/// distance, known of 10.0.0.0/9 alone).
Model ModelOfFiles() {
  Model model = test::LocatedModel();
  auto data = std::make_shared<LocationData>(*model.location);
  data->geo_file = "geo.mmdb";
  data->regions_file = "regions.csv";
  data->latency_file = "latency.csv";
  data->collections[0].file = "blocks.json";
  data->regions = {"a", "b"};
  data->region_place = {std::nullopt, Coordinates{.latitude = 0, .longitude = 0}};
  PlaceNumbers places;
  const std::uint32_t here =
      places.Of({.geo = {}, .cell = Coordinates{.latitude = 0, .longitude = 1}});
  LocationData cells;
  SetPlaces(MakePrefixMap(std::vector<PrefixRow>{{test::PrefixOf("10.0.0.0/9"), here, 1}}),
            places.Places(),
            cells);
  data->cell = cells.cell;
  data->cell_class = cells.cell_class;
  LatencyTable table;
  table.rows = {{}, {5000, std::nullopt}};
  table.prefixes = {{test::PrefixOf("11.0.0.0/8"), 1, 1}};
  SetLatencies(table, *data);
  model.location = data;
  for (const char* region : {"a", "b"}) {
    RecordSet set = AtRegion(region, "192.0.2.7");
    set.name = Wire("lat.example.test.");
    model.zones[0].record_sets.push_back(std::move(set));
  }
  return model;
}

Explanation ExplainOrDie(const Model& model,
                         const char* name,
                         std::uint32_t address,
                         KeptRows* kept = nullptr) {
  auto told = Explain(
      model, {}, Wire(std::string(name) + ".example.test."), TypeOf("A"), Client(address), kept);
  EXPECT_TRUE(told) << (told ? "" : told.error().message);
  return told ? *std::move(told) : Explanation{};
}

// "geo EU FR (geo.mmdb)".
std::vector<std::string> Known(const Explanation& told) {
  std::vector<std::string> out;
  for (const KnownOfClient& one : told.known) {
    std::string text = one.source + " " + one.place + " (";
    for (const std::string& file : one.files) {
      text += text.ends_with('(') ? file : " " + file;
    }
    out.push_back(text + ")");
  }
  return out;
}
using Lines = std::vector<std::string>;

TEST(Explain, NamesTheFileThatLocatedTheClient) {
  const Model model = ModelOfFiles();
  EXPECT_EQ(Known(ExplainOrDie(model, "geo", kInFrance)), Lines{"geo EU FR (geo.mmdb)"});
  EXPECT_EQ(Known(ExplainOrDie(model, "geo", kNowhere)), Lines{"geo unknown (geo.mmdb)"});
  EXPECT_EQ(Known(ExplainOrDie(model, "cidr", kInTheLab)), Lines{"cidr c lab (/24) (blocks.json)"});
  EXPECT_EQ(Known(ExplainOrDie(model, "lat", kNowhere)), Lines{"latency a 5.0 ms (latency.csv)"});
  EXPECT_EQ(Known(ExplainOrDie(model, "lat", kInFrance)),
            Lines{"latency b 1.1 ms (geo.mmdb regions.csv)"});
  EXPECT_EQ(Known(ExplainOrDie(model, "lat", 0x0c000000)),
            Lines{"latency unknown (latency.csv geo.mmdb regions.csv)"});
}

TEST(Explain, SaysTheSameOutOfWhatItKept) {
  const Model model = ModelOfFiles();
  Model changed = model;  // other countries: what was kept does not fit
  auto data = std::make_shared<LocationData>(*model.location);
  for (GeoClass& place : data->geo_class) {
    place.country = place.country == "DE" ? "FR" : place.country == "FR" ? "DE" : "";
  }
  changed.location = data;
  const Model& other = changed;
  KeptRows kept;
  for (int round = 0; round < 2; ++round) {
    for (const Model* asked : {&model, &other, &model}) {
      for (const char* name : {"geo", "cidr", "lat", "cg", "plain", "geo"}) {
        for (const std::uint32_t client : {kInFrance, kInTheLab, kNowhere}) {
          const Explanation told = ExplainOrDie(*asked, name, client, &kept);
          const Explanation anew = ExplainOrDie(*asked, name, client);
          EXPECT_EQ(Known(told), Known(anew)) << name;
          EXPECT_EQ(told.scope, anew.scope) << name;
          ASSERT_EQ(told.answers.size(), anew.answers.size()) << name;
          EXPECT_EQ(told.answers.at(0).values, anew.answers.at(0).values) << name;
        }
      }
    }
  }
  EXPECT_NE(ExplainOrDie(model, "geo", kInFrance, &kept).answers.at(0).values,
            ExplainOrDie(other, "geo", kInFrance, &kept).answers.at(0).values);
}

// ---- checks and targets -------------------------------------------------------------------------

RecordSet Failover(const ZoneText& zone, const char* owner, bool primary, const char* check) {
  RecordSet set = test::Member(primary ? "p" : "s", V4(primary ? "192.0.2.1" : "192.0.2.2"), check);
  set.name = zone.Name(owner);
  set.policy = Policy::kFailover;
  set.primary = primary;
  return set;
}

TEST(Explain, SaysWhichChecksAreDisabledOrHaveNoVerdictYet) {
  ZoneText zone("p.test.");
  zone.zone.record_sets = {Failover(zone, "w", true, "off"), Failover(zone, "w", false, "new")};
  Model model;
  model.zones.push_back(zone.zone);
  model.checks.resize(2);
  model.checks[0].id = "off";
  model.checks[0].disabled = true;
  model.checks[1].id = "new";
  const std::vector<CompiledHealth> health{{.id = "new", .raw = 0}, {.id = "off", .raw = 0}};
  auto told = Explain(model, health, zone.Name("w"), TypeOf("A"), {});
  ASSERT_TRUE(told && told->tree->members.size() == 2U);
  EXPECT_TRUE(told->tree->members[0].check_disabled);
  EXPECT_FALSE(told->tree->members[1].check_disabled);
  EXPECT_FALSE(told->tree->members[1].check_decided);
  const std::vector<CompiledHealth> later{{.id = "new", .raw = 1}};
  told = Explain(model, later, zone.Name("w"), TypeOf("A"), {});
  ASSERT_TRUE(told);
  EXPECT_TRUE(told->tree->members[1].check_decided);
}

TEST(Explain, NamesTheDelegationThatHidesATarget) {
  ZoneText zone("p.test.");
  zone.Add("cut", "NS", {Wire("ns.elsewhere.test.")}).Add("a.cut", "A", {V4("192.0.2.9")});
  for (const char* target : {"a.cut", "gone"}) {
    RecordSet alias = Failover(zone, "w", target[0] == 'a', "");
    alias.rdata.clear();
    alias.alias = {
        .hosted_zone_id = zone.zone.id, .name = zone.Name(target), .evaluate_target_health = true};
    zone.zone.record_sets.push_back(std::move(alias));
  }
  Model model;
  model.zones.push_back(zone.zone);
  const auto told = Explain(model, {}, zone.Name("w"), TypeOf("A"), {});
  ASSERT_TRUE(told && told->tree->members.size() == 2U);
  EXPECT_EQ(told->tree->members[0].target_hidden_by, "cut.p.test.");
  EXPECT_EQ(told->tree->members[1].target_hidden_by, "");
}

TEST(Explain, ShowsWhatGoesWithAReferral) {
  ZoneText zone("p.test.");
  zone.Add("cut", "NS", {zone.Name("ns.cut"), zone.Name("fix.cut"), Wire("ns.elsewhere.test.")});
  zone.Add("fix.cut", "A", {V4("192.0.2.9")});
  zone.zone.record_sets = {Failover(zone, "ns.cut", true, "c"),
                           Failover(zone, "ns.cut", false, "")};
  Model model;
  model.zones.push_back(zone.zone);
  model.checks.resize(1);
  model.checks[0].id = "c";
  for (const bool healthy : {true, false}) {
    const std::vector<CompiledHealth> health{{.id = "c", .raw = 1, .healthy = healthy}};
    const auto told = Explain(model, health, zone.Name("x.cut"), TypeOf("AAAA"), {});
    ASSERT_TRUE(told);
    EXPECT_EQ(told->status, ExplainedStatus::kReferral);
    EXPECT_EQ(told->owner, "cut.p.test.");
    ASSERT_EQ(told->answers.size(), 1U);
    EXPECT_EQ(
        told->answers[0].values,
        (std::vector<std::string>{"fix.cut.p.test.", "ns.cut.p.test.", "ns.elsewhere.test."}));
    ASSERT_EQ(told->glue.size(), 1U) << "only what a policy gives";
    EXPECT_EQ(told->glue[0].owner, "ns.cut.p.test.");
    EXPECT_EQ(told->glue[0].type, "A");
    ASSERT_EQ(told->glue[0].answers.size(), 1U);
    EXPECT_EQ(told->glue[0].answers[0].values[0], healthy ? "192.0.2.1" : "192.0.2.2");
    EXPECT_EQ(told->glue[0].tree->members[0].chosen, healthy);
  }
}

TEST(KeptRows, AreMadeOncePerLocationData) {
  const Model model = ModelOfFiles();
  KeptRows kept;
  const auto rows = kept.For(model.location);
  EXPECT_EQ(kept.For(model.location), rows);
  EXPECT_NE(kept.For(test::ExampleLocations()), rows);
  kept.Forget();
  const std::weak_ptr<const LocationData> gone = [&] {
    const auto data = test::ExampleLocations();
    (void)kept.For(data);
    kept.Forget();
    return std::weak_ptr(data);
  }();
  EXPECT_TRUE(gone.expired());
}

}  // namespace
}  // namespace holdfast::control
