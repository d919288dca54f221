// Judges the octets that an HTTP endpoint sends back: status, form and size of the header, and for
// *_STR_MATCH the string within the first 5,120 octets of the decompressed body. No sockets and no
// clock: the HTTP probe feeds it, and so do the tests and the fuzzer. Health loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "health/check.h"
#include "health/observation.h"
#include "health/probe/pattern.h"

namespace holdfast::health {

/// All header octets of a response: status line, fields, blank line, interim responses included.
inline constexpr std::size_t kMaxHeaderOctets = 16'384;
/// The part of the plain body in which the string must lie entirely.
inline constexpr std::size_t kBodyWindowOctets = 5'120;
/// Octets read after the header before the probe gives up on a body that will not fill the window
/// (chunk framing, compression that inflates to nothing).
inline constexpr std::size_t kMaxBodyOctets = 1'048'576;
/// A longer body is not read to its end for the sake of the next request: a new connection is less.
inline constexpr std::size_t kMaxReuseOctets = 65'536;

/// What passes, and what the answer is to.
struct ExpectedResponse {
  std::vector<StatusRange> status;  // none: 200-399
  bool to_head = false;             // the request was a HEAD: no body follows the header
};

class ResponseReader {
 public:
  enum class Progress : std::uint8_t {
    kHeader,  // the header is not complete yet
    kBody,    // a passing header is complete, the body is being searched
    kRest,    // outcome() and reason() stand; the rest of the body is taken for the next request
    kDone     // outcome() and reason() stand; further octets are ignored
  };

  /// @param pattern   what the body must contain; none: the header alone decides.
  /// @param to_reuse  a passing response is read to its end, where that is near, so that its
  ///                  connection can be used again.
  explicit ResponseReader(Pattern pattern, bool to_reuse = false, ExpectedResponse expected = {});
  ~ResponseReader();
  ResponseReader(const ResponseReader&) = delete;
  ResponseReader& operator=(const ResponseReader&) = delete;

  /// Takes the next octets, in pieces of any size. Whatever comes, memory stays below 32 kB, and
  /// zlib's window (about 40 kB) while a body is compressed.
  Progress Feed(std::span<const std::byte> octets);
  /// The endpoint sends no more. Afterwards the progress is kDone.
  void Finish();

  [[nodiscard]] Progress progress() const noexcept;
  /// kUnknown only when memory ran out. Meaningful when done.
  [[nodiscard]] Outcome outcome() const noexcept;
  [[nodiscard]] const std::string& reason() const noexcept;
  /// Whether the connection is where it was before the request, and stays open: the response passed
  /// and was whole, said where it ends and did not ask to close, and nothing came behind it.
  [[nodiscard]] bool reusable() const noexcept;

 private:
  class State;  // keeps Beast out of this header
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::health
