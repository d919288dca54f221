// Reading small whole files, with a bound and with errors that name the file. Control core only.
#pragma once

#include <cstddef>
#include <string>

#include "control/model/digest.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// Reads a regular file of at most `limit` octets; what could block or never end is refused. kIo
/// with the path and the system's words; kInvalid when it is larger or no regular file.
Result<std::string> ReadFile(const std::string& path, std::size_t limit);

/// SHA-256 of a regular file of any size. kIo with the path and the system's words; kInvalid when
/// it is no file.
Result<Digest> DigestOfFile(const std::string& path);

/// `path` as seen from the folder of `from_file`; absolute paths stay as they are.
std::string PathFrom(const std::string& from_file, const std::string& path);

}  // namespace holdfast::control
