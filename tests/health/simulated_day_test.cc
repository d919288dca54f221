// 24 hours of endpoints that come and go, seen by checkers that go blind, fall silent or see it
// otherwise, on a clock that is moved by hand: at every step schedule, thresholds, votes and
// damping say what a naive model says, which keeps all that ever happened and looks it through each
// time.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "health/schedule/schedule.h"
#include "health/verdict/check_verdict.h"
#include "health/verdict/threshold.h"

namespace holdfast::health {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::uint64_t kStartNs = 1'000'000'000'000;
constexpr std::uint64_t kDayNs = nanoseconds(24h).count();
constexpr std::uint64_t kHourNs = nanoseconds(1h).count();
constexpr std::uint64_t kTickNs = nanoseconds(1s).count();

struct Seen {
  std::uint64_t at_ns;
  Outcome outcome;
};

/// As section 4 to 7 of the specification can be read: from everything that was seen.
class NaiveModel {
 public:
  NaiveModel(const CheckConfig& check, std::size_t checkers) : check_(check), seen_(checkers) {}

  void See(std::size_t checker, Seen seen) {
    seen_[checker].push_back(seen);
    Look(seen.at_ns);
  }

  /// Once at every moment at which anything may have changed.
  void Look(std::uint64_t now_ns) {
    reporting = healthy = 0;
    bool ever = false;
    bool fresh = false;
    for (const auto& results : seen_) {
      const auto last = std::find_if(results.rbegin(), results.rend(), IsKnown);
      ever = ever || last != results.rend();
      const bool young =
          last != results.rend() &&
          now_ns - last->at_ns < static_cast<std::uint64_t>(nanoseconds(ReportTtl(check_)).count());
      fresh = fresh || young;
      const bool counts = young && SideOf(results) != State::kUnknown;
      reporting += counts ? 1 : 0;
      healthy += counts && SideOf(results) == State::kHealthy ? 1 : 0;
    }
    const bool first = decided == State::kUnknown;
    if (ever && !fresh && check_.quorum.on_stale != OnStale::kKeep) {
      decided = check_.quorum.on_stale == OnStale::kHealthy ? State::kHealthy : State::kUnhealthy;
    } else if (reporting != 0 && reporting >= check_.quorum.min_reporters &&
               (!first || reporting * 2 >= seen_.size())) {
      decided =
          healthy * 100 > reporting * check_.quorum.percent ? State::kHealthy : State::kUnhealthy;
    }
    Show(now_ns);
  }

  [[nodiscard]] bool Status() const { return (raw != State::kUnhealthy) != check_.inverted; }

  State decided = State::kUnknown;
  State raw = State::kUnknown;
  std::size_t reporting = 0;
  std::size_t healthy = 0;
  std::vector<std::uint64_t> falls;  // all of them
  std::vector<std::uint64_t> rises;

 private:
  static bool IsKnown(const Seen& seen) { return seen.outcome != Outcome::kUnknown; }

  // The side of the last run of equal results that is long enough for its side.
  [[nodiscard]] State SideOf(const std::vector<Seen>& results) const {
    std::uint32_t run = 0;
    std::optional<Outcome> of;
    for (auto at = results.rbegin(); at != results.rend(); ++at) {
      if (!IsKnown(*at)) {
        continue;
      }
      run = of == at->outcome ? run + 1 : 1;
      of = at->outcome;
      if (run >= (of == Outcome::kPass ? check_.healthy_threshold : check_.unhealthy_threshold)) {
        return of == Outcome::kPass ? State::kHealthy : State::kUnhealthy;
      }
    }
    return State::kUnknown;
  }

  void Show(std::uint64_t now_ns) {
    const DampingRule& rule = check_.damping;
    if (decided == raw || decided == State::kUnknown) {
      return;
    }
    // Records see an inverted check fall when its probes begin to pass.
    const State down = check_.inverted ? State::kHealthy : State::kUnhealthy;
    if (decided == down) {
      falls.push_back(now_ns);
      raw = decided;
      return;
    }
    if (raw == down) {
      const auto lately = std::ranges::count_if(
          falls, [now_ns](std::uint64_t fell) { return fell + kHourNs > now_ns; });
      const bool too_often =
          rule.max_flaps_per_hour != 0 && lately > std::int64_t{rule.max_flaps_per_hour};
      const bool too_early =
          now_ns < falls.back() + static_cast<std::uint64_t>(nanoseconds(rule.hold_down).count());
      if (too_often || too_early) {
        return;
      }
    }
    rises.push_back(now_ns);
    raw = decided;
  }

