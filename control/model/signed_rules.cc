#include "control/model/signed_rules.h"

#include <algorithm>
#include <string>

#include "control/model/folded.h"
#include "control/model/record_groups.h"
#include "dataplane/base/bytes.h"
#include "dataplane/table/format.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

using wire::Type;

constexpr std::size_t kRrsigFixed = 18;  // type, algorithm, labels, TTL, two times, key tag
constexpr std::size_t kOriginalTtlAt = 4;
constexpr std::size_t kExpirationAt = 8;
constexpr std::size_t kInceptionAt = 12;
constexpr std::size_t kParamsFixed = 5;  // algorithm, flags, iterations, octets of the salt
constexpr std::size_t kHashOctets = 20;  // of SHA-1
constexpr std::uint8_t kSha1 = 1;        // hash algorithm of NSEC3 (RFC 5155 11)

bool Is(const Rrset& rrset, Type type) noexcept {
  return rrset.type == static_cast<std::uint16_t>(type);
}

bool IsAtApex(const Zone& zone, const Rrset& rrset) noexcept {
  return FoldedEqual{}(rrset.owner, zone.origin);
}

const Rrset* AtApex(const Zone& zone, Type type) noexcept {
  const auto found = std::ranges::find_if(
      zone.rrsets, [&](const Rrset& rrset) { return Is(rrset, type) && IsAtApex(zone, rrset); });
  return found == zone.rrsets.end() ? nullptr : &*found;
}

const Rrset* First(const Zone& zone, Type type) noexcept {
  const auto found =
      std::ranges::find_if(zone.rrsets, [&](const Rrset& rrset) { return Is(rrset, type); });
  return found == zone.rrsets.end() ? nullptr : &*found;
}

std::string Quoted(const Rrset& rrset) {
  return "'" + NameTypeText(rrset.owner, rrset.type) + "'";
}

// Serial numbers of 32 bits (RFC 4034 3.1.5): whether `time` lies before `now`.
bool IsBefore(std::uint32_t time, std::int64_t now_s) noexcept {
  return static_cast<std::int32_t>(time - static_cast<std::uint32_t>(now_s)) < 0;
}

// Records of which the first is told.
struct Counted {
  const Rrset* first = nullptr;
  std::size_t count = 0;
  void Take(const Rrset& rrset) {
    first = first == nullptr ? &rrset : first;
    ++count;
  }
  void Warn(const Zone& zone, const std::string& what, Findings& findings) const {
    if (count != 0) {
      findings.AddWarning(first->source,
                          "'" + wire::ToText(first->owner) + "': " + std::to_string(count) +
                              " signature(s) of zone " + wire::ToText(zone.origin) + what);
    }
  }
};

void LintTimes(const Zone& zone, std::int64_t now_s, Findings& findings) {
  Counted expired;
  Counted early;
  for (const Rrset& rrset : zone.rrsets) {
    if (!Is(rrset, Type::kRrsig)) {
      continue;
    }
    for (const std::string& rdata : rrset.rdata) {
      if (rdata.size() < kRrsigFixed) {
        continue;
      }
      if (IsBefore(LoadBe32(rdata.data() + kExpirationAt), now_s)) {
        expired.Take(rrset);
      } else if (!IsBefore(LoadBe32(rdata.data() + kInceptionAt), now_s + 1)) {
        early.Take(rrset);
      }
    }
  }
  expired.Warn(zone, " have expired; resolvers that validate take them for forged", findings);
  early.Warn(zone, " are not valid yet; resolvers that validate take them for forged", findings);
}

// Octets of the name that `rdata` begins with; 0 when it does not end in there.
std::size_t NameOctets(std::string_view rdata) noexcept {
  std::size_t at = 0;
  while (at < rdata.size() && rdata[at] != '\0') {
    at += 1 + static_cast<unsigned char>(rdata[at]);
  }
  return at < rdata.size() && wire::IsWellFormed(rdata.substr(0, at + 1)) ? at + 1 : 0;
}

// What is wrong with a record that an answer would carry; empty: nothing. In the form of RFC 3597
// the parser takes any octets.
std::string FaultOf(const Rrset& rrset, std::string_view rdata) {
  if (Is(rrset, Type::kNsec) && NameOctets(rdata) == 0) {
    return "has no whole name of the next; expected one (RFC 4034 4.1)";
  }
  if (Is(rrset, Type::kNsec3)) {
    const auto params = ReadNsec3Params(rdata);
    const std::size_t at = params ? kParamsFixed + params->salt.size() : rdata.size();
    if (at >= rdata.size() || rdata[at] != static_cast<char>(kHashOctets) ||
        rdata.size() - at - 1 < kHashOctets) {
      return "has no whole hash of the next; expected 20 octets (RFC 5155 3.2)";
    }
  }
  if (Is(rrset, Type::kRrsig) &&
      (rdata.size() < kRrsigFixed || NameOctets(rdata.substr(kRrsigFixed)) == 0 ||
       rdata.size() == kRrsigFixed + NameOctets(rdata.substr(kRrsigFixed)))) {
    return "has no whole signer's name and signature; expected both (RFC 4034 3.1)";
  }
  return {};
}

