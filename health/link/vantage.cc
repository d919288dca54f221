// Places are the slots that the checker knows. Only the links' thread changes what is watched, so
// it may read that without the lock; reports come on the checker's thread and take it.
#include "health/link/vantage.h"

#include <utility>

#include "dataplane/base/clock.h"

namespace holdfast::health {

namespace {

Report Unprobed(const std::string& problem) {
  return {.slot = 0,
          .version = 0,
          .side = State::kUnknown,
          .seen = {.outcome = Outcome::kUnknown,
                   .reason = "Unknown: this health checker cannot watch it: " + problem,
                   .rtt = {},
                   .at_ns = MonotonicNs(),
                   .phases = {}}};
}

}  // namespace

Result<std::unique_ptr<Vantage>> Vantage::Create(const CheckerOptions& options,
                                                 bool allow_exec,
                                                 std::size_t controls,
                                                 Wake wake) {
  std::unique_ptr<Vantage> made(new Vantage(allow_exec, controls, std::move(wake)));
  auto checker = Checker::Create(
      options, [vantage = made.get()](const Report& report) { vantage->OnReport(report); });
  if (!checker) {
    return std::unexpected(checker.error());
  }
  made->checker_ = std::move(*checker);
  return made;
}

Vantage::~Vantage() {
  if (checker_ != nullptr) {
    checker_->Stop();
  }
}

// ---- what is watched ----------------------------------------------------------------------------

// Why a check cannot be watched here; empty when it can.
std::string Vantage::Problem(const AssignedCheck& assigned) const {
  if (!assigned.problem.empty()) {
    return assigned.problem;
  }
  if (assigned.check.type == CheckType::kExec && !allow_exec_) {
    return "its host runs no programs for others (allow_exec is false)";
  }
  const auto probeable = Checker::CanProbe(assigned.check);
  return probeable ? std::string() : probeable.error().message;
}

Status Vantage::Apply(std::size_t control, const AssignChecks& change) {
  const std::size_t known = change.reset ? 0 : controls_[control].places.size();
  if (known + change.set.size() > kMaxAssignedChecks) {
    return Fail(ErrorCode::kExhausted,
                "more than " + std::to_string(kMaxAssignedChecks) + " checks were assigned");
  }
  std::vector<std::string> problems;
  problems.reserve(change.set.size());
  for (const AssignedCheck& each : change.set) {
    problems.push_back(Problem(each));
  }
  std::vector<Assignment> all;
  {
    const std::lock_guard lock(mutex_);
    Control& mine = controls_[control];
    if (change.reset) {
      mine.places.clear();
      for (const auto& watched : watched_) {
        if (watched != nullptr && watched->control == control) {
          watched->stale = true;
        }
      }
    }
    for (const std::uint32_t slot : change.remove) {
      if (const auto at = mine.places.find(slot); at != mine.places.end()) {
        Drop(at->second);
      }
    }
    for (std::size_t i = 0; i < change.set.size(); ++i) {
      Set(control, change.set[i], problems[i]);
    }
    for (std::uint32_t place = 0; place < watched_.size(); ++place) {
      if (watched_[place] != nullptr && watched_[place]->stale) {
        Drop(place);
      }
    }
    for (std::uint32_t place = 0; place < watched_.size(); ++place) {
      if (const auto& watched = watched_[place]; watched != nullptr && watched->is_probed) {
        all.push_back({.slot = place, .version = watched->settings, .check = watched->check});
      }
    }
  }
  // Each was tried alone, so all together are taken too.
  return checker_->Assign(all);
}

// The same check with the same settings goes on as it was, under whatever slot and version.
void Vantage::Set(std::size_t control, const AssignedCheck& assigned, const std::string& problem) {
  Control& mine = controls_[control];
  const bool is_probed = problem.empty();
  const auto same = is_probed ? mine.by_id.find(assigned.check.id) : mine.by_id.end();
  if (const auto at = mine.places.find(assigned.slot);
      at != mine.places.end() && (same == mine.by_id.end() || same->second != at->second)) {
    Drop(at->second);  // another check had this slot
  }
  std::uint32_t place = 0;
  if (same != mine.by_id.end()) {
    place = same->second;
    if (!watched_[place]->stale) {
      mine.places.erase(watched_[place]->slot);
    }
  } else if (!free_.empty()) {
    place = free_.back();
    free_.pop_back();
    watched_[place] = std::make_unique<Watched>();
  } else {
    place = static_cast<std::uint32_t>(watched_.size());
    watched_.push_back(std::make_unique<Watched>());
  }
  Watched& watched = *watched_[place];
  if (!watched.is_probed || watched.check != assigned.check) {
    watched.settings = ++settings_;
    watched.last.reset();
    watched.waits = false;
  }
  watched.control = control;
  watched.slot = assigned.slot;
  watched.version = assigned.version;
  watched.is_probed = is_probed;
  watched.check = assigned.check;
  watched.stale = false;
  mine.places[assigned.slot] = place;
  if (is_probed) {
    mine.by_id[assigned.check.id] = place;
  }
  if (!is_probed) {
    Put(mine, place, Unprobed(problem));
  } else if (watched.last) {
    // Under the number that it had: who has taken it already passes over it.
    watched.last->slot = watched.slot;
    watched.last->version = watched.version;
    Await(mine, place);
  }
}

void Vantage::Drop(std::uint32_t place) {
  const Watched& watched = *watched_[place];
  Control& mine = controls_[watched.control];
  // Only what leads here: after a reset another check may have its slot.
  if (const auto at = mine.places.find(watched.slot);
      at != mine.places.end() && at->second == place) {
    mine.places.erase(at);
  }
  if (const auto at = mine.by_id.find(watched.check.id);
      at != mine.by_id.end() && at->second == place) {
    mine.by_id.erase(at);
  }
  watched_[place] = nullptr;  // Take passes over what `ready` says of it
  free_.push_back(place);
}

std::size_t Vantage::checks(std::size_t control) const {
  const std::lock_guard lock(mutex_);
  return controls_[control].places.size();
}

// ---- reports ------------------------------------------------------------------------------------

// A newer report takes the place of one that waits.
void Vantage::Put(Control& control, std::uint32_t place, Report report) {
  Watched& watched = *watched_[place];
  report.slot = watched.slot;
  report.version = watched.version;
  watched.last = std::move(report);
  watched.sequence = ++sequence_;
  Await(control, place);
}

void Vantage::Await(Control& control, std::uint32_t place) {
  if (!std::exchange(watched_[place]->waits, true)) {
    control.ready.push_back(place);
  }
}

void Vantage::OnReport(const Report& report) {
  std::size_t control = 0;
  bool is_new = false;
  {
    const std::lock_guard lock(mutex_);
    if (report.slot >= watched_.size() || watched_[report.slot] == nullptr ||
        watched_[report.slot]->settings != report.version) {
      return;  // about settings that are gone
    }
    const Watched& watched = *watched_[report.slot];
    control = watched.control;
    is_new = !watched.last || watched.last->side != report.side;
    Put(controls_[control], report.slot, report);
  }
  if (is_new) {
    wake_(control);
  }
}

void Vantage::TellAgain(std::size_t control) {
  const std::lock_guard lock(mutex_);
  Control& mine = controls_[control];
  for (const auto& [slot, place] : mine.places) {
    if (watched_[place]->last) {
      Await(mine, place);
    }
  }
}

std::vector<ReportLine> Vantage::Take(std::size_t control, std::size_t most) {
  std::vector<ReportLine> lines;
  const std::lock_guard lock(mutex_);
  Control& mine = controls_[control];
  const std::uint64_t now_ns = MonotonicNs();
  while (!mine.ready.empty() && lines.size() < most) {
    Watched* const watched = watched_[mine.ready.front()].get();
    mine.ready.pop_front();
    if (watched == nullptr || watched->control != control ||
        !std::exchange(watched->waits, false) || !watched->last) {
      continue;
    }
    const Report& last = *watched->last;
    const std::uint64_t at_ns = last.seen.at_ns;
    lines.push_back({.sequence = watched->sequence,
                     .age = std::chrono::microseconds(now_ns > at_ns ? (now_ns - at_ns) / 1000 : 0),
                     .report = last});
  }
  return lines;
}

}  // namespace holdfast::health
