#include "control/notify/event.h"

#include <array>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "control/model/text.h"

namespace holdfast::control {
namespace {

using Json = nlohmann::ordered_json;

std::string Written(const Json& json) {
  // A reason may quote what an endpoint said: replaced where it is no UTF-8.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const char* KindText(Event::Kind kind) {
  constexpr std::array kTexts{"transition", "last_resort", "mass", "quorum"};
  return kTexts[static_cast<std::size_t>(kind)];
}

Json ViewsJson(const std::vector<health::CheckerSide>& views) {
  Json list = Json::array();
  for (const health::CheckerSide& view : views) {
    list.push_back({{"checker", view.checker},
                    {"region", view.region},
                    {"side", health::StateText(view.side)},
                    {"age_ms", view.age_ms ? Json(*view.age_ms) : Json()},
                    {"reason", view.reason}});
  }
  return list;
}

Json MassJson(const MassFigures& mass) {
  return {{"changes", mass.changes},
          {"checks", mass.checks},
          {"unhealthy", mass.unhealthy},
          {"rule_changes", mass.rule_changes},
          {"at_last_resort", mass.at_last_resort ? Json(*mass.at_last_resort) : Json()},
          {"quorums_lost", mass.quorums_lost},
          {"quorums_regained", mass.quorums_regained}};
}

}  // namespace

std::string EventBody(const Event& event, const Sender& sender, std::uint64_t sequence) {
  Json body{{"event", KindText(event.kind)},
            {"node", sender.node},
            {"started", TimeText(sender.started_ms)},
            {"sequence", sequence},
            {"time", TimeText(event.time_ms)},
            {"id", event.id},
            {"name", event.name.empty() ? Json() : Json(event.name)},
            {"type", event.type},
            {"old_status", event.was},
            {"new_status", event.is},
            {"reason", event.reason}};
  if (event.kind == Event::Kind::kTransition) {
    body["views"] = ViewsJson(event.views);
  }
  if (event.mass) {
    body["mass"] = MassJson(*event.mass);
  }
  return Written(body);
}

std::string SnsBody(const Event& event, const Sender& sender, std::uint64_t sequence) {
  return Written(
      {{"Type", "Notification"},
       {"MessageId",
        sender.node + "-" + std::to_string(sender.started_ms) + "-" + std::to_string(sequence)},
       {"TopicArn", "arn:holdfast:sns:::" + sender.node},
       {"Subject", event.id + " is " + event.is},
       {"Message", EventBody(event, sender, sequence)},
       {"Timestamp", TimeText(event.time_ms)}});
}

std::string SignatureHeader(std::string_view secret, std::int64_t time_s, std::string_view body) {
  const std::string time = std::to_string(time_s);
  const std::string text = time + "." + std::string(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(),
       secret.data(),
       static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()),
       text.size(),
       digest.data(),
       &size);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string header = "Holdfast-Signature: t=" + time + ",v1=";
  for (unsigned i = 0; i < size; ++i) {
    header += {kHex[digest[i] >> 4U], kHex[digest[i] & 15U]};
  }
  return header;
}

}  // namespace holdfast::control
