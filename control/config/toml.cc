#include "control/config/toml.h"

#include <algorithm>
#include <toml++/toml.h>
#include <utility>

namespace holdfast::control {
namespace {

// toml++ itself bounds the nesting (TOML_MAX_NESTED_VALUES, 256), and this walk with it.
Value Convert(const toml::node& node);

void ConvertInto(Value& value, const toml::table& table) {
  value.kind = Value::Kind::kTable;
  for (const auto& [key, member] : table) {
    Value item = Convert(member);
    item.key = std::string(key.str());
    value.items.push_back(std::move(item));
  }
  // toml++ keeps members by name; messages read better in the order of the file.
  std::ranges::sort(value.items, [](const Value& a, const Value& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
}

Value Convert(const toml::node& node) {
  Value value;
  value.line = node.source().begin.line;
  value.column = node.source().begin.column;
  if (const auto* table = node.as_table()) {
    ConvertInto(value, *table);
  } else if (const auto* array = node.as_array()) {
    value.kind = Value::Kind::kArray;
    for (const toml::node& item : *array) {
      value.items.push_back(Convert(item));
    }
  } else if (const auto* text = node.as_string()) {
    value.kind = Value::Kind::kString;
    value.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    value.kind = Value::Kind::kInteger;
    value.integer = integer->get();
  } else if (const auto* boolean = node.as_boolean()) {
    value.kind = Value::Kind::kBool;
    value.boolean = boolean->get();
  } else if (const auto* real = node.as_floating_point()) {
    value.kind = Value::Kind::kFloat;
    value.real = real->get();
  } else {
    value.kind = Value::Kind::kOther;
  }
  return value;
}

// The parser quotes what it could not read; a long text may be a secret that lost its quotes.
std::string WithoutLongTexts(std::string_view description) {
  constexpr std::size_t kShown = 12;
  std::string text;
  for (std::size_t at = 0; at < description.size();) {
    const std::size_t open = std::min(description.find('\'', at), description.size());
    const std::size_t close = description.find('\'', open + 1);
    if (close == std::string_view::npos || close - open - 1 <= kShown) {
      const std::size_t end = close == std::string_view::npos ? description.size() : close + 1;
      text += description.substr(at, end - at);
      at = end;
    } else {
      text += description.substr(at, open - at);
      text += "'...'";
      at = close + 1;
    }
  }
  return text;
}

}  // namespace

Result<Value> ParseToml(std::string_view text, const std::string& file) {
  try {
    return Convert(toml::parse(text, file));
  } catch (const toml::parse_error& fault) {
    const auto& at = fault.source().begin;
    return Fail(ErrorCode::kInvalid,
                file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " +
                    WithoutLongTexts(fault.description()));
  } catch (const std::exception& fault) {
    return Fail(ErrorCode::kInvalid, file + ": " + fault.what());
  }
}

}  // namespace holdfast::control
