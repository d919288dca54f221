// See recompile_models.h.
#include "bench/e2e/recompile_models.h"

#include <array>
#include <string>
#include <utility>

#include "bench/e2e/failover_tables.h"
#include "bench/tables/must.h"
#include "bench/tables/places.h"
#include "dataplane/base/bytes.h"
#include "dataplane/wire/name.h"

namespace holdfast::bench {
namespace {

using control::Policy;
using control::RecordSet;

std::string Name(const std::string& label) {
  return Must(wire::FromText(label + ".bench.test."));
}

// Different for different numbers below 250: the stride has no divisor in common with it.
std::size_t CountryIn(std::size_t variant, std::size_t number) {
  static constexpr std::array<std::size_t, 4> kStrides = {1, 3, 7, 9};
  const std::size_t stride = kStrides[variant % 4] + (10 * (variant / 4 % 25));
  return ((number * stride) + (variant / 100)) % PlacesShape{}.countries;
}

// Adds record sets to a zone; every value is an address of its own.
class Trees {
 public:
  explicit Trees(control::Zone& zone) : zone_(zone) {}

  /// @param number  of the record in its group: its region, country...; the last one of `of` is the
  /// default where the policy has one.
  /// @param variant  geolocation: groups of different ones are for other countries.
  RecordSet& Add(const std::string& label,
                 Policy policy,
                 std::size_t number,
                 std::size_t of,
                 std::size_t variant = 0) {
    auto& set = zone_.record_sets.emplace_back();
    set.name = Name(label);
    set.type = 1;
    set.set_identifier = std::to_string(number);
    set.policy = policy;
    set.weight = static_cast<std::uint8_t>(1 + (number % 200));
    if (control::AsksTheClient(policy)) {
      const bool is_default = policy != Policy::kLatency && number + 1 == of;
      SetWhere(set,
               policy,
               is_default                       ? kDefaultPlace
               : policy == Policy::kGeolocation ? CountryIn(variant, number)
                                                : number);
    }
    return set;
  }
  void Alias(RecordSet& set, const std::string& target) {
    set.alias = control::AliasTarget{
        .hosted_zone_id = zone_.id, .name = Name(target), .evaluate_target_health = true};
  }
  void Value(RecordSet& set, bool checked) {
    std::string octets(4, '\0');
    StoreBe32(octets.data(), ++address_);
    set.ttl = 30;
    set.rdata = {octets};
    set.health_check_id = checked ? kFailoverCheck : "";
  }

 private:
  control::Zone& zone_;
  std::uint32_t address_ = 10U << 24U;
};

}  // namespace

control::Model LocationTree(std::size_t names) {
  constexpr std::size_t kRegions = 10;
  constexpr std::size_t kPlaces = 100;
  control::Model model = StaticModel(names);
  model.location = MakePlaces({});
  Trees trees(model.zones[0]);
  for (std::size_t i = 0; i < kPlaces; ++i) {
    trees.Value(trees.Add("geo", Policy::kGeolocation, i, kPlaces), i == 0);
  }
  for (std::size_t region = 0; region < kRegions; ++region) {
    const auto label = [&](int level) {
      return "level-" + std::to_string(level) + "-" + std::to_string(region);
    };
    trees.Alias(trees.Add("tree", Policy::kLatency, region, kRegions), label(1));
    for (int level = 1; level <= 3; ++level) {
      for (std::size_t i = 0; i < 4; ++i) {
        RecordSet& set = trees.Add(label(level), Policy::kWeighted, i, 4);
        if (i != 0) {
          trees.Value(set, level == 3 && i == 1);
        } else {
          trees.Alias(set, level == 3 ? "geo" : label(level + 1));
        }
      }
    }
  }
  return model;
}

control::Model NestedGroups(std::size_t names, const Levels& levels, std::size_t breadth) {
  control::Model model = StaticModel(names);
  model.location = MakePlaces({});
  model.zones[0].record_sets.reserve(breadth * (1 + (breadth * (1 + breadth))));
  Trees trees(model.zones[0]);
  for (std::size_t i = 0; i < breadth; ++i) {
    const std::string middle = "nest-" + std::to_string(i);
    trees.Alias(trees.Add("nest", levels[0], i, breadth), middle);
    for (std::size_t j = 0; j < breadth; ++j) {
      const std::string lowest = middle + "-" + std::to_string(j);
      trees.Alias(trees.Add(middle, levels[1], j, breadth, i), lowest);
      for (std::size_t k = 0; k < breadth; ++k) {
        trees.Value(trees.Add(lowest, levels[2], k, breadth, (i * breadth) + j), k == 0);
      }
    }
  }
  return model;
}

}  // namespace holdfast::bench
