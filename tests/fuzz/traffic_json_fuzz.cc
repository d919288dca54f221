// Traffic policy documents from outside: what is accepted expands into record sets that keep the
// rules of a zone, but for those about values that only a zone knows.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/model/record_groups.h"
#include "control/model/rules.h"
#include "control/traffic/document.h"
#include "control/traffic/expand.h"
#include "dataplane/base/check.h"
#include "dataplane/wire/name.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = control::ReadTrafficDocument(text, "policy.json");
  if (!document) {
    HF_CHECK(document.error().message.starts_with("InvalidTrafficPolicyDocument: "));
    return 0;
  }
  control::StoredInstance instance;
  instance.id = "6a1d4b5e-0000-4000-8000-000000000001";
  instance.origin = wire::FromText("example.test").value();
  instance.name = wire::FromText("www.example.test").value();
  instance.type = document->type;
  instance.ttl = 60;
  instance.version = 1;
  const auto records = control::Expand(instance, "fuzzed", *document);
  HF_CHECK(records && !records->empty());
  control::Zone zone;
  zone.origin = instance.origin;
  zone.id = "Z1";
  std::vector<control::TrafficTree> trees{
      {instance.id, zone.origin, instance.name, "", *records, ""}};
  control::Findings findings;
  control::JudgeWithTrees(zone, trees, control::CheckZone, findings);
  HF_CHECK(findings.ErrorCount() ==
           2);  // no SOA, no NS: nothing that the policy could be at fault for
  HF_CHECK(zone.record_sets.size() == records->size());
  HF_CHECK(trees[0].fault.empty());
  for (const control::RecordSet& record : zone.record_sets) {
    HF_CHECK(wire::IsWellFormed(record.name));
    HF_CHECK(record.traffic->hidden == control::IsHiddenOwner(record.name));
    HF_CHECK(record.traffic->hidden || record.name == instance.name);
    HF_CHECK(record.alias.has_value() == record.rdata.empty());
  }
  control::LintZone(zone, {}, findings);
  return 0;
}
