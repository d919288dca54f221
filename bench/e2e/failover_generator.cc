// See failover_generator.h.
#include "bench/e2e/failover_generator.h"

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <span>

#include "bench/e2e/failover_tables.h"
#include "dataplane/base/clock.h"

namespace holdfast::bench {
namespace {

using querygen::Exchange;
using querygen::Reply;
using querygen::Verdict;

constexpr std::size_t kRecordOctets = 16;        // of an A record whose owner is a pointer
constexpr std::uint64_t kBetweenPulsesUs = 200;  // from when one is due to the next
constexpr std::uint64_t kLeastRestUs = 100;
constexpr std::uint64_t kPulseWaitUs = 1000;
constexpr std::uint64_t kMostUnderWay = 1024;  // half of what a ring holds: it is never full
constexpr std::uint64_t kLostUs = 2'000'000;   // control may hold the generator's core for a while

}  // namespace

FailoverGenerator::FailoverGenerator(Exchange& exchange,
                                     const table::ReaderWatch& reader,
                                     unsigned outstanding)
    : exchange_(exchange),
      reader_(reader),
      outstanding_(outstanding),
      current_(kPrimaryOctet),
      expected_(kPrimaryOctet) {}

void FailoverGenerator::Expect(unsigned char octet) noexcept {
  generation_.store(0, std::memory_order_relaxed);
  expected_.store(octet, std::memory_order_relaxed);
  // Release: whoever sees the number sees the two above.
  armed_.store(armed_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

bool FailoverGenerator::JudgeShape(const Reply& reply) noexcept {
  if (reply.verdict != Verdict::kRight) {
    ++wrong_;
    return false;
  }
  const std::byte last = reply.frame[reply.octets - 1];
  const auto octet = std::to_integer<unsigned char>(last);
  if (last != reply.frame[reply.octets - 1 - kRecordOctets] ||
      (octet != kPrimaryOctet && octet != kSecondaryOctet)) {
    ++torn_;
    return false;
  }
  answers_.store(answers_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return true;
}

void FailoverGenerator::LookAtState(const Reply& reply, unsigned char octet) noexcept {
  if (!looking_) [[likely]] {
    stale_ += octet == current_ ? 0 : 1;
    return;
  }
  if (octet != current_) {
    seen_.last_old = reply.received_tsc;
    stale_ += seen_.first_changed != 0 && reply.asked_tsc > seen_.first_changed ? 1 : 0;
    return;
  }
  seen_.first_changed = seen_.first_changed == 0 ? reply.received_tsc : seen_.first_changed;
  if (seen_.passed != 0 && reply.asked_tsc > seen_.passed) {
    looking_ = false;
    // Release: whoever sees it done sees what was seen.
    done_.store(at_, std::memory_order_release);
  }
}

void FailoverGenerator::Flood(std::uint64_t now) noexcept {
  const std::uint32_t armed = armed_.load(std::memory_order_acquire);
  if (armed != at_) {
    at_ = armed;
    looking_ = true;
    current_ = expected_.load(std::memory_order_relaxed);
    seen_ = {};
  }
  exchange_.Receive([this](const Reply& reply) {
    if (JudgeShape(reply)) [[likely]] {
      LookAtState(reply, std::to_integer<unsigned char>(reply.frame[reply.octets - 1]));
    }
  });
  if (looking_ && seen_.passed == 0) {
    const std::uint64_t wanted = generation_.load(std::memory_order_acquire);
    seen_.passed = wanted != 0 && reader_.MinPassed() >= wanted ? Tsc() : 0;
  }
  const std::uint64_t under_way = std::min<std::uint64_t>(exchange_.under_way(), outstanding_);
  exchange_.Send(
      std::min<unsigned>(outstanding_ - static_cast<unsigned>(under_way), Exchange::kBurst), now);
}

void FailoverGenerator::ReceiveOne(unsigned phase) noexcept {
  exchange_.Receive([&](const Reply& reply) {
    if (JudgeShape(reply)) {
      latency_[phase].Add(reply.received_tsc - reply.asked_tsc);
    }
  });
}

// Whatever was due until now and has not been sent yet, stamped with when that was.
void FailoverGenerator::SendDue(std::uint64_t now) noexcept {
  std::array<std::uint64_t, Exchange::kBurst> stamps;
  while (due_ <= now && exchange_.under_way() < kMostUnderWay) {
    stamps.fill(due_);
    const unsigned sent = exchange_.Send(std::span(stamps).first(left_), now);
    if (sent < left_) {
      left_ -= sent;
      return;
    }
    left_ = Exchange::kBurst;
    due_ += kBetweenPulsesUs * TscPerMicrosecond();
  }
}

void FailoverGenerator::Pulse() noexcept {
  const unsigned phase = phase_.load(std::memory_order_acquire);
  const std::uint64_t start = Tsc();
  due_ = due_ == 0 ? start : due_;
  const std::uint64_t until = start + (kPulseWaitUs * TscPerMicrosecond());
  do {
    SendDue(start);
    ReceiveOne(phase);
  } while ((due_ <= start || exchange_.under_way() != 0) && Tsc() < until);
  exchange_.GiveUp(start - (kLostUs * TscPerMicrosecond()));
}

// Until the next pulse is due. At least a little while, however late that is: others would not come
// to run else.
void FailoverGenerator::Rest() const noexcept {
  const std::uint64_t now = Tsc();
  const std::uint64_t left_us = (due_ - std::min(due_, now)) / TscPerMicrosecond();
  const timespec rest{0, static_cast<long>(std::max(left_us, kLeastRestUs) * 1000)};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, nullptr);
}

void FailoverGenerator::Run() {
  for (unsigned round = 0;; ++round) {
    const Mode mode = mode_.load(std::memory_order_acquire);
    if (mode == Mode::kStop) {
      break;
    }
    if (mode == Mode::kFlood) {
      const std::uint64_t now = Tsc();
      Flood(now);
      if (round % 256 == 0) {
        exchange_.GiveUp(now - (kLostUs * TscPerMicrosecond()));
      }
      continue;
    }
    Pulse();
    Rest();
  }
  while (exchange_.under_way() != 0) {
    exchange_.Receive([this](const Reply& reply) { (void)JudgeShape(reply); });
    exchange_.GiveUp(Tsc() - (kLostUs * TscPerMicrosecond()));
  }
}

}  // namespace holdfast::bench
