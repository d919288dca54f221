// Does this checker reach anything at all? TCP connections to control targets, which are trusted to
// be there, asked when an endpoint is about to be called down. On the checker's loop only.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "health/probe/probe.h"

namespace holdfast::health {

class Uplink {
 public:
  using Answer = std::function<void(bool reached)>;

  /// @param targets  "192.0.2.1:80", "[2001:db8::1]:53"; none: is always reached.
  /// @return kInvalid, naming the target that cannot be read.
  static Result<std::vector<std::shared_ptr<const ProbeTask>>> Read(
      const std::vector<std::string>& targets);

  Uplink(ProbeLoop& loop, std::vector<std::shared_ptr<const ProbeTask>> targets);
  ~Uplink();
  Uplink(const Uplink&) = delete;
  Uplink& operator=(const Uplink&) = delete;

  [[nodiscard]] bool configured() const noexcept { return !targets_.empty(); }
  /// Asks all targets at once; `answer` comes from the loop: true with the first that takes a
  /// connection begun from now on, false when none did. One question at a time.
  void Ask(Answer answer);
  [[nodiscard]] bool asking() const noexcept { return answer_ != nullptr; }

 private:
  void OnTarget(bool reached);

  ProbeLoop& loop_;
  std::vector<std::shared_ptr<const ProbeTask>> targets_;
  std::vector<std::shared_ptr<Probe>> probes_;
  std::size_t silent_ = 0;  // of the targets asked
  Answer answer_;
};

}  // namespace holdfast::health
