// The secret of server cookies when the node's file names none, and the settings of the tables that
// come of the file's [dns]. Control core; reads and writes state_dir.
#pragma once

#include <string>

#include "control/compile/compiled.h"
#include "control/config/dns_config.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// The 16 octets in `path`; made of random ones, for the owner alone to read, when there is no such
/// file. A crash leaves a whole file or none.
/// @return kInvalid when the file is there and is no secret, kIo when it cannot be read or made.
Result<std::string> KeptCookieSecret(const std::string& path);

/// @param kept  what KeptCookieSecret gave; used when `dns` names no secret.
CompiledSettings SettingsOf(const DnsConfig& dns, const std::string& kept);

}  // namespace holdfast::control
