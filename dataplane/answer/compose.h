// Step 7 of a query's journey, the contents: which rrsets stand in a reply, in which section, and
// where a CNAME leads on to (RFC 1034 4.3.2, RFC 2308, RFC 6672). Octets are write's affair. Any
// core; at most kMaxChain links per reply.
#pragma once

#include "dataplane/answer/lookup.h"
#include "dataplane/answer/query.h"
#include "dataplane/answer/scratch.h"
#include "dataplane/answer/write.h"

namespace holdfast::answer {

/// Composes the reply to a query that was looked up: records are placed, rcode and flags of `reply`
/// set. Header and OPT are left to Close.
/// @param reply  fresh: `message`, `begin`, `at`, `limit` are set.
void Compose(const table::Snapshot& snapshot,
             Query& query,
             Scratch& scratch,
             Reply& reply) noexcept;

}  // namespace holdfast::answer
