#include "health/verdict/votes.h"

#include <algorithm>
#include <utility>

namespace holdfast::health {

namespace {

std::uint64_t MaxAgeNs(const Quorum& quorum) noexcept {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(quorum.report_ttl).count());
}

// Whether it is young enough, whatever its side is now. Reports come from other threads: one may
// be a little younger than `now`.
bool IsFresh(const Votes::Vote& vote, const Quorum& quorum, std::uint64_t now_ns) noexcept {
  return vote.at_ns != 0 && (now_ns <= vote.at_ns || now_ns - vote.at_ns < MaxAgeNs(quorum));
}

bool Counts(const Votes::Vote& vote, const Quorum& quorum, std::uint64_t now_ns) noexcept {
  return vote.side != State::kUnknown && IsFresh(vote, quorum, now_ns);
}

// Whether there is anything to decide on.
bool IsEnough(const Votes::Tally& tally, const Quorum& quorum, Basis basis) noexcept {
  const std::size_t least = basis == Basis::kAny    ? 1
                            : basis == Basis::kHalf ? (tally.assigned + 1) / 2
                                                    : (tally.assigned / 2) + 1;
  return tally.reporting != 0 && tally.reporting >= quorum.min_reporters &&
         tally.reporting >= least;
}

}  // namespace

void Votes::Assign(const std::vector<std::uint32_t>& checkers,
                   const std::vector<std::uint32_t>& drained) {
  std::vector<Vote> votes;
  votes.reserve(checkers.size() + drained.size());
  for (const auto* some : {&checkers, &drained}) {
    for (const std::uint32_t checker : *some) {
      const auto before = std::ranges::find(votes_, checker, &Vote::checker);
      votes.push_back(before == votes_.end() ? Vote{.checker = checker} : std::move(*before));
      votes.back().drained = some == &drained;
    }
  }
  votes_ = std::move(votes);
}

std::vector<std::uint32_t> Votes::Leaving(const std::vector<std::uint32_t>& checkers) const {
  std::vector<std::uint32_t> leaving;
  for (const Vote& vote : votes_) {
    if (vote.at_ns != 0 && std::ranges::find(checkers, vote.checker) == checkers.end()) {
      leaving.push_back(vote.checker);
    }
  }
  return leaving;
}

bool Votes::Has(std::uint32_t checker) const noexcept {
  return std::ranges::find(votes_, checker, &Vote::checker) != votes_.end();
}

void Votes::Forget() noexcept {
  for (Vote& vote : votes_) {
    vote = {.checker = vote.checker, .drained = vote.drained};
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
                                   Basis basis,
                                   std::uint64_t now_ns) const noexcept {
  const Tally tally = Count(quorum, now_ns);
  const auto fresh = [&](const Vote& vote) { return IsFresh(vote, quorum, now_ns); };
  if (quorum.on_stale != OnStale::kKeep && std::ranges::none_of(votes_, fresh) &&
      std::ranges::any_of(votes_, [](const Vote& vote) { return vote.at_ns != 0; })) {
    return quorum.on_stale == OnStale::kHealthy ? State::kHealthy : State::kUnhealthy;
  }
  if (!IsEnough(tally, quorum, basis)) {
    return std::nullopt;
  }
  return 100 * tally.healthy > quorum.percent * tally.reporting ? State::kHealthy
                                                                : State::kUnhealthy;
}

bool Votes::DecideWithoutDrained(const Quorum& quorum, std::uint64_t now_ns) const noexcept {
  Tally tally;
  for (const Vote& vote : votes_) {
    tally.assigned += vote.drained ? 0 : 1;
    tally.reporting += !vote.drained && Counts(vote, quorum, now_ns) ? 1 : 0;
  }
  return IsEnough(tally, quorum, Basis::kHalf);
}

std::optional<std::uint64_t> Votes::NextStaleNs(const Quorum& quorum,
                                                std::uint64_t now_ns) const noexcept {
  std::optional<std::uint64_t> next;
  for (const Vote& vote : votes_) {
    if (IsFresh(vote, quorum, now_ns)) {
      const std::uint64_t stale = vote.at_ns + MaxAgeNs(quorum);
      next = std::min(next.value_or(stale), stale);
    }
  }
  return next;
}

}  // namespace holdfast::health
