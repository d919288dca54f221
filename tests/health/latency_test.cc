// Fixed buckets, and the figures that are made of them.
#include "health/verdict/latency.h"

#include <gtest/gtest.h>
#include <numeric>

#include "health/verdict/votes.h"

namespace holdfast::health {
namespace {

using namespace std::chrono_literals;

TEST(LatencyHistogram, CountsIntoTheBucketThatEndsAtOrAboveTheTime) {
  LatencyHistogram histogram;
  const struct {
    std::chrono::nanoseconds took;
    std::size_t bucket;
  } cases[] = {{1ns, 0}, {100us, 0}, {100'001ns, 1}, {1ms, 3}, {2ms, 4}, {10s, 15}, {11s, 16}};
  std::array<std::uint64_t, LatencyHistogram::kBounds.size() + 1> wanted{};
  for (const auto& c : cases) {
    histogram.Add(c.took);
    ++wanted[c.bucket];
    EXPECT_EQ(histogram.buckets(), wanted) << c.took.count();
  }
  EXPECT_EQ(histogram.count(), std::size(cases));
  EXPECT_NEAR(histogram.sum_seconds(), 21.003200002, 1e-6);
  EXPECT_EQ(std::accumulate(wanted.begin(), wanted.end(), std::uint64_t{0}), histogram.count());
}

TEST(LatencyHistogram, EstimatesQuantilesWithinTheirBucket) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.Quantile(0.5), 0);
  EXPECT_EQ(histogram.mean_seconds(), 0);
  for (int n = 0; n < 98; ++n) {
    histogram.Add(700us);  // of 0.5 to 1 ms
  }
  histogram.Add(40ms);
  histogram.Add(20s);
  EXPECT_NEAR(histogram.Quantile(0.49), 0.00075, 1e-9);
  EXPECT_NEAR(histogram.Quantile(0.98), 0.001, 1e-9);
  EXPECT_NEAR(histogram.Quantile(0.99), 0.05, 1e-9);
  EXPECT_EQ(histogram.Quantile(1), 10);  // the last bound
  EXPECT_NEAR(histogram.mean_seconds(), (98 * 0.0007 + 0.04 + 20) / 100, 1e-9);
}

TEST(Latencies, LeaveOutThePhasesThatAProbeDidNotHave) {
  Latencies latencies;
  latencies.Add({.connect = 1ms, .first_byte = 2ms});
  latencies.Add({.first_byte = 2ms});  // on a connection that was kept
  EXPECT_EQ(latencies.connect.count(), 1U);
  EXPECT_EQ(latencies.tls_handshake.count(), 0U);
  EXPECT_EQ(latencies.first_byte.count(), 2U);
}

TEST(Votes, CountLatenciesOfPassesWhereTheyAreMeasured) {
  Votes votes;
  votes.Assign({0, 1});
  const auto take = [&votes](std::uint32_t checker, Outcome outcome, bool measured) {
    votes.Take(checker,
               State::kHealthy,
               {.outcome = outcome, .at_ns = 1, .phases = {.connect = 3ms}},
               measured);
  };
  take(0, Outcome::kPass, false);
  EXPECT_EQ(votes.all()[0].latencies, nullptr);
  take(0, Outcome::kFail, true);
  EXPECT_EQ(votes.all()[0].latencies, nullptr);  // a gap while probes fail
  take(0, Outcome::kPass, true);
  take(0, Outcome::kUnknown, true);
  take(0, Outcome::kPass, true);
  ASSERT_NE(votes.all()[0].latencies, nullptr);
  EXPECT_EQ(votes.all()[0].latencies->connect.count(), 2U);
  EXPECT_EQ(votes.all()[1].latencies, nullptr);
  votes.Assign({1, 0});  // kept with the checker
  EXPECT_EQ(votes.all()[1].latencies->connect.count(), 2U);
  take(0, Outcome::kPass, false);
  EXPECT_EQ(votes.all()[1].latencies, nullptr);  // nobody wants them any more
}

}  // namespace
}  // namespace holdfast::health
