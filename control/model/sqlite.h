// A thin guard around SQLite: every step's return is looked at, every statement is finalised, and
// what the library says becomes an Error. The only header that names it; used by store.cc alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace holdfast::control {

struct SqliteClose {
  void operator()(sqlite3* database) const noexcept;
};
struct SqliteFinalize {
  void operator()(sqlite3_stmt* statement) const noexcept;
};

class SqliteStatement {
 public:
  SqliteStatement(sqlite3* database, sqlite3_stmt* statement)
      : database_(database), statement_(statement) {}
  /// Places from 1, columns from 0. Values are copied. A bind that fails (out of memory) is
  /// remembered and reported by Step or Run.
  void Bind(int place, std::int64_t value);
  void BindText(int place, std::string_view text);
  void BindBlob(int place, std::string_view octets);
  /// True when there is a row.
  Result<bool> Step();
  /// Runs a statement that gives no rows, and makes it ready for the next.
  Status Run();
  [[nodiscard]] std::int64_t Integer(int column) const;
  [[nodiscard]] std::string Text(int column) const;

 private:
  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, SqliteFinalize> statement_;
  int bind_code_ = 0;
};

class Sqlite {
 public:
  /// Opens or creates the file. @param busy_ms  how long a step waits for another
  /// writer.
  static Result<Sqlite> Open(const std::string& path, int busy_ms);
  Status Execute(const char* sql);
  Result<SqliteStatement> Prepare(const char* sql);
  /// First column of the first row.
  Result<std::string> Ask(const char* sql);
  [[nodiscard]] bool InTransaction() const noexcept;

 private:
  explicit Sqlite(sqlite3* database) : database_(database) {}
  std::unique_ptr<sqlite3, SqliteClose> database_;
};

}  // namespace holdfast::control
