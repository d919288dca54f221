#include "control/config/maxmind.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/config/fields.h"
#include "control/config/places_csv.h"

namespace holdfast::control {
namespace {

constexpr std::string_view kMark = "\xab\xcd\xefMaxMind.com";
constexpr std::size_t kMetadataOctets = std::size_t{128} << 10;  // the mark lies in the last ones
constexpr std::size_t kSeparatorOctets = 16;                     // zero, behind the tree
constexpr const char* kExpected = "; expected a GeoIP2 or GeoLite2 City or Country database";

std::uint64_t BigEndian(std::string_view octets) noexcept {
  std::uint64_t number = 0;
  for (const char octet : octets) {
    number = number << 8U | static_cast<unsigned char>(octet);
  }
  return number;
}

std::size_t MarkOf(std::string_view content) noexcept {
  const std::size_t from = content.size() - std::min(content.size(), kMetadataOctets);
  const std::size_t at = content.substr(from).rfind(kMark);
  return at == std::string_view::npos ? at : from + at;
}

enum class Type : std::uint8_t {
  kExtended = 0,
  kPointer = 1,
  kString = 2,
  kDouble = 3,
  kUint16 = 5,
  kUint32 = 6,
  kMap = 7,
  kUint64 = 9,
  kArray = 11,
  kBool = 14,
  kFloat = 15
};

struct Element {
  Type type{};
  std::uint32_t size = 0;     // octets of the payload; items of an array; members of a map
  std::size_t next = 0;       // behind it; of a map or array: its first item
  std::string_view payload;   // neither of a map nor of an array
  std::uint64_t pointer = 0;  // where a kPointer leads
};

// A data section: elements, each found by its offset. After the first fault everything gives
// nothing, and Fault() says why.
class Section {
 public:
  /// @param what   opens the fault's sentence.
  /// @param steps  how many elements may be looked at in all; bounds the work on a hostile file.
  Section(std::string_view octets, std::string what, std::uint64_t steps)
      : octets_(octets), what_(std::move(what)), steps_(steps) {}

  [[nodiscard]] const std::optional<std::string>& Fault() const noexcept { return fault_; }
  [[nodiscard]] std::size_t Octets() const noexcept { return octets_.size(); }

  /// The element at `at`, pointers not followed.
  std::optional<Element> Decode(std::size_t at);
  /// The element at `at`, or what a pointer there leads to; refused unless it is a `wanted`.
  std::optional<Element> Follow(std::size_t at);
  std::optional<Element> Follow(std::size_t at, Type wanted, const char* name);
  /// Where the element at `at` ends with all that is in it, without recursion.
  std::optional<std::size_t> Behind(std::size_t at);
  /// Calls `each(key, at)` for each member of the map at `at`, until there is a fault.
  template <class Each>
  void ForEachMember(std::size_t at, const char* name, Each each);

