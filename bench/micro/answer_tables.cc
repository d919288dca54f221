// See answer_tables.h.
#include "bench/micro/answer_tables.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <sys/mman.h>
#include <unordered_set>

#include "bench/tables/must.h"
#include "bench/tables/places.h"
#include "bench/tables/published.h"
#include "dataplane/base/bytes.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::bench {
namespace {

using control::Policy;

// As many as there are names, so that all of a large table is asked for, within reason.
constexpr std::size_t kFewestQueries = 1U << 16U;
constexpr std::size_t kMostQueries = 1U << 20U;
constexpr auto kTypeA = static_cast<std::uint16_t>(wire::Type::kA);
constexpr const char* kOrigin = "bench.test.";

std::string Be32Octets(std::uint32_t value) {
  std::string octets(4, '\0');
  StoreBe32(octets.data(), value);
  return octets;
}

std::string Be64Octets(std::uint64_t value) {
  return Be32Octets(static_cast<std::uint32_t>(value >> 32U)) +
         Be32Octets(static_cast<std::uint32_t>(value));
}

std::vector<std::string> RandomLabels(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::unordered_set<std::string> seen;
  std::vector<std::string> labels;
  labels.reserve(count);
  while (labels.size() < count) {
    std::string label(6 + (random() % 11), 'x');
    for (char& c : label) {
      c = static_cast<char>('a' + (random() % 26));
    }
    if (seen.insert(label).second) {
      labels.push_back(std::move(label));
    }
  }
  return labels;
}

std::string OwnerOf(const std::string& label, const std::string& origin) {
  return std::string(1, static_cast<char>(label.size())) + label + origin;
}

void AddName(control::Zone& zone, const std::string& owner, Policy policy, std::uint32_t& address) {
  if (policy == Policy::kSimple) {
    zone.rrsets.push_back({.owner = owner,
                           .type = kTypeA,
                           .ttl = 60,
                           .rdata = {Be32Octets(++address)},
                           .source = {}});
    return;
  }
  static constexpr std::array<std::uint8_t, 3> kWeights = {1, 2, 7};
  const std::size_t records = policy == Policy::kWeighted ? kWeights.size() : 10;
  const bool has_default = policy == Policy::kGeolocation || policy == Policy::kCidr;
  for (std::size_t i = 0; i < records + (has_default ? 1 : 0); ++i) {
    auto& set = zone.record_sets.emplace_back();
    set.name = owner;
    set.type = kTypeA;
    set.set_identifier = std::to_string(i);
    set.policy = policy;
    set.ttl = 60;
    set.rdata = {Be32Octets(++address)};
    if (policy == Policy::kWeighted) {
      set.weight = kWeights[i];
    } else if (control::AsksTheClient(policy)) {
      SetWhere(set, policy, i == records ? kDefaultPlace : i);
    }
  }
}

control::Model MakeModel(const std::vector<std::string>& labels, Policy policy) {
  control::Model model;
  if (control::AsksTheClient(policy)) {
    model.location = MakePlaces({});
  }
  auto& zone = model.zones.emplace_back();
  zone.origin = Must(wire::FromText(kOrigin));
  zone.id = kOrigin;
  const std::string host = OwnerOf("ns", zone.origin);
  std::string soa = host + host;
  for (const std::uint32_t number : {1U, 7200U, 900U, 1209600U, 60U}) {
    soa += Be32Octets(number);
  }
  zone.rrsets.push_back({.owner = zone.origin,
                         .type = static_cast<std::uint16_t>(wire::Type::kSoa),
                         .ttl = 3600,
                         .rdata = {soa},
                         .source = {}});
  zone.rrsets.push_back({.owner = zone.origin,
                         .type = static_cast<std::uint16_t>(wire::Type::kNs),
                         .ttl = 3600,
                         .rdata = {host},
                         .source = {}});
  std::uint32_t address = 0x0A000000;
  for (const auto& label : labels) {
    AddName(zone, OwnerOf(label, zone.origin), policy, address);
  }
  return model;
}

// @param option  of the OPT record; not looked at without one.
std::string MakeQuery(const std::string& owner,
                      std::uint16_t id,
                      bool edns,
                      const std::string& option) {
  std::string message(wire::kHeaderOctets, '\0');
  StoreBe16(message.data(), id);
  message[5] = 1;
  message[11] = edns ? 1 : 0;
  message += owner + std::string("\0\1\0\1", 4);
  if (edns) {
    message +=
        std::string("\0\0\x29\x04\xD0\0\0\0\0\0", 10) + static_cast<char>(option.size()) + option;
  }
  return message;
}

}  // namespace

Load::Load(const LoadKind& kind, const More& more) {
  const std::size_t count = std::clamp(std::bit_ceil(kind.names), kFewestQueries, kMostQueries);
  const auto labels = RandomLabels(kind.names, 1);
  Publish(labels, kind, more);
  auto others = kind.exist ? std::vector<std::string>() : RandomLabels(count, 2);
  for (std::string& label : others) {
    label.back() = '0';  // as no name that is there
  }
  const auto& asked = kind.exist ? labels : others;
  const std::string origin = Must(wire::FromText(kOrigin));
  std::mt19937_64 random(3);
  std::vector<std::string> messages;
  for (std::size_t i = 0; i < count; ++i) {
    const auto draw = random();
    messages.push_back(MakeQuery(
        OwnerOf(asked[random() % asked.size()], origin),
        static_cast<std::uint16_t>(draw),
        (draw >> 63U) != 0 || kind.cookies,
        kind.cookies ? std::string("\0\x0A\0\x08", 4) + Be64Octets(draw) : std::string()));
  }
  Replace(messages);
  const std::uint32_t clients = LastClient({}) - kFirstClient + 1;
  for (std::size_t i = 0; i < count; ++i) {
    StoreBe32(clients_.emplace_back().data(),
              kFirstClient + static_cast<std::uint32_t>(random() % clients));
  }
}

void Load::Replace(const std::vector<std::string>& messages) {
  octets_.clear();
  queries_.clear();
  for (const std::string& message : messages) {
    octets_ += message;
  }
  std::size_t start = 0;
  for (const std::string& message : messages) {
    queries_.push_back(std::string_view(octets_).substr(start, message.size()));
    start += message.size();
  }
}

Load::~Load() {
  ::munmap(image_, image_octets_);
}

void Load::Publish(const std::vector<std::string>& labels, const LoadKind& kind, const More& more) {
  const std::uint64_t octets =
      (64U << 20U) + (kind.names * (kind.policy == Policy::kSimple ? 512 : 4096));
  PublishedTables tables(
      MakeModel(labels, kind.policy), std::filesystem::temp_directory_path().string(), octets);
  if (more) {
    more(tables.publisher());
  }
  generation_ = tables.publisher().generation();
  const auto file = Must(table::Mapping::Map(tables.publisher().image_path(), false));
  image_octets_ = file.size();
  void* memory =
      ::mmap(nullptr, image_octets_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("answer bench: mmap");
    std::exit(1);
  }
  (void)::madvise(memory, image_octets_, MADV_HUGEPAGE);  // refused: ordinary pages do as well
  image_ = static_cast<std::byte*>(memory);
  const table::View view(file.data(), file.size());
  const auto used = view.header().used_units.load(std::memory_order_relaxed);
  used_octets_ = std::min<std::size_t>(image_octets_, used * kOffsetUnit);
  std::memcpy(image_, file.data(), used_octets_);
}

table::Snapshot Load::snapshot() const {
  return {table::View(image_, image_octets_), generation_};
}

}  // namespace holdfast::bench
