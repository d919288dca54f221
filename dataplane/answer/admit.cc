// See admit.h. The four stages are in the order of the functions below.
#include "dataplane/answer/admit.h"

#include <algorithm>
#include <array>

#include "dataplane/answer/rate_table.h"
#include "dataplane/table/location.h"

namespace holdfast::answer {
namespace {

using table::Access;
using table::Settings;
using wire::Rcode;

// What networks are worth, for a burst.
using Classes = std::array<Access, kMaxBurst>;

bool IsSilent(const Query& query) noexcept {
  return query.todo < Todo::kError;
}

bool HasAnswer(const Query& query) noexcept {
  return query.todo == Todo::kLookUp || query.todo == Todo::kServerName;
}

void Refuse(Query& query, Rcode rcode, ExtendedError why) noexcept {
  query.todo = Todo::kError;
  query.rcode = rcode;
  query.extended = why;
}

// By the address that a query came from: what it says of its client's subnet proves nothing.
void JudgeNetworks(const table::Snapshot& snapshot,
                   std::span<Query> queries,
                   Classes& classes,
                   Tally& tally) noexcept {
  const auto networks = table::OpenLocation(snapshot.view(), snapshot.settings()->access_at);
  std::size_t i = 0;
  for (Query& q : queries) {
    const auto located = table::Locate(networks, PrefixOf(q.job->client, q.job->client_is_v6));
    const auto access = static_cast<Access>(located.class_at);
    classes[i++] = access;
    if (IsSilent(q)) {
      continue;
    }
    if (access == Access::kRefuse) {
      Refuse(q, Rcode::kRefused, ExtendedError::kProhibited);
      tally.Add(Counter::kAccessRefused);
    } else if (access == Access::kDrop) {
      q.todo = Todo::kDropDenied;
    }
  }
}

// Whether a client is known to be where its queries come from, or is taken to be.
bool IsProven(const Query& query, Access access) noexcept {
  return query.cookie_valid || query.job->transport == Transport::kTcp || access == Access::kTrust;
}

// To come again, with the cookie that goes with the reply or else over TCP.
void AskAgain(Query& query) noexcept {
  if ((query.asked & kAskedCookie) != 0) {
    Refuse(query, Rcode::kBadCookie, ExtendedError::kNone);
  } else {
    query.todo = Todo::kAskTcp;
  }
}

// Turns away who might be anybody (RFC 7873 5.2.1, 5.2.3).
void DemandCookies(std::span<Query> queries, const Classes& classes) noexcept {
  std::size_t i = 0;
  for (Query& q : queries) {
    if (!IsProven(q, classes[i++]) && HasAnswer(q)) {
      AskAgain(q);
    }
  }
}

// RFC 7873 5.2.3: as if the client took no more.
void LimitSizes(std::uint16_t octets, std::span<Query> queries, const Classes& classes) noexcept {
  std::size_t i = 0;
  for (Query& q : queries) {
    if (!IsProven(q, classes[i++])) {
      q.client_octets = std::min(q.client_octets, octets);
    }
  }
}

// What a network is not answered any more: nothing goes back, but for every `slip`-th something no
// longer than the query (and a cookie), from which an honest client learns to come with that cookie
// (RFC 7873 5.2.3) or over TCP.
void TurnAway(Query& query, std::uint8_t slip, Scratch& scratch) noexcept {
  if (slip == 0 || scratch.random.Below(slip) != 0) {
    query.todo = Todo::kDropLimited;
    return;
  }
  scratch.tally.Add(Counter::kRateSlipped);
  query.extended = ExtendedError::kNone;
  query.asked &= kAskedCookie;
  if (HasAnswer(query)) {
    AskAgain(query);
  }
}

void LimitRates(const table::RateLimit& limit,
                std::span<Query> queries,
                const Classes& classes,
                Scratch& scratch) noexcept {
  std::array<RateCells, kMaxBurst> cells;
  const auto is_limited = [&](std::size_t i) {
    return !IsSilent(queries[i]) && !IsProven(queries[i], classes[i]);
  };
  for (std::size_t i = 0; i < queries.size(); ++i) {
    if (is_limited(i)) {
      const Job& job = *queries[i].job;
      cells[i] = scratch.rates->CellsOf(limit, job.client, job.client_is_v6);
    }
  }
  for (std::size_t i = 0; i < queries.size(); ++i) {
    if (!is_limited(i) || RateTable::Take(limit, cells[i], scratch.time.ns)) {
      continue;
    }
    scratch.tally.Add(Counter::kRateOver);
    if (limit.dry_run == 0) {
      TurnAway(queries[i], limit.slip, scratch);
    }
  }
}

}  // namespace

bool IsDropped(const table::Snapshot& snapshot,
               const std::array<std::byte, 16>& client,
               bool v6) noexcept {
  const Settings* settings = snapshot.settings();
  if (settings == nullptr || settings->access_at == 0) {
    return false;
  }
  const auto networks = table::OpenLocation(snapshot.view(), settings->access_at);
  return static_cast<Access>(table::Locate(networks, PrefixOf(client, v6)).class_at) ==
         Access::kDrop;
}

void Admit(const table::Snapshot& snapshot, std::span<Query> queries, Scratch& scratch) noexcept {
  const Settings& settings = *snapshot.settings();
  Classes classes;
  classes.fill(Access::kAnswer);
  if (settings.access_at != 0) {
    JudgeNetworks(snapshot, queries, classes, scratch.tally);
  }
  if (DemandsCookies(&settings)) {
    DemandCookies(queries, classes);
  }
  if (settings.unproven_octets != 0) {
    LimitSizes(settings.unproven_octets, queries, classes);
  }
  if (settings.rate.answers_per_second != 0 && scratch.rates != nullptr) {
    LimitRates(settings.rate, queries, classes, scratch);
  }
}

}  // namespace holdfast::answer
