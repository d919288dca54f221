#include "control/config/latency_csv.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>
#include <utility>

#include "control/config/csv.h"
#include "control/config/fields.h"
#include "control/config/places_csv.h"
#include "control/config/record_location.h"
#include "control/location/country.h"

namespace holdfast::control {
namespace {

constexpr std::array<std::string_view, 3> kRegionColumns{"region", "latitude", "longitude"};
constexpr std::array<std::string_view, 3> kLatencyColumns{"client", "region", "ms"};

std::optional<std::string> FaultOfRegion(std::string_view region) {
  if (!IsRegion(region)) {
    return NotAsExpected("region", region, kRegionForm);
  }
  return std::nullopt;
}

// "12", "12.5", "12.125" in microseconds.
std::optional<std::uint32_t> Microseconds(std::string_view ms) {
  const std::size_t dot = ms.find('.');
  const std::string_view decimals = dot == std::string_view::npos ? "" : ms.substr(dot + 1);
  if (decimals.size() > 3 || (dot != std::string_view::npos && decimals.empty())) {
    return std::nullopt;
  }
  const std::string digits = std::string(ms.substr(0, dot)) + std::string(decimals) +
                             std::string(3 - decimals.size(), '0');
  constexpr std::uint32_t kMost = 60'000'000;
  std::uint32_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (dot == 0 || ms.empty() || parsed.ec != std::errc{} ||
      parsed.ptr != digits.data() + digits.size() || number > kMost) {
    return std::nullopt;
  }
  return number;
}

// One row: a client, by its number, to a region, by the order in which names came.
struct Figure {
  std::uint32_t client;
  std::uint32_t region;
  std::uint32_t microseconds;
  std::uint32_t line;
};

class LatencyReader {
 public:
  LatencyReader(const std::string& file, Regions& regions, Findings& findings)
      : file_(file), regions_(regions), findings_(findings) {}

  void Take(const CsvRow& row);
  LatencyTable Finish();

 private:
  void Refuse(std::uint32_t line, const std::string& what) {
    findings_.AddError(Source{file_, line}, what);
  }
  // The client's number, from 1; nothing when it was refused.
  std::optional<std::uint32_t> Client(std::string_view text, std::uint32_t line);
  std::optional<std::uint32_t> PlaceClient(std::string_view text, std::uint32_t line);

