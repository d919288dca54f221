// A stored zone whose checksum is right and whose octets are not ours: whatever they say, what
// comes of it is well formed and can be written again. The input is what follows the checksum.
#include <cstddef>
#include <cstdint>
#include <string>

#include "control/model/stored_zone.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/check.h"
#include "dataplane/table/hash.h"
#include "dataplane/wire/name.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  std::string content = "HFZ2....";
  StoreAs(content.data() + 4, table::Crc32c(data, size));
  content.append(reinterpret_cast<const char*>(data), size);
  const auto basis = control::BasisOf(content);
  control::Findings findings;
  const auto zone = control::ReadContent(content, {}, findings);
  if (!zone) {
    return 0;
  }
  HF_CHECK(basis && basis->texts == zone->texts && findings.Ok());
  for (const control::Rrset& rrset : zone->rrsets) {
    HF_CHECK(wire::IsWellFormed(rrset.owner));
  }
  for (const control::RecordSet& set : zone->record_sets) {
    HF_CHECK(wire::IsWellFormed(set.name) && set.policy <= control::Policy::kCidr);
    HF_CHECK(control::AsksTheClient(set.policy) == (set.where != nullptr));
  }
  control::Findings again;
  const auto written = control::ZoneContent(*zone, findings, basis->made_by);
  const auto read = control::ReadContent(written, {}, again);
  HF_CHECK(read && control::ZoneContent(*read, again, basis->made_by) == written);
  return 0;
}
