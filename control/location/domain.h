// A domain: the common refinement of exactly those sources that a tree of record sets asks, and
// what a client's prefix decides in it. Pure; compile makes one for each combination in use.
// Control core.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "control/location/location.h"

namespace holdfast::control {

struct DomainSources {
  bool geo = false;
  bool cell = false;
  bool latency = false;
  std::vector<std::uint32_t> collections;  // indexes of LocationData, ascending
  auto operator<=>(const DomainSources&) const = default;
};

/// What the sources say together; 0 for a source that is not asked.
struct DomainClass {
  std::uint32_t geo = 0;
  std::uint32_t cell = 0;
  std::uint32_t latency = 0;
  std::vector<std::uint32_t> blocks;  // for each collection asked: block index + 1, or 0
  auto operator<=>(const DomainClass&) const = default;
};

/// The class of clients whose prefix has at least `length` bits. A shorter one goes on to the
/// parent, where the blocks of that length have given way to the blocks around them; a record of
/// length 0 is its own parent and takes all.
struct DomainRecord {
  std::uint32_t class_at = 0;
  std::uint32_t parent = 0;
  std::uint8_t length = 0;
};

struct Domain {
  PrefixMap records;  // indexes of `record`
  std::vector<DomainRecord> record;
  std::vector<DomainClass> classes;  // all different
};

Domain MakeDomain(const LocationData& data, const DomainSources& sources);

/// The record for a client that is known by `prefix_length` bits of its address, which lie at
/// `record`.
const DomainRecord& RecordFor(const Domain& domain,
                              std::uint32_t record,
                              std::uint8_t prefix_length) noexcept;

/// The length of the shortest prefix around `address` that lies within its range: what the reply
/// tells a resolver (RFC 7871) about how far the answer holds. 0 when the range is everything.
std::uint8_t ScopeOf(const Ranges<std::uint32_t>& ranges, std::uint32_t address) noexcept;
std::uint8_t ScopeOf(const Ranges<std::uint64_t>& ranges, std::uint64_t address) noexcept;

}  // namespace holdfast::control
