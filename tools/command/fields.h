// Reading members of a JSON object that another process made, for printing: whatever is absent or
// of another kind becomes a dash, never an error. Cold, pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/command/text.h"

namespace holdfast::tools {

/// The member `name`, or null.
inline const nlohmann::json& Member(const nlohmann::json& object, const char* name) {
  static const nlohmann::json kNull;
  if (!object.is_object()) {
    return kNull;
  }
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

/// A string, number or boolean as text; "-" for anything else.
inline std::string Text(const nlohmann::json& value) {
  if (value.is_string()) {
    return Printable(value.get_ref<const std::string&>());
  }
  return value.is_number() || value.is_boolean() ? value.dump() : "-";
}

inline std::string Text(const nlohmann::json& object, const char* name) {
  return Text(Member(object, name));
}

inline bool IsTrue(const nlohmann::json& object, const char* name) {
  const nlohmann::json& value = Member(object, name);
  return value.is_boolean() && value.get<bool>();
}

/// "set by command", with the end of the order where it has one.
inline std::string SetByCommand(const nlohmann::json& check) {
  const nlohmann::json& until = Member(check, "override_until");
  return "set by command" + (until.is_string() ? " until " + Text(until) : "");
}

/// A whole number, else `otherwise`.
inline std::int64_t Number(const nlohmann::json& object,
                           const char* name,
                           std::int64_t otherwise = 0) {
  const nlohmann::json& value = Member(object, name);
  return value.is_number_integer() ? value.get<std::int64_t>() : otherwise;
}

/// The elements of an array; of anything else none.
inline const nlohmann::json& Elements(const nlohmann::json& object, const char* name) {
  static const nlohmann::json kNone = nlohmann::json::array();
  const nlohmann::json& value = Member(object, name);
  return value.is_array() ? value : kNone;
}

}  // namespace holdfast::tools
