// The codes of places: countries of ISO 3166-1 (and XK, which databases use for Kosovo) with the
// continent of each, and subdivisions as far as Route 53 routes by them. Control core only.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::control {

/// AF, AN, AS, EU, OC, NA or SA; what an error says was expected is kContinents.
bool IsContinent(std::string_view code) noexcept;
inline constexpr std::string_view kContinents = "AF, AN, AS, EU, NA, OC or SA";

/// The continent of a country as GeoNames counts it; empty when there is no such country.
/// @param country  two capital letters.
std::string_view ContinentOf(std::string_view country) noexcept;

/// Whether clients may be said to be there: 1-3 capital letters and digits behind a country; for
/// US a code of the Postal Service (states, DC, possessions, military), for UA two digits.
bool IsSubdivision(std::string_view country, std::string_view code) noexcept;

/// Whether a geolocation record set may name it: a country of ISO 3166-1 but BV, CX, EH and HM.
bool IsRoute53Country(std::string_view country) noexcept;
/// A subdivision in a geolocation record set: a state of the US or DC; a region of UA by the digits
/// of ISO 3166-2 (40 Sevastopol, 43 Crimea, 30 Kyiv ...).
bool IsRoute53Subdivision(std::string_view country, std::string_view code) noexcept;
/// Which those are; for what an error says was expected.
std::string Route53Subdivisions();

}  // namespace holdfast::control
