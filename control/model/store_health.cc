// What of health survives: verdicts with every transition, counters now and then.
#include <mutex>
#include <unordered_set>
#include <utility>

#include "control/model/store.h"

namespace holdfast::control {

Result<std::vector<StoredCheck>> Store::Checks() {
  const std::lock_guard guard(mutex_);
  auto rows = database_.Prepare(
      "SELECT id, raw_state, override_state, since_ms, reason FROM health_check ORDER BY id");
  if (!rows) {
    return Explain(std::move(rows.error()));
  }
  std::vector<StoredCheck> checks;
  for (;;) {
    const auto row = rows->Step();
    if (!row) {
      return Explain(row.error());
    }
    if (!*row) {
      return checks;
    }
    checks.push_back({rows->Text(0),
                      static_cast<health::State>(rows->Integer(1)),
                      static_cast<Override>(rows->Integer(2)),
                      rows->Integer(3),
                      rows->Text(4)});
  }
}

Status Store::SaveChecks(std::span<const StoredCheck> checks,
                         std::span<const StoredCounters> counters) {
  const std::lock_guard guard(mutex_);
  auto saved = Transact([this, checks, counters]() -> Status {
    auto insert = database_.Prepare("INSERT OR REPLACE INTO health_check VALUES(?, ?, ?, ?, ?)");
    if (!insert) {
      return std::unexpected(insert.error());
    }
    for (const StoredCheck& check : checks) {
      insert->BindText(1, check.id);
      insert->Bind(2, static_cast<std::int64_t>(check.raw));
      insert->Bind(3, static_cast<std::int64_t>(check.override_state));
      insert->Bind(4, check.since_ms);
      insert->BindText(5, check.reason);
      HF_TRY(insert->Run());
    }
    return InsertCounters(counters);
  });
  return saved ? saved : Explain(std::move(saved.error()));
}

Status Store::KeepChecks(std::span<const std::string> ids) {
  const auto stored = Checks();
  if (!stored) {
    return std::unexpected(stored.error());
  }
  const auto counted = Counters();
  if (!counted) {
    return std::unexpected(counted.error());
  }
  const std::unordered_set<std::string_view> kept(ids.begin(), ids.end());
  std::vector<std::string_view> gone;
  for (const StoredCheck& check : *stored) {
    gone.push_back(check.id);
  }
  for (const StoredCounters& counters : *counted) {
    gone.push_back(counters.id);
  }
  std::erase_if(gone, [&kept](std::string_view id) { return kept.contains(id); });
  const std::lock_guard guard(mutex_);
  auto saved = Transact([this, &gone]() -> Status {
    for (const char* sql :
         {"DELETE FROM health_check WHERE id = ?", "DELETE FROM health_counters WHERE id = ?"}) {
      auto forget = database_.Prepare(sql);
      if (!forget) {
        return std::unexpected(forget.error());
      }
      for (const std::string_view id : gone) {
        forget->BindText(1, id);
        HF_TRY(forget->Run());
      }
    }
    return {};
  });
  return saved ? saved : Explain(std::move(saved.error()));
}

Result<std::vector<StoredCounters>> Store::Counters() {
  const std::lock_guard guard(mutex_);
  auto rows = database_.Prepare(
      "SELECT id, passes, failures, unknowns, last_seen_ms, last_failure_ms, last_failure "
      "FROM health_counters ORDER BY id");
  if (!rows) {
    return Explain(std::move(rows.error()));
  }
  std::vector<StoredCounters> counters;
  for (;;) {
    const auto row = rows->Step();
    if (!row) {
      return Explain(row.error());
    }
    if (!*row) {
      return counters;
    }
    counters.push_back({.id = rows->Text(0),
                        .counters = {.passes = static_cast<std::uint64_t>(rows->Integer(1)),
                                     .failures = static_cast<std::uint64_t>(rows->Integer(2)),
                                     .unknowns = static_cast<std::uint64_t>(rows->Integer(3)),
                                     .last_failure_ms = rows->Integer(5),
                                     .last_failure = rows->Text(6),
                                     .last_seen_ms = rows->Integer(4)}});
  }
}

Status Store::SaveCounters(std::span<const StoredCounters> counters) {
  const std::lock_guard guard(mutex_);
  auto saved = Transact([this, counters] { return InsertCounters(counters); });
  return saved ? saved : Explain(std::move(saved.error()));
}

// Within a transaction.
Status Store::InsertCounters(std::span<const StoredCounters> counters) {
  auto insert =
      database_.Prepare("INSERT OR REPLACE INTO health_counters VALUES(?, ?, ?, ?, ?, ?, ?)");
  if (!insert) {
    return std::unexpected(insert.error());
  }
  for (const auto& [id, counted] : counters) {
    insert->BindText(1, id);
    insert->Bind(2, static_cast<std::int64_t>(counted.passes));
    insert->Bind(3, static_cast<std::int64_t>(counted.failures));
    insert->Bind(4, static_cast<std::int64_t>(counted.unknowns));
    insert->Bind(5, counted.last_seen_ms);
    insert->Bind(6, counted.last_failure_ms);
    insert->BindText(7, counted.last_failure);
    HF_TRY(insert->Run());
  }
  return {};
}

}  // namespace holdfast::control
