// The whole of health as control sees it: it takes checks, probes them on a thread of its own, and
// tells transitions through a queue. Knows endpoints and verdicts, never names or zones.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "health/check.h"
#include "health/checker/checker.h"
#include "health/transition.h"
#include "health/verdict/check_verdict.h"
#include "health/verdict/metric.h"

namespace holdfast::health {

struct MonitorOptions {
  std::size_t queue_capacity = 65'536;  // different checks whose transitions may wait
  CheckerOptions local;                 // the checker within this process
};

/// A vantage point. The local one is index 0; each other name has an index of its own as long as
/// the process lives, also while it is not among the checkers.
struct CheckerName {
  std::string name;    // unique, 1..64 characters
  std::string region;  // which checks name; may be empty
  bool operator==(const CheckerName&) const = default;
};

/// Checks for which too few reports came in (fewer than their min_reporters, or none at all), so
/// that their last status stands without proof; or enough again.
struct QuorumChanges {
  std::vector<std::string> lost;  // ids, each in one of the two lists at most
  std::vector<std::string> regained;
};

/// What one checker says of one check, as of now.
struct CheckerView {
  std::string checker;                 // its name
  std::string region;                  //
  State side = State::kUnknown;        //
  std::optional<std::int64_t> age_ms;  // of its last observation
  std::chrono::nanoseconds rtt{};      // of that
  std::string reason;                  // of that; empty before the first
  std::optional<Latencies> latencies;  // of what passed; none: not measured, or nothing yet
  bool draining = false;               // no longer of the check's regions, votes for a while
};

/// What one checker measured of one check.
struct CheckerLatencies {
  CheckerName checker;
  Latencies latencies;
};

/// One check as of now.
struct CheckStatus {
  std::string id;
  CheckType type = CheckType::kHttp;
  std::string target;                       // see TargetText
  State raw = State::kUnknown;              // verdict of the reports
  bool healthy = true;                      // what records see
  bool disabled = false;                    // as configured
  bool inverted = false;                    // as configured
  Order ordered;                            // by hand
  std::int64_t since_ms = 0;                // wall clock: since when (raw, healthy) are as they are
  std::string reason;                       // of the verdict; empty before the first observation
  std::optional<std::int64_t> age_ms;       // of the last observation, on the monotonic clock
  Counters counters;                        // over restarts, as long as the check is configured
  std::uint64_t changes = 0;                // of `healthy` since this process knows the check
  bool verified = false;                    // a probe has passed or failed since the (re)start
  Votes::Tally tally;                       // of the checkers; all 0 where nothing is probed
  bool has_quorum = false;                  // enough of them report to decide; see QuorumChanges
  std::uint32_t flaps = 0;                  // falls within the last hour
  std::string held;                         // why it is held down though it passes; mostly empty
  std::size_t children_healthy = 0;         // CALCULATED
  std::size_t children = 0;                 //
  std::vector<CheckerLatencies> latencies;  // of the checkers that have measured some
};

/// Calls from any thread, none of them waits for a probe. Configure, SetCheckers, Tick, Restore,
/// Start and Stop are for one thread (control).
class Monitor {
 public:
  /// @return kInvalid for resolvers or control targets that cannot be read or an empty bound,
  ///         kExhausted or kIo when the system denies a queue, a poll set or a TLS context.
  static Result<std::unique_ptr<Monitor>> Create(const MonitorOptions& options);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// Makes `checks` the set that is watched: adds, changes and removes. Unchanged checks keep state
  /// and schedule; changed ones keep their state (unless type changed or they are disabled) and
  /// what is under way for the old settings counts no more. All or nothing: on an error nothing
  /// changed. A new check needs no transition: it begins as its Statuses() entry says.
  Status Configure(const std::vector<CheckConfig>& checks);

  /// Before Start, after Configure: goes on from a stored verdict and order. One whose end has
  /// passed is not in force again; that it ended is told after Start. @return kNotFound for
  /// an unknown id (the stored state of a check that is gone), kConflict after Start.
  Status Restore(const std::string& id,
                 State raw,
                 Order ordered,
                 std::int64_t since_ms,
                 const Counters& counters);

