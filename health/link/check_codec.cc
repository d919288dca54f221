// One list of settings, gone through by a writer and by a reader. Each struct is taken apart into
// all of its members, so that a new one does not compile until it is told, or left out on purpose.
#include "health/link/check_codec.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

namespace holdfast::health {

namespace {

using nlohmann::json;

constexpr unsigned kCheckTypes = 64;  // more than there are
constexpr std::size_t kMaxTexts = 256;

void EachSetting(auto& visit, auto&& settings) {
  using Settings = std::remove_cvref_t<decltype(settings)>;
  if constexpr (std::is_same_v<Settings, UdpSettings>) {
    auto& [payload, expect] = settings;
    visit("payload", payload);
    visit("expect", expect);
  } else if constexpr (std::is_same_v<Settings, DnsSettings>) {
    auto& [question, type, rcodes, rdata, recursion_desired] = settings;
    visit("question", question);
    visit("question_type", type);
    visit("rcodes", rcodes);
    visit("rdata", rdata);
    visit("recursion_desired", recursion_desired);
  } else if constexpr (std::is_same_v<Settings, TlsSettings>) {
    auto& [min_days_valid, verify, ca_bundle, ca_digest, client_cert, client_key, client_digest] =
        settings;
    visit("min_days_valid", min_days_valid);
    visit("verify", verify);
    visit("ca_bundle", ca_bundle);
    visit("ca_digest", ca_digest);
    visit("client_cert", client_cert);
    visit("client_key", client_key);
    visit("client_digest", client_digest);
  } else if constexpr (std::is_same_v<Settings, HttpSettings>) {
    auto& [expected_status, method, headers, body_regex] = settings;
    visit("expected_status", expected_status);
    visit("method", method);
    visit("headers", headers);
    visit("body_regex", body_regex);
  } else if constexpr (std::is_same_v<Settings, GrpcSettings>) {
    auto& [service, tls] = settings;
    visit("service", service);
    visit("tls", tls);
  } else if constexpr (std::is_same_v<Settings, IcmpSettings>) {
    auto& [count] = settings;
    visit("count", count);
  } else if constexpr (std::is_same_v<Settings, ExecSettings>) {
    auto& [command, arguments, user] = settings;
    visit("command", command);
    visit("arguments", arguments);
    visit("user", user);
  } else if constexpr (std::is_same_v<Settings, Origin>) {
    auto& [source_address, interface, network_namespace] = settings;
    visit("source_address", source_address);
    visit("interface", interface);
    visit("namespace", network_namespace);
  } else {
    static_assert(std::is_same_v<Settings, std::monostate>);
  }
}

void EachField(auto& visit, auto& check) {
  auto& [id,
         type,
         port,
         ip_address,
         fqdn,
         address_family,
         resource_path,
         search_string,
         inverted,  // from here on, where nothing is visited: what only verdicts need
         disabled,
         enable_sni,
         measure_latency,
         keep_alive,
         tls_resume,
         fixed_rate,
         insufficient_data,
         alarm,
         health_threshold,
         children,
         routing_control,
         regions,
         native,
         http,
         https,
         origin,
         interval,
         connect_timeout,
         response_timeout,
         body_timeout,
         healthy_threshold,
         unhealthy_threshold,
         jitter_percent,
         quorum,
         damping] = check;
  visit("id", id);
  visit("type", type);
  visit("port", port);
  visit("address", ip_address);
  visit("fqdn", fqdn);
  visit("family", address_family);
  visit("path", resource_path);
  visit("search", search_string);
  visit("sni", enable_sni);
  visit("measure_latency", measure_latency);
  visit("keep_alive", keep_alive);
  visit("tls_resume", tls_resume);
  visit("fixed_rate", fixed_rate);
  visit("interval_ms", interval);
  visit("connect_timeout_ms", connect_timeout);
  visit("response_timeout_ms", response_timeout);
  visit("body_timeout_ms", body_timeout);
  visit("healthy_threshold", healthy_threshold);
  visit("unhealthy_threshold", unhealthy_threshold);
  visit("jitter_percent", jitter_percent);
  visit("http", http);
  visit("https", https);
  visit("origin", origin);
  std::visit([&](auto& settings) { EachSetting(visit, settings); }, native);
}

// What is false or empty is left out.
struct Writer {
  json& out;

