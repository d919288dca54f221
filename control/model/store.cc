#include "control/model/store.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/file.h>
#include <unistd.h>
#include <unordered_set>
#include <utility>

namespace holdfast::control {
namespace {

// Step n brings a store from user_version n to n + 1. Steps are never changed, only added.
constexpr std::array kMigrations{
    R"(CREATE TABLE health_check(
         id TEXT PRIMARY KEY NOT NULL,
         raw_state INTEGER NOT NULL CHECK(raw_state BETWEEN 0 AND 2),
         override_state INTEGER NOT NULL CHECK(override_state BETWEEN 0 AND 2),
         since_ms INTEGER NOT NULL,
         reason TEXT NOT NULL) STRICT, WITHOUT ROWID;
       CREATE TABLE zone(
         origin BLOB PRIMARY KEY NOT NULL,
         dropped INTEGER NOT NULL CHECK(dropped IN (0, 1)),
         zone_id TEXT NOT NULL,
         file TEXT NOT NULL,
         content BLOB NOT NULL,
         at_ms INTEGER NOT NULL) STRICT;
       CREATE TABLE setting(
         name TEXT PRIMARY KEY NOT NULL,
         value TEXT NOT NULL) STRICT, WITHOUT ROWID;)",
    R"(CREATE TABLE parsed_zone(
         origin BLOB PRIMARY KEY NOT NULL,
         content BLOB NOT NULL) STRICT;)",
    R"(CREATE TABLE traffic_policy(
         made INTEGER PRIMARY KEY AUTOINCREMENT,
         id TEXT NOT NULL UNIQUE,
         name TEXT NOT NULL UNIQUE,
         last_version INTEGER NOT NULL) STRICT;
       CREATE TABLE traffic_policy_version(
         policy_id TEXT NOT NULL REFERENCES traffic_policy(id),
         version INTEGER NOT NULL CHECK(version BETWEEN 1 AND 1000),
         type INTEGER NOT NULL,
         comment TEXT NOT NULL,
         document BLOB NOT NULL,
         at_ms INTEGER NOT NULL,
         PRIMARY KEY(policy_id, version)) STRICT;
       CREATE TABLE traffic_policy_instance(
         id TEXT PRIMARY KEY NOT NULL,
         origin BLOB NOT NULL,
         name BLOB NOT NULL,
         type INTEGER NOT NULL,
         ttl INTEGER NOT NULL,
         policy_id TEXT NOT NULL,
         version INTEGER NOT NULL,
         UNIQUE(name, type),
         FOREIGN KEY(policy_id, version)
           REFERENCES traffic_policy_version(policy_id, version)) STRICT;)",
    R"(CREATE TABLE health_counters(
         id TEXT PRIMARY KEY NOT NULL,
         passes INTEGER NOT NULL,
         failures INTEGER NOT NULL,
         unknowns INTEGER NOT NULL,
         last_seen_ms INTEGER NOT NULL,
         last_failure_ms INTEGER NOT NULL,
         last_failure TEXT NOT NULL) STRICT, WITHOUT ROWID;)",
    R"(CREATE TABLE routing_control(
         name TEXT PRIMARY KEY NOT NULL,
         is_on INTEGER NOT NULL CHECK(is_on IN (0, 1)),
         since_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
       CREATE TABLE routing_control_log(
         n INTEGER PRIMARY KEY AUTOINCREMENT,
         at_ms INTEGER NOT NULL,
         who TEXT NOT NULL,
         changes TEXT NOT NULL,
         overridden TEXT NOT NULL,
         reason TEXT NOT NULL,
         refused TEXT NOT NULL) STRICT;)",
    "ALTER TABLE health_counters ADD COLUMN falls_ms TEXT NOT NULL DEFAULT '';",
    // 0: the override has no end.
    "ALTER TABLE health_check ADD COLUMN override_until_ms INTEGER NOT NULL DEFAULT 0;"};

std::string HowToRestore(const std::string& path) {
  return "; stop Holdfast and put back a copy of " + path + ", or move " + path + ", " + path +
         "-wal and " + path +
         "-shm away: it starts anew, checks begin as healthy, zones come from the node's file and "
         "traffic policies are gone";
}

}  // namespace

