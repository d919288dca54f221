// One query of a burst on its way through the stages of Answer: what parse read, what lookup found,
// what decide chose. Lives in the Scratch of its thread; the message itself stays in the Job.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/answer/answer.h"
#include "dataplane/answer/client.h"
#include "dataplane/answer/cookie.h"
#include "dataplane/answer/decide.h"
#include "dataplane/answer/extended_error.h"
#include "dataplane/table/view.h"
#include "dataplane/wire/types.h"

namespace holdfast::answer {

enum class Todo : std::uint8_t {
  // No reply:
  kDropShort,     // shorter than a header
  kDropResponse,  // QR was set: two servers would answer each other for ever
  kDropDenied,    // from a network that gets none
  kDropLimited,   // its network has had its share
  // A reply:
  kError,        // reply with `rcode` and no records
  kCookieAlone,  // as kError: no question but a cookie to be renewed (RFC 7873 5.4)
  kAskTcp,       // TC and no records, so that the client comes over TCP
  kServerName,   // a question of class CH: see server_names
  kLookUp        // a question of class IN that tables can answer
};

/// What the options of a query ask for, in `Query::asked`.
enum Asked : std::uint8_t {
  kAskedSubnet = 1,
  kAskedCookie = 2,
  kAskedKeepalive = 4,  // over TCP
  kAskedNsid = 8
};

/// Options that count; the others are passed over as unknown ones.
struct Accepts {
  bool subnet = true;  // answer::Options::client_subnet
  bool cookie = true;  // the tables' settings
};

/// Room for a folded name of 255 octets and for whole vector stores over it and its zero padding.
inline constexpr std::size_t kFoldedOctets = 288;
static_assert(kFoldedOctets >= 256 + table::kHashPadding);

struct alignas(64) Query {
  // Set by Parse. First what Clear sets to nothing, side by side.
  Todo todo = Todo::kDropShort;
  bool has_question = false;  // the question section could be read and is echoed
  bool has_edns = false;      // a well-formed OPT header was seen: the reply carries one
  bool dnssec_ok = false;     // DO
  std::uint8_t edns_version = 0;
  std::uint8_t asked = 0;          // Asked bits
  bool cookie_valid = false;       // a server cookie of ours came with it; set by the stage after
  std::uint8_t cookie_octets = 0;  // kAskedCookie: of the option's data, as IsCookieLength says ...
  std::uint16_t cookie_at = 0;     // ... which stands here in the message
  std::uint16_t option_octets = 0;  // of the options that the reply must have
  wire::Rcode rcode = wire::Rcode::kNoError;
  ExtendedError extended{};  // why, unless kLookUp
  // Set by the stages after it, for kLookUp.
  const table::NameRecord* record = nullptr;  // of the exact name, or null
  const table::RrsetEntry* entry = nullptr;   // what answers at `record`; null: see compose
  Choice choice;                              // of a pool; kNone until decided

  const Job* job = nullptr;
  table::NameKey key;  // of `folded`; octets are set by Parse, the hash by the stage after it
  std::uint16_t qtype = 0;
  std::uint16_t client_octets = 0;  // UDP size of the OPT, as sent
  Accepts accepts;
  Subnet subnet;  // its address is set only when it has a family

  /// Before the next message.
  void Clear(const Job& next, Accepts takes) noexcept {
    todo = Todo::kDropShort;
    has_question = has_edns = dnssec_ok = false;
    edns_version = asked = 0;
    cookie_valid = false;
    cookie_octets = 0;
    cookie_at = option_octets = 0;
    rcode = wire::Rcode::kNoError;
    extended = {};
    record = nullptr;
    entry = nullptr;
    choice = {};
    job = &next;
    accepts = takes;
    subnet.family = 0;
  }

  /// Who asks. For decisions that depend on it.
  [[nodiscard]] table::ClientPrefix Client() const noexcept {
    return subnet.family != 0 ? PrefixOf(subnet) : PrefixOf(job->client, job->client_is_v6);
  }

  Cookie cookie;  // of the reply; set for kAskedCookie by the stage after Parse

  alignas(16) std::array<std::byte, kFoldedOctets> folded;
};

}  // namespace holdfast::answer
