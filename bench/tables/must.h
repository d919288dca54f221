// A bench that cannot be set up says why and ends.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <utility>

#include "dataplane/base/result.h"

namespace holdfast::bench {

[[noreturn]] inline void GiveUp(const char* why) {
  std::fprintf(stderr, "bench: %s\n", why);
  std::exit(1);
}

/// What `result` holds, or the end of the program with its sentence.
template <class T>
T Must(Result<T> result) {
  if (!result) {
    GiveUp(result.error().message.c_str());
  }
  if constexpr (!std::is_void_v<T>) {
    return std::move(*result);
  }
}

}  // namespace holdfast::bench
