#include "control/compile/excerpt.h"

#include <array>
#include <string>
#include <unordered_set>
#include <vector>

#include "control/compile/render.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

class Excerpt {
 public:
  Excerpt(const Zone& zone, std::string_view qname, std::uint16_t qtype)
      : zone_(zone), qname_(qname), qtype_(qtype) {
    out_.origin = zone.origin;
    out_.id = zone.id;
    out_.source = zone.source;
    for (std::string_view name = qname;; name = wire::Parent(name)) {
      wanted_.insert(std::string(name));
      wanted_.insert(wire::WildcardOf(name));
      if (name.size() <= zone.origin.size()) {
        break;
      }
    }
  }

  Zone Take() {
    // What was just taken may want more; each pass takes what is new.
    std::vector<bool> rrset_taken(zone_.rrsets.size());
    std::vector<bool> set_taken(zone_.record_sets.size());
    for (bool more = true; more;) {
      more = false;
      for (std::size_t i = 0; i < zone_.rrsets.size(); ++i) {
        if (!rrset_taken[i] && Wants(zone_.rrsets[i].owner)) {
          rrset_taken[i] = true;
          out_.rrsets.push_back(zone_.rrsets[i]);
          more |= WantBeside(folded_, zone_.rrsets[i].type, zone_.rrsets[i].rdata);
        }
      }
      for (std::size_t i = 0; i < zone_.record_sets.size(); ++i) {
        const auto& set = zone_.record_sets[i];
        if (!set_taken[i] && Wants(set.name)) {
          set_taken[i] = true;
          out_.record_sets.push_back(set);
          more |= set.alias && WantTarget(set.alias->name);
          more |= WantBeside(wire::Fold(set.name), set.type, set.rdata);
        }
      }
    }
    return std::move(out_);
  }

 private:
  bool Wants(const std::string& owner) {
    folded_ = wire::Fold(owner);
    return wanted_.contains(folded_) || ShowsNonTerminal();
  }

  // A name off the way shows that the last name on the way above it exists. The same goes for a
  // wildcard beside the way. One per level will do, but all of its owner's records come along.
  bool ShowsNonTerminal() {
    std::string_view above = folded_;
    std::string_view below;
    while (above.size() > zone_.origin.size() && !wire::IsAtOrBelow(qname_, above)) {
      below = above;
      above = wire::Parent(above);
    }
    const bool star = below.starts_with(std::string_view("\1*", 2));
    auto& shown = shown_[star ? 1 : 0][wire::Labels(above)];
    if (shown.empty()) {
      shown = folded_;
    }
    return shown == folded_;
  }

  // An alias leads to records of the type that was asked for; a cut on the way to a referral.
  bool WantBeside(const std::string& owner,
                  std::uint16_t type,
                  const std::vector<std::string>& rdata) {
    const bool refers =
        type == static_cast<std::uint16_t>(wire::Type::kNs) && owner != zone_.origin;
    const int offset = type == qtype_ || refers ? TargetOffset(type) : -1;
    bool added = false;
    for (std::size_t i = 0; offset >= 0 && i < rdata.size(); ++i) {
      const auto target = NameInRdata(rdata[i], static_cast<std::size_t>(offset));
      if (!target.empty() && wire::IsAtOrBelow(wire::Fold(target), zone_.origin)) {
        added |= WantTarget(std::string(target));
      }
    }
    return added;
  }

  bool WantTarget(const std::string& target) {
    bool added = false;
    const std::string folded = wire::Fold(target);
    for (std::string_view name = folded; name.size() >= zone_.origin.size();
         name = wire::Parent(name)) {
      added |= wanted_.insert(std::string(name)).second;
      if (name.size() <= 1) {
        break;
      }
    }
    return added;
  }

  const Zone& zone_;
  std::string_view qname_;
  std::uint16_t qtype_;
  Zone out_;
  std::unordered_set<std::string> wanted_;
  std::string folded_;
  std::array<std::array<std::string, wire::kMaxLabels + 1>, 2> shown_;
};

}  // namespace

Zone ExcerptFor(const Zone& zone, std::string_view qname, std::uint16_t qtype) {
  return Excerpt(zone, qname, qtype).Take();
}

}  // namespace holdfast::control
