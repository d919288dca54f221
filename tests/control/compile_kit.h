// What the tests of control/compile share: zones written in a few words, and images placed behind a
// question and read back by a parser of the test's own.
#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "control/compile/compile.h"
#include "control/compile/render.h"
#include "control/model/model.h"
#include "dataplane/base/bytes.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control::kit {

inline std::string Wire(std::string_view text) {
  return wire::FromText(text).value();
}
inline std::uint16_t TypeOf(std::string_view text) {
  return wire::TypeFromText(text).value();
}
inline std::string Be16Octets(unsigned value) {
  std::string out(2, '\0');
  StoreBe16(out.data(), static_cast<std::uint16_t>(value));
  return out;
}
inline std::string Be32Octets(std::uint32_t value) {
  std::string out(4, '\0');
  StoreBe32(out.data(), value);
  return out;
}
inline std::string V4(const std::string& text) {
  std::string out(4, '\0');
  return inet_pton(AF_INET, text.c_str(), out.data()) == 1 ? out : std::string{};
}
inline std::string V6(const std::string& text) {
  std::string out(16, '\0');
  return inet_pton(AF_INET6, text.c_str(), out.data()) == 1 ? out : std::string{};
}
inline std::string Mx(unsigned preference, std::string_view target) {
  return Be16Octets(preference) + Wire(target);
}
inline std::string Srv(unsigned port, std::string_view target) {
  return Be16Octets(0) + Be16Octets(0) + Be16Octets(port) + Wire(target);
}
inline std::string Svc(unsigned priority, std::string_view target) {
  return Be16Octets(priority) + Wire(target);
}
inline std::string Soa(std::string_view mname, std::uint32_t serial, std::uint32_t minimum) {
  return Wire(mname) + Wire(std::string("host.") + std::string(mname)) + Be32Octets(serial) +
         Be32Octets(7200) + Be32Octets(900) + Be32Octets(1209600) + Be32Octets(minimum);
}

/// A zone with its SOA (TTL 3600, minimum 60) and NS; names are relative to the origin unless they
/// end in a dot, "@" is the apex.
struct ZoneText {
  Zone zone;
  explicit ZoneText(const std::string& origin, std::uint32_t serial = 7) {
    zone.origin = wire::Fold(Wire(origin));
    zone.id = "Z" + origin;
    Add("@", "SOA", {Soa(origin == "." ? "ns1." : "ns1." + origin, serial, 60)});
    Add("@", "NS", {Name("ns1")});
  }
  [[nodiscard]] std::string Name(const std::string& name) const {
    if (name == "@") {
      return zone.origin;
    }
    if (name.ends_with('.')) {
      return Wire(name);
    }
    auto wire_name = Wire(name);
    wire_name.pop_back();
    return wire_name + zone.origin;
  }
  ZoneText& Add(const std::string& owner,
                std::string_view type,
                std::vector<std::string> rdata,
                std::uint32_t ttl = 3600) {
    zone.rrsets.push_back({.owner = Name(owner),
                           .type = TypeOf(type),
                           .ttl = ttl,
                           .rdata = std::move(rdata),
                           .source = {.file = "zone", .line = 1}});
    return *this;
  }
};

/// One record as a client reads it.
struct Record {
  std::string owner;  // text
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;
  std::string rdata;  // uncompressed
  bool operator==(const Record&) const = default;
};

// The name at `at` of a message, pointers followed backwards only; empty when malformed.
inline std::string ReadName(std::string_view message, std::size_t at, std::size_t* end) {
  std::string name;
  std::size_t limit = at;
  bool jumped = false;
  while (at < message.size()) {
    const auto octet = static_cast<unsigned char>(message[at]);
    if (octet >= 0xC0) {
      const std::size_t to = LoadBe16(message.data() + at) & 0x3FFFU;
      if (!jumped) {
        *end = at + 2;
        jumped = true;
      }
      if (to >= limit || to < 12) {
        return {};
      }
      at = limit = to;
      continue;
    }
    name.append(message, at, octet + 1U);
    at += octet + 1U;
    if (octet == 0) {
      if (!jumped) {
        *end = at;
      }
      return name;
    }
  }
  return {};
}

/// Places `image` behind a question for `qname` (wire form), as the answer function would, and
/// reads the records back. Empty when what came out is malformed.
inline std::vector<Record> Place(const ImageSpec& image, const std::string& qname) {
  std::string message(12, '\0');
  message += qname + std::string("\0\1\0\1", 4);
  const std::size_t start = message.size();
  message += image.wire;
  for (const auto& relocation : image.relocations) {
    const auto base = static_cast<table::RelocationBase>(relocation.code >> 14U);
    const std::size_t addend = relocation.code & 0x3FFFU;
    const std::size_t to = base == table::RelocationBase::kOwner    ? 12
                           : base == table::RelocationBase::kSuffix ? 12 + qname.size() - addend
                                                                    : start + addend;
    StoreBe16(message.data() + start + relocation.at, static_cast<std::uint16_t>(0xC000U | to));
  }
  std::vector<Record> out;
  for (std::size_t at = start, i = 0; at < message.size(); ++i) {
    Record record;
    const std::string owner = ReadName(message, at, &at);
    if (owner.empty() || i >= image.record_ends.size()) {
      return {};
    }
    record.owner = wire::ToText(owner);
    record.type = LoadBe16(message.data() + at);
    record.ttl = LoadBe32(message.data() + at + 4);
    const std::size_t end = at + 10 + LoadBe16(message.data() + at + 8);
    at += 10;
    const auto type = static_cast<wire::Type>(record.type);
    const int names = type == wire::Type::kSoa ? 2
                      : type == wire::Type::kNs || type == wire::Type::kPtr ||
                              type == wire::Type::kCname || type == wire::Type::kMx
                          ? 1
                          : 0;
    const std::size_t skip = type == wire::Type::kMx ? 2 : 0;
    record.rdata = message.substr(at, skip);
    at += skip;
    for (int n = 0; n < names; ++n) {
      record.rdata += ReadName(message, at, &at);
    }
    record.rdata += message.substr(at, end - at);
    at = end;
    if (at != start + image.record_ends[i]) {
      return {};
    }
    out.push_back(record);
  }
  return out;
}

inline const CompiledName* FindName(const CompiledZone& zone, const std::string& name) {
  const auto found = std::ranges::find(zone.names, name, &CompiledName::name);
  return found == zone.names.end() ? nullptr : &*found;
}
inline const CompiledRrset* FindRrset(const CompiledName& name, std::string_view type) {
  const auto found = std::ranges::find(name.rrsets, TypeOf(type), &CompiledRrset::type);
  return found == name.rrsets.end() ? nullptr : &*found;
}

/// What an rrset is answered with; of an address alone the image that it would have.
inline AnswerRef AnswerIn(const CompiledRrset& rrset) {
  return rrset.kind == table::RrsetKind::kAddress
             ? AnswerRef(std::make_shared<const ImageSpec>(RenderAddress(rrset.address)))
             : rrset.answer;
}

/// All that Evaluation::Recompile hands over.
inline std::vector<CompiledPool> Recompiled(Evaluation& evaluation,
                                            std::span<const CompiledHealth> changed) {
  std::vector<CompiledPool> pools;
  EXPECT_TRUE(evaluation.Recompile(changed, [&](std::span<const CompiledPool> decided) -> Status {
    pools.insert(pools.end(), decided.begin(), decided.end());
    return {};
  }));
  return pools;
}

}  // namespace holdfast::control::kit
