// JSON both ways. The depth is looked at before anything is parsed, sizes before anything is kept.
#include "health/link/messages.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "health/link/check_codec.h"

namespace holdfast::health {

namespace {

using nlohmann::json;

constexpr int kMaxDepth = 8;
constexpr std::size_t kMaxNameOctets = 256;
constexpr std::size_t kPartOctets = std::size_t{128} << 10;      // about; then another part begins
constexpr std::size_t kMaxCheckOctets = std::size_t{512} << 10;  // of one check
constexpr std::int64_t kMaxMicroseconds = std::int64_t{86'400} * 1'000'000 * 366;
constexpr std::array kOutcomes{"pass", "fail", "unknown"};

/// Out of a decoder's depths; caught where the decoding begins.
struct Wrong {
  std::string what;
};

// Objects and arrays within each other, strings left out.
bool IsFlat(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      i += c == '\\' ? 1 : 0;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) {
        return false;
      }
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return true;
}

const json& Member(const json& object, const char* name) {
  const auto at = object.find(name);
  if (at == object.end()) {
    throw Wrong{std::string("'") + name + "' is missing"};
  }
  return *at;
}

template <class Number>
Number Unsigned(const json& object,
                const char* name,
                std::uint64_t most = std::numeric_limits<Number>::max()) {
  const json& value = Member(object, name);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most) {
    throw Wrong{std::string("'") + name + "' is no number of 0.." + std::to_string(most)};
  }
  return value.get<Number>();
}

bool Flag(const json& object, const char* name) {
  const json& value = Member(object, name);
  if (!value.is_boolean()) {
    throw Wrong{std::string("'") + name + "' is neither true nor false"};
  }
  return value.get<bool>();
}

// For people: what could confuse a terminal or a log is gone.
std::string Words(const json& object, const char* name, std::size_t most) {
  const json& value = Member(object, name);
  if (!value.is_string() || value.get_ref<const std::string&>().size() > most) {
    throw Wrong{std::string("'") + name + "' is no text of at most " + std::to_string(most) +
                " octets"};
  }
  std::string words = value.get<std::string>();
  std::ranges::replace_if(words, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
  return words;
}

const json& List(const json& object, const char* name, std::size_t most) {
  const json& value = Member(object, name);
  if (!value.is_array() || value.size() > most) {
    throw Wrong{std::string("'") + name + "' is no list of at most " + std::to_string(most)};
  }
  return value;
}

std::chrono::microseconds Microseconds(const json& object, const char* name) {
  return std::chrono::microseconds(Unsigned<std::int64_t>(object, name, kMaxMicroseconds));
}

std::chrono::nanoseconds Nanoseconds(const json& object, const char* name) {
  return std::chrono::microseconds(Microseconds(object, name));
}

std::string Framed(const std::string& text) {
  const auto octets = static_cast<std::uint32_t>(text.size());
  std::string framed(kFrameOctets, '\0');
  for (std::size_t i = 0; i < kFrameOctets; ++i) {
    framed[i] = static_cast<char>(octets >> (8 * (kFrameOctets - 1 - i)));
  }
  return framed + text;
}

std::int64_t Micros(std::chrono::nanoseconds time) {
  return std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time).count(),
                                0);
}

json ToJson(const ReportLine& line) {
  const Observation& seen = line.report.seen;
  // Cut before UTF-8 is mended, which may make it up to three times as long.
  const std::string reason = json(seen.reason.substr(0, kMaxReasonOctets / 3))
                                 .dump(-1, ' ', false, json::error_handler_t::replace);
  return {{"sequence", line.sequence},
          {"slot", line.report.slot},
          {"version", line.report.version},
          {"side", static_cast<unsigned>(line.report.side)},
          {"outcome", kOutcomes[static_cast<std::size_t>(seen.outcome)]},
          {"reason", json::parse(reason)},
          {"age_us", Micros(line.age)},
          {"rtt_us", Micros(seen.rtt)},
          {"connect_us", Micros(seen.phases.connect)},
          {"tls_us", Micros(seen.phases.tls_handshake)},
          {"first_byte_us", Micros(seen.phases.first_byte)}};
}

