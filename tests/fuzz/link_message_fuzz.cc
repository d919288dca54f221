// What control and a checker hear from each other. The first octet says which of them listens; what
// is read must survive being said again.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "dataplane/base/check.h"
#include "health/link/gate.h"
#include "health/link/messages.h"

namespace {

using namespace holdfast::health;

std::string_view Text(std::string_view framed) {
  return framed.substr(kFrameOctets);
}

void HearChecker(std::string_view text) {
  const auto message = DecodeCheckerMessage(text);
  if (!message) {
    HF_CHECK(!message.error().message.empty());
    return;
  }
  const std::string said = Encode(*message);
  const auto again = DecodeCheckerMessage(Text(said));
  HF_CHECK(again.has_value() && Encode(*again) == said);
  const auto* batch = std::get_if<ReportBatch>(&*message);
  if (batch == nullptr) {
    return;
  }
  HF_CHECK(batch->reports.size() <= kMaxReportsAtOnce);
  constexpr std::uint64_t kNow = 1'000'000'000'000;
  ReportGate gate;
  gate.Begin(1);
  gate.Assign(1, 1, std::chrono::seconds(30), std::chrono::seconds(1));
  const auto sent_ns = ReportGate::SentNs(*batch, kNow / 2, kNow);
  HF_CHECK(!sent_ns || (*sent_ns >= kNow / 2 && *sent_ns <= kNow));
  for (const ReportLine& line : batch->reports) {
    HF_CHECK(line.age.count() >= 0 && line.report.seen.reason.size() <= kMaxReasonOctets);
    if (const auto report = gate.Judge(line, sent_ns.value_or(kNow), kNow)) {
      HF_CHECK(report->slot == 1 && report->seen.at_ns <= kNow);
      HF_CHECK(gate.Judge(line, kNow, kNow).error() == Drop::kRepeated);
    }
  }
}

void HearControl(std::string_view text) {
  const auto message = DecodeControlMessage(text);
  if (!message) {
    HF_CHECK(!message.error().message.empty());
    return;
  }
  if (const auto* assign = std::get_if<AssignChecks>(&*message)) {
    for (const AssignedCheck& each : assign->set) {
      if (!each.problem.empty()) {
        return;  // such a check cannot be said again
      }
    }
  }
  const std::string said = Encode(*message);
  const auto again = DecodeControlMessage(Text(said));
  HF_CHECK(again.has_value() && Encode(*again) == said);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  data[0] == 'c' ? HearControl(text) : HearChecker(text);
  return 0;
}
