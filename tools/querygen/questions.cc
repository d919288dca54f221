// See questions.h.
#include "tools/querygen/questions.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <utility>

#include "dataplane/base/bytes.h"
#include "dataplane/io/address.h"
#include "dataplane/wire/name.h"

namespace holdfast::querygen {
namespace {

constexpr std::uint16_t kTypeA = 1;
constexpr std::uint16_t kTypeAaaa = 28;
constexpr std::array<std::string_view, 6> kRcodes = {
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};

std::optional<unsigned> RcodeOf(std::string_view text) {
  const auto known = std::ranges::find(kRcodes, text);
  if (known != kRcodes.end()) {
    return static_cast<unsigned>(known - kRcodes.begin());
  }
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number > 15) {
    return std::nullopt;
  }
  return number;
}

// Octets of an address that fits to `type`; empty: it does not.
std::string AddressOf(const std::string& text, std::uint16_t type) {
  const auto address = io::ParseAddress(text);
  if (!address || address->IsV4() != (type == kTypeA) || (type != kTypeA && type != kTypeAaaa)) {
    return {};
  }
  const auto* octets = reinterpret_cast<const char*>(address->octets.data());
  return type == kTypeA ? std::string(octets + 12, 4) : std::string(octets, 16);
}

Status SetRcode(const std::string& text, Question& question) {
  const auto rcode = RcodeOf(text);
  if (!rcode) {
    return Fail(ErrorCode::kInvalid,
                "response code '" + text + "'; expected NOERROR, NXDOMAIN, ... or 0..15");
  }
  question.rcodes = static_cast<std::uint16_t>(1U << *rcode);
  // An alias may lead to a name that does not exist; what refuses answers nothing.
  question.most_answers = (question.rcodes & (kNoError | kNxDomain)) != 0 ? kAnyAnswers : 0;
  return {};
}

Result<Question> ParseLine(const std::vector<std::string>& words) {
  if (words.size() < 2 || words.size() > 4) {
    return Fail(ErrorCode::kInvalid,
                std::to_string(words.size()) + " words; expected NAME TYPE [RCODE [ADDRESS]]");
  }
  auto owner = wire::FromText(words[0]);
  if (!owner) {
    return std::unexpected(owner.error());
  }
  const auto type = wire::TypeFromText(words[1]);
  if (!type) {
    return std::unexpected(type.error());
  }
  Question question{.owner = std::move(*owner), .type = *type, .address = {}};
  if (words.size() > 2) {
    HF_TRY(SetRcode(words[2], question));
  }
  if (words.size() > 3) {
    question.address = AddressOf(words[3], question.type);
    question.least_answers = 1;
    if (question.address.empty() || question.rcodes != kNoError) {
      return Fail(ErrorCode::kInvalid,
                  "address '" + words[3] +
                      "'; expected an IPv4 address behind A NOERROR, or IPv6 behind AAAA NOERROR");
    }
  }
  return question;
}

}  // namespace

Result<std::vector<Question>> ParseQuestions(std::string_view text, const std::string& path) {
  std::vector<Question> questions;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    std::istringstream row(line);
    const std::vector<std::string> words{std::istream_iterator<std::string>(row), {}};
    if (words.empty() || words[0][0] == '#' || words[0][0] == ';') {
      continue;
    }
    auto question = ParseLine(words);
    if (!question) {
      return Fail(ErrorCode::kInvalid,
                  path + ":" + std::to_string(number) + ": " + question.error().message);
    }
    questions.push_back(std::move(*question));
  }
  if (questions.empty()) {
    return Fail(ErrorCode::kInvalid, path + ": no question; expected lines NAME TYPE");
  }
  return questions;
}

Result<std::vector<Question>> ReadQuestions(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Fail(ErrorCode::kIo, "cannot read " + path + ": " + std::strerror(errno));
  }
  std::ostringstream text;
  text << file.rdbuf();
  return ParseQuestions(text.view(), path);
}

std::string GeneratedOwner(std::size_t number) {
  // Six letters say the number, in an order that looks like none: the factor has no divisor in
  // common with 26. Up to ten more are there for the length.
  constexpr std::uint64_t kWords = 308'915'776;  // 26^6
  constexpr std::uint64_t kFactor = 141'650'963;
  std::uint64_t word = number % kWords * kFactor % kWords;
  std::uint64_t more = (number + 1) * 0x9E3779B97F4A7C15U;
  std::string label(6 + (more >> 32U) % 11, 'x');
  for (std::size_t i = 0; i < label.size(); ++i) {
    std::uint64_t& from = i < 6 ? word : more;
    label[i] = static_cast<char>('a' + from % 26);
    from /= 26;
  }
  static constexpr std::string_view kOrigin("\5bench\4test", 12);  // with the root's octet
  return std::string(1, static_cast<char>(label.size())) + label + std::string(kOrigin);
}

Question GeneratedQuestion(std::size_t number) {
  Question question{.owner = GeneratedOwner(number),
                    .type = kTypeA,
                    .rcodes = kNoError,
                    .least_answers = 1,
                    .most_answers = 1,
                    .address = std::string(4, '\0')};
  StoreBe32(question.address.data(), GeneratedAddress(number));
  return question;
}

}  // namespace holdfast::querygen
