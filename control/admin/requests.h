// What the control socket understands: one JSON object a line each way. The names of operations and
// fields are the contract with `holdfast` (and with anyone who writes to the socket).
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "control/compile/permitted.h"
#include "control/compile/rows.h"
#include "control/core.h"

namespace holdfast::control {

using Json = nlohmann::json;

/// Name of counter `index` in the reader files of a role; empty when it counts nothing.
using CounterNames = std::function<std::string(const std::string& role, unsigned index)>;
/// What the XDP program of a port has counted since it was attached, by name; none for a port that
/// has no such program by its nature. An error says why it cannot be read. A few system calls.
using XdpCounters =
    std::function<Result<std::vector<std::pair<std::string, std::uint64_t>>>(const PortConfig&)>;

/// What `status` shows of the processes that answer, given by the program: control knows neither
/// what readers count nor what an XDP program is.
struct Instruments {
  CounterNames counter_names;
  XdpCounters xdp_counters;
};

/// {"ok": true, "result": result}
Json Success(Json result);
/// {"ok": false, "error": {"code", "message"}}
Json Failure(const Error& error);
/// "invalid", "not_found", "exhausted", "conflict", "unavailable", "io".
const char* ErrorCodeText(ErrorCode code) noexcept;

/// Permitted answers: [{"share", "ttl", "records", "take" where not all are answered}].
Json AnswersJson(std::span<const ExplainedAnswer> answers);

/// The "checks" of "status". Any thread. @param model  whose checks are watched.
Json ChecksJson(const health::Monitor& monitor, const Model& model);
/// The result of "status" without them. Control core.
Json StatusResult(Core& core, const Instruments& instruments, std::int64_t started_ms);
/// The result of "explain". Any thread, on copies. @param client  address of who asks; empty:
/// anyone. @param node  says whether replies have a scope and which clients are answered.
/// @param kept  as of Explain.
Result<Json> ExplainResult(const Model& model,
                           std::span<const CompiledHealth> health,
                           Generation generation,
                           const std::string& name,
                           const std::string& type,
                           const std::string& client,
                           const NodeConfig& node,
                           KeptRows& kept);

}  // namespace holdfast::control
