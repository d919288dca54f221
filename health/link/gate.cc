#include "health/link/gate.h"

#include <algorithm>

namespace holdfast::health {

namespace {

// Two clocks may run a little differently between an echo and its return.
constexpr std::uint64_t kSlackNs = 50'000'000;
// A probe that times out and one that is answered at once end closer together than they began, and
// what the uplink decides is said between two probes.
constexpr std::uint64_t kReportsAnInterval = 2;
constexpr std::uint64_t kReportsAtOnce = 8;
// What a checker says of the time hangs on the last ping that it heard: one that came late moves
// all that is said until the next.
constexpr std::uint64_t kLatePingNs = 2'000'000'000;

std::uint64_t Ns(std::chrono::nanoseconds time) noexcept {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
}

}  // namespace

const char* DropText(Drop reason) noexcept {
  switch (reason) {
    case Drop::kUnassigned:
      return "unassigned";
    case Drop::kRepeated:
      return "repeated";
    case Drop::kReordered:
      return "reordered";
    case Drop::kLate:
      return "late";
    case Drop::kFuture:
      return "future";
    case Drop::kTooOften:
      return "too_often";
    case Drop::kCount:
      break;
  }
  return "?";
}

void ReportGate::Begin(std::uint64_t session) {
  if (session != session_) {
    for (auto& [number, slot] : slots_) {
      slot.sequence = 0;
    }
  }
  session_ = session;
}

void ReportGate::Assign(std::uint32_t slot,
                        std::uint64_t version,
                        std::chrono::nanoseconds max_age,
                        std::chrono::nanoseconds interval) {
  Slot& known = slots_[slot];
  // Under another version a checker says its last report again, which is news then; and at another
  // pace. Only control makes versions.
  if (known.version != version) {
    known.sequence = known.used_ns = 0;
  }
  known.version = version;
  known.max_age_ns = Ns(max_age);
  known.pace_ns = Ns(interval) / kReportsAnInterval;
}

void ReportGate::Remove(std::uint32_t slot) {
  slots_.erase(slot);
}

std::optional<std::uint64_t> ReportGate::SentNs(const ReportBatch& batch,
                                                std::uint64_t since_ns,
                                                std::uint64_t now_ns) {
  if (batch.echo_ns < since_ns || batch.echo_ns > now_ns) {
    return std::nullopt;
  }
  const std::uint64_t sent_ns = batch.echo_ns + Ns(batch.held);
  return sent_ns > now_ns + kSlackNs ? std::nullopt : std::optional(std::min(sent_ns, now_ns));
}

std::expected<Report, Drop> ReportGate::Judge(const ReportLine& line,
                                              std::uint64_t sent_ns,
                                              std::uint64_t now_ns) {
  const auto at = slots_.find(line.report.slot);
  if (at == slots_.end() || at->second.version != line.report.version) {
    return std::unexpected(Drop::kUnassigned);
  }
  Slot& slot = at->second;
  if (line.sequence <= slot.sequence) {
    return std::unexpected(line.sequence == slot.sequence ? Drop::kRepeated : Drop::kReordered);
  }
  const std::uint64_t age_ns = Ns(line.age);
  if (age_ns > sent_ns || now_ns - (sent_ns - age_ns) >= slot.max_age_ns) {
    return std::unexpected(Drop::kLate);
  }
  slot.sequence = line.sequence;
  // By the time of the probes, not that of the reports: a link that was held up brings many at
  // once.
  const std::uint64_t at_ns = sent_ns - age_ns;
  const std::uint64_t used_ns = std::max(slot.used_ns, at_ns);
  if (used_ns - at_ns > std::max((kReportsAtOnce - 1) * slot.pace_ns, kLatePingNs)) {
    return std::unexpected(Drop::kTooOften);
  }
  slot.used_ns = used_ns + slot.pace_ns;
  Report report = line.report;
  report.seen.at_ns = at_ns;
  return report;
}

}  // namespace holdfast::health
