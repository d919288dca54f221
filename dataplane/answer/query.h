// One query of a burst on its way through the stages of Answer: what parse read, what lookup found,
// what decide chose. Lives in the Scratch of its thread; the message itself stays in the Job.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/answer/answer.h"
#include "dataplane/answer/client.h"
#include "dataplane/answer/decide.h"
#include "dataplane/table/view.h"
#include "dataplane/wire/types.h"

namespace holdfast::answer {

enum class Todo : std::uint8_t {
  kDropShort,     // shorter than a header: no reply
  kDropResponse,  // QR was set: no reply, or two servers would answer each other for ever
  kError,         // reply with `rcode` and no records
  kLookUp         // a question of class IN that tables can answer
};

/// Room for a folded name of 255 octets and for whole vector stores over it and its zero padding.
inline constexpr std::size_t kFoldedOctets = 288;
static_assert(kFoldedOctets >= 256 + table::kHashPadding);

struct alignas(64) Query {
  // Set by Parse.
  Todo todo = Todo::kDropShort;
  bool has_question = false;  // the question section could be read and is echoed
  bool has_edns = false;      // a well-formed OPT header was seen: the reply carries one
  bool dnssec_ok = false;     // DO
  wire::Rcode rcode = wire::Rcode::kNoError;
  std::uint16_t qtype = 0;
  std::uint16_t client_octets = 0;  // UDP size of the OPT, as sent
  std::uint8_t edns_version = 0;
  table::NameKey key;  // of `folded`; octets are set by Parse, the hash by the stage after it
  const Job* job = nullptr;
  bool reads_subnet = true;  // answer::Options::client_subnet
  Subnet subnet;             // its address is set only when it has a family

  /// Who asks. For decisions that depend on it.
  [[nodiscard]] table::ClientPrefix Client() const noexcept {
    return subnet.family != 0 ? PrefixOf(subnet) : PrefixOf(job->client, job->client_is_v6);
  }

  // Set by the stages after it, for kLookUp.
  const table::NameRecord* record = nullptr;  // of the exact name, or null
  const table::RrsetEntry* entry = nullptr;   // what answers at `record`; null: see compose
  Choice choice;                              // of a pool; kNone until decided

  alignas(16) std::array<std::byte, kFoldedOctets> folded;
};

}  // namespace holdfast::answer
