// Names of the counters, in their order.
#include "dataplane/listen/counters.h"

#include <array>

#include "dataplane/table/format.h"

namespace holdfast::listen {

namespace {

constexpr std::array kTexts = {
    "udp_received",       "udp_sent",
    "udp_receive_failed", "udp_send_failed",
    "udp_send_full",      "udp_source_port",
    "udp_no_destination", "udp_cut",
    "tcp_accepted",       "tcp_accept_failed",
    "tcp_refused_total",  "tcp_refused_client",
    "tcp_refused_denied", "tcp_closed_by_client",
    "tcp_closed_idle",    "tcp_closed_total",
    "tcp_closed_limit",   "tcp_closed_memory",
    "tcp_closed_denied",  "tcp_closed_stop",
    "tcp_bad_length",     "tcp_messages",
    "tcp_partial_writes", "tcp_open",
    "tcp_held_octets",
};
static_assert(kTexts.size() == static_cast<std::size_t>(Counter::kCount));
static_assert(kFirstCounter + kTexts.size() <= table::kCounters);

}  // namespace

const char* CounterText(Counter counter) noexcept {
  const auto i = static_cast<std::size_t>(counter);
  return i < kTexts.size() ? kTexts[i] : "unknown";
}

}  // namespace holdfast::listen
