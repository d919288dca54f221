// How many descriptors this process may have open. Every process that serves or probes raises its
// limit at its start: what a shell or a service manager leaves as the soft limit (mostly 1,024) is
// far below what the hard one allows. Cold.
#pragma once

#include <cstdint>
#include <sys/resource.h>

namespace holdfast {

/// The soft limit of RLIMIT_NOFILE as it is now; 1,024 where the kernel does not tell.
inline std::uint64_t DescriptorLimit() noexcept {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

/// Raises the soft limit to the hard one. Main thread, before what counts by the limit is made.
/// @return the limit that holds now.
inline std::uint64_t RaiseDescriptorLimit() noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
  return DescriptorLimit();
}

}  // namespace holdfast
