// See reach.h. A graph of (name, type)s, as far as it can be come to from groups that lead on; then
// what each asks is handed up to those that lead to it until nothing changes.
#include "control/compile/reach.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "control/compile/match.h"
#include "control/compile/render.h"
#include "control/compile/zone_index.h"
#include "dataplane/table/format.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

using wire::Type;

constexpr auto kA = static_cast<std::uint16_t>(Type::kA);
constexpr auto kAaaa = static_cast<std::uint16_t>(Type::kAaaa);
constexpr auto kNs = static_cast<std::uint16_t>(Type::kNs);
constexpr auto kCname = static_cast<std::uint16_t>(Type::kCname);
constexpr auto kSoa = static_cast<std::uint16_t>(Type::kSoa);

bool CanNameOwner(std::uint16_t type) {
  return type == static_cast<std::uint16_t>(Type::kSvcb) ||
         type == static_cast<std::uint16_t>(Type::kHttps);
}

// Whether there is a choice to make among what is led to, or what is led to depends on the name
// that an alias gives it.
bool LeadsOn(const RecordSet& set) {
  return set.policy == Policy::kSimple ? set.alias && CanNameOwner(set.type)
                                       : set.type == kCname || TargetOffset(set.type) >= 0;
}

bool Any(std::span<const Zone> zones, bool (*is)(const RecordSet&)) {
  return std::ranges::any_of(
      zones, [is](const Zone& zone) { return std::ranges::any_of(zone.record_sets, is); });
}

class Graph {
 public:
  Graph(std::span<const Zone> zones, const Clients& clients, const std::string& qname)
      : zones_(zones), clients_(clients), children_(ChildOrigins(zones)) {
    for (std::uint32_t zone = 0; zone < zones.size(); ++zone) {
      by_origin_.emplace(zones[zone].origin, zone);
    }
    nodes_.emplace_back();  // the question
    if (!qname.empty()) {
      FollowName(0, qname);
    }
    for (std::uint32_t zone = 0; qname.empty() && zone < zones.size(); ++zone) {
      if (std::ranges::any_of(zones[zone].record_sets, LeadsOn)) {
        AddRoots(zone);
      }
    }
    for (std::uint32_t node = 1; node < nodes_.size(); ++node) {
      Expand(node);  // adds more
    }
    Close();
  }

  /// What groups that lead on ask, by name and type; none that is empty.
  [[nodiscard]] std::map<std::pair<std::string, std::uint16_t>, DomainSources> Sources() const {
    std::map<std::pair<std::string, std::uint16_t>, DomainSources> out;
    for (const Node& node : std::span(nodes_).subspan(1)) {
      const ZoneIndex& index = *indexes_.at(node.zone);
      const ZoneEntry& entry = index.entries()[node.entry];
      if (!AsksNothing(node.sources) && entry.routed &&
          LeadsOn(zones_[node.zone].record_sets[index.Group(entry)[0]])) {
        out.emplace(std::pair(index.names()[entry.name].name, entry.type), node.sources);
      }
    }
    return out;
  }

 private:
  struct Node {
    std::uint32_t zone = 0;
    std::uint32_t entry = 0;  // of the zone's index
    DomainSources sources;
    std::vector<std::uint32_t> led_by;  // nodes
  };

  // Null when the zone answers nothing: it is not loaded, or cannot be compiled.
  const ZoneIndex* Index(std::uint32_t zone) {
    const auto [place, fresh] = indexes_.try_emplace(zone);
    if (fresh) {
      auto index = ZoneIndex::Create(zones_[zone], children_[zone]);
      if (index && index->FindEntry(0, kSoa) != kNoIndex) {
        place->second = std::make_unique<const ZoneIndex>(*std::move(index));
      }
    }
    return place->second.get();
  }

