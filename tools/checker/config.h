// The file of holdfast-checker (TOML): who it is, which controls it works for, how it probes.
// tools/examples/checker.toml shows every key.
#pragma once

#include <string>
#include <string_view>

#include "dataplane/base/result.h"
#include "health/link/remote_checker.h"

namespace holdfast::tools {

struct CheckerFile {
  std::string name;
  health::RemoteCheckerOptions options;
};

/// Reads and checks the file; relative paths become relative to its folder. Then looks at the
/// certificate, which must be for `name`.
/// @return kIo or kInvalid with one line per fault, "FILE:LINE:COL: key ... expected ...".
Result<CheckerFile> LoadCheckerFile(const std::string& path);

/// The same from text, without a look at other files; `path` is for messages and relative paths.
Result<CheckerFile> ParseCheckerFile(std::string_view text, const std::string& path);

}  // namespace holdfast::tools