  const std::string& file_;
  Regions& regions_;
  Findings& findings_;
  std::map<Prefix, std::uint32_t> prefixes_;
  std::map<std::string, std::uint32_t> places_;
  std::uint32_t clients_ = 0;
  std::map<std::string, std::uint32_t, std::less<>> region_numbers_;
  std::vector<Figure> figures_;
};

std::optional<std::uint32_t> LatencyReader::PlaceClient(std::string_view text, std::uint32_t line) {
  const std::string_view country = text.substr(0, 2);
  const bool whole = text.size() == 2;
  const bool known = !ContinentOf(country).empty();
  if (!known || (!whole && (text[2] != '-' || !IsSubdivision(country, text.substr(3))))) {
    Refuse(line,
           NotAsExpected("client", text, "a country, as US, or with a subdivision, as US-NY"));
    return std::nullopt;
  }
  const auto [at, fresh] = places_.try_emplace(std::string(text), clients_ + 1);
  clients_ += fresh ? 1 : 0;
  return at->second;
}

std::optional<std::uint32_t> LatencyReader::Client(std::string_view text, std::uint32_t line) {
  const bool letters = text.size() >= 2 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'A' &&
                       text[1] <= 'Z' && (text.size() == 2 || !text.contains(':'));
  if (letters) {
    return PlaceClient(text, line);
  }
  const auto prefix = ParsePrefix(text);
  if (!prefix) {
    Refuse(line,
           "client \"" + std::string(text.substr(0, 80)) + "\" " + prefix.error().message +
               ", or a country such as US or US-NY");
    return std::nullopt;
  }
  const auto [at, fresh] = prefixes_.try_emplace(*prefix, clients_ + 1);
  clients_ += fresh ? 1 : 0;
  return at->second;
}

void LatencyReader::Take(const CsvRow& row) {
  const auto client = Client(row.fields[0], row.line);
  const auto fault = FaultOfRegion(row.fields[1]);
  if (fault) {
    Refuse(row.line, *fault);
  }
  const auto microseconds = Microseconds(row.fields[2]);
  if (!microseconds) {
    Refuse(row.line, NotAsExpected("ms", row.fields[2], "0..60000 with at most 3 decimals"));
  }
  if (!client || fault || !microseconds) {
    return;
  }
  auto region = region_numbers_.find(row.fields[1]);
  if (region == region_numbers_.end()) {
    const auto number = static_cast<std::uint32_t>(region_numbers_.size());
    region = region_numbers_.emplace(row.fields[1], number).first;
    if (regions_.try_emplace(region->first).second && regions_.size() == kMaxRegions + 1) {
      Refuse(row.line,
             "region \"" + region->first + "\" is one too many; expected at most " +
                 std::to_string(kMaxRegions));
    }
  }
  figures_.push_back({*client, region->second, *microseconds, row.line});
}

LatencyTable LatencyReader::Finish() {
  std::ranges::sort(figures_, [](const Figure& a, const Figure& b) {
    return std::tie(a.client, a.region, a.line) < std::tie(b.client, b.region, b.line);
  });
  for (std::size_t i = 1; i < figures_.size(); ++i) {
    if (figures_[i].client == figures_[i - 1].client &&
        figures_[i].region == figures_[i - 1].region) {
      Refuse(figures_[i].line,
             "has the client and region of line " + std::to_string(figures_[i - 1].line) +
                 " too; expected them once");
    }
  }
  if (clients_ * regions_.size() > kMaxLatencies) {
    findings_.AddError(file_,
                       "has " + std::to_string(clients_) + " clients, and there are " +
                           std::to_string(regions_.size()) + " regions; expected at most " +
                           std::to_string(kMaxLatencies) + " figures in all");
  }
  LatencyTable table;
  if (!findings_.Ok()) {
    return table;
  }
  std::vector<std::uint32_t> index(region_numbers_.size());
  for (const auto& [name, number] : region_numbers_) {
    index[number] =
        static_cast<std::uint32_t>(std::distance(regions_.begin(), regions_.find(name)));
  }
  table.rows.assign(clients_ + 1, Latencies(regions_.size()));
  for (const Figure& figure : figures_) {
    table.rows[figure.client][index[figure.region]] = figure.microseconds;
  }
  for (const auto& [prefix, client] : prefixes_) {
    table.prefixes.push_back({prefix, client, 0});
  }
  table.places = std::move(places_);
  return table;
}

}  // namespace

void ReadRegionsText(std::string_view text,
                     const std::string& file,
                     Regions& regions,
                     Findings& findings) {
  std::map<std::string, std::uint32_t> lines;
  const auto refuse = [&](const CsvRow& row, const std::string& what) {
    findings.AddError(Source{file, row.line}, what);
  };
  const auto on_row = [&](const CsvRow& row) {
    const std::string region(row.fields[0]);
    const auto fault = FaultOfRegion(region);
    const auto latitude = Decimal(row.fields[1], -90, 90);
    const auto longitude = Decimal(row.fields[2], -180, 180);
    if (fault) {
      refuse(row, *fault);
    }
    if (!latitude) {
      refuse(row, NotAsExpected("latitude", row.fields[1], "-90..90"));
    }
    if (!longitude) {
      refuse(row, NotAsExpected("longitude", row.fields[2], "-180..180"));
    }
    if (fault || !latitude || !longitude) {
      return;
    }
    if (const auto [line, fresh] = lines.try_emplace(region, row.line); !fresh) {
      refuse(row,
             "region " + region + " is that of line " + std::to_string(line->second) +
                 " too; expected it once");
    }
    if (regions.try_emplace(region, Coordinates{*latitude, *longitude}).second &&
        regions.size() == kMaxRegions + 1) {
      refuse(row,
             "region \"" + region + "\" is one too many; expected at most " +
                 std::to_string(kMaxRegions));
    }
  };
  ReadCsv(text, file, kRegionColumns, on_row, findings);
}

LatencyTable ReadLatencyText(std::string_view text,
                             const std::string& file,
                             Regions& regions,
                             Findings& findings) {
  Findings own;
  LatencyReader reader(file, regions, own);
  ReadCsv(text, file, kLatencyColumns, [&reader](const CsvRow& row) { reader.Take(row); }, own);
  LatencyTable table = reader.Finish();
  findings.Add(own);
  return table;
}

}  // namespace holdfast::control
