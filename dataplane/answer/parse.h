// Step 4 of a query's journey: header, question and EDNS of one message. First thing that touches
// octets from outside; any octets are safe. Called by Answer, any core.
#pragma once

#include "dataplane/answer/answer.h"
#include "dataplane/answer/query.h"

namespace holdfast::answer {

/// Reads the message of `job` and says in `query.todo` what is to be done with it. Every field but
/// those of later stages is set; for kLookUp and kServerName also the folded qname, padded, without
/// its hash. The message is not changed. O(octets of the message).
void Parse(const Job& job, Query& query, Accepts accepts = {}) noexcept;

/// Copies the name at `from` to `to` in lower case (ASCII letters only, RFC 4343 3) and puts at
/// least table::kHashPadding zero octets behind it.
/// @param from    wire form, read in vectors: `octets` rounded up to 16, and at least 32, must be
///                readable.
/// @param octets  1..255, root octet included.
void FoldName(const std::byte* from, std::size_t octets, std::byte* to) noexcept;

/// The plain twin of FoldName; a test holds them equal.
void FoldNameScalar(const std::byte* from, std::size_t octets, std::byte* to) noexcept;

}  // namespace holdfast::answer
