// The parts that places and latencies are made of: prefixes, ranges, codes, distances.
#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "control/location/cidr.h"
#include "control/location/country.h"
#include "control/location/places.h"
#include "control/location/prefix.h"

namespace holdfast::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Prefix At(std::string_view text) {
  const auto prefix = ParsePrefix(text);
  EXPECT_TRUE(prefix) << text << " " << prefix.error().message;
  return prefix ? *prefix : Prefix{};
}

TEST(Prefix, ReadsWhatIsWellFormed) {
  const std::vector<std::pair<const char*, Prefix>> table{
      {"0.0.0.0/0", {false, 0, 0}},
      {"192.0.2.0/24", {false, 0xc0000200, 24}},
      {"192.0.2.7/32", {false, 0xc0000207, 32}},
      {"192.0.2.7", {false, 0xc0000207, 32}},
      {"255.255.255.255", {false, 0xffffffff, 32}},
      {"::/0", {true, 0, 0}},
      {"2001:db8::/32", {true, 0x20010db800000000, 32}},
      {"2001:DB8:0:1::/64", {true, 0x20010db800000001, 64}},
      {"::1:0:0:0:0/64", {true, 1, 64}}};
  for (const auto& [text, expected] : table) {
    EXPECT_EQ(At(text), expected) << text;
    EXPECT_EQ(At(ToText(expected)), expected) << text;
  }
}

TEST(Prefix, OfAClientCountsInItsUpper64Bits) {
  const Prefix expected{true, 0x20010db800000001, 64};
  for (const char* text : {"2001:db8:0:1::5/128", "2001:db8:0:1::/65", "2001:db8:0:1::5"}) {
    const auto client = ParseClient(text);
    ASSERT_TRUE(client) << text;
    EXPECT_EQ(*client, expected) << text;
  }
  EXPECT_FALSE(ParseClient("2001:db8::/129"));
  EXPECT_FALSE(ParseClient("192.0.2.0/33"));
  EXPECT_FALSE(ParseClient("2001:db8::1/64"));
  EXPECT_FALSE(ParseClient("::ffff:192.0.2.1"));
}

TEST(Prefix, SaysWhatIsWrong) {
  const std::vector<std::pair<std::string, const char*>> table{
      {"", "is no prefix; expected a prefix such as 192.0.2.0/24"},
      {"a", "is no prefix"},
      {"192.0.2", "is no prefix"},
      {"192.0.2.256/24", "is no prefix"},
      {" 192.0.2.0/24", "is no prefix"},
      {"192.0.2.0/24 ", "is no prefix"},
      {"192.0.2.0/", "is no prefix"},
      {"192.0.2.0/-1", "is no prefix"},
      {"192.0.2.0/024", "is no prefix"},
      {"192.0.2.0/24/24", "is no prefix"},
      {"2001:db8::1%eth0/64", "is no prefix"},
      {std::string("192.0.2.0\0/24", 13), "is no prefix"},
      {std::string(100, '1'), "is no prefix"},
      {"192.0.2.0/33", "is too long; expected at most /32 for IPv4"},
      {"192.0.2.0/99999999999", "is too long"},
      {"2001:db8::/65", "is too long; expected at most /64 for IPv6"},
      {"2001:db8::5/128", "is too long; expected at most /64 for IPv6"},
      {"2001:db8::/129", "is too long; expected at most /64 for IPv6"},
      {"2001:db8:0:1:2:3:4:5",
       "is an IPv6 address; expected a prefix of at most /64, such as 2001:db8:0:1::/64"},
      {"::", "is an IPv6 address; expected a prefix of at most /64, such as ::/64"},
      {"::ffff:1.2.3.4", "is an IPv4 address in the form of IPv6; expected 1.2.3.4/32"},
      {"::ffff:1.2.3.4/120", "is an IPv4 address in the form of IPv6; expected 1.2.3.0/24"},
      {"::ffff:0:0/96", "is an IPv4 address in the form of IPv6; expected 0.0.0.0/0"},
      {"::ffff:1.2.3.4/64", "has bits set behind its /64; expected ::/64"},
      {"192.0.2.1/24", "has bits set behind its /24; expected 192.0.2.0/24"},
      {"1.0.0.0/0", "has bits set behind its /0; expected 0.0.0.0/0"},
      {"2001:db8:1::/32", "has bits set behind its /32; expected 2001:db8::/32"},
      {"2001:db8::1/64", "has bits set behind its /64; expected 2001:db8::/64"}};
  for (const auto& [text, expected] : table) {
    const auto prefix = ParsePrefix(text);
    ASSERT_FALSE(prefix) << text;
    EXPECT_THAT(prefix.error().message, HasSubstr(expected)) << text;
  }
}

