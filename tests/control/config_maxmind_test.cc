// MaxMind DB files: the same places as the same rows in CSV, and every damaged or hostile file
// refused in one sentence. write_mmdb.py writes the good ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

#include "tests/control/maxmind_kit.h"

namespace holdfast::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kRows =
    "10.0.0.0/8,NA,US,NY,40.7,-74\n"
    "10.1.0.0/16,EU,DE,,52.5,13.4\n"
    "10.1.2.0/24,,UA,43,,\n"
    "192.0.2.1/32,EU,,,,\n"
    "198.51.100.0/25,,JP,13,-35.123456,139.7\n";
constexpr const char* kRows6 =
    "2001:db8::/32,,JP,13,35.7,139.7\n"
    "2001:db8:1::/48,,,,1,1\n"
    "2001:db8:1:2::/64,,FR,IDF,,\n"
    "2600::/12,NA,US,CA,37,-122\n"
    "8000::/1,,AU,,,\n";

TEST_F(Databases, GiveTheRangesThatTheirRowsGiveAsCsv) {
  const std::string both = std::string(kHeader) + kRows + kRows6;
  const std::string v4 = std::string(kHeader) + kRows;
  for (const char* size : {"24", "28", "32"}) {
    for (const char* options : {"", " --aliases", " --ip-version 4"}) {
      SCOPED_TRACE(std::string(size) + options);
      const bool only_v4 = std::string_view(options).contains('4');
      const std::string& csv = only_v4 ? v4 : both;
      const GeoRead as_csv = ReadGeoText(csv, "p.csv");
      const GeoRead read =
          ReadGeoText(Write(csv, std::string("--record-size ") + size + options), "t.mmdb");
      ASSERT_EQ(as_csv.Errors(), "");
      ASSERT_EQ(read.Errors(), "");
      EXPECT_THAT(read.findings.Warnings(), IsEmpty());
      EXPECT_EQ(read.Data().geo, as_csv.Data().geo);
      EXPECT_EQ(read.Data().cell, as_csv.Data().cell);
      EXPECT_EQ(read.Data().geo_class, as_csv.Data().geo_class);
      EXPECT_EQ(read.Data().cell_class, as_csv.Data().cell_class);
    }
  }
}

TEST_F(Databases, DoNotTakeTheAliasesOfIpv4ForPlaces) {
  const std::string csv = std::string(kHeader) + "0.0.0.0/1,,DE,,,\n2002::/17,,FR,,,\n";
  const GeoRead plain = ReadGeoText(Write(csv, ""), "t.mmdb");
  const GeoRead aliased = ReadGeoText(Write(csv, "--aliases"), "t.mmdb");
  ASSERT_EQ(plain.Errors() + aliased.Errors(), "");
  const auto at = [](const GeoRead& read, std::uint64_t address) {
    return read.places.Places().at(read.map.v6.At(address)).geo.country;
  };
  EXPECT_EQ(at(plain, 0x2002010101010000), "FR");  // a place of its own, no alias
  EXPECT_EQ(at(aliased, 0x2002010101010000), "");
  EXPECT_EQ(at(aliased, 0x2001000001010101), "");
  EXPECT_EQ(at(aliased, 0), "DE");  // the first address of ::/64 is 0.0.0.0
}

TEST_F(Databases, AreRefusedWhereverTheyAreCut) {
  const std::string good = Write(std::string(kHeader) + kRows + kRows6, "--aliases");
  ASSERT_EQ(ReadGeoText(good, "t.mmdb").Errors(), "");
  for (std::size_t size = 0; size < good.size(); size += size % 7 == 0 ? 1 : 3) {
    const GeoRead read = ReadGeoText(good.substr(0, size), "t.mmdb");
    EXPECT_EQ(read.findings.ErrorCount(), 1U) << size;
    EXPECT_THAT(read.Errors(), HasSubstr("t.mmdb: ")) << size;
  }
  for (const std::size_t front : {1U, 16U, 100U}) {
    EXPECT_FALSE(ReadGeoText(good.substr(front), "t.mmdb").findings.Ok()) << front;
  }
}

TEST_F(Databases, NeverCostMoreThanASentenceWhenTheyAreDamaged) {
  const std::string good = Write(std::string(kHeader) + kRows + kRows6, "--aliases");
  std::mt19937 random(3);
  int refused = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string bad = good;
    for (auto flips = 1 + random() % 3; flips > 0; --flips) {
      char& octet = bad[random() % bad.size()];
      octet = static_cast<char>(octet ^ (1U << random() % 8));
    }
    const GeoRead read = ReadGeoText(bad, "t.mmdb");
    EXPECT_LE(read.findings.ErrorCount(), 1U);
    refused += read.findings.Ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 1000);
}

