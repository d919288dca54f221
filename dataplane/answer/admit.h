// Who gets an answer, and how much of one: access rules, cookies asked for, sizes, rates. Between
// parse and look-up, so that what is turned away costs no look-up. Any core.
#pragma once

#include <span>

#include "dataplane/answer/cookie.h"
#include "dataplane/answer/query.h"
#include "dataplane/answer/scratch.h"
#include "dataplane/table/view.h"

namespace holdfast::answer {

/// Whether any of it is switched on.
inline bool Limits(const table::Settings* settings) noexcept {
  return settings != nullptr && ((settings->access_at | settings->unproven_octets |
                                  settings->rate.answers_per_second) != 0 ||
                                 DemandsCookies(settings));
}

/// Judges a burst whose cookies were checked.
/// @param snapshot  its settings are such that Limits().
void Admit(const table::Snapshot& snapshot, std::span<Query> queries, Scratch& scratch) noexcept;

}  // namespace holdfast::answer
