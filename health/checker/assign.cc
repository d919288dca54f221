// What a checker watches: targets out of checks, what goes on and what begins anew. Search strings
// are compiled on a third thread; targets whose strings are in no database yet are there, but not
// planned. See core.h.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <unordered_map>

#include "dataplane/base/clock.h"
#include "health/checker/core.h"

namespace holdfast::health {

// All that `checks` look for, sorted, each once.
Result<std::vector<SearchTerm>> Checker::Core::TermsOf(const std::vector<Assignment>& checks) {
  std::vector<SearchTerm> terms;
  for (const Assignment& each : checks) {
    HF_TRY(ValidateCheck(each.check));
    if (SearchTerm term = SearchTermOf(each.check); !term.text.empty()) {
      terms.push_back(std::move(term));
    }
  }
  std::ranges::sort(terms);
  terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  return terms;
}

// The targets of `checks`, each with its members; nothing of them runs yet.
Result<Targets> Checker::Core::Wanted(const std::vector<Assignment>& checks) const {
  Targets wanted;
  TaskMaker tasks(patterns_, TaskMaker::Missing::kLeftOut);
  for (const Assignment& each : checks) {
    const CheckConfig& check = each.check;
    auto task = tasks.Make(check);
    if (!task) {
      return std::unexpected(std::move(task.error()));
    }
    auto target = wanted.find(**task);
    if (target == wanted.end()) {
      const bool ready = HasItsPattern(**task);
      auto made = std::make_unique<Target>(Target{.task = std::move(*task), .ready = ready});
      target = wanted.insert(std::move(made)).first;
    }
    (*target)->members.push_back(
        {.slot = each.slot,
         .version = each.version,
         .threshold = Threshold(check.healthy_threshold, check.unhealthy_threshold),
         .told = State::kUnknown,
         .from_probe = 0});
  }
  return wanted;
}

Status Checker::Core::Assign(const std::vector<Assignment>& checks) {
  auto terms = TermsOf(checks);
  if (!terms) {
    return std::unexpected(std::move(terms.error()));
  }
  const std::lock_guard assigning(assigning_);
  auto wanted = Wanted(checks);
  if (!wanted) {
    return std::unexpected(std::move(wanted.error()));
  }
  {
    const std::lock_guard lock(mutex_);
    TakeOver(*wanted);
    Wake();
  }
  terms_ = std::move(*terms);
  if (terms_.empty()) {
    patterns_ = nullptr;
  }
  const bool is_there = patterns_ != nullptr && patterns_->terms() == terms_;
  compiler_.Want(is_there ? std::vector<SearchTerm>() : terms_);
  return {};
}

// Everybody's strings lie in the new database; but a later Assign may have brought others by now,
// and what was there before goes on with what it has.
void Checker::Core::OnCompiled(Result<std::shared_ptr<const PatternSet>> made) {
  const std::lock_guard assigning(assigning_);
  if (!made) {
    TellThatNothingIsSearched(made.error());
    return;
  }
  if (terms_.empty()) {
    return;  // nobody searches any more
  }
  patterns_ = std::move(*made);
  std::vector<std::pair<std::uint32_t, Task>> tasks;  // by place; only Assign changes who is there
  {
    const std::lock_guard lock(mutex_);
    for (const auto& target : targets_) {
      if (Pattern(patterns_, SearchTermOf(target->task->settings->check))) {
        tasks.emplace_back(target->place, target->task);
      }
    }
  }
  TaskMaker maker(patterns_);
  for (auto& [place, task] : tasks) {
    task = maker.Renewed(*task);
  }
  const std::lock_guard lock(mutex_);
  const auto from = AfterPlanning(tasks.size());
  for (auto& [place, task] : tasks) {
    Target& target = *by_place_[place];
    target.task = std::move(task);
    if (!std::exchange(target.ready, true)) {
      Plan(target, from);
    }
  }
  Wake();
}

// Out of memory, or no processor for it. The next Assign tries again.
void Checker::Core::TellThatNothingIsSearched(const Error& why) {
  std::vector<Report> reports;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& target : targets_) {
      for (const Member& member : target->ready ? std::vector<Member>() : target->members) {
        reports.push_back({.slot = member.slot,
                           .version = member.version,
                           .side = member.told,
                           .seen = {.outcome = Outcome::kUnknown,
                                    .reason = "Unknown: " + why.message + ".",
                                    .rtt = {},
                                    .at_ns = MonotonicNs(),
                                    .phases = {}}});
      }
    }
  }
  for (const Report& report : reports) {
    sink_(report);
  }
}

