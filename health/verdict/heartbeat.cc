#include "health/verdict/heartbeat.h"

namespace holdfast::health {

namespace {

constexpr std::uint64_t kLateNs = 1'000'000'000;

std::uint64_t Ns(Milliseconds time) noexcept {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(time).count());
}

}  // namespace

Heartbeat::Heartbeat(const CheckConfig& check) noexcept
    : patience_(check.interval * check.unhealthy_threshold),
      healthy_threshold_(check.healthy_threshold) {}

void Heartbeat::Reconfigure(const CheckConfig& check, std::uint64_t now_ns) noexcept {
  patience_ = check.interval * check.unhealthy_threshold;
  healthy_threshold_ = check.healthy_threshold;
  run_ = 0;
  silent_ = false;
  heard_ns_ = now_ns;
}

void Heartbeat::Listen(std::uint64_t now_ns) noexcept {
  listens_ = true;
  silent_ = false;
  heard_ns_ = now_ns;
}

State Heartbeat::Beat(bool pass, std::uint64_t now_ns) noexcept {
  const bool in_time = !silent_ && now_ns - heard_ns_ <= Ns(patience_);
  heard_ns_ = now_ns;
  silent_ = false;
  if (!pass) {
    run_ = 0;
    state_ = State::kUnhealthy;
    return state_;
  }
  run_ = in_time ? run_ + 1 : 1;
  if (run_ >= healthy_threshold_) {
    state_ = State::kHealthy;
    run_ = healthy_threshold_;
  }
  return state_;
}

std::optional<std::string> Heartbeat::Review(std::uint64_t now_ns) noexcept {
  const auto due = DueNs();
  if (!due || now_ns < *due) {
    return std::nullopt;
  }
  run_ = 0;
  if (now_ns - *due > kLateNs) {
    heard_ns_ = now_ns;
    return std::nullopt;
  }
  silent_ = true;
  state_ = State::kUnhealthy;
  return "Failure: no heartbeat came for " + std::to_string(patience_.count()) + " ms.";
}

std::optional<std::uint64_t> Heartbeat::DueNs() const noexcept {
  return listens_ && !silent_ ? std::optional(heard_ns_ + Ns(patience_)) : std::nullopt;
}

}  // namespace holdfast::health
