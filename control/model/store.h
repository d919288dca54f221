// What the node remembers over restarts: the state of each check and its age, the zones that a
// command loaded or dropped, traffic policies and their instances, and what the configuration's
// zone texts were parsed to. One narrow interface, behind which SQLite lies today and a shared
// store may lie later. Calls wait for the disk: control core (or its helpers) only, never the
// packet path.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/model/safety.h"
#include "control/model/sqlite.h"
#include "dataplane/base/result.h"
#include "health/observation.h"
#include "health/transition.h"

namespace holdfast::control {

struct StoredCheck {
  std::string id;
  health::State raw = health::State::kUnknown;  // verdict before `inverted` and `disabled`
  health::Order ordered;      // what an operator's `health set` says instead of the probes
  std::int64_t since_ms = 0;  // wall clock, milliseconds since 1970: when `raw` began
  std::string reason;

  bool operator==(const StoredCheck&) const = default;
};

struct StoredCounters {
  std::string id;  // of a check
  health::Counters counters;
  bool operator==(const StoredCounters&) const = default;
};

struct StoredControl {
  std::string name;  // of a routing control
  bool on = false;
  std::int64_t since_ms = 0;  // wall clock
  bool operator==(const StoredControl&) const = default;
};

/// One order to routing controls, carried out or refused.
struct ControlLogEntry {
  std::int64_t at_ms = 0;  // wall clock
  std::string who;
  std::string changes;     // "a On, b Off"
  std::string overridden;  // names of rules
  std::string reason;
  std::string refused;  // why; empty: it was carried out
  bool operator==(const ControlLogEntry&) const = default;
};

/// A zone as a command left it. It wins over the node's file until it is forgotten.
struct StoredZone {
  std::string origin;    // wire form, folded
  bool dropped = false;  // `zone drop`: not served although the node's file names it
  std::string zone_id;
  std::string file;        // where it was loaded from, for people
  std::string content;     // the zone as the caller serialises it; any octets, up to 1,000,000,000
  std::int64_t at_ms = 0;  // wall clock, milliseconds since 1970: when the command ran

  bool operator==(const StoredZone&) const = default;
};

/// A zone of the configuration as its texts were parsed: spares the next start the parsing. Nothing
/// is lost with it.
struct ParsedZone {
  std::string origin;   // wire form, folded
  std::string content;  // as StoredZone's

  bool operator==(const ParsedZone&) const = default;
};

/// Versions of one traffic policy, at most (Route 53's quota); a number is never used again.
inline constexpr std::uint32_t kMaxPolicyVersions = 1000;

/// One version of a traffic policy, which never changes; its document is kept beside.
struct StoredPolicyVersion {
  std::uint32_t version = 0;  // 1..kMaxPolicyVersions
  std::uint16_t type = 0;     // of the records
  std::string comment;
  std::int64_t at_ms = 0;  // wall clock, milliseconds since 1970: when it was made

  bool operator==(const StoredPolicyVersion&) const = default;
};

struct StoredPolicy {
  std::string id;
  std::string name;                           // no two have the same
  std::uint32_t last_version = 0;             // the highest number that was ever given
  std::vector<StoredPolicyVersion> versions;  // ascending, never empty

  bool operator==(const StoredPolicy&) const = default;
};

/// A name whose records of one type come from a version of a traffic policy.
struct StoredInstance {
  std::string id;
  std::string origin;      // of its zone; wire form, folded
  std::string name;        // wire form, folded; no two have the same name and type
  std::uint16_t type = 0;  // that of the version
  std::uint32_t ttl = 0;   // seconds, 0..2^31-1
  std::string policy_id;
  std::uint32_t version = 0;

  bool operator==(const StoredInstance&) const = default;
};

/// Held while a process has the store open: a lock on "PATH.lock", which the kernel gives back when
/// the process ends, however it ends.
class StoreLock {
 public:
  static Result<std::unique_ptr<StoreLock>> Take(const std::string& path);
  ~StoreLock();
  StoreLock(const StoreLock&) = delete;
  StoreLock& operator=(const StoreLock&) = delete;

 private:
  explicit StoreLock(int fd) : fd_(fd) {}
  int fd_;
};

/// All writes are one transaction each: on an error nothing of the batch is kept. Errors:
/// kUnavailable when the disk is full or fails or another program holds the database (try again;
/// what was kept before is unharmed), kInvalid when the file is damaged. Any thread; calls exclude
/// each other.
class Store {
 public:
  struct Options {
    int busy_ms = 1000;          // how long a call waits for another program's transaction
    std::int64_t max_pages = 0;  // of 4 KiB; 0: as many as the disk has room for
  };

