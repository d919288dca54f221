// How long a beat counter has stood still, judged from looks at it. Pure: the clock is handed in.
// Used by Heartbeat.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>

namespace holdfast::tools {

class Beats {
 public:
  using Time = std::chrono::milliseconds;  // since any fixed moment

  struct State {
    Time still{};        // since the beat was last seen to move, or since the first look
    bool moved = false;  // has moved at least once: a counter begins at 0
  };

  /// @param most_between  a longer gap between two looks counts as this long: when the looker
  /// itself was stopped (a suspended machine), those it looks at were most likely stopped with it.
  explicit Beats(Time most_between) noexcept : most_between_(most_between) {}

  /// One look at the counter `key`. @return what is known of it now.
  State Look(const std::string& key, std::uint64_t beat, Time now) {
    const auto [at, is_new] = entries_.try_emplace(key, Entry{.beat = beat, .looked = now});
    Entry& entry = at->second;
    if (is_new) {
      entry.state.moved = beat != 0;  // before we looked
      return entry.state;
    }
    if (entry.beat != beat) {
      entry.beat = beat;
      entry.state = State{.still = Time{0}, .moved = true};
    } else {
      entry.state.still += std::clamp(now - entry.looked, Time{0}, most_between_);
    }
    entry.looked = now;
    return entry.state;
  }

  /// Drops the counters that were not looked at since `before`.
  void ForgetOlder(Time before) {
    std::erase_if(entries_, [before](const auto& one) { return one.second.looked < before; });
  }

 private:
  struct Entry {
    std::uint64_t beat = 0;
    Time looked{};
    State state;
  };
  Time most_between_;
  std::map<std::string, Entry> entries_;
};

}  // namespace holdfast::tools