TEST_F(Databases, LoseNoMoreThanTheCodesThatAreNotKnown) {
  std::string bad =
      Write(std::string(kHeader) + "10.0.0.0/8,NA,US,NY,1,1\n11.0.0.0/8,,DE,,,\n", "");
  bad.replace(bad.find("BNY") + 1, 2, "\x1bQ");
  bad.replace(bad.find("BDE") + 1, 2, "ZZ");
  GeoRead read = ReadGeoText(bad, "t.mmdb");
  EXPECT_EQ(read.Errors(), "");
  EXPECT_THAT(read.findings.Warnings(),
              ElementsAre(HasSubstr("t.mmdb: subdivision is \"?Q\"; expected a state"),
                          HasSubstr("t.mmdb: country is \"ZZ\"; expected two capital letters")));
  EXPECT_EQ(read.places.Places().at(read.map.v4.At(0x0a000000)).geo, (GeoClass{"NA", "US", ""}));
  EXPECT_EQ(read.places.Places().at(read.map.v4.At(0x0b000000)).geo, GeoClass{});
}

// Octets as an attacker would write them: a tree of IPv4, 24 bits a record.
struct Image {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> nodes{{kData, kData}};
  std::string data = Map(1) + Text("country") + Map(1) + Text("iso_code") + Text("DE");
  std::string metadata = Metadata("\xc1\x01", "\xa1\x18", "\xa1\x04", "\xa1\x02");

  static constexpr std::uint32_t kData = 1 + 16;  // offset 0 of a tree with one node

  static std::string Text(const std::string& text) {
    return static_cast<char>(0x40 + text.size()) + text;
  }
  static std::string Map(int members) { return {static_cast<char>(0xe0 + members)}; }
  static std::string Array(int items) { return {static_cast<char>(items), '\x04'}; }
  static std::string Metadata(const std::string& node_count,
                              const std::string& record_size,
                              const std::string& ip_version,
                              const std::string& version) {
    return Map(4) + Text("node_count") + node_count + Text("record_size") + record_size +
           Text("ip_version") + ip_version + Text("binary_format_major_version") + version;
  }
  [[nodiscard]] std::string Octets() const {
    std::string octets;
    for (const auto& [left, right] : nodes) {
      for (const std::uint32_t record : {left, right}) {
        octets += {static_cast<char>(record >> 16U),
                   static_cast<char>(record >> 8U),
                   static_cast<char>(record)};
      }
    }
    return octets + std::string(16, '\0') + data + "\xab\xcd\xefMaxMind.com" + metadata;
  }
};

TEST(HostileDatabase, ShowsThatTheImageIsGoodWithoutHarm) {
  EXPECT_EQ(ReadGeoText(Image().Octets(), "t.mmdb").Errors(), "");
}

