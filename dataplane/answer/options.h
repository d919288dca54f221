// The EDNS options of a reply. Those that a client must be told (subnet, cookie, keepalive) have
// room reserved behind the records; NSID and then the extended error take what is left. Any core.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/answer/query.h"
#include "dataplane/answer/write.h"
#include "dataplane/table/format.h"

namespace holdfast::answer {

inline constexpr std::size_t kOptionHead = 4;  // code and length
inline constexpr std::size_t kCookieOptionOctets = kOptionHead + sizeof(Cookie);
inline constexpr std::size_t kKeepaliveOptionOctets = kOptionHead + 2;

/// Writes the options behind the OPT record's fixed part.
/// @param settings  of the tables; null: none of what they switch on.
/// @param at        where the first one goes.
/// @param room      octets there; at least query.option_octets.
/// @return octets written.
std::size_t PutOptions(const Query& query,
                       const Reply& reply,
                       const table::Settings* settings,
                       std::byte* at,
                       std::size_t room) noexcept;

}  // namespace holdfast::answer
