// Routing controls: what is On, and the trail of who moved what.
#include <mutex>
#include <utility>

#include "control/model/store.h"

namespace holdfast::control {

namespace {

constexpr std::int64_t kMaxLogEntries = 10'000;

}  // namespace

Result<std::vector<StoredControl>> Store::RoutingControls() {
  const std::lock_guard guard(mutex_);
  auto rows = database_.Prepare("SELECT name, is_on, since_ms FROM routing_control ORDER BY name");
  if (!rows) {
    return Explain(std::move(rows.error()));
  }
  std::vector<StoredControl> controls;
  for (;;) {
    const auto row = rows->Step();
    if (!row) {
      return Explain(row.error());
    }
    if (!*row) {
      return controls;
    }
    controls.push_back(
        {.name = rows->Text(0), .on = rows->Integer(1) != 0, .since_ms = rows->Integer(2)});
  }
}

Status Store::SwitchControls(std::span<const ControlChange> changes, const ControlLogEntry& entry) {
  const std::lock_guard guard(mutex_);
  auto saved = Transact([this, changes, &entry]() -> Status {
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
  return saved ? saved : Explain(std::move(saved.error()));
}

Result<std::vector<ControlLogEntry>> Store::ControlLog(std::size_t most) {
  const std::lock_guard guard(mutex_);
  auto rows = database_.Prepare(
      "SELECT at_ms, who, changes, overridden, reason, refused FROM routing_control_log "
      "ORDER BY n DESC LIMIT ?");
  if (!rows) {
    return Explain(std::move(rows.error()));
  }
  rows->Bind(1, static_cast<std::int64_t>(most));
  std::vector<ControlLogEntry> entries;
  for (;;) {
    const auto row = rows->Step();
    if (!row) {
      return Explain(row.error());
    }
    if (!*row) {
      return entries;
    }
    entries.push_back({.at_ms = rows->Integer(0),
                       .who = rows->Text(1),
                       .changes = rows->Text(2),
                       .overridden = rows->Text(3),
                       .reason = rows->Text(4),
                       .refused = rows->Text(5)});
  }
}

}  // namespace holdfast::control
