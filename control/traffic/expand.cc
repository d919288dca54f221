#include "control/traffic/expand.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "control/model/rules.h"
#include "control/model/text.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

class Expander {
 public:
  Expander(const StoredInstance& instance,
           const std::string& policy,
           const TrafficDocument& document)
      : instance_(instance),
        title_(PolicyTitle(policy, instance.version)),
        document_(document),
        groups_(document.rules.size()) {}

  Result<std::vector<RecordSet>> Expand() {
    const std::size_t most = HiddenName(document_.rules.size()).size();
    if (most > wire::kMaxNameOctets) {
      return Fail(ErrorCode::kInvalid,
                  title_ + ": the name of zone " + wire::ToText(instance_.origin) + " is " +
                      std::to_string(most - wire::kMaxNameOctets) +
                      " octets too long for the groups of a traffic policy");
    }
    if (!document_.start.to_rule) {
      RecordSet record = Record(instance_.name, Part("", false));
      SetTarget(document_.start, record);
      return std::vector{std::move(record)};
    }
    // The start rule stands at the visible name; nothing leads back to it.
    AddGroup(document_.start.target, instance_.name, false);
    while (!wanted_.empty()) {
      const std::size_t rule = wanted_.back();
      wanted_.pop_back();
      AddGroup(rule, HiddenName(rule), true);
    }
    return std::move(out_);
  }

 private:
  // The instance's id and the rule's number tell it from all others of the zone.
  [[nodiscard]] std::string HiddenName(std::size_t rule) const {
    const std::string label =
        std::string(kHiddenLabel) + instance_.id + "/" + std::to_string(rule + 1);
    return static_cast<char>(label.size()) + label + instance_.origin;
  }
  [[nodiscard]] std::shared_ptr<const TrafficPart> Part(const std::string& rule,
                                                        bool hidden) const {
    return std::make_shared<const TrafficPart>(TrafficPart{
        instance_.id, rule.empty() ? title_ : title_ + " rule " + Printable(rule), hidden});
  }
  [[nodiscard]] RecordSet Record(const std::string& name,
                                 std::shared_ptr<const TrafficPart> part) const {
    RecordSet record;
    record.name = name;
    record.type = instance_.type;
    record.traffic = std::move(part);
    return record;
  }

  void AddGroup(std::size_t at, const std::string& name, bool hidden);
  void SetTarget(const TrafficLeg& leg, RecordSet& record);

  const StoredInstance& instance_;
  std::string title_;
  const TrafficDocument& document_;
  std::vector<bool> groups_;  // by rule: it is expanded, or waits for it
  std::vector<std::size_t> wanted_;
  std::vector<RecordSet> out_;
};

// Geoproximity breaks ties by identifier, so that of an earlier leg must come first as text too.
std::string Identifier(std::size_t leg, std::size_t legs) {
  const std::string number = std::to_string(leg + 1);
  return std::string(std::to_string(legs).size() - number.size(), '0') + number;
}

void Expander::AddGroup(std::size_t at, const std::string& name, bool hidden) {
  groups_[at] = true;
  const TrafficRule& rule = document_.rules[at];
  const auto part = Part(rule.id, hidden);
  for (std::size_t i = 0; i < rule.legs.size(); ++i) {
    const TrafficLeg& leg = rule.legs[i];
    RecordSet record = Record(name, part);
    record.policy = rule.policy;
    record.set_identifier = Identifier(i, rule.legs.size());
    record.weight = leg.weight;
    record.primary = leg.primary;
    record.where = leg.where;
    SetTarget(leg, record);
    out_.push_back(std::move(record));
  }
}

void Expander::SetTarget(const TrafficLeg& leg, RecordSet& record) {
  record.source = Source{title_, leg.line};
  record.health_check_id = leg.health_check_id;
  if (!leg.to_rule) {
    record.ttl = instance_.ttl;
    record.rdata = {document_.endpoints[leg.target].rdata};
    return;
  }
  record.alias = AliasTarget{{}, HiddenName(leg.target), leg.evaluate_target_health};
  if (!groups_[leg.target]) {
    groups_[leg.target] = true;
    wanted_.push_back(leg.target);
  }
}

}  // namespace

std::string PolicyTitle(const std::string& name, std::uint32_t version) {
  return "policy " + Printable(name) + " v" + std::to_string(version);
}

Result<std::vector<RecordSet>> Expand(const StoredInstance& instance,
                                      const std::string& policy,
                                      const TrafficDocument& document) {
  return Expander(instance, policy, document).Expand();
}

}  // namespace holdfast::control
