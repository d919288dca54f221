// What `holdfast status` prints for people. Pure, but for LocalStatus. Cold.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace holdfast::tools {

/// What the run folder tells without control: {"supervisor": {"pid", "running"}, "processes":
/// [{"name", "pid", "running", "started_ms", "restarts", "last_exit"}], "readers": [{"role", "pid",
/// "mapped_seq", "threads": [{"passed", "beat"}]}], "health_data": {"generation", "age_ms"}}: what
/// answers go by, and how long ago the control that saw to it last lived. Parts that cannot be read
/// are left out. "pid" is null of what does not run, "readers" of what this user may not look at,
/// "health_data" where nothing is published.
nlohmann::json LocalStatus(const std::string& run_dir);

/// @param local    of LocalStatus.
/// @param control  result of control's op "status"; null when control does not answer. Members of
///                 another kind than expected, or absent, are shown as "-".
/// @param now_ms   wall clock, milliseconds since 1970.
std::string StatusText(const nlohmann::json& local,
                       const nlohmann::json& control,
                       std::int64_t now_ms);

}  // namespace holdfast::tools
