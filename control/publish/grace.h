// Which generation every live reader has passed: what died at or before it can be reused. Control
// core only; a handful of loads unless the readers' folder changed or one of them lags.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/table/readers.h"

namespace holdfast::control {

class Grace {
 public:
  explicit Grace(std::string run_dir) : run_dir_(std::move(run_dir)) {}

  /// Least generation passed by all live readers; table::kOffline when nobody holds anything.
  /// Looks at the folder again when it changed; a reader below `wanted` is asked whether it lives,
  /// and forgotten (its file removed) when it does not.
  std::uint64_t MinPassed(std::uint64_t wanted, std::string* laggard = nullptr);
  /// Whether every live reader has mapped image `seq`; else `laggard` is one that has not, as
  /// "reader NAME (pid N)".
  bool AllMapped(std::uint32_t seq, std::string* laggard);
  /// Looks at the folder again when it changed: new readers are known, files of dead ones removed.
  void Rescan();

 private:
  void Sweep(std::size_t i);

  std::string run_dir_;
  std::int64_t seen_mtime_ns_ = -1;
  std::vector<table::ReaderWatch> readers_;
};

}  // namespace holdfast::control
