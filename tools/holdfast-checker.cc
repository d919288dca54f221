// holdfast-checker: a vantage point on another host. Gets its checks from control, probes them,
// reports. Keeps nothing on disk; can be killed at any moment. Started by a service manager, or by
// hand.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <string>
#include <utility>

#include "dataplane/base/descriptors.h"
#include "health/checker/descriptors.h"
#include "health/link/remote_checker.h"
#include "tools/checker/config.h"

namespace {

constexpr int kRefused = 1;  // the file is wrong, or the machine lacks something

int Run(const std::string& config) {
  // Before any thread is there: all of them leave these to sigwait.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  auto file = holdfast::tools::LoadCheckerFile(config);
  if (!file) {
    std::fprintf(stderr, "holdfast-checker: %s\n", file.error().message.c_str());
    return kRefused;
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
    std::fprintf(stderr, "holdfast-checker: %s\n", checker.error().message.c_str());
    return kRefused;
  }
  spdlog::info("ready as {} for {} control{}", file->name, controls, controls == 1 ? "" : "s");
  int signal = 0;
  while (sigwait(&ends, &signal) != 0) {
  }
  spdlog::info("stopping");
  return 0;
}

int Start(int argc, char** argv) {
  CLI::App app("A health checker of Holdfast on a host of its own: probes what control assigns.");
  std::string config;
  app.set_version_flag("--version", "holdfast-checker " HF_VERSION);
  app.add_option("--config", config, "Checker's file (TOML)")->required();
  CLI11_PARSE(app, argc, argv);
  spdlog::set_default_logger(spdlog::stderr_logger_mt("holdfast-checker"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%f %n %l %v");
  return Run(config);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Start(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "holdfast-checker: %s\n", error.what());
    return kRefused;
  }
}
