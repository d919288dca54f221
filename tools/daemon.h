// How the daemons begin that take one file and log to stderr (control, checker): the command line,
// the log, and what becomes of an error.
#pragma once

#include <functional>
#include <string>

#include "dataplane/base/result.h"

namespace holdfast::tools {

struct DaemonText {
  const char* name;     // of the program: in its log and before its errors
  const char* purpose;  // for --help
  const char* file;     // what --config names
  // For --check: looks at the file alone and changes nothing. Null: there is no such option.
  Status (*check)(const std::string& file) = nullptr;
};

/// Understands --config FILE, --check, --help and --version, sets up the log and runs.
/// @param run  given the file; what it throws is an error too.
/// @return the exit status: 0; 1 (or the parser's own) when something is wrong or the machine lacks
/// something, said on stderr; 2 for kConflict, another of its kind is there.
int RunDaemon(const DaemonText& text,
              int argc,
              char** argv,
              const std::function<Status(const std::string& file)>& run);

}  // namespace holdfast::tools