TEST(PrefixMap, LetsTheLongestPrefixWin) {
  const std::vector<PrefixRow> rows{{At("0.0.0.0/1"), 1, 0},
                                    {At("10.0.0.0/8"), 2, 0},
                                    {At("10.255.255.0/24"), 3, 0},
                                    {At("10.255.255.255"), 4, 0},
                                    {At("255.255.255.255"), 5, 0},
                                    {At("::/0"), 6, 0},
                                    {At("ffff:ffff:ffff:ffff::/64"), 7, 0}};
  const PrefixMap map = MakePrefixMap(rows);
  EXPECT_THAT(
      map.v4.start,
      ElementsAre(0, 0x0a000000, 0x0affff00, 0x0affffff, 0x0b000000, 0x80000000, 0xffffffff));
  EXPECT_THAT(map.v4.value, ElementsAre(1, 2, 3, 4, 1, 0, 5));
  EXPECT_THAT(map.v6.start, ElementsAre(0, 0xffffffffffffffff));
  EXPECT_THAT(map.v6.value, ElementsAre(6, 7));
}

TEST(PrefixMap, MakesOneRangeOfEqualNeighbours) {
  const std::vector<PrefixRow> rows{{At("10.0.0.0/9"), 1, 0},
                                    {At("10.0.1.0/24"), 1, 0},
                                    {At("10.128.0.0/9"), 1, 0},
                                    {At("11.0.0.0/8"), 2, 0}};
  const PrefixMap map = MakePrefixMap(rows);
  EXPECT_THAT(map.v4.start, ElementsAre(0, 0x0a000000, 0x0b000000, 0x0c000000));
  const PrefixMap merged = Renumber(map, std::vector<std::uint32_t>{0, 7, 7});
  EXPECT_THAT(merged.v4.start, ElementsAre(0, 0x0a000000, 0x0c000000));
  EXPECT_THAT(merged.v4.value, ElementsAre(0, 7, 0));
  EXPECT_EQ(Renumber(map, std::vector<std::uint32_t>{0, 0, 0}), PrefixMap{});
}

TEST(PrefixMap, EqualsASearchThroughAllPrefixes) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<PrefixRow> rows;
    for (int i = 0; i < 40; ++i) {
      Prefix prefix{random() % 2 == 0, random() % 16, 0};
      const unsigned width = prefix.Width();
      prefix.length = static_cast<std::uint8_t>(random() % 2 == 0 ? random() % (width + 1)
                                                                  : width - (random() % 5));
      prefix.bits = random() % 3 == 0 ? prefix.bits << (width - 4) : prefix.bits;
      prefix.bits &= prefix.length == 0 ? 0 : ~std::uint64_t{0} << (width - prefix.length);
      prefix.bits &= prefix.v6 ? ~std::uint64_t{0} : 0xffffffff;
      rows.push_back({prefix, static_cast<std::uint32_t>(random() % 4), 0});
    }
    std::ranges::sort(rows, {}, &PrefixRow::prefix);
    const auto twins = std::ranges::unique(rows, {}, &PrefixRow::prefix);
    rows.erase(twins.begin(), twins.end());
    const PrefixMap map = MakePrefixMap(rows);
    for (const bool v6 : {false, true}) {
      for (int i = 0; i < 100; ++i) {
        const int width = v6 ? 64 : 32;
        const std::uint64_t address = (random() % 18) << (random() % 2 == 0 ? 0 : width - 4);
        const Prefix at{v6, v6 ? address : address & 0xffffffff, static_cast<std::uint8_t>(width)};
        std::uint32_t expected = 0;
        for (const PrefixRow& row : rows) {  // ascending: what lies within comes later
          expected = row.prefix.v6 == v6 && row.prefix.Contains(at) ? row.value : expected;
        }
        EXPECT_EQ(v6 ? map.v6.At(at.bits) : map.v4.At(static_cast<std::uint32_t>(at.bits)),
                  expected);
      }
    }
    EXPECT_EQ(std::ranges::adjacent_find(map.v4.value), map.v4.value.end());
    EXPECT_EQ(map.v4.start.at(0), 0U);
    EXPECT_TRUE(std::ranges::is_sorted(map.v6.start, std::ranges::less_equal()));
  }
}

