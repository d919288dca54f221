// A server in this process on real sockets of loopback, for the live tests of the listeners.
#pragma once

#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "dataplane/listen/server.h"
#include "tests/dataplane/listen_client.h"
#include "tests/dataplane/listen_tables.h"

namespace holdfast::listen {

/// Listeners that outlive servers, as the supervisor's do.
class Sockets {
 public:
  Sockets() = default;
  ~Sockets() {
    for (const Listener& listener : listeners_) {
      close(listener.fd);
    }
  }
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  /// Binds any port of `address`. @return where clients find it.
  Address Add(int type, const std::string& address) {
    auto listener = PrepareListener(BindListener(type, address), address);
    EXPECT_TRUE(listener.has_value());
    listeners_.push_back(*listener);
    return AddressOf(listener->fd);
  }
  [[nodiscard]] const std::vector<Listener>& listeners() const { return listeners_; }

 private:
  std::vector<Listener> listeners_;
};

class ListenLive : public testing::Test {
 protected:
  void SetUp() override { tables_.Publish(100); }

  void Start(const ServerOptions& options = {}) {
    auto attachment = table::Attachment::Open(tables_.run_dir(), "sockets", options.threads);
    ASSERT_TRUE(attachment.has_value()) << attachment.error().message;
    attachment_ = std::move(*attachment);
    auto server = Server::Start(*attachment_, sockets_.listeners(), options);
    ASSERT_TRUE(server.has_value()) << server.error().message;
    server_ = std::move(*server);
    threads_ = options.threads;
  }
  void Stop() {
    server_.reset();
    attachment_.reset();
  }

  /// Sum of a counter over all threads.
  [[nodiscard]] std::uint64_t Count(Counter counter) const {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < threads_; ++i) {
      sum += __atomic_load_n(
          &attachment_->Counters(i)[kFirstCounter + static_cast<std::size_t>(counter)],
          __ATOMIC_RELAXED);
    }
    return sum;
  }
  /// Whether the counter comes to hold exactly this: a reply may be here before its server has
  /// counted what it did.
  [[nodiscard]] bool Settles(Counter counter, std::uint64_t value) const {
    for (int i = 0; i < 5'000 && Count(counter) != value; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return Count(counter) == value;
  }
  /// Whether a counter reaches `value` within seconds.
  [[nodiscard]] bool Reaches(Counter counter, std::uint64_t value) const {
    for (int i = 0; i < 5'000 && Count(counter) < value; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return Count(counter) >= value;
  }

  TestTables tables_;
  Sockets sockets_;
  std::unique_ptr<table::Attachment> attachment_;
  std::unique_ptr<Server> server_;
  unsigned threads_ = 0;
};

/// Whether `reply` answers `id` with one address.
inline testing::AssertionResult IsAddress(const std::string& reply, std::uint16_t id) {
  if (reply.size() < kMinMessageOctets) {
    return testing::AssertionFailure() << "no reply";
  }
  if (IdOf(reply) != id || RcodeOf(reply) != 0 || AnswersOf(reply) != 1) {
    return testing::AssertionFailure() << "id " << IdOf(reply) << " rcode " << RcodeOf(reply)
                                       << " answers " << AnswersOf(reply);
  }
  return testing::AssertionSuccess();
}

}  // namespace holdfast::listen
