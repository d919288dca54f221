#include "control/alarms/heartbeats.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "control/config/fields.h"
#include "control/config/json.h"

namespace holdfast::control {
namespace {

constexpr Range kReasonLength{0, 200};

Digest DigestOf(std::string_view text) {
  Sha256 sum;
  sum.Add(text);
  return sum.Finish();
}

// Takes as long wherever they differ.
bool IsSame(const Digest& one, const Digest& other) noexcept {
  unsigned differ = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    differ |= static_cast<unsigned>(one[i] ^ other[i]);
  }
  return differ == 0;
}

}  // namespace

Result<HeartbeatNotice> ReadHeartbeat(std::string_view body) {
  HeartbeatNotice notice;
  if (body.empty()) {
    return notice;
  }
  Findings findings;
  const auto document = ReadJsonDocument(body, "body", findings);
  if (!document) {
    return std::unexpected(findings.ToError());
  }
  if (document->kind != Value::Kind::kTable) {
    return Fail(ErrorCode::kInvalid,
                R"(body: expected an object such as {"status": "pass", "reason": "..."})");
  }
  Fields fields(*document, "body", "heartbeat", findings);
  notice.pass = fields.Word("status", {"pass", "fail"}).value_or(0) == 0;
  notice.reason = fields.Text("reason", kReasonLength).value_or("");
  if (std::ranges::any_of(notice.reason, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    fields.Refuse("reason", "has control characters; expected none");
  }
  fields.RefuseUnknown();
  if (!findings.Ok()) {
    return std::unexpected(findings.ToError());
  }
  return notice;
}

Heartbeats::Heartbeats(Report report) : report_(std::move(report)) {}

void Heartbeats::Configure(const std::vector<NativeCheck>& checks) {
  std::map<std::string, Agent, std::less<>> agents;
  for (const NativeCheck& one : checks) {
    if (one.check.type == health::CheckType::kPush) {
      agents[one.check.id].token = DigestOf(one.token);
    }
  }
  const std::lock_guard lock(mutex_);
  agents_ = std::move(agents);
}

bool Heartbeats::Permits(std::string_view check, std::string_view token) {
  const Digest given = DigestOf(token);
  const std::lock_guard lock(mutex_);
  const auto agent = agents_.find(check);
  const bool known = agent != agents_.end();
  return IsSame(given, known ? agent->second.token : Digest{}) && known;
}

HttpReply Heartbeats::Receive(std::string_view check, const std::string& body, Time now) {
  auto notice = ReadHeartbeat(body);
  if (!notice) {
    return Sentence(400, notice.error().message);
  }
  const std::string id(check);
  if (IsTooOften(id, now)) {
    return Sentence(429, "more than " + std::to_string(kMostPerSecond) + " heartbeats a second");
  }
  std::string reason = notice->pass ? "Success: heartbeat" : "Failure: heartbeat says fail";
  reason += notice->reason.empty() ? "" : ": " + notice->reason;
  if (const auto told = report_(id, notice->pass, std::move(reason)); !told) {
    return Sentence(503, "this check is just being changed; send it again");
  }
  return Sentence(200, "taken");
}

bool Heartbeats::IsTooOften(const std::string& check, Time now) {
  const std::lock_guard lock(mutex_);
  const auto known = agents_.find(check);
  if (known == agents_.end()) {
    return false;  // was just taken away: health does not know it either
  }
  Agent& agent = known->second;
  if (now - agent.second >= std::chrono::seconds(1)) {
    agent.second = now;
    agent.taken = 0;
  }
  return ++agent.taken > kMostPerSecond;
}

}  // namespace holdfast::control
