// The counters of connections; see connection_limits.h.
#include "dataplane/listen/connection_limits.h"

#include <algorithm>
#include <cstring>

#include "dataplane/table/hash.h"

namespace holdfast::listen {

ConnectionLimits::ConnectionLimits(std::uint32_t total,
                                   std::uint32_t per_client,
                                   std::array<std::uint64_t, 2> key)
    : total_(total), per_client_(per_client), key_(key) {}

ConnectionLimits::Verdict ConnectionLimits::Take(const ClientAddress& client,
                                                 Ticket& ticket) noexcept {
  // HashName reads whole blocks of 16 octets, two at least, and wants zeros behind the name.
  std::array<std::byte, 16 + table::kHashPadding> name{};
  const std::size_t octets = client.is_v6 ? 8 : 4;
  std::memcpy(name.data(), client.octets.data(), octets);
  const std::uint64_t hash =
      table::HashName(name.data(), octets, table::HashKey{{key_[0], key_[1]}});
  ticket.cell = {static_cast<std::uint16_t>(hash), static_cast<std::uint16_t>(hash >> 32U)};

  // The client's share first: who has used it up must not make another one's connection give way.
  const std::uint32_t before =
      std::min(cells_->row[0][ticket.cell[0]].fetch_add(1, std::memory_order_relaxed),
               cells_->row[1][ticket.cell[1]].fetch_add(1, std::memory_order_relaxed));
  const bool full = open_.fetch_add(1, std::memory_order_relaxed) >= total_;
  if (before >= per_client_) {
    Release(ticket);
    return Verdict::kClientFull;
  }
  if (full) {
    Release(ticket);
    return Verdict::kFull;
  }
  return Verdict::kTaken;
}

void ConnectionLimits::Release(const Ticket& ticket) noexcept {
  cells_->row[0][ticket.cell[0]].fetch_sub(1, std::memory_order_relaxed);
  cells_->row[1][ticket.cell[1]].fetch_sub(1, std::memory_order_relaxed);
  open_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace holdfast::listen
