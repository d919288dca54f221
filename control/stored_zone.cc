#include "control/stored_zone.h"

#include "dataplane/base/bytes.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

constexpr char kMark[] = "HFZ1";

void PutNumber(std::string& to, std::uint32_t value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void PutOctets(std::string& to, const std::string& octets) {
  PutNumber(to, static_cast<std::uint32_t>(octets.size()));
  to += octets;
}

// Reads in the order of writing; after the first fault everything it gives is empty.
class Reader {
 public:
  explicit Reader(std::string_view octets) : octets_(octets) {}
  std::uint32_t Number() {
    if (octets_.size() < sizeof(std::uint32_t)) {
      good_ = false;
      return 0;
    }
    const auto value = LoadAs<std::uint32_t>(octets_.data());
    octets_.remove_prefix(sizeof(value));
    return value;
  }
  std::string Octets() {
    const std::uint32_t size = Number();
    if (size > octets_.size()) {
      good_ = false;
      return {};
    }
    std::string octets(octets_.substr(0, size));
    octets_.remove_prefix(size);
    return octets;
  }
  void Skip(std::size_t octets) { octets_.remove_prefix(std::min(octets, octets_.size())); }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool done() const { return good_ && octets_.empty(); }

 private:
  std::string_view octets_;
  bool good_ = true;
};

}  // namespace

std::string ZoneContent(const Zone& zone) {
  std::string content(kMark, 4);
  PutNumber(content, static_cast<std::uint32_t>(zone.rrsets.size()));
  for (const Rrset& rrset : zone.rrsets) {
    PutOctets(content, rrset.owner);
    PutNumber(content, rrset.type);
    PutNumber(content, rrset.ttl);
    PutNumber(content, static_cast<std::uint32_t>(rrset.rdata.size()));
    for (const std::string& rdata : rrset.rdata) {
      PutOctets(content, rdata);
    }
  }
  return content;
}

Result<Zone> ZoneFromStore(const StoredZone& stored) {
  Zone zone;
  zone.origin = stored.origin;
  zone.id = stored.zone_id;
  zone.source.file = stored.file;
  Reader reader(stored.content);
  if (stored.content.starts_with(std::string_view(kMark, 4))) {
    reader.Skip(4);
    const std::uint32_t rrsets = reader.Number();
    for (std::uint32_t i = 0; i < rrsets && reader.good(); ++i) {
      Rrset rrset;
      rrset.owner = reader.Octets();
      rrset.type = static_cast<std::uint16_t>(reader.Number());
      rrset.ttl = reader.Number();
      rrset.source = zone.source;
      const std::uint32_t records = reader.Number();
      for (std::uint32_t r = 0; r < records && reader.good(); ++r) {
        rrset.rdata.push_back(reader.Octets());
      }
      if (reader.good() && wire::IsWellFormed(rrset.owner)) {
        zone.rrsets.push_back(std::move(rrset));
      }
    }
    if (reader.done() && zone.rrsets.size() == rrsets) {
      return zone;
    }
  }
  return Fail(ErrorCode::kInvalid,
              "the stored zone " + wire::ToText(stored.origin) +
                  " is unreadable; load it again with 'holdfast zone load'");
}

}  // namespace holdfast::control
