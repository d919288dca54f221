// Routing controls: what is On, and the trail of who moved what.
#include <mutex>
#include <utility>

#include "control/model/store.h"

namespace holdfast::control {

namespace {

constexpr std::int64_t kMaxLogEntries = 10'000;

}  // namespace

Result<std::vector<StoredControl>> Store::RoutingControls() {
  std::vector<StoredControl> controls;
  HF_TRY(ForEachRow("SELECT name, is_on, since_ms FROM routing_control ORDER BY name",
                    [&controls](const SqliteStatement& row) {
                      controls.push_back({.name = row.Text(0),
                                          .on = row.Integer(1) != 0,
                                          .since_ms = row.Integer(2)});
                    }));
  return controls;
}

Status Store::SwitchControls(std::span<const ControlChange> changes, const ControlLogEntry& entry) {
  return Save([this, changes, &entry]() -> Status {
    auto insert = database_.Prepare("INSERT OR REPLACE INTO routing_control VALUES(?, ?, ?)");
    if (!insert) {
      return std::unexpected(insert.error());
    }
    for (const ControlChange& change : changes) {
      insert->BindText(1, change.name);
      insert->Bind(2, change.on ? 1 : 0);
      insert->Bind(3, entry.at_ms);
      HF_TRY(insert->Run());
    }
    auto log = database_.Prepare(
        "INSERT INTO routing_control_log(at_ms, who, changes, overridden, reason, refused) "
        "VALUES(?, ?, ?, ?, ?, ?)");
    if (!log) {
      return std::unexpected(log.error());
    }
    log->Bind(1, entry.at_ms);
    log->BindText(2, entry.who);
    log->BindText(3, entry.changes);
    log->BindText(4, entry.overridden);
    log->BindText(5, entry.reason);
    log->BindText(6, entry.refused);
    HF_TRY(log->Run());
    auto forget = database_.Prepare(
        "DELETE FROM routing_control_log WHERE n <= (SELECT max(n) FROM routing_control_log) - ?");
    if (!forget) {
      return std::unexpected(forget.error());
    }
    forget->Bind(1, kMaxLogEntries);
    return forget->Run();
  });
}

Result<std::vector<ControlLogEntry>> Store::ControlLog(std::size_t most) {
  std::vector<ControlLogEntry> entries;
  HF_TRY(ForEachRow(
      "SELECT at_ms, who, changes, overridden, reason, refused FROM routing_control_log "
      "ORDER BY n DESC LIMIT ?",
      [most](SqliteStatement& query) { query.Bind(1, static_cast<std::int64_t>(most)); },
      [&entries](const SqliteStatement& row) {
        entries.push_back({.at_ms = row.Integer(0),
                           .who = row.Text(1),
                           .changes = row.Text(2),
                           .overridden = row.Text(3),
                           .reason = row.Text(4),
                           .refused = row.Text(5)});
      }));
  return entries;
}

}  // namespace holdfast::control
