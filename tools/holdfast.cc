// holdfast: the command. `run` starts and supervises a node's processes, `check` reads its files,
// the others ask a running node.
#include <cstdio>
#include <exception>
#include <variant>

#include "tools/command/commands.h"
#include "tools/command/options.h"
#include "tools/supervise/run.h"

namespace {

namespace tools = holdfast::tools;

int Main(int argc, char** argv) {
  const auto parsed = tools::ParseCommandLine(argc, argv);
  if (const auto* finished = std::get_if<tools::Finished>(&parsed)) {
    return finished->status;
  }
  const auto& line = std::get<tools::CommandLine>(parsed);
  if (line.verb != tools::Verb::kRun) {
    return tools::DoCommand(line);
  }
  const auto node = tools::NodeOf(line);
  return node ? tools::RunNode(*node) : tools::kRefused;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "holdfast: %s\n", error.what());
    return tools::kRefused;
  }
}
