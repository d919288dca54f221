// JSON with nlohmann; see processes_file.h.
#include "tools/supervise/processes_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace holdfast::tools {

namespace {

std::string PathIn(const std::string& run_dir) {
  return run_dir + "/processes.json";
}

}  // namespace

Status WriteProcesses(const std::string& run_dir, const ProcessList& list) {
  nlohmann::json processes = nlohmann::json::array();
  for (const ProcessState& one : list.processes) {
    processes.push_back({{"name", one.name},
                         {"pid", one.pid},
                         {"started_ms", one.started_ms},
                         {"restarts", one.restarts},
                         {"last_exit", one.last_exit}});
  }
  const nlohmann::json all = {{"supervisor", list.supervisor},
                              {"started_ms", list.started_ms},
                              {"processes", std::move(processes)}};
  const std::string path = PathIn(run_dir);
  const std::string fresh = path + ".new";
  std::ofstream file(fresh, std::ios::trunc);
  file << all.dump(1) << '\n';
  file.close();
  if (!file || std::rename(fresh.c_str(), path.c_str()) != 0) {
    return Fail(ErrorCode::kIo, "cannot write " + path + ": " + std::strerror(errno));
  }
  return {};
}

Result<ProcessList> ReadProcesses(const std::string& run_dir) {
  const std::string path = PathIn(run_dir);
  std::ifstream file(path);
  if (!file) {
    return Fail(ErrorCode::kNotFound, "there is no " + path + "; nothing was started there");
  }
  const nlohmann::json all = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  try {
    ProcessList list{.supervisor = all.at("supervisor").get<pid_t>(),
                     .started_ms = all.at("started_ms").get<std::int64_t>(),
                     .processes = {}};
    for (const nlohmann::json& one : all.at("processes")) {
      list.processes.push_back(ProcessState{.name = one.at("name").get<std::string>(),
                                            .pid = one.at("pid").get<pid_t>(),
                                            .started_ms = one.at("started_ms").get<std::int64_t>(),
                                            .restarts = one.at("restarts").get<std::uint64_t>(),
                                            .last_exit = one.at("last_exit").get<std::string>()});
    }
    return list;
  } catch (const nlohmann::json::exception& error) {
    return Fail(ErrorCode::kInvalid, path + " is not a list of processes: " + error.what());
  }
}

}  // namespace holdfast::tools
