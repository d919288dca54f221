#include "control/alarms/promql.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "control/config/json.h"

namespace holdfast::control {
namespace {

constexpr std::uint32_t kStepsAPeriod = 10;
constexpr auto kLongestCall = std::chrono::milliseconds(10'000);

std::string FormEncoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '_' || c == '.';
    if (plain) {
      out += c;
    } else {
      out += {'%', kHex[octet >> 4U], kHex[octet & 15U]};
    }
  }
  return out;
}

// The statistic of what the expression gave within one period, looked at ten times.
std::string Expression(const MetricSource& source) {
  constexpr std::array kOverTime{
      "", "avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "count_over_time"};
  if (source.statistic == Statistic::kNone) {
    return source.query;
  }
  const std::uint32_t step = std::max(1U, source.period_s / kStepsAPeriod);
  return std::string(kOverTime[static_cast<std::size_t>(source.statistic)]) + "((" + source.query +
         "\n)[" + std::to_string(source.period_s) + "s:" + std::to_string(step) + "s])";
}

// What others wrote, fit for a line of the log.
std::string Shown(std::string_view text) {
  std::string shown(text.substr(0, 200));
  std::ranges::replace_if(shown, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return shown;
}

Result<std::optional<double>> NumberOf(const Value& sample) {
  // [time, "value"]
  if (sample.kind != Value::Kind::kArray || sample.items.size() != 2 ||
      sample.items[1].kind != Value::Kind::kString) {
    return Fail(ErrorCode::kInvalid, "expected a value as [time, \"number\"]");
  }
  std::string_view text = sample.items[1].text;
  if (text.starts_with('+')) {
    text.remove_prefix(1);
  }
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) {
    return Fail(ErrorCode::kInvalid, "'" + Shown(text) + "' is no number");
  }
  return std::isnan(value) ? std::optional<double>() : value;
}

std::string_view TextOf(const Value& table, std::string_view name) {
  const Value* member = table.Find(name);
  return member != nullptr && member->kind == Value::Kind::kString ? std::string_view(member->text)
                                                                   : std::string_view();
}

}  // namespace

HttpCall PromqlCall(const MetricSource& source) {
  const auto period = std::chrono::milliseconds(std::int64_t{source.period_s} * 1000);
  return {.url = source.url + "/api/v1/query",
          .headers = {"Content-Type: application/x-www-form-urlencoded"},
          .body = "query=" + FormEncoded(Expression(source)),
          .timeout = std::min(period, kLongestCall),
          .reply_octets = kMaxPromqlReply};
}

Result<std::optional<double>> ReadPromqlReply(long status, std::string_view body) {
  Findings findings;
  const auto document = ReadJsonDocument(body, "reply", findings);
  if (!document) {
    return Fail(
        ErrorCode::kInvalid,
        "HTTP status " + std::to_string(status) + ", and " + Shown(findings.ToError().message));
  }
  if (status != 200 || TextOf(*document, "status") != "success") {
    return Fail(ErrorCode::kUnavailable,
                "HTTP status " + std::to_string(status) + ": " + Shown(TextOf(*document, "error")));
  }
  const Value* data = document->Find("data");
  const Value* result = data != nullptr ? data->Find("result") : nullptr;
  if (result == nullptr || result->kind != Value::Kind::kArray) {
    return Fail(ErrorCode::kInvalid, "expected a result of the query in data.result");
  }
  const std::string_view type = TextOf(*data, "resultType");
  if (type == "scalar") {
    return NumberOf(*result);
  }
  if (type != "vector") {
    return Fail(ErrorCode::kInvalid,
                "the query gives a " + Shown(type) + "; expected a scalar or a vector of one");
  }
  if (result->items.empty()) {
    return std::optional<double>();
  }
  if (result->items.size() != 1) {
    return Fail(ErrorCode::kInvalid,
                "the query gives " + std::to_string(result->items.size()) +
                    " series; expected one (aggregate them, as by max())");
  }
  const Value* sample = result->items[0].Find("value");
  return sample != nullptr ? NumberOf(*sample)
                           : Fail(ErrorCode::kInvalid, "expected a value in each series");
}

}  // namespace holdfast::control
