// See reload.h.
#include "control/admin/reload.h"

#include <algorithm>
#include <iterator>
#include <spdlog/spdlog.h>
#include <unistd.h>
#include <utility>

namespace holdfast::control {
namespace {

Json ReadAndPublish(Loads& loads, const std::string& node_path, const NodeConfig& started_with) {
  const auto node = LoadNode(node_path);
  if (!node) {
    return Failure(node.error());
  }
  const NodeConfig now = loads.node();
  if (node->run_dir != now.run_dir || node->state_dir != now.state_dir) {
    return Failure({ErrorCode::kInvalid,
                    node_path + ": run_dir and state_dir cannot change at a reload; restart"});
  }
  if (node->tables.size_octets != now.tables.size_octets) {
    return Failure({ErrorCode::kInvalid,
                    node_path +
                        ": [tables] size cannot change at a reload; end "
                        "holdfast-control (pid " +
                        std::to_string(getpid()) +
                        "): `holdfast run` starts it again with the new size, and answers go on"});
  }
  auto prepared = loads.Prepare(*node);
  if (!prepared) {
    return Failure(prepared.error());
  }
  std::ranges::move(NeedsRestart(started_with, *node), std::back_inserter(prepared->warnings.node));
  return loads.Publish(std::move(*prepared));
}

}  // namespace

Json Reload(Loads& loads, const std::string& node_path, const NodeConfig& started_with) {
  Json reply = ReadAndPublish(loads, node_path, started_with);
  if (!reply["ok"]) {
    spdlog::error("reload refused, the generation before goes on: {}",
                  reply["error"]["message"].get<std::string>());
  }
  return reply;
}

}  // namespace holdfast::control
