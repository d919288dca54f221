// The layout: mark, CRC32C of the rest, basis, warnings, files, rrsets, record sets. Numbers have
// 32 bits in host order, octets come behind their number, lists behind theirs.
#include "control/model/stored_zone.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <unordered_map>
#include <utility>

#include "dataplane/base/bytes.h"
#include "dataplane/table/hash.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

constexpr std::string_view kMark = "HFZ2";
// Rrsets without their places in a text, and nothing else. Commands have loaded zones in this form.
constexpr std::string_view kBareMark = "HFZ1";
constexpr std::size_t kHeadOctets = 8;  // mark and checksum

class Writer {
 public:
  explicit Writer(std::size_t room) { octets_.reserve(room); }
  void Raw(const void* from, std::size_t octets) {
    octets_.append(static_cast<const char*>(from), octets);
  }
  void Number(std::size_t value) {
    const auto number = static_cast<std::uint32_t>(value);
    Raw(&number, sizeof(number));
  }
  void Octets(std::string_view octets) {
    Number(octets.size());
    octets_ += octets;
  }
  template <class List, class Each>
  void All(const List& list, Each each) {
    Number(list.size());
    for (const auto& item : list) {
      each(item);
    }
  }
  void AllOctets(const std::vector<std::string>& list) {
    All(list, [this](const std::string& octets) { Octets(octets); });
  }
  std::string Take() {
    const std::uint32_t crc =
        table::Crc32c(octets_.data() + kHeadOctets, octets_.size() - kHeadOctets);
    StoreAs(octets_.data() + kMark.size(), crc);
    return std::move(octets_);
  }

 private:
  std::string octets_;
};

// Reads in the order of writing; after the first fault everything it gives is empty.
class Reader {
 public:
  explicit Reader(std::string_view octets) : octets_(octets) {}
  std::string_view Raw(std::size_t octets) {
    if (octets > octets_.size()) {
      Fault();
    }
    const std::string_view raw = octets_.substr(0, good_ ? octets : 0);
    octets_.remove_prefix(raw.size());
    return raw;
  }
  std::uint32_t Number() {
    const std::string_view raw = Raw(sizeof(std::uint32_t));
    return good_ ? LoadAs<std::uint32_t>(raw.data()) : 0;
  }
  std::uint32_t NumberUpTo(std::uint32_t most) {
    const std::uint32_t number = Number();
    if (number > most) {
      Fault();
    }
    return good_ ? number : 0;
  }
  std::string Octets() { return std::string(Raw(Number())); }
  template <class T, class Each>
  void All(std::vector<T>& list, Each each) {
    const std::uint32_t count = Number();
    list.reserve(std::min<std::size_t>(count, octets_.size() / sizeof(std::uint32_t)));
    for (std::uint32_t i = 0; i < count && good_; ++i) {
      list.push_back(each());
    }
  }
  void AllOctets(std::vector<std::string>& list) {
    All(list, [this] { return Octets(); });
  }
  void Fault() {
    good_ = false;
    octets_ = {};
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool done() const { return good_ && octets_.empty(); }

 private:
  std::string_view octets_;
  bool good_ = true;
};

// ---- writing ------------------------------------------------------------------------------------

// The files that sources name, each once.
class FileList {
 public:
  explicit FileList(const Zone& zone) {
    std::ranges::for_each(zone.rrsets, [this](const Rrset& rrset) { At(rrset.source); });
    for (const RecordSet& set : zone.record_sets) {
      if (set.traffic == nullptr) {
        At(set.source);
      }
    }
  }
  std::uint32_t At(const Source& source) {
    // Most stand behind one of the same file.
    if (files_.empty() || files_[last_] != source.file) {
      const auto [known, is_new] =
          places_.emplace(source.file, static_cast<std::uint32_t>(files_.size()));
      if (is_new) {
        files_.push_back(source.file);
      }
      last_ = known->second;
    }
    return last_;
  }
  [[nodiscard]] const std::vector<std::string>& files() const { return files_; }

