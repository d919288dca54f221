// Which of a location policy's members a client is led to, where the arithmetic decides.
#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/compile/clients.h"
#include "control/compile/rows.h"
#include "control/compile/zone.h"
#include "control/location/places.h"
#include "tests/control/compile_kit.h"

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

// Three regions and six networks, each of which has them in another order.
std::shared_ptr<const LocationData> EveryOrder() {
  auto data = std::make_shared<LocationData>();
  data->regions = {"a", "b", "c"};
  data->region_place.resize(3);
  LatencyTable table;
  table.rows.emplace_back();
  std::vector<std::uint32_t> ms = {1, 2, 3};
  do {
    const auto row = static_cast<std::uint32_t>(table.rows.size());
    table.rows.push_back({ms[0], ms[1], ms[2]});
    table.prefixes.push_back(
        {{.v6 = false, .bits = std::uint64_t{row} << 24U, .length = 8}, row, 0});
  } while (std::ranges::next_permutation(ms).found);
  SetLatencies(table, *data);
  return data;
}

std::size_t RowsOfLatency(const std::vector<bool>& always_healthy) {
  std::vector<RecordLocation> where(always_healthy.size());
  std::vector<RowsMember> members;
  for (std::size_t i = 0; i < where.size(); ++i) {
    where[i].region = std::string(1, static_cast<char>('a' + i));
    members.push_back({.where = &where[i], .always_healthy = always_healthy[i]});
  }
  const auto rows = RowsMaker(EveryOrder()).Make(Policy::kLatency, members);
  return rows ? (*rows)->client_of_row.size() : 0;
}

TEST(Rows, EndBehindWhoIsAlwaysHealthy) {
  EXPECT_EQ(RowsOfLatency({false, false, false}), 6U) << "an order each; unknown clients have one";
  // a | ba | ca | bca | cba
  EXPECT_EQ(RowsOfLatency({true, false, false}), 5U);
  EXPECT_EQ(RowsOfLatency({true, true, true}), 3U);
}

// Nine regions, and more networks than a switch has rows, each with the regions in another order.
std::shared_ptr<const LocationData> TooManyOrders() {
  auto data = std::make_shared<LocationData>();
  Latencies ms;
  for (std::uint32_t i = 0; i < 9; ++i) {
    data->regions.push_back("r" + std::to_string(i));
    ms.emplace_back(i);
  }
  data->region_place.resize(ms.size());
  LatencyTable table;
  table.rows.emplace_back();
  while (table.rows.size() <= table::kMaxRows + 1) {
    const auto row = static_cast<std::uint32_t>(table.rows.size());
    table.rows.push_back(ms);
    table.prefixes.push_back(
        {{.v6 = false, .bits = std::uint64_t{row} << 8U, .length = 24}, row, 0});
    std::ranges::next_permutation(ms);
  }
  SetLatencies(table, *data);
  return data;
}

TEST(Rows, AreRefusedWithTheRecordWhenThereAreTooMany) {
  kit::ZoneText text("example.test.");
  for (char i = '0'; i < '9'; ++i) {
    auto where = std::make_shared<RecordLocation>();
    where->region = std::string("r") + i;
    RecordSet set;
    set.name = text.Name("w");
    set.type = kit::TypeOf("A");
    set.set_identifier = std::string("near ") + i;
    set.policy = Policy::kLatency;
    set.rdata = {kit::V4(std::string("192.0.2.") + i)};
    set.health_check_id = "c";
    set.where = std::move(where);
    set.source = {.file = "sets", .line = 3};
    text.zone.record_sets.push_back(std::move(set));
  }
  health::CheckConfig check;
  check.id = "c";
  const std::vector<health::CheckConfig> checks{check};
  Pools pools(checks, TooManyOrders());
  std::vector<std::string> warnings;
  const auto zone = CompileZone(text.zone, {}, pools, warnings);
  ASSERT_FALSE(zone);
  EXPECT_EQ(zone.error().message,
            "sets:3: record 'w.example.test. A' (SetIdentifier 'near 0'): the group tells too many "
            "kinds of clients apart; expected at most 65535: take a larger grid_degrees in "
            "[location], or fewer record sets");
}

}  // namespace
}  // namespace holdfast::control
