#include "control/config/same_rdata.h"

#include <algorithm>
#include <array>

#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

using wire::Type;

// Types that wire/types.h has no use for: MD MF MB MG MR, MINFO, RP, AFSDB, RT, PX, KX.
constexpr std::array<std::uint16_t, 7> kNamesAlone{3, 4, 7, 8, 9, 14, 17};
constexpr std::array<std::uint16_t, 4> kNamesBehindANumber{18, 21, 26, 36};
constexpr std::size_t kSoaNumbers = 20;  // serial, refresh, retry, expire, minimum

struct Part {
  std::size_t from = 0;
  std::size_t to = 0;
};

// Behind order, preference, flags, services and regexp (RFC 3403 4.1).
std::size_t NaptrReplacement(std::string_view rdata) noexcept {
  std::size_t at = 4;
  for (int strings = 0; strings < 3 && at < rdata.size(); ++strings) {
    at += 1U + static_cast<unsigned char>(rdata[at]);
  }
  return at;
}

// Where the names are; they stand together in every such type, and but for SOA at the end.
Part NamesIn(std::uint16_t type, std::string_view rdata) noexcept {
  std::size_t from = rdata.size();
  std::size_t to = rdata.size();
  switch (static_cast<Type>(type)) {
    case Type::kNs:
    case Type::kCname:
    case Type::kDname:
    case Type::kPtr:
      from = 0;
      break;
    case Type::kSoa:
      from = 0;
      to -= std::min(to, kSoaNumbers);
      break;
    case Type::kMx:
      from = 2;
      break;
    case Type::kSrv:
      from = 6;
      break;
    case Type::kNaptr:
      from = NaptrReplacement(rdata);
      break;
    default:
      if (std::ranges::find(kNamesAlone, type) != kNamesAlone.end()) {
        from = 0;
      } else if (std::ranges::find(kNamesBehindANumber, type) != kNamesBehindANumber.end()) {
        from = 2;
      }
  }
  return {std::min(from, to), to};
}

}  // namespace

// Length octets are no letters, so names that are equal when folded have equal labels.
bool SameRdata(std::uint16_t type, std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) {
    return false;
  }
  if (a == b) {
    return true;
  }
  const auto [from, to] = NamesIn(type, a);
  return a.substr(0, from) == b.substr(0, from) && a.substr(to) == b.substr(to) &&
         FoldedEqual{}(a.substr(from, to - from), b.substr(from, to - from));
}

}  // namespace holdfast::control