  std::nullopt_t Refuse(std::size_t at, std::string_view sentence) {
    if (!fault_) {
      fault_ = what_ + " at its octet " + std::to_string(at) + " " + std::string(sentence);
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string_view> Take(std::size_t& at, std::uint64_t octets);

  std::string_view octets_;
  std::string what_;
  std::uint64_t steps_;
  std::optional<std::string> fault_;
};

std::optional<std::string_view> Section::Take(std::size_t& at, std::uint64_t octets) {
  if (at > octets_.size() || octets > octets_.size() - at) {
    return Refuse(at, "runs past its end; the file is damaged");
  }
  const std::string_view taken = octets_.substr(at, octets);
  at += octets;
  return taken;
}

std::optional<Element> Section::Decode(std::size_t at) {
  if (fault_) {
    return std::nullopt;
  }
  if (steps_ == 0) {
    return Refuse(at, "has more elements than a database of its size needs; the file is damaged");
  }
  --steps_;
  const std::size_t start = at;
  const auto control = Take(at, 1);
  if (!control) {
    return std::nullopt;
  }
  const auto bits = static_cast<unsigned char>(control->front());
  Element element;
  element.type = static_cast<Type>(bits >> 5U);
  if (element.type == Type::kPointer) {
    constexpr std::array<std::uint64_t, 4> kBase{0, 2048, 526336, 0};
    const unsigned size = bits >> 3U & 3U;
    const auto octets = Take(at, size + 1);
    if (!octets) {
      return std::nullopt;
    }
    const std::uint64_t high = size == 3 ? 0 : std::uint64_t{bits & 7U} << (8 * (size + 1));
    element.pointer = (high | BigEndian(*octets)) + kBase[size];
    element.next = at;
    return element;
  }
  if (element.type == Type::kExtended) {
    const auto type = Take(at, 1);
    if (!type || static_cast<unsigned char>(type->front()) > 8 || type->front() == 0) {
      return Refuse(start, "has no type that there is; the file is damaged");
    }
    element.type = static_cast<Type>(7 + type->front());
  }
  constexpr std::array<std::uint32_t, 3> kBase{29, 285, 65821};
  element.size = bits & 31U;
  if (element.size > 28) {
    const std::uint32_t more = element.size - 28;
    const auto octets = Take(at, more);
    if (!octets) {
      return std::nullopt;
    }
    element.size = kBase[more - 1] + static_cast<std::uint32_t>(BigEndian(*octets));
  }
  if (element.type == Type::kMap || element.type == Type::kArray) {
    element.next = at;
    return element;
  }
  const auto payload = Take(at, element.type == Type::kBool ? 0 : element.size);
  if (!payload) {
    return std::nullopt;
  }
  element.payload = *payload;
  element.next = at;
  return element;
}

std::optional<Element> Section::Follow(std::size_t at) {
  auto element = Decode(at);
  if (element && element->type == Type::kPointer) {
    at = element->pointer;
    element = Decode(at);
    if (element && element->type == Type::kPointer) {
      return Refuse(at, "is a pointer that a pointer leads to; the file is damaged");
    }
  }
  return element;
}

std::optional<Element> Section::Follow(std::size_t at, Type wanted, const char* name) {
  auto element = Follow(at);
  if (element && element->type != wanted) {
    const char* type = wanted == Type::kMap      ? "a map"
                       : wanted == Type::kArray  ? "an array"
                       : wanted == Type::kString ? "a string"
                                                 : "a number of the right size";
    return Refuse(at, std::string("has a ") + name + " that is not " + type + kExpected);
  }
  return element;
}

std::optional<std::size_t> Section::Behind(std::size_t at) {
  for (std::uint64_t pending = 1; pending > 0; --pending) {
    const auto element = Decode(at);
    if (!element) {
      return std::nullopt;
    }
    const bool map = element->type == Type::kMap;
    pending += map || element->type == Type::kArray ? std::uint64_t{element->size} << map : 0;
    at = element->next;
  }
  return at;
}

template <class Each>
void Section::ForEachMember(std::size_t at, const char* name, Each each) {
  const auto map = Follow(at, Type::kMap, name);
  std::optional<std::size_t> here = map ? std::optional(map->next) : std::nullopt;
  for (std::uint32_t i = 0; here && i < map->size; ++i) {
    const auto key = Follow(*here, Type::kString, "key");
    const auto value = Behind(*here);
    if (!key || !value) {
      return;
    }
    each(key->payload, *value);
    here = Behind(*value);
  }
}

struct Metadata {
  std::uint64_t node_count = 0;
  std::uint64_t record_size = 0;  // bits: 24, 28 or 32
  std::uint64_t ip_version = 0;   // 4 or 6
};

// One file, read once.
class Reader {
 public:
  Reader(std::string_view content, double grid, PlaceNumbers& places, Findings& findings)
      : content_(content), grid_(grid), places_(places), findings_(findings) {}

  /// @return what is wrong, without the file.
  std::optional<std::string> Read(const std::string& file, PrefixMap& map);

 private:
  using Record = std::uint64_t;  // a node; node_count: nothing; above it: data

  std::optional<std::string> ReadMetadata(std::size_t mark);
  std::optional<std::string> CheckLayout(std::size_t mark);
  [[nodiscard]] bool IsNode(Record record) const noexcept { return record < meta_.node_count; }
  Record Child(Record node, bool right);
  Record LeftOf(Record record, int levels);
  template <class Address>
  void Walk(Record root, Ranges<Address>& ranges);
  std::uint32_t PlaceAt(Record record);
  Place DecodePlace(std::size_t at);
  std::string Code(std::size_t at, const char* name);
  std::string CodeIn(std::size_t at, const char* map, std::string_view key);
  std::string FirstSubdivision(std::size_t at);
  std::optional<Coordinates> Location(std::size_t at);
  double Degrees(std::size_t at, const char* name);
  void Warn(const std::string& what);
  void MakeKnown(GeoClass& geo);

  std::string_view content_;
  double grid_;
  PlaceNumbers& places_;
  Findings& findings_;
  std::string file_;
  Metadata meta_;
  Section data_{{}, "", 0};
  std::optional<std::string> fault_;                 // of the tree
  std::uint64_t visits_ = 0;                         // of nodes that are left
  Record ipv4_ = 0;                                  // where ::/96 leads
  std::unordered_map<Record, std::uint32_t> known_;  // places, by record
  std::set<std::string> warned_;
};

std::optional<std::string> Reader::ReadMetadata(std::size_t mark) {
  constexpr std::uint64_t kSteps = 100'000;
  Section section(content_.substr(mark + kMark.size()), "the metadata", kSteps);
  std::uint64_t version = 0;
  section.ForEachMember(0, "beginning", [&](std::string_view key, std::size_t at) {
    const auto number = [&](std::uint64_t& into, Type type, const char* name) {
      const auto element = section.Follow(at, type, name);
      into = element && element->size <= 8 ? BigEndian(element->payload) : 0;
    };
    if (key == "node_count") {
      number(meta_.node_count, Type::kUint32, "node_count");
    } else if (key == "record_size") {
      number(meta_.record_size, Type::kUint16, "record_size");
    } else if (key == "ip_version") {
      number(meta_.ip_version, Type::kUint16, "ip_version");
    } else if (key == "binary_format_major_version") {
      number(version, Type::kUint16, "binary_format_major_version");
    }
  });
  if (section.Fault()) {
    return section.Fault();
  }
  const auto wrong = [](const char* name, std::uint64_t number, const char* expected) {
    return std::string("the metadata has ") + name + " " + std::to_string(number) + "; expected " +
           expected;
  };
  if (version != 2) {
    return wrong("binary_format_major_version", version, "2");
  }
  if (meta_.record_size != 24 && meta_.record_size != 28 && meta_.record_size != 32) {
    return wrong("record_size", meta_.record_size, "24, 28 or 32");
  }
  if (meta_.ip_version != 4 && meta_.ip_version != 6) {
    return wrong("ip_version", meta_.ip_version, "4 or 6");
  }
  if (meta_.node_count == 0 || meta_.node_count >> meta_.record_size != 0) {
    return wrong("node_count", meta_.node_count, "a count that fits the record_size");
  }
  return std::nullopt;
}

std::optional<std::string> Reader::CheckLayout(std::size_t mark) {
  const std::uint64_t tree = meta_.node_count * meta_.record_size / 4;
  if (tree + kSeparatorOctets > mark) {
    return "has " + std::to_string(mark) + " octets before its metadata, which speak of " +
           std::to_string(meta_.node_count) + " nodes of " + std::to_string(meta_.record_size / 4) +
           " octets; the file is damaged or was cut";
  }
  const std::string_view separator = content_.substr(tree, kSeparatorOctets);
  if (separator.find_first_not_of('\0') != std::string_view::npos) {
    return "has no 16 zero octets behind its " + std::to_string(meta_.node_count) +
           " nodes; the file is damaged or was cut";
  }
  // Each record costs a few hundred elements at most, and takes its octets; see bench.
  const std::string_view data = content_.substr(tree + kSeparatorOctets, mark - tree - 16);
  data_ = Section(data, "the data section", (std::uint64_t{content_.size()} * 16) + 10'000);
  visits_ = (meta_.node_count * 4) + 1024;
  return std::nullopt;
}

Reader::Record Reader::Child(Record node, bool right) {
  if (visits_ == 0) {
    fault_ = fault_.value_or(
        "has a search tree whose parts are shared or lead in a circle; the file is damaged");
    return meta_.node_count;
  }
  --visits_;
  const std::uint64_t octets = meta_.record_size / 4;
  const std::string_view both = content_.substr(node * octets, octets);
  Record record = 0;
  if (meta_.record_size != 28) {
    record = BigEndian(both.substr(right ? octets / 2 : 0, octets / 2));
  } else {
    // The octet in the middle has the upper four bits of both.
    const auto middle = static_cast<unsigned char>(both[3]);
    record = right ? std::uint64_t{middle & 15U} << 24U | BigEndian(both.substr(4))
                   : std::uint64_t{middle} >> 4U << 24U | BigEndian(both.substr(0, 3));
  }
  if (record > meta_.node_count &&
      (record < meta_.node_count + kSeparatorOctets ||
       record - meta_.node_count - kSeparatorOctets >= data_.Octets())) {
    fault_ = fault_.value_or("has node " + std::to_string(node) +
                             " lead outside of it; the file is damaged");
    return meta_.node_count;
  }
  return record;
}

Reader::Record Reader::LeftOf(Record record, int levels) {
  for (int i = 0; i < levels && IsNode(record); ++i) {
    record = Child(record, false);
  }
  return record;
}

template <class Address>
void Reader::Walk(Record root, Ranges<Address>& ranges) {
  constexpr bool kV6 = sizeof(Address) == 8;
  constexpr int kWidth = kV6 ? 64 : 32;
  struct Open {
    Record record;
    Address bits;
    int depth;
  };
  const auto is_alias = [this](const Open& at) {
    return kV6 && at.record == ipv4_ && IsNode(ipv4_) &&
           ((at.depth == 16 && at.bits == std::uint64_t{0x2002} << 48U) ||
            (at.depth == 32 && at.bits == std::uint64_t{0x20010000} << 32U));
  };
  std::vector<Open> open{{root, 0, 0}};
  while (!open.empty() && !fault_ && !data_.Fault()) {
    Open at = open.back();
    open.pop_back();
    if (at.depth == kWidth) {
      at.record = LeftOf(at.record, kV6 ? 64 : 0);
    } else if (is_alias(at)) {
      at.record = meta_.node_count;
    }
    if (!IsNode(at.record)) {
      ranges.Append(at.bits, PlaceAt(at.record));
    } else if (at.depth == kWidth) {
      fault_ = fault_.value_or("has a search tree that is deeper than addresses are long");
    } else {
      const auto bit = static_cast<Address>(Address{1} << (kWidth - 1 - at.depth));
      open.push_back({Child(at.record, true), static_cast<Address>(at.bits | bit), at.depth + 1});
      open.push_back({Child(at.record, false), at.bits, at.depth + 1});
    }
  }
}

std::uint32_t Reader::PlaceAt(Record record) {
  if (record == meta_.node_count || fault_) {
    return 0;
  }
  const auto [known, fresh] = known_.try_emplace(record, 0);
  if (fresh) {
    known->second = places_.Of(DecodePlace(record - meta_.node_count - kSeparatorOctets));
  }
  return known->second;
}

// A code as the file has it; what a terminal would not print is no part of any code.
std::string Reader::Code(std::size_t at, const char* name) {
  const auto element = data_.Follow(at, Type::kString, name);
  std::string code(element ? element->payload.substr(0, 80) : "");
  std::ranges::replace_if(code, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return code;
}

std::string Reader::CodeIn(std::size_t at, const char* map, std::string_view key) {
  std::string code;
  data_.ForEachMember(at, map, [&](std::string_view member, std::size_t value) {
    if (member == key) {
      code = Code(value, map);
    }
  });
  return code;
}

std::string Reader::FirstSubdivision(std::size_t at) {
  const auto array = data_.Follow(at, Type::kArray, "subdivisions");
  return array && array->size > 0 ? CodeIn(array->next, "subdivision", "iso_code") : "";
}

double Reader::Degrees(std::size_t at, const char* name) {
  const auto element = data_.Follow(at);
  if (element && element->type == Type::kDouble && element->size == 8) {
    return std::bit_cast<double>(BigEndian(element->payload));
  }
  if (element && element->type == Type::kFloat && element->size == 4) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(BigEndian(element->payload)));
  }
  if (element) {
    data_.Refuse(at, std::string("has a ") + name + " that is no double" + kExpected);
  }
  return 0;
}

std::optional<Coordinates> Reader::Location(std::size_t at) {
  std::optional<double> latitude;
  std::optional<double> longitude;
  data_.ForEachMember(at, "location", [&](std::string_view key, std::size_t value) {
    if (key == "latitude") {
      latitude = Degrees(value, "latitude");
    } else if (key == "longitude") {
      longitude = Degrees(value, "longitude");
    }
  });
  if (!latitude || !longitude || data_.Fault()) {
    return std::nullopt;
  }
  // A NaN compares false.
  if (!(*latitude >= -90 && *latitude <= 90 && *longitude >= -180 && *longitude <= 180)) {
    Warn("location is " + std::to_string(*latitude) + ", " + std::to_string(*longitude) +
         "; expected -90..90, -180..180");
    return std::nullopt;
  }
  return RoundToGrid({*latitude, *longitude}, grid_);
}

void Reader::Warn(const std::string& what) {
  if (warned_.size() < Findings::kKept && warned_.insert(what).second) {
    findings_.AddWarning(file_, what + "; such clients count as unknown");
  }
}

// Drops what is not known, the smallest part first.
void Reader::MakeKnown(GeoClass& geo) {
  for (std::string* part : {&geo.subdivision, &geo.country, &geo.continent}) {
    const auto fault = CompleteGeo(geo);
    if (!fault) {
      return;
    }
    Warn(*fault);
    part->clear();
  }
}

Place Reader::DecodePlace(std::size_t at) {
  Place place;
  std::string registered;
  data_.ForEachMember(at, "record", [&](std::string_view key, std::size_t value) {
    if (key == "continent") {
      place.geo.continent = CodeIn(value, "continent", "code");
    } else if (key == "country") {
      place.geo.country = CodeIn(value, "country", "iso_code");
    } else if (key == "registered_country") {
      registered = CodeIn(value, "registered_country", "iso_code");
    } else if (key == "subdivisions") {
      place.geo.subdivision = FirstSubdivision(value);
    } else if (key == "location") {
      place.cell = Location(value);
    }
  });
  if (place.geo.country.empty()) {
    place.geo.country = registered;
  }
  MakeKnown(place.geo);
  return place;
}

std::optional<std::string> Reader::Read(const std::string& file, PrefixMap& map) {
  file_ = file;
  const std::size_t mark = MarkOf(content_);
  if (mark == std::string_view::npos) {
    return "has no MaxMind metadata in its last 128 KiB; the file is no MaxMind DB, or was cut";
  }
  if (const auto fault = ReadMetadata(mark)) {
    return fault;
  }
  if (const auto fault = CheckLayout(mark)) {
    return fault;
  }
  ipv4_ = meta_.ip_version == 6 ? LeftOf(0, 96) : 0;
  Walk(ipv4_, map.v4);
  if (meta_.ip_version == 6) {
    Walk(Record{0}, map.v6);
  }
  if (fault_ || data_.Fault()) {
    return fault_ ? fault_ : data_.Fault();
  }
  const auto is_place = [](const auto& known) { return known.second != 0; };
  if (std::ranges::none_of(known_, is_place)) {
    return std::string("has no network with a country, a continent or a location") + kExpected;
  }
  return std::nullopt;
}

}  // namespace

bool IsMaxMind(std::string_view content) {
  return MarkOf(content) != std::string_view::npos;
}

PrefixMap ReadMaxMind(std::string_view content,
                      const std::string& file,
                      double grid_degrees,
                      PlaceNumbers& places,
                      Findings& findings) {
  PrefixMap map;
  Findings own;
  if (const auto fault = Reader(content, grid_degrees, places, own).Read(file, map)) {
    own.AddError(file, *fault);
  }
  findings.Add(own);
  return map;
}

}  // namespace holdfast::control
