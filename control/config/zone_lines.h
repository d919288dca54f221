// Cuts zone text into entries (RFC 1035 5.1): comments dropped, parentheses joined to one line,
// quotes and escapes left as they are. Used by zone_file.cc; control core only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "control/model/digest.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

struct TextEntry {
  std::string text;           // one line without comment; blanks are spaces or tabs
  bool starts_blank = false;  // no owner: it goes on with the one before
  std::uint32_t line = 0;     // where the entry begins, from 1
};

class ZoneLines {
 public:
  /// Longest entry: a TXT of 65,535 octets, each written as `\DDD`, and as much again.
  static constexpr std::size_t kMaxEntryOctets = std::size_t{512} << 10;

  /// @param file  open for reading; not owned.
  explicit ZoneLines(std::FILE* file) : file_(file) {}
  ~ZoneLines();
  ZoneLines(const ZoneLines&) = delete;
  ZoneLines& operator=(const ZoneLines&) = delete;

  /// Reads the next entry that is not empty into `entry`.
  /// @return false at the end. kInvalid for a fault of one entry, after which Next() may be called
  /// again; kIo when the file cannot be read on. `entry.line` is set in every case.
  Result<bool> Next(TextEntry& entry);

  /// Of all that was read.
  Digest TakeDigest() { return sha256_.Finish(); }

 private:
  Result<bool> ReadLine();
  Status AddLine(TextEntry& entry, std::size_t& open_parentheses) const;

  std::FILE* file_;
  char* line_ = nullptr;  // getline's buffer
  std::size_t room_ = 0;
  std::size_t length_ = 0;
  std::uint32_t number_ = 0;
  Sha256 sha256_;
};

}  // namespace holdfast::control
