#include "health/probe/name_reply.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <string>

#include "health/probe/dns_reader.h"

namespace holdfast::health {

namespace {

constexpr int kMaxAliases = 16;
constexpr std::uint32_t kMaxTtl = 0x7FFFFFFF;

struct Record {
  std::string owner;  // folded
  wire::Type type{};
  std::uint32_t ttl = 0;
  std::uint16_t octets = 0;  // of the rdata, where the reader stands
};

bool ReadRecord(DnsReader& reader, Record& record) {
  record.owner.clear();
  std::uint16_t type = 0;
  std::uint16_t rr_class = 0;
  if (!reader.ReadName(record.owner) || !reader.Read16(type) || !reader.Read16(rr_class) ||
      !reader.Read32(record.ttl) || !reader.Read16(record.octets)) {
    return false;
  }
  record.owner = wire::Fold(record.owner);
  record.type = static_cast<wire::Type>(type);
  record.ttl = record.ttl > kMaxTtl ? 0 : record.ttl;  // RFC 2181, 8
  return true;
}

struct Alias {
  std::string target;  // folded
  std::uint32_t ttl;
};

/// The answer section, by owner.
struct Answer {
  std::map<std::string, Alias> aliases;
  std::map<std::string, NameReply> addresses;
};

bool ReadAnswer(DnsReader& reader, unsigned records, bool v6, Answer& answer) {
  const wire::Type wanted = v6 ? wire::Type::kAaaa : wire::Type::kA;
  const std::size_t octets = v6 ? 16 : 4;
  Record record;
  for (unsigned n = 0; n < records; ++n) {
    if (!ReadRecord(reader, record)) {
      return false;
    }
    if (record.type == wire::Type::kCname) {
      const std::size_t end = reader.at() + record.octets;
      std::string target;
      if (!reader.ReadName(target) || reader.at() != end) {
        return false;
      }
      answer.aliases.try_emplace(record.owner, Alias{wire::Fold(target), record.ttl});
      continue;
    }
    std::string rdata;
    if (!reader.Copy(record.octets, rdata)) {
      return false;
    }
    if (record.type != wanted) {
      continue;
    }
    if (rdata.size() != octets) {
      return false;
    }
    NameReply& of_owner = answer.addresses[record.owner];
    of_owner.ttl = std::min(of_owner.ttl.value_or(record.ttl), record.ttl);
    if (of_owner.addresses.size() < NameReply::kMaxAddresses) {
      IpAddress& address = of_owner.addresses.emplace_back();
      address.v6 = v6;
      std::memcpy(address.octets.data(), rdata.data(), rdata.size());
    }
  }
  return true;
}

// How long the lack of something may be kept: the SOA's own TTL or its minimum, the lesser one.
bool ReadNegative(DnsReader& reader, unsigned records, NameReply& reply) {
  Record record;
  for (unsigned n = 0; n < records; ++n) {
    if (!ReadRecord(reader, record)) {
      return false;
    }
    if (record.type != wire::Type::kSoa) {
      if (!reader.Skip(record.octets)) {
        return false;
      }
      continue;
    }
    std::string name;
    std::uint32_t minimum = 0;
    if (!reader.ReadName(name) || !reader.ReadName(name) || !reader.Skip(16) ||
        !reader.Read32(minimum)) {
      return false;
    }
    reply.ttl = std::min(record.ttl, minimum);
    return true;
  }
  return true;
}

}  // namespace

std::optional<NameReply> ReadNameReply(std::span<const std::byte> message, bool v6) {
  DnsReader reader(message);
  std::array<std::uint16_t, 6> header{};  // id, flags, four counts
  for (std::uint16_t& field : header) {
    if (!reader.Read16(field)) {
      return std::nullopt;
    }
  }
  std::string name;
  if (header[2] != 1 || !reader.ReadName(name) || !reader.Skip(4)) {
    return std::nullopt;
  }
  Answer answer;
  if (!ReadAnswer(reader, header[3], v6, answer)) {
    return std::nullopt;
  }
  std::uint32_t ttl = kMaxTtl;
  name = wire::Fold(name);
  for (int steps = 0; steps <= kMaxAliases; ++steps) {
    if (const auto found = answer.addresses.find(name); found != answer.addresses.end()) {
      found->second.ttl = std::min(ttl, found->second.ttl.value_or(ttl));
      return std::move(found->second);
    }
    const auto alias = answer.aliases.find(name);
    if (alias == answer.aliases.end()) {
      break;
    }
    ttl = std::min(ttl, alias->second.ttl);
    name = alias->second.target;
  }
  NameReply none;
  return ReadNegative(reader, header[4], none) ? std::optional(std::move(none)) : std::nullopt;
}

}  // namespace holdfast::health
