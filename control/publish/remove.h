// Taking a run folder's tables away for good. Cold; any process that may write the folder.
#pragma once

#include <string>
#include <vector>

#include "control/publish/image_writer.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// Removes the images that the root block of `run_dir` names and bear the stem of `place`, then the
/// root block, holding control's own lock meanwhile. What is nobody's of ours stays.
/// @return the paths that are gone, none when nothing was there; kConflict when a control or a
/// reader uses them (its pid is named), kIo or kInvalid when the root block is not ours to judge.
Result<std::vector<std::string>> RemoveTables(const std::string& run_dir, const ImagePlace& place);

}  // namespace holdfast::control
