#include "control/alarms/alertmanager.h"

#include <algorithm>
#include <optional>

#include "control/config/fields.h"
#include "control/config/json.h"

namespace holdfast::control {
namespace {

constexpr std::size_t kMaxSummary = 200;

std::string Plain(std::string text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '"'; }, ' ');
  if (text.size() > kMaxSummary) {
    text.resize(kMaxSummary);
    // Not in the middle of a character.
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0U) == 0x80U) {
      text.pop_back();
    }
    if (!text.empty()) {
      text.pop_back();
    }
  }
  return text;
}

std::string NameOf(const Value& document) {
  for (const char* place : {"commonLabels", "groupLabels"}) {
    const Value* labels = document.Find(place);
    const Value* name = labels != nullptr ? labels->Find("alertname") : nullptr;
    if (name != nullptr && name->kind == Value::Kind::kString && !name->text.empty()) {
      return name->text;
    }
  }
  return "alerts";
}

}  // namespace

Result<AlertNotice> ReadAlertNotice(std::string_view body) {
  Findings findings;
  const auto document = ReadJsonDocument(body, "body", findings);
  if (!document) {
    return std::unexpected(findings.ToError());
  }
  if (document->kind != Value::Kind::kTable) {
    return Fail(ErrorCode::kInvalid, "body: expected the object that an Alertmanager posts");
  }
  AlertNotice notice;
  Fields fields(*document, "body", "notification", findings);
  if (fields.Require("version", "\"4\"")) {
    fields.Word("version", {"4"});
  }
  if (fields.Require("status", "\"firing\" or \"resolved\"")) {
    notice.firing = fields.Word("status", {"firing", "resolved"}) == std::size_t{0};
  }
  if (fields.Require("groupKey", "the key of the group of alerts")) {
    notice.group = fields.Text("groupKey", {1, 4096}).value_or("");
  }
  if (fields.Require("alerts", "an array")) {
    (void)fields.Array("alerts");
  }
  if (!findings.Ok()) {
    return std::unexpected(findings.ToError());
  }
  notice.summary = Plain(NameOf(*document)) + (notice.firing ? " firing" : " resolved");
  return notice;
}

Status AlertGroups::Take(const AlertNotice& notice, Time now) {
  if (notice.firing) {
    if (firing_.size() >= kMost && !firing_.contains(notice.group)) {
      return Fail(ErrorCode::kExhausted,
                  std::to_string(kMost) +
                      " groups of alerts fire already; expected fewer for one "
                      "alarm (group_by)");
    }
    firing_.insert_or_assign(notice.group, Firing{.summary = notice.summary, .heard = now});
  } else {
    firing_.erase(notice.group);
  }
  heard_ = now;
  any_ = true;
  last_ = notice.summary;
  return {};
}

health::AlarmState AlertGroups::Judge(Time now) {
  // A group whose end was never told: the Alertmanager would have said again that it fires.
  std::erase_if(firing_, [&](const auto& one) { return now - one.second.heard >= heartbeat_; });
  if (!any_ || now >= SilentAt()) {
    return health::AlarmState::kInsufficientData;
  }
  return firing_.empty() ? health::AlarmState::kOk : health::AlarmState::kAlarm;
}

const std::string& AlertGroups::Summary() const noexcept {
  return firing_.empty() ? last_ : firing_.begin()->second.summary;
}

}  // namespace holdfast::control
