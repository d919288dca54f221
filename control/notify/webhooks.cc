#include "control/notify/webhooks.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <random>
#include <spdlog/spdlog.h>
#include <unordered_map>

#include "control/notify/mass.h"
#include "dataplane/base/clock.h"

namespace holdfast::control {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLookAgain{50};  // at the earliest, for what a mass event holds

const char* StatusText(bool healthy) {
  return healthy ? "healthy" : "unhealthy";
}

// Host and port of a URL: what may be shown of it, since user, path and query can be secrets.
std::string HostOf(const std::string& url) {
  std::string host = url.substr(url.find("://") + 3);
  host = host.substr(0, host.find_first_of("/?"));
  return host.substr(host.find('@') == std::string::npos ? 0 : host.find('@') + 1);
}

// One target. Gone when no target of its URL is wanted: an attempt under way then ends in nothing.
class Target : public std::enable_shared_from_this<Target> {
 public:
  Target(HttpClient& client,
         const Sender& sender,
         const WebhookLimits& limits,
         const WebhookConfig& config)
      : client_(client), sender_(sender), limits_(limits), config_(config) {
    figures_.target = HostOf(config.url);
    ReadAgain();
  }

  /// What waits is told as the new settings say.
  void Change(const WebhookConfig& config) {
    config_ = config;
    ReadAgain();
  }
  /// Keeps the secret that it had when there is none to be had now.
  void ReadAgain() {
    if (auto secret = ReadSecret(config_.secret_file)) {
      secret_ = std::move(*secret);
    } else {
      spdlog::error("webhook {}: {}", figures_.target, secret.error().message);
    }
  }

  [[nodiscard]] const WebhookConfig& config() const noexcept { return config_; }
  [[nodiscard]] const WebhookFigures& figures() {
    figures_.waiting = queue_.size();
    return figures_;
  }

  [[nodiscard]] bool Wants(Event::Kind kind) const noexcept {
    switch (kind) {
      case Event::Kind::kMass:
        return true;  // it stands for whatever was not told
      case Event::Kind::kTransition:
        return config_.transitions;
      case Event::Kind::kLastResort:
        return config_.last_resort;
      case Event::Kind::kQuorum:
        return config_.quorum;
    }
    return false;
  }

  void Push(std::shared_ptr<const Event> event) {
    if (queue_.size() >= limits_.queue) {
      queue_.erase(Oldest());
      ++figures_.dropped;
    }
    queue_.push_back({++sequence_, std::move(event)});
    if (!busy_) {
      Attempt();
    }
  }
  void Lost(std::uint64_t events) {
    sequence_ += events;
    figures_.dropped += events;
  }

 private:
  struct Waiting {
    std::uint64_t sequence;
    std::shared_ptr<const Event> event;
  };

  // That is not on its way, and no mass event, which many others were left out for, unless nothing
  // else waits.
  std::deque<Waiting>::iterator Oldest() {
    const auto first = queue_.begin() + (calling_ && queue_.size() > 1 ? 1 : 0);
    const auto plain = std::find_if(first, queue_.end(), [](const Waiting& one) {
      return one.event->kind != Event::Kind::kMass;
    });
    return plain == queue_.end() ? first : plain;
  }

  void Attempt() {
    if (queue_.empty()) {
      busy_ = false;
      return;
    }
    busy_ = true;
    const Waiting& first = queue_.front();
    calling_ = true;
    std::string body = config_.sns_envelope ? SnsBody(*first.event, sender_, first.sequence)
                                            : EventBody(*first.event, sender_, first.sequence);
    std::vector<std::string> headers{"Content-Type: application/json",
                                     SignatureHeader(secret_, WallMs() / 1000, body)};
    if (config_.sns_envelope) {
      headers.emplace_back("x-amz-sns-message-type: Notification");
    }
    client_.Send({.url = config_.url,
                  .headers = std::move(headers),
                  .body = std::move(body),
                  .timeout = limits_.timeout},
                 [weak = weak_from_this(), sequence = first.sequence](Result<HttpAnswer> answer) {
                   if (const auto self = weak.lock()) {
                     self->Ended(sequence, answer);
                   }
                 });
  }