ReportLine LineOf(const json& in) {
  if (!in.is_object()) {
    throw Wrong{"a report is no object"};
  }
  ReportLine line;
  line.sequence = Unsigned<std::uint64_t>(in, "sequence");
  line.age = Microseconds(in, "age_us");
  line.report.slot = Unsigned<std::uint32_t>(in, "slot");
  line.report.version = Unsigned<std::uint64_t>(in, "version");
  line.report.side = static_cast<State>(Unsigned<std::uint8_t>(in, "side", 2));
  Observation& seen = line.report.seen;
  const auto outcome = std::ranges::find(kOutcomes, Words(in, "outcome", kMaxNameOctets));
  if (outcome == kOutcomes.end()) {
    throw Wrong{"'outcome' is neither pass, fail nor unknown"};
  }
  seen.outcome = static_cast<Outcome>(outcome - kOutcomes.begin());
  seen.reason = Words(in, "reason", kMaxReasonOctets);
  seen.rtt = Nanoseconds(in, "rtt_us");
  seen.phases = {.connect = Nanoseconds(in, "connect_us"),
                 .tls_handshake = Nanoseconds(in, "tls_us"),
                 .first_byte = Nanoseconds(in, "first_byte_us")};
  return line;
}

AssignedCheck AssignedOf(const json& in) {
  if (!in.is_object()) {
    throw Wrong{"an assignment is no object"};
  }
  AssignedCheck assigned;
  assigned.slot = Unsigned<std::uint32_t>(in, "slot");
  assigned.version = Unsigned<std::uint64_t>(in, "version");
  const json& settings = Member(in, "check");
  auto check = CheckFromJson(settings);
  if (check) {
    assigned.check = std::move(*check);
  } else {
    assigned.problem = check.error().message;
  }
  return assigned;
}

json ToJson(std::uint32_t slot, std::uint64_t version, json check) {
  return {{"slot", slot}, {"version", version}, {"check", std::move(check)}};
}

std::string Written(const json& message) {
  return message.dump(-1, ' ', false, json::error_handler_t::replace);
}

struct ToMessage {
  json operator()(const ControlHello& hello) const {
    return {{"type", "hello"},
            {"protocol", hello.protocol},
            {"node", hello.node},
            {"at_ns", hello.at_ns}};
  }
  json operator()(const ControlPing& ping) const {
    return {{"type", "ping"}, {"at_ns", ping.at_ns}};
  }
  json operator()(const Refusal& refusal) const {
    return {{"type", "refusal"}, {"reason", refusal.reason.substr(0, kMaxReasonOctets / 3)}};
  }
  json operator()(const AssignChecks& assign) const {
    json set = json::array();
    for (const AssignedCheck& each : assign.set) {
      set.push_back(ToJson(each.slot, each.version, CheckToJson(each.check)));
    }
    return {{"type", "assign"},
            {"reset", assign.reset},
            {"last", assign.last},
            {"remove", assign.remove},
            {"set", std::move(set)}};
  }
  json operator()(const CheckerHello& hello) const {
    return {{"type", "hello"},
            {"protocol", hello.protocol},
            {"session", hello.session},
            {"version", hello.version}};
  }
  json operator()(const CheckerPing& ping) const {
    return {{"type", "ping"}, {"uplink", ping.uplink}};
  }
  json operator()(const ReportBatch& batch) const {
    json reports = json::array();
    for (const ReportLine& line : batch.reports) {
      reports.push_back(ToJson(line));
    }
    return {{"type", "reports"},
            {"echo_ns", batch.echo_ns},
            {"held_us", Micros(batch.held)},
            {"reports", std::move(reports)}};
  }
};

ControlMessage ControlMessageOf(const json& in) {
  const std::string type = Words(in, "type", kMaxNameOctets);
  if (type == "hello") {
    return ControlHello{.protocol = Unsigned<unsigned>(in, "protocol"),
                        .node = Words(in, "node", kMaxNameOctets),
                        .at_ns = Unsigned<std::uint64_t>(in, "at_ns")};
  }
  if (type == "ping") {
    return ControlPing{.at_ns = Unsigned<std::uint64_t>(in, "at_ns")};
  }
  if (type == "refusal") {
    return Refusal{.reason = Words(in, "reason", kMaxReasonOctets)};
  }
  if (type != "assign") {
    throw Wrong{"'type' is \"" + type + "\"; expected hello, ping, refusal or assign"};
  }
  AssignChecks assign{
      .reset = Flag(in, "reset"), .last = Flag(in, "last"), .remove = {}, .set = {}};
  for (const json& slot : List(in, "remove", kMaxAssignedChecks)) {
    if (!slot.is_number_unsigned() ||
        slot.get<std::uint64_t>() > std::numeric_limits<std::uint32_t>::max()) {
      throw Wrong{"'remove' has what is no slot"};
    }
    assign.remove.push_back(slot.get<std::uint32_t>());
  }
  for (const json& each : List(in, "set", kMaxAssignedChecks)) {
    assign.set.push_back(AssignedOf(each));
  }
  return assign;
}

