// What is asked and what a right answer to it is: read from a file as dnsperf has them, or made up
// for a generated zone. Cold; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"

namespace holdfast::querygen {

/// Of the replies that are right, those with this response code; bit n is rcode n.
inline constexpr std::uint16_t kNoError = 1U << 0U;
inline constexpr std::uint16_t kNxDomain = 1U << 3U;

inline constexpr std::uint8_t kAnyAnswers = 255;

/// A question, class IN, and what is known of the right answer.
struct Question {
  std::string owner;                            // wire form, 1..255 octets
  std::uint16_t type = 1;                       // A
  std::uint16_t rcodes = kNoError | kNxDomain;  // any of these
  std::uint8_t least_answers = 0;               // records in the answer section
  std::uint8_t most_answers = kAnyAnswers;      // kAnyAnswers: not bounded
  std::string address;  // 4 or 16 octets that one of the answers holds; empty: not known
};

/// Reads lines "NAME TYPE [RCODE [ADDRESS]]". An ADDRESS is that of at least one A or AAAA record
/// of the answer. Without RCODE, NOERROR and NXDOMAIN are right. Empty lines and those that begin
/// with
/// '#' or ';' are passed over.
/// @param path  for messages. @return kInvalid with path:line and what was expected; also when
/// there is no question at all.
Result<std::vector<Question>> ParseQuestions(std::string_view text, const std::string& path);

/// The same of a file. @return kIo when it cannot be read.
Result<std::vector<Question>> ReadQuestions(const std::string& path);

/// The generated zone: names below it are six to sixteen letters long, each has one A record.
inline constexpr const char* kGeneratedZone = "bench.test.";
inline constexpr std::size_t kMaxGenerated = 16'000'000;

/// Owner of the name of that number, wire form. All numbers below kMaxGenerated have different
/// ones.
std::string GeneratedOwner(std::size_t number);
/// Its address, host order: 10.0.0.0 and on.
inline std::uint32_t GeneratedAddress(std::size_t number) noexcept {
  return 0x0A000000U + static_cast<std::uint32_t>(number);
}
/// Type A, with the whole answer known.
Question GeneratedQuestion(std::size_t number);

}  // namespace holdfast::querygen
