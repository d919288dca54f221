// Tells the targets of [[webhook]] what happened: each has a bounded queue, told in order, one call
// at a time, each event until it was taken (at least once) or newer ones pushed it out. Nothing is
// kept across a restart. Lives on the HTTP client's thread; what it costs the control core is
// handing the news over.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/config/http_config.h"
#include "control/http/client.h"
#include "control/notify/event.h"
#include "control/telemetry/figures.h"
#include "health/transition.h"

namespace holdfast::control {

/// What the events of a check are worded with.
struct CheckWords {
  std::string id;
  std::string name;
  std::string type;
  bool healthy = true;  // as of now; counts for a check that was not known before
};

struct WebhookLimits {
  std::size_t queue = 1024;                         // events, for each target
  std::size_t handed_over = 131'072;                // transitions that its thread has not seen yet
  std::chrono::milliseconds timeout{5'000};         // of one attempt
  std::chrono::milliseconds first_pause{1'000};     // after a failed attempt; doubled each time,
  std::chrono::milliseconds longest_pause{60'000};  // up to this, a random part of it left out
};

class Webhooks {
 public:
  /// @param client  whose thread is used; ends before this does.
  Webhooks(HttpClient& client, Sender sender, const WebhookLimits& limits = {});
  ~Webhooks();
  Webhooks(const Webhooks&) = delete;
  Webhooks& operator=(const Webhooks&) = delete;

  /// Makes these the targets; those whose URL stays keep queue, sequence and figures. Their secrets
  /// are read again. Any thread.
  /// @param mass_changes  see MassGate::SetMost.
  void Configure(std::vector<WebhookConfig> targets,
                 std::vector<CheckWords> checks,
                 std::uint32_t mass_changes = 0);

  /// Takes over what was published; those of them that change a status are told. Any thread, never
  /// waits. When its thread is that far behind, they are dropped and counted.
  void Tell(std::vector<health::Transition> transitions);
  /// How many rules answer by last resort, for mass events; none: nobody watches them. Any thread.
  void SetAtLastResort(std::optional<std::size_t> rules) noexcept;
  /// The same for events of another kind. @param lost  more of them than there are words for.
  void Tell(std::vector<Event> events, Event::Kind kind, std::size_t lost);

  /// In the order of the targets, as of the last moment. Any thread.
  [[nodiscard]] std::vector<WebhookFigures> Figures() const;
  /// Events that waited for targets which Configure took away. Any thread.
  [[nodiscard]] std::uint64_t dropped_with_removed() const noexcept;
  /// Whether a mass event is on, targets or not. Any thread.
  [[nodiscard]] bool mass() const noexcept;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace holdfast::control
