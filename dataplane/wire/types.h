// The numbers of the DNS that code here speaks of by name (IANA "Domain Name System Parameters").
// A type without a name here is served all the same: types are plain 16-bit numbers (RFC 3597).
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast::wire {

enum class Type : std::uint16_t {
  kA = 1,
  kNs = 2,
  kCname = 5,
  kSoa = 6,
  kPtr = 12,
  kHinfo = 13,
  kMx = 15,
  kTxt = 16,
  kAaaa = 28,
  kSrv = 33,
  kNaptr = 35,
  kDname = 39,
  kOpt = 41,
  kDs = 43,
  kSshfp = 44,
  kRrsig = 46,
  kNsec = 47,
  kDnskey = 48,
  kNsec3 = 50,
  kNsec3param = 51,
  kTlsa = 52,
  kSvcb = 64,
  kHttps = 65,
  kSpf = 99,
  kNxname = 128,
  kTkey = 249,
  kTsig = 250,
  kIxfr = 251,
  kAxfr = 252,
  kMailb = 253,
  kMaila = 254,
  kAny = 255,
  kCaa = 257
};

enum class Class : std::uint16_t { kIn = 1, kCh = 3, kHs = 4, kNone = 254, kAny = 255 };

enum class Opcode : std::uint8_t { kQuery = 0, kIquery = 1, kStatus = 2, kNotify = 4, kUpdate = 5 };

/// Response codes; those above 15 need an OPT record to carry their upper bits (RFC 6891 6.1.3).
enum class Rcode : std::uint16_t {
  kNoError = 0,
  kFormErr = 1,
  kServFail = 2,
  kNxDomain = 3,
  kNotImp = 4,
  kRefused = 5,
  kYxDomain = 6,
  kNotAuth = 9,
  kBadVers = 16,
  kBadCookie = 23
};

/// Codes of EDNS options that are read or written here; padding (12) is not: it is for encrypted
/// transports (RFC 7830 6).
enum class Option : std::uint16_t {
  kNsid = 3,           // RFC 5001
  kClientSubnet = 8,   // RFC 7871
  kCookie = 10,        // RFC 7873
  kTcpKeepalive = 11,  // RFC 7828
  kExtendedError = 15  // RFC 8914
};

inline constexpr std::size_t kHeaderOctets = 12;
inline constexpr std::size_t kMaxNameOctets = 255;  // RFC 1035 2.3.4, with the root's octet
inline constexpr std::size_t kMaxLabelOctets = 63;  // RFC 1035 2.3.4
inline constexpr std::size_t kMaxLabels = 127;      // labels of one octet fill 255 octets
inline constexpr std::size_t kMaxMessageOctets = 65535;
inline constexpr std::size_t kPlainUdpOctets = 512;  // RFC 1035 4.2.1: a client without EDNS

}  // namespace holdfast::wire
