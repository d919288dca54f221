// JSON health checks from outside: what is kept of them is within the ranges of the spec.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "control/config/checks.h"
#include "dataplane/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  std::vector<health::CheckConfig> checks;
  control::Findings findings;
  const std::vector<control::MetricSource> sources{{.id = "eu-1/errors"}};
  control::ReadChecksText(std::string_view(reinterpret_cast<const char*>(data), size),
                          "checks",
                          sources,
                          {},
                          checks,
                          findings);
  for (const health::CheckConfig& check : checks) {
    HF_CHECK(!check.id.empty() && check.id.size() <= 64);
    HF_CHECK(check.alarm.empty() == (check.type != health::CheckType::kCloudwatchMetric));
    if (health::IsDerived(check.type)) {
      HF_CHECK(check.children.size() <= 255 && check.health_threshold <= 256);
      continue;
    }
    HF_CHECK(!check.ip_address.empty() || !check.fqdn.empty());
    HF_CHECK(check.port != 0);
    HF_CHECK(check.resource_path.find_first_of("\r\n ") == std::string::npos);
    HF_CHECK(check.fqdn.find_first_of("\r\n ") == std::string::npos);
    HF_CHECK(check.interval.count() == 10'000 || check.interval.count() == 30'000);
    HF_CHECK(check.healthy_threshold >= 1 && check.healthy_threshold <= 10);
  }
  return 0;
}
