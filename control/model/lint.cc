// LintZone: warnings of spec/averting-problems.md (rows 9, 10, 11, 12, 15).
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "control/model/record_groups.h"
#include "control/model/rules.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

constexpr std::uint32_t kAdvisedTtl = 60;  // seconds, for a record with a check

class Lint {
 public:
  Lint(const Zone& zone, const std::vector<health::CheckConfig>& checks, Findings& findings)
      : zone_(zone), groups_(zone), findings_(findings), checked_(groups_.All().size()) {
    for (const health::CheckConfig& check : checks) {
      checks_.emplace(check.id, &check);
    }
  }

  void Run() {
    LintSigned();
    LintWildcards();
    for (const RecordSet& record : zone_.record_sets) {
      LintRecord(record);
    }
    for (const RecordGroup& group : groups_.All()) {
      LintGroup(group);
    }
  }

 private:
  enum class Known : std::uint8_t { kNotYet, kNo, kYes };
  void Warn(const RecordSet& record, const std::string& what) {
    findings_.AddWarning(record.source, RecordText(record) + ": " + what);
  }
  [[nodiscard]] const health::CheckConfig* CheckOf(const RecordSet& record) const {
    const auto found = checks_.find(record.health_check_id);
    return found == checks_.end() ? nullptr : found->second;
  }
  void LintSigned();
  void LintWildcards();
  void LintRecord(const RecordSet& record);
  void LintGroup(const RecordGroup& group);
  // Whether health can ever change what the record's own group does about it.
  [[nodiscard]] bool IsChecked(const RecordSet& record);
  [[nodiscard]] bool TargetIsChecked(const AliasTarget& target, std::uint16_t type);

  const Zone& zone_;
  const RecordGroups groups_;
  Findings& findings_;
  std::unordered_map<std::string_view, const health::CheckConfig*> checks_;
  std::vector<Known> checked_;  // of each group: has it a member that IsChecked
};

// Each group is judged once; CheckZone has bounded the depth and refused loops before.
bool Lint::TargetIsChecked(const AliasTarget& target, std::uint16_t type) {
  const std::size_t at = groups_.Find({target.name, type});
  if (at == RecordGroups::kNone) {
    return false;
  }
  if (checked_[at] == Known::kNotYet) {
    checked_[at] = Known::kNo;  // should a loop come by all the same, it ends here
    if (std::ranges::any_of(groups_.All()[at],
                            [this](const RecordSet* member) { return IsChecked(*member); })) {
      checked_[at] = Known::kYes;
    }
  }
  return checked_[at] == Known::kYes;
}

bool Lint::IsChecked(const RecordSet& record) {
  return CheckOf(record) != nullptr || (record.alias && record.alias->evaluate_target_health &&
                                        TargetIsChecked(*record.alias, record.type));
}

// Once a zone: a signed one has as many of these records as others.
void Lint::LintSigned() {
  constexpr std::array kSigned = {
      wire::Type::kDnskey, wire::Type::kRrsig, wire::Type::kNsec, wire::Type::kNsec3};
  const auto of_signed = [&kSigned](const Rrset& rrset) {
    return std::ranges::find(kSigned, static_cast<wire::Type>(rrset.type)) != kSigned.end();
  };
  if (const auto first = std::ranges::find_if(zone_.rrsets, of_signed);
      first != zone_.rrsets.end()) {
    findings_.AddWarning(first->source,
                         "'" + NameTypeText(first->owner, first->type) +
                             "': signed zones are not served yet: no answer carries a signature "
                             "or a proof; expected no DNSKEY, RRSIG, NSEC or NSEC3 in zone " +
                             wire::ToText(zone_.origin) + ", and no DS for it at its parent");
  }
}

void Lint::LintWildcards() {
  const auto is_undefined = [](std::string_view owner, std::uint16_t type) {
    const auto of = static_cast<wire::Type>(type);
    return owner.starts_with(std::string_view("\1*", 2)) &&
           (of == wire::Type::kNs || of == wire::Type::kDs || of == wire::Type::kDname);
  };
  const auto words = [](std::uint16_t type) {
    return ": " + wire::TypeText(type) + " at a wildcard has no defined meaning (RFC 4592 4)";
  };
  for (const Rrset& rrset : zone_.rrsets) {
    if (is_undefined(rrset.owner, rrset.type)) {
      findings_.AddWarning(rrset.source,
                           "'" + NameTypeText(rrset.owner, rrset.type) + "'" + words(rrset.type));
    }
  }
  for (const RecordSet& record : zone_.record_sets) {
    if (is_undefined(record.name, record.type)) {
      findings_.AddWarning(record.source, RecordText(record) + words(record.type));
    }
  }
}

void Lint::LintRecord(const RecordSet& record) {
  const health::CheckConfig* check = CheckOf(record);
  if (!record.health_check_id.empty() && check == nullptr) {
    Warn(record,
         "HealthCheckId '" + record.health_check_id +
             "' is no health check of this node; the record counts as unchecked, always healthy");
  }
  if (check != nullptr && !record.alias && record.ttl > kAdvisedTtl) {
    Warn(record,
         "TTL is " + std::to_string(record.ttl) +
             " with a health check; expected at most 60, or caches outlast the failover");
  }
  if (check != nullptr && check->ip_address.empty()) {
    if (const auto name = wire::FromText(check->fqdn); name && FoldedEqual{}(*name, record.name)) {
      Warn(record,
           "health check '" + check->id + "' resolves the very name that it decides about; " +
               "expected a name or address of one server");
    }
  }
  if (record.alias && !record.alias->evaluate_target_health &&
      TargetIsChecked(*record.alias, record.type)) {
    Warn(record,
         "EvaluateTargetHealth is false above records with health checks: nothing fails over "
         "from here when they are all unhealthy");
  }
}

void Lint::LintGroup(const RecordGroup& group) {
  const Policy policy = group.front()->policy;
  if (policy != Policy::kWeighted && policy != Policy::kMultivalue) {
    return;  // an unchecked secondary is how failover is meant
  }
  const auto checked = [this](const RecordSet* record) { return IsChecked(*record); };
  if (std::ranges::none_of(group, checked)) {
    return;
  }
  for (const RecordSet* record : group) {
    if (!checked(record)) {
      Warn(*record,
           "has no health check although others of its group have: it is always healthy and gets "
           "all queries when they fail");
    }
  }
}

}  // namespace

void LintZone(const Zone& zone,
              const std::vector<health::CheckConfig>& checks,
              Findings& findings) {
  Lint(zone, checks, findings).Run();
}

}  // namespace holdfast::control
