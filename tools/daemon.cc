// See daemon.h.
#include "tools/daemon.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "dataplane/base/signals.h"

namespace holdfast::tools {
namespace {

constexpr int kRefused = 1;
constexpr int kConflict = 2;

int Run(const DaemonText& text,
        int argc,
        char** argv,
        const std::function<Status(const std::string& file)>& run) {
  CLI::App app(text.purpose);
  std::string file;
  app.set_version_flag("--version", std::string(text.name) + " " HF_VERSION);
  app.add_option("--config", file, text.file)->required();
  bool only_checks = false;
  if (text.check != nullptr) {
    app.add_flag("--check", only_checks, "Say whether the file is good, and end");
  }
  CLI11_PARSE(app, argc, argv);
  spdlog::set_default_logger(spdlog::stderr_logger_mt(text.name));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%f %n %l %v");
  if (const Status ended = only_checks ? text.check(file) : run(file); !ended) {
    std::fprintf(stderr, "%s: %s\n", text.name, ended.error().message.c_str());
    return ended.error().code == ErrorCode::kConflict ? kConflict : kRefused;
  }
  if (only_checks) {
    std::printf("%s: good\n", file.c_str());
  }
  return 0;
}

}  // namespace

int RunDaemon(const DaemonText& text,
              int argc,
              char** argv,
              const std::function<Status(const std::string& file)>& run) {
  OutliveClosedPipes();
  try {
    return Run(text, argc, argv, run);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", text.name, error.what());
    return kRefused;
  }
}

}  // namespace holdfast::tools
