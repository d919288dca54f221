// MaxMind DB files hold what libmaxminddb, the reference reader of the format, finds in them.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <maxminddb.h>
#include <random>
#include <string>
#include <vector>

#include "tests/control/maxmind_kit.h"

namespace holdfast::control {
namespace {

// Many rows, then one address at a time.
TEST_F(Databases, SayWhatTheReferenceLibrarySays) {
  std::mt19937 random(7);
  const std::vector<const char*> places{",DE,,,", ",US,NY,1,1", ",US,,,", "AS,,,,", ",FR,IDF,2,2"};
  std::string csv = kHeader;
  for (int i = 0; i < 300; ++i) {
    const auto place = std::string(places[random() % places.size()]);
    csv += std::to_string(i % 220 + 1) + "." + std::to_string(i).substr(0, 1) + "." +
           std::to_string(random() % 4) + "." + std::to_string(i % 250) + "/32," + place + "\n";
    csv += "20" + std::to_string(10 + i % 60) + ":" + std::to_string(i) + "::/" +
           std::to_string(33 + random() % 31) + "," + place + "\n";
  }
  csv += "16.0.0.0/4,,US,,,\n2000::/7,,AU,,,\n";
  GeoRead read = ReadGeoText(Write(csv, "--aliases"), "t.mmdb");
  ASSERT_EQ(read.Errors(), "");
  MMDB_s mmdb{};
  ASSERT_EQ(MMDB_open(Path().c_str(), MMDB_MODE_MMAP, &mmdb), MMDB_SUCCESS);
  const auto country_of = [&mmdb](const sockaddr* address) {
    int error = 0;
    MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&mmdb, address, &error);
    MMDB_entry_data_s data{};
    const bool is_there =
        error == MMDB_SUCCESS && found.found_entry &&
        MMDB_get_value(&found.entry, &data, "country", "iso_code", nullptr) == MMDB_SUCCESS;
    return is_there ? std::string(data.utf8_string, data.data_size) : std::string();
  };
  int known = 0;
  for (int i = 0; i < 20'000; ++i) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    const std::size_t near = random() % read.map.v4.start.size();
    const auto address = static_cast<std::uint32_t>(
        random() % 2 == 0 ? random() : read.map.v4.start[near] + (random() % 3) - 1);
    v4.sin_addr.s_addr = htonl(address);
    const std::string country = country_of(reinterpret_cast<const sockaddr*>(&v4));
    ASSERT_EQ(read.places.Places().at(read.map.v4.At(address)).geo.country, country);
    known += country.empty() ? 0 : 1;
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    const std::size_t near6 = random() % read.map.v6.start.size();
    const std::uint64_t upper = read.map.v6.start[near6] + (random() % 3) - 1;
    for (int octet = 0; octet < 8; ++octet) {
      v6.sin6_addr.s6_addr[octet] = static_cast<std::uint8_t>(upper >> (56 - 8 * octet));
    }
    if (upper >> 48U != 0x2002 && upper >> 32U != 0x20010000) {
      ASSERT_EQ(read.places.Places().at(read.map.v6.At(upper)).geo.country,
                country_of(reinterpret_cast<const sockaddr*>(&v6)));
    }
  }
  EXPECT_GT(known, 2000);
  MMDB_close(&mmdb);
}

}  // namespace
}  // namespace holdfast::control
