// Rrsets, referrals and negative SOAs in wire form: what the packet path copies behind a question.
// Pure functions; called by the zone compiler and, for the union of multivalue answers, by decide.
// Control core only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/compile/compiled.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// Most octets of an image: with the header, the longest question and an OPT it still fits in a
/// message of 65,535 octets.
inline constexpr std::size_t kMaxImageOctets = 65000;

/// Renders an rrset whose owner is the name being answered. Names in the rdata of NS, PTR, MX and
/// SOA (RFC 3597 4, RFC 1035) that lie in the zone end in a pointer to the zone's origin; others,
/// and the targets of CNAME and DNAME, stay whole.
/// @param ttl     seconds, 0..2^31-1.
/// @param rdata   uncompressed wire form, at least one.
/// @param origin  folded wire form of the zone that the name being answered lies in.
/// @return kExhausted when the records need more than kMaxImageOctets.
Result<ImageSpec> RenderRrset(std::uint16_t type,
                              std::uint32_t ttl,
                              std::span<const std::string> rdata,
                              std::string_view origin);

/// What RenderRrset makes of one A record.
ImageSpec RenderAddress(const table::InlineAddress& address);

/// The record of an image when it is an A record that needs nothing beside it.
std::optional<table::InlineAddress> LoneAddressOf(const ImageSpec& image) noexcept;

/// Renders the SOA as negative answers carry it: owned by the origin, its TTL the lower of its own
/// and its minimum field (RFC 2308 3, 5).
/// @param rdata  of a well-formed SOA, at least 22 octets.
Result<ImageSpec> RenderNegative(std::uint32_t ttl,
                                 const std::string& rdata,
                                 std::string_view origin);

/// Addresses of one target of a referral's NS records.
struct Glue {
  std::string_view target;  // folded wire form
  std::uint16_t type = 0;   // A or AAAA
  std::uint32_t ttl = 0;
  std::span<const std::string> rdata;
};

/// Renders a referral: NS records for authority, then glue. Glue at or below the cut counts among
/// `required` (RFC 9471 3.1); other glue is left out from where it would pass kMaxImageOctets.
/// @param cut  folded wire form; the names answered from this image are at or below it.
/// @return kExhausted when the required records need more than kMaxImageOctets.
Result<ImageSpec> RenderReferral(std::string_view cut,
                                 std::string_view origin,
                                 std::uint32_t ttl,
                                 std::span<const std::string> rdata,
                                 std::span<const Glue> glue);

/// One image with the records of several of kind kRrset and one type, in their order; the TTL of
/// all is the lowest among them (RFC 2181 5.2).
/// @param images   at least one; together at most kMaxImageOctets (checked when a rule is made).
/// @param distinct drop records that repeat an earlier one.
ImageSpec UniteImages(std::span<const ImageSpec* const> images, bool distinct);

/// Where a name that may need addresses beside the answer stands in rdata of `type` (MX, NS, SRV,
/// SVCB, HTTPS), or -1.
int TargetOffset(std::uint16_t type) noexcept;

/// True for an SVCB or HTTPS record in ServiceMode with the target ".": it means the name that the
/// record is answered for (RFC 9460 2.5.2).
bool NamesOwner(std::uint16_t type, std::string_view rdata) noexcept;

/// The complete name that starts at `at` in `rdata`; empty when there is none.
std::string_view NameInRdata(std::string_view rdata, std::size_t at) noexcept;

/// The rdata of each record of an image of kind kRrset, uncompressed again.
std::vector<std::string> ImageRdata(const ImageSpec& image, std::string_view origin);

}  // namespace holdfast::control
