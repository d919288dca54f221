// A traffic policy document as Route 53 has it (AWSPolicyFormatVersion 2015-10-01 and 2023-05-09;
// spec/routing.md section 7): endpoints, rules, and where a question starts. Read and judged as a
// whole here, without regard to where it will be used. Pure; control core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/model/model.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// Characters (not octets) of a document, at most.
inline constexpr std::size_t kMaxDocumentCharacters = 102'400;

struct TrafficEndpoint {
  std::string id;
  std::string rdata;  // wire form of the document's type
};

/// One way on from a rule.
struct TrafficLeg {
  bool to_rule = false;    // else to an endpoint
  std::size_t target = 0;  // place among the document's rules, or endpoints
  bool evaluate_target_health = false;
  std::string health_check_id;                  // empty: none
  std::uint8_t weight = 0;                      // weighted
  bool primary = false;                         // failover
  std::shared_ptr<const RecordLocation> where;  // set when AsksTheClient(the rule's policy)
  std::uint32_t line = 0;
};

struct TrafficRule {
  std::string id;
  Policy policy = Policy::kSimple;  // never simple, never IP-based
  std::vector<TrafficLeg> legs;     // never empty
};

struct TrafficDocument {
  std::uint16_t type = 0;
  TrafficLeg start;
  std::vector<TrafficEndpoint> endpoints;
  std::vector<TrafficRule> rules;     // no loops, at most kMaxAliasSteps steps deep
  std::vector<std::string> warnings;  // sentences on what is legal but surely not meant
};

/// Reads a document.
/// @param file  for messages.
/// @return kInvalid with a line for each fault, "InvalidTrafficPolicyDocument: FILE:LINE: rule 'eu'
/// Items 2: Weight is 256; expected 0..255".
Result<TrafficDocument> ReadTrafficDocument(std::string_view text, const std::string& file);

}  // namespace holdfast::control
