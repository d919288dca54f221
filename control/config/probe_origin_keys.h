// The keys of a [check."ID"] table, of either kind, that say when probes start and from where on
// the checker's host they go: fixed_rate, source_address, interface, namespace
// (spec/health-checks.md section 11). Control core.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "control/config/fields.h"
#include "health/check.h"

namespace holdfast::control {

/// Unset: as the check has it.
struct ProbeOriginKeys {
  std::optional<bool> fixed_rate;
  std::optional<std::string> source_address;     // a literal, as inet_ntop writes it
  std::optional<std::string> interface;          // see health::IsInterfaceName
  std::optional<std::string> network_namespace;  // key `namespace`; see health::IsNamespaceName

  [[nodiscard]] bool SetsAny() const noexcept {
    return fixed_rate || source_address || interface || network_namespace;
  }
};

/// Reads them out of a table that has other keys too. Errors go to the findings of `fields`.
ProbeOriginKeys ReadProbeOriginKeys(Fields& fields);

/// Called with a key and what is wrong with it: "is given; expected none for type EXEC".
using RefuseKey = std::function<void(std::string_view key, const std::string& what)>;

/// @param check  has its type, its address or name, and its family already.
void ApplyProbeOriginKeys(const ProbeOriginKeys& keys,
                          health::CheckConfig& check,
                          const RefuseKey& refuse);

}  // namespace holdfast::control
