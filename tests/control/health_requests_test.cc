// What an order to a health check may say.
#include "control/admin/health_requests.h"

#include <gtest/gtest.h>
#include <optional>
#include <string>

namespace holdfast::control {
namespace {

using health::Order;
using health::Override;

constexpr std::int64_t kNowMs = 1'700'000'000'123;

TEST(OrderOf, HasAnEndWhereATimeIsGiven) {
  EXPECT_EQ(OrderOf("healthy", {}, kNowMs).value(), Order(Override::kHealthy));
  EXPECT_EQ(OrderOf("auto", {}, kNowMs).value(), Order());
  EXPECT_EQ(OrderOf("unhealthy", "1", kNowMs).value(), Order(Override::kUnhealthy, kNowMs + 1000));
  EXPECT_EQ(OrderOf("healthy", "31536000", kNowMs).value(),
            Order(Override::kHealthy, kNowMs + 31'536'000'000));
}

TEST(OrderOf, RefusesTimesOutOfRange) {
  for (const std::string text :
       {"0", "-1", "31536001", "99999999999999999999", "1.5", "1m", "x", " 1", "1 ", "+1", ""}) {
    const auto order = OrderOf("unhealthy", text, kNowMs);
    ASSERT_FALSE(order) << text;
    EXPECT_EQ(order.error().code, ErrorCode::kInvalid);
    EXPECT_EQ(order.error().message, "\"for\" is " + text + "; expected 1..31536000");
  }
}

TEST(OrderOf, RefusesAnEndOfNoOrderAndWordsThatAreNone) {
  EXPECT_EQ(OrderOf("auto", "5", kNowMs).error().message,
            "\"for\" is 5; expected none with \"to\" auto");
  EXPECT_EQ(OrderOf("sick", "5", kNowMs).error().message,
            "\"to\" is 'sick'; expected healthy, unhealthy or auto");
}

TEST(UntilJson, IsTheMomentOrNothing) {
  EXPECT_EQ(UntilJson(0), Json());
  EXPECT_EQ(UntilJson(kNowMs), Json("2023-11-14T22:13:20.123Z"));
}

}  // namespace
}  // namespace holdfast::control