TEST(CidrBlocks, KnowTheBlockAroundThem) {
  const std::vector<CidrRow> rows{{At("10.0.0.0/8"), "a"},
                                  {At("10.1.0.0/16"), "b"},
                                  {At("10.1.2.0/24"), "a"},
                                  {At("10.2.0.0/16"), "c"},
                                  {At("11.0.0.0/8"), "d"},
                                  {At("2001:db8::/32"), "a"},
                                  {At("2001:db8:1::/48"), "e"}};
  CidrCollection collection;
  SetBlocks(rows, collection);
  std::vector<std::uint32_t> parents;
  for (const CidrBlock& block : collection.block) {
    parents.push_back(block.parent);
  }
  EXPECT_THAT(parents, ElementsAre(kNoBlock, 0, 1, 0, kNoBlock, kNoBlock, 5));
  EXPECT_EQ(collection.block[2].location, "a");
  EXPECT_EQ(collection.block[6].length, 48);
  EXPECT_EQ(collection.blocks.v4.At(0x0a0102ff), 3U);
  EXPECT_EQ(collection.blocks.v4.At(0x0a010300), 2U);
  EXPECT_EQ(collection.blocks.v4.At(0x0c000000), 0U);
  EXPECT_EQ(collection.blocks.v6.At(0x20010db800020000), 6U);
}

TEST(Countries, HaveTheirContinent) {
  int countries = 0;
  for (char a = 'A'; a <= 'Z'; ++a) {
    for (char b = 'A'; b <= 'Z'; ++b) {
      countries += ContinentOf(std::string{a, b}).empty() ? 0 : 1;
    }
  }
  EXPECT_EQ(countries, 250);  // 249 of ISO 3166-1, and XK
  const std::vector<std::pair<const char*, const char*>> table{{"US", "NA"},
                                                               {"DE", "EU"},
                                                               {"JP", "AS"},
                                                               {"BR", "SA"},
                                                               {"EG", "AF"},
                                                               {"AU", "OC"},
                                                               {"AQ", "AN"},
                                                               {"XK", "EU"},
                                                               {"TR", "AS"},
                                                               {"RU", "EU"},
                                                               {"ZZ", ""},
                                                               {"us", ""},
                                                               {"U", ""},
                                                               {"", ""},
                                                               {"S ", ""},
                                                               {" A", ""},
                                                               {"USA", ""}};
  for (const auto& [country, continent] : table) {
    EXPECT_EQ(ContinentOf(country), continent) << country;
  }
  EXPECT_TRUE(IsContinent("OC"));
  EXPECT_FALSE(IsContinent("XX"));
  EXPECT_FALSE(IsContinent(""));
}

TEST(Countries, AreNotAllKnownToRoute53) {
  for (const char* country : {"BV", "CX", "EH", "HM", "XK", "ZZ", ""}) {
    EXPECT_FALSE(IsRoute53Country(country)) << country;
  }
  for (const char* country : {"US", "UA", "DE", "GB"}) {
    EXPECT_TRUE(IsRoute53Country(country)) << country;
  }
  EXPECT_TRUE(IsRoute53Subdivision("US", "NY"));
  EXPECT_TRUE(IsRoute53Subdivision("US", "DC"));
  EXPECT_FALSE(IsRoute53Subdivision("US", "PR"));
  EXPECT_FALSE(IsRoute53Subdivision("US", "ny"));
  EXPECT_FALSE(IsRoute53Subdivision("US", "40"));
  for (const char* region : {"40", "43", "30"}) {
    EXPECT_TRUE(IsRoute53Subdivision("UA", region)) << region;
  }
  for (const char* region : {"NY", "00", "06", "99", "5", "0 "}) {
    EXPECT_FALSE(IsRoute53Subdivision("UA", region)) << region;
  }
  EXPECT_FALSE(IsRoute53Subdivision("CA", "ON"));
}

