// What is special about each of our processes; see run.h. The mechanics are the supervisor's.
#include "tools/supervise/run.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "dataplane/base/signals.h"
#include "dataplane/listen/listeners.h"
#include "dataplane/table/readers.h"
#include "tools/command/client.h"
#include "tools/command/machine.h"
#include "tools/supervise/heartbeat.h"
#include "tools/supervise/listeners.h"
#include "tools/supervise/notify.h"
#include "tools/supervise/processes_file.h"
#include "tools/supervise/render.h"
#include "tools/supervise/run_lock.h"
#include "tools/supervise/supervisor.h"

namespace holdfast::tools {

namespace {

constexpr std::chrono::milliseconds kPingPatience{50};

void Say(const std::string& sentence) {
  std::fprintf(stderr, "holdfast: %s\n", sentence.c_str());
}

int StatusOf(const Error& error) {
  Say(error.message);
  return error.code == ErrorCode::kConflict ? 2 : 1;
}

Status MakeFolder(const std::string& path, std::filesystem::perms permissions) {
  std::error_code error;
  if (std::filesystem::create_directories(path, error) && !error) {
    std::filesystem::permissions(path, permissions, error);
  }
  if (error) {
    return Fail(ErrorCode::kIo, "cannot make the folder " + path + ": " + error.message());
  }
  return {};
}

Status MakeFolders(const control::NodeConfig& node) {
  using std::filesystem::perms;
  const perms all_read = perms::owner_all | perms::group_read | perms::group_exec |
                         perms::others_read | perms::others_exec;
  HF_TRY(MakeFolder(node.run_dir, all_read));
  return MakeFolder(node.state_dir, perms::owner_all | perms::group_read | perms::group_exec);
}

Result<ServiceSpec> ServiceOf(const std::string& name, std::vector<std::string> arguments) {
  auto program = FindProgram("holdfast-" + name);
  if (!program) {
    return std::unexpected(program.error());
  }
  ServiceSpec spec;
  spec.child.name = name;
  spec.child.argv = std::move(arguments);
  spec.child.argv.insert(spec.child.argv.begin(), *program);
  return spec;
}

// The process that strangers' TCP ends in: it gets all it needs as descriptors, and as root's child
// another user.
Result<ServiceSpec> SocketsOf(const control::NodeConfig& node) {
  auto sockets = ServiceOf("sockets", SocketsArguments(node, geteuid() == 0 ? node.user : ""));
  if (!sockets) {
    return sockets;
  }
  auto listeners = BindListeners(node.listen, SocketsWantUdp(node));
  if (!listeners) {
    return std::unexpected(listeners.error());
  }
  sockets->stop_rank = 1;
  sockets->child.fds = std::move(*listeners);
  // A name of its own for each start: who reads the file of a dead process goes on seeing a dead
  // one.
  sockets->fresh_fds = [&node, start = 0U]() mutable -> Result<std::vector<NamedFd>> {
    const std::string name = "sockets." + std::to_string(getpid()) + "-" + std::to_string(++start);
    const auto fds = table::MakeReaderFile(node.run_dir, name, "sockets", node.sockets.threads);
    if (!fds) {
      return std::unexpected(fds.error());
    }
    return std::vector<NamedFd>{{.fd = fds->page, .name = listen::kReaderPageName},
                                {.fd = fds->lock, .name = listen::kReaderLockName}};
  };
  return sockets;
}

// The order is that of starting. Stopping: the ports first, so that queries go on to the sockets
// while they drain; control last, since it is the one that nobody waits for.
Result<std::vector<ServiceSpec>> ServicesOf(const control::NodeConfig& node) {
  std::vector<ServiceSpec> services;
  auto control = ServiceOf("control", ControlArguments(node));
  if (!control) {
    return std::unexpected(control.error());
  }
  control->stop_rank = 2;
  control->is_control = true;
  control->refusal_is_final = true;
  control->after_refusal =
      "mend that, look at the files with `holdfast check --config " + node.path + "`, start again";
  services.push_back(std::move(*control));
  if (node.dataplane.enabled) {
    auto dataplane = ServiceOf("dataplane", DataplaneArguments(node));
    if (!dataplane) {
      return std::unexpected(dataplane.error());
    }
    dataplane->stop_rank = 0;
    services.push_back(std::move(*dataplane));
  }
  if (node.sockets.enabled) {
    auto sockets = SocketsOf(node);
    if (!sockets) {
      return std::unexpected(sockets.error());
    }
    services.push_back(std::move(*sockets));
  }
  return services;
}

// What the supervisor's hooks share: whether the node is up, and who moves.
class NodeWatch {
 public:
  NodeWatch(std::string run_dir, std::size_t services)
      : run_dir_(std::move(run_dir)),
        services_(services),
        heartbeat_(run_dir_, HeartbeatLimits{}) {}

  std::vector<StandStill> Look(std::span<const Watched> children, Supervisor& supervisor) {
    notifier_.Alive();
    if (!control_ready_) {
      control_ready_ = ControlAnswers();
      if (control_ready_) {
        supervisor.SetReady();
      }
    }
    if (control_ready_ && !ready_ && children.size() == services_ &&
        heartbeat_.AllAttached(children)) {
      ready_ = true;
      Say("ready");
      notifier_.Ready("serving");
    }
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return heartbeat_.Look(children, std::chrono::duration_cast<Beats::Time>(now));
  }

  void Stop() { notifier_.Stopping(); }

 private:
  [[nodiscard]] bool ControlAnswers() const {
    auto client = ControlClient::Connect(run_dir_, kPingPatience);
    return client && client->Call({{"op", "ping"}}).has_value();
  }

  std::string run_dir_;
  std::size_t services_;
  Heartbeat heartbeat_;
  Notifier notifier_;
  bool control_ready_ = false;
  bool ready_ = false;
};

}  // namespace

int RunNode(const control::NodeConfig& node) {
  OutliveClosedPipes();
  const auto faults = MachineFaults(node, geteuid() == 0);
  std::ranges::for_each(faults, Say);
  if (!faults.empty()) {
    return 1;
  }
  if (const Status made = MakeFolders(node); !made) {
    return StatusOf(made.error());
  }
  for (const std::string& fault : FolderFaults(node, geteuid() == 0)) {
    Say("warning: " + fault);
  }
  const auto lock = RunLock::Take(node.run_dir);
  if (!lock) {
    return StatusOf(lock.error());
  }
  auto services = ServicesOf(node);
  if (!services) {
    return StatusOf(services.error());
  }
  NodeWatch watch(node.run_dir, services->size());
  Supervisor* self = nullptr;
  SupervisorHooks hooks;
  hooks.log = Say;
  hooks.on_look = [&watch, &self](std::span<const Watched> children) {
    return watch.Look(children, *self);
  };
  hooks.on_change = [&node](const ProcessList& list) {
    if (const Status written = WriteProcesses(node.run_dir, list); !written) {
      Say(written.error().message);
    }
  };
  hooks.on_reload = [&node]() -> std::optional<ChildSpec> {
    return ChildSpec{.name = "reload",
                     .argv = {"/proc/self/exe", "reload", "--run-dir", node.run_dir},
                     .fds = {}};
  };
  hooks.on_stop = [&watch] { watch.Stop(); };
  auto supervisor = Supervisor::Create(std::move(*services), SupervisorOptions{}, std::move(hooks));
  if (!supervisor) {
    return StatusOf(supervisor.error());
  }
  self = &*supervisor;
  return supervisor->Run();
}

}  // namespace holdfast::tools
