// Names of the frame counters, for `status` and for tests. Cold.
#include "dataplane/io/counters.h"

#include <array>

#include "dataplane/table/format.h"

namespace holdfast::io {
namespace {

constexpr std::array<const char*, static_cast<std::size_t>(Counter::kCount)> kTexts{
    "frames",        "busy_cycles",   "query",           "sent",         "no_reply",
    "transmit_full", "multi_segment", "over_mtu",        "short_frame",  "group_mac",
    "other_mac",     "not_ip",        "ip_header",       "ip_checksum",  "ipv6_extension",
    "fragment",      "not_udp",       "other_address",   "martian",      "udp_length",
    "other_port",    "source_port",   "no_udp_checksum", "udp_checksum", "to_kernel",
    "from_kernel",   "exception_full"};
static_assert(kTexts.back() != nullptr);
static_assert(CounterAt(Counter::kCount) <= table::kCounters);

}  // namespace

const char* CounterText(Counter counter) noexcept {
  const auto i = static_cast<std::size_t>(counter);
  return i < kTexts.size() ? kTexts[i] : "unknown";
}

}  // namespace holdfast::io
