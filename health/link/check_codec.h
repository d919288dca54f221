// A check as it goes over the wire: what a probe of it needs, and no more (verdicts are control's).
// Included by messages.cc alone, with the tests; it and messages.cc know nlohmann.
#pragma once

#include <nlohmann/json.hpp>

#include "dataplane/base/result.h"
#include "health/check.h"

namespace holdfast::health {

/// A text of any octets as one of JSON, and back: an octet is the code point of its value.
std::string OctetsToText(std::string_view octets);
/// @return kInvalid when a code point is none of an octet.
Result<std::string> TextToOctets(std::string_view text);

/// @param check  one that is probed.
nlohmann::json CheckToJson(const CheckConfig& check);

/// The same settings; all else as by default. Whether a probe can be made of them, ValidateCheck
/// says.
/// @return kInvalid, naming the setting: one that is not known here, or no value of its kind.
Result<CheckConfig> CheckFromJson(const nlohmann::json& json);

}  // namespace holdfast::health
