// What is posted as a heartbeat, by an agent that knows its token.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "control/alarms/heartbeats.h"
#include "dataplane/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const auto notice = control::ReadHeartbeat({reinterpret_cast<const char*>(data), size});
  if (!notice) {
    HF_CHECK(!notice.error().message.empty());
    return 0;
  }
  HF_CHECK(size != 0 || notice->pass);
  HF_CHECK(notice->reason.size() <= std::size_t{200} * 4);
  for (const char c : notice->reason) {
    HF_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  }
  return 0;
}
