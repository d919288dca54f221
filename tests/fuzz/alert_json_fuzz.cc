// What is posted as an Alertmanager's notification, by whoever reaches the listener.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "control/alarms/alertmanager.h"
#include "dataplane/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const auto notice = control::ReadAlertNotice({reinterpret_cast<const char*>(data), size});
  if (!notice) {
    HF_CHECK(!notice.error().message.empty());
    return 0;
  }
  HF_CHECK(!notice->group.empty());
  HF_CHECK(notice->summary.size() <= 200 + std::string_view(" resolved").size());
  for (const char c : notice->summary) {
    HF_CHECK(static_cast<unsigned char>(c) >= 0x20);
  }
  control::AlertGroups groups(std::chrono::seconds(1), {});
  HF_CHECK(groups.Take(*notice, {}).has_value());
  HF_CHECK(groups.Judge({}) ==
           (notice->firing ? health::AlarmState::kAlarm : health::AlarmState::kOk));
  return 0;
}
