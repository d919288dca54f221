// The monitor's inside, for its own files: ../monitor.cc (what is watched, start and stop),
// verdicts.cc (what reports and time make of it), views.cc (what can be seen). One lock guards
// everything; it is held for bookkeeping only, never while something waits.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/base/clock.h"
#include "health/monitor.h"
#include "health/verdict/calculated.h"
#include "health/verdict/heartbeat.h"

namespace holdfast::health {

/// Entries that are looked at before the lock is given up once.
inline constexpr std::size_t kEntriesAtOnce = 256;

inline Moment Now() {
  return {.monotonic_ns = MonotonicNs(), .wall_ms = WallMs()};
}

inline Status NoCheck(const std::string& id) {
  return Fail(ErrorCode::kNotFound, "health check \"" + id + "\" does not exist");
}

class Monitor::Core {
 public:
  explicit Core(std::unique_ptr<TransitionQueue> queue) : queue_(std::move(queue)) {}
  ~Core() { Stop(); }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Status Open(const CheckerOptions& local);
  Status Configure(const std::vector<CheckConfig>& checks);
  Status Restore(const std::string& id,
                 State raw,
                 Order ordered,
                 std::int64_t since_ms,
                 const Counters& counters);
  Result<std::vector<std::uint32_t>> SetCheckers(const std::vector<CheckerName>& remote,
                                                 bool local);
  Status Tick(std::uint64_t now_ns);
  std::vector<Assignment> AssignmentsOf(std::uint32_t index) const;
  std::uint64_t assignments_version() const;
  void Take(std::uint32_t index, const Report& report);
  Status SetOverride(const std::string& id, Order ordered);
  Status Release(const std::string& id);
  Status ReportAlarm(const std::string& id, AlarmState alarm, std::string reason);
  Status ReportHeartbeat(const std::string& id, bool pass, std::string reason);
  void ListenForHeartbeats();
  void SetRoutingControls(std::map<std::string, bool> controls);
  std::vector<CheckStatus> Statuses() const;
  Result<CheckStatus> StatusOf(const std::string& id) const;
  Result<std::vector<CheckerView>> Views(const std::string& id) const;
  Result<std::vector<HistoryLine>> HistoryOf(const std::string& id) const;
  std::vector<CheckerName> Checkers() const;
  QuorumChanges TakeQuorumChanges();
  bool has_uplink() const noexcept { return local_->has_uplink(); }
  const NameCounters& names() const noexcept { return local_->names(); }
  TransitionQueue& queue() noexcept { return *queue_; }
  Status Start();
  void Stop();

 private:
  struct Entry {
    CheckConfig check;
    std::uint32_t slot;
    std::uint64_t version;
    CheckVerdict verdict;
    std::optional<std::uint64_t> review_ns;  // its place in reviews_
    std::optional<Heartbeat> heartbeat;      // of an enabled PUSH check
    bool has_quorum = false;
    bool had_quorum = false;  // ever, so that it can be lost
  };
  using Entries = std::map<std::string, Entry>;
  /// What Configure is about to make of one check.
  struct Wanted {
    const CheckConfig* check;
    std::uint32_t slot;
    std::uint64_t version;
    std::vector<std::uint32_t> drained;  // vote beside its checkers
  };

  std::vector<Wanted> WantedOf(const std::vector<CheckConfig>& checks);
  void RemoveAllBut(const std::vector<Wanted>& wanted);
  void Set(const Wanted& wanted);
  std::vector<std::uint32_t> CheckersOf(const CheckConfig& check) const;
  std::vector<std::uint32_t> CheckersOf(const CheckConfig& check,
                                        const std::vector<bool>& present) const;
  std::vector<std::uint32_t> DrainedOf(const Entry& entry,
                                       const CheckConfig& check,
                                       const std::vector<bool>& present) const;
  bool Assign(const std::string& id, Entry& entry, const std::vector<std::uint32_t>& drained);
  CheckStatus StatusOf(const Entry& entry, std::uint64_t now_ns) const;
  ChildCount CountChildren(const CheckConfig& check) const;
  Transition TransitionOf(const std::string& id, const Entry& entry) const;

  void Settled(Entries::iterator at, bool is_new);
  bool Judge(Entry& entry);
  bool JudgeByControl(Entry& entry);
  void JudgeAll();
  void CountQuorum(const std::string& id, Entry& entry);
  void SetHeartbeat(Entry& entry);
  bool Review(Entry& entry);
  void Offer(const std::string& id, const Entry& entry);
  void OfferAgain();
  void ReviewLater(Entry& entry);
  void ReviewDue();
  void Watch();

  const std::unique_ptr<TransitionQueue> queue_;
  std::unique_ptr<Checker> local_;

  mutable std::mutex mutex_;  // guards all below
  std::vector<CheckerName> checkers_{{.name = "local", .region = ""}};
  std::vector<bool> present_{true};             // which of them watch; the others were removed
  std::map<std::string, bool> quorum_changes_;  // has it now?
  Entries entries_;
  std::vector<Entries::iterator> by_slot_;  // entries_.end(): free
  std::vector<std::uint32_t> free_slots_;
  std::uint64_t version_ = 0;                                  // of settings
  std::uint64_t assignments_version_ = 0;                      //
  std::multimap<std::string, std::string> parents_;            // child -> calculated checks
  std::set<std::pair<std::uint64_t, std::uint32_t>> reviews_;  // when, slot
  std::map<std::string, bool> routing_controls_;               // On?
  std::set<std::string> draining_;                             // checks
  std::uint64_t drains_looked_at_ns_ = 0;                      //
  std::set<std::string> unsent_;                               // told nobody: the queue was full
  bool listens_ = false;                                       // for heartbeats
  bool runs_ = false;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace holdfast::health
