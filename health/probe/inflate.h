// Decompression of response bodies (gzip, deflate) through zlib, in bounded pieces: however much a
// few octets inflate to, the receiver sees a piece at a time and may stop. Used by ResponseReader.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

struct z_stream_s;  // NOLINT(readability-identifier-naming): zlib's own

namespace holdfast::health {

class Inflate {
 public:
  enum class Coding : std::uint8_t { kGzip, kDeflate };
  enum class Progress : std::uint8_t {
    kMore,     // give it more octets
    kEnd,      // the compressed stream is complete; the rest is ignored
    kStopped,  // the receiver had enough
    kDamaged   // not what the coding promised
  };
  /// Takes a piece of plain octets; false: no more wanted.
  using Receiver = std::function<bool(std::span<const std::byte>)>;

  explicit Inflate(Coding coding) noexcept : coding_(coding) {}
  ~Inflate();
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;

  /// Decompresses the next octets. "deflate" is taken with its zlib frame (RFC 9110, 8.4.1.2) and,
  /// as many servers send it, without. Members of a gzip file follow each other (RFC 1952, 2.2).
  Progress Feed(std::span<const std::byte> octets, const Receiver& receiver);

 private:
  bool Begin(int window_bits);
  Progress Run(std::span<const std::byte> octets, const Receiver& receiver);

  struct Free {
    void operator()(z_stream_s* stream) const noexcept;
  };
  Coding coding_;
  std::unique_ptr<z_stream_s, Free> stream_;  // nothing until the first octets came
  std::array<std::byte, 2> head_{};           // of "deflate": tells a zlib frame from none
  std::size_t head_octets_ = 0;
};

}  // namespace holdfast::health
