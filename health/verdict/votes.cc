#include "health/verdict/votes.h"

#include <algorithm>
#include <utility>

namespace holdfast::health {

namespace {

std::uint64_t MaxAgeNs(const Quorum& quorum) noexcept {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(quorum.report_ttl).count());
}

// Reports come from other threads: one may be a little younger than `now`.
bool Counts(const Votes::Vote& vote, const Quorum& quorum, std::uint64_t now_ns) noexcept {
  const std::uint64_t max_age = MaxAgeNs(quorum);
  return vote.side != State::kUnknown && vote.at_ns != 0 &&
         (now_ns <= vote.at_ns || now_ns - vote.at_ns < max_age);
}

}  // namespace

void Votes::Assign(const std::vector<std::uint32_t>& checkers) {
  std::vector<Vote> votes;
  votes.reserve(checkers.size());
  for (const std::uint32_t checker : checkers) {
    const auto before = std::ranges::find(votes_, checker, &Vote::checker);
    votes.push_back(before == votes_.end() ? Vote{.checker = checker} : std::move(*before));
  }
  votes_ = std::move(votes);
}

void Votes::Forget() noexcept {
  for (Vote& vote : votes_) {
    vote = {.checker = vote.checker};
  }
}

bool Votes::Take(std::uint32_t checker, State side, const Observation& seen, bool measured) {
  const auto vote = std::ranges::find(votes_, checker, &Vote::checker);
  if (vote == votes_.end()) {
    return false;
  }
  vote->side = side;
  vote->seen_ns = seen.at_ns;
  vote->at_ns = seen.outcome == Outcome::kUnknown ? vote->at_ns : seen.at_ns;
  vote->rtt = seen.rtt;
  vote->reason = seen.reason;
  if (!measured) {
    vote->latencies = nullptr;
  } else if (seen.outcome == Outcome::kPass) {
    if (vote->latencies == nullptr) {
      vote->latencies = std::make_unique<Latencies>();
    }
    vote->latencies->Add(seen.phases);
  }
  return true;
}

Votes::Tally Votes::Count(const Quorum& quorum, std::uint64_t now_ns) const noexcept {
  Tally tally{.assigned = votes_.size()};
  for (const Vote& vote : votes_) {
    if (Counts(vote, quorum, now_ns)) {
      ++tally.reporting;
      tally.healthy += vote.side == State::kHealthy ? 1 : 0;
    }
  }
  return tally;
}

std::optional<State> Votes::Decide(const Quorum& quorum,
                                   bool has_verdict,
                                   std::uint64_t now_ns) const noexcept {
  const Tally tally = Count(quorum, now_ns);
  if (tally.reporting == 0 && quorum.on_stale != OnStale::kKeep &&
      std::ranges::any_of(votes_, [](const Vote& vote) { return vote.at_ns != 0; })) {
    return quorum.on_stale == OnStale::kHealthy ? State::kHealthy : State::kUnhealthy;
  }
  if (tally.reporting == 0 || tally.reporting < quorum.min_reporters) {
    return std::nullopt;
  }
  if (!has_verdict && 2 * tally.reporting < tally.assigned) {
    return std::nullopt;
  }
  return 100 * tally.healthy > quorum.percent * tally.reporting ? State::kHealthy
                                                                : State::kUnhealthy;
}

std::optional<std::uint64_t> Votes::NextStaleNs(const Quorum& quorum,
                                                std::uint64_t now_ns) const noexcept {
  std::optional<std::uint64_t> next;
  for (const Vote& vote : votes_) {
    if (Counts(vote, quorum, now_ns)) {
      const std::uint64_t stale = vote.at_ns + MaxAgeNs(quorum);
      next = std::min(next.value_or(stale), stale);
    }
  }
  return next;
}

}  // namespace holdfast::health
