// The command line of `holdfast`: which command, with what. Cold.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

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
  kHealthSet,
  kTablesDump,
  kTablesRemove,
  kTablesVerify
};

struct CommandLine {
  Verb verb = Verb::kRun;
  std::string config;   // file; may be empty where run_dir is given
  std::string run_dir;  // instead of a file, for the commands that ask a running node
  bool json = false;    // status, explain, plan
  bool all = false;     // plan
  std::chrono::milliseconds patience{0};
  std::string name;              // explain
  std::string type;              // explain
  std::string client;            // explain; may be empty
  std::string origin;            // zone load, zone drop; plan: may be empty
  std::string file;              // zone load, plan
  std::string check;             // health set
  std::string to;                // health set: healthy, unhealthy, auto
  std::string image;             // tables: a file, instead of what a node publishes
  std::uint64_t generation = 0;  // tables: to read `image` at
};

/// Nothing is left to do: help was asked for, or the usage was wrong. What to say is said.
struct Finished {
  int status = 0;  // 0 or 2
};

/// Reads the arguments; prints help on standard output, complaints on standard error.
std::variant<CommandLine, Finished> ParseCommandLine(int argc, const char* const* argv);

}  // namespace holdfast::tools
