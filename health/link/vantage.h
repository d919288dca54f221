// What one checker process watches for all of its controls: one Checker probes the union, so that
// targets are shared across controls, and each control is told of its own checks under its own
// slots and versions. Holds the last report of each check, nothing else: however long a control is
// away, no more than that waits for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataplane/base/result.h"
#include "health/checker/checker.h"
#include "health/link/messages.h"

namespace holdfast::health {

class Vantage {
 public:
  /// Called on the checker's thread when a side has changed: control `control` should hear soon.
  using Wake = std::function<void(std::size_t control)>;

  /// @param controls    how many there are. @param allow_exec  false: no control may have programs
  /// run here. @return as Checker::Create.
  static Result<std::unique_ptr<Vantage>> Create(const CheckerOptions& options,
                                                 bool allow_exec,
                                                 std::size_t controls,
                                                 Wake wake);
  ~Vantage();
  Vantage(const Vantage&) = delete;
  Vantage& operator=(const Vantage&) = delete;

  Status Start() { return checker_->Start(); }
  void Stop() { checker_->Stop(); }

  /// Takes over what a control assigned: all parts in one, `last`. What cannot be probed here is
  /// reported as unknown with the reason. On one thread.
  /// @return kExhausted for more than kMaxAssignedChecks; nothing changed then.
  Status Apply(std::size_t control, const AssignChecks& change);

  /// All last reports are to be said again: a new connection. Any thread.
  void TellAgain(std::size_t control);
  /// Reports that control has not been told yet, the longest waiting first. Any thread.
  std::vector<ReportLine> Take(std::size_t control, std::size_t most);

  [[nodiscard]] bool has_uplink() const noexcept { return checker_->has_uplink(); }
  /// Checks of one control, and endpoints probed for all of them.
  [[nodiscard]] std::size_t checks(std::size_t control) const;
  [[nodiscard]] std::size_t targets() const { return checker_->targets(); }

 private:
  struct Watched {
    std::size_t control = 0;
    std::uint32_t slot = 0;      // control's
    std::uint64_t version = 0;   // control's
    std::uint64_t settings = 0;  // ours: of `check`
    bool is_probed = false;
    CheckConfig check;
    std::optional<Report> last;  // under control's slot and version
    std::uint64_t sequence = 0;  // of that
    bool waits = false;          // to be told
    bool stale = false;          // within Apply: of before a reset
  };
  struct Control {
    std::unordered_map<std::uint32_t, std::uint32_t> places;  // slot -> index in watched_
    std::unordered_map<std::string, std::uint32_t> by_id;     // of probed checks
    std::deque<std::uint32_t> ready;                          // places that may wait
  };

  Vantage(bool allow_exec, std::size_t controls, Wake wake)
      : allow_exec_(allow_exec), wake_(std::move(wake)), controls_(controls) {}
  [[nodiscard]] std::string Problem(const AssignedCheck& assigned) const;
  void Set(std::size_t control, const AssignedCheck& assigned, const std::string& problem);
  void Drop(std::uint32_t place);
  void Put(Control& control, std::uint32_t place, Report report);
  void Await(Control& control, std::uint32_t place);
  void OnReport(const Report& report);

  const bool allow_exec_;
  const Wake wake_;
  std::unique_ptr<Checker> checker_;
  mutable std::mutex mutex_;  // guards all below
  std::vector<Control> controls_;
  std::vector<std::unique_ptr<Watched>> watched_;  // null: free
  std::vector<std::uint32_t> free_;
  std::uint64_t settings_ = 0;
  std::uint64_t sequence_ = 0;
};

}  // namespace holdfast::health
