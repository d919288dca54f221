// HF_CHECK stops the process on a broken invariant of our own, always compiled in, for cold rooms.
// HF_DCHECK is its twin for hot rooms and exists in debug builds only. Neither judges outside
// input.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace holdfast::internal {

[[noreturn]] inline void CheckFailed(const char* file, int line, const char* what) noexcept {
  std::fprintf(stderr, "%s:%d: bug: %s does not hold\n", file, line, what);
  std::abort();
}

}  // namespace holdfast::internal

#define HF_CHECK(condition)                                              \
  do {                                                                   \
    if (!(condition)) [[unlikely]] {                                     \
      ::holdfast::internal::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                                    \
  } while (false)

#ifdef HF_DEBUG
#define HF_DCHECK(condition) HF_CHECK(condition)
#else
#define HF_DCHECK(condition) \
  do {                       \
  } while (false)
#endif
