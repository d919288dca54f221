#include "health/checker/descriptors.h"

namespace holdfast::health {

std::string LackOfDescriptors(std::size_t at_a_time, bool exec, std::uint64_t limit) {
  const std::uint64_t each = exec ? 2 : 1;
  const std::uint64_t needed = 2 * ((at_a_time * each) + kOtherDescriptors);
  if (limit >= needed) {
    return {};
  }
  const std::uint64_t free = limit / 2;
  const std::uint64_t fit = free > kOtherDescriptors ? (free - kOtherDescriptors) / each : 0;
  return "health: " + std::to_string(at_a_time) + " probes may be under way at a time, and " +
         std::to_string(limit) + " descriptors be open: only " + std::to_string(fit) +
         " surely find one (" + std::to_string(each) +
         " each, half of the limit is for connections kept, " + std::to_string(kOtherDescriptors) +
         " for the rest), others end as unknown; expected a hard limit of at least " +
         std::to_string(needed) + " (RLIMIT_NOFILE; LimitNOFILE= of systemd)";
}

}  // namespace holdfast::health
