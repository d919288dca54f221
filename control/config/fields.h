// Reads the members of one table of a document: typed, ranged, and every member that nobody asked
// for is refused by name, with the nearest known name. Errors are collected, not thrown. Used by
// node, record_sets and checks; control core only.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/value.h"
#include "control/model/findings.h"

namespace holdfast::control {

/// A whole number of a file and the range it must lie in, both ends included.
struct Range {
  std::int64_t low;
  std::int64_t high;
};

class Fields {
 public:
  /// @param table     a kTable; must outlive this object.
  /// @param file      opens each message.
  /// @param subject   "record 'www.a.test. A'": put before the member in messages; empty for TOML,
  ///                  whose messages speak of `key 'x'` instead.
  Fields(const Value& table, std::string file, std::string subject, Findings& findings);

  /// The member, or null when absent (JSON's null counts as absent). Marks the name as known.
  const Value* Find(std::string_view name);
  [[nodiscard]] bool Has(std::string_view name) { return Find(name) != nullptr; }

  /// Each gives nothing when the member is absent, or is refused (and then an error was added).
  std::optional<std::string> String(std::string_view name);
  std::optional<std::int64_t> Integer(std::string_view name, Range range);
  std::optional<bool> Bool(std::string_view name);
  /// A number with or without a fraction, `low`..`high`, which `expected` says in words.
  std::optional<double> Number(std::string_view name,
                               double low,
                               double high,
                               std::string_view expected);
  /// A string of `low`..`high` characters of UTF-8.
  std::optional<std::string> Text(std::string_view name, Range length);
  /// A string out of `words`; gives its place in the list.
  std::optional<std::size_t> Word(std::string_view name, std::initializer_list<const char*> words);
  /// Items of an array, or of a table; empty when absent or refused.
  const std::vector<Value>& Array(std::string_view name);
  const Value* Table(std::string_view name);
  std::vector<std::string> Strings(std::string_view name);
  std::vector<std::int64_t> Integers(std::string_view name, Range range);

  /// Of a table that lies in this one.
  [[nodiscard]] Fields Within(const Value& table) const {
    return {table, file_, subject_, findings_};
  }

  /// Adds an error at the member `name`, or at the table when there is none.
  void Refuse(std::string_view name, std::string_view what);
  /// "is WHAT-IT-IS; expected EXPECTED" at `value`, which is `name` or an item of it.
  void Expected(std::string_view name, const Value& value, std::string_view expected);
  /// Adds "is missing; expected EXPECTED" unless the member is there; tells whether it is.
  bool Require(std::string_view name, std::string_view expected);
  /// Call last: refuses members that nobody asked for.
  void RefuseUnknown();

  /// "FILE:LINE:COL" of a value, as far as known.
  [[nodiscard]] std::string Place(const Value& value) const;
  [[nodiscard]] const Value& Root() const noexcept { return table_; }
  /// As they were given, for readers of what lies below.
  [[nodiscard]] const std::string& file() const noexcept { return file_; }
  [[nodiscard]] const std::string& subject() const noexcept { return subject_; }

 private:
  void Say(const Value& at, std::string_view name, std::string_view what);
  [[nodiscard]] std::string Name(std::string_view name) const;

  const Value& table_;
  std::string file_;
  std::string subject_;
  Findings& findings_;
  std::vector<std::string_view> known_;
};

/// Whether `text` is 1..`longest` letters, digits, '-' and '_'.
bool IsPlainWord(std::string_view text, std::size_t longest);

/// "NAME is "VALUE"; expected EXPECTED", the value cut where it is long: for what has no Value.
std::string NotAsExpected(std::string_view name, std::string_view value, std::string_view expected);

/// The word of `words` nearest to `wrong` (at most two edits, fewer than its length), or empty.
std::string_view NearestWord(std::string_view wrong, const std::vector<std::string_view>& words);

}  // namespace holdfast::control
