#include "control/config/fields.h"

#include <algorithm>
#include <numeric>

#include "control/model/text.h"

namespace holdfast::control {
namespace {

const std::vector<Value>& NoItems() {
  static const std::vector<Value> kNoItems;
  return kNoItems;
}

// Edits (insert, remove, replace, swap of neighbours) that turn `a` into `b`.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), 0U);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

std::string RangeText(Range range) {
  return std::to_string(range.low) + ".." + std::to_string(range.high);
}

}  // namespace

std::string Describe(const Value& value) {
  constexpr std::size_t kShown = 80;
  switch (value.kind) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kBool:
      return value.boolean ? "true" : "false";
    case Value::Kind::kInteger:
      return std::to_string(value.integer);
    case Value::Kind::kFloat:
      return "the fraction or overlong number " + std::to_string(value.real);
    case Value::Kind::kString:
      return value.text.size() <= kShown ? "\"" + value.text + "\""
                                         : "\"" + value.text.substr(0, kShown) + "...\"";
    case Value::Kind::kArray:
      return "an array";
    case Value::Kind::kTable:
      return "a table";
    case Value::Kind::kOther:
      return "a date or time";
  }
  return "unknown";
}

std::string_view NearestWord(std::string_view wrong, const std::vector<std::string_view>& words) {
  constexpr std::size_t kLongest = 64;  // bounds the work on a hostile file
  std::string_view nearest;
  std::size_t fewest = 3;
  if (wrong.size() > kLongest) {
    return nearest;
  }
  for (const std::string_view word : words) {
    const std::size_t edits = EditDistance(wrong, word);
    if (edits < fewest && edits < word.size()) {
      fewest = edits;
      nearest = word;
    }
  }
  return nearest;
}

bool IsPlainWord(std::string_view text, std::size_t longest) {
  constexpr std::string_view kLetters =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";
  return !text.empty() && text.size() <= longest &&
         text.find_first_not_of(kLetters) == std::string_view::npos;
}

std::string NotAsExpected(std::string_view name,
                          std::string_view value,
                          std::string_view expected) {
  Value shown;
  shown.kind = Value::Kind::kString;
  shown.text = value;
  return std::string(name) + " is " + Describe(shown) + "; expected " + std::string(expected);
}

Fields::Fields(const Value& table, std::string file, std::string subject, Findings& findings)
    : table_(table), file_(std::move(file)), subject_(std::move(subject)), findings_(findings) {}

std::string Fields::Place(const Value& value) const {
  std::string place = file_;
  if (value.line != 0) {
    place += ":" + std::to_string(value.line);
    if (value.column != 0) {
      place += ":" + std::to_string(value.column);
    }
  }
  return place;
}

std::string Fields::Name(std::string_view name) const {
  return subject_.empty() ? "key '" + std::string(name) + "'" : subject_ + ": " + std::string(name);
}

void Fields::Say(const Value& at, std::string_view name, std::string_view what) {
  findings_.AddError(Place(at), Name(name) + " " + std::string(what));
}

const Value* Fields::Find(std::string_view name) {
  if (std::ranges::find(known_, name) == known_.end()) {
    known_.push_back(name);
  }
  const Value* value = table_.Find(name);
  return value != nullptr && value->kind != Value::Kind::kNull ? value : nullptr;
}

void Fields::Refuse(std::string_view name, std::string_view what) {
  const Value* value = table_.Find(name);
  Say(value != nullptr ? *value : table_, name, what);
}

void Fields::Expected(std::string_view name, const Value& value, std::string_view expected) {
  Say(value, name, "is " + Describe(value) + "; expected " + std::string(expected));
}

bool Fields::Require(std::string_view name, std::string_view expected) {
  if (Find(name) != nullptr) {
    return true;
  }
  Say(table_, name, "is missing; expected " + std::string(expected));
  return false;
}

std::optional<std::string> Fields::String(std::string_view name) {
  const Value* value = Find(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->kind != Value::Kind::kString) {
    Expected(name, *value, "a string");
    return std::nullopt;
  }
  return value->text;
}

std::optional<std::string> Fields::Text(std::string_view name, Range length) {
  auto text = String(name);
  const auto size = static_cast<std::int64_t>(text ? Characters(*text) : 0);
  if (text && (size < length.low || size > length.high)) {
    Refuse(name, "has " + std::to_string(size) + " characters; expected " + RangeText(length));
    return std::nullopt;
  }
  return text;
}

std::optional<std::int64_t> Fields::Integer(std::string_view name, Range range) {
  const Value* value = Find(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->kind != Value::Kind::kInteger || value->integer < range.low ||
      value->integer > range.high) {
    Expected(name, *value, RangeText(range));
    return std::nullopt;
  }
  return value->integer;
}

std::optional<bool> Fields::Bool(std::string_view name) {
  const Value* value = Find(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->kind != Value::Kind::kBool) {
    Expected(name, *value, "true or false");
    return std::nullopt;
  }
  return value->boolean;
}

std::optional<double> Fields::Number(std::string_view name,
                                     double low,
                                     double high,
                                     std::string_view expected) {
  const Value* value = Find(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  const bool whole = value->kind == Value::Kind::kInteger;
  const double number = whole ? static_cast<double>(value->integer) : value->real;
  // A NaN compares false.
  if ((!whole && value->kind != Value::Kind::kFloat) || !(number >= low && number <= high)) {
    Expected(name, *value, expected);
    return std::nullopt;
  }
  return number;
}

std::optional<std::size_t> Fields::Word(std::string_view name,
                                        std::initializer_list<const char*> words) {
  const Value* value = Find(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  std::string expected;
  std::size_t place = 0;
  for (const char* word : words) {
    if (value->kind == Value::Kind::kString && value->text == word) {
      return place;
    }
    if (place > 0) {
      expected += place + 1 == words.size() ? " or " : ", ";
    }
    expected += "\"" + std::string(word) + "\"";
    ++place;
  }
  Expected(name, *value, expected);
  return std::nullopt;
}

const std::vector<Value>& Fields::Array(std::string_view name) {
  const Value* value = Find(name);
  if (value == nullptr) {
    return NoItems();
  }
  if (value->kind != Value::Kind::kArray) {
    Expected(name, *value, "an array");
    return NoItems();
  }
  return value->items;
}

const Value* Fields::Table(std::string_view name) {
  const Value* value = Find(name);
  if (value != nullptr && value->kind != Value::Kind::kTable) {
    Expected(name, *value, "a table");
    return nullptr;
  }
  return value;
}

std::vector<std::string> Fields::Strings(std::string_view name) {
  std::vector<std::string> strings;
  for (const Value& item : Array(name)) {
    if (item.kind == Value::Kind::kString) {
      strings.push_back(item.text);
    } else {
      Expected(name, item, "strings only");
    }
  }
  return strings;
}

std::vector<std::int64_t> Fields::Integers(std::string_view name, Range range) {
  std::vector<std::int64_t> integers;
  for (const Value& item : Array(name)) {
    if (item.kind == Value::Kind::kInteger && item.integer >= range.low &&
        item.integer <= range.high) {
      integers.push_back(item.integer);
    } else {
      Expected(name, item, "numbers of " + RangeText(range));
    }
  }
  return integers;
}

void Fields::RefuseUnknown() {
  for (const Value& item : table_.items) {
    if (std::ranges::find(known_, item.key) != known_.end()) {
      continue;
    }
    const std::string_view nearest = NearestWord(item.key, known_);
    Say(item,
        item.key,
        nearest.empty() ? std::string("is not known")
                        : "is not known; did you mean '" + std::string(nearest) + "'?");
  }
}

}  // namespace holdfast::control
