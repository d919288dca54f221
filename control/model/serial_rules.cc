#include "control/model/serial_rules.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/serial.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

constexpr auto kSoa = static_cast<std::uint16_t>(wire::Type::kSoa);
constexpr std::size_t kSoaNumbers = 20;  // serial, refresh, retry, expire, minimum

struct Digested {
  std::uint64_t sum = 0;  // of the records' hashes, so in any order
  std::optional<std::uint32_t> serial;
};

Digested DigestedOf(const Zone& zone) {
  Digested digested;
  std::string record;
  for (const Rrset& rrset : zone.rrsets) {
    for (const std::string& rdata : rrset.rdata) {
      record.assign(rrset.owner);
      record += std::to_string(rrset.type) + ' ' + std::to_string(rrset.ttl) + ' ';
      record += rdata;
      digested.sum += std::hash<std::string>()(record);
      if (rrset.type == kSoa && rdata.size() >= kSoaNumbers) {
        const auto* numbers = reinterpret_cast<const std::byte*>(rdata.data() + rdata.size());
        digested.serial = LoadBe32(numbers - kSoaNumbers);
      }
    }
  }
  return digested;
}

// Empty: it did not change, or its serial says so.
std::string StaleSerial(const Zone& served, const Zone& wanted) {
  if (!served.texts.empty() && served.texts == wanted.texts) {
    return {};
  }
  const Digested was = DigestedOf(served);
  const Digested now = DigestedOf(wanted);
  if (was.sum == now.sum || !was.serial || !now.serial ||
      wire::IsNewerSerial(*now.serial, *was.serial)) {
    return {};
  }
  return "zone " + wire::ToText(wanted.origin) + ": serial is " + std::to_string(*now.serial) +
         ", but other records were served with " + std::to_string(*was.serial) + "; expected " +
         std::to_string(*was.serial + 1) + ".." +
         std::to_string(*was.serial + wire::kMaxSerialStep) +
         " modulo 2^32 (RFC 1982), or secondaries keep what they have";
}

}  // namespace

std::vector<std::string> StaleSerials(const Model& served, const Model& wanted) {
  std::unordered_map<std::string_view, const Zone*> zones;
  for (const Zone& zone : served.zones) {
    zones.emplace(zone.origin, &zone);
  }
  std::vector<std::string> sentences;
  for (const Zone& zone : wanted.zones) {
    if (const auto found = zones.find(zone.origin); found != zones.end()) {
      if (std::string sentence = StaleSerial(*found->second, zone); !sentence.empty()) {
        sentences.push_back(std::move(sentence));
      }
    }
  }
  return sentences;
}

}  // namespace holdfast::control
