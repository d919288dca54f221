// What the control socket understands: one JSON object a line each way. The names of operations and
// fields are the contract with `holdfast` (and with anyone who writes to the socket).
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "control/core.h"

namespace holdfast::control {

using Json = nlohmann::json;

/// Name of counter `index` in the reader files of a role; empty when it counts nothing. Given by
/// the program, since control does not know what readers count.
using CounterNames = std::function<std::string(const std::string& role, unsigned index)>;

/// {"ok": true, "result": result}
Json Success(Json result);
/// {"ok": false, "error": {"code", "message"}}
Json Failure(const Error& error);
/// "invalid", "not_found", "exhausted", "conflict", "unavailable", "io".
const char* ErrorCodeText(ErrorCode code) noexcept;

/// The result of "status". Control core.
Json StatusResult(Core& core, const CounterNames& names, std::int64_t started_ms);
/// The result of "explain". Any thread, on copies. @param client  address of who asks; empty:
/// anyone.
Result<Json> ExplainResult(const Model& model,
                           std::span<const CompiledHealth> health,
                           Generation generation,
                           const std::string& name,
                           const std::string& type,
                           const std::string& client);

}  // namespace holdfast::control
