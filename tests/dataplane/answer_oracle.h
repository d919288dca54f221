// What a zone's records say, found the slow and obvious way: every step of RFC 1034 4.3.2, RFC 4592
// and RFC 6672 as a walk over all rrsets. Shares nothing with compile, publish or answer. For
// static rrsets only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/model/model.h"
#include "tests/dataplane/reply_reader.h"

namespace holdfast::test {

struct Expected {
  unsigned rcode = 0;
  bool authoritative = false;
  bool referral = false;
  bool any = false;                   // type ANY found data: `answer` holds all that is there
  std::vector<ReadRecord> answer;     // names folded
  std::vector<ReadRecord> authority;  // names folded
  std::vector<ReadRecord> glue;       // what a referral must carry; names folded
  std::vector<ReadRecord> addresses;  // what else may stand in additional; names folded
};

/// The right reply, without size limits.
/// @param qname  wire form, any case.
Expected AskOracle(const control::Model& model, const std::string& qname, std::uint16_t qtype);

}  // namespace holdfast::test
