// LintZone: warnings of spec/averting-problems.md (rows 9, 10, 11, 12, 15).
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "control/model/record_groups.h"
#include "control/model/rules.h"
#include "control/model/signed_rules.h"
#include "dataplane/base/clock.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

constexpr std::uint32_t kAdvisedTtl = 60;  // seconds, for a record with a check
constexpr std::string_view kWildcard("\1*", 2);

bool IsType(std::uint16_t type, wire::Type wanted) noexcept {
  return type == static_cast<std::uint16_t>(wanted);
}

class Lint {
 public:
  Lint(const Zone& zone, const std::vector<health::CheckConfig>& checks, Findings& findings)
      : zone_(zone), groups_(zone), findings_(findings), checked_(groups_.All().size()) {
    for (const health::CheckConfig& check : checks) {
      checks_.emplace(check.id, &check);
    }
  }

  void Run() {
    LintSigned(zone_, WallMs() / 1000, findings_);
    LintWildcards();
    LintHidden();
    LintTargets(zone_, findings_);
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
  void LintWildcards();
  void LintHidden();
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

void Lint::LintWildcards() {
  const auto is_undefined = [](std::string_view owner, std::uint16_t type) {
    const auto of = static_cast<wire::Type>(type);
    return owner.starts_with(kWildcard) &&
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

// Of what lies at or below a delegation its NS and DS alone are answered, and addresses of its
// servers go with it.
void Lint::LintHidden() {
  std::unordered_map<std::string_view, const Source*, FoldedHash, FoldedEqual> cuts;
  std::unordered_set<std::string_view, FoldedHash, FoldedEqual> servers;
  std::unordered_set<std::string_view, FoldedHash, FoldedEqual> own_servers;  // below their cut
  const auto note = [&](std::string_view owner, const auto& of) {
    if (IsType(of.type, wire::Type::kNs) && owner.size() > zone_.origin.size() &&
        !owner.starts_with(kWildcard)) {
      cuts.emplace(owner, &of.source);
      servers.insert(of.rdata.begin(), of.rdata.end());
      std::ranges::copy_if(
          of.rdata, std::inserter(own_servers, own_servers.end()), [owner](const auto& server) {
            return wire::IsAtOrBelow(wire::Fold(server), wire::Fold(owner));
          });
    }
  };
  for (const Rrset& rrset : zone_.rrsets) {
    note(rrset.owner, rrset);
  }
  for (const RecordSet& record : zone_.record_sets) {
    note(record.name, record);
  }
  if (cuts.empty()) {
    return;
  }
  for (const RecordSet& record : zone_.record_sets) {
    auto cut = cuts.end();  // the uppermost; those below it are hidden too
    for (std::string_view name = record.name; name.size() > zone_.origin.size();
         name = wire::Parent(name)) {
      const auto found = cuts.find(name);
      cut = found == cuts.end() ? cut : found;
    }
    if (cut == cuts.end() || (record.traffic != nullptr && record.traffic->hidden)) {
      continue;
    }
    const bool of_cut =
        (IsType(record.type, wire::Type::kNs) || IsType(record.type, wire::Type::kDs)) &&
        FoldedEqual{}(record.name, cut->first);
    const bool address =
        IsType(record.type, wire::Type::kA) || IsType(record.type, wire::Type::kAaaa);
    // Only what must be there is drawn for each referral.
    const bool plain = record.policy == Policy::kSimple && !record.alias;
    const bool glue = address && (plain ? servers : own_servers).contains(record.name);
    if (!of_cut && !glue) {
      Warn(record,
           "is hidden by the delegation at " + wire::ToText(cut->first) + " (" +
               cut->second->Text() + "), whose servers answer for all of it; it is never answered");
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
