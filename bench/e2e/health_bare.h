// The least that a check can cost on this machine: the system calls that it cannot do without, one
// thread, and nothing kept in mind. What the checker does is to be seen beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <netinet/in.h>
#include <vector>

namespace holdfast::bench {

struct BareResult {
  double seconds = 0;
  std::uint64_t passed = 0;
};

/// Connects and closes, 64 at a time, in turns to each of `endpoints`.
BareResult BareConnects(const std::vector<sockaddr_in>& endpoints, double seconds);

/// One connection to each of `endpoints`, then requests and replies on them in turns, 512 at a
/// time.
BareResult BareRequests(const std::vector<sockaddr_in>& endpoints, double seconds);

}  // namespace holdfast::bench
