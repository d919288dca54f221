#include "control/model/findings.h"

namespace holdfast::control {

void Findings::Add(std::vector<std::string>& list,
                   std::size_t& count,
                   std::string_view at,
                   std::string_view text) {
  ++count;
  if (list.size() < kKept) {
    list.push_back(at.empty() ? std::string(text) : std::string(at) + ": " + std::string(text));
  }
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
