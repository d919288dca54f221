// The background check of the tables: goes through the published image again and again, a few
// buckets at a time, and judges what each name leads to by every rule of FORMAT.md. On the control
// loop's own thread: it is the only writer, so nothing changes or is freed under a step, and no
// polling core is touched. What is due goes by the clock that is handed in; the budget of a step
// and the times in the state go by the machine's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/table/verify.h"

namespace holdfast::control {

class Scrub {
 public:
  using Time = std::chrono::nanoseconds;  // since any fixed moment
  /// After so much of a step no further part (eight buckets, the health table, or 64 KiB of a large
  /// blob) is begun: that is how long a transition may have to wait for a step.
  static constexpr Time kStepBudget = std::chrono::microseconds(50);

  struct Found {
    table::Defect defect;
    std::string text;  // "octet 4711 (www.example.test.): an rrset image has a wrong checksum"
  };
  struct State {
    std::uint64_t passes = 0;       // ended, of whole tables
    std::uint64_t defects = 0;      // a pass ends at its first
    std::uint64_t rebuilt = 0;      // times that the tables were built anew
    std::int64_t last_pass_ms = 0;  // wall clock; 0: none ended yet
    std::int64_t last_pass_took_ms = 0;
    std::int64_t last_defect_ms = 0;
    std::string last_defect;  // Found::text
    std::string problem;      // why the tables could not be built anew; empty
  };

  /// Checks as much as is due. @param every  how long a pass is to take: it takes longer where the
  /// budget of the steps does not suffice. @param now  of a steady clock.
  /// @return the first defect; then nothing is checked until Rebuilt.
  std::optional<Found> Step(const table::View& view, Generation g, Time every, Time now);
  /// Damage that the publisher came across. @return what to do something about now; none while what
  /// was found before is waited for.
  std::optional<Found> Take(const table::View& view, const table::Defect& defect, Time now);
  /// How the building anew went. The next pass begins then, but later each time, up to an hour, as
  /// long as no pass was clean.
  void Rebuilt(const Status& status, Time now);

  [[nodiscard]] const State& state() const noexcept { return state_; }
  /// How much of the pass that is under way is done.
  [[nodiscard]] unsigned percent() const noexcept;

 private:
  // A RowMap or LocationTable under way: its checksum is taken a slice at a time.
  struct Large {
    table::SharedBlob blob;
    Generation began;
    std::uint64_t done = sizeof(std::uint32_t);  // behind the checksum itself
    std::uint32_t crc32c = 0;
  };
  std::optional<Found> Part(const table::View& view, Generation g, std::uint32_t buckets);
  std::optional<Found> Slice(const table::View& view, Generation g);
  std::optional<Found> Note(Found found);
  void EndPass(Time now);

  State state_;
  std::optional<Time> began_;  // the pass under way
  Time not_before_{};          // when the next may begin
  Time pause_{};
  bool waits_ = false;                           // for Rebuilt
  std::uint32_t at_ = 0;                         // the next bucket
  std::uint32_t buckets_ = 0;                    // of the index then
  std::vector<Large> large_;                     // met and not looked through yet
  std::unordered_set<std::uint32_t> large_met_;  // in this pass, by place
};

}  // namespace holdfast::control
