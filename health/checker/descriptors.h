// Whether the probes that may be under way at a time find descriptors. Pure; whoever starts a
// checker logs what comes of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace holdfast::health {

/// What a process holds beside its probes: files, the database, resolvers, clients, links.
inline constexpr std::uint64_t kOtherDescriptors = 256;

/// @param at_a_time  probes: the bound on those under way, or the checks where they are fewer.
/// @param exec       some of them run programs, which take two descriptors each, others one.
/// @param limit      of this process; half of it may be connections kept between probes.
/// @return empty where all find room at any time, else a sentence that says what is missing:
///         probes without a descriptor end as unknown.
std::string LackOfDescriptors(std::size_t at_a_time, bool exec, std::uint64_t limit);

}  // namespace holdfast::health
