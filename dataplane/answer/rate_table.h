// How many UDP answers each network has had lately, for all networks there are in a fixed amount of
// memory: two rows of cells, a network has one in each by a keyed hash, and what its emptier cell
// says counts. Networks that share a cell can make each other wait only where they share both, and
// nobody can choose that without the key. Any core; one table for all answering threads of a
// process, so the limit is that of the process.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/answer/siphash.h"
#include "dataplane/base/result.h"
#include "dataplane/table/format.h"

namespace holdfast::answer {

/// The network that a client's answers count for.
struct RateCells {
  std::array<std::atomic<std::uint64_t>*, 2> cell{};
};

class RateTable {
 public:
  static constexpr std::size_t kRowCells = std::size_t{1} << 20;  // 16 MiB for both rows

  /// Cold. The memory is the kernel's until a limit is in force and cells are touched.
  /// @return kExhausted when there is no memory, kIo when there are no random numbers for the key.
  static Result<std::unique_ptr<RateTable>> Make();
  ~RateTable();
  RateTable(const RateTable&) = delete;
  RateTable& operator=(const RateTable&) = delete;

  /// Where a client's network is counted, sent for. @param client  4 octets used for IPv4.
  [[nodiscard]] RateCells CellsOf(const table::RateLimit& limit,
                                  const std::array<std::byte, 16>& client,
                                  bool v6) const noexcept;

  /// Counts an answer, unless the network has had its share: then it is false and nothing changes,
  /// so that a flood is read from shared lines and written to none.
  /// @param now_ns  of a clock that does not jump. Cells that another limit has filled further
  /// ahead
  ///                than this one's burst and a second count as empty.
  static bool Take(const table::RateLimit& limit,
                   const RateCells& cells,
                   std::uint64_t now_ns) noexcept;

 private:
  RateTable() = default;

  std::atomic<std::uint64_t>* cells_ = nullptr;  // row 0, then row 1
  std::array<std::byte, 16> key_{};
};

}  // namespace holdfast::answer
