#include "control/location/domain.h"

#include <algorithm>
#include <bit>
#include <span>
#include <unordered_map>

namespace holdfast::control {
namespace {

// g, c, l, then a block for each collection: what a join of ranges gives.
using Tuple = std::vector<std::uint32_t>;

struct TupleHash {
  std::size_t operator()(const Tuple& tuple) const noexcept {
    std::uint64_t hash = 0;
    for (const std::uint32_t number : tuple) {
      hash = (std::rotl(hash, 29) ^ number) * 0x9e3779b97f4a7c15U;
    }
    return hash ^ hash >> 32U;
  }
};

class DomainMaker {
 public:
  DomainMaker(const LocationData& data, const DomainSources& sources)
      : data_(data), sources_(sources) {}

  Domain Make() {
    Join(&PrefixMap::v4);
    Join(&PrefixMap::v6);
    return std::move(domain_);
  }

 private:
  static constexpr std::size_t kFirstBlock = 3;

  template <class Address>
  void Join(Ranges<Address> PrefixMap::* family) {
    static const Ranges<Address> kNotAsked;
    std::vector<const Ranges<Address>*> ranges{
        sources_.geo ? &(data_.geo.*family) : &kNotAsked,
        sources_.cell ? &(data_.cell.*family) : &kNotAsked,
        sources_.latency ? &(data_.latency.*family) : &kNotAsked};
    for (const std::uint32_t collection : sources_.collections) {
      ranges.push_back(&(data_.collections[collection].blocks.*family));
    }
    Tuple tuple;
    JoinRanges<Address>(ranges, [&](Address from, std::span<const std::uint32_t> values) {
      tuple.assign(values.begin(), values.end());
      (domain_.records.*family).Append(from, RecordOf(tuple));
    });
  }

  [[nodiscard]] const CidrBlock* BlockOf(const Tuple& tuple, std::size_t i) const {
    const std::uint32_t number = tuple[kFirstBlock + i];
    return number == 0 ? nullptr : &data_.collections[sources_.collections[i]].block[number - 1];
  }

  std::uint32_t RecordOf(const Tuple& tuple);

  const LocationData& data_;
  const DomainSources& sources_;
  Domain domain_;
  std::unordered_map<Tuple, std::uint32_t, TupleHash> known_;
};

// At most one step of recursion for each prefix length.
std::uint32_t DomainMaker::RecordOf(const Tuple& tuple) {
  if (const auto found = known_.find(tuple); found != known_.end()) {
    return found->second;
  }
  std::uint8_t length = 0;
  for (std::size_t i = 0; i < sources_.collections.size(); ++i) {
    const CidrBlock* block = BlockOf(tuple, i);
    length = std::max(length, block == nullptr ? std::uint8_t{0} : block->length);
  }
  const auto at = static_cast<std::uint32_t>(domain_.record.size());
  known_.emplace(tuple, at);
  domain_.record.push_back({static_cast<std::uint32_t>(domain_.classes.size()), at, length});
  domain_.classes.push_back(
      {tuple[0], tuple[1], tuple[2], Tuple(tuple.begin() + kFirstBlock, tuple.end())});
  if (length == 0) {
    return at;
  }
  Tuple around = tuple;
  for (std::size_t i = 0; i < sources_.collections.size(); ++i) {
    const CidrBlock* block = BlockOf(tuple, i);
    if (block != nullptr && block->length == length) {
      around[kFirstBlock + i] = block->parent == kNoBlock ? 0 : block->parent + 1;
    }
  }
  const std::uint32_t parent = RecordOf(around);
  domain_.record[at].parent = parent;
  return at;
}

template <class Address>
std::uint8_t Scope(const Ranges<Address>& ranges, Address address) noexcept {
  const std::size_t at = ranges.IndexOf(address);
  const Address first = ranges.start[at];
  const Address last = ranges.LastOf(at);
  int scope = 0;
  if (first != 0) {
    scope = std::max(scope, std::countl_zero(static_cast<Address>(address ^ (first - 1))) + 1);
  }
  if (last != static_cast<Address>(~Address{0})) {
    scope = std::max(scope, std::countl_zero(static_cast<Address>(address ^ (last + 1))) + 1);
  }
  return static_cast<std::uint8_t>(scope);
}

}  // namespace

Domain MakeDomain(const LocationData& data, const DomainSources& sources) {
  return DomainMaker(data, sources).Make();
}

const DomainRecord& RecordFor(const Domain& domain,
                              std::uint32_t record,
                              std::uint8_t prefix_length) noexcept {
  while (domain.record[record].length > prefix_length) {
    record = domain.record[record].parent;
  }
  return domain.record[record];
}

std::uint8_t ScopeOf(const Ranges<std::uint32_t>& ranges, std::uint32_t address) noexcept {
  return Scope(ranges, address);
}

std::uint8_t ScopeOf(const Ranges<std::uint64_t>& ranges, std::uint64_t address) noexcept {
  return Scope(ranges, address);
}

}  // namespace holdfast::control
