// The keys of a [check."ID"] table that say what the certificate of an endpoint is held to and
// which one it is shown: of type TLS and of HTTPS* (spec/health-checks.md section 11). Control
// core.
#pragma once

#include <optional>
#include <string>

#include "control/config/fields.h"
#include "health/check.h"

namespace holdfast::control {

/// Reads verify, ca_bundle, client_cert, client_key and min_days_valid. Errors go to the findings
/// of `fields`. No file is looked at.
/// @param path  the node's file; relative files are seen from its folder.
/// @return nothing when the table has none of them.
std::optional<health::TlsSettings> ReadTlsKeys(Fields& fields, const std::string& path);

/// Looks at the files that `tls` names and takes their digests, so that other contents make another
/// check. @return what is wrong with them, "key 'ca_bundle': ..."; empty: nothing.
std::string LookAtTlsFiles(health::TlsSettings& tls);

}  // namespace holdfast::control