  /// Opens or creates the store, brings an older one up to date and checks it (quick_check).
  /// @return kConflict when another process has this store open; kInvalid, with how to restore,
  /// when the file is damaged, no database, or written by a newer release; kIo when its folder
  /// cannot be used.
  static Result<std::unique_ptr<Store>> Open(const std::string& path, const Options& options);
  static Result<std::unique_ptr<Store>> Open(const std::string& path) { return Open(path, {}); }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Ordered by id.
  Result<std::vector<StoredCheck>> Checks();
  /// Inserts or replaces, all or none. @param counters  of any checks, in the same transaction.
  Status SaveChecks(std::span<const StoredCheck> checks,
                    std::span<const StoredCounters> counters = {});
  /// Ordered by id.
  Result<std::vector<StoredCounters>> Counters();
  /// Inserts or replaces, all or none.
  Status SaveCounters(std::span<const StoredCounters> counters);
  /// Forgets all checks but these, counters too; those of a model that was just published.
  Status KeepChecks(std::span<const std::string> ids);

  /// Those that were ever switched, by name.
  Result<std::vector<StoredControl>> RoutingControls();
  /// Switches, and keeps the entry: one transaction. The log holds the newest 10,000 entries.
  Status SwitchControls(std::span<const ControlChange> changes, const ControlLogEntry& entry);
  /// Newest first.
  Result<std::vector<ControlLogEntry>> ControlLog(std::size_t most);

  /// Ordered by origin, with their content.
  Result<std::vector<StoredZone>> Zones();
  Status SaveZone(const StoredZone& zone);
  /// No error when there is none of this origin.
  Status ForgetZone(std::string_view origin);

  /// The content of the parsed zone of this origin; empty when there is none.
  Result<std::string> ParsedContent(std::string_view origin);
  /// Inserts or replaces `parsed`, then forgets all but those of `origins`.
  Status KeepParsed(std::span<const ParsedZone> parsed, std::span<const std::string> origins);

  /// In the order in which they were made, without their documents.
  Result<std::vector<StoredPolicy>> Policies();
  /// kNotFound when there is no such version.
  Result<std::string> PolicyDocument(std::string_view id, std::uint32_t version);
  /// Adds a version to the policy of this id, or makes the policy with it.
  Status AddPolicyVersion(std::string_view id,
                          std::string_view name,
                          const StoredPolicyVersion& version,
                          std::string_view document);
  /// Forgets the policy too with its last version. No error when there is no such version;
  /// kConflict while an instance uses it.
  Status ForgetPolicyVersion(std::string_view id, std::uint32_t version);

  /// Ordered by id. A number that its member cannot hold is that member's greatest.
  Result<std::vector<StoredInstance>> Instances();
  /// Inserts or replaces by id. kConflict when its version does not exist, or its name and type are
  /// another's.
  Status SaveInstance(const StoredInstance& instance);
  /// No error when there is none of this id.
  Status ForgetInstance(std::string_view id);

  /// Id of the boot in which a control last ran here, empty at first: whether the health snapshot
  /// of a table image is from this boot and therefore newer than what is stored.
  Result<std::string> BootId();
  Status SetBootId(std::string_view boot_id);

 private:
  Store(std::string path, std::unique_ptr<StoreLock> lock, Sqlite database);
  Status Prepare(const Options& options);
  Status Migrate();
  /// Runs `body` between BEGIN and COMMIT; rolls back when either fails.
  Status Transact(const std::function<Status()>& body);
  /// The same for callers: under the lock, and an error names this store.
  Status Save(const std::function<Status()>& body);
  /// Hands out the rows of a query one by one, under the lock. An error names this store.
  /// @param bind  gives the query its values; empty: it has none.
  Status ForEachRow(const char* sql,
                    const std::function<void(SqliteStatement&)>& bind,
                    const std::function<void(const SqliteStatement&)>& take);
  Status ForEachRow(const char* sql, const std::function<void(const SqliteStatement&)>& take) {
    return ForEachRow(sql, {}, take);
  }
  [[nodiscard]] std::unexpected<Error> Explain(Error error) const;
  Status InsertCounters(std::span<const StoredCounters> counters);

  std::string path_;
  std::unique_ptr<StoreLock> lock_;  // given back after the database is closed
  std::mutex mutex_;
  Sqlite database_;
};

/// This boot's id, from the kernel; empty where it has none.
std::string CurrentBootId();

}  // namespace holdfast::control
