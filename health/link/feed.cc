// See feed.h.
#include "health/link/feed.h"

#include <utility>

#include "health/link/messages.h"

namespace holdfast::health {

std::optional<std::string> AssignmentFeed::Next(const Monitor& monitor,
                                                std::uint32_t index,
                                                ReportGate& gate) {
  if (!telling_ && !FindNews(monitor, index, gate)) {
    return std::nullopt;
  }
  std::string part = EncodePart(std::exchange(reset_, false), remove_left_, set_left_);
  telling_ = !remove_left_.empty() || !set_left_.empty();
  if (!telling_) {
    remove_ = {};
    set_ = {};
  }
  return part;
}

// What has changed since it was last told; all of it on a new connection.
bool AssignmentFeed::FindNews(const Monitor& monitor, std::uint32_t index, ReportGate& gate) {
  const std::uint64_t version = monitor.assignments_version();
  if (told_all_ && told_version_ == version) {
    return false;
  }
  std::vector<Assignment> wanted = monitor.AssignmentsOf(index);
  reset_ = !std::exchange(told_all_, true);
  told_version_ = version;
  remove_.clear();
  set_.clear();
  auto before = std::exchange(assigned_, {});
  for (Assignment& each : wanted) {
    const auto known = before.find(each.slot);
    const bool is_same = known != before.end() && known->second == each.version;
    if (known != before.end()) {
      before.erase(known);
    }
    assigned_.emplace(each.slot, each.version);
    gate.Assign(each.slot, each.version, ReportTtl(each.check), each.check.interval);
    if (reset_ || !is_same) {
      set_.push_back(std::move(each));
    }
  }
  for (const auto& [slot, gone] : before) {
    remove_.push_back(slot);
    gate.Remove(slot);
  }
  remove_left_ = remove_;
  set_left_ = set_;
  return reset_ || !set_.empty() || !remove_.empty();
}

}  // namespace holdfast::health
