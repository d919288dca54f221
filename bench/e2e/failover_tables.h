// The tables of the failover bench: names whose answer one health check decides, among others that
// it does not touch, kept up to date as the control core does it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/compile/compile.h"
#include "control/publish/publisher.h"
#include "health/transition.h"

namespace holdfast::bench {

struct FailoverShape {
  std::size_t names = 1000;            // whose answer flips
  bool own_rules = false;              // each has records of its own; else all share one rule
  std::size_t others = 0;              // names with a static address beside them
  std::string directory = "/dev/shm";  // where the image lies
};

inline constexpr const char* kFailoverCheck = "flips";
// Last octet of the only address in an answer.
inline constexpr unsigned char kPrimaryOctet = 1;
inline constexpr unsigned char kSecondaryOctet = 2;

class FailoverTables {
 public:
  /// Stops the program with a sentence when the tables cannot be made.
  explicit FailoverTables(const FailoverShape& shape);
  ~FailoverTables();
  FailoverTables(const FailoverTables&) = delete;
  FailoverTables& operator=(const FailoverTables&) = delete;

  /// Recompiles what the transitions touch and publishes once, as control::Core does.
  control::Committed Publish(const std::vector<health::Transition>& transitions);
  [[nodiscard]] control::Publisher& publisher() noexcept { return *publisher_; }
  [[nodiscard]] const std::string& run_dir() const noexcept { return folder_; }
  /// Messages that ask for the names that flip, type A, no EDNS: a reply ends with the address.
  [[nodiscard]] const std::vector<std::string>& queries() const noexcept { return queries_; }

 private:
  std::string folder_;
  std::unique_ptr<control::Publisher> publisher_;
  std::unique_ptr<control::Evaluation> evaluation_;
  std::vector<std::string> queries_;
};

}  // namespace holdfast::bench
