// See report.h.
#include "tools/querygen/report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

namespace holdfast::querygen {
namespace {

constexpr std::array<std::pair<const char*, double>, 3> kPercentiles = {
    {{"p50", 50}, {"p90", 90}, {"p99", 99}}};

double Microseconds(const Report& report, std::uint64_t cycles) {
  return static_cast<double>(cycles) * 1e6 / static_cast<double>(report.tsc_hz);
}

double Share(double part, std::uint64_t whole) {
  return whole == 0 ? 0 : part / static_cast<double>(whole);
}

double PerSecond(const Report& report) {
  const double seconds = std::max(report.outcome.seconds, 1e-9);
  return static_cast<double>(report.outcome.Of(Verdict::kRight)) / seconds;
}

// Of sending a query and judging its reply, in rounds that did either.
double OwnCycles(const Report& report) {
  return Share(static_cast<double>(report.outcome.busy_cycles), report.outcome.sent);
}

double ResponderCycles(const Report& report) {
  return Share(static_cast<double>(report.responder->busy_cycles), report.responder->answers);
}

template <class... T>
std::string Line(const char* format, T... values) {
  std::array<char, 256> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

}  // namespace

std::string JsonOf(const Report& report) {
  const Outcome& outcome = report.outcome;
  nlohmann::json latency{{"max", Microseconds(report, outcome.latency.max())}};
  for (const auto& [name, percent] : kPercentiles) {
    latency[name] = Microseconds(report, outcome.latency.Percentile(percent));
  }
  nlohmann::json replies;
  for (std::size_t i = 0; i < outcome.replies.size(); ++i) {
    replies[VerdictText(static_cast<Verdict>(i))] = outcome.replies[i];
  }
  nlohmann::json all{{"sent", outcome.sent},
                     {"answered", outcome.Of(Verdict::kRight)},
                     {"lost", outcome.lost},
                     {"wrong", outcome.Wrong()},
                     {"first_wrong", outcome.first_wrong},
                     {"refused", outcome.refused},
                     {"replies", std::move(replies)},
                     {"seconds", outcome.seconds},
                     {"answers_per_s", PerSecond(report)},
                     {"latency_us", std::move(latency)},
                     {"own_cycles", OwnCycles(report)},
                     {"corpus", report.corpus},
                     {"worst_delay", report.worst_delay}};
  if (report.responder) {
    all["responder"] = {{"answers", report.responder->answers},
                        {"busy_cycles", report.responder->busy_cycles},
                        {"cycles_per_answer", ResponderCycles(report)}};
  }
  return all.dump() + "\n";
}

std::string WordsOf(const Report& report) {
  const Outcome& outcome = report.outcome;
  const auto count = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::string text =
      Line("sent %llu, answered %llu, lost %llu, wrong %llu in %.3f s: %.0f answers/s\n",
           count(outcome.sent),
           count(outcome.Of(Verdict::kRight)),
           count(outcome.lost),
           count(outcome.Wrong()),
           outcome.seconds,
           PerSecond(report));
  text += "latency";
  for (const auto& [name, percent] : kPercentiles) {
    text += Line(" %s %.2f us,", name, Microseconds(report, outcome.latency.Percentile(percent)));
  }
  text += Line(" max %.2f us\n", Microseconds(report, outcome.latency.max()));
  text += Line(
      "generator: %.1f cycles/query in rounds with frames; the port took fewer than were"
      " due %llu times\n",
      OwnCycles(report),
      count(outcome.refused));
  if (report.responder) {
    text += Line("responder: %.1f cycles/answer in polls with frames\n", ResponderCycles(report));
  }
  if (report.worst_delay >= 0) {
    text += Line("a busy thread was without its CPU for %.2f %% of the time at most\n",
                 report.worst_delay * 100);
  }
  for (std::size_t i = 1; i < outcome.replies.size(); ++i) {
    if (outcome.replies[i] != 0) {
      text += Line("%s: %llu\n", VerdictText(static_cast<Verdict>(i)), count(outcome.replies[i]));
    }
  }
  return text;
}

int StatusOf(const Report& report) {
  return report.outcome.Wrong() != 0 || report.outcome.Of(Verdict::kRight) == 0 ? 1 : 0;
}

}  // namespace holdfast::querygen