  void Ended(std::uint64_t sequence, const Result<HttpAnswer>& answer) {
    calling_ = false;
    if (answer && answer->status >= 200 && answer->status < 300) {
      ++figures_.delivered;
      figures_.problem.clear();
      failures_ = 0;
      if (!queue_.empty() && queue_.front().sequence == sequence) {
        queue_.pop_front();
      }
      return Attempt();
    }
    ++figures_.failed;
    figures_.problem =
        answer ? "HTTP status " + std::to_string(answer->status) : answer.error().message;
    milliseconds pause = limits_.first_pause;
    for (unsigned i = 0; i < failures_ && pause < limits_.longest_pause; ++i) {
      pause *= 2;
    }
    pause = std::min(pause, limits_.longest_pause);
    ++failures_;
    // Between half of it and all: targets that many nodes tell are not all told at once.
    std::uniform_int_distribution<std::int64_t> part(pause.count() / 2, pause.count());
    client_.After(milliseconds(part(random_)), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->Attempt();
      }
    });
  }

  HttpClient& client_;
  const Sender& sender_;
  const WebhookLimits& limits_;
  WebhookConfig config_;
  std::string secret_;
  std::deque<Waiting> queue_;
  std::uint64_t sequence_ = 0;
  unsigned failures_ = 0;  // in a row
  bool busy_ = false;      // an attempt, or the pause before the next
  bool calling_ = false;   // an attempt
  WebhookFigures figures_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace

class Webhooks::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(HttpClient& client, Sender sender, const WebhookLimits& limits)
      : client_(client), sender_(std::move(sender)), limits_(limits) {}

  /// Has `work` done on the client's thread, which then shows the figures.
  void Post(std::function<void()> work) {
    client_.Post([self = shared_from_this(), work = std::move(work)] {
      work();
      self->Show();
      self->KeepShowing();
    });
  }

  void Configure(const std::vector<WebhookConfig>& wanted,
                 std::vector<CheckWords> checks,
                 std::uint32_t mass_changes) {
    gate_.SetMost(mass_changes);
    SetTargets(wanted);
    std::unordered_map<std::string, CheckWords> words;
    for (CheckWords& one : checks) {
      if (const auto known = words_.find(one.id); known != words_.end()) {
        one.healthy = known->second.healthy;
      }
      words.emplace(one.id, std::move(one));
    }
    words_ = std::move(words);
  }

  void Take(std::vector<health::Transition>&& transitions) {
    for (health::Transition& transition : transitions) {
      const auto known = words_.find(transition.check_id);
      // Also told when the status stays: its cause or the order changed.
      if (known == words_.end() || known->second.healthy == transition.healthy) {
        continue;
      }
      CheckWords& words = known->second;
      gate_.Add({.kind = Event::Kind::kTransition,
                 .id = words.id,
                 .name = words.name,
                 .type = words.type,
                 .was = StatusText(words.healthy),
                 .is = StatusText(transition.healthy),
                 .reason = std::move(transition.reason),
                 .time_ms = transition.since_ms,
                 .views = std::move(transition.sides)},
                MassGate::Clock::now());
      words.healthy = transition.healthy;
    }
    PushDue();
  }

  void Take(std::vector<Event> events, Event::Kind kind, std::size_t lost) {
    if (events.empty()) {
      return Lost(kind, lost);
    }
    const auto now = MassGate::Clock::now();
    for (Event& event : events) {
      gate_.Add(std::move(event), now, &event == &events.back() ? lost : 0);
    }
    PushDue();
  }

  // What has waited long enough, now and later.
  void PushDue() {
    const auto now = MassGate::Clock::now();
    const std::int64_t rules = at_last_resort;
    gate_.SetAtLastResort(rules < 0 ? std::nullopt : std::optional<std::size_t>(rules));
    for (MassGate::Told& told : gate_.TakeDue(now)) {
      const Event::Kind kind = told.event.kind;
      Push(std::move(told.event));
      Lost(kind, told.more);
    }
    mass = gate_.mass();
    const auto next = gate_.next();
    if (!next || waits_) {
      return;
    }
    waits_ = true;
    const auto wait = std::chrono::ceil<milliseconds>(*next - now);
    client_.After(std::max(wait, kLookAgain), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->waits_ = false;
        self->PushDue();
        self->Show();
        self->KeepShowing();
      }
    });
  }

  void Push(Event made) {
    const auto event = std::make_shared<const Event>(std::move(made));
    for (const auto& target : targets_) {
      if (target->Wants(event->kind)) {
        target->Push(event);
      }
    }
  }

  void Lost(Event::Kind kind, std::uint64_t events) {
    for (const auto& target : targets_) {
      if (target->Wants(kind)) {
        target->Lost(events);
      }
    }
  }

  [[nodiscard]] std::vector<WebhookFigures> Figures() const {
    const std::lock_guard lock(mutex_);
    return shown_;
  }

  const WebhookLimits& limits() const noexcept { return limits_; }
  std::atomic<std::size_t> handed_over = 0;
  std::atomic<bool> mass = false;
  std::atomic<std::int64_t> at_last_resort = -1;  // rules; -1: nobody watches them
  std::atomic<std::uint64_t> dropped_with_removed = 0;

 private:
  // The same ones first, so that of two with one URL each keeps its own queue.
  void SetTargets(const std::vector<WebhookConfig>& wanted) {
    auto before = std::exchange(targets_, std::vector<std::shared_ptr<Target>>(wanted.size()));
    const auto keep = [&](auto&& fits) {
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        const auto old = std::ranges::find_if(
            before, [&](const auto& t) { return t && fits(t->config(), wanted[i]); });
        if (targets_[i] == nullptr && old != before.end()) {
          targets_[i] = std::move(*old);
          targets_[i]->Change(wanted[i]);
        }
      }
    };
    keep([](const auto& was, const auto& is) { return was == is; });
    keep([](const auto& was, const auto& is) { return was.url == is.url; });
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (targets_[i] == nullptr) {
        targets_[i] = std::make_shared<Target>(client_, sender_, limits_, wanted[i]);
      }
    }
    for (const auto& gone : before) {
      if (gone != nullptr && gone->figures().waiting != 0) {
        dropped_with_removed += gone->figures().waiting;
        spdlog::warn("webhook {} is gone, and with it {} events that waited for it",
                     gone->figures().target,
                     gone->figures().waiting);
      }
    }
  }

  void Show() {
    std::vector<WebhookFigures> figures;
    figures.reserve(targets_.size());
    for (const auto& target : targets_) {
      figures.push_back(target->figures());
    }
    const std::lock_guard lock(mutex_);
    shown_ = std::move(figures);
  }
  void KeepShowing() {
    if (showing_) {
      return;
    }
    showing_ = true;
    client_.After(milliseconds(100), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->showing_ = false;
        self->Show();
        if (std::ranges::any_of(self->shown_, &WebhookFigures::waiting)) {
          self->KeepShowing();
        }
      }
    });
  }

  HttpClient& client_;
  const Sender sender_;
  const WebhookLimits limits_;
  std::vector<std::shared_ptr<Target>> targets_;
  std::unordered_map<std::string, CheckWords> words_;
  MassGate gate_;
  bool waits_ = false;  // for what gate_ holds
  bool showing_ = false;
  mutable std::mutex mutex_;
  std::vector<WebhookFigures> shown_;  // guarded by mutex_
};

