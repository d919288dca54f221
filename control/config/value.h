// A parsed document, whatever it was written in: TOML and JSON both become a tree of Values with
// the place of each, so that one reader (fields.h) checks both and the parsing libraries stay in
// one file each. Control core only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::control {

struct Value {
  enum class Kind : std::uint8_t {
    kNull,
    kBool,
    kInteger,
    kFloat,  // also an integer beyond 64 bits
    kString,
    kArray,
    kTable,
    kOther  // TOML's dates and times
  };

  Kind kind = Kind::kNull;
  bool boolean = false;
  std::uint32_t line = 0;    // of the value's first character
  std::uint32_t column = 0;  // 0: not known
  std::int64_t integer = 0;
  double real = 0;
  std::string key;           // the name under which a table holds this value
  std::string text;          // kString
  std::vector<Value> items;  // kArray, kTable; a table has no two equal keys

  [[nodiscard]] const Value* Find(std::string_view wanted) const noexcept {
    for (const Value& item : items) {
      if (item.key == wanted) {
        return &item;
      }
    }
    return nullptr;
  }
};

/// The value in words, for "key 'x' is WORDS": 70000, "always", true, an array...
std::string Describe(const Value& value);

}  // namespace holdfast::control
