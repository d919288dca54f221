#include "control/notify/mass.h"

#include <algorithm>
#include <utility>

namespace holdfast::control {
namespace {

constexpr std::size_t kNamed = 20;  // checks that an event names; of others it tells the number

}  // namespace

void MassGate::Add(Event change, Clock::time_point now) {
  if (most_ == 0 && !mass_) {
    held_.push_back({now, std::move(change)});
    return;
  }
  recent_.push_back({now, change.id});
  ++changed_[change.id];
  if (mass_) {
    ++changes_;
    last_.insert_or_assign(change.id, std::move(change));
  } else {
    held_.push_back({now + kHold, std::move(change)});
  }
}

void MassGate::Forget(Clock::time_point now) {
  while (!recent_.empty() && recent_.front().at + kWindow <= now) {
    if (const auto of = changed_.find(recent_.front().id); --of->second == 0) {
      changed_.erase(of);
    }
    recent_.pop_front();
  }
}

std::vector<Event> MassGate::TakeDue(Clock::time_point now) {
  std::vector<Event> told;
  Forget(now);
  if (!mass_ && most_ != 0 && changed_.size() > most_) {
    told.push_back(Begun());
  }
  while (!held_.empty() && held_.front().until <= now) {
    told.push_back(std::move(held_.front().change));
    held_.pop_front();
  }
  if (mass_ && changed_.size() <= most_ / 2) {
    told.push_back(Over());
  }
  return told;
}

std::optional<MassGate::Clock::time_point> MassGate::next() const {
  if (mass_) {
    return recent_.empty() ? Clock::time_point{} : recent_.front().at + kWindow;
  }
  return held_.empty() ? std::nullopt : std::optional(held_.front().until);
}

Event MassGate::Begun() {
  mass_ = true;
  changes_ = held_.size();
  since_ms_ = held_.empty() ? 0 : held_.front().change.time_ms;
  last_.clear();
  for (Held& held : std::exchange(held_, {})) {
    last_.insert_or_assign(held.change.id, std::move(held.change));
  }
  return {.kind = Event::Kind::kMass,
          .id = "mass",
          .name = "",
          .type = "",
          .was = "normal",
          .is = "mass",
          .reason = "more than " + std::to_string(most_) + " health checks changed within " +
                    std::to_string(kWindow.count()) +
                    " s: single changes are not told until it is over",
          .time_ms = since_ms_};
}

Event MassGate::Over() {
  mass_ = false;
  std::string names;
  std::size_t unhealthy = 0;
  std::int64_t last_ms = since_ms_;
  for (const auto& [id, change] : last_) {
    last_ms = std::max(last_ms, change.time_ms);
    if (change.is == "unhealthy" && ++unhealthy <= kNamed) {
      names += (names.empty() ? ": " : ", ") + id;
    }
  }
  if (unhealthy > kNamed) {
    names += " and " + std::to_string(unhealthy - kNamed) + " more";
  }
  const std::size_t checks = last_.size();
  last_.clear();
  return {.kind = Event::Kind::kMass,
          .id = "mass",
          .name = "",
          .type = "",
          .was = "mass",
          .is = "normal",
          .reason = std::to_string(changes_) + " changes of " + std::to_string(checks) +
                    " health checks, of which " + std::to_string(unhealthy) + " are unhealthy now" +
                    names,
          .time_ms = last_ms};
}

}  // namespace holdfast::control