  void operator()(const char* name, const std::string& octets) const {
    if (!octets.empty()) {
      out[name] = OctetsToText(octets);
    }
  }
  void operator()(const char* name, const std::vector<std::string>& list) const {
    for (const std::string& each : list) {
      out[name].push_back(OctetsToText(each));
    }
  }
  void operator()(const char* name, CheckType type) const { out[name] = CheckTypeText(type); }
  void operator()(const char* name, AddressFamily family) const {
    out[name] = AddressFamilyText(family);
  }
  void operator()(const char* name, Milliseconds time) const {
    out[name] = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
  }
  void operator()(const char* name, bool value) const {
    if (value) {
      out[name] = true;
    }
  }
  template <std::unsigned_integral Number>
  void operator()(const char* name, Number value) const {
    out[name] = value;
  }
  void operator()(const char* name, const std::optional<std::uint32_t>& value) const {
    if (value) {
      out[name] = *value;
    }
  }
  void operator()(const char* name, HttpMethod method) const { out[name] = HttpMethodText(method); }
  void operator()(const char* name, const std::vector<StatusRange>& ranges) const {
    for (const StatusRange range : ranges) {
      out[name].push_back(StatusText(range));
    }
  }
  // An object of its own.
  template <typename Settings>
  void operator()(const char* name, const Rare<Settings>& settings) const {
    if (settings) {
      Writer inside{out[name] = json::object()};
      EachSetting(inside, *settings);
    }
  }
};

struct Reader {
  const json& in;
  std::size_t known = 0;
  std::string problem;  // the first

  const json* Find(const char* name) {
    const auto at = in.find(name);
    known += at == in.end() ? 0 : 1;
    return at == in.end() ? nullptr : &*at;
  }
  void Refuse(const char* name, const char* expected) {
    if (problem.empty()) {
      problem = std::string("setting '") + name + "' is not " + expected;
    }
  }
  void Text(const char* name, const json& value, std::string& into) {
    auto octets = value.is_string() ? TextToOctets(value.get_ref<const std::string&>())
                                    : Result<std::string>(Fail(ErrorCode::kInvalid, ""));
    if (!octets) {
      return Refuse(name, "a text");
    }
    into = std::move(*octets);
  }

