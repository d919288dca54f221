// What a resolver may send back to a question for the addresses of a name. The first octet chooses
// the family.
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/base/check.h"
#include "health/probe/name_reply.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  using namespace holdfast::health;
  if (size == 0) {
    return 0;
  }
  const bool v6 = (data[0] & 1U) != 0;
  const auto read = ReadNameReply(std::as_bytes(std::span(data, size)).subspan(1), v6);
  if (!read) {
    return 0;
  }
  HF_CHECK(size > 12 && read->addresses.size() <= NameReply::kMaxAddresses);
  HF_CHECK(read->addresses.empty() || read->ttl.has_value());
  HF_CHECK(read->ttl.value_or(0) <= 0x7FFFFFFF);
  for (const IpAddress& address : read->addresses) {
    HF_CHECK(address.v6 == v6 && IpAddress::FromText(address.Text()) == address);
  }
  return 0;
}
