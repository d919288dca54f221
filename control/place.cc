#include "control/place.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <sys/vfs.h>

#include "dataplane/table/hash.h"
#include "health/probe/child_process.h"

namespace holdfast::control {
namespace {

constexpr const char* kPlain = "/dev/shm";
constexpr std::uint64_t k2M = std::uint64_t{2} << 20U;
constexpr std::uint64_t k1G = std::uint64_t{1} << 30U;

// hugetlbfs mounts of this machine whose pages are `page` octets.
std::vector<std::string> HugeMounts(std::uint64_t page) {
  std::vector<std::string> found;
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device;
    std::string folder;
    std::string type;
    words >> device >> folder >> type;
    const auto octets = type == "hugetlbfs" ? PageOctets(folder) : Result<std::uint64_t>(0);
    if (octets && *octets == page) {
      found.push_back(folder);
    }
  }
  return found;
}

std::uint64_t PagesOf(std::uint64_t page, const char* which) {
  std::uint64_t pages = 0;
  std::ifstream("/sys/kernel/mm/hugepages/hugepages-" + std::to_string(page / 1024) + "kB/" +
                which) >>
      pages;
  return pages;
}

// Octets in pages that nobody has or was promised. A mount knows them only when it has a limit of
// its own; else it says that it has no blocks at all.
std::uint64_t FreeOctets(const std::string& folder, std::uint64_t page) {
  const std::uint64_t free = PagesOf(page, "free_hugepages");
  const std::uint64_t pages = free - std::min(free, PagesOf(page, "resv_hugepages"));
  struct statfs fs{};
  const bool limited = statfs(folder.c_str(), &fs) == 0 && fs.f_blocks > 0;
  return page * (limited ? std::min<std::uint64_t>(pages, fs.f_bavail) : pages);
}

std::string Remedy(std::uint64_t page, std::uint64_t octets) {
  const std::string kb = std::to_string(page / 1024);
  return "mkdir -p /dev/hugepages && mount -t hugetlbfs -o pagesize=" + kb +
         "K none /dev/hugepages; echo " + std::to_string((octets + page - 1) / page) +
         " > /sys/kernel/mm/hugepages/hugepages-" + kb + "kB/nr_hugepages";
}

}  // namespace

std::string WholeRunDir(const std::string& run_dir) {
  std::error_code error;
  const auto whole = std::filesystem::absolute(run_dir, error);
  const auto found = std::filesystem::weakly_canonical(whole, error);
  const auto path = (error ? whole : found).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).string();
}

ImagePlace PlaceOf(const NodeConfig& node) {
  const std::string run_dir = WholeRunDir(node.run_dir);
  char text[9];
  std::snprintf(text, sizeof(text), "%08x", table::Crc32c(run_dir.data(), run_dir.size()));
  ImagePlace place{node.tables.directory, node.tables.size_octets, std::string("holdfast-") + text};
  // One that does not exist is refused by whoever starts holdfast-sockets.
  if (const auto reader = health::FindRunAs(node.user); reader && *reader) {
    place.group = (*reader)->gid;
  }
  return place;
}

std::vector<std::string> FoldersOf(const TablesConfig& tables) {
  if (!tables.directory.empty()) {
    return {tables.directory};
  }
  std::vector<std::string> folders{kPlain};
  for (const std::uint64_t page : {k2M, k1G}) {
    std::ranges::copy(HugeMounts(page), std::back_inserter(folders));
  }
  return folders;
}

Status CheckRoom(const TablesConfig& tables) {
  std::error_code error;
  if (!tables.directory.empty() && !std::filesystem::is_directory(tables.directory, error)) {
    return Fail(
        ErrorCode::kUnavailable,
        "[tables] directory " + tables.directory + " is no folder here; make it, or name another");
  }
  std::uint64_t page = tables.hugepages == Hugepages::k1G ? k1G : k2M;
  if (!tables.directory.empty()) {
    page = PageOctets(tables.directory).value_or(4096);
    if (page == 4096) {
      return {};
    }
  } else if (tables.hugepages == Hugepages::kAuto || tables.hugepages == Hugepages::kNone) {
    return {};
  }
  const std::uint64_t pages =
      PagesOf(page, "nr_hugepages") + PagesOf(page, "nr_overcommit_hugepages");
  const bool mounted = !tables.directory.empty() || !HugeMounts(page).empty();
  if (mounted && pages * page >= tables.size_octets) {
    return {};
  }
  return Fail(ErrorCode::kUnavailable,
              "[tables] asks for " + std::to_string(tables.size_octets >> 20U) + " MiB of " +
                  (page == k1G ? "1 GiB" : "2 MiB") + " pages; " +
                  (mounted ? std::to_string(pages) + " are reserved here"
                           : "no hugetlbfs of such pages is mounted here") +
                  "; mend it with: " + Remedy(page, tables.size_octets));
}

Result<std::string> ChooseDirectory(const TablesConfig& tables, std::vector<std::string>& notes) {
  std::string plain = kPlain;
  if (tables.hugepages == Hugepages::kNone) {
    return plain;
  }
  const std::uint64_t page = tables.hugepages == Hugepages::k1G ? k1G : k2M;
  for (const std::string& folder : HugeMounts(page)) {
    if (FreeOctets(folder, page) >= tables.size_octets) {
      return folder;
    }
  }
  const std::string why = "no hugetlbfs mount with " + std::to_string(tables.size_octets >> 20U) +
                          " MiB of free " + (page == k1G ? "1 GiB" : "2 MiB") + " pages";
  if (tables.hugepages != Hugepages::kAuto) {
    return Fail(ErrorCode::kUnavailable,
                why + "; mend it with: " + Remedy(page, tables.size_octets));
  }
  notes.push_back("warning: " + why +
                  ", the tables lie on plain shared memory (/dev/shm); for hugepages: " +
                  Remedy(page, tables.size_octets));
  return plain;
}

bool LieAsWanted(const TablesConfig& tables, const std::string& directory) {
  const auto same = [&directory](const std::string& folder) {
    std::error_code error;
    return directory == folder || std::filesystem::equivalent(directory, folder, error);
  };
  if (!tables.directory.empty()) {
    return same(tables.directory);
  }
  const bool plain = same(kPlain);
  if (tables.hugepages == Hugepages::kNone || plain) {
    return plain && (tables.hugepages == Hugepages::kNone || tables.hugepages == Hugepages::kAuto);
  }
  const auto page = PageOctets(directory);
  return page && *page == (tables.hugepages == Hugepages::k1G ? k1G : k2M);
}

}  // namespace holdfast::control
