// See rate_table.h. A cell holds the moment until which its answers are paid for (the theoretical
// arrival time of GCRA, ITU-T I.371 Annex A): one word, and no timer empties it.
#include "dataplane/answer/rate_table.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace holdfast::answer {
namespace {

using Cell = std::atomic<std::uint64_t>;
static_assert(sizeof(Cell) == sizeof(std::uint64_t) && Cell::is_always_lock_free);

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
constexpr std::uint64_t kClockSlackNs = kNsPerSecond;  // by which cores' clocks may differ
constexpr unsigned kTakeTries = 8;                     // against other threads at the same cell

// The first `bits` bits, the rest zero.
void KeepPrefix(std::array<std::byte, 16>& address, unsigned bits) noexcept {
  const std::size_t whole = std::min<std::size_t>(bits / 8, address.size());
  if (whole < address.size()) {
    address[whole] &= static_cast<std::byte>(0xFF00U >> (bits % 8));
    std::fill(address.begin() + whole + 1, address.end(), std::byte{0});
  }
}

}  // namespace

RateCells RateTable::CellsOf(const table::RateLimit& limit,
                             const std::array<std::byte, 16>& client,
                             bool v6) const noexcept {
  std::array<std::byte, 16> network{};
  std::memcpy(network.data(), client.data(), v6 ? 16 : 4);
  KeepPrefix(network, v6 ? limit.ipv6_prefix : limit.ipv4_prefix);
  // Of another length for each family, so that 0.0.0.0/8 and ::/8 are two networks.
  const std::uint64_t hash = SipHash24(key_.data(), std::span(network).first(v6 ? 16 : 4));
  const RateCells cells{{cells_ + (hash % kRowCells), cells_ + kRowCells + (hash >> 44U)}};
  static_assert(kRowCells == std::size_t{1} << (64 - 44));
  __builtin_prefetch(cells.cell[0]);
  __builtin_prefetch(cells.cell[1]);
  return cells;
}

bool RateTable::Take(const table::RateLimit& limit,
                     const RateCells& cells,
                     std::uint64_t now_ns) noexcept {
  const std::uint64_t cost = kNsPerSecond / std::max<std::uint64_t>(limit.answers_per_second, 1);
  const std::uint64_t latest = now_ns + (std::max<std::uint64_t>(limit.burst, 1) * cost);
  const auto paid_until = [&](std::uint64_t cell) {
    return cell > latest + kClockSlackNs ? now_ns : std::max(cell, now_ns);
  };
  for (unsigned i = 0; i < kTakeTries; ++i) {
    std::array<std::uint64_t, 2> seen{};
    std::array<std::uint64_t, 2> paid{};
    for (std::size_t row = 0; row < 2; ++row) {
      seen[row] = cells.cell[row]->load(std::memory_order_relaxed);
      paid[row] = paid_until(seen[row]);
    }
    const std::uint64_t next = std::min(paid[0], paid[1]) + cost;
    if (next > latest) {
      return false;
    }
    // Each row is raised to `next`; where the first one to be raised was changed meanwhile, again.
    const std::size_t first = paid[0] < next ? 0 : 1;
    if (!cells.cell[first]->compare_exchange_weak(
            seen[first], next, std::memory_order_relaxed, std::memory_order_relaxed)) {
      continue;
    }
    if (first == 0 && paid[1] < next) {
      cells.cell[1]->compare_exchange_strong(
          seen[1], next, std::memory_order_relaxed, std::memory_order_relaxed);
    }
    return true;
  }
  return true;  // others took theirs meanwhile; a flood over the limit stores nothing
}

}  // namespace holdfast::answer
