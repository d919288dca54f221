// What control believes of the reports of one checker: each is taken once, in order, about settings
// that are in force, and while it is young enough to count. Pure: the moment is handed in.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <unordered_map>

#include "health/link/messages.h"
#include "health/observation.h"

namespace holdfast::health {

/// Why a report is dropped.
enum class Drop : std::uint8_t {
  kUnassigned,  // about a check or settings that the checker is not to watch (any more)
  kRepeated,    // was taken before
  kReordered,   // comes behind a newer one of its check
  kLate,        // older than reports of its check may be
  kFuture,      // says that it was sent after it came
  kTooOften,    // says that its check was probed more often than its interval allows
  kCount
};
inline constexpr std::size_t kDrops = static_cast<std::size_t>(Drop::kCount);
/// "unassigned", "repeated" ...
const char* DropText(Drop reason) noexcept;

class ReportGate {
 public:
  /// The checker's process said hello: with another session its numbers begin anew.
  void Begin(std::uint64_t session);
  [[nodiscard]] std::uint64_t session() const noexcept { return session_; }

  /// What may be reported on from now on.
  /// @param max_age   of its observations, see ReportTtl.
  /// @param interval  of its probes: so a checker that lies can make no more of its check's
  ///                  verdicts, and of publishes, than one that probes.
  void Assign(std::uint32_t slot,
              std::uint64_t version,
              std::chrono::nanoseconds max_age,
              std::chrono::nanoseconds interval);
  void Remove(std::uint32_t slot);

  /// When a batch was sent at the earliest, on control's own clock: the echo says what the checker
  /// had heard, and what had not been said yet it cannot have heard. So a report that was held up
  /// on its way is known to be old, whatever the clocks of the two machines say.
  /// @param since_ns  when the connection began. @return nothing when the batch lies.
  static std::optional<std::uint64_t> SentNs(const ReportBatch& batch,
                                             std::uint64_t since_ns,
                                             std::uint64_t now_ns);

  /// @return the report with Observation::at_ns on control's clock, never after `now_ns`.
  std::expected<Report, Drop> Judge(const ReportLine& line,
                                    std::uint64_t sent_ns,
                                    std::uint64_t now_ns);

 private:
  struct Slot {
    std::uint64_t version = 0;
    std::uint64_t max_age_ns = 0;
    std::uint64_t sequence = 0;  // of the last that was taken; 0: none
    std::uint64_t pace_ns = 0;   // what each report uses up of the time that probes take
    std::uint64_t used_ns = 0;   // up to here that time is used up, on control's clock
  };
  std::uint64_t session_ = 0;
  std::unordered_map<std::uint32_t, Slot> slots_;
};

}  // namespace holdfast::health
