// Zone text from outside: whatever it says, what is kept of it is well formed.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "control/config/rdata.h"
#include "control/config/zone_file.h"
#include "control/model/rules.h"
#include "dataplane/base/check.h"
#include "dataplane/wire/name.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  if (size == 0) {
    return 0;
  }
  std::string text(reinterpret_cast<const char*>(data), size);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(
      fmemopen(text.data(), text.size(), "r"), std::fclose);
  if (!stream) {
    return 0;
  }
  control::Zone zone;
  zone.origin = wire::FromText("example.test").value();
  zone.id = "Z1";
  control::Findings findings;
  control::ReadZoneStream(stream.get(), "zone", zone, findings);
  for (const control::Rrset& rrset : zone.rrsets) {
    HF_CHECK(wire::IsWellFormed(rrset.owner));
    HF_CHECK(wire::IsAtOrBelow(wire::Fold(rrset.owner), zone.origin));
    HF_CHECK(rrset.ttl <= 0x7fffffff && !rrset.rdata.empty());
    for (const std::string& rdata : rrset.rdata) {
      HF_CHECK(rdata.size() <= 65535);
    }
  }
  control::CheckZone(zone, findings);
  control::LintZone(zone, {}, findings);
  HF_CHECK(findings.Ok() || !findings.ToError().message.empty());
  return 0;
}