  /// The checkers beside the local one, which watches nothing when it is not `local`. Votes of
  /// those that stay are kept. Where checkers that stay are none of a check's any more, here or
  /// after Configure, they are drained: see Tick.
  /// @return the index of each. On an error (as Configure) nothing changed.
  Result<std::vector<std::uint32_t>> SetCheckers(const std::vector<CheckerName>& remote,
                                                 bool local = true);
  /// Ends the drains that may end: checkers that a change of regions took off a check watch it and
  /// vote for kDrain, and as long as those that it has now have no verdict. A few times a second.
  /// @return why some could not be ended; they go on and are tried again.
  Status Tick(std::uint64_t now_ns);
  /// What checker `index` is to watch; reports carry its slots and versions. Taken in pieces, so
  /// that reports never wait for all of them: what changes meanwhile is in it or not, and
  /// assignments_version has counted up.
  [[nodiscard]] std::vector<Assignment> AssignmentsOf(std::uint32_t index) const;
  /// Counts up with every change of what AssignmentsOf says.
  [[nodiscard]] std::uint64_t assignments_version() const;
  /// A report of checker `index`; one about settings that are gone, or of a checker that the check
  /// is not assigned to, is dropped.
  void Take(std::uint32_t index, const Report& report);

  /// Orders the status of a check by hand, or gives it back to the probes; a change is told through
  /// the queue like any other, and so is the end of an order that has one, when it comes. Changed
  /// settings of the check leave it as it is. @return kNotFound for an unknown id.
  Status SetOverride(const std::string& id, Order ordered);
  /// Lets a check come back that damping holds down. @return kNotFound for an unknown id.
  Status Release(const std::string& id);

  /// Says what the alarm of a metric check has come to. A disabled check hears nothing.
  /// @param reason  "Success: ...", "Failure: ..." or "Unknown: ...".
  /// @return kNotFound for an unknown id, kInvalid for a check of another type.
  Status ReportAlarm(const std::string& id, AlarmState alarm, std::string reason);

  /// Takes a heartbeat of a PUSH check. A disabled check hears nothing.
  /// @param reason  "Success: ..." or "Failure: ...".
  /// @return kNotFound for an unknown id, kInvalid for a check of another type.
  Status ReportHeartbeat(const std::string& id, bool pass, std::string reason);
  /// Heartbeats can be heard from now on: before, no silence counts, and then a whole patience of
  /// each check at first (see verdict/heartbeat.h).
  void ListenForHeartbeats();

  /// On and Off of routing controls, all of them: checks of those that are not among them have no
  /// verdict. Before the checks that go by them are configured, then with every change.
  void SetRoutingControls(std::map<std::string, bool> controls);

  /// All checks, in order of id; each is consistent in itself.
  [[nodiscard]] std::vector<CheckStatus> Statuses() const;
  /// One of them. kNotFound.
  [[nodiscard]] Result<CheckStatus> StatusOf(const std::string& id) const;
  /// What each checker says of one check; empty where nothing is probed. kNotFound.
  [[nodiscard]] Result<std::vector<CheckerView>> Views(const std::string& id) const;
  /// What led to its status, oldest first. kNotFound.
  [[nodiscard]] Result<std::vector<HistoryLine>> HistoryOf(const std::string& id) const;
  /// By index, the local one first; those that were removed too.
  [[nodiscard]] std::vector<CheckerName> Checkers() const;
  /// What has changed since the last call. A check that never had a quorum has none to lose.
  [[nodiscard]] QuorumChanges TakeQuorumChanges();
  /// False while no control target of the local checker answers.
  [[nodiscard]] bool has_uplink() const noexcept;
  /// Of the names that the local checker looks up.
  [[nodiscard]] const NameCounters& names() const noexcept;

  /// Where transitions come out; lives as long as the monitor. A full queue loses nothing: the
  /// monitor offers again every 10 ms what is true by then.
  [[nodiscard]] TransitionQueue& queue() noexcept;

  /// @return kConflict when started already, kExhausted when no thread is to be had.
  Status Start();
  /// Ends the threads without waiting for probes; what they would have said is dropped. The set of
  /// checks, their states and the queue remain; Start goes on from there.
  void Stop();

 private:
  class Core;
  explicit Monitor(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace holdfast::health
