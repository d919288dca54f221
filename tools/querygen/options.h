// The command line of querygen.
#pragma once

#include <optional>
#include <string>

#include "tools/querygen/run.h"

namespace holdfast::querygen {

enum class Way : std::uint8_t {
  kRing,    // to the product's loop, or a reflector, in this process
  kPort,    // out of a port, to another process
  kReflect  // be the reflector behind a port
};

struct Options {
  Way way = Way::kRing;
  std::string device;      // kPort, kReflect
  std::string run_dir;     // tables of the responder; empty: a reflector, or none to look at
  bool reflector = false;  // kRing: in place of tables
  std::string file;        // of questions; empty: `names` of the generated zone
  std::size_t names = 0;   // 1..kMaxGenerated
  bool ipv6 = false;
  std::string from;  // source address; empty: kDefaultFrom of the family
  std::string to;
  std::string to_mac;           // kPort; empty: 02:00:00:00:00:01
  unsigned core = 1;            // of the generator
  unsigned responder_core = 0;  // kRing
  Plan plan;
  unsigned wait_seconds = 10;  // kPort: for the other end
  unsigned memory_mb = 128;
  bool no_huge = false;
  bool single_file_segments = false;
  bool json = false;
};

/// @return the options, or the exit status where there is no more to do: 0 after --help, 2 when
/// something is wrong, which was said on standard error.
struct Parsed {
  std::optional<Options> options;
  int status = 0;
};
Parsed ParseOptions(int argc, char** argv);

/// "02:00:00:00:00:01" as octets. @return kInvalid when it is none.
Result<io::MacAddress> ParseMac(const std::string& text);

}  // namespace holdfast::querygen
