#include "control/config/places_csv.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "control/config/csv.h"
#include "control/config/fields.h"
#include "control/location/country.h"

namespace holdfast::control {
namespace {

constexpr std::array<std::string_view, 6> kColumns{
    "network", "continent", "country", "subdivision", "latitude", "longitude"};

// Both, none, or a sentence.
Result<std::optional<Coordinates>> ReadCoordinates(std::string_view latitude,
                                                   std::string_view longitude) {
  if (latitude.empty() && longitude.empty()) {
    return std::nullopt;
  }
  if (latitude.empty() || longitude.empty()) {
    return Fail(ErrorCode::kInvalid,
                std::string(latitude.empty() ? "latitude" : "longitude") +
                    " is missing; expected both or neither");
  }
  const auto north = Decimal(latitude, -90, 90);
  const auto east = Decimal(longitude, -180, 180);
  if (!north) {
    return Fail(ErrorCode::kInvalid, NotAsExpected("latitude", latitude, "-90..90"));
  }
  if (!east) {
    return Fail(ErrorCode::kInvalid, NotAsExpected("longitude", longitude, "-180..180"));
  }
  return Coordinates{*north, *east};
}

class PlacesReader {
 public:
  PlacesReader(const std::string& file, double grid, PlaceNumbers& places, Findings& findings)
      : file_(file), grid_(grid), places_(places), findings_(findings) {}

  void Take(const CsvRow& row) {
    const auto prefix = ParsePrefix(row.fields[0]);
    if (!prefix) {
      Refuse(
          row,
          "network \"" + std::string(row.fields[0].substr(0, 80)) + "\" " + prefix.error().message);
    }
    Place place{
        {std::string(row.fields[1]), std::string(row.fields[2]), std::string(row.fields[3])},
        std::nullopt};
    if (const auto fault = CompleteGeo(place.geo)) {
      Refuse(row, *fault);
    } else {
      CheckContinent(row, place.geo);
    }
    if (const auto at = ReadCoordinates(row.fields[4], row.fields[5])) {
      place.cell = at->transform([this](const Coordinates& c) { return RoundToGrid(c, grid_); });
    } else {
      Refuse(row, at.error().message);
    }
    if (findings_.Ok()) {
      rows_.push_back({*prefix, places_.Of(place), row.line});
    } else if (prefix) {
      rows_.push_back({*prefix, 0, row.line});
    }
  }
  PrefixMap Finish() {
    SortOnce(rows_, file_, "network", findings_);
    return findings_.Ok() ? MakePrefixMap(rows_) : PrefixMap{};
  }

 private:
  void CheckContinent(const CsvRow& row, const GeoClass& geo) {
    const std::string_view usual = ContinentOf(geo.country);
    if (!usual.empty() && usual != geo.continent &&
        moved_.emplace(geo.continent, geo.country).second) {
      findings_.AddWarning(Source{file_, row.line},
                           "continent is \"" + geo.continent + "\" with country " + geo.country +
                               "; expected " + std::string(usual) +
                               "; clients of such rows count as on continent " + geo.continent);
    }
  }
  void Refuse(const CsvRow& row, const std::string& what) {
    findings_.AddError(Source{file_, row.line}, what);
  }

  const std::string& file_;
  double grid_;
  PlaceNumbers& places_;
  Findings& findings_;
  std::vector<PrefixRow> rows_;
  std::set<std::pair<std::string, std::string>> moved_;  // countries with another continent
};

}  // namespace

std::optional<std::string> CompleteGeo(GeoClass& geo) {
  if (!geo.continent.empty() && !IsContinent(geo.continent)) {
    return NotAsExpected("continent", geo.continent, kContinents);
  }
  const std::string_view continent = ContinentOf(geo.country);
  if (!geo.country.empty() && continent.empty()) {
    return NotAsExpected("country", geo.country, "two capital letters of ISO 3166");
  }
  if (!geo.subdivision.empty() && geo.country.empty()) {
    return NotAsExpected("subdivision", geo.subdivision, "a country with it");
  }
  if (!geo.subdivision.empty() && !IsSubdivision(geo.country, geo.subdivision)) {
    return NotAsExpected("subdivision",
                         geo.subdivision,
                         geo.country == "US"   ? "a state such as NY, since the country is US"
                         : geo.country == "UA" ? "two digits such as 43, since the country is UA"
                                               : "1..3 capital letters and digits");
  }
  if (geo.continent.empty()) {
    geo.continent = continent;
  }
  return std::nullopt;
}

void SortOnce(std::vector<PrefixRow>& rows,
              const std::string& file,
              std::string_view what,
              Findings& findings) {
  std::ranges::sort(rows, [](const PrefixRow& a, const PrefixRow& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : a.line < b.line;
  });
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].prefix == rows[i - 1].prefix) {
      findings.AddError(Source{file, rows[i].line},
                        std::string(what) + " " + ToText(rows[i].prefix) + " is that of line " +
                            std::to_string(rows[i - 1].line) + " too; expected it once");
    }
  }
}

PrefixMap ReadPlacesText(std::string_view text,
                         const std::string& file,
                         double grid_degrees,
                         PlaceNumbers& places,
                         Findings& findings) {
  Findings own;
  PlacesReader reader(file, grid_degrees, places, own);
  ReadCsv(text, file, kColumns, [&reader](const CsvRow& row) { reader.Take(row); }, own);
  PrefixMap map = reader.Finish();
  findings.Add(own);
  return map;
}

}  // namespace holdfast::control