  void AddRoots(std::uint32_t zone) {
    const ZoneIndex* index = Index(zone);
    for (std::uint32_t at = 0; index != nullptr && at < index->entries().size(); ++at) {
      const ZoneEntry& entry = index->entries()[at];
      const ZoneName& name = index->names()[entry.name];
      if (entry.routed && (!name.hidden || name.of_rule) &&
          LeadsOn(zones_[zone].record_sets[index->Group(entry)[0]])) {
        NodeOf(zone, at);
      }
    }
  }

  std::uint32_t NodeOf(std::uint32_t zone, std::uint32_t entry) {
    const auto [place, fresh] =
        node_of_.try_emplace((std::uint64_t{zone} << 32U) | entry, nodes_.size());
    if (fresh) {
      nodes_.push_back({.zone = zone, .entry = entry, .sources = {}, .led_by = {}});
    }
    return place->second;
  }

  void Lead(std::uint32_t from, std::uint32_t zone, std::uint32_t entry) {
    if (entry != kNoIndex) {
      const std::uint32_t to = NodeOf(zone, entry);
      nodes_[to].led_by.push_back(from);
    }
  }

  void Expand(std::uint32_t node) {
    const std::uint32_t at = nodes_[node].zone;
    const std::uint32_t root = nodes_[node].entry;
    const ZoneIndex& index = *Index(at);
    if (!CanNameOwner(index.entries()[root].type)) {
      for (const std::uint32_t target : ExpandEntry(node, root)) {
        Lead(node, at, target);
      }
      return;
    }
    // Records that name their owner mean the root's, however deep they lie: so the node stands for
    // the whole tree, and no target for its part of it.
    std::vector<std::uint32_t> tree{root};
    std::unordered_set<std::uint32_t> seen{root};
    for (std::size_t i = 0; i < tree.size(); ++i) {
      for (const std::uint32_t target : ExpandEntry(node, tree[i])) {
        if (seen.insert(target).second) {
          tree.push_back(target);
        }
      }
    }
  }

  // Adds to the node what an entry itself asks and leads to. @return where its aliases lead.
  std::vector<std::uint32_t> ExpandEntry(std::uint32_t node, std::uint32_t at) {
    const Zone& zone = zones_[nodes_[node].zone];
    const ZoneIndex& index = *Index(nodes_[node].zone);
    const ZoneEntry& entry = index.entries()[at];
    if (!entry.routed) {
      LeadByRdata(node, entry.type, zone.rrsets[entry.first].rdata);
      return {};
    }
    std::vector<std::uint32_t> targets;
    for (const std::uint32_t i : index.Group(entry)) {
      const RecordSet& set = zone.record_sets[i];
      if (set.where != nullptr) {
        nodes_[node].sources =
            Join(nodes_[node].sources, clients_.SourcesOf(set.policy, *set.where));
      }
      if (!set.alias) {
        LeadByRdata(node, entry.type, set.rdata);
      } else if (set.alias->hosted_zone_id == zone.id) {
        const std::uint32_t target = index.FindTarget(wire::Fold(set.alias->name), set.type);
        if (target != kNoIndex) {
          targets.push_back(target);
        }
      }
    }
    return targets;
  }

  void LeadByRdata(std::uint32_t node, std::uint16_t type, const std::vector<std::string>& rdata) {
    for (const std::string& one : rdata) {
      if (type == kCname) {
        FollowName(node, wire::Fold(one));
      } else if (TargetOffset(type) >= 0) {
        LeadBeside(node, type, one);
      }
    }
  }

  // Addresses beside a record are of its own zone.
  void LeadBeside(std::uint32_t node, std::uint16_t type, std::string_view rdata) {
    const std::uint32_t zone = nodes_[node].zone;
    const ZoneIndex& index = *Index(zone);
    const auto target = NameInRdata(rdata, static_cast<std::size_t>(TargetOffset(type)));
    std::uint32_t name = kNoIndex;
    if (target.size() > 1) {
      name = index.Find(wire::Fold(target));
    } else if (NamesOwner(type, rdata)) {
      name = index.entries()[nodes_[node].entry].name;
    }
    if (name != kNoIndex) {
      Lead(node, zone, index.FindServed(name, kA));
      Lead(node, zone, index.FindServed(name, kAaaa));
    }
  }

