// The one answer function: bytes in, bytes out. Called by the DPDK lcores, the kernel listeners,
// the fuzzers, the benches and `holdfast explain`. No I/O, no allocation, no lock, no exception;
// every loop has a named bound. Any core; one Scratch per thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/table/view.h"

namespace holdfast::answer {

inline constexpr std::size_t kMaxBurst = 64;

class RateTable;

enum class Transport : std::uint8_t { kUdp, kTcp };

/// What became of one query.
enum class Outcome : std::uint8_t {
  kDrop = 0,   // nothing is sent (too short, a response, over its rate, unreadable table)
  kReply = 1,  // `reply_octets` octets at `message` go back
  kHangUp = 2  // nothing is sent, and the connection it came over is closed
};

/// One query of a burst, and its reply, which is written over it.
struct Job {
  std::byte* message = nullptr;    // the DNS header's first octet
  std::uint32_t query_octets = 0;  // 0..65,535
  std::uint32_t room_octets =
      0;  // octets that may be written at `message`; >= query_octets and >= 512
  Transport transport = Transport::kUdp;
  std::uint16_t keepalive = 0;  // kTcp: in 100 ms, how long the connection may be idle (RFC 7828)
  bool client_is_v6 = false;
  std::array<std::byte, 16> client{};  // source address, network order; 4 octets used for IPv4
  // Set by Answer:
  Outcome outcome = Outcome::kDrop;
  std::uint32_t reply_octets = 0;
};

/// Reasons that are counted, per thread, one writer each; `holdfast status` shows them by these
/// names. Their order is their place in the reader file from counter 0 on.
enum class Counter : std::uint8_t {
  kQueries,  // messages handed to Answer
  kReplies,  // replies written
  kNoError,  // replies by rcode ...
  kFormErr,
  kServFail,
  kNxDomain,
  kNotImp,
  kRefused,
  kYxDomain,
  kBadVers,
  kBadCookie,
  kNodata,  // NOERROR replies without an answer that are no referrals
  kReferral,
  kTruncated,        // replies with TC
  kEdns,             // queries with an OPT record
  kValidCookie,      // queries with a server cookie of ours
  kAccessRefused,    // REFUSED by an access rule
  kRateOver,         // queries over the rate of their network
  kRateSlipped,      // of these, answered all the same: TC, BADCOOKIE or an error, without records
  kLastResort,       // answers that a rule of last resort chose
  kDroppedShort,     // dropped: shorter than a DNS header
  kDroppedResponse,  // dropped: QR was set
  kDroppedDenied,    // dropped: by an access rule
  kDroppedLimited,   // dropped: over the rate of their network
  kDroppedNoTable,   // dropped: the published image is not mapped here (yet)
  kUnreadableTable,  // an offset or length in the image led nowhere; answered SERVFAIL
  kCount
};
/// "queries", "formerr", ...: the name of a counter.
const char* CounterText(Counter counter) noexcept;

struct Options {
  std::uint16_t udp_octets = 1232;  // our UDP limit where the tables set none, 512..4096
  bool client_subnet = true;   // EDNS Client Subnet of a query counts, and is answered (RFC 7871)
  std::uint64_t seed = 0;      // of the draws; 0: from the processor's own source
  RateTable* rates = nullptr;  // of the process, outlives the scratch; null: rates are not limited
};

/// State of one answering thread: random numbers, counters, working space. Not shared.
class Scratch;
struct ScratchDelete {
  void operator()(Scratch* scratch) const noexcept;
};
using ScratchPtr = std::unique_ptr<Scratch, ScratchDelete>;

/// Makes the state of one thread. Cold: allocates once.
/// @param counters  where to count: Counter::kCount entries of a reader file, or of the caller's;
///                  written by this thread alone with relaxed stores.
ScratchPtr MakeScratch(const Options& options, std::span<std::uint64_t> counters);

/// What time it is for the bursts to come.
struct Time {
  std::uint32_t wall_seconds = 0;  // since 1970 UTC, low 32 bits; for server cookies
  std::uint64_t ns = 0;            // of a clock that never jumps, the same for all that share rates
};
/// The answering thread calls it as often as it likes to; until then both are 0.
void SetTime(Scratch& scratch, const Time& time) noexcept;

/// Whether an access rule drops all that a client asks. Any thread that holds a snapshot.
/// @param client  4 octets used for IPv4.
bool IsDropped(const table::Snapshot& snapshot,
               const std::array<std::byte, 16>& client,
               bool v6) noexcept;

/// Answers a burst, each job from the same snapshot, in stages over the whole burst (parse and
/// hash, prefetch, look up, decide, write). A snapshot that is not ok() drops all of it.
/// @param jobs  at most kMaxBurst; their buffers do not overlap.
void Answer(const table::Snapshot& snapshot, std::span<Job> jobs, Scratch& scratch) noexcept;

}  // namespace holdfast::answer
