// What a Prometheus server replies to a query. The first octet chooses the status of HTTP.
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "control/alarms/promql.h"
#include "dataplane/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  if (size == 0) {
    return 0;
  }
  const auto value = control::ReadPromqlReply(data[0] == '!' ? 500 : 200,
                                              {reinterpret_cast<const char*>(data) + 1, size - 1});
  HF_CHECK(value || !value.error().message.empty());
  HF_CHECK(!value || data[0] != '!');
  HF_CHECK(!value || !*value || !std::isnan(**value));
  return 0;
}