TEST(Subdivisions, AreCheckedWhereRoutingKnowsThem) {
  for (const auto& [country, code] :
       std::vector<std::pair<const char*, const char*>>{{"US", "NY"},
                                                        {"US", "PR"},
                                                        {"US", "AE"},
                                                        {"UA", "43"},
                                                        {"CA", "ON"},
                                                        {"FR", "IDF"},
                                                        {"JP", "13"},
                                                        {"GB", "E"}}) {
    EXPECT_TRUE(IsSubdivision(country, code)) << country << code;
  }
  for (const auto& [country, code] :
       std::vector<std::pair<const char*, const char*>>{{"US", "XX"},
                                                        {"US", "NYC"},
                                                        {"UA", "4"},
                                                        {"CA", "on"},
                                                        {"FR", "IDFX"},
                                                        {"FR", ""},
                                                        {"", "NY"},
                                                        {"FR", "I-F"}}) {
    EXPECT_FALSE(IsSubdivision(country, code)) << country << code;
  }
}

TEST(Distance, IsThatOfTheGreatCircle) {
  const Coordinates paris{48.8566, 2.3522};
  const Coordinates tokyo{35.6895, 139.6917};
  EXPECT_NEAR(DistanceKm(paris, tokyo), 9712, 5);
  EXPECT_EQ(DistanceKm(paris, tokyo), DistanceKm(tokyo, paris));
  EXPECT_EQ(DistanceKm(paris, paris), 0);
  EXPECT_NEAR(DistanceKm({0, 0}, {0, 180}), 20015.1, 0.1);
  EXPECT_NEAR(DistanceKm({90, 0}, {-90, 77}), 20015.1, 0.1);
  EXPECT_NEAR(DistanceKm({0, 179.5}, {0, -179.5}), 111.2, 0.1);
}

TEST(Grid, HasOneNameForEachOfItsPoints) {
  EXPECT_EQ(RoundToGrid({48.8566, 2.3522}, 0.25), (Coordinates{48.75, 2.25}));
  EXPECT_EQ(RoundToGrid({0.1, -180}, 0.25), (Coordinates{0, 180}));
  EXPECT_EQ(RoundToGrid({0, 179.99}, 0.25), (Coordinates{0, 180}));
  EXPECT_EQ(RoundToGrid({89.99, 40}, 0.25), (Coordinates{90, 0}));
  EXPECT_EQ(RoundToGrid({-90, 40}, 7), (Coordinates{-90, 0}));
  EXPECT_EQ(RoundToGrid({0, 180}, 7), (Coordinates{0, -178}));
  EXPECT_FALSE(std::signbit(RoundToGrid({-0.01, -0.01}, 0.25).longitude));
}

