// Which rules answer by last resort (nothing of a group is healthy, so all of it is taken as
// healthy), and when that changes: for whoever tells people of it. Looked at after a publish, in
// what was compiled for it. Control core only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "control/compile/compiled.h"

namespace holdfast::control {

/// One rule, named by one of the names and types that it answers.
struct LastResortChange {
  std::string name;        // "www.example.test."
  std::string type;        // "A"
  std::size_t others = 0;  // more names and types that share the rule
  bool fires = false;      // for some client at least; else no longer for any
};

class LastResort {
 public:
  /// Changes in words that wait at most; of more only the number is kept.
  static constexpr std::size_t kMost = 1024;

  /// After a load. The first one that is wanted tells nothing: what fires then is no news.
  /// @param pools   all of them. @param wanted  whether anybody asks; if not, nothing is kept.
  void Load(std::span<const CompiledZone> zones, std::span<const CompiledPool> pools, bool wanted);
  /// Of transitions. @param pools  some that were decided anew, before they are published.
  void Note(std::span<const CompiledPool> pools);
  /// What was noted is published, or never will be.
  void Settle();
  void Forget() { noted_.clear(); }

  struct Told {
    std::vector<LastResortChange> changes;
    std::size_t lost = 0;
  };
  Told TakeTold() { return std::exchange(told_, {}); }
  /// Rules that fire for some client; none: it was not wanted.
  [[nodiscard]] std::optional<std::size_t> firing() const noexcept {
    return wanted_ ? std::optional(firing_.size()) : std::nullopt;
  }

 private:
  struct Names {
    std::string first;  // wire form
    std::uint16_t type = 0;
    std::size_t count = 0;
  };
  struct Noted {
    RuleDigest rule;
    bool fires = false;
  };
  void Tell(const RuleDigest& rule, bool fires);

  bool wanted_ = false;
  std::unordered_map<RuleDigest, Names, RuleDigestHash> names_;
  std::unordered_set<RuleDigest, RuleDigestHash> firing_;  // of those that names_ has
  std::vector<Noted> noted_;                               // other than firing_ says
  Told told_;
};

}  // namespace holdfast::control
