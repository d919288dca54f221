// Counting answers by network (rows B01 and B02 of the conformance list): the rate over time, what
// one network is, and that ten million others change little for an honest one.
#include <array>
#include <cstdint>
#include <gtest/gtest.h>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/answer/rate_table.h"
#include "dataplane/base/bytes.h"

namespace holdfast::answer {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kStart = 1'700'000'000 * kSecond;

using Address = std::array<std::byte, 16>;

Address V4(std::uint32_t address) {
  Address octets{};
  StoreBe32(octets.data(), address);
  return octets;
}

Address V6(std::uint64_t upper, std::uint64_t lower = 1) {
  Address octets{};
  for (unsigned i = 0; i < 8; ++i) {
    octets[i] = static_cast<std::byte>(upper >> (56 - (8 * i)));
    octets[8 + i] = static_cast<std::byte>(lower >> (56 - (8 * i)));
  }
  return octets;
}

table::RateLimit LimitOf(std::uint32_t rate, std::uint32_t burst) {
  table::RateLimit limit{};
  limit.answers_per_second = rate;
  limit.burst = burst;
  limit.ipv4_prefix = 24;
  limit.ipv6_prefix = 56;
  return limit;
}

class Rates : public testing::Test {
 protected:
  Rates() {
    auto made = RateTable::Make();
    EXPECT_TRUE(made) << made.error().message;
    table_ = std::move(*made);
  }
  bool Take(const Address& client, bool v6, std::uint64_t now_ns) {
    return RateTable::Take(limit_, table_->CellsOf(limit_, client, v6), now_ns);
  }
  unsigned TakeMany(const Address& client, unsigned tries, std::uint64_t now_ns) {
    unsigned taken = 0;
    for (unsigned i = 0; i < tries; ++i) {
      taken += Take(client, false, now_ns) ? 1U : 0U;
    }
    return taken;
  }

  std::unique_ptr<RateTable> table_;
  table::RateLimit limit_ = LimitOf(10, 20);
};

TEST_F(Rates, conf_B01_ABurstAtOnceThenTheRate) {
  const Address client = V4(0xC0000201);
  EXPECT_EQ(TakeMany(client, 1000, kStart), 20U);
  EXPECT_EQ(TakeMany(client, 1000, kStart), 0U);
  EXPECT_EQ(TakeMany(client, 1000, kStart + kSecond), 10U);
  EXPECT_EQ(TakeMany(client, 1000, kStart + kSecond + (kSecond / 10)), 1U);
  EXPECT_EQ(TakeMany(client, 1000, kStart + (3600 * kSecond)), 20U) << "it does not add up";
  unsigned taken = 0;
  for (std::uint64_t ms = 1; ms <= 10'000; ++ms) {
    taken += Take(client, false, kStart + (3600 * kSecond) + (ms * 1'000'000)) ? 1U : 0U;
  }
  EXPECT_EQ(taken, 100U);
}

TEST_F(Rates, conf_B02_CountByTheNetworkOfTheClient) {
  EXPECT_EQ(TakeMany(V4(0xC0000201), 1000, kStart), 20U);
  EXPECT_EQ(TakeMany(V4(0xC00002FE), 1000, kStart), 0U) << "the same /24";
  EXPECT_EQ(TakeMany(V4(0xC0000301), 1000, kStart), 20U) << "another";
  EXPECT_TRUE(Take(V6(0xC000020100000000), true, kStart)) << "the same octets, another family";
  limit_.burst = 1;
  EXPECT_TRUE(Take(V6(0x20010DB800000000), true, kStart));
  EXPECT_FALSE(Take(V6(0x20010DB8000000FF, 7), true, kStart)) << "the same /56";
  EXPECT_TRUE(Take(V6(0x20010DB800000100), true, kStart));
  limit_.ipv6_prefix = 64;
  EXPECT_TRUE(Take(V6(0x20010DB800000302), true, kStart));
  EXPECT_TRUE(Take(V6(0x20010DB800000303), true, kStart));
  limit_.ipv4_prefix = 32;
  EXPECT_TRUE(Take(V4(0x0A000001), false, kStart));
  EXPECT_TRUE(Take(V4(0x0A000002), false, kStart));
  EXPECT_FALSE(Take(V4(0x0A000002), false, kStart));
  limit_.ipv4_prefix = 9;
  EXPECT_TRUE(Take(V4(0x0B000001), false, kStart));
  EXPECT_FALSE(Take(V4(0x0B7FFFFF), false, kStart));
  EXPECT_TRUE(Take(V4(0x0B800001), false, kStart));
}

// Each of them once, within ten seconds; one victim asks 1,000 times a second and one honest
// network five times.
TEST_F(Rates, conf_B02_HoldBeneathTenMillionNetworks) {
  limit_ = LimitOf(10, 10);
  limit_.ipv4_prefix = 32;  // so that there are ten million
  const Address victim = V4(0xC6336401);
  const Address honest = V4(0xCB007107);
  constexpr std::uint32_t kPerMs = 1000;
  unsigned spoofed = 0;
  unsigned victims = 0;
  unsigned honests = 0;
  for (std::uint32_t ms = 0; ms < 10'000; ++ms) {
    const std::uint64_t now = kStart + (std::uint64_t{ms} * 1'000'000);
    for (std::uint32_t i = 0; i < kPerMs; ++i) {
      spoofed += Take(V4(0x01000000 + (ms * kPerMs) + i), false, now) ? 1U : 0U;
    }
    victims += Take(victim, false, now) ? 1U : 0U;
    honests += ms % 200 == 0 && Take(honest, false, now) ? 1U : 0U;
  }
  EXPECT_LE(victims, 110U);
  EXPECT_GE(victims, 90U);
  EXPECT_GE(honests, 48U) << "of 50";
  EXPECT_GE(spoofed, 9'900'000U) << "nothing that is asked once is over its rate";
}

TEST_F(Rates, OfASlowerLimitDoNotHoldUnderTheNextOne) {
  const Address client = V4(0xC0000201);
  limit_ = LimitOf(1, 1000);
  EXPECT_EQ(TakeMany(client, 2000, kStart), 1000U) << "a thousand seconds ahead";
  limit_ = LimitOf(10, 20);
  EXPECT_EQ(TakeMany(client, 1000, kStart + kSecond), 20U);
}

TEST_F(Rates, AreThoseOfAllThreadsTogether) {
  limit_ = LimitOf(1, 100'000);
  constexpr unsigned kThreads = 4;
  std::array<unsigned, kThreads> taken{};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { taken[i] = TakeMany(V4(0xC0000201), 50'000, kStart); });
  }
  unsigned sum = 0;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads[i].join();
    sum += taken[i];
  }
  // Two that take at the same moment may pass each other between the rows.
  EXPECT_LE(sum, 105'000U);
  EXPECT_GE(sum, 95'000U);
}

}  // namespace
}  // namespace holdfast::answer
