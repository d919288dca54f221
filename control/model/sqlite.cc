#include "control/model/sqlite.h"

#include <sqlite3.h>

namespace holdfast::control {
namespace {

// A damaged file is kInvalid: no waiting will mend it. What does not fit to what is kept already is
// kConflict. The rest (full disk, I/O, a writer beside us) may pass.
ErrorCode CodeOf(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kInvalid;
    case SQLITE_CONSTRAINT:
      return ErrorCode::kConflict;
    default:
      return ErrorCode::kUnavailable;
  }
}

std::unexpected<Error> Failure(sqlite3* database, int code) {
  std::string words = database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code);
  return Fail(CodeOf(code), std::move(words));
}

}  // namespace

void SqliteClose::operator()(sqlite3* database) const noexcept {
  sqlite3_close(database);
}

void SqliteFinalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

void SqliteStatement::Bind(int place, std::int64_t value) {
  bind_code_ |= sqlite3_bind_int64(statement_.get(), place, value);
}

void SqliteStatement::BindText(int place, std::string_view text) {
  bind_code_ |= sqlite3_bind_text64(
      statement_.get(), place, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void SqliteStatement::BindBlob(int place, std::string_view octets) {
  // A null pointer would be NULL, not the empty blob.
  bind_code_ |= sqlite3_bind_blob64(statement_.get(),
                                    place,
                                    octets.empty() ? "" : octets.data(),
                                    octets.size(),
                                    SQLITE_TRANSIENT);
}

Result<bool> SqliteStatement::Step() {
  if (bind_code_ != SQLITE_OK) {
    return Fail(ErrorCode::kUnavailable, "cannot bind a value: it is too large or memory is short");
  }
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW || code == SQLITE_DONE) {
    return code == SQLITE_ROW;
  }
  return Failure(database_, code);
}

Status SqliteStatement::Run() {
  const auto row = Step();
  // Reset repeats the code of the failed step, which is known already.
  sqlite3_reset(statement_.get());
  if (!row) {
    return std::unexpected(row.error());
  }
  return {};
}

std::int64_t SqliteStatement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string SqliteStatement::Text(int column) const {
  const auto* octets = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return octets == nullptr ? std::string() : std::string(octets, static_cast<std::size_t>(size));
}

Result<Sqlite> Sqlite::Open(const std::string& path, int busy_ms) {
  sqlite3* database = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(),
                      &database,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX,
                      nullptr);
  Sqlite opened(database);
  if (code != SQLITE_OK) {
    return Failure(database, code);
  }
  sqlite3_busy_timeout(database, busy_ms);
  return opened;
}

Status Sqlite::Execute(const char* sql) {
  const int code = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) {
    return Failure(database_.get(), code);
  }
  return {};
}

Result<SqliteStatement> Sqlite::Prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database_.get(), sql, -1, &statement, nullptr);
  if (code != SQLITE_OK) {
    return Failure(database_.get(), code);
  }
  return SqliteStatement(database_.get(), statement);
}

bool Sqlite::InTransaction() const noexcept {
  return sqlite3_get_autocommit(database_.get()) == 0;
}

Result<std::string> Sqlite::Ask(const char* sql) {
  auto statement = Prepare(sql);
  if (!statement) {
    return std::unexpected(statement.error());
  }
  const auto row = statement->Step();
  if (!row) {
    return std::unexpected(row.error());
  }
  return *row ? statement->Text(0) : std::string();
}

}  // namespace holdfast::control
