// Cold side of RateTable: its memory and its key. Apart from the hot file because it allocates.
#include <cerrno>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <sys/random.h>

#include "dataplane/answer/rate_table.h"

namespace holdfast::answer {
namespace {

using Cell = std::atomic<std::uint64_t>;

constexpr std::size_t kTableOctets = 2 * RateTable::kRowCells * sizeof(Cell);

}  // namespace

Result<std::unique_ptr<RateTable>> RateTable::Make() {
  std::unique_ptr<RateTable> made(new RateTable());
  void* memory = mmap(nullptr,
                      kTableOctets,
                      PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                      -1,
                      0);
  if (memory == MAP_FAILED) {
    return Fail(ErrorCode::kExhausted,
                "no " + std::to_string(kTableOctets) +
                    " octets of memory for rate limits: " + std::strerror(errno));
  }
  made->cells_ = static_cast<Cell*>(memory);
  if (getrandom(made->key_.data(), made->key_.size(), 0) !=
      static_cast<ssize_t>(made->key_.size())) {
    return Fail(ErrorCode::kIo,
                std::string("no random numbers for rate limits: ") + std::strerror(errno));
  }
  madvise(memory, kTableOctets, MADV_HUGEPAGE);  // fewer TLB misses where the kernel has some
  return made;
}

RateTable::~RateTable() {
  if (cells_ != nullptr) {
    munmap(cells_, kTableOctets);
  }
}

}  // namespace holdfast::answer
