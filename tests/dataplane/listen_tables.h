// Real tables for tests of the listeners, published by control/publish: the zone listen.test with
// www (A, AAAA), big (a TXT rrset of about 60,000 octets) and as many hosts as wanted.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "control/publish/publisher.h"

namespace holdfast::listen {

inline constexpr const char* kTestOrigin = "listen.test";
/// Octets of the rdata of big.listen.test, so that a reply is longer than this and below 65,535.
inline constexpr std::size_t kBigOctets = 60'000;

/// A run folder of its own, removed at the end.
class TestTables {
 public:
  /// Makes the folder and takes its lock; nothing is published before Publish.
  /// @param image_octets  size of the image.
  explicit TestTables(std::size_t image_octets = 4U << 20U);
  ~TestTables();
  TestTables(const TestTables&) = delete;
  TestTables& operator=(const TestTables&) = delete;

  /// Publishes the zone; `hosts` names h0..hN-1 have an A record each.
  void Publish(std::size_t hosts = 0);
  [[nodiscard]] const std::string& run_dir() const noexcept { return run_dir_; }

 private:
  std::string run_dir_;
  std::unique_ptr<control::Publisher> publisher_;
};

}  // namespace holdfast::listen