TEST(HostileDatabase, IsRefusedForItsMetadata) {
  const auto metadata = [](auto... parts) { return Image::Metadata(parts...); };
  std::string nested(100'000, '\0');
  for (std::size_t i = 0; i < nested.size(); i += 2) {
    nested[i] = 1;
    nested[i + 1] = 4;
  }
  const std::vector<std::pair<std::string, const char*>> table{
      {"", "runs past its end"},
      {"\x40", "has a beginning that is not a map"},
      {"\xe0", "binary_format_major_version 0; expected 2"},
      {"\xff\xff\xff\xff", "runs past its end"},
      {metadata("\xc1\x01", "\xa1\x18", "\xa1\x04", "\xa1\x03"), "version 3; expected 2"},
      {metadata("\xc1\x01", "\xa1\x19", "\xa1\x04", "\xa1\x02"),
       "record_size 25; expected 24, 28 or 32"},
      {metadata("\xc1\x01", "\xa1\x18", "\xa1\x05", "\xa1\x02"), "ip_version 5; expected 4 or 6"},
      {metadata("\xc0", "\xa1\x18", "\xa1\x04", "\xa1\x02"), "node_count 0; expected a count"},
      {metadata("\xc4\xff\xff\xff\xff", "\xa1\x20", "\xa1\x04", "\xa1\x02"),
       "speak of 4294967295 nodes of 8 octets; the file is damaged or was cut"},
      {metadata(std::string("\xc4\x20\x00\x00\x01", 5), "\xa1\x20", "\xa1\x04", "\xa1\x02"),
       "speak of"},
      {metadata("\xc4\xff\xff\xff\xff", "\xa1\x18", "\xa1\x04", "\xa1\x02"),
       "fits the record_size"},
      {metadata("\xa1\x01", "\xa1\x18", "\xa1\x04", "\xa1\x02"), "has a node_count that is not"},
      {Image::Map(1) + Image::Text("x") + nested, "runs past its end"},
      {std::string("\x20\x00", 2), "is a pointer that a pointer leads to"},
      {Image::Map(1) + std::string("\x20\x00", 2) + "\xe0", "has a key that is not a string"}};
  for (const auto& [octets, expected] : table) {
    Image image;
    image.metadata = octets;
    const GeoRead read = ReadGeoText(image.Octets(), "t.mmdb");
    EXPECT_EQ(read.findings.ErrorCount(), 1U);
    EXPECT_THAT(read.Errors(), HasSubstr(expected)) << octets.substr(0, 100);
  }
}

TEST(HostileDatabase, IsRefusedForItsData) {
  const auto text = [](const char* word) { return Image::Text(word); };
  const auto country = [&](const std::string& value) {
    return Image::Map(1) + text("country") + value;
  };
  std::string deep;
  for (int i = 0; i < 2'000'000; ++i) {
    deep += Image::Array(1);
  }
  const std::vector<std::pair<std::string, const char*>> table{
      {"\xe1", "runs past its end"},
      {text("DE"), "has a record that is not a map; expected a GeoIP2"},
      {country(text("DE")), "has a country that is not a map; expected a GeoIP2"},
      {country(Image::Map(1) + text("iso_code") + Image::Map(0)),
       "has a country that is not a string"},
      {country(Image::Map(1) + text("iso_code") + "\x5f"), "runs past its end"},
      {Image::Map(1) + text("location") + Image::Map(1) + text("latitude") + text("1"),
       "has a latitude that is no double"},
      {Image::Map(1) + text("subdivisions") + Image::Map(0),
       "has a subdivisions that is not an array"},
      {country("\x38\xff\xff\xff\xff"), "runs past its end"},
      {country(std::string("\x20\x09", 2)), "is a pointer that a pointer leads to"},
      {Image::Map(1) + text("x") + std::string("\x00\xff", 2), "has no type that there is"},
      {Image::Map(1) + text("x") + std::string("\x00\x00", 2), "has no type that there is"},
      {Image::Map(1) + text("x") + deep, "runs past its end"},
      {Image::Map(1) + text("x") + deep + Image::Array(0), "has no network with a country"},
      {"\xff\xff\xff\xff" + std::string(100, '\x40'), "runs past its end"},
      {Image::Map(1) + text("asn") + text("AS1"), "has no network with a country"}};
  for (const auto& [octets, expected] : table) {
    Image image;
    image.data = octets;
    const GeoRead read = ReadGeoText(image.Octets(), "t.mmdb");
    EXPECT_EQ(read.findings.ErrorCount(), 1U) << octets.substr(0, 100);
    EXPECT_THAT(read.Errors(), HasSubstr(expected)) << octets.substr(0, 100);
  }
}

TEST(HostileDatabase, IsRefusedForItsTree) {
  const auto refuse = [](const std::vector<std::pair<std::uint32_t, std::uint32_t>>& nodes,
                         const char* expected) {
    Image image;
    image.nodes = nodes;
    const auto count = static_cast<char>(nodes.size());
    image.metadata =
        Image::Metadata(std::string("\xc1") + count, "\xa1\x18", "\xa1\x04", "\xa1\x02");
    const GeoRead read = ReadGeoText(image.Octets(), "t.mmdb");
    EXPECT_EQ(read.findings.ErrorCount(), 1U);
    EXPECT_THAT(read.Errors(), HasSubstr(expected));
  };
  refuse({{0, 0}}, "deeper than addresses are long");
  refuse({{0, 1}}, "deeper than addresses are long");
  refuse({{2, 1}}, "lead outside of it");  // into the zero octets behind the tree
  refuse({{1, 0xffffff}}, "lead outside of it");
  refuse({{1, 1}}, "has no network with a country");
  // Each node leads twice to the next: 2^31 paths through 31 nodes.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> shared;
  for (std::uint32_t i = 1; i <= 31; ++i) {
    shared.emplace_back(i, i);
  }
  refuse(shared, "are shared or lead in a circle");
}

// Thirty records of a few octets, each with a country that is the same map of 70,000 members.
TEST(HostileDatabase, CannotMakeUsWorkMoreThanItsSizeAllows) {
  constexpr std::uint32_t kRecords = 30;
  constexpr std::uint32_t kMembers = 70'000;
  const std::string start = Image::Map(1) + Image::Text("country") + "\x38";
  const auto octets = static_cast<std::uint32_t>(start.size() + 4);
  const auto big_endian = [](std::uint32_t number, int size) {
    std::string text;
    for (int i = size; i-- > 0;) {
      text += static_cast<char>(number >> (8 * i));
    }
    return text;
  };
  Image image;
  image.nodes.clear();
  image.data.clear();
  for (std::uint32_t i = 0; i < kRecords; ++i) {
    image.nodes.emplace_back(i + 1, kRecords + 16 + (i * octets));
    image.data += start + big_endian(kRecords * octets, 4);
  }
  image.data += "\xff" + big_endian(kMembers - 65'821, 3) + std::string(2 * kMembers, '\x40');
  image.metadata = Image::Metadata("\xc1\x1e", "\xa1\x18", "\xa1\x04", "\xa1\x02");
  EXPECT_THAT(ReadGeoText(image.Octets(), "t.mmdb").Errors(),
              HasSubstr("has more elements than a database of its size needs"));
}

TEST(OtherFiles, AreNoDatabases) {
  EXPECT_THAT(ReadGeoText("", "t.mmdb").Errors(), HasSubstr("is no MaxMind DB, or was cut"));
  EXPECT_THAT(ReadGeoText("PK\x03\x04", "t.mmdb").Errors(), HasSubstr("is no MaxMind DB"));
  EXPECT_THAT(ReadGeoText("PK\x03\x04", "t.csv").Errors(), HasSubstr("no header"));
  EXPECT_EQ(ReadGeoText(Image().Octets(), "without-suffix").Errors(), "");
}

}  // namespace
}  // namespace holdfast::control
