#include "control/alarms/sources.h"

#include <atomic>
#include <deque>
#include <future>
#include <map>
#include <optional>
#include <random>
#include <spdlog/spdlog.h>
#include <utility>

#include "control/alarms/alertmanager.h"
#include "control/alarms/promql.h"

namespace holdfast::control {
namespace {

using Clock = std::chrono::steady_clock;
using health::AlarmState;
using std::chrono::milliseconds;

// Posts that wait for the client's thread at a time.
constexpr int kMaxPosted = 256;

std::string Opening(AlarmState state) {
  return state == AlarmState::kOk      ? "Success: "
         : state == AlarmState::kAlarm ? "Failure: "
                                       : "Unknown: ";
}

// What one source knows. Gone when its settings changed: what is under way for it then ends in
// nothing.
class Kept : public std::enable_shared_from_this<Kept> {
 public:
  using Tell = std::function<void(const std::string& alarm, AlarmState, const std::string& reason)>;

  Kept(HttpClient& client, MetricSource settings, Tell tell)
      : client_(client),
        settings_(std::move(settings)),
        tell_(std::move(tell)),
        groups_(std::chrono::seconds(settings_.heartbeat_s), Clock::now()) {}

  [[nodiscard]] const MetricSource& settings() const noexcept { return settings_; }

