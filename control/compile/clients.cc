#include "control/compile/clients.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>

#include "dataplane/base/check.h"
#include "dataplane/table/hash.h"

namespace holdfast::control {
namespace {

constexpr std::uint32_t kNoRegion = 0xFFFFFFFF;
// A latency record there takes all queries from China.
constexpr std::string_view kChinaRegion = "cn-north-1";
constexpr double kFar = std::numeric_limits<double>::infinity();

// Class 0 becomes that of a client of whom nothing is known, record 0 leads to it.
void PutUnknownFirst(Domain& domain, std::size_t collections) {
  const DomainClass unknown{.geo = 0, .cell = 0, .latency = 0, .blocks = {}};
  DomainClass wanted = unknown;
  wanted.blocks.assign(collections, 0);
  auto found = std::ranges::find(domain.classes, wanted);
  if (found == domain.classes.end()) {
    domain.classes.push_back(wanted);
    found = domain.classes.end() - 1;
  }
  const auto at = static_cast<std::uint32_t>(found - domain.classes.begin());
  std::swap(domain.classes[0], domain.classes[at]);
  for (DomainRecord& record : domain.record) {
    record.class_at = record.class_at == at ? 0 : record.class_at == 0 ? at : record.class_at;
    ++record.parent;
  }
  domain.record.insert(domain.record.begin(), DomainRecord{});
  for (auto& value : domain.records.v4.value) {
    ++value;
  }
  for (auto& value : domain.records.v6.value) {
    ++value;
  }
}

template <class T>
void Append(std::string& to, const T& value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}
template <class T>
void AppendAll(std::string& to, const std::vector<T>& values) {
  to.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

// So many upper bits that a search starts among about eight ranges.
std::uint8_t TopBitsFor(std::size_t ranges) {
  return static_cast<std::uint8_t>(std::min<std::size_t>(std::bit_width(ranges / 8), 20));
}

template <class Address>
void AppendTop(std::string& to, const Ranges<Address>& ranges, std::uint8_t bits) {
  std::uint32_t range = 0;
  for (std::size_t i = 0; i < std::size_t{1} << bits; ++i) {
    const auto first = static_cast<Address>(
        bits == 0 ? 0 : static_cast<Address>(i) << ((sizeof(Address) * 8) - bits));
    while (range + 1 < ranges.start.size() && ranges.start[range + 1] <= first) {
      ++range;
    }
    Append(to, range);
  }
  Append(to, static_cast<std::uint32_t>(ranges.start.size() - 1));
}

// Members in the order of `cost`, those that cost kFar last; equal ones as they came.
void InOrder(const std::vector<double>& cost, std::vector<std::uint16_t>& out) {
  out.resize(cost.size());
  std::iota(out.begin(), out.end(), std::uint16_t{0});
  std::ranges::stable_sort(out, {}, [&](std::uint16_t i) { return cost[i]; });
}

// Those that there are.
std::vector<std::string> FilesOf(std::vector<std::string> files) {
  std::erase(files, "");
  return files;
}

}  // namespace

TableBlob LocationTableOf(const Domain& domain) {
  table::LocationTable head{};
  head.classes = static_cast<std::uint32_t>(domain.classes.size());
  head.records = static_cast<std::uint32_t>(domain.record.size());
  head.v4_ranges = static_cast<std::uint32_t>(domain.records.v4.start.size());
  head.v6_ranges = static_cast<std::uint32_t>(domain.records.v6.start.size());
  head.v4_top_bits = TopBitsFor(head.v4_ranges);
  head.v6_top_bits = TopBitsFor(head.v6_ranges);
  auto octets = std::make_shared<std::string>();
  Append(*octets, head);
  AppendAll(*octets, domain.records.v6.start);
  AppendAll(*octets, domain.records.v4.start);
  AppendAll(*octets, domain.records.v4.value);
  AppendAll(*octets, domain.records.v6.value);
  AppendTop(*octets, domain.records.v4, head.v4_top_bits);
  AppendTop(*octets, domain.records.v6, head.v6_top_bits);
  for (const DomainRecord& record : domain.record) {
    Append(*octets,
           table::LocationRecord{.class_at = record.class_at,
                                 .parent = record.parent,
                                 .length = record.length,
                                 .reserved = {}});
  }
  const std::uint32_t crc =
      table::Crc32c(octets->data() + sizeof(head.crc32c), octets->size() - sizeof(head.crc32c));
  std::memcpy(octets->data(), &crc, sizeof(crc));
  return octets;
}

DomainSources Join(const DomainSources& a, const DomainSources& b) {
  DomainSources both{.geo = a.geo || b.geo,
                     .cell = a.cell || b.cell,
                     .latency = a.latency || b.latency,
                     .collections = {}};
  std::ranges::set_union(a.collections, b.collections, std::back_inserter(both.collections));
  return both;
}

Clients::Clients(std::shared_ptr<const LocationData> data)
    : data_(data != nullptr ? std::move(data) : std::make_shared<const LocationData>()) {}

DomainSources Clients::SourcesOf(Policy policy, const RecordLocation& where) const {
  DomainSources sources;
  sources.geo = policy == Policy::kGeolocation ||
                (policy == Policy::kLatency && where.region == kChinaRegion);
  sources.cell = policy == Policy::kGeoproximity;
  sources.latency = policy == Policy::kLatency;
  if (policy == Policy::kCidr) {
    const auto& all = data_->collections;
    const auto found = std::ranges::lower_bound(all, where.collection_id, {}, &CidrCollection::id);
    if (found != all.end() && found->id == where.collection_id) {
      sources.collections = {static_cast<std::uint32_t>(found - all.begin())};
    }
  }
  return sources;
}

std::string Clients::NameOf(const DomainSources& sources) const {
  std::string name;
  name += sources.geo ? "geo " : "";
  name += sources.cell ? "cell " : "";
  name += sources.latency ? "latency " : "";
  for (const std::uint32_t collection : sources.collections) {
    name += "cidr " + data_->collections[collection].id + " ";
  }
  return name;
}

DomainId Clients::DomainOf(const DomainSources& sources) {
  if (AsksNothing(sources)) {
    return kNoDomain;
  }
  const auto [place, fresh] =
      by_sources_.try_emplace(sources, static_cast<DomainId>(domains_.size()));
  if (fresh) {
    Domain domain = MakeDomain(*data_, sources);
    PutUnknownFirst(domain, sources.collections.size());
    domains_.push_back({.sources = sources, .domain = std::move(domain), .table = nullptr});
  }
  return place->second;
}

const TableBlob& Clients::Table(DomainId id) {
  Entry& entry = domains_[id];
  if (entry.table == nullptr) {
    entry.table = LocationTableOf(entry.domain);
  }
  return entry.table;
}

ClientClass Clients::ClassOf(DomainId id, const table::ClientPrefix& client) const {
  if (id == kNoDomain || client.length == 0) {
    return 0;
  }
  const Domain& domain = domains_[id].domain;
  const std::uint32_t at = client.v6
                               ? domain.records.v6.At(client.address)
                               : domain.records.v4.At(static_cast<std::uint32_t>(client.address));
  return RecordFor(domain, at, client.length).class_at;
}

std::uint8_t Clients::ScopeOf(DomainId id, const table::ClientPrefix& client) const {
  const PrefixMap& records = domains_[id].domain.records;
  if (client.length == 0) {
    return 0;
  }
  return client.v6 ? control::ScopeOf(records.v6, client.address)
                   : control::ScopeOf(records.v4, static_cast<std::uint32_t>(client.address));
}

std::vector<KnownOfClient> Clients::Describe(DomainId id, ClientClass client) const {
  const DomainSources& sources = domains_[id].sources;
  const DomainClass& known = domains_[id].domain.classes[client];
  std::vector<KnownOfClient> out;
  if (sources.geo) {
    const GeoClass& geo = data_->geo_class[known.geo];
    std::string text = geo.continent;
    text += geo.country.empty() ? "" : " " + geo.country;
    text += geo.subdivision.empty() ? "" : "-" + geo.subdivision;
    out.push_back({.source = "geo",
                   .place = text.empty() ? "unknown" : text,
                   .files = FilesOf({data_->geo_file})});
  }
  if (sources.cell) {
    const auto& cell = data_->cell_class[known.cell];
    out.push_back(
        {.source = "cell",
         .place = cell ? std::to_string(cell->latitude) + " " + std::to_string(cell->longitude)
                       : "unknown",
         .files = FilesOf({data_->geo_file})});
  }
  if (sources.latency) {
    out.push_back(DescribeLatency(known.latency));
  }
  for (std::size_t i = 0; i < sources.collections.size(); ++i) {
    const CidrCollection& collection = data_->collections[sources.collections[i]];
    const std::uint32_t block = known.blocks[i];
    out.push_back({.source = "cidr " + collection.id,
                   .place = block == 0
                                ? "none"
                                : collection.block[block - 1].location + " (/" +
                                      std::to_string(collection.block[block - 1].length) + ")",
                   .files = FilesOf({collection.file})});
  }
  return out;
}

// What the table leaves open follows from where the client and the regions are.
KnownOfClient Clients::DescribeLatency(std::uint32_t latency_class) const {
  std::string text;
  const Latencies& latencies = data_->latency_class[latency_class];
  for (std::size_t i = 0; i < data_->regions.size(); ++i) {
    if (const auto us = i < latencies.size() ? latencies[i] : std::nullopt; us.has_value()) {
      text += (text.empty() ? "" : ", ") + data_->regions[i] + " " + std::to_string(*us / 1000) +
              "." + std::to_string(*us % 1000 / 100) + " ms";
    }
  }
  const LatencyOrigin origin = latency_class < data_->latency_origin.size()
                                   ? data_->latency_origin[latency_class]
                                   : LatencyOrigin{};
  const bool unknown = text.empty();
  return {.source = "latency",
          .place = unknown ? "unknown" : text,
          .files = FilesOf({origin.table || unknown ? data_->latency_file : "",
                            origin.place || origin.distance || unknown ? data_->geo_file : "",
                            origin.distance || unknown ? data_->regions_file : ""})};
}

const std::vector<ClientClass>& Clients::Projection(DomainId from, DomainId to) {
  const auto [place, fresh] = projections_.try_emplace({from, to});
  if (!fresh) {
    return place->second;
  }
  const Entry& fine = domains_[from];
  const Entry& coarse = domains_[to];
  std::map<DomainClass, ClientClass> class_of;
  for (ClientClass i = 0; i < coarse.domain.classes.size(); ++i) {
    class_of.emplace(coarse.domain.classes[i], i);
  }
  for (const DomainClass& from_class : fine.domain.classes) {
    DomainClass wanted{.geo = coarse.sources.geo ? from_class.geo : 0,
                       .cell = coarse.sources.cell ? from_class.cell : 0,
                       .latency = coarse.sources.latency ? from_class.latency : 0,
                       .blocks = {}};
    for (const std::uint32_t collection : coarse.sources.collections) {
      const auto at = std::ranges::lower_bound(fine.sources.collections, collection);
      HF_CHECK(at != fine.sources.collections.end() && *at == collection);
      wanted.blocks.push_back(
          from_class.blocks[static_cast<std::size_t>(at - fine.sources.collections.begin())]);
    }
    place->second.push_back(class_of.at(wanted));
  }
  return place->second;
}

std::uint32_t Clients::RegionIndex(const std::string& region) const {
  const auto found = std::ranges::lower_bound(data_->regions, region);
  return found == data_->regions.end() || *found != region
             ? kNoRegion
             : static_cast<std::uint32_t>(found - data_->regions.begin());
}

std::optional<Coordinates> Clients::PlaceOf(const RecordLocation& where) const {
  if (where.place) {
    return where.place;
  }
  const std::uint32_t region = RegionIndex(where.region);
  return region == kNoRegion ? std::nullopt : data_->region_place[region];
}

void Clients::Candidates(Policy policy,
                         std::span<const RecordLocation* const> members,
                         DomainId domain,
                         ClientClass client,
                         std::vector<std::uint16_t>& out) const {
  static const DomainClass kNobody;
  static const DomainSources kNone;
  const DomainClass& known =
      domain == kNoDomain ? kNobody : domains_[domain].domain.classes[client];
  out.clear();
  switch (policy) {
    case Policy::kLatency:
      return ByLatency(members, known, out);
    case Policy::kGeolocation:
      return ByPlace(members, known, out);
    case Policy::kGeoproximity:
      return ByDistance(members, known, out);
    case Policy::kCidr:
      return ByBlock(members, domain == kNoDomain ? kNone : domains_[domain].sources, known, out);
    default:
      HF_CHECK(false);
  }
}

// The nearest region first; where that is not known, by name, so that the answer is stable.
void Clients::ByLatency(Members members,
                        const DomainClass& client,
                        std::vector<std::uint16_t>& out) const {
  const Latencies& latencies = data_->latency_class[client.latency];
  const bool in_china = data_->geo_class[client.geo].country == "CN";
  std::vector<double> cost;
  for (const RecordLocation* member : members) {
    const std::uint32_t region = RegionIndex(member->region);
    double at = kFar;
    if (in_china && member->region == kChinaRegion) {
      at = -1;
    } else if (region < latencies.size()) {
      at = latencies[region].transform([](std::uint32_t us) { return us * 1.0; }).value_or(kFar);
    }
    cost.push_back(at);
  }
  InOrder(cost, out);
}

// Subdivision, country, continent, default: those that are there and hold the client.
void Clients::ByPlace(Members members,
                      const DomainClass& client,
                      std::vector<std::uint16_t>& out) const {
  const GeoClass& here = data_->geo_class[client.geo];
  const auto take = [&](const GeoClass& wanted) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (members[i]->geo == wanted) {
        out.push_back(static_cast<std::uint16_t>(i));
      }
    }
  };
  if (!here.subdivision.empty()) {
    take({.continent = {}, .country = here.country, .subdivision = here.subdivision});
  }
  if (!here.country.empty()) {
    take({.continent = {}, .country = here.country, .subdivision = {}});
  }
  if (!here.continent.empty()) {
    take({.continent = here.continent, .country = {}, .subdivision = {}});
  }
  take({.continent = {}, .country = "*", .subdivision = {}});
}

