// Taking a run folder's tables away for good. Cold; any process that may write the folder.
#pragma once

#include <string>
#include <vector>

#include "control/publish/image_writer.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// Removes the root block of `run_dir` and the images that it names, holding control's own lock
/// meanwhile, then what else of the stem of `place` nobody has locked in the images' folders and in
/// `folders`. What is nobody's of ours stays. The caller keeps a supervisor from starting.
/// @return the paths that are gone, none when nothing was there; kConflict when a control or a
/// reader uses them (its pid is named), kIo or kInvalid when the root block is not ours to judge:
/// then nothing was changed.
Result<std::vector<std::string>> RemoveTables(const std::string& run_dir,
                                              const ImagePlace& place,
                                              const std::vector<std::string>& folders);

}  // namespace holdfast::control
