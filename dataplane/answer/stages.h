// The stages of a burst on its way through Answer, each over the whole burst. Inline, since they
// are one function when it is hurried; `tools/bench ladder` calls them one more at a time. Any
// core.
#pragma once

#include <algorithm>
#include <array>

#include "dataplane/answer/compose.h"
#include "dataplane/answer/cookie.h"
#include "dataplane/answer/decide.h"
#include "dataplane/answer/lookup.h"
#include "dataplane/answer/parse.h"
#include "dataplane/answer/plain.h"
#include "dataplane/answer/plain_negative.h"
#include "dataplane/answer/scratch.h"
#include "dataplane/answer/server_names.h"
#include "dataplane/answer/write.h"

namespace holdfast::answer {

inline void Prefetch(const void* at) noexcept {
  __builtin_prefetch(at);
}

// Reads every message, hashes the names and sends for their buckets. Returns what they ask for
// beside the answer: Asked bits of all together.
inline unsigned ParseAll(const table::Snapshot& snapshot,
                         std::span<const Job> jobs,
                         bool client_subnet,
                         Query* query) noexcept {
  const Accepts accepts{.subnet = client_subnet, .cookie = GivesCookies(snapshot.settings())};
  unsigned asked = 0;
  for (const Job& job : jobs) {
    Query& q = *query++;
    Parse(job, q, accepts);
    asked |= q.asked;
    if (q.todo == Todo::kLookUp) [[likely]] {
      q.key.hash = HashName(q.key.name, q.key.octets, snapshot.key());
      Prefetch(snapshot.BucketFor(q.key.hash));
    }
  }
  return asked;
}

// Sends for the records that may be the exact names'.
inline void PrefetchRecords(const table::Snapshot& snapshot, std::span<Query> queries) noexcept {
  for (Query& q : queries) {
    if (q.todo == Todo::kLookUp) [[likely]] {
      q.record = snapshot.Candidate(q.key.hash);
      Prefetch(q.record);
    }
  }
}

// Finds the exact names and sends for what answers at them. Returns how many of these are pools.
inline unsigned FindAll(const table::Snapshot& snapshot, std::span<Query> queries) noexcept {
  unsigned pools = 0;
  for (Query& q : queries) {
    if (q.todo != Todo::kLookUp) [[unlikely]] {
      continue;
    }
    if (!snapshot.IsFound(q.record, q.key)) [[unlikely]] {
      q.record = snapshot.Find(q.key);
    }
    if (q.record == nullptr || (q.record->flags & table::kNameCut) != 0 || AsksTheName(q.qtype)) {
      continue;  // compose finds out
    }
    q.entry = EntryFor(snapshot, *q.record, q.qtype);
    if (q.entry != nullptr && q.entry->kind != table::RrsetKind::kAddress) {
      Prefetch(snapshot.view().At<table::RrImage>(q.entry->at));
      pools += q.entry->kind == table::RrsetKind::kPool ? 1U : 0U;
    }
  }
  return pools;
}

// Who asks for a routed name whose decision depends on that.
struct Asker {
  std::uint32_t location_at;
  table::ClientPrefix client;
};

inline bool IsRouted(const Query& query) noexcept {
  return query.entry != nullptr && query.entry->kind == table::RrsetKind::kPool;
}

// For decisions that depend on the client: where the search for it begins, then the ranges there.
inline void PrefetchLocations(const table::Snapshot& snapshot,
                              std::span<const Query> queries,
                              OpenTable& open) noexcept {
  std::array<Asker, kMaxBurst> askers;
  std::size_t count = 0;
  for (const Query& q : queries) {
    if (!IsRouted(q)) {
      continue;
    }
    const auto* decision = snapshot.DecisionOf(q.entry->at);
    const std::uint32_t location_at = decision == nullptr ? 0 : decision->location_at;
    if (location_at != 0) {
      askers[count] = {.location_at = location_at, .client = q.Client()};
      PrefetchTop(open.At(location_at), askers[count].client);
      ++count;
    }
  }
  for (const Asker& one : std::span(askers).first(count)) {
    PrefetchRanges(open.At(one.location_at), one.client);
  }
}

// Routed names: slot -> decision -> image, each sent for one stage before it is read.
inline void DecideAll(const table::Snapshot& snapshot,
                      std::span<Query> queries,
                      Random& random) noexcept {
  for (const Query& q : queries) {
    if (IsRouted(q)) {
      if (const auto* slot = snapshot.view().At<table::PoolSlot>(q.entry->at)) {
        Prefetch(
            snapshot.view().At<table::Decision>(slot->decision_at.load(std::memory_order_relaxed)));
      }
    }
  }
  OpenTable open(snapshot.view());
  PrefetchLocations(snapshot, queries, open);
  for (Query& q : queries) {
    if (IsRouted(q)) {
      q.choice = Decide(snapshot, q.entry->at, q.Client(), random, open);
      Prefetch(snapshot.view().At<table::RrImage>(q.choice.at));
    }
  }
}

// RFC 9715 3.1: the longest UDP reply, which is also what we say we take. Within bounds, whatever
// the tables hold.
inline std::uint16_t UdpOctets(const table::Settings* settings, const Scratch& scratch) noexcept {
  const std::uint16_t octets = settings == nullptr ? std::uint16_t{0} : settings->udp_octets;
  return octets == 0 ? scratch.udp_octets
                     : std::clamp(octets, table::kMinUdpOctets, table::kMaxUdpOctets);
}

inline std::size_t LimitOf(const Job& job, const Query& query, std::uint16_t udp_octets) noexcept {
  std::size_t limit = wire::kPlainUdpOctets;
  if (job.transport == Transport::kTcp) {
    limit = wire::kMaxMessageOctets;
  } else if (query.has_edns) {
    limit = std::min<std::size_t>(udp_octets, std::max<std::size_t>(query.client_octets, limit));
  }
  limit = std::min<std::size_t>(limit, job.room_octets);
  return query.has_edns ? limit - kOptOctets - query.option_octets : limit;
}

inline void CountReply(const Query& query, const Reply& reply, Tally& tally) noexcept {
  switch (reply.rcode) {
    case wire::Rcode::kNoError:
      tally.Add(Counter::kNoError);
      break;
    case wire::Rcode::kFormErr:
      tally.Add(Counter::kFormErr);
      break;
    case wire::Rcode::kServFail:
      tally.Add(Counter::kServFail);
      break;
    case wire::Rcode::kNxDomain:
      tally.Add(Counter::kNxDomain);
      break;
    case wire::Rcode::kNotImp:
      tally.Add(Counter::kNotImp);
      break;
    case wire::Rcode::kRefused:
      tally.Add(Counter::kRefused);
      break;
    case wire::Rcode::kYxDomain:
      tally.Add(Counter::kYxDomain);
      break;
    case wire::Rcode::kBadVers:
      tally.Add(Counter::kBadVers);
      break;
    case wire::Rcode::kBadCookie:
      tally.Add(Counter::kBadCookie);
      break;
    default:
      break;
  }
  tally.Add(Counter::kReplies);
  tally.Add(Counter::kEdns, query.has_edns ? 1 : 0);
  tally.Add(Counter::kTruncated, reply.truncated ? 1 : 0);
  tally.Add(Counter::kReferral, reply.referral ? 1 : 0);
  tally.Add(Counter::kLastResort, reply.last_resort ? 1 : 0);
  tally.Add(Counter::kUnreadableTable, reply.unreadable ? 1 : 0);
  const bool nodata = reply.answers == 0 && reply.rcode == wire::Rcode::kNoError &&
                      !reply.referral && !reply.truncated;
  tally.Add(Counter::kNodata, nodata ? 1 : 0);
}

[[gnu::noinline]] inline void Respond(const table::Snapshot& snapshot,
                                      Job& job,
                                      Query& query,
                                      std::uint16_t udp_octets,
                                      Scratch& scratch) noexcept {
  Reply reply;
  reply.message = job.message;
  reply.begin = wire::kHeaderOctets + (query.has_question ? query.key.octets + 4 : 0);
  reply.at = reply.begin;
  reply.limit = LimitOf(job, query, udp_octets);
  if (query.todo == Todo::kLookUp) [[likely]] {
    Compose(snapshot, query, scratch, reply);
  } else if (query.todo == Todo::kServerName) {
    AnswerServerName(query, snapshot.settings(), reply);
  } else if (query.todo == Todo::kAskTcp) {
    reply.truncated = true;
  } else {
    reply.rcode = query.rcode;
    reply.extended = query.extended;
  }
  job.reply_octets =
      static_cast<std::uint32_t>(Close(query, udp_octets, snapshot.settings(), reply));
  job.outcome = Outcome::kReply;
  CountReply(query, reply, scratch.tally);
}

inline void Drop(Job& job, Counter why, Tally& tally) noexcept {
  job.outcome = Outcome::kDrop;
  job.reply_octets = 0;
  tally.Add(why);
}

inline void Drop(Job& job, Todo why, Tally& tally) noexcept {
  switch (why) {
    case Todo::kDropShort:
      return Drop(job, Counter::kDroppedShort, tally);
    case Todo::kDropDenied:
      Drop(job, Counter::kDroppedDenied, tally);
      job.outcome = Outcome::kHangUp;
      return;
    case Todo::kDropLimited:
      return Drop(job, Counter::kDroppedLimited, tally);
    default:
      return Drop(job, Counter::kDroppedResponse, tally);
  }
}

inline void FinishAll(const table::Snapshot& snapshot,
                      std::span<Job> jobs,
                      Scratch& scratch) noexcept {
  const std::uint16_t udp_octets = UdpOctets(snapshot.settings(), scratch);
  Query* query = scratch.query.data();
  const table::NameRecord* encloser = nullptr;
  for (Job& job : jobs) {
    Query& q = *query++;
    if (RespondPlainly(snapshot, job, q, udp_octets, scratch.tally) ||
        RespondPlainlyAbsent(snapshot, job, q, encloser, udp_octets, scratch.tally)) [[likely]] {
      continue;
    }
    if (q.todo < Todo::kError) {
      Drop(job, q.todo, scratch.tally);
    } else {
      Respond(snapshot, job, q, udp_octets, scratch);
    }
  }
}

}  // namespace holdfast::answer
