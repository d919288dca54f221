// See answer_tables.h.
#include "bench/micro/answer_tables.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <sys/mman.h>
#include <type_traits>
#include <unordered_set>

#include "control/compile/compile.h"
#include "control/publish/publisher.h"
#include "dataplane/base/bytes.h"
#include "dataplane/table/readers.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::bench {
namespace {

constexpr std::size_t kQueries = 1U << 16U;
constexpr auto kTypeA = static_cast<std::uint16_t>(wire::Type::kA);
constexpr const char* kOrigin = "bench.test.";

template <class T>
T Must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "answer bench: %s\n", result.error().message.c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) {
    return std::move(*result);
  }
}

std::string Be32Octets(std::uint32_t value) {
  std::string octets(4, '\0');
  StoreBe32(octets.data(), value);
  return octets;
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

void AddName(control::Zone& zone, const std::string& owner, bool weighted, std::uint32_t& address) {
  if (!weighted) {
    zone.rrsets.push_back({.owner = owner,
                           .type = kTypeA,
                           .ttl = 60,
                           .rdata = {Be32Octets(++address)},
                           .source = {}});
    return;
  }
  for (const unsigned weight : {1U, 2U, 7U}) {
    auto& set = zone.record_sets.emplace_back();
    set.name = owner;
    set.type = kTypeA;
    set.set_identifier = std::to_string(weight);
    set.policy = control::Policy::kWeighted;
    set.weight = static_cast<std::uint8_t>(weight);
    set.ttl = 60;
    set.rdata = {Be32Octets(++address)};
  }
}

control::Model MakeModel(const std::vector<std::string>& labels, bool weighted) {
  control::Model model;
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
    AddName(zone, OwnerOf(label, zone.origin), weighted, address);
  }
  return model;
}

std::string MakeQuery(const std::string& owner, std::uint16_t id, bool edns) {
  std::string message(wire::kHeaderOctets, '\0');
  StoreBe16(message.data(), id);
  message[5] = 1;
  message[11] = edns ? 1 : 0;
  message += owner + std::string("\0\1\0\1", 4);
  if (edns) {
    message += std::string("\0\0\x29\x04\xD0\0\0\0\0\0\0", 11);
  }
  return message;
}

// A folder of its own for one publish, gone afterwards.
struct Folder {
  Folder() : path((std::filesystem::temp_directory_path() / "holdfast-bench-XXXXXX").string()) {
    if (::mkdtemp(path.data()) == nullptr) {
      std::perror("answer bench: mkdtemp");
      std::exit(1);
    }
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path;
};

}  // namespace

Load::Load(const LoadKind& kind) {
  const auto labels = RandomLabels(kind.names, 1);
  Publish(labels, kind);
  const auto others = kind.exist ? std::vector<std::string>() : RandomLabels(kQueries, 2);
  const auto& asked = kind.exist ? labels : others;
  const std::string origin = Must(wire::FromText(kOrigin));
  std::mt19937_64 random(3);
  std::vector<std::size_t> ends;
  for (std::size_t i = 0; i < kQueries; ++i) {
    const auto draw = random();
    octets_ += MakeQuery(OwnerOf(asked[random() % asked.size()], origin),
                         static_cast<std::uint16_t>(draw),
                         (draw >> 63U) != 0);
    ends.push_back(octets_.size());
  }
  std::size_t start = 0;
  for (const std::size_t end : ends) {
    queries_.push_back(std::string_view(octets_).substr(start, end - start));
    start = end;
  }
}

Load::~Load() {
  ::munmap(image_, image_octets_);
}

void Load::Publish(const std::vector<std::string>& labels, const LoadKind& kind) {
  const Folder folder;
  control::PublisherOptions options;
  options.run_dir = folder.path;
  options.image = {
      .directory = folder.path, .octets = (64U << 20U) + (kind.names * 512), .stem = "bench"};
  std::vector<std::string> notes;
  const auto publisher = Must(control::Publisher::Open(options, notes));
  const auto compiled = Must(control::Compile(MakeModel(labels, kind.weighted), {}, 0));
  for (const auto& pool : compiled.pools) {
    Must(publisher->PutPool(pool));
  }
  for (const auto& zone : compiled.zones) {
    Must(publisher->PutZone(zone));
  }
  generation_ = Must(publisher->Commit()).generation;
  const auto file = Must(table::Mapping::Map(publisher->image_path(), false));
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
  std::memcpy(image_, file.data(), std::min<std::size_t>(image_octets_, used * kOffsetUnit));
}

table::Snapshot Load::snapshot() const {
  return {table::View(image_, image_octets_), generation_};
}

}  // namespace holdfast::bench