  void operator()(const char* name, std::string& into) {
    into.clear();
    if (const json* value = Find(name)) {
      Text(name, *value, into);
    }
  }
  void operator()(const char* name, std::vector<std::string>& into) {
    into.clear();
    const json* value = Find(name);
    if (value == nullptr) {
      return;
    }
    if (!value->is_array() || value->size() > kMaxTexts) {
      return Refuse(name, "a list of texts");
    }
    for (const json& each : *value) {
      Text(name, each, into.emplace_back());
    }
  }
  void operator()(const char* name, CheckType& into) {
    const json* value = Find(name);
    for (unsigned i = 0; value != nullptr && value->is_string() && i < kCheckTypes; ++i) {
      const auto type = static_cast<CheckType>(i);
      if (*value == CheckTypeText(type)) {
        into = type;
        return;
      }
    }
    Refuse(name, "a type of checks that this program knows");
  }
  void operator()(const char* name, AddressFamily& into) {
    const json* value = Find(name);
    for (const auto family : {AddressFamily::kV4, AddressFamily::kV6, AddressFamily::kAny}) {
      if (value != nullptr && *value == AddressFamilyText(family)) {
        into = family;
        return;
      }
    }
    Refuse(name, "a family of addresses");
  }
  void operator()(const char* name, Milliseconds& into) {
    std::uint32_t count = 0;
    (*this)(name, count);
    into = Milliseconds(count);
  }
  void operator()(const char* name, bool& into) {
    const json* value = Find(name);
    if (value != nullptr && !value->is_boolean()) {
      return Refuse(name, "true or false");
    }
    into = value != nullptr && value->get<bool>();
  }
  template <std::unsigned_integral Number>
  void operator()(const char* name, Number& into) {
    const json* value = Find(name);
    if (value == nullptr || !value->is_number_unsigned() ||
        value->get<std::uint64_t>() > std::numeric_limits<Number>::max()) {
      return Refuse(name, "a number in its range");
    }
    into = value->get<Number>();
  }
  void operator()(const char* name, std::optional<std::uint32_t>& into) {
    into.reset();
    if (in.contains(name)) {
      (*this)(name, into.emplace());
    }
  }
  void operator()(const char* name, HttpMethod& into) {
    const json* value = Find(name);
    for (unsigned i = 0; value != nullptr && value->is_string() && i < kHttpMethods; ++i) {
      const auto method = static_cast<HttpMethod>(i);
      if (*value == HttpMethodText(method)) {
        into = method;
        return;
      }
    }
    Refuse(name, "a method");
  }
  void operator()(const char* name, std::vector<StatusRange>& into) {
    std::vector<std::string> texts;
    (*this)(name, texts);
    into.clear();
    for (const std::string& text : texts) {
      const auto range = StatusFromText(text);
      if (!range) {
        return Refuse(name, "a list of statuses");
      }
      into.push_back(*range);
    }
  }
  template <typename Settings>
  void operator()(const char* name, Rare<Settings>& into) {
    const json* value = Find(name);
    if (value == nullptr) {
      return;
    }
    if (!value->is_object()) {
      return Refuse(name, "an object");
    }
    Reader inside{.in = *value, .known = 0, .problem = {}};
    Settings settings;
    EachSetting(inside, settings);
    if (!inside.problem.empty()) {
      return Refuse(name, ("an object: " + inside.problem).c_str());
    }
    if (inside.known != value->size()) {
      return Refuse(name, "an object of settings that this program knows");
    }
    into = std::move(settings);
  }
};

NativeSettings NativeOf(CheckType type) {
  switch (type) {
    case CheckType::kUdp:
      return UdpSettings{};
    case CheckType::kDns:
      return DnsSettings{};
    case CheckType::kTls:
      return TlsSettings{};
    case CheckType::kGrpc:
      return GrpcSettings{};
    case CheckType::kIcmp:
      return IcmpSettings{};
    case CheckType::kExec:
      return ExecSettings{};
    default:
      return {};
  }
}

}  // namespace

std::string OctetsToText(std::string_view octets) {
  std::string text;
  text.reserve(octets.size());
  for (const char c : octets) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x80) {
      text += c;
    } else {
      text +=
          {static_cast<char>(0xC0U | (octet >> 6U)), static_cast<char>(0x80U | (octet & 0x3FU))};
    }
  }
  return text;
}

Result<std::string> TextToOctets(std::string_view text) {
  std::string octets;
  octets.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto first = static_cast<unsigned char>(text[i]);
    if (first < 0x80) {
      octets += text[i];
      continue;
    }
    if ((first != 0xC2 && first != 0xC3) || i + 1 == text.size()) {
      return Fail(ErrorCode::kInvalid, "expected code points up to 255");
    }
    const auto second = static_cast<unsigned char>(text[++i]);
    octets += static_cast<char>(((first & 3U) << 6U) | (second & 0x3FU));
  }
  return octets;
}

json CheckToJson(const CheckConfig& check) {
  json out = json::object();
  Writer writer{out};
  EachField(writer, check);
  return out;
}

Result<CheckConfig> CheckFromJson(const json& in) {
  CheckConfig check;
  if (!in.is_object()) {
    return Fail(ErrorCode::kInvalid, "a check is no object");
  }
  Reader reader{.in = in, .known = 0, .problem = {}};
  reader("type", check.type);
  reader.known = 0;
  check.native = NativeOf(check.type);
  EachField(reader, check);
  if (!reader.problem.empty()) {
    return Fail(ErrorCode::kInvalid, reader.problem);
  }
  if (reader.known != in.size()) {
    return Fail(ErrorCode::kInvalid, "it has settings that this program does not know");
  }
  return check;
}

}  // namespace holdfast::health
