// Where new tables of a node are to lie: a hugetlbfs mount with enough free pages, or plain shared
// memory.
#pragma once

#include <string>
#include <vector>

#include "control/config/node.h"
#include "control/publish/image_writer.h"

namespace holdfast::control {

/// The folder that [tables] names, if any, the size, and a name of the run folder's own, so that
/// two nodes of one machine never meet in a folder; under root, for the group of [node] user.
ImagePlace PlaceOf(const NodeConfig& node);

/// `run_dir` by its one name, however it was typed: absolute, without links, dots and a slash at
/// the end. What is not there yet stays as it is.
std::string WholeRunDir(const std::string& run_dir);

/// The folders that tables may have been put into: the one that [tables] names, or all that
/// ChooseDirectory may choose.
std::vector<std::string> FoldersOf(const TablesConfig& tables);

/// Why tables cannot come to lie on this machine as [tables] asks, whatever else is in use: a
/// folder that is not there, pages that nobody reserved. With the command that mends it.
Status CheckRoom(const TablesConfig& tables);

/// Chooses a folder where none is named: a hugetlbfs mount of the wanted page size with room for
/// the tables; else, when hugepages = "auto" or "none", /dev/shm. `notes` gets one clear line when
/// hugepages were to be had but are not. @return kUnavailable with the command that mends it when a
/// page size was demanded.
Result<std::string> ChooseDirectory(const TablesConfig& tables, std::vector<std::string>& notes);

/// Whether tables in `directory` lie where [tables] wants them: in the folder that it names, or
/// else on pages that `hugepages` allows, however many of a better kind are free by now.
bool LieAsWanted(const TablesConfig& tables, const std::string& directory);

}  // namespace holdfast::control