Result<std::unique_ptr<StoreLock>> StoreLock::Take(const std::string& path) {
  const std::string lock_path = path + ".lock";
  const int fd = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return Fail(ErrorCode::kIo, "cannot open " + lock_path + ": " + std::strerror(errno));
  }
  std::unique_ptr<StoreLock> lock(new StoreLock(fd));
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
    return lock;
  }
  if (errno == EWOULDBLOCK) {
    return Fail(
        ErrorCode::kConflict,
        "another process has the store " + path + " open; stop it or use another state_dir");
  }
  return Fail(ErrorCode::kIo, "cannot lock " + lock_path + ": " + std::strerror(errno));
}

StoreLock::~StoreLock() {
  close(fd_);
}

Store::Store(std::string path, std::unique_ptr<StoreLock> lock, Sqlite database)
    : path_(std::move(path)), lock_(std::move(lock)), database_(std::move(database)) {}

std::unexpected<Error> Store::Explain(Error error) const {
  error.message = "store " + path_ + ": " + error.message;
  if (error.code == ErrorCode::kInvalid) {
    error.message += HowToRestore(path_);
  }
  return std::unexpected(std::move(error));
}

Result<std::unique_ptr<Store>> Store::Open(const std::string& path, const Options& options) {
  auto lock = StoreLock::Take(path);
  if (!lock) {
    return std::unexpected(std::move(lock.error()));
  }
  auto database = Sqlite::Open(path, options.busy_ms);
  if (!database) {
    return Fail(ErrorCode::kIo, "store " + path + ": " + database.error().message);
  }
  std::unique_ptr<Store> store(new Store(path, std::move(*lock), std::move(*database)));
  if (auto ready = store->Prepare(options); !ready) {
    return store->Explain(std::move(ready.error()));
  }
  return store;
}

Status Store::Prepare(const Options& options) {
  HF_TRY(
      database_.Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                        "PRAGMA journal_size_limit=16777216;"  // after a large zone was written
                        "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;"));
  if (options.max_pages > 0) {
    const std::string sql = "PRAGMA max_page_count=" + std::to_string(options.max_pages);
    HF_TRY(database_.Execute(sql.c_str()));
  }
  const auto verdict = database_.Ask("PRAGMA quick_check(1)");
  if (!verdict) {
    return std::unexpected(verdict.error());
  }
  if (*verdict != "ok") {
    return Fail(ErrorCode::kInvalid, "the file is damaged: " + *verdict);
  }
  return Migrate();
}

Status Store::Migrate() {
  const auto text = database_.Ask("PRAGMA user_version");
  if (!text) {
    return std::unexpected(text.error());
  }
  std::size_t version = 0;
  std::from_chars(text->data(), text->data() + text->size(), version);
  if (version > kMigrations.size()) {
    return Fail(ErrorCode::kInvalid,
                "its version is " + *text + "; this release knows " +
                    std::to_string(kMigrations.size()) + " and older");
  }
  for (; version < kMigrations.size(); ++version) {
    const std::string sql = std::string(kMigrations[version]) +
                            "PRAGMA user_version=" + std::to_string(version + 1) + ";";
    const Status done = Transact([this, &sql] { return database_.Execute(sql.c_str()); });
    if (!done) {
      return done;
    }
  }
  return {};
}

Status Store::Transact(const std::function<Status()>& body) {
  // IMMEDIATE: a writer beside us is met here, where nothing is half done.
  HF_TRY(database_.Execute("BEGIN IMMEDIATE"));
  Status done = body();
  if (done) {
    done = database_.Execute("COMMIT");
  }
  // SQLite may have rolled back by itself (full disk).
  if (!done && database_.InTransaction()) {
    if (const Status undone = database_.Execute("ROLLBACK"); !undone) {
      done.error().message += "; nor could it be undone: " + undone.error().message;
    }
  }
  return done;
}

Status Store::Save(const std::function<Status()>& body) {
  const std::lock_guard guard(mutex_);
  auto saved = Transact(body);
  return saved ? saved : Explain(std::move(saved.error()));
}

