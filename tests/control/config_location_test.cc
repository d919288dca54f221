// The files that say where clients are: what good ones mean and how each bad one is refused.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "control/config/cidr_blocks.h"
#include "control/config/csv.h"
#include "control/config/latency_csv.h"
#include "control/config/load.h"
#include "control/config/location_files.h"
#include "control/config/places_csv.h"
#include "tests/control/node_folder.h"

namespace holdfast::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kPlaces = "network,continent,country,subdivision,latitude,longitude\n";

std::string Errors(const Findings& findings) {
  return findings.Ok() ? "" : findings.ToError().message;
}

std::vector<std::vector<std::string>> RowsOf(std::string_view text, Findings& findings) {
  constexpr std::string_view kColumns[] = {"a", "b"};
  std::vector<std::vector<std::string>> rows;
  const auto on_row = [&rows](const CsvRow& row) {
    rows.emplace_back(row.fields.begin(), row.fields.end()).push_back(std::to_string(row.line));
  };
  ReadCsv(text, "f.csv", kColumns, on_row, findings);
  return rows;
}

TEST(Csv, ReadsWhatRfc4180Allows) {
  Findings findings;
  const auto rows = RowsOf(
      "\xef\xbb\xbf"
      "# made by hand\r\n\r\na,b\r\n1,2\r\n\n"
      "\"x,\"\"y\"\"\",\"\"\r\n"
      ",\n#3,4\n5,\xc3\xa4\xe2\x82\xac\xf0\x9f\x8c\x8d",
      findings);
  EXPECT_EQ(Errors(findings), "");
  EXPECT_THAT(rows,
              ElementsAre(ElementsAre("1", "2", "4"),
                          ElementsAre("x,\"y\"", "", "6"),
                          ElementsAre("", "", "7"),
                          ElementsAre("5", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x8c\x8d", "9")));
}

TEST(Csv, RefusesWithTheLine) {
  const std::vector<std::pair<std::string, const char*>> table{
      {"", "f.csv:1: the first line is no header; expected a,b"},
      {"# nothing\n", "the first line is no header; expected a,b"},
      {"1,2\n", "f.csv:1: the first line is no header; expected a,b"},
      {"b,a\n", "the first line is no header; expected a,b"},
      {"a\n", "f.csv:1: has 1 fields; expected a,b"},
      {"a,b\n", "f.csv: has no row; expected at least one a"},
      {"a,b\r\n# 1,2\n\n", "f.csv: has no row; expected at least one a"},
      {"a,b\n1\n", "f.csv:2: has 1 fields; expected a,b"},
      {"a,b\n\n1,2,3\n", "f.csv:3: has more than 2 fields; expected a,b"},
      {"a,b\n\"1,2\n", "f.csv:2: a quoted field is never closed"},
      {"a,b\n\"1\"x,2\n", "f.csv:2: text follows a closing quote"},
      {"a,b\n1\"x\",2\n", "f.csv:2: has a quote inside a field that does not start with one"},
      {"a,b\n1,\x07\n", "f.csv:2: b holds the control character 0x07"},
      {"a,b\n1,\"x\ny\"\n", "f.csv:2: b holds the control character 0x0a"},
      {"a,b\n\"x\n\",1\n1\n", "f.csv:4: has 1 fields"},
      {"a,b\n1\r2,3\n", "f.csv:2: a holds the control character 0x0d"},
      {std::string("a,b\n1,\0\n", 8), "b holds the control character 0x00"},
      {"a,b\n\xff,2\n", "f.csv:2: a holds the octet 0xff, which is no UTF-8"},
      {"a,b\n\xc3,2\n", "no UTF-8"},
      {"a,b\n\xc0\xaf,2\n", "no UTF-8"},
      {"a,b\n\xe0\x80\xaf,2\n", "no UTF-8"},
      {"a,b\n\xed\xa0\x80,2\n", "no UTF-8"},
      {"a,b\n\xf4\x90\x80\x80,2\n", "no UTF-8"},
      {"a,b\n1,\xe2\x82", "no UTF-8"}};
  for (const auto& [text, expected] : table) {
    Findings findings;
    const auto rows = RowsOf(text, findings);
    EXPECT_THAT(Errors(findings), HasSubstr(expected)) << text;
    EXPECT_THAT(rows, IsEmpty()) << text;
  }
}

TEST(Csv, GoesOnBehindABadRowAndStopsWhenFindingsAreFull) {
  Findings findings;
  EXPECT_THAT(RowsOf("a,b\n1\n1,2\n", findings), ElementsAre(ElementsAre("1", "2", "3")));
  std::string text = "a,b\n";
  for (int i = 0; i < 10'000; ++i) {
    text += "1\n";
  }
  Findings many;
  RowsOf(text, many);
  EXPECT_EQ(many.ErrorCount(), Findings::kKept);
}

struct Read {
  Findings findings;
  PlaceNumbers places;
  PrefixMap map;
  Place At(std::uint32_t address) { return places.Places().at(map.v4.At(address)); }
  Place At6(std::uint64_t address) { return places.Places().at(map.v6.At(address)); }
};

Read ReadPlaces(const std::string& rows) {
  Read read;
  read.map = ReadPlacesText(kPlaces + rows, "p.csv", 0.25, read.places, read.findings);
  return read;
}

TEST(PlacesFile, SaysWhereClientsAre) {
  Read read = ReadPlaces(
      "10.0.0.0/8,,US,NY,40.7,-74.01\n"
      "10.1.0.0/16,AS,CY,,,\n"
      "10.1.2.3,EU,,,,\n"
      "192.0.2.0/24,,,,-90,180\n"
      "2001:db8::/32,,UA,43,,\n");
  EXPECT_EQ(Errors(read.findings), "");
  EXPECT_EQ(read.At(0x0a000001), (Place{{"NA", "US", "NY"}, Coordinates{40.75, -74}}));
  EXPECT_EQ(read.At(0x0a010001), (Place{{"AS", "CY", ""}, std::nullopt}));
  EXPECT_EQ(read.At(0x0a010203), (Place{{"EU", "", ""}, std::nullopt}));
  EXPECT_EQ(read.At(0xc0000200), (Place{{}, Coordinates{-90, 0}}));
  EXPECT_EQ(read.At(0x0b000000), Place{});
  EXPECT_EQ(read.At6(0x20010db8ffffffff), (Place{{"EU", "UA", "43"}, std::nullopt}));
}

TEST(PlacesFile, WarnsOfAContinentThatIsNotTheCountrysOncePerPair) {
  Read read = ReadPlaces(
      "10.0.0.0/8,EU,US,,,\n10.1.0.0/16,EU,US,NY,,\n10.2.0.0/16,NA,US,,,\n10.3.0.0/16,AS,US,,,\n"
      "10.4.0.0/16,EU,,,,\n");
  EXPECT_EQ(Errors(read.findings), "");
  EXPECT_THAT(read.findings.Warnings(),
              ElementsAre("p.csv:2: continent is \"EU\" with country US; expected NA; clients of "
                          "such rows count as on continent EU",
                          HasSubstr("p.csv:5: continent is \"AS\" with country US; expected NA")));
  EXPECT_EQ(read.At(0x0a000001), (Place{{"EU", "US", ""}, std::nullopt}));
}

TEST(PlacesFile, RefusesWithPlaceValueAndExpectation) {
  const std::vector<std::pair<std::string, const char*>> table{
      {"10.0.0.0/33,,,,,", "p.csv:2: network \"10.0.0.0/33\" is too long; expected at most /32"},
      {"10.0.0.1/8,,,,,", "network \"10.0.0.1/8\" has bits set behind its /8; expected 10.0.0.0/8"},
      {"2001:db8::/65,,,,,", "is too long; expected at most /64 for IPv6"},
      {",,,,,", "network \"\" is no prefix"},
      {"10.0.0.0/8,XX,,,,", "p.csv:2: continent is \"XX\"; expected AF, AN, AS, EU, NA, OC or SA"},
      {"10.0.0.0/8,eu,,,,", "continent is \"eu\""},
      {"10.0.0.0/8,,XX,,,", "country is \"XX\"; expected two capital letters of ISO 3166"},
      {"10.0.0.0/8,,de,,,", "country is \"de\""},
      {"10.0.0.0/8,,DEU,,,", "country is \"DEU\""},
      {"10.0.0.0/8,,,NY,,", "subdivision is \"NY\"; expected a country with it"},
      {"10.0.0.0/8,,US,XX,,", "subdivision is \"XX\"; expected a state such as NY"},
      {"10.0.0.0/8,,UA,KY,,", "subdivision is \"KY\"; expected two digits such as 43"},
      {"10.0.0.0/8,,DE,BAVA,,", "subdivision is \"BAVA\"; expected 1..3 capital letters"},
      {"10.0.0.0/8,,,,91,0", "latitude is \"91\"; expected -90..90"},
      {"10.0.0.0/8,,,,0,180.5", "longitude is \"180.5\"; expected -180..180"},
      {"10.0.0.0/8,,,,nan,0", "latitude is \"nan\""},
      {"10.0.0.0/8,,,,1e1,0", "latitude is \"1e1\""},
      {"10.0.0.0/8,,,,+1,0", "latitude is \"+1\""},
      {"10.0.0.0/8,,,,1,", "longitude is missing; expected both or neither"},
      {"10.0.0.0/8,,,,,1", "latitude is missing; expected both or neither"},
      {"10.0.0.0/8,,US,,,\n11.0.0.0/8,,,,,\n10.0.0.0/8,,DE,,,",
       "p.csv:4: network 10.0.0.0/8 is that of line 2 too; expected it once"},
      {"10.0.0.0/8,,US,,,\n10.0.0.0/8,,US,,,", "is that of line 2 too"},
      {"10.0.0.1,,US,,,\n10.0.0.1/32,,US,,,", "network 10.0.0.1/32 is that of line 2 too"},
      {"2001:db8::/64,,US,,,\n2001:DB8:0::/64,,US,,,", "network 2001:db8::/64 is that of line 2"},
      {"2001:db8::1,,US,,,", "network \"2001:db8::1\" is an IPv6 address; expected a prefix"},
      {"::ffff:1.2.3.4,,US,,,", "is an IPv4 address in the form of IPv6; expected 1.2.3.4/32"}};
  for (const auto& [rows, expected] : table) {
    const Read read = ReadPlaces(rows);
    EXPECT_EQ(read.findings.ErrorCount(), 1U) << rows << "\n" << Errors(read.findings);
    EXPECT_THAT(Errors(read.findings), HasSubstr(expected)) << rows;
  }
}

TEST(PlacesFile, SaysAllThatIsWrongAtOnce) {
  const Read read = ReadPlaces("10.0.0.0/33,,ZZ,,91,0\nx,,,,,\n10.0.0.0/8,,,,,\n10.0.0.0/8,,,,,\n");
  const std::string errors = Errors(read.findings);
  for (const char* expected :
       {":2: network", ":2: country", ":2: latitude", ":3: network", ":5: network 10.0.0.0/8"}) {
    EXPECT_THAT(errors, HasSubstr(expected));
  }
}

TEST(RegionsFile, ReadsAndRefuses) {
  Regions regions;
  Findings good;
  ReadRegionsText("region,latitude,longitude\nus-east-1,38.9,-77.5\nb,0,0\n", "r", regions, good);
  EXPECT_EQ(Errors(good), "");
  EXPECT_EQ(regions.at("us-east-1"), (Coordinates{38.9, -77.5}));
  std::string many;
  for (std::size_t i = 0; i <= kMaxRegions; ++i) {
    many += "r" + std::to_string(i) + ",0,0\n";
  }
  const std::vector<std::pair<std::string, const char*>> table{
      {"a b,0,0", "r:2: region is \"a b\"; expected 1..64 lower-case letters, digits and '-'"},
      {"US_East,0,0", "r:2: region is \"US_East\"; expected 1..64 lower-case letters"},
      {",0,0", "region is \"\""},
      {"a,,0", "latitude is \"\"; expected -90..90"},
      {"a,0,-181", "longitude is \"-181\"; expected -180..180"},
      {"a,0,0\na,1,1", "r:3: region a is that of line 2 too; expected it once"},
      {many, "r:258: region \"r256\" is one too many; expected at most 256"}};
  for (const auto& [rows, expected] : table) {
    Regions ignored;
    Findings findings;
    ReadRegionsText("region,latitude,longitude\n" + rows, "r", ignored, findings);
    EXPECT_THAT(Errors(findings), HasSubstr(expected));
  }
}

TEST(LatencyFile, ReadsFiguresOfPrefixesAndPlaces) {
  Regions regions{{"b", std::nullopt}};
  Findings findings;
  const LatencyTable table = ReadLatencyText(
      "client,region,ms\n10.0.0.0/8,c,12\n10.0.0.0/8,a,0.125\n"
      "US,b,60000\nUS-NY,a,0\n2001:db8::/64,a,1.5\nfe80::/10,a,2\n",
      "l",
      regions,
      findings);
  EXPECT_EQ(Errors(findings), "");
  EXPECT_THAT(regions, ElementsAre(testing::Key("a"), testing::Key("b"), testing::Key("c")));
  ASSERT_EQ(table.prefixes.size(), 3U);
  EXPECT_EQ(table.rows.at(table.prefixes[0].value), (Latencies{125, std::nullopt, 12'000}));
  EXPECT_EQ(table.rows.at(table.prefixes[1].value), (Latencies{1500, std::nullopt, std::nullopt}));
  EXPECT_EQ(table.rows.at(table.places.at("US")),
            (Latencies{std::nullopt, 60'000'000, std::nullopt}));
  EXPECT_EQ(table.rows.at(table.places.at("US-NY")), (Latencies{0, std::nullopt, std::nullopt}));
}

TEST(LatencyFile, RefusesWithPlaceValueAndExpectation) {
  const std::vector<std::pair<std::string, const char*>> table{
      {"10.0.0.1/8,a,1", "l:2: client \"10.0.0.1/8\" has bits set behind its /8"},
      {"usa,a,1", "client \"usa\" is no prefix"},
      {"ZZ,a,1", "client is \"ZZ\"; expected a country, as US, or with a subdivision"},
      {"USA,a,1", "client is \"USA\""},
      {"US-,a,1", "client is \"US-\""},
      {"US-XX,a,1", "client is \"US-XX\""},
      {",a,1", "client \"\" is no prefix"},
      {"US,,1", "region is \"\"; expected 1..64 lower-case letters"},
      {"US,eu_1,1", "l:2: region is \"eu_1\"; expected 1..64 lower-case letters"},
      {"US,a,", "ms is \"\"; expected 0..60000 with at most 3 decimals"},
      {"US,a,-1", "ms is \"-1\""},
      {"US,a,60000.001", "ms is \"60000.001\""},
      {"US,a,1.0001", "ms is \"1.0001\""},
      {"US,a,1.", "ms is \"1.\""},
      {"US,a,.5", "ms is \".5\""},
      {"US,a,1e3", "ms is \"1e3\""},
      {"US,a,99999999999999999999", "ms is \"99999999999999999999\""},
      {"US,a,1\nUS,b,1\nUS,a,1",
       "l:4: has the client and region of line 2 too; expected them once"},
      {"10.0.0.1,a,1\n10.0.0.1/32,a,2", "l:3: has the client and region of line 2 too"}};
  for (const auto& [rows, expected] : table) {
    Regions regions;
    Findings findings;
    ReadLatencyText("client,region,ms\n" + rows, "l", regions, findings);
    EXPECT_EQ(findings.ErrorCount(), 1U) << rows << "\n" << Errors(findings);
    EXPECT_THAT(Errors(findings), HasSubstr(expected)) << rows;
  }
}

std::string Block(const std::string& block, const std::string& location) {
  return R"({"CidrBlock": ")" + block + R"(", "LocationName": ")" + location + "\"}";
}

Findings ReadBlocks(const std::string& items, CidrCollection& collection) {
  Findings findings;
  ReadCidrBlocksText("{\"CidrBlocks\": [\n" + items + "]}", "b.json", collection, findings);
  return findings;
}

TEST(CidrBlocksFile, MayNestItsBlocks) {
  CidrCollection collection;
  const Findings findings =
      ReadBlocks(Block("198.51.100.0/24", "isp2") + "," + Block("198.51.0.0/16", "isp1") + "," +
                     Block("2001:db8::/48", "a-B_9"),
                 collection);
  EXPECT_EQ(Errors(findings), "");
  EXPECT_THAT(findings.Warnings(), IsEmpty());
  ASSERT_EQ(collection.block.size(), 3U);
  EXPECT_EQ(collection.block[0].location, "isp1");
  EXPECT_EQ(collection.block[1].parent, 0U);
  EXPECT_EQ(collection.blocks.v4.At(0xc6336401), 2U);
}

TEST(CidrBlocksFile, RefusesWithPlaceValueAndExpectation) {
  const std::vector<std::pair<std::string, const char*>> table{
      {Block("10.0.0.1/8", "a"),
       "b.json:2: CIDR block: CidrBlock \"10.0.0.1/8\" has bits set behind its /8"},
      {Block("10.0.0.0/25", "a"), "is \"10.0.0.0/25\"; expected IPv4 /1../24 or IPv6 /1../48"},
      {Block("0.0.0.0/0", "a"), "is \"0.0.0.0/0\"; expected IPv4 /1../24"},
      {Block("10.0.0.1", "a"), "is \"10.0.0.1\"; expected IPv4 /1../24"},
      {Block("::/0", "a"), "is \"::/0\"; expected IPv4 /1../24 or IPv6 /1../48"},
      {Block("2001:db8::/49", "a"), "is \"2001:db8::/49\"; expected"},
      {Block("x", "a"), "CidrBlock \"x\" is no prefix"},
      {Block("10.0.0.0/8", ""), "LocationName is \"\"; expected 1..16 letters"},
      {Block("10.0.0.0/8", "a b"), "LocationName is \"a b\""},
      {Block("10.0.0.0/8", "*"), "LocationName is \"*\""},
      {Block("10.0.0.0/8", "abcdefghijklmnopq"), "LocationName is \"abcdefghijklmnopq\""},
      {R"({"CidrBlock": "10.0.0.0/8"})", "LocationName is missing"},
      {R"({"LocationName": "a"})", "CidrBlock is missing; expected IPv4 /1../24"},
      {R"({"CidrBlock": 5, "LocationName": "a"})", "CidrBlock is 5; expected a string"},
      {R"({"CidrBlock": "10.0.0.0/8", "LocationName": "a", "X": 1})", "X is not known"},
      {Block("10.0.0.0/8", "a") + ",\n" + Block("10.0.0.0/8", "b"),
       "b.json:3: CIDR block 10.0.0.0/8 of location 'b' is in location 'a' already"},
      {Block("10.0.0.0/8", "a") + ",\n" + Block("10.0.0.0/8", "a"), "is in location 'a' already"},
      {"5", "CidrBlocks holds 5; expected objects"},
      {"", "b.json: has no block; expected at least one CidrBlock"},
      {"{", "b.json:2:"}};
  for (const auto& [items, expected] : table) {
    CidrCollection collection;
    const Findings findings = ReadBlocks(items, collection);
    EXPECT_THAT(Errors(findings), HasSubstr(expected)) << items;
    EXPECT_THAT(collection.block, IsEmpty());
  }
}

TEST(CidrBlocksFile, WarnsAboveTheQuotaOfRoute53) {
  std::string items;
  for (int i = 0; i <= 1000; ++i) {
    items += (i == 0 ? "" : ",") +
             Block("10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24", "a");
  }
  CidrCollection collection;
  const Findings findings = ReadBlocks(items, collection);
  EXPECT_EQ(Errors(findings), "");
  EXPECT_THAT(findings.Warnings(),
              ElementsAre("b.json: has 1001 CIDR blocks; Route 53 allows 1000 in a collection"));
}

using LocationFolder = NodeFolder;

TEST_F(LocationFolder, GivesTheModelWhatTheFilesSay) {
  Write("p.csv", std::string(kPlaces) + "10.0.0.0/8,,US,NY,0,1\n");
  Write("r.csv", "region,latitude,longitude\nb,0,0\n");
  Write("l.csv", "client,region,ms\nUS,a,7\n10.9.0.0/16,a,8\n");
  Write("b1", "{\"CidrBlocks\": [" + Block("10.0.0.0/8", "x") + "]}");
  Write("b2", "{\"CidrBlocks\": [" + Block("10.0.0.0/8", "y") + "]}");
  const auto loaded = Load(
      "[location]\ngeo = \"p.csv\"\nregions = \"r.csv\"\nlatency = \"l.csv\"\n"
      "[cidr_collection.z]\nblocks = \"b2\"\n[cidr_collection.a]\nname = \"n\"\nblocks = \"b1\"\n");
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_NE(loaded->model.location, nullptr);
  const LocationData& data = *loaded->model.location;
  EXPECT_THAT(data.regions, ElementsAre("a", "b"));
  EXPECT_THAT(data.region_place, ElementsAre(std::nullopt, Coordinates{0, 0}));
  EXPECT_EQ(data.geo_class.at(data.geo.v4.At(0x0a000000)), (GeoClass{"NA", "US", "NY"}));
  EXPECT_EQ(data.latency_class.at(data.latency.v4.At(0x0a000000)), (Latencies{7000, 1112}));
  EXPECT_EQ(data.latency_class.at(data.latency.v4.At(0x0a090000)), (Latencies{8000, 1112}));
  EXPECT_EQ(data.latency_class.at(0), (Latencies{std::nullopt, std::nullopt}));
  ASSERT_EQ(data.collections.size(), 2U);
  EXPECT_EQ(data.collections[0].id, "a");
  EXPECT_EQ(data.collections[0].name, "n");
  EXPECT_EQ(data.collections[0].block.at(0).location, "x");
  // Named as explain says who located a client.
  EXPECT_EQ(data.geo_file, (folder_ / "p.csv").string());
  EXPECT_EQ(data.regions_file, (folder_ / "r.csv").string());
  EXPECT_EQ(data.latency_file, (folder_ / "l.csv").string());
  EXPECT_EQ(data.collections[0].file, (folder_ / "b1").string());
}

TEST_F(LocationFolder, SaysWhereAFileIsNamedThatIsNotThere) {
  const auto loaded = Load(
      "[location]\ngeo = \"p.csv\"\nregions = \"r.csv\"\nlatency = \"l.csv\"\n"
      "[cidr_collection.a]\nblocks = \"b\"\n");
  ASSERT_FALSE(loaded);
  for (const auto& [named_at, file] : {std::pair{":4:7: key 'geo'", "p.csv"},
                                       std::pair{":5:11: key 'regions'", "r.csv"},
                                       std::pair{":6:11: key 'latency'", "l.csv"},
                                       std::pair{":8:10: key 'blocks'", "b"}}) {
    EXPECT_THAT(loaded.error().message,
                HasSubstr((folder_ / "n.toml").string() + named_at + ": cannot open " +
                          (folder_ / file).string() + ": No such file"));
  }
}

TEST_F(LocationFolder, IsNotNeeded) {
  const auto loaded = Load("[location]\ngrid_degrees = 1\n");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->model.location, nullptr);
}

// A node whose zone has one record set with this location.
std::string LocatedRecord(const std::string& where) {
  return R"({"ResourceRecordSets": [{"Name": "w.t.", "Type": "A", "SetIdentifier": "s", "TTL": 60,
    "ResourceRecords": [{"Value": "192.0.2.1"}], )" +
         where + "}]}";
}
constexpr const char* kOneZone =
    "[[zone]]\norigin = \"t\"\nfile = \"zone\"\nrecords = \"records\"\n";

TEST_F(LocationFolder, RefusesPlacesThatNoFileKnows) {
  Write("zone", "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns.other.test.\n");
  Write("r.csv", "region,latitude,longitude\nb,0,0\n");
  Write("p.csv", std::string(kPlaces) + "10.0.0.0/8,,US,NY,0,1\n");
  Write("l.csv", "client,region,ms\nUS,a,7\n");
  Write("b", "{\"CidrBlocks\": [" + Block("10.0.0.0/8", "x") + "]}");
  const std::string node = std::string(kOneZone) +
                           "[location]\ngeo = \"p.csv\"\nregions = \"r.csv\"\nlatency = \"l.csv\"\n"
                           "[cidr_collection.z]\nblocks = \"b\"\n";
  const std::pair<const char*, const char*> cases[] = {
      {R"("Region": "c")",
       "Region 'c' is in no table of [location] regions or latency; expected one of: a, b"},
      {R"("GeoProximityLocation": {"AWSRegion": "c"})",
       "AWSRegion or LocalZoneGroup 'c' has no coordinates; expected a row c,LATITUDE,LONGITUDE "
       "in [location] regions, "},
      {R"("GeoProximityLocation": {"AWSRegion": "a"})", "r.csv, or one of: b"},
      {R"("CidrRoutingConfig": {"CollectionId": "y", "LocationName": "x"})",
       "The CIDR collection you specified, doesn't exist: CollectionId 'y'; expected one of: z"},
      {R"("CidrRoutingConfig": {"CollectionId": "z", "LocationName": "y"})",
       "LocationName 'y' of collection 'z'; expected one of: *, x"}};
  for (const auto& [where, expected] : cases) {
    Write("records", LocatedRecord(where));
    const auto loaded = Load(node);
    ASSERT_FALSE(loaded) << where;
    EXPECT_THAT(loaded.error().message, HasSubstr(expected));
  }
  for (const char* where : {R"("Region": "a")",
                            R"("GeoProximityLocation": {"AWSRegion": "b"})",
                            R"("CidrRoutingConfig": {"CollectionId": "z", "LocationName": "x"})"}) {
    Write("records", LocatedRecord(where));
    const auto loaded = Load(node);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_THAT(loaded->AllWarnings().Warnings(), IsEmpty());
  }
}

TEST_F(LocationFolder, WarnsThatNothingIsKnownWithoutFiles) {
  Write("zone", "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns.other.test.\n");
  for (const auto& [where, expected] :
       {std::pair{R"("Region": "c")", "latency without [location] regions or latency"},
        std::pair{R"("GeoProximityLocation": {"AWSRegion": "c"})",
                  "geoproximity without [location] geo with coordinates"},
        std::pair{R"("GeoLocation": {"CountryCode": "*"})",
                  "geolocation without [location] geo"}}) {
    Write("records", LocatedRecord(where));
    const auto loaded = Load(kOneZone);
    ASSERT_TRUE(loaded) << loaded.error().message;
    ASSERT_EQ(loaded->AllWarnings().Warnings().size(), 1U);
    EXPECT_THAT(loaded->AllWarnings().Warnings()[0], HasSubstr(expected));
  }
}

// Without coordinates the record's place is as good as any other: a wrong answer, not an odd one.
TEST_F(LocationFolder, RefusesARegionThatLiesNowhereForGeoproximity) {
  Write("zone", "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns.other.test.\n");
  Write("p.csv", std::string(kPlaces) + "10.0.0.0/8,,US,NY,40.7,-74\n");
  Write("l.csv", "client,region,ms\nUS,c,7\n");
  const std::string geo = std::string(kOneZone) + "[location]\ngeo = \"p.csv\"\n";
  for (const char* field : {"AWSRegion", "LocalZoneGroup"}) {
    Write("records",
          LocatedRecord(R"("GeoProximityLocation": {")" + std::string(field) + R"(": "c"})"));
    for (const std::string& node : {geo, geo + "latency = \"l.csv\"\n"}) {
      const auto loaded = Load(node);
      ASSERT_FALSE(loaded) << node;
      EXPECT_THAT(loaded.error().message,
                  HasSubstr("records:1: record 'w.t. A' (SetIdentifier 's'): AWSRegion or "
                            "LocalZoneGroup 'c' has no coordinates; expected a row "
                            "c,LATITUDE,LONGITUDE in a file that [location] regions names"));
    }
  }
  Write("records", LocatedRecord(R"("GeoProximityLocation": {"Coordinates":
    {"Latitude": "1", "Longitude": "2"}})"));
  EXPECT_TRUE(Load(geo));
}

TEST_F(LocationFolder, DoesNotSpeakOfAMissingFileThatIsNamed) {
  Write("zone", "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns.other.test.\n");
  Write("p.csv", std::string(kPlaces) + "10.0.0.0/8,,,,40.7,-74\n");
  Write("records", LocatedRecord(R"("GeoLocation": {"CountryCode": "*"})"));
  const auto loaded = Load(std::string(kOneZone) + "[location]\ngeo = \"p.csv\"\n");
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_EQ(loaded->AllWarnings().Warnings().size(), 1U);
  EXPECT_THAT(loaded->AllWarnings().Warnings()[0],
              HasSubstr("geolocation without a continent or country in any row of " +
                        (folder_ / "p.csv").string() + ": nothing is known of any client"));
}

// Such a file is one that was cut: its answers would be gone at a reload.
TEST_F(LocationFolder, RefusesFilesWithoutARow) {
  Write("p.csv", kPlaces);
  Write("r.csv", "region,latitude,longitude\n");
  Write("l.csv", "client,region,ms\n");
  Write("b", "{\"CidrBlocks\": []}");
  const auto loaded = Load(
      "[location]\ngeo = \"p.csv\"\nregions = \"r.csv\"\nlatency = \"l.csv\"\n"
      "[cidr_collection.z]\nblocks = \"b\"\n");
  ASSERT_FALSE(loaded);
  for (const char* expected : {"p.csv: has no row; expected at least one network",
                               "r.csv: has no row; expected at least one region",
                               "l.csv: has no row; expected at least one client",
                               "b: has no block; expected at least one CidrBlock"}) {
    EXPECT_THAT(loaded.error().message, HasSubstr(expected));
  }
}

TEST_F(LocationFolder, SaysTheFaultsOfEveryFileAtOnce) {
  Write("p.csv", std::string(kPlaces) + "10.0.0.0/8,,ZZ,,,\n");
  Write("l.csv", "client,region\n");
  Write("b", "{\"CidrBlocks\": [" + Block("10.0.0.0/30", "x") + "]}");
  const auto loaded = Load(
      "[location]\ngeo = \"p.csv\"\nregions = \"none.csv\"\nlatency = \"l.csv\"\n"
      "[cidr_collection.z]\nblocks = \"b\"\n");
  ASSERT_FALSE(loaded);
  for (const char* expected : {"p.csv:2: country is \"ZZ\"",
                               "none.csv: No such file",
                               "l.csv:1: has 2 fields; expected client,region,ms",
                               "b:1: CIDR block: CidrBlock is \"10.0.0.0/30\""}) {
    EXPECT_THAT(loaded.error().message, HasSubstr(expected));
  }
}

}  // namespace
}  // namespace holdfast::control