Webhooks::Webhooks(HttpClient& client, Sender sender, const WebhookLimits& limits)
    : core_(std::make_shared<Core>(client, std::move(sender), limits)) {}
Webhooks::~Webhooks() = default;

void Webhooks::Configure(std::vector<WebhookConfig> targets,
                         std::vector<CheckWords> checks,
                         std::uint32_t mass_changes) {
  core_->Post(
      [core = core_.get(), targets = std::move(targets), checks = std::move(checks), mass_changes] {
        core->Configure(targets, checks, mass_changes);
      });
}

void Webhooks::Tell(std::vector<health::Transition> transitions) {
  const std::size_t count = transitions.size();
  if (core_->handed_over.fetch_add(count) + count > core_->limits().handed_over) {
    core_->handed_over -= count;
    core_->Post([core = core_.get(), count] { core->Lost(Event::Kind::kTransition, count); });
    return;
  }
  core_->Post([core = core_.get(),
               told = std::make_shared<std::vector<health::Transition>>(std::move(transitions))] {
    core->handed_over -= told->size();
    core->Take(std::move(*told));
  });
}

void Webhooks::Tell(std::vector<Event> events, Event::Kind kind, std::size_t lost) {
  const std::size_t count = events.size();
  if (core_->handed_over.fetch_add(count) + count > core_->limits().handed_over) {
    core_->handed_over -= count;
    lost += count;
    events.clear();
  }
  core_->Post([core = core_.get(), events = std::move(events), kind, lost]() mutable {
    core->handed_over -= events.size();
    core->Take(std::move(events), kind, lost);
  });
}

void Webhooks::SetAtLastResort(std::optional<std::size_t> rules) noexcept {
  core_->at_last_resort = rules ? static_cast<std::int64_t>(*rules) : -1;
}

std::vector<WebhookFigures> Webhooks::Figures() const {
  return core_->Figures();
}

std::uint64_t Webhooks::dropped_with_removed() const noexcept {
  return core_->dropped_with_removed;
}

bool Webhooks::mass() const noexcept {
  return core_->mass;
}

}  // namespace holdfast::control