void Clients::ByDistance(Members members,
                         const DomainClass& client,
                         std::vector<std::uint16_t>& out) const {
  const auto& here = data_->cell_class[client.cell];
  std::vector<double> cost;
  for (const RecordLocation* member : members) {
    const auto there = PlaceOf(*member);
    if (!there) {
      cost.push_back(kFar);
      continue;
    }
    const double distance = here ? DistanceKm(*here, *there) : 0;
    const double share = member->bias / 100.0;
    const double biased = data_->bias == GeoproximityBias::k2022 && member->bias < 0
                              ? distance / (1 + share)
                              : distance * (1 - share);
    // Whole millimetres: distances that are equal must not be told apart by the last bit of a sine.
    cost.push_back(std::round(biased * 1e6));
  }
  InOrder(cost, out);
}

// The location of the longest block around the client, over the whole collection; then the default.
void Clients::ByBlock(Members members,
                      const DomainSources& sources,
                      const DomainClass& client,
                      std::vector<std::uint16_t>& out) const {
  const auto take = [&](std::string_view location) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (members[i]->cidr_location == location) {
        out.push_back(static_cast<std::uint16_t>(i));
      }
    }
  };
  for (std::size_t i = 0; i < sources.collections.size(); ++i) {
    const CidrCollection& collection = data_->collections[sources.collections[i]];
    if (collection.id == members.front()->collection_id && client.blocks[i] != 0) {
      take(collection.block[client.blocks[i] - 1].location);
    }
  }
  take("*");
}

}  // namespace holdfast::control
