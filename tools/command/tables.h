// `holdfast tables dump|verify`: looks at the shared tables themselves, whoever runs or does not.
// Reads only. Cold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/base/result.h"
#include "dataplane/base/strong.h"
#include "dataplane/table/readers.h"
#include "dataplane/table/view.h"

namespace holdfast::tools {

/// A mapped image and the generation to read it at.
struct OpenedTables {
  table::Mapping mapping;
  std::string path;
  table::View view;
  Generation generation;
};

/// What is published in a run folder. @return kUnavailable when nothing is, kInvalid when root or
/// image are of another format.
Result<OpenedTables> OpenPublished(const std::string& run_dir);
/// One image file at a generation of the caller's choice. @return kIo, or kInvalid: also for a
/// generation past the newest that the image holds anything of.
Result<OpenedTables> OpenImageFile(const std::string& path, std::uint64_t generation);

/// Everything that is visible at the generation, a line for each rrset; then the checks' states.
std::string DumpText(const OpenedTables& tables);

struct Verified {
  bool whole = false;
  std::string text;  // what was looked at, then a line for each defect: the rule and its octet
};
/// Checks everything reachable at the generation (dataplane/table/verify.h).
Verified VerifyText(const OpenedTables& tables);

}  // namespace holdfast::tools
