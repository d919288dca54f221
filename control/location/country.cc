#include "control/location/country.h"

#include <algorithm>
#include <array>
#include <utility>

namespace holdfast::control {
namespace {

// Codes in one string, two letters and a blank each: found by position, nothing to construct.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kCountries{{
    {"AF",
     "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG "
     "ML MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW "},
    {"AN", "AQ BV GS HM TF "},
    {"AS",
     "AE AF AM AZ BD BH BN BT CC CN CX GE HK ID IL IN IO IQ IR JO JP KG KH KP KR KW KZ LA LB LK "
     "MM MN MO MV MY NP OM PH PK PS QA SA SG SY TH TJ TM TR TW UZ VN YE "},
    {"EU",
     "AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI "
     "LT LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK "},
    {"NA",
     "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI "
     "PA PM PR SV SX TC TT US VC VG VI "},
    {"OC", "AS AU CK FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TL TO TV UM VU WF WS "},
    {"SA", "AR BO BR CL CO EC FK GF GY PE PY SR UY VE "},
}};

constexpr std::string_view kUnsupported = "BV CX EH HM ";
constexpr std::string_view kStates =
    "AK AL AR AZ CA CO CT DC DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH "
    "NJ NM NV NY OH OK OR PA RI SC SD TN TX UT VA VT WA WI WV WY ";
constexpr std::string_view kPossessions = "AA AE AP AS FM GU MH MP PR PW UM VI ";
constexpr std::string_view kUkraine =
    "05 07 09 12 14 18 21 23 26 30 32 35 40 43 46 48 51 53 56 59 61 63 65 68 71 74 77 ";

bool IsIn(std::string_view codes, std::string_view code) noexcept {
  if (code.size() != 2 || code.contains(' ')) {
    return false;
  }
  for (std::size_t at = 0; at < codes.size(); at += 3) {
    if (codes.substr(at, 2) == code) {
      return true;
    }
  }
  return false;
}

bool IsLetter(char c) noexcept {
  return c >= 'A' && c <= 'Z';
}

// The continent of each pair of letters, as 1 + its place in kCountries: a million rows ask.
constexpr auto kContinentOf = [] {
  std::array<unsigned char, std::size_t{26} * 26> table{};
  unsigned char number = 0;
  for (const auto& [continent, countries] : kCountries) {
    ++number;
    for (std::size_t at = 0; at < countries.size(); at += 3) {
      table[(countries[at] - 'A') * 26 + (countries[at + 1] - 'A')] = number;
    }
  }
  return table;
}();

bool IsDigit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool IsTwoDigits(std::string_view code) noexcept {
  return code.size() == 2 && std::ranges::all_of(code, IsDigit);
}

}  // namespace

bool IsContinent(std::string_view code) noexcept {
  return std::ranges::any_of(kCountries, [code](const auto& of) { return of.first == code; });
}

std::string_view ContinentOf(std::string_view country) noexcept {
  if (country.size() == 2 && IsLetter(country[0]) && IsLetter(country[1])) {
    const unsigned number = kContinentOf[(country[0] - 'A') * 26 + (country[1] - 'A')];
    return number == 0 ? std::string_view() : kCountries[number - 1].first;
  }
  return {};
}

bool IsSubdivision(std::string_view country, std::string_view code) noexcept {
  if (country == "US") {
    return IsIn(kStates, code) || IsIn(kPossessions, code);
  }
  if (country == "UA") {
    return IsTwoDigits(code);
  }
  return !country.empty() && !code.empty() && code.size() <= 3 &&
         std::ranges::all_of(code, [](char c) { return IsDigit(c) || IsLetter(c); });
}

bool IsRoute53Country(std::string_view country) noexcept {
  return !ContinentOf(country).empty() && country != "XK" && !IsIn(kUnsupported, country);
}

bool IsRoute53Subdivision(std::string_view country, std::string_view code) noexcept {
  return country == "US" ? IsIn(kStates, code) : country == "UA" && IsIn(kUkraine, code);
}

std::string Route53Subdivisions() {
  const auto listed = [](std::string_view codes) {
    return std::string(codes.substr(0, codes.size() - 1));
  };
  return "a state of US (" + listed(kStates) + ") or a region of UA (" + listed(kUkraine) + ")";
}

}  // namespace holdfast::control