  void Start() {
    if (settings_.kind == MetricSource::Kind::kAlertmanager) {
      return AwaitSilence();
    }
    // Servers see an even load, whatever number of alarms there is; a short period starts soon.
    const milliseconds period(std::int64_t{settings_.period_s} * 1000);
    std::random_device random;
    Later(milliseconds(random() % std::min<std::uint64_t>(period.count(), 5'000)), &Kept::Ask);
  }

  /// Says again what it said last: there may be checks that have not heard it.
  void TellAgain() const {
    if (told_) {
      tell_(settings_.id, told_->first, told_->second);
    }
  }

  Status Take(const AlertNotice& notice) {
    HF_TRY(groups_.Take(notice, Clock::now()));
    JudgeGroups();
    return {};
  }

 private:
  void Later(milliseconds delay, void (Kept::*step)()) {
    client_.After(delay, [weak = weak_from_this(), step] {
      if (const auto self = weak.lock()) {
        ((*self).*step)();
      }
    });
  }

  // The next question is asked a period after this one, however long the answer takes; its timeout
  // is no longer than that.
  void Ask() {
    asked_ = Clock::now();
    client_.Send(PromqlCall(settings_), [weak = weak_from_this()](Result<HttpAnswer> answer) {
      if (const auto self = weak.lock()) {
        self->Answered(answer);
      }
    });
  }

  void Answered(const Result<HttpAnswer>& answer) {
    const auto value = answer ? ReadPromqlReply(answer->status, answer->body)
                              : Result<std::optional<double>>(std::unexpected(answer.error()));
    points_.push_back(value ? *value : std::optional<double>());
    while (points_.size() > health::PeriodsLookedAt(settings_.rule)) {
      points_.pop_front();
    }
    const std::vector<std::optional<double>> points(points_.begin(), points_.end());
    const AlarmState state = health::JudgePoints(settings_.rule, points);
    if (!value) {
      Say(state, value.error().message);
    } else {
      const std::optional<double>& point = *value;
      Say(state, point ? health::PointText(settings_.rule, *point) : "the query gives no value");
    }
    const auto next = asked_ + std::chrono::seconds(settings_.period_s);
    Later(std::max(milliseconds(0), std::chrono::ceil<milliseconds>(next - Clock::now())),
          &Kept::Ask);
  }

  void Say(AlarmState state, const std::string& what) {
    told_ = {state,
             Opening(state) + "alarm " + settings_.id + " is " + health::AlarmStateText(state) +
                 ": " + what};
    TellAgain();
  }

  void JudgeGroups() {
    const AlarmState state = groups_.Judge(Clock::now());
    const std::string what =
        state != AlarmState::kInsufficientData
            ? groups_.Summary()
            : "nothing was posted for " + std::to_string(settings_.heartbeat_s) + " s";
    Say(state, what);
  }

  void AwaitSilence() {
    const auto now = Clock::now();
    auto next = groups_.SilentAt();
    if (now >= next) {
      JudgeGroups();
      next = now + std::chrono::seconds(settings_.heartbeat_s);
    }
    Later(std::chrono::ceil<milliseconds>(next - now), &Kept::AwaitSilence);
  }

  HttpClient& client_;
  const MetricSource settings_;
  const Tell tell_;
  std::optional<std::pair<AlarmState, std::string>> told_;
  std::deque<std::optional<double>> points_;  // kPromql: the newest last
  Clock::time_point asked_;
  AlertGroups groups_;  // kAlertmanager
};

}  // namespace

class AlarmSources::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(HttpClient& client, Report report) : client_(client), report_(std::move(report)) {}

  HttpClient& client() noexcept { return client_; }

  void Configure(const std::vector<MetricSource>& wanted,
                 const std::vector<std::pair<std::string, std::string>>& checks) {
    checks_.clear();
    checks_.insert(checks.begin(), checks.end());
    auto before = std::exchange(sources_, {});
    for (const MetricSource& settings : wanted) {
      const auto old = before.find(settings.id);
      auto& source = sources_[settings.id];
      if (old != before.end() && old->second->settings() == settings) {
        source = old->second;
        source->TellAgain();
        continue;
      }
      source = std::make_shared<Kept>(
          client_, settings, [this](const auto& alarm, AlarmState state, const auto& reason) {
            Tell(alarm, state, reason);
          });
      source->Start();
    }
  }

  Result<void> Take(const std::string& alarm, const AlertNotice& notice) {
    const auto at = sources_.find(alarm);
    if (at == sources_.end() || at->second->settings().kind != MetricSource::Kind::kAlertmanager) {
      return Fail(ErrorCode::kNotFound,
                  "no [metric.\"REGION/NAME\"] of kind \"alertmanager\" has this name");
    }
    return at->second->Take(notice);
  }

  std::atomic<int> posted = 0;

 private:
  void Tell(const std::string& alarm, AlarmState state, const std::string& reason) {
    const auto [first, last] = checks_.equal_range(alarm);
    for (auto at = first; at != last; ++at) {
      report_(at->second, state, reason);
    }
  }

  HttpClient& client_;
  const Report report_;
  std::map<std::string, std::shared_ptr<Kept>> sources_;
  std::multimap<std::string, std::string> checks_;  // alarm -> ids of checks
};

AlarmSources::AlarmSources(HttpClient& client, Report report)
    : core_(std::make_shared<Core>(client, std::move(report))) {}
AlarmSources::~AlarmSources() = default;

void AlarmSources::Configure(const std::vector<MetricSource>& sources,
                             const std::vector<health::CheckConfig>& checks) {
  std::vector<std::pair<std::string, std::string>> by_alarm;
  for (const health::CheckConfig& check : checks) {
    if (check.type == health::CheckType::kCloudwatchMetric) {
      by_alarm.emplace_back(check.alarm, check.id);
    }
  }
  core_->client().Post([core = core_, sources, by_alarm = std::move(by_alarm)] {
    core->Configure(sources, by_alarm);
  });
}

HttpReply AlarmSources::Receive(std::string_view alarm, const std::string& body) {
  auto notice = ReadAlertNotice(body);
  if (!notice) {
    return Sentence(400, notice.error().message);
  }
  if (core_->posted.fetch_add(1) >= kMaxPosted) {
    --core_->posted;
    return Sentence(503, "too many notifications at once; send it again");
  }
  auto done = std::make_shared<std::promise<Status>>();
  auto taken = done->get_future();
  core_->client().Post(
      [core = core_, alarm = std::string(alarm), notice = std::move(*notice), done] {
        done->set_value(core->Take(alarm, notice));
        --core->posted;
      });
  // Its thread never waits for anything; only an end of the process is slower.
  if (taken.wait_for(std::chrono::seconds(5)) != std::future_status::ready) {
    return Sentence(503, "not taken in time; send it again");
  }
  const Status status = taken.get();
  if (!status) {
    return Sentence(status.error().code == ErrorCode::kNotFound ? 404 : 429,
                    status.error().message);
  }
  return Sentence(200, "taken");
}

}  // namespace holdfast::control
