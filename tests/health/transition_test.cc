// The queue between health and control: order, replacement in place, capacity, many producers.
#include "health/transition.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::health {
namespace {

Transition Of(const std::string& id, bool healthy, std::string reason = {}) {
  return {.check_id = id, .healthy = healthy, .reason = std::move(reason)};
}

bool Readable(const TransitionQueue& queue) {
  pollfd wait{.fd = queue.fd(), .events = POLLIN, .revents = 0};
  return poll(&wait, 1, 0) == 1;
}

std::unique_ptr<TransitionQueue> Queue(std::size_t capacity) {
  auto queue = TransitionQueue::Create(capacity);
  EXPECT_TRUE(queue.has_value());
  return std::move(*queue);
}

TEST(TransitionQueue, RefusesACapacityOfNothing) {
  const auto queue = TransitionQueue::Create(0);
  ASSERT_FALSE(queue.has_value());
  EXPECT_EQ(queue.error().code, ErrorCode::kInvalid);
  EXPECT_NE(queue.error().message.find("at least 1"), std::string::npos);
}

TEST(TransitionQueue, GivesTransitionsInOrderOfArrival) {
  const auto queue = Queue(8);
  for (const char* id : {"c", "a", "b"}) {
    ASSERT_TRUE(queue->Push(Of(id, false)));
  }
  const auto drained = queue->Drain();
  ASSERT_EQ(drained.size(), 3U);
  EXPECT_EQ(drained[0].check_id, "c");
  EXPECT_EQ(drained[1].check_id, "a");
  EXPECT_EQ(drained[2].check_id, "b");
  EXPECT_TRUE(queue->Drain().empty());
}

TEST(TransitionQueue, ReplacesAWaitingTransitionOfTheSameCheckInItsPlace) {
  const auto queue = Queue(2);
  ASSERT_TRUE(queue->Push(Of("a", false, "first")));
  ASSERT_TRUE(queue->Push(Of("b", false)));
  for (int flap = 0; flap < 1000; ++flap) {
    ASSERT_TRUE(queue->Push(Of("a", flap % 2 == 0, std::to_string(flap))));
  }
  const auto drained = queue->Drain();
  ASSERT_EQ(drained.size(), 2U);
  EXPECT_EQ(drained[0].check_id, "a");
  EXPECT_EQ(drained[0].reason, "999");
  EXPECT_FALSE(drained[0].healthy);
  EXPECT_EQ(drained[1].check_id, "b");
  EXPECT_GE(drained[0].enqueued_tsc, drained[1].enqueued_tsc);  // stamped anew when replaced
}

TEST(TransitionQueue, RefusesOneCheckTooManyAndKeepsTheOthers) {
  const auto queue = Queue(2);
  ASSERT_TRUE(queue->Push(Of("a", false)));
  ASSERT_TRUE(queue->Push(Of("b", false)));
  EXPECT_FALSE(queue->Push(Of("c", false)));
  EXPECT_TRUE(queue->Push(Of("b", true)));  // still replaces when full
  EXPECT_EQ(queue->Drain().size(), 2U);
  EXPECT_TRUE(queue->Push(Of("c", false)));
  EXPECT_EQ(queue->Drain().size(), 1U);
}

TEST(TransitionQueue, IsReadableExactlyWhileSomethingWaits) {
  const auto queue = Queue(4);
  EXPECT_FALSE(Readable(*queue));
  ASSERT_TRUE(queue->Push(Of("a", false)));
  ASSERT_TRUE(queue->Push(Of("b", false)));
  EXPECT_TRUE(Readable(*queue));
  EXPECT_EQ(queue->Drain().size(), 2U);
  EXPECT_FALSE(Readable(*queue));
  ASSERT_TRUE(queue->Push(Of("a", true)));
  EXPECT_TRUE(Readable(*queue));
}

TEST(TransitionQueue, LosesNoLastWordOfManyProducers) {
  constexpr int kThreads = 4;
  constexpr int kChecks = 16;
  constexpr int kRounds = 2000;
  const auto queue = Queue(kThreads * kChecks);
  std::vector<std::thread> producers;
  for (int thread = 0; thread < kThreads; ++thread) {
    producers.emplace_back([&queue, thread] {
      for (int round = 0; round < kRounds; ++round) {
        const std::string id = std::to_string(thread) + "/" + std::to_string(round % kChecks);
        EXPECT_TRUE(queue->Push(Of(id, false, std::to_string(round))));
      }
    });
  }
  std::unordered_map<std::string, int> last;
  auto take = [&] {
    for (const Transition& transition : queue->Drain()) {
      const int round = std::stoi(transition.reason);
      const auto seen = last.find(transition.check_id);
      EXPECT_TRUE(seen == last.end() || seen->second < round) << transition.check_id;
      last[transition.check_id] = round;
      EXPECT_NE(transition.enqueued_tsc, 0U);
    }
  };
  for (int turn = 0; turn < 200; ++turn) {
    take();
  }
  for (std::thread& producer : producers) {
    producer.join();
  }
  take();
  ASSERT_EQ(last.size(), static_cast<std::size_t>(kThreads * kChecks));
  for (const auto& [id, round] : last) {
    EXPECT_GE(round, kRounds - kChecks) << id;
  }
}

}  // namespace
}  // namespace holdfast::health
