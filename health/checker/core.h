// The checker's inside, for its own files: checker.cc (start and stop, the loop, the uplink) and
// assign.cc (what is watched). One lock guards what callers on other threads touch; it is held for
// bookkeeping only, never while something waits, and never while a report is handed out.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "health/checker/checker.h"
#include "health/checker/pattern_compiler.h"
#include "health/checker/uplink.h"
#include "health/probe/probe.h"
#include "health/schedule/schedule.h"
#include "health/verdict/threshold.h"

namespace holdfast::health {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using Task = std::shared_ptr<const ProbeTask>;

/// What remains when the loop is torn down and built again: nothing. One per Start.
struct Loop {
  Loop(std::unique_ptr<asio::io_context> made,
       std::unique_ptr<Resolver> names,
       std::unique_ptr<TlsContext> context,
       TargetRules targets,
       std::vector<Task> control_targets)
      : io(std::move(made)),
        resolver(std::move(names)),
        tls(std::move(context)),
        shared{.io = *io, .resolver = *resolver, .tls = *tls, .targets = std::move(targets)},
        due(*io),
        again(*io),
        uplink(shared, std::move(control_targets)) {}

  // The order matters at the end: io goes last, with it handlers that hold the last probes.
  std::unique_ptr<asio::io_context> io;
  std::unique_ptr<Resolver> resolver;
  std::unique_ptr<TlsContext> tls;
  ProbeLoop shared;
  asio::steady_timer due;
  asio::steady_timer again;  // when to ask the uplink again
  Uplink uplink;
};

/// A check as one of those that share a target.
struct Member {
  std::uint32_t slot;
  std::uint64_t version;
  Threshold threshold;
  State told;                // side of the last report
  std::uint64_t from_probe;  // what probes before this one find is not counted
};

/// What is probed.
struct Target {
  Task task;
  std::uint32_t place = 0;  // in the schedule
  std::vector<Member> members;
  std::uint64_t probes = 0;      // begun so far
  std::shared_ptr<Probe> probe;  // under way, else null
  std::shared_ptr<Reuse> reuse;  // of the running loop; null: its probes leave nothing
  bool ready = true;             // false: its string is in no database yet, it is not probed

  [[nodiscard]] CheckType type() const noexcept { return task->settings->check.type; }
};

/// Targets are told apart by what they look at and how.
struct ByTask {
  using is_transparent = void;
  static const ProbeTask* Of(const ProbeTask& task) noexcept { return &task; }
  static const ProbeTask* Of(const std::unique_ptr<Target>& target) noexcept {
    return target->task.get();
  }
  std::size_t operator()(const auto& one) const noexcept { return HashOf(*Of(one)); }
  bool operator()(const auto& one, const auto& other) const {
    return LookAlike(*Of(one), *Of(other));
  }
};
using Targets = std::unordered_set<std::unique_ptr<Target>, ByTask, ByTask>;

/// When so many new targets are planned: those due before would all begin at once.
inline Clock::time_point AfterPlanning(std::size_t targets) {
  return Clock::now() + std::chrono::microseconds(targets);
}

class Checker::Core {
 public:
  Core(CheckerOptions options, Sink sink)
      : options_(std::move(options)), sink_(std::move(sink)), schedule_(std::random_device{}()) {}
  ~Core() { Stop(); }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Status Assign(const std::vector<Assignment>& checks);
  Status Start();
  void Stop();
  [[nodiscard]] bool has_uplink() const noexcept { return has_uplink_.load(); }
  [[nodiscard]] std::size_t targets() const;
  [[nodiscard]] const NameCounters& names() const noexcept { return *names_; }

 private:
  // Assign
  static Result<std::vector<SearchTerm>> TermsOf(const std::vector<Assignment>& checks);
  Result<Targets> Wanted(const std::vector<Assignment>& checks) const;
  void TakeOver(Targets& wanted);
  void Plan(Target& target, Clock::time_point from);
  void Abandon(Target& target);
  void OnCompiled(Result<std::shared_ptr<const PatternSet>> made);
  void TellThatNothingIsSearched(const Error& why);

  // The loop
  void Run(Loop& loop);
  void Wake();
  void ProbeDue();
  void Launch(Schedule::Ticket ticket);
  void OnObservation(Schedule::Ticket ticket, const Observation& seen);
  void Count(Target& target, const Observation& seen, std::vector<Report>& reports);
  void ArmDue();
  static void Doubt(Member& member, Report& report);
  Member* FindMember(std::uint32_t slot, std::uint64_t version);
  void AskUplink();
  void AskUplinkLater();
  void OnUplink(bool reached);

  const CheckerOptions options_;
  const Sink sink_;
  std::atomic<bool> has_uplink_ = true;
  const std::shared_ptr<NameCounters> names_ = std::make_shared<NameCounters>();

  // Held while targets get their tasks, never while strings are compiled; before mutex_.
  std::mutex assigning_;                        // guards the next two
  std::shared_ptr<const PatternSet> patterns_;  // what was compiled last; null: none searches
  std::vector<SearchTerm> terms_;               // that checks search for

  mutable std::mutex mutex_;  // guards all below
  Targets targets_;
  std::vector<Target*> by_place_;  // null: free
  std::vector<std::uint32_t> free_places_;
  Schedule schedule_;
  static constexpr std::uint32_t kNoPlace = UINT32_MAX;
  std::uint64_t version_ = 0;                   // of the schedule's tickets
  std::vector<std::uint32_t> place_of_;         // of its target, by a check's slot; kNoPlace: none
  std::vector<Report> waiting_;                 // would be down, the uplink is to be asked first
  std::vector<Report> asked_for_;               // those of them that it was asked for
  std::unique_ptr<Loop> loop_;                  // while started
  std::optional<Clock::time_point> due_armed_;  // what loop_->due waits for
  std::thread thread_;
  PatternCompiler compiler_{[this](auto made) { OnCompiled(std::move(made)); }};  // ends first
};

}  // namespace holdfast::health
