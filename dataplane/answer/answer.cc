// The journey of a burst, stage by stage. Each stage goes over the whole burst and prefetches what
// the next one reads, so that the misses of many queries overlap: one pass per query would wait for
// each of them in turn. See answer.h.
#include "dataplane/answer/answer.h"

#include <algorithm>

#include "dataplane/answer/admit.h"
#include "dataplane/answer/stages.h"

namespace holdfast::answer {
namespace {

using table::Snapshot;
using wire::Rcode;

// Judges the cookies of a burst and makes those that go back.
[[gnu::noinline]] void CheckCookies(const table::Settings& settings,
                                    std::span<Query> queries,
                                    std::uint32_t now,
                                    Tally& tally) noexcept {
  for (Query& q : queries) {
    if ((q.asked & kAskedCookie) == 0) {
      continue;
    }
    const Job& job = *q.job;
    const std::span sent(job.message + q.cookie_at, q.cookie_octets);
    const std::span client(job.client.data(), job.client_is_v6 ? 16 : 4);
    q.cookie_valid = CheckCookie(settings, sent, client, now, q.cookie);
    tally.Add(Counter::kValidCookie, q.cookie_valid ? 1 : 0);
    // RFC 7873 5.4: who shows no server cookie is not told that it is a bad one.
    if (q.todo == Todo::kCookieAlone && !q.cookie_valid && sent.size() > kClientCookieOctets) {
      q.rcode = Rcode::kBadCookie;
    }
  }
}

}  // namespace

void Answer(const Snapshot& snapshot, std::span<Job> jobs, Scratch& scratch) noexcept {
  jobs = jobs.first(std::min(jobs.size(), kMaxBurst));
  scratch.tally.Add(Counter::kQueries, static_cast<std::uint32_t>(jobs.size()));
  if (!snapshot.ok()) [[unlikely]] {
    for (Job& job : jobs) {
      Drop(job, Counter::kDroppedNoTable, scratch.tally);
    }
  } else {
    const std::span<Query> queries(scratch.query.data(), jobs.size());
    const unsigned asked = ParseAll(snapshot, jobs, scratch.client_subnet, queries.data());
    if ((asked & kAskedCookie) != 0) {
      CheckCookies(*snapshot.settings(), queries, scratch.time.wall_seconds, scratch.tally);
    }
    if (Limits(snapshot.settings())) [[unlikely]] {
      Admit(snapshot, queries, scratch);
    }
    PrefetchRecords(snapshot, queries);
    if (FindAll(snapshot, queries) != 0) {
      DecideAll(snapshot, queries, scratch.random);
    }
    FinishAll(snapshot, jobs, scratch);
  }
  scratch.tally.FlushTo(scratch.counters);
}

}  // namespace holdfast::answer
