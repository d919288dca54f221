// A checker that is a process of its own: one Vantage, and a link to each control that it works
// for. It goes on probing while a control is away, and says again what it last found when it is
// back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "health/checker/checker.h"
#include "health/link/channel.h"
#include "health/link/identity.h"

namespace holdfast::health {

struct RemoteCheckerOptions {
  struct Control {
    std::string host;  // a name or a literal address
    std::uint16_t port = 0;
    std::string name;  // that its certificate must be for
  };
  std::vector<Control> controls;
  IdentityFiles identity;
  CheckerOptions checker;
  bool allow_exec = false;    // whether a control may have programs run here
  std::string version;        // of the program
  std::uint64_t session = 0;  // 0: out of the wall clock, so that a later process has a greater one
  LinkLimits limits;
};

class RemoteChecker {
 public:
  /// Probes and connects from here on, on two threads.
  /// @return as ReadIdentity and Checker::Create.
  static Result<std::unique_ptr<RemoteChecker>> Start(RemoteCheckerOptions options);
  /// Without waiting for probes.
  ~RemoteChecker();
  RemoteChecker(const RemoteChecker&) = delete;
  RemoteChecker& operator=(const RemoteChecker&) = delete;

  /// Links whose control has said hello. Any thread.
  [[nodiscard]] std::size_t connected() const noexcept;
  /// Endpoints that are probed. Any thread.
  [[nodiscard]] std::size_t targets() const;

 private:
  class Core;
  explicit RemoteChecker(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace holdfast::health
