// The command line of holdfast-sockets, as the supervisor renders it. Cold, main thread.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "dataplane/base/result.h"
#include "dataplane/listen/server.h"

namespace holdfast::listen {

struct Arguments {
  std::string run_dir;
  std::string user;  // to become when started as root; empty: stay
  bool udp = true;   // serve the UDP sockets that were passed, too
  bool help = false;
  bool version = false;
  std::optional<unsigned> wait_seconds;  // for tables; none: as long as it takes
  ServerOptions server;
};

/// Reads the arguments behind the program's name: `--name value` or `--name=value`.
/// @return kInvalid names the argument, its value and what was expected.
Result<Arguments> ParseArguments(std::span<const char* const> arguments);

/// What --help prints.
std::string HelpText();

}  // namespace holdfast::listen
