// One run of the generator: how fast and how long, and what became of the queries. The main loop is
// open: with a rate, queries leave when they are due, whatever comes back, and count from then on
// if they left later. One core.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "tools/querygen/exchange.h"
#include "tools/querygen/histogram.h"

namespace holdfast::querygen {

inline constexpr std::uint64_t kMaxRate = 100'000'000;
inline constexpr unsigned kMaxOutstanding = 8192;

struct Plan {
  std::uint64_t rate = 0;      // queries/s, 1..kMaxRate; 0: as fast as `outstanding` lets them
  unsigned outstanding = 512;  // under way at most, 1..kMaxOutstanding, when there is no rate
  double seconds = 5;          // above 0
  std::uint64_t queries = 0;   // and no more than so many; 0: by time alone
  unsigned timeout_ms = 100;   // so long after it was sent a query is lost, 1..60,000
};

struct Outcome {
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;
  std::uint64_t refused = 0;  // times that the port took fewer queries than were due
  std::array<std::uint64_t, static_cast<std::size_t>(Verdict::kCount)> replies{};
  double seconds = 0;  // from the first query to the last reply, or to the end of waiting
  std::uint64_t busy_cycles = 0;  // TSC, of rounds in which a frame was sent or came
  // Of right replies, TSC cycles: with a rate since their query was due, else since it was sent.
  Histogram latency;
  std::string first_wrong;  // says what was wrong with the first wrong reply; empty: none was

  [[nodiscard]] std::uint64_t Of(Verdict verdict) const noexcept {
    return replies[static_cast<std::size_t>(verdict)];
  }
  [[nodiscard]] std::uint64_t Wrong() const noexcept;
};

/// Runs to its end, or until `stop`. @return once no query is under way any more.
Outcome Run(Exchange& exchange,
            const Corpus& corpus,
            const Plan& plan,
            const std::atomic<bool>& stop);

}  // namespace holdfast::querygen
