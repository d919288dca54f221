// One of the two states that plan compares: the zones that may differ, compiled, and where a
// question leads in them. For plan.cc alone.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "control/compile/compiled.h"
#include "control/compile/match.h"
#include "control/compile/permitted.h"
#include "control/compile/pools.h"
#include "control/model/model.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// Where a question leads.
struct PlanFound {
  ExplainedStatus status = ExplainedStatus::kNotServed;
  const CompiledName* owner = nullptr;   // whose records speak, if any
  const CompiledRrset* rrset = nullptr;  // what answers: of a cut its NS, of a DNAME owner that
  const CompiledZone* compiled = nullptr;
};

class PlanSide {
 public:
  /// Compiles a zone and adds its rules to `pools`, which both sides share: equal rules are one.
  /// Deeper zones come first. @param zone, child_origins  stay.
  Status Add(const Zone& zone,
             std::span<const std::string_view> child_origins,
             Pools& pools,
             std::vector<std::string>& warnings);

  /// Where (qname, qtype) leads; type 0: any, for what there is at the name.
  [[nodiscard]] PlanFound Find(std::string_view qname, std::uint16_t qtype) const;
  /// The name as the deepest zone has it, or null.
  [[nodiscard]] const CompiledName* Exact(std::string_view name) const;
  /// NS of a cut as they are written.
  [[nodiscard]] PermittedAnswer Delegation(const PlanFound& found) const;
  /// Addresses of its servers that the same zone has: "ns.a.test. A 192.0.2.1 ttl 60", with the
  /// policy where they are drawn.
  [[nodiscard]] std::vector<std::string> Glue(const PlanFound& found) const;

  template <class Each>
  void EachName(Each each) const {
    for (const auto& part : parts_) {
      for (const CompiledName& name : part->compiled.names) {
        each(name.name);
      }
    }
  }

 private:
  struct Part {
    const Zone* zone = nullptr;
    CompiledZone compiled;
    std::unordered_map<std::string_view, const CompiledName*> names;
    std::unordered_set<std::string_view> children;  // origins of served zones below
  };
  [[nodiscard]] const Part* PartFor(std::string_view qname, std::uint16_t qtype) const;
  [[nodiscard]] const Part* PartOf(const PlanFound& found) const;
  std::vector<std::unique_ptr<Part>> parts_;
};

}  // namespace holdfast::control
