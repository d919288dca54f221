#include "control/config/access_config.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast::control {
namespace {

using table::Access;

// Keys, by what their networks are worth.
constexpr std::array<const char*, table::kAccessClasses> kKeys = {
    "answer", "trust", "refuse", "drop"};

constexpr Range kAnswersPerSecond{1, 1'000'000};
constexpr std::int64_t kSlip = 2;
constexpr std::int64_t kIpv4Prefix = 24;
constexpr std::int64_t kIpv6Prefix = 56;

void ReadNetworks(Fields& fields, Access access, std::vector<AccessRule>& rules) {
  const char* key = AccessText(access);
  for (const std::string& text : fields.Strings(key)) {
    const auto network = ParsePrefix(text);
    if (!network) {
      fields.Refuse(key, "has \"" + text.substr(0, 80) + "\", which " + network.error().message);
      continue;
    }
    rules.push_back({*network, access});
  }
}

}  // namespace

std::vector<AccessRule> ReadAccessTable(Fields& fields) {
  std::vector<AccessRule> rules;
  for (std::size_t i = 0; i < kKeys.size(); ++i) {
    ReadNetworks(fields, static_cast<Access>(i), rules);
  }
  std::ranges::stable_sort(rules, {}, &AccessRule::network);
  const auto twice = std::ranges::adjacent_find(rules, {}, &AccessRule::network);
  if (twice != rules.end()) {
    const char* other = AccessText(twice->access);
    fields.Refuse(AccessText(std::next(twice)->access),
                  "has " + ToText(twice->network) + ", which key '" + other +
                      "' has already; expected each network once");
  }
  if (rules.size() > kMaxAccessRules) {
    fields.Refuse("answer",
                  "and the other lists have " + std::to_string(rules.size()) +
                      " networks; expected at most " + std::to_string(kMaxAccessRules));
  }
  return rules;
}

const char* AccessText(Access access) noexcept {
  return kKeys[static_cast<std::size_t>(access)];
}

const AccessRule* AccessOf(std::span<const AccessRule> rules, const Prefix& client) noexcept {
  const AccessRule* found = nullptr;
  for (const AccessRule& rule : rules) {
    if (rule.network.v6 == client.v6 && rule.network.Contains(client)) {
      found = &rule;  // those that lie in it come behind it
    }
  }
  return found;
}

table::RateLimit ReadRateLimitTable(Fields& fields) {
  table::RateLimit limit{};
  fields.Require("answers_per_second", "1..1000000");
  const auto rate = fields.Integer("answers_per_second", kAnswersPerSecond).value_or(0);
  limit.answers_per_second = static_cast<std::uint32_t>(rate);
  limit.burst = static_cast<std::uint32_t>(
      fields.Integer("burst", kAnswersPerSecond).value_or(std::max<std::int64_t>(rate, 1)));
  limit.slip = static_cast<std::uint8_t>(fields.Integer("slip", {0, 100}).value_or(kSlip));
  limit.ipv4_prefix =
      static_cast<std::uint8_t>(fields.Integer("ipv4_prefix", {8, 32}).value_or(kIpv4Prefix));
  limit.ipv6_prefix =
      static_cast<std::uint8_t>(fields.Integer("ipv6_prefix", {16, 64}).value_or(kIpv6Prefix));
  limit.dry_run = fields.Bool("dry_run").value_or(false) ? 1 : 0;
  return limit;
}

}  // namespace holdfast::control
