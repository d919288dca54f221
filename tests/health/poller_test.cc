// What probes wait on: descriptors (Poller) and deadlines (Timeouts).
#include "health/probe/poller.h"

#include <array>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "health/probe/descriptor.h"
#include "health/probe/timeouts.h"

namespace holdfast::health {
namespace {

using std::chrono::milliseconds;

struct Waiter final : Poller::Waiter, Timeouts::Waiter {
  void OnEvent() override { ++events; }
  void OnDeadline() override { on_deadline(); }
  int events = 0;
  std::function<void()> on_deadline;
};

class Watching : public ::testing::Test {
 protected:
  Watching() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    near_ = Descriptor(ends[0]);
    far_ = Descriptor(ends[1]);
    poller_.Forget(near_.fd());
  }
  void Run() {
    io_.restart();
    io_.run_for(milliseconds(20));
  }
  int Await(Readiness what) { return poller_.Await(near_.fd(), what, waiter_); }

  boost::asio::io_context io_;
  Poller poller_{io_};
  Descriptor near_;
  Descriptor far_;
  std::shared_ptr<Waiter> waiter_ = std::make_shared<Waiter>();
};

TEST_F(Watching, CallsOnceForEachTimeThatItIsAsked) {
  ASSERT_EQ(Await(Readiness::kReadable), 0);
  Run();
  EXPECT_EQ(waiter_->events, 0);
  ASSERT_EQ(write(far_.fd(), "x", 1), 1);
  Run();
  EXPECT_EQ(waiter_->events, 1);
  Run();  // nobody waits, though there is something to read
  EXPECT_EQ(waiter_->events, 1);
  ASSERT_EQ(Await(Readiness::kReadable), 0);  // it is there still
  Run();
  EXPECT_EQ(waiter_->events, 2);
  ASSERT_EQ(Await(Readiness::kWritable), 0);
  Run();
  EXPECT_EQ(waiter_->events, 3);
}

TEST_F(Watching, CallsNobodyForADescriptorThatWasForgotten) {
  ASSERT_EQ(Await(Readiness::kWritable), 0);
  EXPECT_EQ(waiter_.use_count(), 2);
  poller_.Forget(near_.fd());
  EXPECT_EQ(waiter_.use_count(), 1);
  near_.Close();
  Run();
  EXPECT_EQ(waiter_->events, 0);
}

// A kept connection is closed by its owner, and its number may come again at once.
TEST_F(Watching, KnowsNothingOfAnEarlierDescriptorOfTheSameNumber) {
  ASSERT_EQ(Await(Readiness::kWritable), 0);
  Run();
  const int number = near_.fd();
  near_.Close();
  near_ = Descriptor(dup(far_.fd()));
  ASSERT_EQ(near_.fd(), number);
  poller_.Forget(near_.fd());
  ASSERT_EQ(Await(Readiness::kReadable), 0);
  Run();
  EXPECT_EQ(waiter_->events, 2);  // its other end is closed
}

TEST_F(Watching, SaysWhyItCannot) {
  near_.Close();
  EXPECT_EQ(poller_.Await(0x7FFF, Readiness::kReadable, waiter_), EBADF);
  EXPECT_EQ(waiter_.use_count(), 1);
}

TEST(Timeouts, ComeInTheirOrderAndNotOnceWithdrawn) {
  boost::asio::io_context io;
  Timeouts timeouts(io);
  const auto now = ProbeClock::now();
  std::string order;
  const auto add = [&](milliseconds in, char name) {
    auto waiter = std::make_shared<Waiter>();
    const auto place = timeouts.Add(now + in, waiter);
    waiter->on_deadline = [&timeouts, &order, place, name] {
      order += name;
      timeouts.Withdraw(place);
    };
    return place;
  };
  add(milliseconds(30), 'c');
  add(milliseconds(10), 'a');
  const auto never = add(milliseconds(5), 'x');
  const auto moved = timeouts.Move(add(milliseconds(1), 'y'), now + milliseconds(20));
  timeouts.Withdraw(never);
  timeouts.Withdraw(moved);
  add(milliseconds(20), 'b');
  io.run();  // ends when nothing is waited for any more
  EXPECT_EQ(order, "abc");
  EXPECT_GE(ProbeClock::now(), now + milliseconds(30));
}

}  // namespace
}  // namespace holdfast::health
