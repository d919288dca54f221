// The rules for requests of HTTP and for what is expected of their responses. See rules.h.
#include <algorithm>
#include <array>

#include "health/rules/rules.h"

namespace holdfast::health {

namespace {

constexpr std::size_t kMaxPathOctets = 1 + (std::size_t{255} * 4);  // "/" and characters of UTF-8
constexpr std::size_t kMaxStatusRanges = 32;
constexpr std::size_t kMaxHeaders = 32;
constexpr std::size_t kMaxHeaderOctetsOfOne = 1024;

Status ValidateRequest(const CheckConfig& check, const Refusal& refuse) {
  const std::string& path = check.resource_path;
  if (!UsesHttp(check.type) && !path.empty() && path != "/") {
    return refuse("ResourcePath", Shown(path), "none but for HTTP and HTTPS");
  }
  if (path.size() > kMaxPathOctets || !IsGraphic(path) || (!path.empty() && path[0] != '/')) {
    return refuse("ResourcePath",
                  Shown(path),
                  "\"/\" and at most 255 more characters, no space or control character");
  }
  const std::string& wanted = check.search_string;
  if (MatchesString(check.type) && (wanted.empty() || wanted.size() > kMaxSearchOctets)) {
    return refuse("SearchString", Shown(wanted), "1 to 255 characters");
  }
  if (!MatchesString(check.type) && !wanted.empty()) {
    return refuse("SearchString", Shown(wanted), "none but for HTTP_STR_MATCH and HTTPS_STR_MATCH");
  }
  // A name is resolved for each probe; a connection would stay at the address it had once.
  if (check.keep_alive && (!UsesHttp(check.type) || check.ip_address.empty())) {
    return refuse("keep-alive", "true", "false but for HTTP and HTTPS with an IPAddress");
  }
  return {};
}

bool IsToken(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kOthers.contains(c);
  });
}

// What says where a request ends and who is asked is the probe's own (RFC 9112).
bool IsOfTheProbe(std::string_view name) {
  constexpr std::array<std::string_view, 10> kOurs{"Host",
                                                   "Connection",
                                                   "Content-Length",
                                                   "Transfer-Encoding",
                                                   "Accept-Encoding",
                                                   "Expect",
                                                   "Keep-Alive",
                                                   "TE",
                                                   "Trailer",
                                                   "Upgrade"};
  return std::ranges::any_of(kOurs, [name](auto ours) { return IsSameHeader(name, ours); });
}

Status ValidateHeader(const std::vector<std::string>& headers,
                      const std::string& header,
                      const Refusal& refuse) {
  const std::string_view name = HeaderName(header);
  if (!IsToken(name) || !header.substr(name.size()).starts_with(": ") ||
      header.size() > kMaxHeaderOctetsOfOne ||
      !std::ranges::all_of(header, [](char c) { return c == '\t' || (c >= 0x20 && c < 0x7F); })) {
    return refuse("headers", Shown(header), "\"Name: value\" of at most 1024 characters of ASCII");
  }
  if (IsOfTheProbe(name)) {
    return refuse("headers", Shown(name), "none that the probe writes itself");
  }
  const auto same = [name](const std::string& each) {
    return IsSameHeader(HeaderName(each), name);
  };
  if (std::ranges::count_if(headers, same) > 1) {
    return refuse("headers", Shown(name), "each name once");
  }
  return {};
}

Status ValidateResponse(const CheckConfig& check, const Refusal& refuse) {
  const HttpSettings& http = *check.http;
  if (http.expected_status.size() > kMaxStatusRanges) {
    return refuse(
        "expected_status", std::to_string(http.expected_status.size()) + " items", "at most 32");
  }
  for (const StatusRange range : http.expected_status) {
    if (range.first < kMinStatus || range.first > range.last || range.last > kMaxStatus) {
      return refuse("expected_status", StatusText(range), "statuses of 200 to 599");
    }
  }
  if (http.headers.size() > kMaxHeaders) {
    return refuse("headers", std::to_string(http.headers.size()) + " of them", "at most 32");
  }
  for (const std::string& header : http.headers) {
    HF_TRY(ValidateHeader(http.headers, header, refuse));
  }
  if (http.body_regex.size() > kMaxTextOctets ||
      (MatchesString(check.type) && !http.body_regex.empty())) {
    return refuse(
        "body_regex", Shown(http.body_regex), "at most 255 octets, and none beside a SearchString");
  }
  if (http.method == HttpMethod::kHead && ReadsBody(check)) {
    return refuse("method", "HEAD", "another one, since the body is read");
  }
  return {};
}

}  // namespace

Status ValidateHttp(const CheckConfig& check, const Refusal& refuse) {
  HF_TRY(ValidateRequest(check, refuse));
  if (check.http && !UsesHttp(check.type)) {
    return refuse("settings of HTTP", "given", "none but for HTTP and HTTPS");
  }
  if (check.https && !UsesTls(check.type)) {
    return refuse("settings of TLS", "given", "none but for HTTPS and TLS");
  }
  return ValidateResponse(check, refuse);
}

}  // namespace holdfast::health
