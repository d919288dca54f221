#include "control/notify/mass.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace holdfast::control {
namespace {

constexpr std::size_t kNamed = 20;  // checks that an event names; of others it tells the number

std::string Counted(std::uint64_t number, std::string_view what) {
  return std::to_string(number) + " " + std::string(what) + (number == 1 ? "" : "s");
}

// "12 changes of 10 health checks, of which 9 are unhealthy now".
std::string ChecksText(const MassFigures& figures) {
  return Counted(figures.changes, "change") + " of " + Counted(figures.checks, "health check") +
         ", of which " + std::to_string(figures.unhealthy) + " are unhealthy now";
}

// What followed from it. Empty where there is nothing to say.
std::string RestText(const MassFigures& figures) {
  std::string text;
  if (figures.at_last_resort) {
    text += "; " + std::to_string(*figures.at_last_resort) +
            " rules answer by last resort now, after " + Counted(figures.rule_changes, "change");
  }
  if (figures.quorums_lost + figures.quorums_regained != 0) {
    text += "; quorums of checkers lost " + std::to_string(figures.quorums_lost) + ", regained " +
            std::to_string(figures.quorums_regained);
  }
  return text;
}

}  // namespace

void MassGate::Add(Event change, Clock::time_point now, std::uint64_t more) {
  last_ms_ = std::max(last_ms_, change.time_ms);
  Told told{.event = std::move(change), .more = more};
  if (most_ == 0 && !mass_) {
    held_.push_back({now, std::move(told)});
    return;
  }
  if (told.event.kind == Event::Kind::kTransition) {
    recent_.push_back({now, told.event.id});
    ++changed_[told.event.id];
  }
  if (mass_) {
    Count(told);
  } else {
    held_.push_back({now + kHold, std::move(told)});
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

std::vector<MassGate::Told> MassGate::TakeDue(Clock::time_point now) {
  std::vector<Told> told;
  Forget(now);
  if (!mass_ && most_ != 0 && changed_.size() > most_) {
    Begin(now);
  }
  while (!held_.empty() && held_.front().until <= now) {
    told.push_back(std::move(held_.front().change));
    held_.pop_front();
  }
  if (tell_at_ && *tell_at_ <= now) {
    tell_at_.reset();
    told.push_back({.event = Begun()});
  }
  if (mass_ && !tell_at_ && changed_.size() <= most_ / 2) {
    told.push_back({.event = Over()});
  }
  return told;
}

std::optional<MassGate::Clock::time_point> MassGate::next() const {
  if (mass_) {
    return tell_at_          ? *tell_at_
           : recent_.empty() ? Clock::time_point{}
                             : recent_.front().at + kWindow;
  }
  return held_.empty() ? std::nullopt : std::optional(held_.front().until);
}

void MassGate::Begin(Clock::time_point now) {
  mass_ = true;
  tell_at_ = now + kHold;
  since_ms_ = held_.empty() ? last_ms_ : held_.front().change.event.time_ms;
  figures_ = {.at_last_resort = figures_.at_last_resort};
  unhealthy_.clear();
  for (const Held& held : std::exchange(held_, {})) {
    Count(held.change);
  }
}

void MassGate::Count(const Told& change) {
  const Event& event = change.event;
  switch (event.kind) {
    case Event::Kind::kTransition:
      ++figures_.changes;
      unhealthy_.insert_or_assign(event.id, event.is == "unhealthy");
      break;
    case Event::Kind::kLastResort:
      figures_.rule_changes += 1 + change.more;
      break;
    case Event::Kind::kQuorum:
      (event.is == "quorum" ? figures_.quorums_regained : figures_.quorums_lost) += event.checks;
      break;
    case Event::Kind::kMass:
      break;
  }
}

Event MassGate::Begun() {
  figures_.checks = unhealthy_.size();
  figures_.unhealthy =
      std::ranges::count(unhealthy_, true, &std::pair<const std::string, bool>::second);
  return {.kind = Event::Kind::kMass,
          .id = "mass",
          .name = "",
          .type = "",
          .was = "normal",
          .is = "mass",
          .reason = "more than " + std::to_string(most_) + " health checks changed within " +
                    std::to_string(kWindow.count()) +
                    " s: single changes are not told until it is over; so far " +
                    ChecksText(figures_) + RestText(figures_),
          .time_ms = since_ms_,
          .mass = figures_};
}

Event MassGate::Over() {
  mass_ = false;
  std::string names;
  figures_.checks = unhealthy_.size();
  figures_.unhealthy = 0;
  for (const auto& [id, unhealthy] : unhealthy_) {
    if (unhealthy && ++figures_.unhealthy <= kNamed) {
      names += (names.empty() ? ": " : ", ") + id;
    }
  }
  if (figures_.unhealthy > kNamed) {
    names += " and " + std::to_string(figures_.unhealthy - kNamed) + " more";
  }
  unhealthy_.clear();
  return {.kind = Event::Kind::kMass,
          .id = "mass",
          .name = "",
          .type = "",
          .was = "mass",
          .is = "normal",
          .reason = ChecksText(figures_) + names + RestText(figures_),
          .time_ms = std::max(since_ms_, last_ms_),
          .mass = figures_};
}

}  // namespace holdfast::control
