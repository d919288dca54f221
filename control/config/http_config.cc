#include "control/config/http_config.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <netinet/in.h>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <utility>

#include "control/config/text_file.h"

namespace holdfast::control {
namespace {

constexpr std::size_t kMaxAddresses = 8;
constexpr std::size_t kMaxWebhooks = 16;
constexpr std::size_t kMaxSources = 4096;
constexpr Range kPathLength{1, 4096};
constexpr Range kUrlLength{1, 2048};
constexpr std::size_t kMaxSecretOctets = 4096;
constexpr std::size_t kMinSecretOctets = 16;

bool IsGraphic(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c != 0x7f; });
}

std::optional<HttpAddress> AddressOf(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  HttpAddress made;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  }
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), made.port);
  std::array<unsigned char, 16> octets{};
  std::array<char, INET6_ADDRSTRLEN> words{};
  const int family = bracketed ? AF_INET6 : AF_INET;
  if (port.empty() || parsed.ec != std::errc{} || parsed.ptr != port.data() + port.size() ||
      made.port == 0 || inet_pton(family, std::string(host).c_str(), octets.data()) != 1) {
    return std::nullopt;
  }
  made.address = inet_ntop(family, octets.data(), words.data(), words.size());
  return made;
}

bool IsLoopback(const HttpAddress& at) {
  return at.address == "::1" || at.address.starts_with("127.");
}

// An absolute URL that libcurl will take as it is.
std::string UrlOf(Fields& fields, const char* expected) {
  if (!fields.Require("url", expected)) {
    return {};
  }
  std::string url = fields.Text("url", kUrlLength).value_or("");
  const std::size_t scheme = url.starts_with("http://") ? 7 : url.starts_with("https://") ? 8 : 0;
  const std::string_view rest = std::string_view(url).substr(scheme);
  const bool has_host = !rest.empty() && std::string_view("/?#:@").find(rest[0]) == rest.npos;
  if (!url.empty() && (scheme == 0 || !has_host || !IsGraphic(url) || url.contains('#'))) {
    fields.Expected("url", *fields.Find("url"), expected);
  }
  return url;
}

constexpr const char* kSourceUrl = "a server such as \"http://127.0.0.1:9090\"";

