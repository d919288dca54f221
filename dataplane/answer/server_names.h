// The names that ask about the server itself, in class CH: version.bind and version.server,
// hostname.bind and id.server (RFC 4892). Everything else in that class is refused. Any core.
#pragma once

#include "dataplane/answer/query.h"
#include "dataplane/answer/write.h"
#include "dataplane/table/format.h"

namespace holdfast::answer {

/// Answers a question of class CH: the TXT record that the settings have for its name, of class CH
/// with TTL 0, else REFUSED.
/// @param query     kServerName.
/// @param settings  null: nothing is told.
/// @param reply     as Compose gets it.
void AnswerServerName(const Query& query, const table::Settings* settings, Reply& reply) noexcept;

}  // namespace holdfast::answer
