#include "control/config/probing_keys.h"

#include <chrono>
#include <string>
#include <utility>

namespace holdfast::control {

void ReadProbingKeys(Fields& fields, health::CheckerOptions& options) {
  if (const auto seconds = fields.Integer("name_max_stale_s", {0, 604'800})) {
    options.name_max_stale = std::chrono::seconds(*seconds);
  }
  if (const auto queries = fields.Integer("name_queries_per_second", {1, 100'000})) {
    options.name_queries_per_second = static_cast<std::uint32_t>(*queries);
  }
  options.targets.allow = fields.Strings("allow_targets");
  options.targets.deny = fields.Strings("deny_targets");
  options.control_targets = fields.Strings("control_targets");
  for (const std::string& resolver : fields.Strings("resolvers")) {
    options.resolvers += (options.resolvers.empty() ? "" : ",") + resolver;
  }
  using Options = health::CheckerOptions;
  for (const auto& [key, alone] :
       {std::pair("control_targets", Options{.control_targets = options.control_targets}),
        std::pair("resolvers", Options{.resolvers = options.resolvers}),
        std::pair("allow_targets", Options{.targets = {.allow = options.targets.allow}}),
        std::pair("deny_targets", Options{.targets = {.deny = options.targets.deny}})}) {
    if (const auto checked = health::Checker::Validate(alone); !checked) {
      fields.Refuse(key, "cannot be used: " + checked.error().message);
    }
  }
}

}  // namespace holdfast::control
