// Which of a location policy's members a client is led to, where the arithmetic decides.
#include <gtest/gtest.h>
#include <memory>
#include <utility>
#include <vector>

#include "control/compile/clients.h"

namespace holdfast::control {
namespace {

// The order in which a client at 0 0 is offered record sets at these longitudes with these biases.
std::vector<std::uint16_t> OrderFrom00(const std::vector<std::pair<double, int>>& members) {
  auto data = std::make_shared<LocationData>();
  data->cell_class[0] = Coordinates{};
  std::vector<RecordLocation> where(members.size());
  std::vector<const RecordLocation*> pointers;
  for (std::size_t i = 0; i < members.size(); ++i) {
    where[i].place = Coordinates{.latitude = 0, .longitude = members[i].first};
    where[i].bias = members[i].second;
    pointers.push_back(&where[i]);
  }
  std::vector<std::uint16_t> out;
  Clients(data).Candidates(Policy::kGeoproximity, pointers, kNoDomain, 0, out);
  return out;
}

TEST(Geoproximity, NearerByItsBiasComesFirst) {
  EXPECT_EQ(OrderFrom00({{26, 0}, {51.99, 50}, {52.01, 50}}),
            (std::vector<std::uint16_t>{1, 0, 2}));
}

// Half of 52 degrees is 26 degrees, but not to the last bit of their sines.
TEST(Geoproximity, EqualDistancesKeepTheOrderOfTheirIdentifiers) {
  EXPECT_EQ(OrderFrom00({{26, 0}, {52, 50}}), (std::vector<std::uint16_t>{0, 1}));
  EXPECT_EQ(OrderFrom00({{52, 50}, {26, 0}}), (std::vector<std::uint16_t>{0, 1}));
}

}  // namespace
}  // namespace holdfast::control