 private:
  std::vector<std::string> files_;
  std::unordered_map<std::string, std::uint32_t> places_;
  std::uint32_t last_ = 0;
};

void Write(Writer& to, const Source& source, FileList& files) {
  to.Number(files.At(source));
  to.Number(source.line);
}

// Coordinates of records have two decimals.
constexpr double kHundredths = 100;
constexpr int kBiasFrom = -99;
constexpr int kMostHundredths = 18000;  // and so far below 0

void Write(Writer& to, const RecordLocation& where) {
  to.Octets(where.region);
  to.Octets(where.geo.continent);
  to.Octets(where.geo.country);
  to.Octets(where.geo.subdivision);
  to.Number(where.place ? 1 : 0);
  if (where.place) {
    for (const double degrees : {where.place->latitude, where.place->longitude}) {
      to.Number(static_cast<std::uint32_t>(std::lround(degrees * kHundredths) + kMostHundredths));
    }
  }
  to.Number(static_cast<std::uint32_t>(where.bias - kBiasFrom));
  to.Octets(where.collection_id);
  to.Octets(where.cidr_location);
}

void Write(Writer& to, const RecordSet& set, FileList& files) {
  to.Octets(set.name);
  to.Number(set.type);
  to.Octets(set.set_identifier);
  to.Number(static_cast<std::uint32_t>(set.policy));
  to.Number(set.weight);
  to.Number(set.primary ? 1 : 0);
  to.Number(set.ttl);
  to.AllOctets(set.rdata);
  to.Number(set.alias ? 1 : 0);
  if (set.alias) {
    to.Octets(set.alias->hosted_zone_id);
    to.Octets(set.alias->name);
    to.Number(set.alias->evaluate_target_health ? 1 : 0);
  }
  to.Octets(set.health_check_id);
  if (set.where != nullptr) {
    Write(to, *set.where);
  }
  Write(to, set.source, files);
}

// ---- reading ------------------------------------------------------------------------------------

std::unexpected<Error> Unreadable() {
  return Fail(ErrorCode::kInvalid, "the stored zone is damaged or of another release");
}

Result<Reader> OpenContent(std::string_view content) {
  if (content.size() < kHeadOctets || !content.starts_with(kMark) ||
      LoadAs<std::uint32_t>(content.data() + kMark.size()) !=
          table::Crc32c(content.data() + kHeadOctets, content.size() - kHeadOctets)) {
    return Unreadable();
  }
  return Reader(content.substr(kHeadOctets));
}

ContentBasis ReadBasis(Reader& from) {
  ContentBasis basis;
  basis.made_by = from.Octets();
  from.All(basis.texts, [&from] {
    Text text;
    text.path = from.Octets();
    const std::string_view digest = from.Raw(text.sha256.size());
    std::ranges::copy(digest, text.sha256.begin());
    return text;
  });
  return basis;
}

Source ReadSource(Reader& from, const std::vector<std::string>& files) {
  const std::uint32_t file = from.Number();
  const std::uint32_t line = from.Number();
  if (file >= files.size()) {
    from.Fault();
    return {};
  }
  return {files[file], line};
}

std::string ReadName(Reader& from) {
  std::string name = from.Octets();
  if (!wire::IsWellFormed(name)) {
    from.Fault();
  }
  return name;
}

// @param files  null: the form without places; all are of the zone's own source.
Rrset ReadRrset(Reader& from, const Zone& zone, const std::vector<std::string>* files) {
  Rrset rrset;
  rrset.owner = ReadName(from);
  rrset.type = static_cast<std::uint16_t>(from.NumberUpTo(0xffff));
  rrset.ttl = from.Number();
  rrset.source = files == nullptr ? zone.source : ReadSource(from, *files);
  from.AllOctets(rrset.rdata);
  return rrset;
}

std::shared_ptr<const RecordLocation> ReadRecordLocation(Reader& from) {
  auto where = std::make_shared<RecordLocation>();
  where->region = from.Octets();
  where->geo.continent = from.Octets();
  where->geo.country = from.Octets();
  where->geo.subdivision = from.Octets();
  if (from.NumberUpTo(1) != 0) {
    const auto degrees = [&from] {
      return (static_cast<double>(from.NumberUpTo(2 * kMostHundredths)) - kMostHundredths) /
             kHundredths;
    };
    auto& place = where->place.emplace();
    place.latitude = degrees();
    place.longitude = degrees();
  }
  where->bias = static_cast<int>(from.NumberUpTo(198)) + kBiasFrom;
  where->collection_id = from.Octets();
  where->cidr_location = from.Octets();
  return where;
}

RecordSet ReadRecordSet(Reader& from, const std::vector<std::string>& files) {
  RecordSet set;
  set.name = ReadName(from);
  set.type = static_cast<std::uint16_t>(from.NumberUpTo(0xffff));
  set.set_identifier = from.Octets();
  set.policy = static_cast<Policy>(from.NumberUpTo(static_cast<std::uint32_t>(Policy::kCidr)));
  set.weight = static_cast<std::uint8_t>(from.NumberUpTo(0xff));
  set.primary = from.NumberUpTo(1) != 0;
  set.ttl = from.Number();
  from.AllOctets(set.rdata);
  if (from.NumberUpTo(1) != 0) {
    auto& alias = set.alias.emplace();
    alias.hosted_zone_id = from.Octets();
    alias.name = ReadName(from);
    alias.evaluate_target_health = from.NumberUpTo(1) != 0;
  }
  set.health_check_id = from.Octets();
  if (AsksTheClient(set.policy)) {
    set.where = ReadRecordLocation(from);
  }
  set.source = ReadSource(from, files);
  return set;
}

Result<Zone> ReadBareContent(std::string_view content, Zone zone) {
  Reader from(content.substr(kBareMark.size()));
  from.All(zone.rrsets, [&] { return ReadRrset(from, zone, nullptr); });
  return from.done() ? Result<Zone>(std::move(zone)) : Unreadable();
}

}  // namespace

