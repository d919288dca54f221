#include "control/model/findings.h"

#include <algorithm>
#include <utility>

#include "control/model/text.h"

namespace holdfast::control {

void Findings::Add(std::vector<std::string>& list,
                   std::size_t& count,
                   std::string_view at,
                   std::string_view text) {
  ++count;
  if (list.size() < kKept) {
    list.push_back(at.empty() ? Printable(text) : Printable(at) + ": " + Printable(text));
  }
}

void Findings::Add(const Findings& other) {
  const auto add = [](auto& list, std::size_t& count, const auto& lines, std::size_t more) {
    const auto room = static_cast<std::ptrdiff_t>(std::min(lines.size(), kKept - list.size()));
    list.insert(list.end(), lines.begin(), lines.begin() + room);
    count += more;
  };
  add(errors_, error_count_, other.errors_, other.error_count_);
  add(warnings_, warning_count_, other.warnings_, other.warning_count_);
}

void Findings::ReplaceWarnings(const Findings& was, const Findings& now) {
  for (const std::string& line : was.warnings_) {
    if (const auto at = std::ranges::find(warnings_, line); at != warnings_.end()) {
      warnings_.erase(at);
    }
  }
  // More may have been counted than kept, of either.
  const std::size_t left = warning_count_ - std::min(warning_count_, was.warning_count_);
  warning_count_ = std::max(left, warnings_.size());
  Add(OfWarnings(now.warnings_, now.warning_count_));
}

Findings Findings::OfWarnings(std::vector<std::string> kept, std::size_t count) {
  Findings findings;
  findings.warning_count_ = std::max(count, kept.size());
  kept.resize(std::min(kept.size(), kKept));
  findings.warnings_ = std::move(kept);
  return findings;
}

Error Findings::ToError() const {
  std::string message;
  for (const std::string& line : errors_) {
    message += message.empty() ? "" : "\n";
    message += line;
  }
  if (error_count_ > errors_.size()) {
    message += "\n... and " + std::to_string(error_count_ - errors_.size()) + " more errors";
  }
  return Error{ErrorCode::kInvalid, std::move(message)};
}

std::vector<std::string> Findings::Warnings() const {
  std::vector<std::string> lines = warnings_;
  if (warning_count_ > warnings_.size()) {
    lines.push_back("... and " + std::to_string(warning_count_ - warnings_.size()) +
                    " more warnings");
  }
  return lines;
}

}  // namespace holdfast::control
