// Which addresses may be probed. Whoever writes a check, or answers for a name in one, chooses
// where this machine connects to: the rules keep that away from what only this machine reaches
// (loopback, a cloud's metadata) and from what is no host. Private networks are what a checker of
// one's own mostly looks at, so they are allowed. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "health/probe/ip_address.h"

namespace holdfast::health {

/// Addresses and prefixes: "192.0.2.1", "192.0.2.0/24", "2001:db8::/32".
struct TargetSettings {
  std::vector<std::string> allow;  // at most 1024; opens what is refused by default
  std::vector<std::string> deny;   // at most 1024
  std::vector<std::string> own;    // addresses alone: where this node serves; refused by default
  bool operator==(const TargetSettings&) const = default;
};

/// The longest prefix that holds an address decides, at the same length `deny` before `allow`
/// before the defaults; what none holds is allowed. An IPv6 address that leads to an IPv4 one (its
/// mapped, NAT64 or 6to4 form) is judged as that one.
class TargetRules {
 public:
  /// The defaults alone.
  TargetRules();
  /// @return kInvalid, naming what is no prefix and what was expected.
  static Result<TargetRules> Create(const TargetSettings& settings);

  /// The rule that refuses the address: "127.0.0.0/8 (loopback)"; nothing when it may be probed.
  /// O(rules).
  [[nodiscard]] std::optional<std::string> Refusal(const IpAddress& address) const;

 private:
  struct Rule {
    IpAddress prefix;
    unsigned bits = 0;
    bool allows = false;
    std::string why;  // "loopback"
  };
  Status Add(const std::string& text, bool allows, const char* why);
  void Sort();

  std::vector<Rule> rules_;  // the one that decides comes first
};

}  // namespace holdfast::health
