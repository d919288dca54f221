// See answer_oracle.h.
#include "tests/dataplane/answer_oracle.h"

#include <algorithm>
#include <set>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/name.h"

namespace holdfast::test {
namespace {

using control::Rrset;
using control::Zone;
using wire::Fold;
using wire::IsAtOrBelow;

constexpr std::uint16_t kA = 1, kNs = 2, kCname = 5, kSoa = 6, kAaaa = 28, kDname = 39, kDs = 43,
                        kAny = 255;
constexpr int kMaxLinks = 16;

class Oracle {
 public:
  Oracle(const control::Model& model, std::string qname, std::uint16_t qtype)
      : model_(model), name_(Fold(qname)), qtype_(qtype) {}

  Expected Run() {
    std::set<std::string> passed;
    for (int links = 0;; ++links) {
      if (links == kMaxLinks || !passed.insert(name_).second) {
        break;
      }
      if (!Step(links == 0)) {
        break;
      }
    }
    return std::move(out_);
  }

 private:
  // Answers for `name_`; true when a CNAME leads on to another name.
  bool Step(bool first) {
    const Zone* zone = ZoneOf(name_);
    if (zone == nullptr) {
      out_.rcode = first ? 5 : 0;
      return false;
    }
    if (Get(*zone, zone->origin, kSoa) == nullptr) {
      out_.rcode = first ? 2 : 0;
      return false;
    }
    // From the apex down to the name: a cut or a DNAME on the way ends the search.
    std::vector<std::string> path;
    for (std::string at = name_; at != zone->origin; at = wire::Parent(at)) {
      path.push_back(at);
    }
    path.push_back(zone->origin);
    std::reverse(path.begin(), path.end());
    for (const auto& at : path) {
      if (at != zone->origin && Get(*zone, at, kNs) != nullptr && !(at == name_ && qtype_ == kDs)) {
        return Refer(*zone, at);
      }
      if (at != name_ && Get(*zone, at, kDname) != nullptr) {
        return Redirect(*zone, at);
      }
    }
    if (Exists(*zone, name_)) {
      return AnswerFrom(*zone, name_);
    }
    std::string encloser = wire::Parent(name_) == name_ ? name_ : std::string(wire::Parent(name_));
    while (!Exists(*zone, encloser)) {
      encloser = std::string(wire::Parent(encloser));
    }
    const std::string wildcard = wire::WildcardOf(encloser);
    if (!wildcard.empty() && Exists(*zone, wildcard)) {
      return AnswerFrom(*zone, wildcard);
    }
    return Negative(*zone, 3);
  }

  // The deepest zone that holds the name; for DS the one above, when that is served.
  const Zone* ZoneOf(const std::string& name) const {
    const Zone* best = nullptr;
    const Zone* apex = nullptr;
    for (const auto& zone : model_.zones) {
      if (!IsAtOrBelow(name, zone.origin)) {
        continue;
      }
      if (zone.origin == name && qtype_ == kDs) {
        apex = &zone;
      } else if (best == nullptr || zone.origin.size() > best->origin.size()) {
        best = &zone;
      }
    }
    return best != nullptr ? best : apex;
  }

  static const Rrset* Get(const Zone& zone, const std::string& name, std::uint16_t type) {
    for (const auto& rrset : zone.rrsets) {
      if (rrset.type == type && Fold(rrset.owner) == name) {
        return &rrset;
      }
    }
    return nullptr;
  }

  // A name exists when it or one below it owns something.
  static bool Exists(const Zone& zone, const std::string& name) {
    return std::ranges::any_of(zone.rrsets,
                               [&](const Rrset& r) { return IsAtOrBelow(Fold(r.owner), name); });
  }

  void Put(std::vector<ReadRecord>& section,
           const Rrset& rrset,
           const std::string& owner,
           std::uint32_t ttl) const {
    for (const auto& rdata : rrset.rdata) {
      section.push_back({owner, rrset.type, 1, ttl, Fold(rdata)});
    }
  }

  bool AnswerFrom(const Zone& zone, const std::string& source) {
    out_.authoritative = true;
    if (qtype_ == kAny) {
      return AnswerAny(zone, source);
    }
    if (const Rrset* rrset = Get(zone, source, qtype_)) {
      Put(out_.answer, *rrset, name_, rrset->ttl);
      AddAddresses(*rrset);
      return false;
    }
    if (const Rrset* cname = Get(zone, source, kCname)) {
      Put(out_.answer, *cname, name_, cname->ttl);
      name_ = Fold(cname->rdata[0]);
      return true;
    }
    return Negative(zone, 0);
  }

  bool AnswerAny(const Zone& zone, const std::string& source) {
    for (const auto& rrset : zone.rrsets) {
      if (Fold(rrset.owner) == source) {
        out_.any = true;
        Put(out_.answer, rrset, name_, rrset.ttl);
        AddAddresses(rrset);
      }
    }
    return out_.any ? false : Negative(zone, 0);
  }

  bool Negative(const Zone& zone, unsigned rcode) {
    out_.authoritative = true;
    out_.rcode = rcode;
    const Rrset& soa = *Get(zone, zone.origin, kSoa);
    const std::string& rdata = soa.rdata[0];
    Put(out_.authority,
        soa,
        zone.origin,
        std::min(soa.ttl, LoadBe32(rdata.data() + rdata.size() - 4)));
    return false;
  }

  bool Refer(const Zone& zone, const std::string& cut) {
    out_.referral = true;
    const Rrset& ns = *Get(zone, cut, kNs);
    Put(out_.authority, ns, cut, ns.ttl);
    for (const auto& target : ns.rdata) {
      for (const std::uint16_t type : {kA, kAaaa}) {
        const Rrset* address = Get(zone, Fold(target), type);
        if (address != nullptr && IsAtOrBelow(Fold(target), cut)) {
          Put(out_.glue, *address, Fold(target), address->ttl);
        }
      }
    }
    AddAddresses(ns);
    return false;
  }

  bool Redirect(const Zone& zone, const std::string& owner) {
    out_.authoritative = true;
    const Rrset& dname = *Get(zone, owner, kDname);
    std::vector<ReadRecord> record;
    Put(record, dname, owner, dname.ttl);
    if (std::ranges::find(out_.answer, record[0]) == out_.answer.end()) {
      out_.answer.push_back(record[0]);
    }
    const std::string target = name_.substr(0, name_.size() - owner.size()) + Fold(dname.rdata[0]);
    if (target.size() > 255) {
      out_.rcode = 6;
      return false;
    }
    out_.answer.push_back({name_, kCname, 1, dname.ttl, target});
    name_ = target;
    return qtype_ != kCname && qtype_ != kAny;
  }

  // Every address anywhere in the model of a name that a record's rdata ends with or holds: what
  // may stand beside it.
  void AddAddresses(const Rrset& rrset) {
    for (const auto& zone : model_.zones) {
      for (const auto& address : zone.rrsets) {
        const bool named = std::ranges::any_of(rrset.rdata, [&](const std::string& rdata) {
          return Fold(rdata).ends_with(Fold(address.owner));
        });
        if (named && (address.type == kA || address.type == kAaaa)) {
          Put(out_.addresses, address, Fold(address.owner), address.ttl);
        }
      }
    }
  }

  const control::Model& model_;
  std::string name_;
  std::uint16_t qtype_;
  Expected out_;
};

}  // namespace

Expected AskOracle(const control::Model& model, const std::string& qname, std::uint16_t qtype) {
  return Oracle(model, qname, qtype).Run();
}

}  // namespace holdfast::test