CheckerMessage CheckerMessageOf(const json& in) {
  const std::string type = Words(in, "type", kMaxNameOctets);
  if (type == "hello") {
    return CheckerHello{.protocol = Unsigned<unsigned>(in, "protocol"),
                        .session = Unsigned<std::uint64_t>(in, "session"),
                        .version = Words(in, "version", kMaxNameOctets)};
  }
  if (type == "ping") {
    return CheckerPing{.uplink = Flag(in, "uplink")};
  }
  if (type != "reports") {
    throw Wrong{"'type' is \"" + type + "\"; expected hello, ping or reports"};
  }
  ReportBatch batch{.echo_ns = Unsigned<std::uint64_t>(in, "echo_ns"),
                    .held = Microseconds(in, "held_us"),
                    .reports = {}};
  const json& reports = List(in, "reports", kMaxReportsAtOnce);
  batch.reports.reserve(reports.size());
  for (const json& each : reports) {
    batch.reports.push_back(LineOf(each));
  }
  return batch;
}

template <class Message>
Result<Message> Decode(std::string_view text, Message (*read)(const json&)) {
  if (text.size() > kMaxMessageOctets) {
    return Fail(ErrorCode::kInvalid,
                "a message has " + std::to_string(text.size()) + " octets; expected at most " +
                    std::to_string(kMaxMessageOctets));
  }
  if (!IsFlat(text)) {
    return Fail(ErrorCode::kInvalid,
                "a message is nested deeper than " + std::to_string(kMaxDepth) + " levels");
  }
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object()) {
    return Fail(ErrorCode::kInvalid, "a message is no JSON object");
  }
  try {
    return read(parsed);
  } catch (const Wrong& wrong) {
    return Fail(ErrorCode::kInvalid, "a message cannot be read: " + wrong.what);
  }
}

}  // namespace

std::string Encode(const ControlMessage& message) {
  return Framed(Written(std::visit(ToMessage(), message)));
}

std::string Encode(const CheckerMessage& message) {
  return Framed(Written(std::visit(ToMessage(), message)));
}

std::string EncodePart(bool reset,
                       std::span<const std::uint32_t>& remove,
                       std::span<const Assignment>& set) {
  std::string text = R"({"type":"assign","reset":)";
  text += reset ? "true" : "false";
  text += R"(,"remove":[)";
  for (const char* comma = ""; !remove.empty() && text.size() < kPartOctets; comma = ",") {
    text += comma + std::to_string(remove.front());
    remove = remove.subspan(1);
  }
  text += R"(],"set":[)";
  for (const char* comma = ""; !set.empty() && text.size() < kPartOctets; comma = ",") {
    const Assignment& next = set.front();
    std::string one = ToJson(next.slot, next.version, CheckToJson(next.check)).dump();
    if (one.size() > kMaxCheckOctets) {
      // Arguments without end: the checker will say that it cannot watch such a thing.
      one = ToJson(next.slot, next.version, json::object()).dump();
    }
    text += comma + one;
    set = set.subspan(1);
  }
  text += R"(],"last":)";
  text += remove.empty() && set.empty() ? "true}" : "false}";
  return Framed(text);
}

std::optional<std::size_t> MessageOctets(std::span<const unsigned char, kFrameOctets> frame) {
  std::size_t octets = 0;
  for (const unsigned char each : frame) {
    octets = octets << 8U | each;
  }
  return octets == 0 || octets > kMaxMessageOctets ? std::nullopt : std::optional(octets);
}

Result<ControlMessage> DecodeControlMessage(std::string_view text) {
  return Decode<ControlMessage>(text, ControlMessageOf);
}

Result<CheckerMessage> DecodeCheckerMessage(std::string_view text) {
  return Decode<CheckerMessage>(text, CheckerMessageOf);
}

}  // namespace holdfast::health