// Targets that are there already go on with their probes; members keep what they have counted, or
// after a change their side.
void Checker::Core::TakeOver(Targets& wanted) {
  std::unordered_map<std::uint32_t, std::pair<Member, CheckType>> known;
  for (const auto& target : targets_) {
    for (const Member& member : std::exchange(target->members, {})) {
      known.emplace(member.slot, std::pair(member, target->type()));
    }
  }
  std::vector<Targets::node_type> fresh;
  while (!wanted.empty()) {
    auto node = wanted.extract(wanted.begin());
    Target& target = *node.value();
    const auto found = targets_.find(*target.task);
    Target* running = found == targets_.end() ? nullptr : found->get();
    for (Member& member : target.members) {
      const auto before = known.find(member.slot);
      if (before != known.end() && before->second.first.version == member.version) {
        member = before->second.first;
        continue;
      }
      if (before != known.end() && before->second.second == target.type()) {
        member.threshold.Restore(before->second.first.threshold.state());
        member.told = before->second.first.told;
      }
      member.from_probe = running == nullptr ? 0 : running->probes;
    }
    if (running != nullptr) {
      if (target.ready) {
        running->task = std::move(target.task);  // the same, with the patterns of all
      }
      running->members = std::move(target.members);
    } else {
      fresh.push_back(std::move(node));
    }
  }
  std::erase_if(targets_, [this](const auto& target) {
    if (!target->members.empty()) {
      return false;
    }
    Abandon(*target);
    schedule_.Remove(target->place);
    by_place_[target->place] = nullptr;
    free_places_.push_back(target->place);
    return true;
  });
  const auto from = AfterPlanning(fresh.size());
  for (auto& node : fresh) {
    Target& target = *node.value();
    target.members.shrink_to_fit();
    if (free_places_.empty()) {
      free_places_.push_back(static_cast<std::uint32_t>(by_place_.size()));
      by_place_.push_back(nullptr);
    }
    target.place = free_places_.back();
    free_places_.pop_back();
    by_place_[target.place] = &target;
    Plan(target, from);
    targets_.insert(std::move(node));
  }
  place_of_.clear();
  for (const auto& target : targets_) {
    for (const Member& member : target->members) {
      if (member.slot >= place_of_.size()) {
        place_of_.resize(member.slot + 1, kNoPlace);
      }
      place_of_[member.slot] = target->place;
    }
  }
}

void Checker::Core::Plan(Target& target, Clock::time_point from) {
  if (loop_ == nullptr || !target.ready) {
    return;  // Start plans for all, so that the spread of starts begins then; OnCompiled for these
  }
  const CheckConfig& check = target.task->settings->check;
  schedule_.Set(target.place,
                ++version_,
                {.interval = check.interval,
                 .jitter_percent = check.jitter_percent,
                 .fixed_rate = check.fixed_rate},
                from);
}

// Probes and what they left belong to the loop's thread: it ends them. Until it does, the ticket is
// stale already.
void Checker::Core::Abandon(Target& target) {
  if (loop_ != nullptr && (target.probe != nullptr || target.reuse != nullptr)) {
    asio::post(*loop_->io, [probe = std::move(target.probe), left = std::move(target.reuse)] {
      if (probe != nullptr) {
        probe->Abandon();
      }
    });
  }
  target.probe = nullptr;
}

}  // namespace holdfast::health
