// Where the tables of a node lie: a hugetlbfs mount with enough free pages, or plain shared memory.
#pragma once

#include <string>
#include <vector>

#include "control/config/node.h"
#include "control/publish/image_writer.h"

namespace holdfast::control {

/// Chooses the folder by [tables]: the named one; else a hugetlbfs mount of the wanted page size;
/// else, when hugepages = "auto" or "none", /dev/shm. `notes` gets one clear line when hugepages
/// were to be had but are not. @return kUnavailable with the command that mends it when a page size
/// was demanded.
Result<ImagePlace> ChoosePlace(const NodeConfig& node, std::vector<std::string>& notes);

}  // namespace holdfast::control
