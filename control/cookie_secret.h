// The secret of server cookies when the node's file names none. Control core; reads and writes
// state_dir.
#pragma once

#include <string>

#include "dataplane/base/result.h"

namespace holdfast::control {

/// The 16 octets in `path`; made of random ones, for the owner alone to read, when there is no such
/// file. A crash leaves a whole file or none.
/// @return kInvalid when the file is there and is no secret, kIo when it cannot be read or made.
Result<std::string> KeptCookieSecret(const std::string& path);

}  // namespace holdfast::control
