// Asks the scheduler and the user database; see machine.h.
#include "tools/command/machine.h"

#include <cstdint>
#include <filesystem>
#include <sched.h>
#include <sys/stat.h>

#include "dataplane/listen/rights.h"

namespace holdfast::tools {

namespace {

// "0-3,8": the processors of `set`.
std::string CpuText(const cpu_set_t& set) {
  std::string text;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    std::size_t last = cpu;
    if (!CPU_ISSET(cpu, &set)) {
      continue;
    }
    while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &set)) {
      ++last;
    }
    text += (text.empty() ? "" : ",") + std::to_string(cpu) +
            (last == cpu ? "" : "-" + std::to_string(last));
    cpu = last;
  }
  return text;
}

// The first folder on the way to `path` that keeps `user` out; empty: none does.
std::string Closed(const std::string& path, const listen::User& user) {
  std::filesystem::path way;
  for (const auto& part : std::filesystem::path(path)) {
    way /= part;
    struct stat st{};
    if (stat(way.c_str(), &st) != 0) {
      return {};
    }
    const mode_t needed = st.st_uid == user.uid   ? S_IXUSR
                          : st.st_gid == user.gid ? S_IXGRP
                                                  : S_IXOTH;
    if ((st.st_mode & needed) == 0) {
      return way.string();
    }
  }
  return {};
}

}  // namespace

std::vector<std::string> FolderFaults(const control::NodeConfig& node, bool becomes_user) {
  std::vector<std::string> faults;
  const auto user = listen::FindUser(node.user);
  if (!becomes_user || !node.sockets.enabled || node.user.empty() || !user) {
    return faults;
  }
  const auto look = [&](const char* key, const std::string& folder) {
    if (const std::string closed = Closed(folder, *user); !closed.empty()) {
      faults.push_back(node.path + ": " + key + " = \"" + folder + "\": the [node] user '" +
                       node.user + "' cannot enter " + closed +
                       "; holdfast-sockets finds no tables then (mend it with `chmod o+x`)");
    }
  };
  look("[node] run_dir", node.run_dir);
  look("[tables] directory", node.tables.directory);
  return faults;
}

std::vector<std::string> MachineFaults(const control::NodeConfig& node, bool becomes_user) {
  std::vector<std::string> faults;
  cpu_set_t here;
  CPU_ZERO(&here);
  const bool known = sched_getaffinity(0, sizeof(here), &here) == 0;
  const auto look = [&](const char* key, std::uint16_t cpu) {
    if (known && (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &here))) {
      faults.push_back(node.path + ": " + key + " names CPU " + std::to_string(cpu) +
                       "; expected one of " + CpuText(here) +
                       ", which a process may run on here (`taskset -cp $$` shows them)");
    }
  };
  if (node.control_core) {
    look("[node] control_core", *node.control_core);
  }
  if (node.dataplane.enabled) {
    for (const std::uint16_t lcore : node.dataplane.lcores) {
      look("[dataplane] lcores", lcore);
    }
  }
  if (becomes_user && node.sockets.enabled && !node.user.empty()) {
    if (const auto user = listen::FindUser(node.user); !user) {
      faults.push_back(node.path + ": [node] " + user.error().message);
    }
  }
  return faults;
}

}  // namespace holdfast::tools
