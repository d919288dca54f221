// Walks the octets of a DNS message that came from elsewhere. Every step says whether the message
// was long enough; none goes past its end, and every name ends. Known to what judges replies:
// dns_message.cc and name_reply.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::health {

class DnsReader {
 public:
  explicit DnsReader(std::span<const std::byte> message) : message_(message) {}

  [[nodiscard]] std::size_t at() const noexcept { return at_; }

  bool Read16(std::uint16_t& host) {
    if (message_.size() - at_ < 2) {
      return false;
    }
    host = LoadBe16(message_.data() + at_);
    at_ += 2;
    return true;
  }

  bool Read32(std::uint32_t& host) {
    std::uint16_t high = 0;
    std::uint16_t low = 0;
    if (!Read16(high) || !Read16(low)) {
      return false;
    }
    host = static_cast<std::uint32_t>(high) << 16U | low;
    return true;
  }

  bool Skip(std::size_t octets) {
    if (message_.size() - at_ < octets) {
      return false;
    }
    at_ += octets;
    return true;
  }

  bool Copy(std::size_t octets, std::string& to) {
    const std::size_t from = at_;
    if (!Skip(octets)) {
      return false;
    }
    to.append(reinterpret_cast<const char*>(message_.data()) + from, octets);
    return true;
  }

  // Appends the name uncompressed. Pointers lead backwards only, so every name ends.
  bool ReadName(std::string& to) {
    std::size_t from = at_;
    std::size_t limit = at_;  // pointers lead before this
    std::size_t octets = 0;
    bool jumped = false;
    for (;;) {
      if (from >= message_.size()) {
        return false;
      }
      const auto length = std::to_integer<std::size_t>(message_[from]);
      if (length >= 0xC0) {
        if (message_.size() - from < 2) {
          return false;
        }
        const std::size_t target = LoadBe16(message_.data() + from) & 0x3FFFU;
        if (target >= limit) {
          return false;
        }
        at_ = jumped ? at_ : from + 2;
        jumped = true;
        from = limit = target;
        continue;
      }
      octets += length + 1;
      if (length > wire::kMaxLabelOctets || octets > wire::kMaxNameOctets ||
          message_.size() - from < length + 1) {
        return false;
      }
      to.append(reinterpret_cast<const char*>(message_.data()) + from, length + 1);
      from += length + 1;
      if (length == 0) {
        at_ = jumped ? at_ : from;
        return true;
      }
    }
  }

 private:
  std::span<const std::byte> message_;
  std::size_t at_ = 0;
};

}  // namespace holdfast::health
