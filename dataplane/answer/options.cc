// See options.h.
#include "dataplane/answer/options.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "dataplane/base/bytes.h"

namespace holdfast::answer {
namespace {

/// Options one behind the other.
class OptionWriter {
 public:
  OptionWriter(std::byte* at, std::size_t room) noexcept : begin_(at), at_(at), end_(at + room) {}

  [[nodiscard]] std::size_t octets() const noexcept {
    return static_cast<std::size_t>(at_ - begin_);
  }

  /// Room for an option's data, its head written; null when it does not fit whole.
  std::byte* Open(wire::Option option, std::size_t octets) noexcept {
    if (static_cast<std::size_t>(end_ - at_) < kOptionHead + octets) {
      return nullptr;
    }
    StoreBe16(at_, static_cast<std::uint16_t>(option));
    StoreBe16(at_ + 2, static_cast<std::uint16_t>(octets));
    std::byte* data = at_ + kOptionHead;
    at_ = data + octets;
    return data;
  }
  bool Put(wire::Option option, const void* data, std::size_t octets) noexcept {
    std::byte* to = Open(option, octets);
    if (to == nullptr) {
      return false;
    }
    std::memcpy(to, data, octets);
    return true;
  }

 private:
  std::byte* begin_;
  std::byte* at_;
  std::byte* end_;
};

// RFC 7871 7.2.1: family, source length and address as they came, and how far the answer holds.
void PutSubnet(const Subnet& subnet, std::uint8_t scope, OptionWriter& to) noexcept {
  std::byte* data = to.Open(wire::Option::kClientSubnet, kSubnetHead + subnet.AddressOctets());
  if (data == nullptr) {
    return;
  }
  StoreBe16(data, subnet.family);
  data[2] = static_cast<std::byte>(subnet.source_length);
  data[3] = static_cast<std::byte>(scope);
  std::memcpy(data + kSubnetHead, subnet.address.data(), subnet.AddressOctets());
}

// RFC 8914 2: the code alone where the text does not fit.
void PutExtendedError(ExtendedError error, OptionWriter& to) noexcept {
  const ExtendedErrorText& said = kExtendedErrorTexts[static_cast<std::size_t>(error)];
  std::size_t text_octets = said.text.size();
  std::byte* data = to.Open(wire::Option::kExtendedError, 2 + text_octets);
  if (data == nullptr) {
    text_octets = 0;
    data = to.Open(wire::Option::kExtendedError, 2);
  }
  if (data != nullptr) {
    StoreBe16(data, said.info_code);
    std::memcpy(data + 2, said.text.data(), text_octets);
  }
}

}  // namespace

std::size_t PutOptions(const Query& query,
                       const Reply& reply,
                       const table::Settings* settings,
                       std::byte* at,
                       std::size_t room) noexcept {
  OptionWriter to(at, room);
  if ((query.asked & kAskedSubnet) != 0) {
    PutSubnet(query.subnet, reply.scope, to);
  }
  if ((query.asked & kAskedCookie) != 0) {
    to.Put(wire::Option::kCookie, query.cookie.data(), query.cookie.size());
  }
  if ((query.asked & kAskedKeepalive) != 0) {
    if (std::byte* data = to.Open(wire::Option::kTcpKeepalive, 2)) {
      StoreBe16(data, query.job->keepalive);
    }
  }
  if (settings == nullptr) {
    return to.octets();
  }
  const std::size_t nsid_octets =
      std::min<std::size_t>(settings->nsid_octets, sizeof(settings->nsid));
  if ((query.asked & kAskedNsid) != 0 && nsid_octets != 0) {
    to.Put(wire::Option::kNsid, settings->nsid, nsid_octets);
  }
  if (reply.extended != ExtendedError::kNone && settings->extended_errors != 0) {
    PutExtendedError(reply.extended, to);
  }
  return to.octets();
}

}  // namespace holdfast::answer
