// What the clients of a group are asked further on in its reply: by the names that its CNAMEs lead
// to, and by the addresses that stand beside its records. Health and draws choose among them, so
// all count in the domain of the group's rule: the scope of the reply then is the same whatever was
// chosen. Made before rules are; used by the compiler and by explain. Control core and its workers.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "control/compile/clients.h"
#include "control/model/model.h"

namespace holdfast::control {

class Reach {
 public:
  /// Nothing leads anywhere.
  Reach() = default;
  /// Follows names as the answer function does, through all zones that are served. Costs nothing
  /// worth telling unless some group asks the client and another one, of CNAMEs or of a type with
  /// addresses beside it, has a policy; then an index of each zone that has such groups or that
  /// they lead to.
  /// @param zones  all that are served; not referred to later.
  /// @param qname  folded; unless empty, only of what a reply for this name may be made from, at
  /// the
  ///               cost of that.
  Reach(std::span<const Zone> zones, const Clients& clients, const std::string& qname = {});

  /// What the group of this name and type, its aliases and all that they may lead to ask; nothing
  /// for groups without a policy (but for aliases
  /// to services, whose owner they are), and for types whose records lead nowhere: of those the
  /// members tell it.
  /// @param name  folded wire form.
  [[nodiscard]] DomainSources Of(const std::string& name, std::uint16_t type) const;

 private:
  std::map<std::pair<std::string, std::uint16_t>, DomainSources> sources_;  // none that is empty
};

}  // namespace holdfast::control
