// Hash and equality of names in wire form without regard to letter case (RFC 4343), for look-ups
// that must not make a folded copy of each name. Control core only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/wire/name.h"

namespace holdfast::control {

/// Octet of a name, ASCII letters made lower case. Length octets (0..63) are no letters.
constexpr char FoldOctet(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// Not noexcept on purpose: libstdc++ then keeps the hash in each node and does not walk the names
// of a bucket again at every look-up.
struct FoldedHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view name) const {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : name) {
      hash = (hash ^ static_cast<unsigned char>(FoldOctet(c))) * 0x100000001b3U;
    }
    return hash ^ (hash >> 32);
  }
};

struct FoldedEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const noexcept {
    if (a.size() != b.size()) {
      return false;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (FoldOctet(a[i]) != FoldOctet(b[i])) {
        return false;
      }
    }
    return true;
  }
};

/// wire::IsAtOrBelow without regard to letter case, and without folded copies.
inline bool IsAtOrBelowFolded(std::string_view name, std::string_view ancestor) noexcept {
  while (name.size() > ancestor.size()) {
    name = wire::Parent(name);
  }
  return FoldedEqual{}(name, ancestor);
}

}  // namespace holdfast::control
