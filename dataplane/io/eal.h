// DPDK's environment (EAL), started once per process with arguments rendered from our own options.
// What it says is kept, and shown only when something failed. Cold; main thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/base/result.h"

namespace holdfast::io {

struct EalOptions {
  std::string file_prefix = "holdfast";  // names the process among DPDK's
  std::vector<unsigned> cpus;        // one polling lcore each, in this order; lcore ids 1, 2, ...
  std::vector<unsigned> other_cpus;  // where the main thread may run; empty: on the first polling
  std::vector<std::string> pci;      // devices that may be touched; none: PCI is left alone
  bool no_huge = false;              // ordinary pages
  unsigned memory_mb = 256;          // packet memory
  bool telemetry = false;
  bool verbose = false;           // EAL's own messages to standard error as they come
  std::vector<std::string> more;  // appended as they are
};

/// The argument vector without the program's name. Pure.
std::vector<std::string> EalArguments(const EalOptions& options);

/// "0,2-4" as 0 2 3 4. kInvalid: not such a list, a CPU twice, or above 1023.
Result<std::vector<unsigned>> ParseCpuList(const std::string& text);

/// EAL from Start to its destruction. One per process life.
class Eal {
 public:
  /// @return kExhausted without the hugepages, kInvalid when EAL refuses; with its last words.
  static Result<Eal> Start(const EalOptions& options);
  Eal(Eal&& other) noexcept;
  Eal& operator=(Eal&&) = delete;
  ~Eal();

  /// The last that DPDK and libbpf said since the call before, its lines joined by "; "; for error
  /// messages. Nothing with `verbose`: it is on standard error then.
  static std::string LastWords();

 private:
  Eal() = default;
  bool running_ = true;
};

}  // namespace holdfast::io
