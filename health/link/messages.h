// What control and a checker in another process say to each other: a length, then JSON, each within
// bounds. Pure: octets to messages and back, no socket and no clock; what breaks a rule is an error
// and ends the connection. health/link/PROTOCOL.md has the fields.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dataplane/base/result.h"
#include "health/checker/checker.h"
#include "health/observation.h"

namespace holdfast::health {

inline constexpr unsigned kLinkProtocol = 1;
inline constexpr std::size_t kMaxMessageOctets = std::size_t{1} << 20;
inline constexpr std::size_t kMaxReportsAtOnce = 1'000;
inline constexpr std::size_t kMaxAssignedChecks = 262'144;  // by one control
inline constexpr std::size_t kMaxReasonOctets = 512;        // longer ones are cut when sent
inline constexpr std::size_t kFrameOctets = 4;  // before each message: its length, big endian

// ---- control to checker -------------------------------------------------------------------------

/// The first message, unless it is a Refusal.
struct ControlHello {
  unsigned protocol = kLinkProtocol;
  std::string node;         // its id
  std::uint64_t at_ns = 0;  // control's own clock, which the checker gives back with its reports
  bool operator==(const ControlHello&) const = default;
};

/// Every few seconds.
struct ControlPing {
  std::uint64_t at_ns = 0;
  bool operator==(const ControlPing&) const = default;
};

/// Why the connection is closed now.
struct Refusal {
  std::string reason;
  bool operator==(const Refusal&) const = default;
};

struct AssignedCheck {
  std::uint32_t slot = 0;
  std::uint64_t version = 0;
  CheckConfig check;    // but for what only verdicts need
  std::string problem;  // not empty: the settings are none that this program can carry out
};

/// A part of what is to be watched. It takes effect with the one that is `last`.
struct AssignChecks {
  bool reset = false;  // what was assigned before is gone
  bool last = false;
  std::vector<std::uint32_t> remove;  // slots, before what is set
  std::vector<AssignedCheck> set;
};

using ControlMessage = std::variant<ControlHello, ControlPing, Refusal, AssignChecks>;

// ---- checker to control -------------------------------------------------------------------------

/// The first message.
struct CheckerHello {
  unsigned protocol = kLinkProtocol;
  std::uint64_t session = 0;  // of this process: greater than those of its predecessors
  std::string version;        // of the program
  bool operator==(const CheckerHello&) const = default;
};

/// Every few seconds.
struct CheckerPing {
  bool uplink = true;  // see Checker::has_uplink
  bool operator==(const CheckerPing&) const = default;
};

/// A report, with how old its observation was when it was sent (Observation::at_ns is of a clock
/// that nobody else has).
struct ReportLine {
  std::uint64_t sequence =
      0;  // grows with each report of a process, from 1; the same when repeated
  std::chrono::microseconds age{};
  Report report;
};

struct ReportBatch {
  std::uint64_t echo_ns = 0;         // at_ns of the last hello or ping that was heard
  std::chrono::microseconds held{};  // since then, until this was sent
  std::vector<ReportLine> reports;   // at most kMaxReportsAtOnce
};

using CheckerMessage = std::variant<CheckerHello, CheckerPing, ReportBatch>;

// ---- octets -------------------------------------------------------------------------------------

/// With the length in front. Of an AssignChecks the problems are not told.
std::string Encode(const ControlMessage& message);
std::string Encode(const CheckerMessage& message);

/// The next part of an AssignChecks, well within the bound: as much of `remove` and `set` as fits
/// is taken from their fronts, and it is the `last` when nothing is left.
std::string EncodePart(bool reset,
                       std::span<const std::uint32_t>& remove,
                       std::span<const Assignment>& set);

/// How long the message behind `frame` is; nothing when no message is that long (or is empty).
std::optional<std::size_t> MessageOctets(std::span<const unsigned char, kFrameOctets> frame);

/// @param text  one message, without the length. @return kInvalid, saying what is wrong. A check
/// whose settings are not known here is no error: its `problem` says so.
Result<ControlMessage> DecodeControlMessage(std::string_view text);
Result<CheckerMessage> DecodeCheckerMessage(std::string_view text);

}  // namespace holdfast::health
