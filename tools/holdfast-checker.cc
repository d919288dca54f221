// holdfast-checker: a vantage point on another host. Gets its checks from control, probes them,
// reports. Keeps nothing on disk; can be killed at any moment. Started by a service manager, or by
// hand.
#include <csignal>
#include <spdlog/spdlog.h>
#include <string>
#include <utility>

#include "dataplane/base/descriptors.h"
#include "health/checker/descriptors.h"
#include "health/link/remote_checker.h"
#include "tools/checker/config.h"
#include "tools/daemon.h"

namespace {

holdfast::Status Run(const std::string& config) {
  // Before any thread is there: all of them leave these to sigwait.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  auto file = holdfast::tools::LoadCheckerFile(config);
  if (!file) {
    return std::unexpected(file.error());
  }
  file->options.version = HF_VERSION;
  const std::size_t controls = file->options.controls.size();
  const std::uint64_t descriptors = holdfast::RaiseDescriptorLimit();
  spdlog::info("{} descriptors may be open", descriptors);
  if (const std::string lack = holdfast::health::LackOfDescriptors(
          file->options.checker.max_in_flight, file->options.allow_exec, descriptors);
      !lack.empty()) {
    spdlog::warn("{}; or a smaller [health] max_in_flight", lack);
  }
  const auto checker = holdfast::health::RemoteChecker::Start(std::move(file->options));
  if (!checker) {
    return std::unexpected(checker.error());
  }
  spdlog::info("ready as {} for {} control{}", file->name, controls, controls == 1 ? "" : "s");
  int signal = 0;
  while (sigwait(&ends, &signal) != 0) {
  }
  spdlog::info("stopping");
  return {};
}

holdfast::Status Check(const std::string& config) {
  const auto file = holdfast::tools::LoadCheckerFile(config);
  return file ? holdfast::Status() : std::unexpected(file.error());
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::tools::RunDaemon(
      {.name = "holdfast-checker",
       .purpose = "A health checker of Holdfast on a host of its own: probes what control assigns.",
       .file = "Checker's file (TOML)",
       .check = Check},
      argc,
      argv,
      Run);
}
