// JSON record sets from outside, through the rules of groups and aliases.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "control/config/record_sets.h"
#include "control/model/rules.h"
#include "dataplane/base/check.h"
#include "dataplane/wire/name.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  control::Zone zone;
  zone.origin = wire::FromText("example.test").value();
  zone.id = "Z1";
  control::Findings findings;
  control::ReadRecordSetsText(
      std::string_view(reinterpret_cast<const char*>(data), size), "records", zone, findings);
  for (const control::RecordSet& record : zone.record_sets) {
    HF_CHECK(wire::IsWellFormed(record.name));
    HF_CHECK(wire::IsAtOrBelow(record.name, zone.origin));
    HF_CHECK(record.alias.has_value() == record.rdata.empty());
    HF_CHECK(record.rdata.size() <= control::kMaxValues);
    HF_CHECK((record.policy == control::Policy::kSimple) == record.set_identifier.empty());
  }
  control::CheckZone(zone, findings);
  control::LintZone(zone, {}, findings);
  return 0;
}
