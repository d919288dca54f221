#include "control/config/probe_origin_keys.h"

#include "health/probe/ip_address.h"

namespace holdfast::control {
namespace {

using health::AddressFamily;
using health::CheckConfig;

std::optional<std::string> ReadSourceAddress(Fields& fields) {
  const auto text = fields.String("source_address");
  if (!text) {
    return std::nullopt;
  }
  const auto address = health::IpAddress::FromText(*text);
  if (!address) {
    fields.Expected(
        "source_address", *fields.Find("source_address"), "an IPv4 or IPv6 address of this host");
    return std::nullopt;
  }
  return address->Text();
}

std::optional<std::string> ReadName(Fields& fields,
                                    std::string_view key,
                                    bool (*is_name)(std::string_view) noexcept,
                                    std::string_view expected) {
  auto name = fields.String(key);
  if (name && !is_name(*name)) {
    fields.Expected(key, *fields.Find(key), expected);
    return std::nullopt;
  }
  return name;
}

void RefuseOtherTypes(const ProbeOriginKeys& keys,
                      const CheckConfig& check,
                      const RefuseKey& refuse) {
  const auto refuse_if = [&](bool wrong, const char* key) {
    if (wrong) {
      refuse(key, std::string("is given; expected none for type ") + CheckTypeText(check.type));
    }
  };
  const bool lacks_endpoint = !HasEndpoint(check.type);
  refuse_if(keys.fixed_rate && IsDerived(check.type), "fixed_rate");
  refuse_if(keys.source_address && lacks_endpoint, "source_address");
  refuse_if(keys.interface && lacks_endpoint, "interface");
  refuse_if(keys.network_namespace && lacks_endpoint, "namespace");
}

// From an address of one family nothing goes to the other.
void RefuseOtherFamily(const CheckConfig& check, const RefuseKey& refuse) {
  const std::string& source = check.origin->source_address;
  const bool v6 = health::IsV6(source);
  if (!check.ip_address.empty()) {
    if (health::IsV6(check.ip_address) != v6) {
      refuse("source_address",
             "is \"" + source + "\"; expected an " + (v6 ? "IPv4" : "IPv6") + " address, as " +
                 check.ip_address + " is");
    }
  } else if (check.address_family == AddressFamily::kAny) {
    refuse("address_family", "is \"any\"; expected \"v4\" or \"v6\" as source_address is");
  } else if ((check.address_family == AddressFamily::kV6) != v6) {
    refuse("address_family",
           std::string("is \"") + AddressFamilyText(check.address_family) + "\"" +
               (v6 ? ", as by default" : "") + "; expected \"" + (v6 ? "v6" : "v4") +
               "\" as source_address is");
  }
}

}  // namespace

ProbeOriginKeys ReadProbeOriginKeys(Fields& fields) {
  return {.fixed_rate = fields.Bool("fixed_rate"),
          .source_address = ReadSourceAddress(fields),
          .interface = ReadName(fields,
                                "interface",
                                health::IsInterfaceName,
                                "the name of an interface: 1..15 characters, none of them a "
                                "blank, '/' or ':'"),
          .network_namespace = ReadName(fields,
                                        "namespace",
                                        health::IsNamespaceName,
                                        "the name of a network namespace, as `ip netns` shows it: "
                                        "1..255 characters without '/'")};
}

void ApplyProbeOriginKeys(const ProbeOriginKeys& keys,
                          CheckConfig& check,
                          const RefuseKey& refuse) {
  RefuseOtherTypes(keys, check, refuse);
  check.fixed_rate = keys.fixed_rate.value_or(check.fixed_rate);
  health::Origin origin = *check.origin;
  origin.source_address = keys.source_address.value_or(origin.source_address);
  origin.interface = keys.interface.value_or(origin.interface);
  origin.network_namespace = keys.network_namespace.value_or(origin.network_namespace);
  check.origin = std::move(origin);
  const std::string& source = check.origin->source_address;
  if (source.empty() || !HasEndpoint(check.type)) {
    return;
  }
  RefuseOtherFamily(check, refuse);
  if (health::IsLinkLocalV6(source) && check.origin->interface.empty()) {
    refuse("source_address",
           "is \"" + source + "\", which is link-local; expected 'interface' beside it");
  }
}

}  // namespace holdfast::control
