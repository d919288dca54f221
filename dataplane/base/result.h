// Result<T>: how cold rooms report a failure. An Error is a code for programs and one sentence that
// a person can act on. Hot rooms use small enums instead. Never thrown.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace holdfast {

enum class ErrorCode {
  kInvalid,      // the input is wrong; the sentence says where and what was expected
  kNotFound,     // what was named does not exist
  kExhausted,    // a bounded resource is full
  kConflict,     // someone else holds it, or it exists already
  kUnavailable,  // may work later
  kIo            // the operating system said no
};

struct Error {
  ErrorCode code = ErrorCode::kInvalid;
  std::string message;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

/// Makes the unexpected side of a Result: `return Fail(ErrorCode::kIo, "cannot open " + path);`
inline std::unexpected<Error> Fail(ErrorCode code, std::string message) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace holdfast

// Returns the error of `expr` from the enclosing function, else goes on.
#define HF_TRY(expr)                                            \
  do {                                                          \
    if (auto hf_try_result = (expr); !hf_try_result) {          \
      return std::unexpected(std::move(hf_try_result.error())); \
    }                                                           \
  } while (false)
