#include "health/probe/dns_message.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"
#include "health/probe/dns_reader.h"

namespace holdfast::health {

namespace {

constexpr std::uint16_t kQr = 0x8000;
constexpr std::uint16_t kOpcodeMask = 0x7800;
constexpr std::uint16_t kTc = 0x0200;
constexpr std::uint16_t kRd = 0x0100;
constexpr std::uint16_t kRcodeMask = 0x000F;

void Append16(std::string& to, std::uint16_t host) {
  to += static_cast<char>(host >> 8U);
  to += static_cast<char>(host & 0xFFU);
}

// How rdata of a type is built that may be compressed (RFC 3597, 4): octets before its names, how
// many names, the rest as it is.
struct Layout {
  wire::Type type;
  std::uint8_t before;
  std::uint8_t names;
};
constexpr Layout kLayouts[] = {{wire::Type::kNs, 0, 1},
                               {wire::Type::kCname, 0, 1},
                               {wire::Type::kSoa, 0, 2},
                               {wire::Type::kPtr, 0, 1},
                               {wire::Type::kMx, 2, 1},
                               {wire::Type::kSrv, 6, 1},
                               {wire::Type::kDname, 0, 1}};

const Layout* LayoutOf(std::uint16_t type) {
  const auto* found = std::ranges::find(kLayouts, static_cast<wire::Type>(type), &Layout::type);
  return found != std::end(kLayouts) ? found : nullptr;
}

// Uncompressed, names folded: two are the same record when they are equal (RFC 4034, 6.2).
bool ReadRdata(DnsReader& reader, std::uint16_t type, std::size_t octets, std::string& rdata) {
  const Layout* layout = LayoutOf(type);
  if (layout == nullptr) {
    return reader.Copy(octets, rdata);
  }
  const std::size_t end = reader.at() + octets;
  if (octets < layout->before || !reader.Copy(layout->before, rdata)) {
    return false;
  }
  for (int name = 0; name < layout->names; ++name) {
    std::string read;
    if (!reader.ReadName(read)) {
      return false;
    }
    rdata += wire::Fold(read);
  }
  return reader.at() <= end && reader.Copy(end - reader.at(), rdata);
}

enum class Found : std::uint8_t { kYes, kNo, kMalformed };

// Looks through the answer section for one record of the type with that rdata, under any owner: the
// answer may have come by way of aliases.
Found FindRdata(DnsReader& reader, std::uint16_t records, const DnsSettings& settings) {
  DnsReader given(std::as_bytes(std::span(settings.rdata)));
  std::string wanted;
  ReadRdata(given, settings.type, settings.rdata.size(), wanted);
  for (unsigned record = 0; record < records; ++record) {
    std::string owner;
    std::uint16_t type = 0;
    std::uint16_t octets = 0;
    if (!reader.ReadName(owner) || !reader.Read16(type) || !reader.Skip(6) ||
        !reader.Read16(octets)) {
      return Found::kMalformed;
    }
    if (type != settings.type) {
      if (!reader.Skip(octets)) {
        return Found::kMalformed;
      }
      continue;
    }
    std::string rdata;
    if (!ReadRdata(reader, type, octets, rdata)) {
      return Found::kMalformed;
    }
    if (rdata == wanted) {
      return Found::kYes;
    }
  }
  return Found::kNo;
}

DnsJudgement JudgeAnswer(DnsReader& reader, std::uint16_t records, const DnsSettings& settings) {
  switch (FindRdata(reader, records, settings)) {
    case Found::kYes:
      return {Outcome::kPass, ", with the expected answer"};
    case Found::kNo:
      return {Outcome::kFail, ", without the expected answer"};
    case Found::kMalformed:
      break;
  }
  return {Outcome::kFail, ", with a malformed answer"};
}

}  // namespace

std::string DnsQuery(const DnsSettings& settings, std::uint16_t id) {
  std::string query;
  Append16(query, id);
  Append16(query, settings.recursion_desired ? kRd : 0);
  query.append("\0\1\0\0\0\0\0\0", 8);  // one question, nothing else
  query += settings.question;
  Append16(query, settings.type);
  Append16(query, static_cast<std::uint16_t>(wire::Class::kIn));
  return query;
}

std::optional<DnsJudgement> JudgeDnsReply(std::span<const std::byte> message,
                                          const DnsSettings& settings,
                                          std::uint16_t id) {
  DnsReader reader(message);
  std::array<std::uint16_t, 6> header{};  // id, flags, four counts
  for (std::uint16_t& field : header) {
    if (!reader.Read16(field)) {
      return std::nullopt;
    }
  }
  const std::uint16_t flags = header[1];
  std::string name;
  std::uint16_t type = 0;
  std::uint16_t qclass = 0;
  if (header[0] != id || (flags & kQr) == 0 || (flags & kOpcodeMask) != 0 || header[2] != 1 ||
      !reader.ReadName(name) || !reader.Read16(type) || !reader.Read16(qclass) ||
      wire::Fold(name) != wire::Fold(settings.question) || type != settings.type ||
      qclass != static_cast<std::uint16_t>(wire::Class::kIn)) {
    return std::nullopt;
  }
  const unsigned rcode = flags & kRcodeMask;
  std::string reason = "DNS reply " + RcodeText(rcode);
  if ((settings.rcodes >> rcode & 1U) == 0) {
    return DnsJudgement{Outcome::kFail, "Failure: " + reason};
  }
  if ((flags & kTc) != 0) {
    // The server answers; what the whole answer would be, this does not say.
    return DnsJudgement{Outcome::kPass, "Success: " + reason + ", truncated"};
  }
  DnsJudgement judged{Outcome::kPass, ""};
  if (!settings.rdata.empty()) {
    judged = JudgeAnswer(reader, header[3], settings);
  }
  judged.reason.insert(0, (judged.outcome == Outcome::kPass ? "Success: " : "Failure: ") + reason);
  return judged;
}

}  // namespace holdfast::health
