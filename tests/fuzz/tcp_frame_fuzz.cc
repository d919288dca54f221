// The framing state machine of DNS over TCP on an arbitrary stream in arbitrary segments, against
// a reader that looks at the whole stream at once. First octet: how the rest is cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "dataplane/base/check.h"
#include "dataplane/listen/frame.h"

namespace holdfast::listen {
namespace {

// What a slow and obvious reader finds next in the whole stream; false when there is no whole
// message with a good length.
bool Expect(ByteSpan& whole, ByteSpan& message) {
  if (whole.size() < kPrefixOctets) {
    return false;
  }
  const std::size_t length = LoadBe16(whole.data());
  if (length < kMinMessageOctets || whole.size() - kPrefixOctets < length) {
    return false;
  }
  message = whole.subspan(kPrefixOctets, length);
  whole = whole.subspan(kPrefixOctets + length);
  return true;
}

void Check(ByteSpan whole, std::uint32_t cut) {
  FrameReader reader;
  ByteSpan expected_rest = whole;
  std::size_t at = 0;
  while (at < whole.size()) {
    // Segments of changing length, from a small generator seeded by the first octet.
    cut = (cut * 1'103'515'245U) + 12'345U;
    const std::size_t octets = std::min<std::size_t>(whole.size() - at, 1 + ((cut >> 16U) % 97));
    // In memory of its own, so that a read past the segment is seen.
    const std::vector<std::byte> segment(whole.begin() + static_cast<std::ptrdiff_t>(at),
                                         whole.begin() + static_cast<std::ptrdiff_t>(at + octets));
    at += octets;
    ByteSpan rest = segment;
    ByteSpan message;
    FrameReader::Step step = FrameReader::Step::kMessage;
    while ((step = reader.Next(rest, message)) == FrameReader::Step::kMessage) {
      ByteSpan expected;
      HF_CHECK(Expect(expected_rest, expected));
      HF_CHECK(message.size() == expected.size());
      HF_CHECK(std::memcmp(message.data(), expected.data(), expected.size()) == 0);
    }
    HF_CHECK(reader.HeldOctets() <= kMaxMessageOctets);
    if (step == FrameReader::Step::kBadLength) {
      HF_CHECK(expected_rest.size() >= kPrefixOctets);
      HF_CHECK(LoadBe16(expected_rest.data()) < kMinMessageOctets);
      return;
    }
    HF_CHECK(rest.empty());
  }
  ByteSpan left;
  HF_CHECK(!Expect(expected_rest, left));
  HF_CHECK(reader.Partial() == !expected_rest.empty());
}

}  // namespace
}  // namespace holdfast::listen

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size != 0) {
    holdfast::listen::Check(std::as_bytes(std::span(data + 1, size - 1)), data[0]);
  }
  return 0;
}