std::string ZoneContent(const Zone& zone, const Findings& findings, std::string_view made_by) {
  FileList files(zone);
  constexpr std::size_t kUsualRrset = 64;  // octets
  Writer to(zone.rrsets.size() * kUsualRrset);
  to.Raw(kMark.data(), kMark.size());
  to.Number(0);  // the checksum, at the end
  to.Octets(made_by);
  to.All(zone.texts, [&to](const Text& text) {
    to.Octets(text.path);
    to.Raw(text.sha256.data(), text.sha256.size());
  });
  to.AllOctets(findings.KeptWarnings());
  to.Number(findings.WarningCount());
  to.AllOctets(files.files());
  to.All(zone.rrsets, [&](const Rrset& rrset) {
    to.Octets(rrset.owner);
    to.Number(rrset.type);
    to.Number(rrset.ttl);
    Write(to, rrset.source, files);
    to.AllOctets(rrset.rdata);
  });
  // What traffic policies added comes from them again.
  std::vector<const RecordSet*> written;
  for (const RecordSet& set : zone.record_sets) {
    if (set.traffic == nullptr) {
      written.push_back(&set);
    }
  }
  to.All(written, [&](const RecordSet* set) { Write(to, *set, files); });
  return to.Take();
}

Result<ContentBasis> BasisOf(std::string_view content) {
  auto from = OpenContent(content);
  if (!from) {
    return std::unexpected(std::move(from.error()));
  }
  ContentBasis basis = ReadBasis(*from);
  return from->good() ? Result<ContentBasis>(std::move(basis)) : Unreadable();
}

Result<Zone> ReadContent(std::string_view content, Zone zone, Findings& findings) {
  auto from = OpenContent(content);
  if (!from) {
    return std::unexpected(std::move(from.error()));
  }
  zone.stored = true;
  zone.texts = ReadBasis(*from).texts;
  std::vector<std::string> warnings;
  from->AllOctets(warnings);
  const std::uint32_t warning_count = from->Number();
  std::vector<std::string> files;
  from->AllOctets(files);
  from->All(zone.rrsets, [&] { return ReadRrset(*from, zone, &files); });
  from->All(zone.record_sets, [&] { return ReadRecordSet(*from, files); });
  if (!from->done()) {
    return Unreadable();
  }
  findings.Add(Findings::OfWarnings(std::move(warnings), warning_count));
  return zone;
}

Result<Zone> ZoneFromStore(const StoredZone& stored, Findings& findings) {
  Zone named;
  named.origin = stored.origin;
  named.id = stored.zone_id;
  named.source.file = stored.file;
  named.stored = true;
  auto zone = stored.content.starts_with(kBareMark)
                  ? ReadBareContent(stored.content, std::move(named))
                  : ReadContent(stored.content, std::move(named), findings);
  if (!zone) {
    return Fail(ErrorCode::kInvalid,
                "the stored zone " + wire::ToText(stored.origin) +
                    " is unreadable; load it again with 'holdfast zone load'");
  }
  return zone;
}

}  // namespace holdfast::control
