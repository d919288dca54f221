// How a rule goes by its clients, whatever is healthy: clients that it prefers the same records
// for, and whose records are healthy together, are one row. Worked out once per shape of rule; a
// transition folds health into rows. Control core only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "control/compile/clients.h"
#include "control/model/model.h"

namespace holdfast::control {

using Row = std::uint16_t;

struct RuleRows {
  DomainId domain = kNoDomain;             // of everything the rule may lead to
  std::vector<Row> row_of_class;           // by class of the domain; empty: one row
  std::vector<ClientClass> client_of_row;  // a class of its clients, for each row
  /// For each row the members that may serve, as kept, by preference; empty: the policy does not
  /// ask, all may.
  std::vector<std::vector<std::uint16_t>> candidates;
  std::vector<std::uint16_t> health_of_row;  // rows of one number are healthy together
  std::uint16_t healths = 1;                 // numbers there are
  TableBlob row_map;                         // for readers; null: one row
};
using RuleRowsPtr = std::shared_ptr<const RuleRows>;

/// What the rows of a rule depend on.
struct RowsMember {
  const RecordLocation* where = nullptr;  // null unless the policy asks the client
  RuleRowsPtr target;                     // of an alias's target; null: none, or it has no domain
  bool evaluate_target_health = false;
  bool always_healthy = false;  // no check, and no target that counts
};

/// Depends on the location data alone: whoever compiles other rules for the same clients may go on
/// with it. One thread at a time.
class RowsMaker {
 public:
  /// @param data  null: nothing is known of any client.
  explicit RowsMaker(std::shared_ptr<const LocationData> data) : clients_(std::move(data)) {}

  [[nodiscard]] Clients& clients() noexcept { return clients_; }

  /// The rows of a rule with these members, in the order they are kept in; null when the client
  /// does not matter. Nothing when there would be more than table::kMaxRows.
  /// @param beyond  what is asked by that which the members' images may lead to.
  std::optional<RuleRowsPtr> Make(Policy policy,
                                  std::span<const RowsMember> members,
                                  const DomainSources& beyond = {});

 private:
  [[nodiscard]] DomainId DomainFor(Policy policy,
                                   std::span<const RowsMember> members,
                                   DomainSources sources);
  std::optional<RuleRowsPtr> MakeRows(Policy policy,
                                      std::span<const RowsMember> members,
                                      DomainId domain);

  Clients clients_;
  std::map<std::string, RuleRowsPtr> made_;  // by shape
};

/// The rows of what was compiled last, for what is compiled next. One thread at a time.
class KeptRows {
 public:
  std::shared_ptr<RowsMaker> For(const std::shared_ptr<const LocationData>& data) {
    if (rows_ == nullptr || of_ != data) {
      rows_ = std::make_shared<RowsMaker>(data);
      of_ = data;
    }
    return rows_;
  }
  /// Lets the location data go.
  void Forget() { *this = {}; }

 private:
  std::shared_ptr<const LocationData> of_;
  std::shared_ptr<RowsMaker> rows_;
};

/// The row of a client's class of the domain `from` in rows whose sources are among that one's.
Row RowIn(Clients& clients, const RuleRows* rows, DomainId from, ClientClass client);

}  // namespace holdfast::control
