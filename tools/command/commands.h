// The commands that look at files or ask a running node; `run` is in tools/supervise. Cold.
#pragma once

#include "control/config/node.h"
#include "dataplane/base/result.h"
#include "tools/command/options.h"

namespace holdfast::tools {

// Exit statuses of every command.
inline constexpr int kDone = 0;
inline constexpr int kRefused = 1;      // invalid, or control said no
inline constexpr int kConflict = 2;     // or wrong usage
inline constexpr int kUnreachable = 3;  // control does not answer

/// Does what the line says, speaks on standard output, complains on standard error.
/// @return exit status. @param line  any verb but kRun.
int DoCommand(const CommandLine& line);

/// The node's file, complaints already said. @return kInvalid or kIo.
Result<control::NodeConfig> NodeOf(const CommandLine& line);

}  // namespace holdfast::tools
