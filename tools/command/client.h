// The client's side of the control socket: one JSON object per line each way. Used by the commands
// that ask a running control, and by the supervisor to see that it answers. Cold; blocks up to its
// patience.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "dataplane/base/result.h"

namespace holdfast::tools {

/// Where control listens. At most 107 octets, or no socket can have it.
std::string ControlSocketPath(const std::string& run_dir);

class ControlClient {
 public:
  /// @param patience  for the connection, and later for each call as a whole.
  /// @return kUnavailable when nobody listens there; the sentence says what to look at.
  static Result<ControlClient> Connect(const std::string& run_dir,
                                       std::chrono::milliseconds patience);
  ControlClient(ControlClient&& other) noexcept;
  ControlClient(const ControlClient&) = delete;
  ControlClient& operator=(const ControlClient&) = delete;
  ControlClient& operator=(ControlClient&&) = delete;
  ~ControlClient();

  /// Sends `request` and waits for its line.
  /// @return control's whole response, which has a boolean "ok" and "result" or "error";
  /// kUnavailable when control went away, did not answer in time or answered something else.
  Result<nlohmann::json> Call(const nlohmann::json& request);

 private:
  ControlClient(int fd, std::string path, std::chrono::milliseconds patience)
      : fd_(fd), path_(std::move(path)), patience_(patience) {}
  Status Send(const std::string& line, std::chrono::steady_clock::time_point deadline);
  Result<std::string> Receive(std::chrono::steady_clock::time_point deadline);

  int fd_ = -1;
  std::string path_;
  std::chrono::milliseconds patience_;
  std::string received_;  // past the last line that was taken
};

}  // namespace holdfast::tools
