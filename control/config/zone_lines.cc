#include "control/config/zone_lines.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace holdfast::control {

ZoneLines::~ZoneLines() {
  std::free(line_);
}

Result<bool> ZoneLines::ReadLine() {
  errno = 0;
  const ssize_t got = getline(&line_, &room_, file_);
  if (got < 0) {
    if (std::ferror(file_) != 0) {
      return Fail(ErrorCode::kIo, std::string("cannot read on: ") + std::strerror(errno));
    }
    return false;
  }
  length_ = static_cast<std::size_t>(got);
  sha256_.Add({line_, length_});
  ++number_;
  while (length_ > 0 && (line_[length_ - 1] == '\n' || line_[length_ - 1] == '\r')) {
    --length_;
  }
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (number_ == 1 && std::string_view(line_, length_).starts_with(kByteOrderMark)) {
    length_ -= kByteOrderMark.size();
    std::memmove(line_, line_ + kByteOrderMark.size(), length_);
  }
  return true;
}

// Appends the line that was read. An error leaves the entry unusable.
Status ZoneLines::AddLine(TextEntry& entry, std::size_t& open_parentheses) const {
  const std::string_view line(line_, length_);
  if (line.contains('\0')) {
    return Fail(ErrorCode::kInvalid, "the line holds a NUL octet; expected text");
  }
  bool quoted = false;
  for (std::size_t at = 0; at < line.size(); ++at) {
    char c = line[at];
    if (c == '\\') {
      entry.text += c;
      if (++at < line.size()) {
        entry.text += line[at];
      }
      continue;
    }
    if (c == '"') {
      quoted = !quoted;
    } else if (!quoted) {
      if (c == ';') {
        break;
      }
      if (c == '(') {
        ++open_parentheses;
        c = ' ';
      } else if (c == ')') {
        if (open_parentheses-- == 0) {
          return Fail(ErrorCode::kInvalid, "')' without '('");
        }
        c = ' ';
      } else if (c == '\t') {
        c = ' ';
      }
    }
    entry.text += c;
  }
  if (quoted) {
    return Fail(ErrorCode::kInvalid, "a quote is not closed on its line");
  }
  if (entry.text.size() > kMaxEntryOctets) {
    return Fail(ErrorCode::kInvalid,
                "an entry is longer than " + std::to_string(kMaxEntryOctets) +
                    " octets; is a '(' left open?");
  }
  return {};
}

Result<bool> ZoneLines::Next(TextEntry& entry) {
  do {
    entry.text.clear();
    entry.line = number_ + 1;
    std::size_t open_parentheses = 0;
    do {
      const auto more = ReadLine();
      if (!more) {
        return more;
      }
      if (!*more) {
        if (open_parentheses != 0) {
          return Fail(ErrorCode::kInvalid, "'(' is not closed before the end of the file");
        }
        return false;
      }
      HF_TRY(AddLine(entry, open_parentheses));
      if (open_parentheses != 0) {
        entry.text += ' ';
      }
    } while (open_parentheses != 0);
    entry.starts_blank = entry.text.starts_with(' ');
  } while (entry.text.find_first_not_of(' ') == std::string::npos);
  return true;
}

}  // namespace holdfast::control