  // All types of a CNAME's target count: one rule answers whatever was asked for.
  void FollowName(std::uint32_t node, std::string name) {
    for (unsigned links = 0; links < table::kMaxChain && !name.empty(); ++links) {
      const auto zone = ZoneOf(name);
      if (!zone) {
        return;
      }
      const ZoneIndex* index = Index(*zone);
      if (index == nullptr) {
        return;
      }
      const NameMatch match = FindOwner(*index, name, 0);
      if (match.status == ExplainedStatus::kRedirected) {
        name = Redirected(zones_[*zone], *index, match.owner, name);
        continue;
      }
      if (match.status == ExplainedStatus::kAnswer) {
        const auto entries = index->EntriesOf(index->Find(match.owner));
        for (const ZoneEntry& entry : entries) {
          Lead(node, *zone, static_cast<std::uint32_t>(&entry - index->entries().data()));
        }
      } else if (match.status == ExplainedStatus::kReferral) {
        LeadToGlue(node, *zone, match.owner);
      }
      return;
    }
  }

  // A referral holds the addresses of those servers that lie at or below its cut.
  void LeadToGlue(std::uint32_t node, std::uint32_t zone, const std::string& cut) {
    const ZoneIndex& index = *Index(zone);
    const std::uint32_t entry = index.FindEntry(index.Find(cut), kNs);
    if (entry == kNoIndex) {
      return;
    }
    for (const std::uint32_t server : ServersBelow(zones_[zone], index, entry)) {
      Lead(node, zone, index.FindEntry(server, kA));
      Lead(node, zone, index.FindEntry(server, kAaaa));
    }
  }

  // The deepest one at or above the name.
  [[nodiscard]] std::optional<std::uint32_t> ZoneOf(std::string_view name) const {
    for (;; name = wire::Parent(name)) {
      if (const auto found = by_origin_.find(name); found != by_origin_.end()) {
        return found->second;
      }
      if (name.size() <= 1) {
        return std::nullopt;
      }
    }
  }

  void Close() {
    std::vector<std::uint32_t> changed;
    for (std::uint32_t node = 0; node < nodes_.size(); ++node) {
      if (!AsksNothing(nodes_[node].sources)) {
        changed.push_back(node);
      }
    }
    // Ends: what a node asks only grows, and there are as many sources as there are files.
    while (!changed.empty()) {
      const std::uint32_t node = changed.back();
      changed.pop_back();
      for (const std::uint32_t above : nodes_[node].led_by) {
        auto both = Join(nodes_[above].sources, nodes_[node].sources);
        if (both != nodes_[above].sources) {
          nodes_[above].sources = std::move(both);
          changed.push_back(above);
        }
      }
    }
  }

  std::span<const Zone> zones_;
  const Clients& clients_;
  std::vector<std::vector<std::string_view>> children_;
  std::unordered_map<std::string_view, std::uint32_t> by_origin_;
  std::unordered_map<std::uint32_t, std::unique_ptr<const ZoneIndex>> indexes_;
  std::unordered_map<std::uint64_t, std::uint32_t> node_of_;
  std::vector<Node> nodes_;
};

}  // namespace

Reach::Reach(std::span<const Zone> zones, const Clients& clients, const std::string& qname) {
  if (Any(zones, LeadsOn) &&
      Any(zones, [](const RecordSet& set) { return AsksTheClient(set.policy); })) {
    sources_ = Graph(zones, clients, qname).Sources();
  }
}

DomainSources Reach::Of(const std::string& name, std::uint16_t type) const {
  if (sources_.empty()) {
    return {};
  }
  const auto found = sources_.find({name, type});
  return found == sources_.end() ? DomainSources{} : found->second;
}

}  // namespace holdfast::control
