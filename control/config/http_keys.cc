#include "control/config/http_keys.h"

#include <string>
#include <vector>

#include "health/probe/pattern.h"

namespace holdfast::control {
namespace {

constexpr Range kStatuses{.low = 200, .high = 599};

std::vector<health::StatusRange> ReadStatuses(Fields& fields) {
  constexpr const char* kExpected = "statuses of 200..599 such as 204 or \"200-299\"";
  std::vector<health::StatusRange> ranges;
  if (!fields.Has("expected_status")) {
    return ranges;
  }
  for (const Value& item : fields.Array("expected_status")) {
    std::optional<health::StatusRange> range;
    if (item.kind == Value::Kind::kString) {
      range = health::StatusFromText(item.text);
    } else if (item.kind == Value::Kind::kInteger && item.integer >= kStatuses.low &&
               item.integer <= kStatuses.high) {
      const auto status = static_cast<std::uint16_t>(item.integer);
      range = health::StatusRange{.first = status, .last = status};
    }
    if (range) {
      ranges.push_back(*range);
    } else {
      fields.Expected("expected_status", item, kExpected);
    }
  }
  if (fields.Array("expected_status").empty()) {
    fields.Refuse("expected_status", std::string("is empty; expected ") + kExpected);
  }
  return ranges;
}

// What is wrong with a header beyond its form is said by health::ValidateCheck.
std::vector<std::string> ReadHeaders(Fields& fields) {
  std::vector<std::string> headers;
  const Value* table = fields.Table("headers");
  if (table == nullptr) {
    return headers;
  }
  for (const Value& item : table->items) {
    if (item.kind != Value::Kind::kString) {
      fields.Expected("headers", item, "texts, as in { \"X-Probe\" = \"holdfast\" }");
    } else {
      headers.push_back(item.key + ": " + item.text);
    }
  }
  return headers;
}

std::string ReadRegex(Fields& fields) {
  const auto regex = fields.Text("body_regex", {1, 255});
  if (!regex) {
    return {};
  }
  if (const auto set = health::PatternSet::Compile({health::SearchTerm(*regex, true)}); !set) {
    fields.Refuse("body_regex",
                  "is \"" + *regex + "\": " + set.error().message +
                      "; expected a regular expression that Hyperscan knows");
  }
  return *regex;
}

}  // namespace

std::optional<health::HttpSettings> ReadHttpKeys(Fields& fields) {
  bool given = false;
  for (const char* key : {"expected_status", "method", "headers", "body_regex"}) {
    given = fields.Has(key) || given;
  }
  if (!given) {
    return std::nullopt;
  }
  health::HttpSettings http;
  http.expected_status = ReadStatuses(fields);
  // In the order of health::HttpMethod.
  if (const auto word = fields.Word("method", {"GET", "HEAD", "OPTIONS", "POST"})) {
    http.method = static_cast<health::HttpMethod>(*word);
  }
  http.headers = ReadHeaders(fields);
  http.body_regex = ReadRegex(fields);
  return http;
}

}  // namespace holdfast::control
