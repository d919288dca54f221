// See run.h.
#include "tools/querygen/run.h"

#include <algorithm>
#include <limits>

#include <rte_cycles.h>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/name.h"
#include "tools/querygen/pace.h"

namespace holdfast::querygen {
namespace {

constexpr unsigned kRoundsToLook = 256;  // between two looks for what is lost, and at `stop`

// The question of a wrong reply, and the part of it that tells what is wrong.
std::string Sentence(const Corpus& corpus, const Reply& reply) {
  const std::size_t message_at = corpus.udp_at() + io::kUdpOctets;
  const Entry& entry = corpus.At(reply.entry);
  const std::string_view question(reinterpret_cast<const char*>(entry.Question()),
                                  entry.question_octets);
  const std::byte* message = reply.frame + message_at;
  return wire::ToText(question.substr(0, question.size() - 4)) + " " +
         wire::TypeText(LoadBe16(question.data() + question.size() - 4)) + ": " +
         VerdictText(reply.verdict) + " (rcode " + std::to_string(LoadBe16(message + 2) & 0xFU) +
         ", " + std::to_string(LoadBe16(message + 6)) + " answers, " +
         std::to_string(reply.octets - message_at) + " octets)";
}

class Loop {
 public:
  Loop(Exchange& exchange, const Corpus& corpus, const Plan& plan)
      : exchange_(exchange),
        corpus_(corpus),
        plan_(plan),
        hz_(rte_get_tsc_hz()),
        pace_(plan.rate, hz_),
        timeout_(hz_ / 1000 * plan.timeout_ms),
        most_(plan.queries == 0 ? std::numeric_limits<std::uint64_t>::max() : plan.queries) {}

  Outcome Run(const std::atomic<bool>& stop) {
    start_ = Tsc();
    const auto until =
        start_ + static_cast<std::uint64_t>(plan_.seconds * static_cast<double>(hz_));
    std::uint64_t before = start_;
    bool busy = false;
    for (unsigned round = 1;; ++round) {
      const std::uint64_t now = Tsc();
      outcome_.busy_cycles += busy ? now - before : 0;
      before = now;
      if (now >= until || exchange_.sent() >= most_) {
        break;
      }
      busy = (Receive() + Send(now)) != 0;
      if (round % kRoundsToLook == 0) {
        exchange_.GiveUp(now - std::min(now, timeout_));
        if (stop.load(std::memory_order_relaxed)) {
          break;
        }
      }
    }
    WaitForTheRest();
    outcome_.sent = exchange_.sent();
    outcome_.lost = exchange_.lost();
    outcome_.seconds = static_cast<double>(Tsc() - start_) / static_cast<double>(hz_);
    return outcome_;
  }

 private:
  unsigned Receive() noexcept {
    return exchange_.Receive([this](const Reply& reply) {
      ++outcome_.replies[static_cast<std::size_t>(reply.verdict)];
      if (reply.verdict == Verdict::kRight) [[likely]] {
        outcome_.latency.Add(reply.received_tsc - reply.asked_tsc);
      } else if (IsWrong(reply.verdict) && outcome_.first_wrong.empty()) {
        outcome_.first_wrong = Sentence(corpus_, reply);
      }
    });
  }

  unsigned Send(std::uint64_t now) noexcept {
    std::uint64_t room = most_ - exchange_.sent();
    if (plan_.rate != 0) {
      const std::uint64_t due = pace_.Due(now - start_);
      room = std::min(room, due - std::min(due, exchange_.sent()));
    } else {
      room = std::min(
          room,
          plan_.outstanding - std::min<std::uint64_t>(plan_.outstanding, exchange_.under_way()));
    }
    const auto count = static_cast<unsigned>(std::min<std::uint64_t>(room, Exchange::kBurst));
    const unsigned sent = plan_.rate != 0 ? SendDue(count, now) : exchange_.Send(count, now);
    outcome_.refused += sent < count ? 1 : 0;
    return sent;
  }

  // Each stamped with when it was due, which is now or before.
  unsigned SendDue(unsigned count, std::uint64_t now) noexcept {
    std::array<std::uint64_t, Exchange::kBurst> stamps;
    for (unsigned i = 0; i < count; ++i) {
      stamps[i] = start_ + pace_.DueAt(exchange_.sent() + i);
    }
    return exchange_.Send(std::span(stamps).first(count), now);
  }

  // Replies that are still on their way, each for as long as it may take.
  void WaitForTheRest() noexcept {
    while (exchange_.under_way() != 0) {
      Receive();
      const std::uint64_t now = Tsc();
      exchange_.GiveUp(now - std::min(now, timeout_));
    }
  }

  Exchange& exchange_;
  const Corpus& corpus_;
  const Plan& plan_;
  const std::uint64_t hz_;
  const Pace pace_;
  const std::uint64_t timeout_;
  const std::uint64_t most_;
  std::uint64_t start_ = 0;
  Outcome outcome_;
};

}  // namespace

std::uint64_t Outcome::Wrong() const noexcept {
  std::uint64_t wrong = 0;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    wrong += IsWrong(static_cast<Verdict>(i)) ? replies[i] : 0;
  }
  return wrong;
}

Outcome Run(Exchange& exchange,
            const Corpus& corpus,
            const Plan& plan,
            const std::atomic<bool>& stop) {
  return Loop(exchange, corpus, plan).Run(stop);
}

}  // namespace holdfast::querygen
