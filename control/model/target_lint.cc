// LintTargets: where the names in a zone's own records lead. Loops, servers that nobody can reach,
// aliases where there must be none: all of it can be served, and is warned about.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "control/model/folded.h"
#include "control/model/record_groups.h"
#include "control/model/rules.h"
#include "dataplane/table/format.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

constexpr std::string_view kWildcard("\1*", 2);
constexpr std::size_t kMxName = 2;   // behind the preference
constexpr std::size_t kSrvName = 6;  // behind priority, weight and port

bool Is(const Rrset& rrset, wire::Type type) noexcept {
  return rrset.type == static_cast<std::uint16_t>(type);
}

bool LeadsToServers(const Rrset& rrset) noexcept {
  return Is(rrset, wire::Type::kNs) || Is(rrset, wire::Type::kMx) || Is(rrset, wire::Type::kSrv);
}

template <class Value>
using ByName = std::unordered_map<std::string_view, Value, FoldedHash, FoldedEqual>;
using Names = std::unordered_set<std::string_view, FoldedHash, FoldedEqual>;

class Targets {
 public:
  Targets(const Zone& zone, Findings& findings) : zone_(zone), findings_(findings) {}

  void Run() {
    for (const Rrset& rrset : zone_.rrsets) {
      Collect(rrset);
    }
    for (const Rrset& rrset : zone_.rrsets) {
      NoteAddress(rrset.owner, rrset.type);
    }
    for (const RecordSet& record : zone_.record_sets) {
      NoteAddress(record.name, record.type);
    }
    for (const Rrset& rrset : zone_.rrsets) {
      Judge(rrset);
    }
  }

 private:
  void Warn(const Rrset& rrset, const std::string& what) {
    findings_.AddWarning(rrset.source, "'" + NameTypeText(rrset.owner, rrset.type) + "': " + what);
  }
  [[nodiscard]] bool InZone(std::string_view name) const {
    return wire::IsAtOrBelow(wire::Fold(name), wire::Fold(zone_.origin));
  }
  [[nodiscard]] static std::size_t NameAt(const Rrset& rrset) noexcept {
    return Is(rrset, wire::Type::kMx) ? kMxName : Is(rrset, wire::Type::kSrv) ? kSrvName : 0;
  }

  void Collect(const Rrset& rrset) {
    if (Is(rrset, wire::Type::kCname)) {
      aliases_.emplace(rrset.owner, &rrset);
    } else if (Is(rrset, wire::Type::kDname)) {
      dnames_.emplace(rrset.owner, &rrset);
    } else if (LeadsToServers(rrset)) {
      if (Is(rrset, wire::Type::kNs) && rrset.owner.size() > zone_.origin.size()) {
        cuts_.insert(rrset.owner);
      }
      for (const std::string& rdata : rrset.rdata) {
        if (rdata.size() > NameAt(rrset)) {
          wanted_.insert(std::string_view(rdata).substr(NameAt(rrset)));
        }
      }
    }
  }

  void Judge(const Rrset& rrset) {
    if (rrset.owner.starts_with(kWildcard) &&
        (Is(rrset, wire::Type::kNs) || Is(rrset, wire::Type::kDs) ||
         Is(rrset, wire::Type::kDname))) {
      return;  // undefined there, and warned about as such
    }
    if (Is(rrset, wire::Type::kCname)) {
      LintChain(rrset.owner, rrset);
    } else if (Is(rrset, wire::Type::kDname)) {
      LintChain(std::string("\1x", 2) + rrset.owner, rrset);
    } else if (Is(rrset, wire::Type::kDs)) {
      if (!cuts_.contains(rrset.owner)) {
        Warn(rrset, "DS belongs to a delegation, and there is none at this name (RFC 4034 5)");
      }
    } else if (LeadsToServers(rrset)) {
      LintServers(rrset);
    }
  }

