// The tables of the failover and the recompile bench: names whose answer one health check decides,
// among others that it does not touch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/tables/published.h"
#include "control/model/model.h"
#include "health/transition.h"

namespace holdfast::bench {

struct FailoverShape {
  std::size_t names = 1000;            // whose answer flips
  bool own_rules = false;              // each has records of its own; else all share one rule
  std::size_t checks = 1;              // name n follows the check of number n % checks
  std::size_t addresses = 1;           // 1..2 in each answer, which change together
  std::size_t others = 0;              // names with a static address beside them
  std::string directory = "/dev/shm";  // where the image lies

  /// Room for all of it and for what a transition replaces.
  [[nodiscard]] std::uint64_t ImageOctets() const noexcept {
    return (64U << 20U) + ((names + others) * 512);
  }
};

inline constexpr const char* kFailoverCheck = "flips";
/// Of number 0 that one.
std::string FailoverCheckOf(std::size_t number);
/// Owner of the n-th name that flips, wire form.
std::string FailoverOwner(std::size_t n);
// Last octet of each address in an answer.
inline constexpr unsigned char kPrimaryOctet = 1;
inline constexpr unsigned char kSecondaryOctet = 2;

/// A zone of static addresses: bench.test. with SOA and `names` names, and the check
/// kFailoverCheck.
control::Model StaticModel(std::size_t names);
/// The same with `shape.others` static names, and those that flip.
control::Model FailoverModel(const FailoverShape& shape);

class FailoverTables : public PublishedTables {
 public:
  /// Stops the program with a sentence when the tables cannot be made.
  explicit FailoverTables(const FailoverShape& shape);

  /// Recompiles what the transitions touch and publishes once, as control::Core does.
  control::Committed Publish(const std::vector<health::Transition>& transitions);
  /// Messages that ask for the names that flip, type A, no EDNS: a reply ends with the address.
  [[nodiscard]] const std::vector<std::string>& queries() const noexcept { return queries_; }

 private:
  std::vector<std::string> queries_;
};

}  // namespace holdfast::bench
