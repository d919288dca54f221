// Where new tables of a node are to lie: a hugetlbfs mount with enough free pages, or plain shared
// memory.
#pragma once

#include <string>
#include <vector>

#include "control/config/node.h"
#include "control/publish/image_writer.h"

namespace holdfast::control {

/// The folder that [tables] names, if any, the size, and a name of the run folder's own, so that
/// two nodes of one machine never meet in a folder.
ImagePlace PlaceOf(const NodeConfig& node);

/// Chooses a folder where none is named: a hugetlbfs mount of the wanted page size with room for
/// the tables; else, when hugepages = "auto" or "none", /dev/shm. `notes` gets one clear line when
/// hugepages were to be had but are not. @return kUnavailable with the command that mends it when a
/// page size was demanded.
Result<std::string> ChooseDirectory(const TablesConfig& tables, std::vector<std::string>& notes);

/// Whether tables in `directory` lie where [tables] wants them: in the folder that it names, or
/// else on pages that `hugepages` allows, however many of a better kind are free by now.
bool LieAsWanted(const TablesConfig& tables, const std::string& directory);

}  // namespace holdfast::control
