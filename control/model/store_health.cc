// What of health survives: verdicts with every transition, counters now and then.
#include <charconv>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "control/model/store.h"

namespace holdfast::control {

namespace {

// "1,2,3"
std::string TextOf(std::span<const std::int64_t> moments_ms) {
  std::string text;
  for (const std::int64_t moment : moments_ms) {
    text += (text.empty() ? "" : ",") + std::to_string(moment);
  }
  return text;
}

// Ends where something else than numbers and commas begins.
std::vector<std::int64_t> MomentsOf(std::string_view text) {
  std::vector<std::int64_t> moments_ms;
  while (!text.empty()) {
    std::int64_t moment = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), moment);
    if (error != std::errc()) {
      break;
    }
    moments_ms.push_back(moment);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    text.remove_prefix(text.starts_with(',') ? 1 : text.size());
  }
  return moments_ms;
}

}  // namespace

Result<std::vector<StoredCheck>> Store::Checks() {
  std::vector<StoredCheck> checks;
  HF_TRY(ForEachRow(
      "SELECT id, raw_state, override_state, since_ms, reason, override_until_ms "
      "FROM health_check ORDER BY id",
      [&checks](const SqliteStatement& row) {
        checks.push_back({row.Text(0),
                          static_cast<health::State>(row.Integer(1)),
                          {static_cast<health::Override>(row.Integer(2)), row.Integer(5)},
                          row.Integer(3),
                          row.Text(4)});
      }));
  return checks;
}

Status Store::SaveChecks(std::span<const StoredCheck> checks,
                         std::span<const StoredCounters> counters) {
  return Save([this, checks, counters]() -> Status {
    auto insert = database_.Prepare("INSERT OR REPLACE INTO health_check VALUES(?, ?, ?, ?, ?, ?)");
    if (!insert) {
      return std::unexpected(insert.error());
    }
    for (const StoredCheck& check : checks) {
      insert->BindText(1, check.id);
      insert->Bind(2, static_cast<std::int64_t>(check.raw));
      insert->Bind(3, static_cast<std::int64_t>(check.ordered.to));
      insert->Bind(4, check.since_ms);
      insert->BindText(5, check.reason);
      insert->Bind(6, check.ordered.until_ms);
      HF_TRY(insert->Run());
    }
    return InsertCounters(counters);
  });
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
  return Save([this, &gone]() -> Status {
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
}

Result<std::vector<StoredCounters>> Store::Counters() {
  std::vector<StoredCounters> counters;
  HF_TRY(ForEachRow(
      "SELECT id, passes, failures, unknowns, last_seen_ms, last_failure_ms, last_failure, "
      "falls_ms FROM health_counters ORDER BY id",
      [&counters](const SqliteStatement& row) {
        counters.push_back({.id = row.Text(0),
                            .counters = {.passes = static_cast<std::uint64_t>(row.Integer(1)),
                                         .failures = static_cast<std::uint64_t>(row.Integer(2)),
                                         .unknowns = static_cast<std::uint64_t>(row.Integer(3)),
                                         .last_failure_ms = row.Integer(5),
                                         .last_failure = row.Text(6),
                                         .last_seen_ms = row.Integer(4),
                                         .falls_ms = MomentsOf(row.Text(7))}});
      }));
  return counters;
}

Status Store::SaveCounters(std::span<const StoredCounters> counters) {
  return Save([this, counters] { return InsertCounters(counters); });
}

// Within a transaction.
Status Store::InsertCounters(std::span<const StoredCounters> counters) {
  auto insert =
      database_.Prepare("INSERT OR REPLACE INTO health_counters VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
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
    insert->BindText(8, TextOf(counted.falls_ms));
    HF_TRY(insert->Run());
  }
  return {};
}

}  // namespace holdfast::control