void ReadPromql(Fields& fields, MetricSource& source) {
  source.url = UrlOf(fields, kSourceUrl);
  if (source.url.contains('?')) {
    fields.Expected("url", *fields.Find("url"), kSourceUrl);
  }
  while (source.url.ends_with('/')) {
    source.url.pop_back();
  }
  if (fields.Require("query", "a PromQL expression that gives one value")) {
    source.query = fields.Text("query", {1, 4096}).value_or("");
  }
  if (fields.Require("comparison", "one of the four words of CloudWatch")) {
    // In the order of health::Comparison.
    if (const auto word = fields.Word("comparison",
                                      {"GreaterThanOrEqualToThreshold",
                                       "GreaterThanThreshold",
                                       "LessThanThreshold",
                                       "LessThanOrEqualToThreshold"})) {
      source.rule.comparison = static_cast<health::Comparison>(*word);
    }
  }
  if (fields.Require("threshold", "a number")) {
    source.rule.threshold = fields.Number("threshold", -1e300, 1e300, "a number").value_or(0);
  }
  source.rule.evaluation_periods =
      static_cast<std::uint32_t>(fields.Integer("evaluation_periods", {1, 1440}).value_or(1));
  source.period_s =
      static_cast<std::uint32_t>(fields.Integer("period_s", {1, 86'400}).value_or(source.period_s));
  if (const auto word =
          fields.Word("statistic", {"Average", "Minimum", "Maximum", "Sum", "SampleCount"})) {
    source.statistic = static_cast<Statistic>(*word + 1);
  }
}

void ReadAlertmanager(Fields& fields, MetricSource& source) {
  source.heartbeat_s = static_cast<std::uint32_t>(
      fields.Integer("heartbeat_s", {1, 604'800}).value_or(source.heartbeat_s));
}

// "REGION/NAME": 1..64 letters, digits, '-' and '_', then 1..256 characters.
bool IsAlarmId(std::string_view id) {
  const std::size_t slash = id.find('/');
  return slash != std::string_view::npos && IsPlainWord(id.substr(0, slash), 64) &&
         slash + 1 < id.size() && id.size() - slash - 1 <= 256 &&
         std::ranges::all_of(id, [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

std::string HttpAddress::Text() const {
  return (address.contains(':') ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

std::vector<HttpAddress> ReadAddresses(Fields& fields, std::string_view name) {
  std::vector<HttpAddress> listed;
  for (const Value& item : fields.Array(name)) {
    const auto at =
        item.kind == Value::Kind::kString ? AddressOf(item.text) : std::optional<HttpAddress>();
    if (!at) {
      fields.Expected(
          name, item, "addresses with ports such as \"127.0.0.1:9153\" or \"[::1]:9153\"");
    } else if (std::ranges::find(listed, *at) != listed.end()) {
      fields.Refuse(name, "names " + at->Text() + " twice");
    } else {
      listed.push_back(*at);
    }
  }
  if (listed.size() > kMaxAddresses) {
    fields.Refuse(name,
                  "has " + std::to_string(listed.size()) + " addresses; expected at most " +
                      std::to_string(kMaxAddresses));
  }
  return listed;
}

void ReadHttpTable(Fields& fields, const std::string& path, HttpConfig& http) {
  http.listen = ReadAddresses(fields, "listen");
  if (const auto file = fields.Text("token_file", kPathLength)) {
    http.token_file = PathFrom(path, *file);
  }
}

void ReadMetricTables(Fields& top,
                      const std::string& path,
                      std::vector<MetricSource>& sources,
                      Findings& findings) {
  const Value* tables = top.Table("metric");
  if (tables == nullptr) {
    return;
  }
  for (const Value& table : tables->items) {
    if (table.kind != Value::Kind::kTable) {
      top.Expected("metric", table, "tables written as [metric.\"REGION/NAME\"]");
      continue;
    }
    Fields fields(table, path, "", findings);
    MetricSource source;
    source.id = table.key;
    if (!IsAlarmId(table.key)) {
      fields.Refuse("id",
                    "of the [metric] is \"" + table.key +
                        "\"; expected REGION/NAME as AlarmIdentifier has them, REGION of 1..64 "
                        "letters, digits, '-' and '_', NAME of 1..256 characters of ASCII");
    }
    if (fields.Require("kind", "\"promql\" or \"alertmanager\"")) {
      if (const auto kind = fields.Word("kind", {"promql", "alertmanager"})) {
        source.kind = static_cast<MetricSource::Kind>(*kind);
        source.kind == MetricSource::Kind::kPromql ? ReadPromql(fields, source)
                                                   : ReadAlertmanager(fields, source);
        fields.RefuseUnknown();
      }
    }
    sources.push_back(std::move(source));
  }
  if (sources.size() > kMaxSources) {
    top.Refuse("metric",
               "has " + std::to_string(sources.size()) + " tables; expected at most " +
                   std::to_string(kMaxSources));
  }
}

void ReadWebhookTable(Fields& fields,
                      const std::string& path,
                      std::vector<WebhookConfig>& webhooks) {
  WebhookConfig webhook;
  webhook.place = fields.Place(fields.Root());
  webhook.url = UrlOf(fields, "a target such as \"https://ops.example.test/holdfast\"");
  if (fields.Require("secret_file", "a file with the key of the signature")) {
    webhook.secret_file =
        PathFrom(path, fields.Text("secret_file", kPathLength).value_or("secret_file"));
  }
  const auto& events = fields.Array("events");
  for (const Value& event : events) {
    const bool known = event.kind == Value::Kind::kString;
    bool* const wanted = known && event.text == "transition"    ? &webhook.transitions
                         : known && event.text == "last_resort" ? &webhook.last_resort
                         : known && event.text == "quorum"      ? &webhook.quorum
                                                                : nullptr;
    if (wanted == nullptr || *wanted) {
      fields.Expected("events", event, "\"transition\", \"last_resort\" or \"quorum\", each once");
    } else {
      *wanted = true;
    }
  }
  if (!fields.Has("events")) {
    webhook.transitions = webhook.last_resort = webhook.quorum = true;
  } else if (events.empty() && fields.Find("events")->kind == Value::Kind::kArray) {
    fields.Refuse("events", "is empty; expected \"transition\", \"last_resort\" or \"quorum\"");
  }
  webhook.sns_envelope = fields.Bool("sns_envelope").value_or(false);
  if (webhooks.size() == kMaxWebhooks) {
    fields.Refuse("url",
                  "is that of one [[webhook]] too many; expected " + std::to_string(kMaxWebhooks));
  }
  webhooks.push_back(std::move(webhook));
}

void CheckHttpWhole(Fields& top, const HttpConfig& http, const std::vector<MetricSource>& sources) {
  const auto receiver = std::ranges::find(
      sources, MetricSource::Kind::kAlertmanager, [](const auto& s) { return s.kind; });
  if (receiver == sources.end()) {
    return;
  }
  const std::string whose = "[metric.\"" + receiver->id + "\"] of kind \"alertmanager\"";
  if (http.listen.empty()) {
    top.Refuse("http", "has no 'listen'; expected an address, since " + whose + " is told there");
  } else if (http.token_file.empty() && !std::ranges::all_of(http.listen, IsLoopback)) {
    top.Refuse("http",
               "has no 'token_file'; expected one, since 'listen' has more than loopback and " +
                   whose + " believes whoever posts");
  }
}

Result<std::string> ReadSecret(const std::string& path) {
  struct stat st{};
  if (stat(path.c_str(), &st) == 0 && (st.st_mode & S_IROTH) != 0) {
    return Fail(ErrorCode::kInvalid,
                path +
                    ": everybody may read this secret; expected a file for its owner alone "
                    "(chmod 600)");
  }
  auto text = ReadFile(path, kMaxSecretOctets + 2);
  if (!text) {
    return text;
  }
  std::string secret = text->substr(0, text->find_first_of("\r\n"));
  if (secret.size() < kMinSecretOctets || secret.size() > kMaxSecretOctets || !IsGraphic(secret)) {
    return Fail(ErrorCode::kInvalid,
                path + ": the first line has " + std::to_string(secret.size()) +
                    " octets; expected a secret of 16..4096 without blanks");
  }
  return secret;
}

}  // namespace holdfast::control
