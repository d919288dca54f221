// Traffic policies and their instances in the store: see store.h.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "control/model/store.h"

namespace holdfast::control {
namespace {

// A number of a row; one out of range becomes the greatest, which no command writes.
template <class Number>
Number NumberOf(std::int64_t stored) {
  return std::in_range<Number>(stored) ? static_cast<Number>(stored)
                                       : std::numeric_limits<Number>::max();
}

}  // namespace

Result<std::vector<StoredPolicy>> Store::Policies() {
  std::vector<StoredPolicy> policies;
  HF_TRY(ForEachRow(
      "SELECT p.id, p.name, p.last_version, v.version, v.type, v.comment, v.at_ms "
      "FROM traffic_policy p JOIN traffic_policy_version v ON v.policy_id = p.id "
      "ORDER BY p.made, v.version",
      [&policies](const SqliteStatement& row) {
        if (policies.empty() || policies.back().id != row.Text(0)) {
          policies.push_back(
              {row.Text(0), row.Text(1), static_cast<std::uint32_t>(row.Integer(2)), {}});
        }
        policies.back().versions.push_back({static_cast<std::uint32_t>(row.Integer(3)),
                                            static_cast<std::uint16_t>(row.Integer(4)),
                                            row.Text(5),
                                            row.Integer(6)});
      }));
  return policies;
}

Result<std::string> Store::PolicyDocument(std::string_view id, std::uint32_t version) {
  std::optional<std::string> document;
  HF_TRY(ForEachRow(
      "SELECT document FROM traffic_policy_version WHERE policy_id = ? AND version = ?",
      [id, version](SqliteStatement& query) {
        query.BindText(1, id);
        query.Bind(2, version);
      },
      [&document](const SqliteStatement& row) { document = row.Text(0); }));
  if (!document) {
    return Fail(ErrorCode::kNotFound,
                "store " + path_ + ": no version " + std::to_string(version) +
                    " of traffic policy " + std::string(id));
  }
  return *std::move(document);
}

Status Store::AddPolicyVersion(std::string_view id,
                               std::string_view name,
                               const StoredPolicyVersion& version,
                               std::string_view document) {
  return Save([&]() -> Status {
    auto policy = database_.Prepare(
        "INSERT INTO traffic_policy(id, name, last_version) VALUES(?, ?, ?) "
        "ON CONFLICT(id) DO UPDATE SET last_version = excluded.last_version");
    auto insert = database_.Prepare("INSERT INTO traffic_policy_version VALUES(?, ?, ?, ?, ?, ?)");
    if (!policy || !insert) {
      return std::unexpected(policy ? insert.error() : policy.error());
    }
    policy->BindText(1, id);
    policy->BindText(2, name);
    policy->Bind(3, version.version);
    HF_TRY(policy->Run());
    insert->BindText(1, id);
    insert->Bind(2, version.version);
    insert->Bind(3, version.type);
    insert->BindText(4, version.comment);
    insert->BindBlob(5, document);
    insert->Bind(6, version.at_ms);
    return insert->Run();
  });
}

Status Store::ForgetPolicyVersion(std::string_view id, std::uint32_t version) {
  return Save([&]() -> Status {
    auto forget =
        database_.Prepare("DELETE FROM traffic_policy_version WHERE policy_id = ? AND version = ?");
    auto last = database_.Prepare(
        "DELETE FROM traffic_policy WHERE id = ?1 AND NOT EXISTS("
        "SELECT 1 FROM traffic_policy_version WHERE policy_id = ?1)");
    if (!forget || !last) {
      return std::unexpected(forget ? last.error() : forget.error());
    }
    forget->BindText(1, id);
    forget->Bind(2, version);
    HF_TRY(forget->Run());
    last->BindText(1, id);
    return last->Run();
  });
}

Result<std::vector<StoredInstance>> Store::Instances() {
  std::vector<StoredInstance> instances;
  HF_TRY(ForEachRow(
      "SELECT id, origin, name, type, ttl, policy_id, version FROM traffic_policy_instance "
      "ORDER BY id",
      [&instances](const SqliteStatement& row) {
        instances.push_back({row.Text(0),
                             row.Text(1),
                             row.Text(2),
                             NumberOf<std::uint16_t>(row.Integer(3)),
                             NumberOf<std::uint32_t>(row.Integer(4)),
                             row.Text(5),
                             NumberOf<std::uint32_t>(row.Integer(6))});
      }));
  return instances;
}

Status Store::SaveInstance(const StoredInstance& instance) {
  return Save([&]() -> Status {
    // Not INSERT OR REPLACE: that would take away another of the same name and type.
    auto insert = database_.Prepare(
        "INSERT INTO traffic_policy_instance VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE "
        "SET origin = excluded.origin, name = excluded.name, type = excluded.type, "
        "ttl = excluded.ttl, policy_id = excluded.policy_id, version = excluded.version");
    if (!insert) {
      return std::unexpected(insert.error());
    }
    insert->BindText(1, instance.id);
    insert->BindBlob(2, instance.origin);
    insert->BindBlob(3, instance.name);
    insert->Bind(4, instance.type);
    insert->Bind(5, instance.ttl);
    insert->BindText(6, instance.policy_id);
    insert->Bind(7, instance.version);
    return insert->Run();
  });
}

Status Store::ForgetInstance(std::string_view id) {
  return Save([&]() -> Status {
    auto forget = database_.Prepare("DELETE FROM traffic_policy_instance WHERE id = ?");
    if (!forget) {
      return std::unexpected(forget.error());
    }
    forget->BindText(1, id);
    return forget->Run();
  });
}

}  // namespace holdfast::control
