// Cold side of Scratch: making one, naming counters. Apart from the hot files because it allocates.
#include "dataplane/answer/scratch.h"

#include <algorithm>
#include <new>
#include <random>

namespace holdfast::answer {

ScratchPtr MakeScratch(const Options& options, std::span<std::uint64_t> counters) {
  std::uint64_t seed = options.seed;
  if (seed == 0) {
    std::random_device device;
    seed = (std::uint64_t{device()} << 32U) ^ device();
  }
  Options bounded = options;
  bounded.udp_octets = std::clamp<std::uint16_t>(options.udp_octets, 512, 4096);
  return ScratchPtr(new Scratch(bounded, seed, counters));
}

void ScratchDelete::operator()(Scratch* scratch) const noexcept {
  delete scratch;
}

void SetTime(Scratch& scratch, const Time& time) noexcept {
  scratch.time = time;
}

const char* CounterText(Counter counter) noexcept {
  switch (counter) {
    case Counter::kQueries:
      return "queries";
    case Counter::kReplies:
      return "replies";
    case Counter::kNoError:
      return "noerror";
    case Counter::kFormErr:
      return "formerr";
    case Counter::kServFail:
      return "servfail";
    case Counter::kNxDomain:
      return "nxdomain";
    case Counter::kNotImp:
      return "notimp";
    case Counter::kRefused:
      return "refused";
    case Counter::kYxDomain:
      return "yxdomain";
    case Counter::kBadVers:
      return "badvers";
    case Counter::kBadCookie:
      return "badcookie";
    case Counter::kNodata:
      return "nodata";
    case Counter::kReferral:
      return "referral";
    case Counter::kTruncated:
      return "truncated";
    case Counter::kEdns:
      return "edns";
    case Counter::kValidCookie:
      return "valid_cookie";
    case Counter::kAccessRefused:
      return "access_refused";
    case Counter::kRateOver:
      return "rate_over";
    case Counter::kRateSlipped:
      return "rate_slipped";
    case Counter::kLastResort:
      return "last_resort";
    case Counter::kDroppedShort:
      return "dropped_short";
    case Counter::kDroppedResponse:
      return "dropped_response";
    case Counter::kDroppedDenied:
      return "dropped_denied";
    case Counter::kDroppedLimited:
      return "dropped_limited";
    case Counter::kDroppedNoTable:
      return "dropped_no_table";
    case Counter::kUnreadableTable:
      return "unreadable_table";
    case Counter::kCount:
      break;
  }
  return "";
}

}  // namespace holdfast::answer
