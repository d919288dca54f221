// Reads reader files and the root block; see heartbeat.h.
#include "tools/supervise/heartbeat.h"

#include <algorithm>
#include <cstdint>

#include "dataplane/table/readers.h"

namespace holdfast::tools {

namespace {

std::string Seconds(std::chrono::milliseconds time) {
  return std::to_string(time.count() / 1000) + "." + std::to_string(time.count() / 100 % 10) + " s";
}

// By the name of the file, too: the process itself writes what is in it.
bool IsReader(const Watched& child, const table::ReaderInfo& reader) {
  const std::string file = reader.path.substr(reader.path.rfind('/') + 1);
  return !child.is_control && static_cast<std::uint32_t>(child.pid) == reader.pid &&
         file.starts_with(child.name + ".");
}

}  // namespace

std::vector<StandStill> Heartbeat::Look(std::span<const Watched> children, Beats::Time now) {
  std::vector<StandStill> found;
  LookAtReaders(children, now, found);
  for (const Watched& child : children) {
    if (child.is_control) {
      LookAtControl(child, now, found);
    }
  }
  beats_.ForgetOlder(now - (limits_.look * 10));
  return found;
}

void Heartbeat::LookAtReaders(std::span<const Watched> children,
                              Beats::Time now,
                              std::vector<StandStill>& found) {
  for (const table::ReaderInfo& reader : table::ListReaders(run_dir_)) {
    const auto child = std::ranges::find_if(
        children, [&reader](const Watched& one) { return IsReader(one, reader); });
    if (child == children.end()) {
      continue;  // a reader that somebody else runs: not ours to end
    }
    for (std::size_t thread = 0; thread < reader.beats.size(); ++thread) {
      const std::string key = std::to_string(reader.pid) + "/" + std::to_string(thread);
      const Beats::State state = beats_.Look(key, reader.beats[thread], now);
      if (state.still >= (state.moved ? limits_.reader_still : limits_.reader_first)) {
        found.push_back(StandStill{.pid = child->pid,
                                   .is_final = true,
                                   .reason = "thread " + std::to_string(thread) +
                                             " has stood still for " + Seconds(state.still)});
        break;
      }
    }
  }
}

void Heartbeat::LookAtControl(const Watched& control,
                              Beats::Time now,
                              std::vector<StandStill>& found) {
  const auto page = table::Mapping::Map(run_dir_ + "/root", false);
  if (!page || page->size() < sizeof(table::RootBlock)) {
    return;
  }
  const auto& root = *reinterpret_cast<const table::RootBlock*>(page->data());
  if (root.control_pid != static_cast<std::uint32_t>(control.pid)) {
    return;  // it has not taken the tables over yet
  }
  const Beats::State state = beats_.Look("control/" + std::to_string(control.pid),
                                         root.control_beat.load(std::memory_order_relaxed),
                                         now);
  if (!state.moved || state.still < limits_.control_stale) {
    said_stale_ = state.moved ? 0 : said_stale_;
    return;
  }
  const bool is_final = state.still >= limits_.control_still;
  if (is_final || said_stale_ != control.pid) {
    said_stale_ = control.pid;
    found.push_back(
        StandStill{.pid = control.pid,
                   .is_final = is_final,
                   .reason = "has stood still for " + Seconds(state.still) +
                             "; answers go on from the last tables, health is not followed"});
  }
}

bool Heartbeat::AllAttached(std::span<const Watched> children) const {
  const std::vector<table::ReaderInfo> readers = table::ListReaders(run_dir_);
  return std::ranges::all_of(children, [&readers](const Watched& child) {
    return child.is_control || std::ranges::any_of(readers, [&child](const table::ReaderInfo& one) {
             return IsReader(child, one);
           });
  });
}

}  // namespace holdfast::tools
