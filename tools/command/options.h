// The command line of `holdfast`: which command, with what. Cold.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace holdfast::tools {

enum class Verb {
  kRun,
  kCheck,
  kReload,
  kStatus,
  kExplain,
  kPlan,
  kZoneLoad,
  kZoneDrop,
  kHealthShow,
  kHealthSet,
  kHealthRelease,
  kRoutingList,
  kRoutingSet,
  kRoutingLog,
  kTrafficLoad,
  kTrafficList,
  kTrafficShow,
  kTrafficApply,
  kTrafficRemove,
  kTrafficDelete,
  kTablesDump,
  kTablesRemove,
  kTablesVerify
};

struct CommandLine {
  Verb verb = Verb::kRun;
  std::string config;    // file; may be empty where run_dir is given
  std::string run_dir;   // instead of a file, for the commands that ask a running node
  bool json = false;     // status, explain, plan, traffic
  bool all = false;      // plan
  bool history = false;  // health show
  std::chrono::milliseconds patience{0};
  std::string name;                     // explain; traffic load: the policy's
  std::string type;                     // explain, traffic remove
  std::string client;                   // explain; may be empty
  std::string origin;                   // zone load, zone drop; plan: may be empty
  std::string file;                     // zone load, plan, traffic load
  std::string check;                    // health
  std::vector<std::string> on;          // routing set: names of routing controls
  std::vector<std::string> off;         //
  std::vector<std::string> overridden;  // routing set: names of safety rules
  std::string reason;                   // routing set
  std::string to;                       // health set: healthy, unhealthy, auto
  std::string for_seconds;              // health set: 1..31536000; may be empty
  std::string policy;                   // traffic show, apply, delete: name or id
  std::string version;                  // traffic show (may be empty), delete
  std::string owner;                    // traffic apply, remove
  std::string ttl;                      // traffic apply; may be empty
  std::string comment;                  // traffic load
  std::string image;                    // tables: a file, instead of what a node publishes
  std::uint64_t generation = 0;         // tables: to read `image` at
};

/// Nothing is left to do: help was asked for, or the usage was wrong. What to say is said.
struct Finished {
  int status = 0;  // 0 or 2
};

/// Reads the arguments; prints help on standard output, complaints on standard error.
std::variant<CommandLine, Finished> ParseCommandLine(int argc, const char* const* argv);

}  // namespace holdfast::tools
