// Any octets as a received frame: classified without reading past their end, and where that gives a
// query, turned round into a frame whose lengths and checksums hold by plain code; where not,
// looked at once more for the kernel.
#include <algorithm>
#include <cstring>

#include "dataplane/base/check.h"
#include "dataplane/io/frame.h"
#include "dataplane/wire/checksum.h"
#include "tests/dataplane/frame_builder.h"

namespace {

using namespace holdfast;

void TurnAndCheck(const test::Octets& frame, const io::QueryFrame& query) {
  const std::size_t message_at = query.udp_at + io::kUdpOctets;
  HF_CHECK(message_at + query.message_octets <= frame.size());
  for (const std::size_t octets : {std::size_t{query.message_octets}, std::size_t{511}}) {
    test::Octets room(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(message_at));
    room.resize(message_at + std::max(octets, wire::kSumRoom), std::byte{0x5A});
    const io::ReplyFrame reply =
        io::TurnIntoReply(room.data(), query, static_cast<std::uint32_t>(octets));
    HF_CHECK(reply.start + reply.octets == message_at + octets);
    const std::string packet =
        test::TextOf(&room[reply.start + query.l3_at], reply.octets - query.l3_at);
    HF_CHECK(query.v6 || test::PlainChecksum(packet.substr(0, 20)) == 0);
    HF_CHECK(test::UdpChecksumIsRight(packet));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const io::OwnAddresses kOwn = *io::OwnAddresses::Create(
      std::vector{*io::ParseAddress("192.0.2.53"), *io::ParseAddress("2001:db8::53")});
  if (size > 65535) {
    return 0;
  }
  io::MacAddress mac;
  std::memcpy(mac.data(), test::kServerMac.data(), mac.size());
  const auto* first = reinterpret_cast<const std::byte*>(data);
  const test::Octets frame(first, first + size);
  test::Octets buffer = frame;
  buffer.resize(size + wire::kSumRoom, std::byte{0xA5});
  for (const auto check : {io::UdpChecksum::kVerify, io::UdpChecksum::kTrust}) {
    io::QueryFrame query;
    const io::Counter verdict = io::Classify({.octets = frame}, mac, kOwn, check, query);
    io::QueryFrame with_room;
    HF_CHECK(io::Classify({.octets = ByteSpan(buffer).first(size), .behind = wire::kSumRoom},
                          mac,
                          kOwn,
                          check,
                          with_room) == verdict);
    const bool for_kernel = io::IsForKernel(verdict, frame, kOwn);
    if (verdict == io::Counter::kQuery) {
      HF_CHECK(!for_kernel);
      TurnAndCheck(frame, query);
    }
  }
  return 0;
}