Status Store::ForEachRow(const char* sql,
                         const std::function<void(SqliteStatement&)>& bind,
                         const std::function<void(const SqliteStatement&)>& take) {
  const std::lock_guard guard(mutex_);
  auto rows = database_.Prepare(sql);
  if (!rows) {
    return Explain(std::move(rows.error()));
  }
  if (bind) {
    bind(*rows);
  }
  for (auto row = rows->Step(); !row || *row; row = rows->Step()) {
    if (!row) {
      return Explain(std::move(row.error()));
    }
    take(*rows);
  }
  return {};
}

Result<std::vector<StoredZone>> Store::Zones() {
  std::vector<StoredZone> zones;
  HF_TRY(
      ForEachRow("SELECT origin, dropped, zone_id, file, content, at_ms FROM zone ORDER BY origin",
                 [&zones](const SqliteStatement& row) {
                   zones.push_back({row.Text(0),
                                    row.Integer(1) != 0,
                                    row.Text(2),
                                    row.Text(3),
                                    row.Text(4),
                                    row.Integer(5)});
                 }));
  return zones;
}

Status Store::SaveZone(const StoredZone& zone) {
  return Save([this, &zone]() -> Status {
    auto insert = database_.Prepare("INSERT OR REPLACE INTO zone VALUES(?, ?, ?, ?, ?, ?)");
    if (!insert) {
      return std::unexpected(insert.error());
    }
    insert->BindBlob(1, zone.origin);
    insert->Bind(2, zone.dropped ? 1 : 0);
    insert->BindText(3, zone.zone_id);
    insert->BindText(4, zone.file);
    insert->BindBlob(5, zone.content);
    insert->Bind(6, zone.at_ms);
    return insert->Run();
  });
}

Status Store::ForgetZone(std::string_view origin) {
  return Save([this, origin]() -> Status {
    auto forget = database_.Prepare("DELETE FROM zone WHERE origin = ?");
    if (!forget) {
      return std::unexpected(forget.error());
    }
    forget->BindBlob(1, origin);
    return forget->Run();
  });
}

Result<std::string> Store::ParsedContent(std::string_view origin) {
  std::string content;
  HF_TRY(ForEachRow(
      "SELECT content FROM parsed_zone WHERE origin = ?",
      [origin](SqliteStatement& query) { query.BindBlob(1, origin); },
      [&content](const SqliteStatement& row) { content = row.Text(0); }));
  return content;
}

Status Store::KeepParsed(std::span<const ParsedZone> parsed, std::span<const std::string> origins) {
  const std::unordered_set<std::string_view> kept(origins.begin(), origins.end());
  return Save([this, parsed, &kept]() -> Status {
    auto insert = database_.Prepare("INSERT OR REPLACE INTO parsed_zone VALUES(?, ?)");
    auto stored = database_.Prepare("SELECT origin FROM parsed_zone");
    auto forget = database_.Prepare("DELETE FROM parsed_zone WHERE origin = ?");
    for (const auto* statement : {&insert, &stored, &forget}) {
      if (!*statement) {
        return std::unexpected(statement->error());
      }
    }
    for (const ParsedZone& zone : parsed) {
      insert->BindBlob(1, zone.origin);
      insert->BindBlob(2, zone.content);
      HF_TRY(insert->Run());
    }
    std::vector<std::string> gone;
    for (auto row = stored->Step(); !row || *row; row = stored->Step()) {
      if (!row) {
        return std::unexpected(row.error());
      }
      if (std::string origin = stored->Text(0); !kept.contains(origin)) {
        gone.push_back(std::move(origin));
      }
    }
    for (const std::string& origin : gone) {
      forget->BindBlob(1, origin);
      HF_TRY(forget->Run());
    }
    return {};
  });
}

Result<std::string> Store::BootId() {
  const std::lock_guard guard(mutex_);
  auto boot_id = database_.Ask("SELECT value FROM setting WHERE name = 'boot_id'");
  if (!boot_id) {
    return Explain(std::move(boot_id.error()));
  }
  return boot_id;
}

Status Store::SetBootId(std::string_view boot_id) {
  return Save([this, boot_id]() -> Status {
    auto insert = database_.Prepare("INSERT OR REPLACE INTO setting VALUES('boot_id', ?)");
    if (!insert) {
      return std::unexpected(insert.error());
    }
    insert->BindText(1, boot_id);
    return insert->Run();
  });
}

std::string CurrentBootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot_id;
  std::getline(file, boot_id);
  return boot_id;
}

}  // namespace holdfast::control