void CheckWhole(const Zone& zone, Findings& findings) {
  for (const Rrset& rrset : zone.rrsets) {
    if ((Is(rrset, Type::kNsec) || Is(rrset, Type::kNsec3)) && rrset.rdata.size() > 1) {
      findings.AddError(
          rrset.source,
          Quoted(rrset) + ": " + std::to_string(rrset.rdata.size()) + " records; expected one");
    }
    for (const std::string& rdata : rrset.rdata) {
      if (const std::string fault = FaultOf(rrset, rdata); !fault.empty()) {
        findings.AddError(rrset.source, Quoted(rrset) + ": " + fault);
      }
    }
  }
}

}  // namespace

std::uint16_t CoveredType(std::string_view rrsig) noexcept {
  return rrsig.size() < kRrsigFixed ? std::uint16_t{0} : LoadBe16(rrsig.data());
}

std::uint32_t OriginalTtl(std::string_view rrsig) noexcept {
  return rrsig.size() < kRrsigFixed ? UINT32_MAX : LoadBe32(rrsig.data() + kOriginalTtlAt);
}

std::optional<Nsec3Params> ReadNsec3Params(std::string_view rdata) noexcept {
  if (rdata.size() < kParamsFixed) {
    return std::nullopt;
  }
  const auto octet = [&](std::size_t at) { return static_cast<std::uint8_t>(rdata[at]); };
  if (octet(4) > rdata.size() - kParamsFixed) {
    return std::nullopt;
  }
  return Nsec3Params{.algorithm = octet(0),
                     .flags = octet(1),
                     .iterations = LoadBe16(rdata.data() + 2),
                     .salt = rdata.substr(kParamsFixed, octet(4))};
}

bool StandsAtHash(const Rrset& rrset) noexcept {
  return Is(rrset, Type::kNsec3) ||
         (Is(rrset, Type::kRrsig) && std::ranges::all_of(rrset.rdata, [](const auto& rdata) {
            return CoveredType(rdata) == static_cast<std::uint16_t>(Type::kNsec3);
          }));
}

bool IsSigned(const Zone& zone) noexcept {
  const Rrset* sigs = AtApex(zone, Type::kRrsig);
  return sigs != nullptr && std::ranges::any_of(sigs->rdata, [](const auto& rdata) {
           return CoveredType(rdata) == static_cast<std::uint16_t>(Type::kSoa);
         });
}

void CheckSigned(const Zone& zone, Findings& findings) {
  if (!IsSigned(zone)) {
    return;
  }
  if (!zone.record_sets.empty()) {
    const RecordSet& set = zone.record_sets.front();
    findings.AddError(set.source,
                      RecordText(set) + ": zone " + wire::ToText(zone.origin) +
                          " is signed, and no signature made elsewhere goes with a record set; "
                          "expected it in a zone of its own that has no DS, or the zone unsigned");
  }
  CheckWhole(zone, findings);
  const Rrset* params = AtApex(zone, Type::kNsec3param);
  if (params == nullptr) {
    return;
  }
  for (const std::string& rdata : params->rdata) {
    const auto read = ReadNsec3Params(rdata);
    if (!read || read->algorithm != kSha1) {
      findings.AddError(params->source,
                        Quoted(*params) + ": the hash algorithm is " +
                            std::to_string(read ? read->algorithm : 0) + "; expected 1 (SHA-1)");
    } else if (read->iterations > table::kMaxIterations) {
      findings.AddError(params->source,
                        Quoted(*params) + ": iterations is " + std::to_string(read->iterations) +
                            "; expected 0.." + std::to_string(table::kMaxIterations) +
                            " (RFC 9276 advises 0)");
    }
  }
}

void LintSigned(const Zone& zone, std::int64_t now_s, Findings& findings) {
  if (!IsSigned(zone)) {
    const Rrset* stray = nullptr;
    for (const Type type : {Type::kRrsig, Type::kNsec, Type::kNsec3}) {
      stray = stray == nullptr ? First(zone, type) : stray;
    }
    if (stray != nullptr) {
      findings.AddWarning(stray->source,
                          Quoted(*stray) + ": zone " + wire::ToText(zone.origin) +
                              " has no RRSIG over its SOA; it is served as an unsigned one, "
                              "without its RRSIG, NSEC and NSEC3 records");
    }
    return;
  }
  if (AtApex(zone, Type::kDnskey) == nullptr) {
    findings.AddWarning(zone.source,
                        "zone " + wire::ToText(zone.origin) +
                            " is signed and has no DNSKEY at its apex; expected its keys");
  }
  const bool has_nsec3 =
      AtApex(zone, Type::kNsec3param) != nullptr && First(zone, Type::kNsec3) != nullptr;
  if (AtApex(zone, Type::kNsec) == nullptr && !has_nsec3) {
    findings.AddWarning(zone.source,
                        "zone " + wire::ToText(zone.origin) +
                            " is signed and has neither NSEC, nor NSEC3 with an NSEC3PARAM at its "
                            "apex; its negative answers carry no proof");
  }
  LintTimes(zone, now_s, findings);
}

}  // namespace holdfast::control