  void NoteAddress(std::string_view owner, std::uint16_t type) {
    if (type != static_cast<std::uint16_t>(wire::Type::kA) &&
        type != static_cast<std::uint16_t>(wire::Type::kAaaa)) {
      return;
    }
    if (owner.starts_with(kWildcard)) {
      wildcards_.insert(owner.substr(kWildcard.size()));
    } else if (wanted_.contains(owner)) {
      reached_.insert(owner);
    }
  }

  // A cut above a name, or at it; empty: none.
  [[nodiscard]] std::string_view CutOf(std::string_view name) const {
    for (; name.size() > zone_.origin.size(); name = wire::Parent(name)) {
      if (cuts_.contains(name)) {
        return name;
      }
    }
    return {};
  }
  [[nodiscard]] bool MayBeAWildcards(std::string_view name) const {
    for (; name.size() > zone_.origin.size(); name = wire::Parent(name)) {
      if (wildcards_.contains(wire::Parent(name))) {
        return true;
      }
    }
    return false;
  }

  void LintServers(const Rrset& rrset) {
    for (const std::string& rdata : rrset.rdata) {
      const auto server = std::string_view(rdata).substr(std::min(NameAt(rrset), rdata.size()));
      if (server.size() <= 1 || !InZone(server)) {
        continue;
      }
      if (aliases_.contains(server)) {
        Warn(rrset,
             "leads to " + wire::ToText(server) + ", which is a CNAME (" +
                 aliases_.at(server)->source.Text() + "); expected a name with addresses (RFC " +
                 (Is(rrset, wire::Type::kSrv) ? "2782)" : "2181 10.3)"));
      } else if (Is(rrset, wire::Type::kNs) && !reached_.contains(server)) {
        LintUnreached(rrset, server);
      }
    }
  }

  void LintUnreached(const Rrset& rrset, std::string_view server) {
    const std::string_view cut = CutOf(server);
    if (!cut.empty() && !FoldedEqual{}(cut, rrset.owner)) {
      return;  // the servers of another zone know it
    }
    if (cut.empty() && MayBeAWildcards(server)) {
      return;
    }
    Warn(rrset,
         "server " + wire::ToText(server) +
             (cut.empty() ? " has no address in this zone"
                          : " lies below its own delegation and has no address here (glue), so "
                            "nobody can ask it"));
  }

  // Follows CNAMEs and DNAMEs as an answer does, as long as names of this zone have one.
  void LintChain(std::string name, const Rrset& rrset) {
    for (unsigned links = 0; links <= table::kMaxChain; ++links) {
      const auto next = NextOf(name);
      if (next.empty() || !InZone(next)) {
        return;
      }
      if (FoldedEqual{}(next, rrset.owner) && Is(rrset, wire::Type::kCname)) {
        return Warn(rrset, "leads back to itself: a loop, which nobody gets an address from");
      }
      name = next;
    }
    Warn(rrset,
         "leads on and on: a loop, or a chain of more than " + std::to_string(table::kMaxChain) +
             " links, which is answered no further");
  }
  [[nodiscard]] std::string NextOf(const std::string& name) const {
    if (const auto alias = aliases_.find(name); alias != aliases_.end()) {
      return alias->second->rdata.empty() ? std::string() : alias->second->rdata.front();
    }
    for (std::string_view above = name; above.size() > zone_.origin.size();) {
      above = wire::Parent(above);
      const auto dname = dnames_.find(above);
      if (dname != dnames_.end() && !dname->second->rdata.empty()) {
        std::string target = name.substr(0, name.size() - above.size());
        target += dname->second->rdata.front();
        return target.size() <= wire::kMaxNameOctets ? target : std::string();
      }
    }
    return {};
  }

  const Zone& zone_;
  Findings& findings_;
  ByName<const Rrset*> aliases_;
  ByName<const Rrset*> dnames_;
  Names cuts_;
  Names wanted_;     // what NS, MX and SRV lead to
  Names reached_;    // of these, those with an address
  Names wildcards_;  // what wildcards with addresses stand below
};

}  // namespace

void LintTargets(const Zone& zone, Findings& findings) {
  Targets(zone, findings).Run();
}

}  // namespace holdfast::control
