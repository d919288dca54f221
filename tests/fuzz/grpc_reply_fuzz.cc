// What an endpoint may send back to a GRPC check, through libnghttp2 and the reader of the two
// messages: in pieces, whose size the first octet is, and at once. Whatever comes, the call ends in
// a judgement that blames nobody of us.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/base/check.h"
#include "health/probe/grpc_call.h"

namespace holdfast::health {
namespace {

void Judge(std::span<const std::byte> octets, std::size_t piece) {
  const auto call = GrpcCall::Open({.authority = "a:1", .service = "s", .user_agent = "fuzz"});
  HF_CHECK(call != nullptr);
  const auto send = [&call] {
    while (!call->Outgoing().empty()) {
    }
  };
  send();
  while (!octets.empty() && !call->done()) {
    const auto now = octets.first(std::min(piece, octets.size()));
    octets = octets.subspan(now.size());
    call->Feed(now);
    send();
  }
  if (!call->done()) {
    call->Finish();
  }
  HF_CHECK(call->done() && call->outcome() != Outcome::kUnknown);
  const bool pass = call->outcome() == Outcome::kPass;
  HF_CHECK(call->reason().starts_with(pass ? "Success: gRPC health SERVING" : "Failure: "));
  for (const char c : call->reason()) {
    HF_CHECK(c >= 0x20 && c < 0x7F);
  }
}

}  // namespace
}  // namespace holdfast::health

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::health;
  if (size == 0) {
    return 0;
  }
  const auto octets = std::as_bytes(std::span(data, size)).subspan(1);
  std::uint64_t status = 0;
  ReadServingStatus(octets, status);
  Judge(octets, std::size_t{1} + data[0]);
  Judge(octets, octets.size());
  return 0;
}
