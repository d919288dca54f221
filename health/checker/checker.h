// A vantage point: probes what it was assigned, on a thread of its own, counts the results of each
// check by its thresholds and reports. Knows nothing of other checkers, of verdicts or of records:
// those who decide take its reports. The same in control and in a checker of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "health/check.h"
#include "health/observation.h"
#include "health/probe/name_counters.h"
#include "health/probe/target_rules.h"

namespace holdfast::health {

struct CheckerOptions {
  std::size_t max_in_flight = 4'096;  // probes, so descriptors, at a time; at least 1
  std::string resolvers;              // "192.0.2.53,[2001:db8::53]:5353"; empty: the system's
  /// "192.0.2.1:80", "[2001:db8::1]:53": while none of them takes a TCP connection, this checker
  /// has lost its own uplink and turns nothing down. None: failures are always believed.
  std::vector<std::string> control_targets;
  std::chrono::seconds name_max_stale{86'400};  // 0..604800; see ResolverOptions
  std::uint32_t name_queries_per_second = 200;  // 1..100000
  TargetSettings targets;                       // what may be probed; control targets always may
  bool operator==(const CheckerOptions&) const = default;
};

/// One check to watch. `version` says which settings a report is about.
struct Assignment {
  std::uint32_t slot = 0;     // small number chosen by the caller, one check each
  std::uint64_t version = 0;  // another one for other settings
  CheckConfig check;          // of a type that is probed, and not disabled
};

/// Calls from any thread, none of them waits for a probe; Assign, Start and Stop are for one
/// thread.
class Checker {
 public:
  /// Called on the checker's thread, with no lock held, once for each check and observation.
  using Sink = std::function<void(const Report&)>;

  /// @return kInvalid, with what was expected, for options that cannot be read.
  static Status Validate(const CheckerOptions& options);
  /// Whether Assign would take a check of these settings. Any thread.
  static Status CanProbe(const CheckConfig& check);
  /// @return as Validate; kExhausted or kIo when the system denies a poll set or a TLS context.
  static Result<std::unique_ptr<Checker>> Create(CheckerOptions options, Sink sink);
  ~Checker();
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  /// Makes `checks` all that is watched. What kept its version goes on as it was; what has another
  /// keeps its side (unless the type changed) and forgets a started run. Checks that look at the
  /// same thing in the same way are probed once for all of them. All or nothing: on an error (a
  /// check that cannot be probed as it is written) nothing changed. Strings that no check has
  /// searched for yet are compiled on another thread; their checks begin when that is done, seconds
  /// later where they are thousands, and all others go on meanwhile.
  Status Assign(const std::vector<Assignment>& checks);

  /// @return kConflict when started already, kExhausted when no thread is to be had.
  Status Start();
  /// Ends the thread without waiting for probes; what they would have said is dropped. Start goes
  /// on from there.
  void Stop();

  /// False while no control target answers.
  [[nodiscard]] bool has_uplink() const noexcept;
  /// Endpoints that are probed: no more than checks.
  [[nodiscard]] std::size_t targets() const;
  /// Of the names of its endpoints, since it was created. Any thread.
  [[nodiscard]] const NameCounters& names() const noexcept;

 private:
  class Core;
  explicit Checker(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace holdfast::health
