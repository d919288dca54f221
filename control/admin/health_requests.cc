#include "control/admin/health_requests.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <utility>

#include "control/admin/check_settings.h"
#include "control/model/text.h"
#include "dataplane/base/clock.h"

namespace holdfast::control {
namespace {

const char* OutcomeText(health::Outcome outcome) noexcept {
  switch (outcome) {
    case health::Outcome::kPass:
      return "pass";
    case health::Outcome::kFail:
      return "fail";
    case health::Outcome::kUnknown:
      return "unknown";
  }
  return "?";
}

Json OrNull(const std::optional<std::int64_t>& value) {
  return value ? Json(*value) : Json();
}

// Of what passed; a phase that its probes do not have is left out.
Json LatencyJson(const health::Latencies& latencies) {
  const auto ms = [](double seconds) { return std::round(seconds * 1e6) / 1e3; };
  Json json = Json::object();
  const std::pair<const char*, const health::LatencyHistogram*> phases[] = {
      {"connect", &latencies.connect},
      {"tls", &latencies.tls_handshake},
      {"first_byte", &latencies.first_byte}};
  for (const auto& [name, histogram] : phases) {
    if (histogram->count() != 0) {
      json[name] = {{"count", histogram->count()},
                    {"mean_ms", ms(histogram->mean_seconds())},
                    {"p50_ms", ms(histogram->Quantile(0.5))},
                    {"p99_ms", ms(histogram->Quantile(0.99))}};
    }
  }
  return json;
}

Json ViewJson(const health::CheckerView& view) {
  const double ms = std::chrono::duration<double, std::milli>(view.rtt).count();
  return {{"checker", view.checker},
          {"region", view.region},
          {"side", health::StateText(view.side)},
          {"draining", view.draining},
          {"age_ms", OrNull(view.age_ms)},
          {"rtt_ms", view.age_ms ? Json(ms) : Json()},
          {"reason", view.reason},
          {"latency", view.latencies ? LatencyJson(*view.latencies) : Json()}};
}

Json LineJson(const health::HistoryLine& line, const std::vector<health::CheckerName>& checkers) {
  Json json{{"at_ms", line.first_ms}, {"reason", line.reason}};
  if (line.is_change) {
    json["change"] = {{"raw", health::StateText(line.state)}, {"healthy", line.healthy}};
    return json;
  }
  json["seen"] = {
      {"checker", line.checker < checkers.size() ? checkers[line.checker].name : std::string("?")},
      {"outcome", OutcomeText(line.outcome)},
      {"side", health::StateText(line.state)},
      {"times", line.times},
      {"last_ms", line.last_ms}};
  return json;
}

}  // namespace

Json UntilJson(std::int64_t until_ms) {
  return until_ms == 0 ? Json() : Json(TimeText(until_ms));
}

Json CheckJson(const health::CheckStatus& check) {
  Json json{{"id", check.id},
            {"type", health::CheckTypeText(check.type)},
            {"target", check.target},
            {"state", check.healthy ? "healthy" : "unhealthy"},
            {"raw", health::StateText(check.raw)},
            {"healthy", check.healthy},
            {"override", health::OverrideText(check.ordered.to)},
            {"override_until", UntilJson(check.ordered.until_ms)},
            {"disabled", check.disabled},
            {"inverted", check.inverted},
            {"since_ms", check.since_ms},
            {"reason", check.reason},
            {"age_ms", OrNull(check.age_ms)},
            {"verified", check.verified},
            {"passes", check.counters.passes},
            {"failures", check.counters.failures},
            {"unknowns", check.counters.unknowns},
            {"last_failure", check.counters.last_failure},
            {"last_failure_ms",
             check.counters.last_failure_ms == 0 ? Json() : Json(check.counters.last_failure_ms)},
            {"flaps", check.flaps},
            {"held", check.held}};
  if (check.tally.assigned != 0) {
    json["checkers"] = {{"assigned", check.tally.assigned},
                        {"reporting", check.tally.reporting},
                        {"healthy", check.tally.healthy},
                        {"quorum", check.has_quorum}};
  }
  if (check.type == health::CheckType::kCalculated) {
    json["children"] = {{"all", check.children}, {"healthy", check.children_healthy}};
  }
  return json;
}

Json Published(Core& core) {
  if (const auto published = core.OnTransitions(); !published) {
    return Failure({published.error().code,
                    "taken, and published as soon as there is room: " + published.error().message});
  }
  return Success({{"generation", core.publisher().generation().value()}});
}

Json HealthShow(Core& core, const std::string& check, bool history) {
  const auto views = core.monitor().Views(check);
  if (!views) {
    return Failure(views.error());
  }
  const auto status = core.monitor().StatusOf(check);
  if (!status) {
    return Failure(status.error());
  }
  Json json = CheckJson(*status);
  const auto model = core.model();
  if (const auto config = std::ranges::find(model->checks, check, &health::CheckConfig::id);
      config != model->checks.end()) {
    json["settings"] = SettingsJson(*config);
  }
  json["views"] = Json::array();
  for (const health::CheckerView& view : *views) {
    json["views"].push_back(ViewJson(view));
  }
  if (history) {
    const auto checkers = core.monitor().Checkers();
    const auto lines = core.monitor().HistoryOf(check);
    if (!lines) {
      return Failure(lines.error());
    }
    json["history"] = Json::array();
    for (const health::HistoryLine& line : *lines) {
      json["history"].push_back(LineJson(line, checkers));
    }
  }
  return Success(std::move(json));
}

Result<health::Order> OrderOf(const std::string& to,
                              const std::optional<std::string>& for_seconds,
                              std::int64_t now_ms) {
  if (to != "healthy" && to != "unhealthy" && to != "auto") {
    return Fail(ErrorCode::kInvalid, "\"to\" is '" + to + "'; expected healthy, unhealthy or auto");
  }
  const auto ordered = to == "auto"      ? health::Override::kAuto
                       : to == "healthy" ? health::Override::kHealthy
                                         : health::Override::kUnhealthy;
  if (!for_seconds) {
    return health::Order(ordered);
  }
  if (ordered == health::Override::kAuto) {
    return Fail(ErrorCode::kInvalid,
                "\"for\" is " + *for_seconds + "; expected none with \"to\" auto");
  }
  std::int64_t seconds = 0;
  const char* end = for_seconds->data() + for_seconds->size();
  const auto read = std::from_chars(for_seconds->data(), end, seconds);
  if (read.ec != std::errc{} || read.ptr != end || seconds < 1 ||
      seconds > health::kMaxOrderSeconds) {
    return Fail(
        ErrorCode::kInvalid,
        "\"for\" is " + *for_seconds + "; expected 1.." + std::to_string(health::kMaxOrderSeconds));
  }
  return health::Order(ordered, now_ms + (seconds * 1000));
}

Json HealthSet(Core& core,
               const std::string& check,
               const std::string& to,
               const std::optional<std::string>& for_seconds) {
  const auto ordered = OrderOf(to, for_seconds, WallMs());
  if (!ordered) {
    return Failure(ordered.error());
  }
  if (const auto set = core.SetOverride(check, *ordered); !set) {
    return Failure(set.error());
  }
  return Published(core);
}

Json HealthRelease(Core& core, const std::string& check) {
  if (const auto released = core.monitor().Release(check); !released) {
    return Failure(released.error());
  }
  return Published(core);
}

}  // namespace holdfast::control
