// DNS messages for tests, part by part, right or deliberately wrong. Every part appends octets in
// the order it is called; counts follow what was added unless they are set.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/base/check.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::test {

inline std::string Be16Octets(unsigned value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value)};
}
inline std::string Be32Octets(std::uint32_t value) {
  return Be16Octets(value >> 16U) + Be16Octets(value & 0xFFFFU);
}
/// Wire form of a name in presentation form that a test knows to be right.
inline std::string Wire(std::string_view text) {
  auto wire = wire::FromText(text);
  HF_CHECK(wire.has_value());
  return *wire;
}
constexpr std::uint16_t N(wire::Type type) {
  return static_cast<std::uint16_t>(type);
}

enum class Section { kAnswer, kAuthority, kAdditional };

class PacketBuilder {
 public:
  PacketBuilder& Id(std::uint16_t id) {
    id_ = id;
    return *this;
  }
  PacketBuilder& Opcode(unsigned opcode) {
    flags_ = static_cast<std::uint16_t>((flags_ & ~0x7800U) | (opcode << 11U));
    return *this;
  }
  /// Sets bits of the 16 flag bits: 0x8000 QR, 0x0400 AA, 0x0200 TC, 0x0100 RD, 0x80 RA, 0x40 Z,
  /// 0x20 AD, 0x10 CD, 0x0F rcode.
  PacketBuilder& Flags(unsigned bits) {
    flags_ = static_cast<std::uint16_t>(flags_ | bits);
    return *this;
  }
  PacketBuilder& Question(std::string_view name, wire::Type type, unsigned qclass = 1) {
    return RawQuestion(Wire(name), N(type), qclass);
  }
  PacketBuilder& RawQuestion(const std::string& wire_name, unsigned type, unsigned qclass = 1) {
    body_ += wire_name + Be16Octets(type) + Be16Octets(qclass);
    ++counts_[0];
    return *this;
  }
  PacketBuilder& Record(Section section,
                        const std::string& wire_owner,
                        unsigned type,
                        const std::string& rdata,
                        int rdlength = -1) {
    body_ += wire_owner + Be16Octets(type) + Be16Octets(1) + Be32Octets(60) +
             Be16Octets(rdlength < 0 ? static_cast<unsigned>(rdata.size())
                                     : static_cast<unsigned>(rdlength)) +
             rdata;
    ++counts_[1 + static_cast<int>(section)];
    return *this;
  }
  struct EdnsFields {
    unsigned size = 1232;
    unsigned version = 0;
    unsigned flags = 0;  // 0x8000: DO
    std::string options;
    int rdlength = -1;
    std::string owner = std::string(1, '\0');
  };
  PacketBuilder& Edns() { return Edns(EdnsFields{}); }
  PacketBuilder& Edns(const EdnsFields& f, Section section = Section::kAdditional) {
    body_ += f.owner + Be16Octets(41) + Be16Octets(f.size) + std::string(1, '\0') +
             std::string(1, static_cast<char>(f.version)) + Be16Octets(f.flags) +
             Be16Octets(f.rdlength < 0 ? static_cast<unsigned>(f.options.size())
                                       : static_cast<unsigned>(f.rdlength)) +
             f.options;
    ++counts_[1 + static_cast<int>(section)];
    return *this;
  }
  PacketBuilder& Raw(const std::string& octets) {
    body_ += octets;
    return *this;
  }
  /// Overrides a count: 0 questions, 1 answers, 2 authority, 3 additional.
  PacketBuilder& Count(int which, unsigned value) {
    counts_[which] = value;
    return *this;
  }
  [[nodiscard]] std::string Build() const {
    std::string out = Be16Octets(id_) + Be16Octets(flags_);
    for (const unsigned count : counts_) {
      out += Be16Octets(count);
    }
    return out + body_;
  }

 private:
  std::uint16_t id_ = 0x1234;
  std::uint16_t flags_ = 0;
  unsigned counts_[4]{};
  std::string body_;
};

inline std::string Option(unsigned code, const std::string& data) {
  return Be16Octets(code) + Be16Octets(static_cast<unsigned>(data.size())) + data;
}

}  // namespace holdfast::test
