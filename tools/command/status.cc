// One function per part of the page; see status.h.
#include "tools/command/status.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <unistd.h>
#include <vector>

#include "dataplane/base/clock.h"
#include "dataplane/table/readers.h"
#include "tools/command/fields.h"
#include "tools/supervise/processes_file.h"
#include "tools/supervise/run_lock.h"

namespace holdfast::tools {

namespace {

using nlohmann::json;
using Rows = std::vector<std::vector<std::string>>;

json ReadersOf(const std::string& run_dir) {
  const std::vector<std::string> files = table::ReaderFiles(run_dir);
  const auto closed = [](const std::string& path) {
    return access(path.c_str(), R_OK) != 0 && errno == EACCES;
  };
  if (closed(run_dir + "/readers") || std::ranges::any_of(files, closed)) {
    return {};
  }
  json readers = json::array();
  for (const table::ReaderInfo& reader : table::ListReaders(run_dir)) {
    json threads = json::array();
    for (std::size_t i = 0; i < reader.beats.size(); ++i) {
      const bool offline = reader.passed[i] == table::kOffline;
      threads.push_back(
          {{"passed", offline ? json() : json(reader.passed[i])}, {"beat", reader.beats[i]}});
    }
    readers.push_back({{"role", reader.role},
                       {"pid", reader.pid},
                       {"mapped_seq", reader.mapped_seq},
                       {"threads", std::move(threads)}});
  }
  return readers;
}

// From the page that control leaves behind, so it is the truth also of one that was killed. The
// clock counts from the boot. So do tables in memory; those in a folder on a disk, which are for
// tests, outlive a boot, and would tell of the one before until control starts.
json HealthDataOf(const std::string& run_dir) {
  const std::string path = run_dir + "/root";
  const auto page = table::Mapping::Map(path, false);
  if (!page || page->size() < sizeof(table::RootBlock)) {
    return {};
  }
  const auto& root = *reinterpret_cast<const table::RootBlock*>(page->data());
  const table::Published published{root.published.load(std::memory_order_acquire)};
  const std::uint64_t beat = root.control_beat.load(std::memory_order_relaxed);
  const std::uint64_t now = MonotonicNs();
  if (!table::CheckRoot(root, path) || published.word == 0 || beat == 0 || beat > now) {
    return {};
  }
  const char* name = root.names[published.ImageSeq() % table::kImageNames];
  const std::string image(name, strnlen(name, sizeof(root.names[0])));
  if (access(image.c_str(), F_OK) != 0) {
    return {};
  }
  return {{"generation", published.generation().value()}, {"age_ms", (now - beat) / 1'000'000}};
}

// What is known of the answers when control does not tell.
std::string WithoutControl(const json& local) {
  const json& data = Member(local, "health_data");
  return "\ncontrol has not answered: tables, zones and checks are not shown\n" +
         (data.is_object()
              ? "ANSWERS GO BY THE HEALTH OF " + Duration(Number(data, "age_ms")) +
                    " AGO, when control last lived (generation " + Text(data, "generation") + ")\n"
              : std::string(
                    "no published tables are found: how old their health is is not known\n"));
}

std::string Processes(const json& local, std::int64_t now_ms) {
  const json& supervisor = Member(local, "supervisor");
  const std::int64_t pid = Number(supervisor, "pid");
  std::string text = IsTrue(supervisor, "running")
                         ? "processes (supervisor " + std::to_string(pid) + ")\n"
                         : "processes (no supervisor runs on this run folder)\n";
  Rows rows = {{"name", "pid", "up", "restarts", "last exit"}};
  for (const json& one : Elements(local, "processes")) {
    const bool runs = IsTrue(one, "running");
    const std::string last = Text(one, "last_exit");
    rows.push_back({Text(one, "name"),
                    runs ? Text(one, "pid") : "-",
                    runs ? Duration(now_ms - Number(one, "started_ms", now_ms)) : "down",
                    Text(one, "restarts"),
                    last.empty() ? "-" : last});
  }
  return rows.size() > 1 ? text + Columns(rows) : text;
}

// From the queue to the store that made them the answer.
std::string Transitions(const json& transitions) {
  const json& us = Member(transitions, "enqueued_to_published_us");
  if (!us.is_object()) {
    return "";
  }
  const auto time = [&us](const char* name) {
    const json& value = Member(us, name);
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f us", value.is_number() ? value.get<double>() : 0);
    return std::string(name) + " " + text.data();
  };
  return "transitions " + Text(transitions, "published") +
         ", from queue to answers: " + time("last") + ", " + time("p50") + ", " + time("p99") +
         ", " + time("max") + "\n";
}

// The tables have no room for what health has found since.
std::string Behind(const json& reason) {
  return reason.is_string() ? "TRANSITIONS WAIT: " + reason.get<std::string>() + "\n" : "";
}

// Damage that was found in the tables, and what became of it; else how long ago they were whole.
std::string Scrub(const json& scrub, std::int64_t now_ms) {
  if (!scrub.is_object()) {
    return "";  // of another version
  }
  const auto ago = [&](const char* name) {
    return Duration(now_ms - Number(scrub, name, now_ms)) + " ago";
  };
  const json& problem = Member(scrub, "problem");
  std::string text = "scrub: ";
  if (Number(scrub, "every_s") == 0) {
    text += "off";
  } else if (Number(scrub, "passes") == 0) {
    text += "first pass " + Text(scrub, "percent") + "% done";
  } else {
    text += Text(scrub, "passes") + " passes, the last " + ago("last_pass_ms");
  }
  if (Number(scrub, "defects") == 0) {
    return text + ", no damage found\n";
  }
  text += "\nDAMAGE FOUND " + Text(scrub, "defects") + " times, the last " + ago("last_defect_ms") +
          ": " + Text(scrub, "last_defect") + "\n";
  return text + "  tables built anew " + Text(scrub, "rebuilt") + " times" +
         (problem.is_string() ? "; NOT THE LAST TIME: " + Text(problem) : "") + "\n";
}

// Empty where nobody is limited.
std::string Limits(const json& limits) {
  std::string text;
  if (const json& rate = Member(limits, "rate"); rate.is_object()) {
    text += "rate limit " + Text(rate, "answers_per_second") + "/s to each IPv4 /" +
            Text(rate, "ipv4_prefix") + " and IPv6 /" + Text(rate, "ipv6_prefix") + ", " +
            Text(rate, "burst") + " at once, " +
            (IsTrue(rate, "dry_run")     ? std::string("dry run: counted alone")
             : Number(rate, "slip") == 0 ? std::string("the rest is dropped")
                                         : "one in " + Text(rate, "slip") + " of the rest slips") +
            "\n";
  }
  std::string access;
  if (const json& networks = Member(limits, "access_networks"); networks.is_object()) {
    for (const auto& [rule, count] : networks.items()) {
      access += (access.empty() ? "access " : ", ") + rule + " " + Text(count) + " networks";
    }
  }
  return text + (access.empty() ? "" : access + "\n");
}

std::string Tables(const json& control, std::int64_t now_ms) {
  const json& tables = Member(control, "tables");
  const auto octets = [&tables](const char* name) {
    return Octets(static_cast<std::uint64_t>(Number(tables, name)));
  };
  std::string text = "node " + Text(control, "node") + ", version " + Text(control, "version") +
                     ", generation " + Text(control, "generation") + ", control up " +
                     Duration(Number(control, "uptime_s") * 1000) + "\n";
  text += "tables " + Text(tables, "path") + ": " + Text(tables, "names") + " names, " +
          Text(tables, "pools") + " pools, " + Text(tables, "blobs") + " images, " +
          octets("free_octets") + " free of " + octets("total_octets");
  const std::int64_t waiting = Number(tables, "waiting");
  return text + (waiting > 0 ? ", " + std::to_string(waiting) + " blocks wait for readers" : "") +
         "\n" + Limits(Member(control, "limits")) + Scrub(Member(control, "scrub"), now_ms) +
         Transitions(Member(control, "transitions")) + Behind(Member(control, "behind"));
}

std::string Zones(const json& control) {
  Rows rows = {{"origin", "serial", "names", "id", "source"}};
  for (const json& one : Elements(control, "zones")) {
    rows.push_back({Text(one, "origin"),
                    Text(one, "serial"),
                    Text(one, "names"),
                    Text(one, "id"),
                    Text(one, "source")});
  }
  return rows.size() > 1 ? "\nzones\n" + Columns(rows) : "\nno zones\n";
}

std::string Checks(const json& control, std::int64_t now_ms) {
  Rows rows = {{"check", "state", "for", "probed", "type", "target", "reason"}};
  for (const json& one : Elements(control, "checks")) {
    std::string state = Text(one, "state");
    if (Text(one, "override") != "auto") {
      state += " (" + SetByCommand(one) + ")";
    } else if (!IsTrue(one, "verified")) {
      state += " (not yet verified)";
    }
    const std::int64_t since_ms = Number(one, "since_ms");
    const json& age = Member(one, "age_ms");
    rows.push_back({Text(one, "id"),
                    std::move(state),
                    since_ms > 0 ? Duration(now_ms - since_ms) : "-",
                    age.is_number_integer() ? Duration(age.get<std::int64_t>()) + " ago" : "never",
                    Text(one, "type"),
                    Text(one, "target"),
                    Text(one, "reason")});
  }
  return rows.size() > 1 ? "\nchecks\n" + Columns(rows) : "";
}

// Those in other processes.
std::string Checkers(const json& control, std::int64_t now_ms) {
  const json& checkers = Member(control, "checkers");
  std::string text;
  if (const json& problem = Member(checkers, "problem"); problem.is_string()) {
    text += "\nNO CHECKER CAN CONNECT: " + Text(problem) + "\n";
  }
  Rows rows = {
      {"checker", "region", "link", "for", "checks", "reports", "last", "dropped", "note"}};
  for (const json& one : Elements(checkers, "list")) {
    std::string dropped;
    if (const json& reasons = Member(one, "dropped"); reasons.is_object()) {
      for (const auto& [reason, count] : reasons.items()) {
        if (count.is_number() && count.get<std::uint64_t>() != 0) {
          dropped += (dropped.empty() ? "" : ", ") + Text(count) + " " + Printable(reason);
        }
      }
    }
    const bool connected = IsTrue(one, "connected");
    const json& age = Member(one, "report_age_ms");
    std::string note = Member(one, "problem").is_string() ? Text(one, "problem") : "-";
    if (connected && !IsTrue(one, "uplink")) {
      note = "has lost its uplink";
    }
    rows.push_back({Text(one, "name"),
                    Text(one, "region"),
                    connected ? "up" : "GONE",
                    Duration(now_ms - Number(one, "since_ms", now_ms)),
                    Text(one, "assigned"),
                    Text(one, "reports"),
                    age.is_number_integer() ? Duration(age.get<std::int64_t>()) + " ago" : "never",
                    dropped.empty() ? "-" : dropped,
                    std::move(note)});
  }
  return rows.size() > 1 ? text + "\ncheckers in other processes\n" + Columns(rows) : text;
}

// The counters that have counted something, a line each.
std::string Counters(const json& counters) {
  Rows rows;
  if (counters.is_object()) {
    for (const auto& [name, value] : counters.items()) {
      if (value.is_number() && value.get<std::uint64_t>() != 0) {
        rows.push_back({Printable(name), Text(value)});
      }
    }
  }
  return Columns(rows, 4);
}

// Frames that a port's XDP program looked at: handed to the poll core, or left to the kernel and
// why.
std::string Ports(const json& control) {
  std::string text;
  for (const json& one : Elements(control, "ports")) {
    std::string addresses;
    for (const json& address : Elements(one, "addresses")) {
      addresses += (addresses.empty() ? "" : ", ") + Text(address);
    }
    text += "  " + Text(one, "device") + " answers for " + addresses;
    if (const json& problem = Member(one, "xdp_problem"); problem.is_string()) {
      text += "\n    " + Text(problem) + "\n";
    } else {
      text += Member(one, "xdp").is_object() ? "; frames that its XDP program gave\n" : "\n";
      text += Counters(Member(one, "xdp"));
    }
  }
  return text.empty() ? "" : "\nports\n" + text;
}

std::string Readers(const json& readers) {
  if (readers.is_null()) {
    return "\nreaders are not shown: this user may not look at them, ask as root (sudo)\n";
  }
  std::string text;
  for (const json& one : readers) {
    text += "  " + Text(one, "role") + " (pid " + Text(one, "pid") + "): ";
    std::string threads;
    for (const json& thread : Elements(one, "threads")) {
      const json& passed = Member(thread, "passed");
      threads += (threads.empty() ? "" : ", ") +
                 (passed.is_null() ? std::string("idle") : "generation " + Text(passed));
    }
    text += threads + "\n" + Counters(Member(one, "counters"));
  }
  return text.empty() ? "\nno readers: nothing answers\n" : "\nreaders\n" + text;
}

// Who asks by HTTP, and who is told.
std::string Http(const json& control) {
  std::string text = IsTrue(control, "mass_event") ? "\nMANY HEALTH CHECKS CHANGE AT A TIME\n" : "";
  if (const json& problem = Member(Member(control, "http"), "problem"); problem.is_string()) {
    text += "\nNO METRICS, NO ALERTS TAKEN: " + Text(problem) + "\n";
  }
  Rows rows = {{"webhook", "delivered", "waiting", "dropped", "failed attempts", "problem"}};
  for (const json& one : Elements(control, "webhooks")) {
    rows.push_back({Text(one, "target"),
                    Text(one, "delivered"),
                    Text(one, "waiting"),
                    Text(one, "dropped"),
                    Text(one, "failed_attempts"),
                    Member(one, "problem").is_string() ? Text(one, "problem") : "-"});
  }
  return rows.size() > 1 ? text + "\nwebhooks\n" + Columns(rows) : text;
}

std::string Reload(const json& control) {
  const json& reload = Member(control, "last_reload");
  return reload.is_object() && !IsTrue(reload, "ok")
             ? "\nthe last reload was refused, the state before it serves:\n  " +
                   Text(reload, "message") + "\n"
             : "";
}

std::string Warnings(const json& control) {
  std::string text;
  for (const json& one : Elements(control, "warnings")) {
    text += "  " + Text(one) + "\n";
  }
  return text.empty() ? "" : "\nwarnings\n" + text;
}

}  // namespace

json LocalStatus(const std::string& run_dir) {
  json local = json::object();
  const pid_t holder = RunLockHolder(run_dir);
  local["supervisor"] = {{"pid", holder != 0 ? json(holder) : json()}, {"running", holder != 0}};
  if (const auto list = ReadProcesses(run_dir)) {
    json processes = json::array();
    for (const ProcessState& one : list->processes) {
      // Children die with their supervisor: what its file says of a dead one is history.
      const bool runs = holder != 0 && holder == list->supervisor && one.pid != 0;
      processes.push_back({{"name", one.name},
                           {"pid", runs ? json(one.pid) : json()},
                           {"running", runs},
                           {"started_ms", one.started_ms},
                           {"restarts", one.restarts},
                           {"last_exit", one.last_exit}});
    }
    local["processes"] = std::move(processes);
  }
  local["readers"] = ReadersOf(run_dir);
  local["health_data"] = HealthDataOf(run_dir);
  return local;
}

std::string StatusText(const json& local, const json& control, std::int64_t now_ms) {
  if (!control.is_object()) {
    return Processes(local, now_ms) + Readers(Member(local, "readers")) + WithoutControl(local);
  }
  return Tables(control, now_ms) + "\n" + Processes(local, now_ms) + Zones(control) +
         Checks(control, now_ms) + Checkers(control, now_ms) + Ports(control) +
         Readers(Elements(control, "readers")) + Http(control) + Reload(control) +
         Warnings(control);
}

}  // namespace holdfast::tools