TEST(Places, AreNumberedByWhatTheyAreAndNotByTheirOrder) {
  const Place us_ny{{"NA", "US", "NY"}, Coordinates{40, -74}};
  const Place us{{"NA", "US", ""}, std::nullopt};
  const Place us_here{{"NA", "US", ""}, Coordinates{40, -74}};
  const auto load = [&](std::vector<std::pair<const char*, Place>> rows) {
    PlaceNumbers numbers;
    std::vector<PrefixRow> prefixes;
    for (const auto& [text, place] : rows) {
      prefixes.push_back({At(text), numbers.Of(place), 0});
    }
    std::ranges::sort(prefixes, {}, &PrefixRow::prefix);
    LocationData data;
    SetPlaces(MakePrefixMap(prefixes), numbers.Places(), data);
    return data;
  };
  const LocationData data =
      load({{"10.0.0.0/9", us_ny}, {"10.128.0.0/9", us}, {"11.0.0.0/8", us_here}});
  EXPECT_THAT(data.geo_class,
              ElementsAre(GeoClass{}, GeoClass{"NA", "US", ""}, GeoClass{"NA", "US", "NY"}));
  EXPECT_THAT(data.geo.v4.start, ElementsAre(0, 0x0a000000, 0x0a800000, 0x0c000000));
  EXPECT_THAT(data.geo.v4.value, ElementsAre(0, 2, 1, 0));
  EXPECT_THAT(data.cell.v4.value, ElementsAre(0, 1, 0, 1, 0));
  const LocationData other =
      load({{"11.0.0.0/8", us_here}, {"10.128.0.0/9", us}, {"10.0.0.0/9", us_ny}});
  EXPECT_EQ(other.geo, data.geo);
  EXPECT_EQ(other.geo_class, data.geo_class);
  EXPECT_EQ(other.cell, data.cell);
}

// Two regions; clients with and without a prefix row, a country row, a place.
TEST(Latencies, ComeFromPrefixThenSubdivisionThenCountryThenDistance) {
  LocationData data;
  data.regions = {"a", "b"};
  data.region_place = {Coordinates{0, 0}, std::nullopt};
  PlaceNumbers numbers;
  const Place us_ny{{"NA", "US", "NY"}, Coordinates{0, 1}};
  const Place us_ca{{"NA", "US", "CA"}, std::nullopt};
  const Place de{{"EU", "DE", ""}, Coordinates{0, 2}};
  const std::vector<PrefixRow> places{{At("10.0.0.0/8"), numbers.Of(us_ny), 0},
                                      {At("11.0.0.0/8"), numbers.Of(us_ca), 0},
                                      {At("12.0.0.0/8"), numbers.Of(de), 0}};
  SetPlaces(MakePrefixMap(places), numbers.Places(), data);
  LatencyTable table;
  table.rows = {{}, {5000, 6000}, {std::nullopt, 7000}, {8000, std::nullopt}};
  table.places = {{"US", 1}, {"US-NY", 2}};
  table.prefixes = {{At("10.1.0.0/16"), 3, 0}, {At("13.0.0.0/8"), 3, 0}};
  SetLatencies(table, data);
  const auto at = [&](std::uint32_t address) {
    return data.latency_class[data.latency.v4.At(address)];
  };
  const std::uint32_t one_degree = 1112;  // 111.2 km at 10 us each, less the digits behind
  EXPECT_EQ(at(0x09000000), (Latencies{std::nullopt, std::nullopt}));
  EXPECT_EQ(data.latency.v4.At(0x09000000), 0U);
  EXPECT_EQ(at(0x0a000000), (Latencies{one_degree, 7000}));
  EXPECT_EQ(at(0x0a010000), (Latencies{8000, std::nullopt}));
  EXPECT_EQ(at(0x0b000000), (Latencies{5000, 6000}));
  EXPECT_EQ(at(0x0c000000), (Latencies{2224, std::nullopt}));
  EXPECT_EQ(at(0x0d000000), (Latencies{8000, std::nullopt}));
  EXPECT_EQ(data.latency.v6, PrefixMap{}.v6);
  EXPECT_TRUE(std::ranges::is_sorted(data.latency_class));
  // (table, place, distance) that they are from.
  const auto from = [&](std::uint32_t address) {
    const LatencyOrigin& origin = data.latency_origin.at(data.latency.v4.At(address));
    return std::tuple(origin.table, origin.place, origin.distance);
  };
  EXPECT_EQ(from(0x09000000), std::tuple(false, false, false));
  EXPECT_EQ(from(0x0a000000), std::tuple(true, true, true));
  EXPECT_EQ(from(0x0b000000), std::tuple(true, true, false));
  EXPECT_EQ(from(0x0c000000), std::tuple(false, false, true));
  EXPECT_EQ(from(0x0d000000), std::tuple(true, false, false));
}

}  // namespace
}  // namespace holdfast::control
