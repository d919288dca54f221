// zlib behind Inflate. Output goes through a small buffer on the stack.
#include "health/probe/inflate.h"

#include <zlib.h>

namespace holdfast::health {

namespace {

constexpr std::size_t kPieceOctets = 1024;
constexpr int kRaw = -15;
constexpr int kZlib = 15;
constexpr int kGzipOnly = 15 + 16;

// RFC 1950, 2.2: method 8 and a header that is a multiple of 31.
bool HasZlibFrame(const std::array<std::byte, 2>& head) {
  const unsigned first = std::to_integer<unsigned>(head[0]);
  const unsigned second = std::to_integer<unsigned>(head[1]);
  return (first & 0x0FU) == 8 && ((first << 8U) | second) % 31 == 0;
}

}  // namespace

void Inflate::Free::operator()(z_stream_s* stream) const noexcept {
  inflateEnd(stream);
  delete stream;
}

Inflate::~Inflate() = default;

bool Inflate::Begin(int window_bits) {
  auto stream = std::make_unique<z_stream>();
  if (inflateInit2(stream.get(), window_bits) != Z_OK) {
    return false;
  }
  stream_.reset(stream.release());
  return true;
}

Inflate::Progress Inflate::Feed(std::span<const std::byte> octets, const Receiver& receiver) {
  if (stream_ == nullptr && coding_ == Coding::kGzip && !Begin(kGzipOnly)) {
    return Progress::kDamaged;
  }
  if (stream_ == nullptr) {
    while (head_octets_ < head_.size() && !octets.empty()) {
      head_[head_octets_++] = octets.front();
      octets = octets.subspan(1);
    }
    if (head_octets_ < head_.size()) {
      return Progress::kMore;
    }
    if (!Begin(HasZlibFrame(head_) ? kZlib : kRaw)) {
      return Progress::kDamaged;
    }
    if (const Progress progress = Run(head_, receiver); progress != Progress::kMore) {
      return progress;
    }
  }
  return Run(octets, receiver);
}

Inflate::Progress Inflate::Run(std::span<const std::byte> octets, const Receiver& receiver) {
  std::array<std::byte, kPieceOctets> piece;
  // zlib only reads from next_in; its type lacks the const unless ZLIB_CONST is defined.
  stream_->next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(octets.data()));
  stream_->avail_in = static_cast<uInt>(octets.size());
  for (;;) {
    stream_->next_out = reinterpret_cast<Bytef*>(piece.data());
    stream_->avail_out = kPieceOctets;
    const int code = inflate(stream_.get(), Z_SYNC_FLUSH);
    const std::size_t made = kPieceOctets - stream_->avail_out;
    if (made > 0 && !receiver(std::span(piece).first(made))) {
      return Progress::kStopped;
    }
    if (code == Z_STREAM_END) {
      if (coding_ != Coding::kGzip) {
        return Progress::kEnd;
      }
      if (inflateReset(stream_.get()) != Z_OK) {
        return Progress::kDamaged;
      }
      if (stream_->avail_in == 0) {
        return Progress::kMore;
      }
      continue;
    }
    if (code == Z_BUF_ERROR || (code == Z_OK && stream_->avail_in == 0 && stream_->avail_out > 0)) {
      return Progress::kMore;
    }
    if (code != Z_OK) {
      return Progress::kDamaged;
    }
  }
}

}  // namespace holdfast::health
