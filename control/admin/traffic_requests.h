// The requests about traffic policies and their instances. Names, limits and the words that errors
// begin with are those of the Route 53 API (spec/api.md section 6). On the worker for loads.
#pragma once

#include <string>

#include "control/admin/loads.h"

namespace holdfast::control {

/// Characters of a policy's name and of a version's comment, at most.
inline constexpr std::size_t kMaxPolicyName = 512;
inline constexpr std::size_t kMaxPolicyComment = 1024;

/// traffic_load {name, file, comment}: a new policy, or the next version of the one that is called
///   that or has that id. Nothing of it is served yet.
/// traffic_list, traffic_show {policy, version}: what there is; a version with its document.
/// traffic_apply {owner, policy, ttl}: makes the records at a name, or switches those that are
///   there to another version or policy, in one publish. `policy` may end in ":VERSION", else it is
///   the newest. Without `ttl` (seconds) those that are there keep theirs. No file is read: all
///   else stays as it is served, or the request is refused.
/// traffic_remove {owner, type}: likewise. `owner` may be the instance's id.
/// traffic_delete {policy, version}.
bool IsTrafficRequest(const std::string& op);

/// @param request  an object of strings. @return the reply.
Json AnswerTraffic(Loads& loads, const Json& request);

}  // namespace holdfast::control
