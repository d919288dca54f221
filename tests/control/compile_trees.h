// Record sets written as spec/routing.md section 9 writes them, and what compiled tables answer:
// shares summed from the thresholds, pools followed as a reader would.
#pragma once

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "control/compile/compile.h"
#include "control/compile/explain.h"
#include "control/compile/render.h"
#include "control/config/rdata.h"
#include "tests/control/compile_kit.h"

namespace holdfast::control::kit {

inline constexpr std::uint32_t kTtl = 60;

/// "{.1, .3}@60", "any 8 of {...}@60", "NODATA": how an answer is told in maps.
inline std::string AnswerText(std::vector<std::string> values, unsigned take, std::uint32_t ttl) {
  if (values.empty()) {
    return "NODATA";
  }
  std::ranges::sort(values);
  std::string out = take == 0 ? "{" : "any " + std::to_string(take) + " of {";
  for (std::size_t i = 0; i < values.size(); ++i) {
    out += (i == 0 ? "" : ", ") + values[i];
  }
  return out + "}@" + std::to_string(ttl);
}

inline std::vector<std::string> Split(const std::string& text, const std::string& at) {
  std::vector<std::string> out;
  for (std::size_t start = 0;;) {
    const std::size_t end = text.find(at, start);
    auto part = text.substr(start, end == std::string::npos ? end : end - start);
    part.erase(0, part.find_first_not_of(' '));
    part.erase(part.find_last_not_of(' ') + 1);
    out.push_back(part);
    if (end == std::string::npos) {
      return out;
    }
    start = end + at.size();
  }
}

/// A model of one zone, example.test., filled with groups.
struct Trees {
  ZoneText text{"example.test."};
  Model model;
  std::vector<CompiledHealth> health;

  /// `group` as in "W10 .1 [H], W20 =>p/Y [-]"; values joined by "+", "ttl17" sets the TTL.
  void Group(const std::string& name, const std::string& type, const std::string& group) {
    for (const auto& member : Split(group, ",")) {
      AddMember(name, type, member);
    }
  }

  void AddMember(const std::string& name, const std::string& type, const std::string& text_form) {
    auto& sets = text.zone.record_sets;
    RecordSet set{.name = text.Name(name), .type = TypeOf(type), .ttl = kTtl};
    set.source = {.file = "records.json", .line = static_cast<std::uint32_t>(sets.size() + 1)};
    std::istringstream words(text_form);
    for (std::string word; words >> word;) {
      if (word[0] == 'W') {
        set.policy = Policy::kWeighted;
        set.weight = static_cast<std::uint8_t>(std::stoi(word.substr(1)));
      } else if (word == "PRI" || word == "SEC") {
        set.policy = Policy::kFailover;
        set.primary = word == "PRI";
      } else if (word == "MV") {
        set.policy = Policy::kMultivalue;
      } else if (word.starts_with("ttl")) {
        set.ttl = static_cast<std::uint32_t>(std::stoi(word.substr(3)));
      } else if (word.starts_with("=>")) {
        set.alias = AliasTarget{.hosted_zone_id = text.zone.id,
                                .name = text.Name(word.substr(2, word.size() - 4)),
                                .evaluate_target_health = word.back() == 'Y'};
      } else if (word[0] == '[') {
        if (word != "[-]") {
          set.health_check_id = AddCheck(word == "[H]");
        }
      } else {
        for (const auto& value : Split(word, "+")) {
          set.rdata.push_back(type == "A"      ? V4("192.0.2" + value)
                              : type == "AAAA" ? V6(value)
                                               : Wire(value));
        }
      }
    }
    if (set.policy != Policy::kSimple) {
      set.set_identifier = "id" + std::to_string(sets.size());
    }
    sets.push_back(set);
  }

  std::string AddCheck(bool healthy) {
    const std::string id = "check" + std::to_string(model.checks.size());
    model.checks.push_back({.id = id});
    health.push_back({.id = id, .healthy = healthy});
    return id;
  }

  const Model& Finish() {
    model.zones = {text.zone};
    return model;
  }
};

/// Answers of a compiled name with their shares as the thresholds give them.
class Served {
 public:
  Served(const CompiledZone& zone, const std::vector<CompiledPool>& pools)
      : origin_(zone.origin), zone_(zone) {
    Take(pools);
  }
  void Take(const std::vector<CompiledPool>& pools) {
    for (const auto& pool : pools) {
      pools_[pool.rule] = pool;
    }
  }
  [[nodiscard]] const CompiledPool& Pool(const RuleDigest& rule) const { return pools_.at(rule); }

  /// NXDOMAIN and NODATA too; exact name, else the wildcard at its closest encloser.
  std::map<std::string, double> Answers(const std::string& qname, const std::string& type) {
    const CompiledName* name = FindName(zone_, qname);
    for (std::string_view at = qname; name == nullptr;) {
      at = wire::Parent(at);
      const auto* encloser = FindName(zone_, std::string(at));
      if (encloser != nullptr) {
        if ((encloser->flags & table::kNameWildcard) == 0) {
          return {{"NXDOMAIN", 1.0}};
        }
        name = FindName(zone_, wire::WildcardOf(at));
      }
    }
    const auto* rrset = FindRrset(*name, type);
    if (rrset == nullptr) {
      rrset = FindRrset(*name, "CNAME");
    }
    if (rrset == nullptr) {
      return {{"NODATA", 1.0}};
    }
    std::map<std::string, double> out;
    Add(AnswerIn(*rrset), 0, 1.0, 0, out);
    return out;
  }

 private:
  void Add(const AnswerRef& answer,
           unsigned take,
           double share,
           unsigned steps,
           std::map<std::string, double>& out) {
    if (const auto* image = std::get_if<ImageSpecPtr>(&answer)) {
      std::vector<std::string> values;
      if (*image != nullptr) {
        for (const auto& rdata : ImageRdata(**image, origin_)) {
          values.push_back(RdataText((*image)->type, rdata));
        }
      }
      out[AnswerText(values, take, *image == nullptr ? 0 : (*image)->ttl)] += share;
      return;
    }
    ASSERT_LT(steps, table::kMaxSteps);
    const auto& pool = pools_.at(std::get<RuleDigest>(answer));
    std::int64_t before = -1;
    for (const auto& outcome : pool.outcomes) {
      ASSERT_GT(static_cast<std::int64_t>(outcome.upto), before);
      const double width = static_cast<double>(outcome.upto - before) / 4294967296.0;
      before = outcome.upto;
      Add(outcome.answer, outcome.take, share * width, steps + 1, out);
    }
    ASSERT_EQ(before, 0xFFFFFFFF);
  }

  std::string origin_;
  const CompiledZone& zone_;
  std::map<RuleDigest, CompiledPool> pools_;
};

/// Answers as explain tells them: share by answer.
inline std::map<std::string, std::string> Explained(const Explanation& explanation) {
  std::map<std::string, std::string> out;
  if (explanation.status != ExplainedStatus::kAnswer) {
    return {{explanation.status == ExplainedStatus::kNxdomain ? "NXDOMAIN" : "NODATA", "1"}};
  }
  for (const auto& answer : explanation.answers) {
    out[AnswerText(answer.values, answer.take, answer.ttl)] = answer.share.Text();
  }
  return out;
}

}  // namespace holdfast::control::kit
