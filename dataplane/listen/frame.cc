// The framing state machine; see frame.h.
#include "dataplane/listen/frame.h"

#include <algorithm>

namespace holdfast::listen {

namespace {

constexpr std::size_t kFirstAllocation = 512;

}  // namespace

FrameReader::Step FrameReader::Next(ByteSpan& stream, ByteSpan& message) {
  if (handed_out_) {
    // Given back, not kept for the next message: most messages come whole, and idle connections are
    // many.
    std::vector<std::byte>().swap(partial_);
    handed_out_ = false;
  }
  while (prefix_octets_ < kPrefixOctets) {
    if (stream.empty()) {
      return Step::kNeedMore;
    }
    length_ = static_cast<std::uint16_t>((length_ << 8U) | std::to_integer<unsigned>(stream[0]));
    stream = stream.subspan(1);
    ++prefix_octets_;
  }
  if (length_ < kMinMessageOctets) {
    return Step::kBadLength;
  }
  const std::size_t missing = length_ - partial_.size();
  if (stream.size() < missing) {
    Keep(stream);
    stream = {};
    return Step::kNeedMore;
  }
  if (partial_.empty()) {
    message = stream.first(missing);
  } else {
    Keep(stream.first(missing));
    message = partial_;
    handed_out_ = true;
  }
  stream = stream.subspan(missing);
  prefix_octets_ = 0;
  length_ = 0;
  return Step::kMessage;
}

void FrameReader::Keep(ByteSpan octets) {
  const std::size_t needed = partial_.size() + octets.size();
  if (needed > partial_.capacity()) {
    partial_.reserve(std::min<std::size_t>(length_, std::max(kFirstAllocation, 2 * needed)));
  }
  partial_.insert(partial_.end(), octets.begin(), octets.end());
}

}  // namespace holdfast::listen
