// What a ping or raw socket may hand over. Bit 0 of the first octet: IPv6; bit 1: a raw socket.
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/base/bytes.h"
#include "dataplane/base/check.h"
#include "health/probe/icmp_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  constexpr health::EchoToken kToken = 0x3837363534333231;  // "12345678"
  if (size == 0) {
    return 0;
  }
  const bool v6 = (data[0] & 1U) != 0;
  const bool raw = (data[0] & 2U) != 0;
  const auto message = std::as_bytes(std::span(data, size)).subspan(1);
  const auto sequence = health::EchoReplySequence(message, v6, raw, kToken);
  if (sequence) {
    const std::size_t header = raw ? (std::to_integer<std::size_t>(message[0]) & 0x0FU) * 4 : 0;
    HF_CHECK(message.size() >= header + 16);
    HF_CHECK(*sequence == LoadBe16(message.data() + header + 6));
  }
  return 0;
}
