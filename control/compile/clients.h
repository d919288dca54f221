// The clients that location policies tell apart. A tree of record sets asks some sources (design:
// domain); here each set of sources in use becomes one domain with classes of clients, and one
// table for the readers. Fixed when location data is loaded: no transition computes anything of
// this again. Control core only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "control/compile/compiled.h"
#include "control/location/domain.h"
#include "control/location/location.h"
#include "control/model/model.h"
#include "dataplane/table/location.h"

namespace holdfast::control {

using DomainId = std::uint32_t;
inline constexpr DomainId kNoDomain = 0xFFFFFFFF;  // the client does not matter
/// What each client is known by: classes 0..n-1; 0 is a client of whom nothing is known.
using ClientClass = std::uint32_t;

/// What one source says of a class of clients, for people.
struct KnownOfClient {
  std::string source;              // "geo", "cell", "latency", "cidr ID"
  std::string place;               // "EU FR", "r1 20.0 ms", "office (/16)", "unknown"...
  std::vector<std::string> files;  // that say so; of "unknown", that might have
};

/// The sources of both.
DomainSources Join(const DomainSources& a, const DomainSources& b);
inline bool AsksNothing(const DomainSources& sources) {
  return sources == DomainSources{};
}

class Clients {
 public:
  /// @param data  null: nothing is known of any client.
  explicit Clients(std::shared_ptr<const LocationData> data);

  /// What record sets of `policy` ask; nothing for policies that look at no client.
  [[nodiscard]] DomainSources SourcesOf(Policy policy, const RecordLocation& where) const;
  /// Octets that name these sources whatever else there is: empty for none.
  [[nodiscard]] std::string NameOf(const DomainSources& sources) const;
  /// The domain of these sources, made at the first call; kNoDomain for none.
  DomainId DomainOf(const DomainSources& sources);
  [[nodiscard]] const DomainSources& Sources(DomainId id) const { return domains_[id].sources; }
  [[nodiscard]] std::size_t Classes(DomainId id) const {
    return domains_[id].domain.classes.size();
  }
  [[nodiscard]] const Domain& domain(DomainId id) const { return domains_[id].domain; }
  /// What readers locate clients by, made at the first call: explain and plan need none.
  [[nodiscard]] const TableBlob& Table(DomainId id);
  /// The class of a client.
  [[nodiscard]] ClientClass ClassOf(DomainId id, const table::ClientPrefix& client) const;
  /// Bits around the client that all are located alike.
  [[nodiscard]] std::uint8_t ScopeOf(DomainId id, const table::ClientPrefix& client) const;
  /// What is known of a class, by source.
  [[nodiscard]] std::vector<KnownOfClient> Describe(DomainId id, ClientClass client) const;
  /// For each class of `from` the class of `to` that it is part of. The sources of `to` are among
  /// those of `from`.
  const std::vector<ClientClass>& Projection(DomainId from, DomainId to);

  /// The members, each of which stands for its record set's location, that may serve clients of a
  /// class, in order of preference (spec/routing.md section 4). Equal ones keep the order they come
  /// in.
  void Candidates(Policy policy,
                  std::span<const RecordLocation* const> members,
                  DomainId domain,
                  ClientClass client,
                  std::vector<std::uint16_t>& out) const;

 private:
  struct Entry {
    DomainSources sources;
    Domain domain;
    TableBlob table;  // null: nobody asked for it
  };
  using Members = std::span<const RecordLocation* const>;
  void ByLatency(Members members, const DomainClass& client, std::vector<std::uint16_t>& out) const;
  void ByPlace(Members members, const DomainClass& client, std::vector<std::uint16_t>& out) const;
  void ByDistance(Members members,
                  const DomainClass& client,
                  std::vector<std::uint16_t>& out) const;
  void ByBlock(Members members,
               const DomainSources& sources,
               const DomainClass& client,
               std::vector<std::uint16_t>& out) const;
  [[nodiscard]] KnownOfClient DescribeLatency(std::uint32_t latency_class) const;
  [[nodiscard]] std::uint32_t RegionIndex(const std::string& region) const;
  [[nodiscard]] std::optional<Coordinates> PlaceOf(const RecordLocation& where) const;

  std::shared_ptr<const LocationData> data_;
  std::vector<Entry> domains_;
  std::map<DomainSources, DomainId> by_sources_;
  std::map<std::pair<DomainId, DomainId>, std::vector<ClientClass>> projections_;
};

/// A domain in the octets of a table::LocationTable.
TableBlob LocationTableOf(const Domain& domain);

}  // namespace holdfast::control
