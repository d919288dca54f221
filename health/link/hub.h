// Control's end of the links: takes checkers that are known by name, tells each what to watch, and
// hands to the monitor what they report, once it has passed their gate. One thread of its own; a
// checker that lies, floods, hangs or goes away harms none of the others, nor control.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "health/link/channel.h"
#include "health/link/gate.h"
#include "health/link/identity.h"
#include "health/monitor.h"

namespace holdfast::health {

struct HubOptions {
  struct Address {
    std::string address;  // literal
    std::uint16_t port = 0;
  };
  std::vector<Address> listen;
  IdentityFiles identity;
  std::string node;  // who this control is
  LinkLimits limits;
  std::size_t strangers = 64;  // connections that have not said who they are; the oldest makes room
};

/// One checker as it is seen from here.
struct CheckerState {
  std::string name;
  std::string region;
  bool connected = false;
  std::int64_t since_ms = 0;  // wall clock: since when it is so
  std::string peer;           // where it is, or was last; empty: was never seen
  std::string version;        // of its program
  std::string problem;        // why it is gone; empty before it was there
  bool uplink = true;         // it reaches its own control targets
  std::size_t assigned = 0;   // checks
  std::uint64_t taken = 0;    // reports
  std::array<std::uint64_t, kDrops> dropped{};
  std::optional<std::int64_t> age_ms;  // of its newest observation; none before the first
};

/// Calls from any thread but its own.
class Hub {
 public:
  /// @param monitor  outlives this. @return kIo when an address cannot be had; as ReadIdentity.
  static Result<std::unique_ptr<Hub>> Start(Monitor& monitor, const HubOptions& options);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  /// Who may connect, with the index that the monitor has for each; others are cut off.
  void SetCheckers(const std::vector<CheckerName>& checkers,
                   const std::vector<std::uint32_t>& indices);
  /// Reads the files again, for connections to come. @return as ReadIdentity: then all stays.
  Status ReadIdentityAgain();

  /// In the order of SetCheckers.
  [[nodiscard]] std::vector<CheckerState> States() const;
  /// Connections that ended before they said who they are, or were not let in.
  [[nodiscard]] std::uint64_t refused() const noexcept;
  /// Of the first address, when the port was left to the system.
  [[nodiscard]] std::uint16_t port() const noexcept;

 private:
  class Core;
  explicit Hub(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace holdfast::health
