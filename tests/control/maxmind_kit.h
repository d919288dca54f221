// For tests of MaxMind DB files: they are written by write_mmdb.py from rows of CSV, in a folder of
// the test's own.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <string_view>
#include <unistd.h>

#include "control/config/location_files.h"

namespace holdfast::control {

inline constexpr const char* kHeader = "network,continent,country,subdivision,latitude,longitude\n";

struct GeoRead {
  Findings findings;
  PlaceNumbers places;
  PrefixMap map;

  [[nodiscard]] std::string Errors() const {
    return findings.Ok() ? "" : findings.ToError().message;
  }
  [[nodiscard]] LocationData Data() const {
    LocationData data;
    SetPlaces(map, places.Places(), data);
    return data;
  }
};

inline GeoRead ReadGeoText(std::string_view content, const std::string& file) {
  GeoRead read;
  read.map = ReadGeo(content, file, 0.25, read.places, read.findings);
  return read;
}

class Databases : public ::testing::Test {
 protected:
  Databases() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-mmdb-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~Databases() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& csv, const std::string& options) {
    std::ofstream(folder_ / "p.csv") << csv;
    const std::string command = std::string("/usr/bin/python3 ") + HOLDFAST_WRITE_MMDB + " " +
                                (folder_ / "p.csv").string() + " " + Path() + " " + options;
    EXPECT_EQ(std::system(command.c_str()), 0);
    std::ifstream file(Path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] std::string Path() const { return (folder_ / "t.mmdb").string(); }

  std::filesystem::path folder_;
};

}  // namespace holdfast::control