  const CheckConfig check_;
  std::vector<std::vector<Seen>> seen_;
};

/// An endpoint and what each checker can see of it; changes at random moments.
class World {
 public:
  World(std::uint64_t seed, std::size_t checkers) : random_(seed), views_(checkers) {}

  void MoveTo(std::uint64_t now_ns) {
    while (next_ns_ <= now_ns) {
      switch (random_() % 4) {
        case 0:
        case 1:
          up_ = !up_;
          break;
        default:
          views_[random_() % views_.size()] = static_cast<View>(random_() % 5);
      }
      // Seconds to most of an hour: quick flaps and long calms.
      std::uniform_real_distribution<double> exponent(0, 3.5);
      next_ns_ += static_cast<std::uint64_t>(std::pow(10, exponent(random_)) * 1e9);
    }
  }
  /// Nothing: it is silent, so no report comes at all.
  std::optional<Outcome> Probe(std::size_t checker) {
    const bool lost = random_() % 50 == 0;  // one packet
    switch (views_[checker]) {
      case View::kSilent:
        return std::nullopt;
      case View::kBlind:
        return Outcome::kUnknown;
      case View::kCutOff:
        return Outcome::kFail;
      default:
        return up_ && !lost ? Outcome::kPass : Outcome::kFail;
    }
  }
  std::uint64_t Duration() { return random_() % 2'000'000'000; }

 private:
  enum class View : std::uint8_t { kGood, kAlsoGood, kSilent, kBlind, kCutOff };
  std::mt19937_64 random_;
  bool up_ = true;
  std::vector<View> views_;
  std::uint64_t next_ns_ = kStartNs;
};

CheckConfig RandomCheck(std::mt19937_64& random) {
  const auto one_of = [&random](auto... values) {
    const std::common_type_t<decltype(values)...> all[] = {values...};
    return all[random() % sizeof...(values)];
  };
  CheckConfig check{.id = "check", .ip_address = "192.0.2.1"};
  check.interval = one_of(1s, 2s, 5s, 10s, 30s);
  check.jitter_percent = one_of(0U, 10U, 50U);
  check.healthy_threshold = one_of(1U, 2U, 3U, 5U);
  check.unhealthy_threshold = one_of(1U, 2U, 3U, 5U);
  check.inverted = random() % 4 == 0;
  check.quorum.percent = one_of(0U, 18U, 50U, 99U);
  check.quorum.min_reporters = one_of(1U, 1U, 2U);
  check.quorum.report_ttl = one_of(0s, 5s, 60s);
  check.quorum.on_stale = one_of(OnStale::kKeep, OnStale::kHealthy, OnStale::kUnhealthy);
  check.damping.hold_down = one_of(0s, 30s, 600s);
  check.damping.max_flaps_per_hour = one_of(0U, 1U, 5U);
  return check;
}

class SimulatedDay : public testing::TestWithParam<std::uint64_t> {};

TEST_P(SimulatedDay, EqualsTheNaiveModelAtEveryStep) {
  std::mt19937_64 random(GetParam());
  const CheckConfig check = RandomCheck(random);
  const std::size_t checkers = 1 + GetParam() % 6;
  World world(GetParam(), checkers);
  NaiveModel naive(check, checkers);

  const auto moment = [](std::uint64_t now_ns) {
    return Moment{.monotonic_ns = now_ns, .wall_ms = static_cast<std::int64_t>(now_ns / 1'000'000)};
  };
  const auto point = [](std::uint64_t now_ns) { return Schedule::TimePoint(nanoseconds(now_ns)); };
  CheckVerdict verdict(check, moment(kStartNs));
  std::vector<std::uint32_t> all(checkers);
  std::vector<Schedule> schedules;
  std::vector<Threshold> thresholds;
  std::vector<std::optional<std::uint64_t>> ended(checkers);
  std::multimap<std::uint64_t, std::pair<std::uint32_t, Schedule::Ticket>> under_way;  // by end
  for (std::uint32_t i = 0; i < checkers; ++i) {
    all[i] = i;
    schedules.emplace_back(random());
    schedules[i].Set(0, 1, {check.interval, check.jitter_percent}, point(kStartNs));
    thresholds.emplace_back(check.healthy_threshold, check.unhealthy_threshold);
  }
  verdict.Assign(all, moment(kStartNs));

  std::uint64_t steps = 0;
  std::uint64_t told = 0;
  bool status = verdict.healthy();
  const auto compare = [&](std::uint64_t now_ns) {
    ++steps;
    const std::string when = "after " + std::to_string((now_ns - kStartNs) / 1'000'000) + " ms";
    ASSERT_EQ(verdict.decided(), naive.decided) << when;
    ASSERT_EQ(verdict.raw(), naive.raw) << when;
    ASSERT_EQ(verdict.healthy(), naive.Status()) << when;
    const auto tally = verdict.Tally(now_ns);
    ASSERT_EQ(tally.reporting, naive.reporting) << when;
    ASSERT_EQ(tally.healthy, naive.healthy) << when;
    told += verdict.healthy() != status ? 1 : 0;
    status = verdict.healthy();
    ASSERT_EQ(verdict.changes(), told) << when;
  };
  const nanoseconds gap = check.interval;
  const nanoseconds leeway = gap * check.jitter_percent / 100;
  for (std::uint64_t now_ns = kStartNs, tick_ns = kStartNs; now_ns < kStartNs + kDayNs;) {
    // The next thing that happens, whatever it is.
    const auto review = verdict.ReviewNs(now_ns);
    now_ns = std::min(tick_ns, review.value_or(tick_ns));
    for (const Schedule& schedule : schedules) {
      if (const auto due = schedule.NextDue()) {
        now_ns = std::min<std::uint64_t>(now_ns, due->time_since_epoch().count());
      }
    }
    if (!under_way.empty()) {
      now_ns = std::min(now_ns, under_way.begin()->first);
    }
    world.MoveTo(now_ns);
    for (std::uint32_t i = 0; i < checkers; ++i) {
      for (const Schedule::Ticket ticket : schedules[i].TakeDue(point(now_ns), 1)) {
        if (ended[i]) {
          const nanoseconds waited(now_ns - *ended[i]);
          ASSERT_GE(waited, gap - leeway);
          ASSERT_LE(waited, gap + leeway);
        }
        under_way.emplace(now_ns + world.Duration(), std::pair(i, ticket));
      }
    }
    if (review && *review <= now_ns) {
      verdict.Review(moment(now_ns));
      naive.Look(now_ns);
      compare(now_ns);
    }
    while (!under_way.empty() && under_way.begin()->first <= now_ns) {
      const auto [i, ticket] = under_way.extract(under_way.begin()).mapped();
      ASSERT_TRUE(schedules[i].Finished(ticket, point(now_ns)));
      ended[i] = now_ns;
      if (const auto outcome = world.Probe(i)) {
        if (*outcome != Outcome::kUnknown) {
          thresholds[i].Apply(*outcome == Outcome::kPass);
        }
        verdict.Take(i,
                     thresholds[i].state(),
                     {.outcome = *outcome, .reason = "", .at_ns = now_ns, .phases = {}},
                     moment(now_ns));
        naive.See(i, {now_ns, *outcome});
        compare(now_ns);
      }
    }
    if (now_ns == tick_ns) {
      tick_ns += kTickNs;
      naive.Look(now_ns);
      compare(now_ns);
    }
    if (HasFatalFailure()) {
      return;
    }
  }
  RecordProperty("steps", std::to_string(steps));
  std::printf(
      "[ figures  ] seed %lu: %zu checkers, %lu steps, %lu changes of the status, %zu falls\n",
      GetParam(),
      checkers,
      steps,
      told,
      naive.falls.size());
  EXPECT_GT(steps, kDayNs / kTickNs);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SimulatedDay, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace holdfast::health
