// Zones of the model, made record by record in tests: names relative to the origin, rdata in the
// few forms tests need.
#pragma once

#include <arpa/inet.h>
#include <string>
#include <string_view>

#include "control/model/model.h"
#include "dataplane/base/check.h"
#include "tests/dataplane/packet_builder.h"

namespace holdfast::test {

inline std::string A(const char* text) {
  std::string octets(4, '\0');
  HF_CHECK(inet_pton(AF_INET, text, octets.data()) == 1);
  return octets;
}
inline std::string Aaaa(const char* text) {
  std::string octets(16, '\0');
  HF_CHECK(inet_pton(AF_INET6, text, octets.data()) == 1);
  return octets;
}
/// One TXT record: as many strings of at most 255 octets as it takes.
inline std::string Txt(std::string_view text) {
  std::string rdata;
  do {
    const auto part = text.substr(0, 255);
    rdata += static_cast<char>(part.size()) + std::string(part);
    text.remove_prefix(part.size());
  } while (!text.empty());
  return rdata;
}
inline std::string Mx(unsigned preference, std::string_view host) {
  return Be16Octets(preference) + Wire(host);
}
inline std::string Srv(unsigned port, std::string_view host) {
  return Be16Octets(0) + Be16Octets(0) + Be16Octets(port) + Wire(host);
}
inline std::string Svc(unsigned priority, std::string_view host) {
  return Be16Octets(priority) + Wire(host);
}

/// A zone in the making. "@" is the origin; a name with a final dot stands as it is.
class TestZone {
 public:
  /// With a SOA (TTL `soa_ttl`, `minimum`) and two NS records, all TTLs 3600 unless given.
  explicit TestZone(std::string_view origin,
                    std::uint32_t soa_ttl = 3600,
                    std::uint32_t minimum = 60)
      : origin_(origin) {
    zone_.origin = Wire(origin);
    zone_.id = std::string(origin);
    const std::string soa = Wire(Absolute("ns1")) + Wire(Absolute("host")) + Be32Octets(7) +
                            Be32Octets(7200) + Be32Octets(900) + Be32Octets(1209600) +
                            Be32Octets(minimum);
    Add("@", wire::Type::kSoa, {soa}, soa_ttl);
    Add("@", wire::Type::kNs, {Wire(Absolute("ns1")), Wire(Absolute("ns2"))});
  }

  [[nodiscard]] std::string Absolute(std::string_view name) const {
    if (name == "@") {
      return origin_;
    }
    return name.ends_with('.') ? std::string(name) : std::string(name) + "." + origin_;
  }
  TestZone& Add(std::string_view name,
                wire::Type type,
                std::vector<std::string> rdata,
                std::uint32_t ttl = 3600) {
    return AddWire(Wire(Absolute(name)), N(type), std::move(rdata), ttl);
  }
  TestZone& AddWire(const std::string& owner,
                    std::uint16_t type,
                    std::vector<std::string> rdata,
                    std::uint32_t ttl = 3600) {
    zone_.rrsets.push_back(
        {.owner = owner, .type = type, .ttl = ttl, .rdata = std::move(rdata), .source = {}});
    return *this;
  }
  TestZone& Cname(std::string_view name, std::string_view target) {
    return Add(name, wire::Type::kCname, {Wire(Absolute(target))});
  }
  TestZone& Add(control::RecordSet set, std::string_view name) {
    set.name = Wire(Absolute(name));
    zone_.record_sets.push_back(std::move(set));
    return *this;
  }
  [[nodiscard]] const control::Zone& zone() const { return zone_; }

 private:
  std::string origin_;
  control::Zone zone_;
};

/// A zone that is configured without data: SERVFAIL.
inline control::Zone UnloadedZone(std::string_view origin) {
  control::Zone zone;
  zone.origin = Wire(origin);
  zone.id = std::string(origin);
  return zone;
}

}  // namespace holdfast::test
