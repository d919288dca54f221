// The whole of health as control sees it: it takes checks, probes them on a thread of its own, and
// tells transitions through a queue. Knows endpoints and verdicts, never names or zones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "health/check.h"
#include "health/transition.h"
#include "health/verdict/status.h"

namespace holdfast::health {

struct MonitorOptions {
  std::size_t queue_capacity = 65'536;  // different checks whose transitions may wait
  std::size_t max_in_flight = 4'096;    // probes, so descriptors, at a time
  std::string resolvers;                // "192.0.2.53,[2001:db8::53]:5353"; empty: the system's
};

/// One check as of now.
struct CheckStatus {
  std::string id;
  CheckType type = CheckType::kHttp;
  std::string target;                  // see TargetText
  State raw = State::kUnknown;         // verdict of the probes
  bool healthy = true;                 // what records see
  bool disabled = false;               // as configured
  bool inverted = false;               // as configured
  Override ordered = Override::kAuto;  // by hand
  std::int64_t since_ms = 0;           // wall clock: since when (raw, healthy) are as they are
  std::string reason;                  // of the last observation; empty before the first
  std::optional<std::int64_t> age_ms;  // of the last observation (of a derived check: judgement)
  std::uint64_t passes = 0;            // observations since this process knows the check
  std::uint64_t failures = 0;          //
  std::uint64_t unknowns = 0;          // own shortages, counted for neither side
  bool verified = false;               // a probe has passed or failed since the (re)start
};

/// Calls from any thread, none of them waits for a probe. Configure, Restore, Start and Stop are
/// for one thread (control).
class Monitor {
 public:
  /// @return kInvalid for resolvers that cannot be read or an empty bound, kExhausted or kIo when
  ///         the system denies a queue, a poll set or a TLS context.
  static Result<std::unique_ptr<Monitor>> Create(const MonitorOptions& options);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// Makes `checks` the set that is watched: adds, changes and removes. Unchanged checks keep state
  /// and schedule; changed ones keep their state (unless type changed or they are disabled) and
  /// what is under way for the old settings counts no more. All or nothing: on an error nothing
  /// changed. A new check needs no transition: it begins as its Statuses() entry says.
  Status Configure(const std::vector<CheckConfig>& checks);

  /// Before Start, after Configure: goes on from a stored verdict and order; what follows of it for
  /// calculated checks is seen with the next Configure or Start. @return kNotFound for
  /// an unknown id (the stored state of a check that is gone), kConflict after Start.
  Status Restore(const std::string& id, State raw, Override ordered, std::int64_t since_ms);

  /// Orders the status of a check by hand, or gives it back to the probes; a change is told through
  /// the queue like any other. @return kNotFound for an unknown id.
  Status SetOverride(const std::string& id, Override ordered);

  /// All checks, in order of id.
  [[nodiscard]] std::vector<CheckStatus> Statuses() const;

  /// Where transitions come out; lives as long as the monitor. A full queue loses nothing: the
  /// monitor offers again every 10 ms what is true by then.
  [[nodiscard]] TransitionQueue& queue() noexcept;

  /// @return kConflict when started already, kExhausted when no thread is to be had.
  Status Start();
  /// Ends the thread without waiting for probes; what they would have said is dropped. The set of
  /// checks, their states and the queue remain; Start goes on from there.
  void Stop();

 private:
  class Core;
  explicit Monitor(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace holdfast::health
