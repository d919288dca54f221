#include "control/compile/rows.h"

#include <algorithm>
#include <cstring>

#include "control/compile/octets.h"
#include "dataplane/table/hash.h"

namespace holdfast::control {
namespace {

// Equal for rules whose rows are the same.
std::string ShapeOf(Policy policy, std::span<const RowsMember> members, DomainId domain) {
  std::string shape;
  const bool asks = AsksTheClient(policy);
  Append(shape, asks ? policy : Policy::kSimple);
  Append(shape, domain);
  for (const RowsMember& member : members) {
    if (member.where != nullptr) {
      Append(shape, *member.where);
    }
    // Targets of one shape have one object for their rows.
    Append(shape,
           reinterpret_cast<std::uintptr_t>(member.evaluate_target_health ? member.target.get()
                                                                          : nullptr));
    Append(shape, asks && member.always_healthy);
  }
  return shape;
}

// Who comes behind a member that is always healthy never answers: what order they are in makes no
// difference, and clients no different.
void EndBehindAlwaysHealthy(std::span<const RowsMember> members,
                            std::vector<std::uint16_t>& candidates) {
  const auto last =
      std::ranges::find_if(candidates, [&](std::uint16_t i) { return members[i].always_healthy; });
  if (last != candidates.end()) {
    candidates.erase(last + 1, candidates.end());
  }
}

TableBlob RowMapOf(const std::vector<Row>& row_of_class) {
  const table::RowMap head{.crc32c = 0, .classes = static_cast<std::uint32_t>(row_of_class.size())};
  auto octets = std::make_shared<std::string>();
  Append(*octets, head);
  octets->append(reinterpret_cast<const char*>(row_of_class.data()),
                 row_of_class.size() * sizeof(Row));
  const std::uint32_t crc =
      table::Crc32c(octets->data() + sizeof(crc), octets->size() - sizeof(crc));
  std::memcpy(octets->data(), &crc, sizeof(crc));
  return octets;
}

}  // namespace

Row RowIn(Clients& clients, const RuleRows* rows, DomainId from, ClientClass client) {
  if (rows == nullptr || rows->row_of_class.empty()) {
    return 0;
  }
  return rows->row_of_class[rows->domain == from ? client
                                                 : clients.Projection(from, rows->domain)[client]];
}

DomainId RowsMaker::DomainFor(Policy policy,
                              std::span<const RowsMember> members,
                              DomainSources sources) {
  for (const RowsMember& member : members) {
    if (member.where != nullptr) {
      sources = Join(sources, clients_.SourcesOf(policy, *member.where));
    }
    if (member.target != nullptr) {
      sources = Join(sources, clients_.Sources(member.target->domain));
    }
  }
  return clients_.DomainOf(sources);
}

std::optional<RuleRowsPtr> RowsMaker::Make(Policy policy,
                                           std::span<const RowsMember> members,
                                           const DomainSources& beyond) {
  const DomainId domain = DomainFor(policy, members, beyond);
  if (domain == kNoDomain && !AsksTheClient(policy)) {
    return RuleRowsPtr();
  }
  std::string shape = ShapeOf(policy, members, domain);
  if (const auto found = made_.find(shape); found != made_.end()) {
    return found->second;
  }
  auto rows = MakeRows(policy, members, domain);
  if (rows) {
    made_.emplace(std::move(shape), *rows);
  }
  return rows;
}

std::optional<RuleRowsPtr> RowsMaker::MakeRows(Policy policy,
                                               std::span<const RowsMember> members,
                                               DomainId domain) {
  auto out = std::make_shared<RuleRows>();
  out->domain = domain;
  const bool asks = AsksTheClient(policy);
  // Whom a geolocation or IP-based group has nothing for depends on the client, so its health does.
  const bool ordered = policy == Policy::kLatency || policy == Policy::kGeoproximity;
  const bool may_lack = policy == Policy::kGeolocation || policy == Policy::kCidr;
  std::vector<const RecordLocation*> wheres;
  for (const RowsMember& member : members) {
    wheres.push_back(member.where);
  }
  std::map<std::vector<std::uint16_t>, std::uint16_t> health_of;
  std::map<std::vector<std::uint16_t>, Row> row_of;
  std::vector<std::uint16_t> candidates;
  const std::size_t classes = domain == kNoDomain ? 1 : clients_.Classes(domain);
  std::vector<Row> row_of_class(classes);
  for (ClientClass client = 0; client < classes; ++client) {
    candidates.clear();
    if (asks) {
      clients_.Candidates(policy, wheres, domain, client, candidates);
      if (ordered) {
        EndBehindAlwaysHealthy(members, candidates);
      }
    }
    std::vector<std::uint16_t> below;  // what health may depend on
    for (const RowsMember& member : members) {
      if (member.evaluate_target_health && member.target != nullptr) {
        below.push_back(
            member.target->health_of_row[RowIn(clients_, member.target.get(), domain, client)]);
      }
    }
    std::vector<std::uint16_t> key = below;
    key.insert(key.end(), candidates.begin(), candidates.end());
    const auto [row, fresh] = row_of.try_emplace(key, static_cast<Row>(row_of.size()));
    if (fresh) {
      if (row_of.size() > table::kMaxRows) {
        return std::nullopt;
      }
      const auto& health_key = may_lack ? key : below;
      out->health_of_row.push_back(
          health_of.try_emplace(health_key, static_cast<std::uint16_t>(health_of.size()))
              .first->second);
      out->client_of_row.push_back(client);
      if (asks) {
        out->candidates.push_back(candidates);
      }
    }
    row_of_class[client] = row->second;
  }
  out->healths = static_cast<std::uint16_t>(health_of.size());
  if (row_of.size() > 1) {
    out->row_map = RowMapOf(row_of_class);
    out->row_of_class = std::move(row_of_class);
  }
  return out;
}

}  // namespace holdfast::control
