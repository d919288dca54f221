#include "health/probe/target_rules.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

namespace holdfast::health {

namespace {

constexpr std::size_t kMaxPrefixes = 1024;

// IANA's registries of special purpose addresses, less what leads to hosts all the same: private
// networks (RFC 1918, 6598, 4193), and networks of documentation and of benchmarks, which lead
// nowhere unless somebody made them so.
struct Default {
  const char* prefix;
  const char* why;
};
constexpr Default kRefused[] = {
    {"0.0.0.0/8", "unspecified"},
    {"127.0.0.0/8", "loopback"},
    {"169.254.0.0/16", "link-local, where clouds have their metadata"},
    {"192.0.0.0/24", "reserved"},
    {"224.0.0.0/4", "multicast"},
    {"240.0.0.0/4", "reserved"},
    {"255.255.255.255/32", "broadcast"},
    {"100.100.100.200/32", "a cloud's metadata"},
    {"168.63.129.16/32", "a cloud's metadata"},
    {"::/3", "reserved"},
    {"::/128", "unspecified"},
    {"::1/128", "loopback"},
    {"2001::/32", "Teredo"},
    {"4000::/2", "reserved"},
    {"8000::/2", "reserved"},
    {"c000::/3", "reserved"},
    {"e000::/4", "reserved"},
    {"f000::/5", "reserved"},
    {"f800::/6", "reserved"},
    {"fe00::/9", "reserved"},
    {"fe80::/10", "link-local"},
    {"fec0::/10", "reserved"},
    {"ff00::/8", "multicast"},
    {"fd00:ec2::254/128", "a cloud's metadata"},
    {"fd20:ce::254/128", "a cloud's metadata"},
};

// Forms of IPv6 that lead to an IPv4 address, and where in them that stands.
struct Form {
  std::array<std::uint8_t, 12> prefix;
  unsigned bits;
  unsigned at;
};
constexpr Form kForms[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12},  // mapped (RFC 4291, 2.5.5.2)
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12},                    // NAT64 (RFC 6052, 2.1)
    {{0x20, 0x02}, 16, 2},                                 // 6to4 (RFC 3056)
};

bool Holds(const std::uint8_t* prefix, unsigned bits, const std::uint8_t* address) noexcept {
  const unsigned whole = bits / 8;
  const unsigned rest = bits % 8;
  return std::memcmp(prefix, address, whole) == 0 &&
         (rest == 0 || ((prefix[whole] ^ address[whole]) >> (8 - rest)) == 0);
}

const Form* FormOf(const IpAddress& address) noexcept {
  const auto* form = std::ranges::find_if(kForms, [&address](const Form& one) {
    return Holds(one.prefix.data(), one.bits, address.octets.data());
  });
  return address.v6 && form != std::end(kForms) ? form : nullptr;
}

// What a packet to `address` is for.
IpAddress Judged(const IpAddress& address) noexcept {
  const Form* form = FormOf(address);
  if (form == nullptr) {
    return address;
  }
  IpAddress judged;
  std::copy_n(address.octets.begin() + form->at, 4, judged.octets.begin());
  return judged;
}

struct Prefix {
  IpAddress address;
  unsigned bits;
};

Result<Prefix> ReadPrefix(const std::string& text) {
  const auto refuse = [&text](const std::string& why) {
    return Fail(ErrorCode::kInvalid, "\"" + text + "\" " + why);
  };
  const std::size_t slash = std::min(text.find('/'), text.size());
  const auto address = IpAddress::FromText(text.substr(0, slash));
  const unsigned longest = address && address->v6 ? 128 : 32;
  unsigned bits = longest;
  if (slash != text.size()) {
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + slash + 1, end, bits);
    bits = read.ec == std::errc{} && read.ptr == end ? bits : longest + 1;
  }
  if (!address || bits > longest) {
    return refuse(
        "is no prefix; expected an address or a prefix such as \"192.0.2.0/24\" or "
        "\"2001:db8::/32\"");
  }
  for (unsigned bit = bits; bit < longest; ++bit) {
    if ((address->octets[bit / 8] >> (7 - (bit % 8)) & 1U) != 0) {
      return refuse("has bits behind its length; expected none");
    }
  }
  if (const Form* form = FormOf(*address); form != nullptr && bits >= form->bits) {
    return refuse("leads to IPv4 addresses, which are judged; expected those");
  }
  return Prefix{*address, bits};
}

}  // namespace

TargetRules::TargetRules() {
  for (const Default& one : kRefused) {
    static_cast<void>(Add(one.prefix, false, one.why));
  }
  Sort();
}

Result<TargetRules> TargetRules::Create(const TargetSettings& settings) {
  if (std::max(settings.allow.size(), settings.deny.size()) > kMaxPrefixes) {
    return Fail(ErrorCode::kInvalid, "more than 1024 prefixes; expected at most so many");
  }
  TargetRules made;
  const std::vector<Rule> defaults = std::exchange(made.rules_, {});
  for (const std::string& text : settings.deny) {
    HF_TRY(made.Add(text, false, "deny_targets"));
  }
  for (const std::string& text : settings.allow) {
    HF_TRY(made.Add(text, true, "allow_targets"));
  }
  for (const std::string& text : settings.own) {
    const auto address = IpAddress::FromText(text);
    if (!address) {
      return Fail(ErrorCode::kInvalid, "\"" + text + "\" is no address; expected one of this node");
    }
    HF_TRY(made.Add(Judged(*address).Text(), false, "an address of this node"));
  }
  made.rules_.insert(made.rules_.end(), defaults.begin(), defaults.end());
  made.Sort();
  return made;
}

Status TargetRules::Add(const std::string& text, bool allows, const char* why) {
  const auto prefix = ReadPrefix(text);
  if (!prefix) {
    return std::unexpected(prefix.error());
  }
  rules_.push_back({.prefix = prefix->address, .bits = prefix->bits, .allows = allows, .why = why});
  return {};
}

// Stable: at the same length what was added first goes before.
void TargetRules::Sort() {
  std::vector<Rule> sorted;
  for (Rule& rule : rules_) {
    const auto behind =
        std::ranges::upper_bound(sorted, rule.bits, std::ranges::greater{}, &Rule::bits);
    sorted.insert(behind, std::move(rule));
  }
  rules_ = std::move(sorted);
}

std::optional<std::string> TargetRules::Refusal(const IpAddress& address) const {
  const IpAddress judged = Judged(address);
  const auto rule = std::ranges::find_if(rules_, [&judged](const Rule& one) {
    return one.prefix.v6 == judged.v6 &&
           Holds(one.prefix.octets.data(), one.bits, judged.octets.data());
  });
  if (rule == rules_.end() || rule->allows) {
    return std::nullopt;
  }
  std::string words = rule->prefix.Text() + "/" + std::to_string(rule->bits) + " (" + rule->why;
  return words + (judged == address ? ")" : "; it leads to " + judged.Text() + ")");
}

}  // namespace holdfast::health
