// Memory of a listener thread; see responder.h.
#include "dataplane/listen/responder.h"

#include <sys/mman.h>

#include "dataplane/base/check.h"

namespace holdfast::listen {

Responder::Responder(table::Attachment& tables, unsigned thread, const answer::Options& options)
    : tables_(&tables),
      slot_(tables.Slot(thread)),
      counters_(tables.Counters(thread)),
      scratch_(answer::MakeScratch(
          options, counters_.first(static_cast<std::size_t>(answer::Counter::kCount)))) {
  void* mapped = mmap(nullptr,
                      answer::kMaxBurst * kStride,
                      PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                      -1,
                      0);
  HF_CHECK(mapped != MAP_FAILED);
  buffers_ = static_cast<std::byte*>(mapped);
}

Responder::~Responder() {
  slot_.Offline();
  munmap(buffers_, answer::kMaxBurst * kStride);
}

}  // namespace holdfast::listen
