// The system calls that a program of an EXEC check is refused, as a filter that can be put in place
// between clone and exec, where no memory may be allocated. libseccomp is known to sandbox.cc
// alone.
#pragma once

#include <vector>

#include <linux/filter.h>

#include "dataplane/base/result.h"

namespace holdfast::health {

/// The filter in the kernel's form, built once. @return kUnavailable when libseccomp makes none.
const Result<std::vector<sock_filter>>& SandboxFilter();

}  // namespace holdfast::health
