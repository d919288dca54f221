// What loading found: errors that forbid the load, warnings that do not. Both are bounded, so that
// a file with a million bad lines costs a screenful. config and model fill it; control core only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "control/model/model.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

class Findings {
 public:
  /// How many of each kind are kept in words; the rest are only counted.
  static constexpr std::size_t kKept = 100;

  /// Adds "AT: TEXT"; an empty `at` adds TEXT alone. A line each: what is quoted there may hold
  /// control characters, which are shown as \xNN.
  void AddError(std::string_view at, std::string_view text) {
    Add(errors_, error_count_, at, text);
  }
  void AddError(const Source& at, std::string_view text) { AddError(at.Text(), text); }
  void AddWarning(std::string_view at, std::string_view text) {
    Add(warnings_, warning_count_, at, text);
  }
  void AddWarning(const Source& at, std::string_view text) { AddWarning(at.Text(), text); }
  /// Adds what another has found.
  void Add(const Findings& other);

  /// Takes away the warnings of `was`, where they are, and adds those of `now`.
  void ReplaceWarnings(const Findings& was, const Findings& now);

  [[nodiscard]] bool Ok() const noexcept { return error_count_ == 0; }
  [[nodiscard]] std::size_t ErrorCount() const noexcept { return error_count_; }

  /// kInvalid; one line for each kept error, then how many more there are. Only when !Ok().
  [[nodiscard]] Error ToError() const;

  /// The kept warnings, then one line that counts the others, if any.
  [[nodiscard]] std::vector<std::string> Warnings() const;

  /// For the store: the kept warnings, how many there are in all, and both back again.
  [[nodiscard]] const std::vector<std::string>& KeptWarnings() const noexcept { return warnings_; }
  [[nodiscard]] std::size_t WarningCount() const noexcept { return warning_count_; }
  static Findings OfWarnings(std::vector<std::string> kept, std::size_t count);

 private:
  static void Add(std::vector<std::string>& list,
                  std::size_t& count,
                  std::string_view at,
                  std::string_view text);

  std::vector<std::string> errors_;
  std::vector<std::string> warnings_;
  std::size_t error_count_ = 0;
  std::size_t warning_count_ = 0;
};

}  // namespace holdfast::control
