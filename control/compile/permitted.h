// The answers that a rule permits to one kind of client, with their exact shares: what explain
// shows and plan compares. Goes through the folding that decisions are made with. Control core's
// workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "control/compile/decide.h"
#include "control/compile/share.h"

namespace holdfast::control {

/// TTL, how many of the records are drawn (0: all), sorted rdata; no rdata: NODATA.
using PermittedAnswer = std::tuple<std::uint32_t, unsigned, std::vector<std::string>>;
/// Shares sum to 1.
using Permitted = std::map<PermittedAnswer, Share>;

/// @param image  of kind kRrset. @param origin  folded, of the image's zone.
PermittedAnswer AnswerOf(const ImageSpec& image, unsigned take, std::string_view origin);

struct ExplainedAnswer {
  Share share;
  std::uint32_t ttl = 0;
  unsigned take = 0;                // so many of the values, drawn per query; 0: all
  std::vector<std::string> values;  // text, sorted; none: NODATA
};
/// For people.
std::vector<ExplainedAnswer> InWords(const Permitted& permitted, std::uint16_t type);

/// What one rule, and those it goes on with, can answer to one class of clients.
struct RuleAnswers {
  Permitted permitted;
  bool last_resort = false;  // it fired on a way that was looked at
};

/// What rules answer under one state of health. Names share rules, and rules their targets: what
/// one answers to clients that it cannot tell apart is worked out once, as long as there is room to
/// keep it.
class PermittedAnswers {
 public:
  /// Both outlive this; `decider` has begun.
  PermittedAnswers(Pools& pools, Decider& decider) : pools_(pools), decider_(decider) {}

  /// @param origin  of the zone that the rule is of; outlives this. @param client  a class of
  /// `domain`, which is of all that the rule asks, or of more; kNoDomain when it asks nothing.
  std::shared_ptr<const RuleAnswers> Of(RuleId rule,
                                        std::string_view origin,
                                        DomainId domain,
                                        ClientClass client);

 private:
  std::shared_ptr<const RuleAnswers> WorkOut(RuleId rule,
                                             std::string_view origin,
                                             DomainId domain,
                                             ClientClass client);

  Pools& pools_;
  Decider& decider_;
  std::map<std::tuple<RuleId, ClientClass, std::string_view>, std::shared_ptr<const RuleAnswers>>
      known_;  // by the class in the rule's own domain
  std::size_t known_answers_ = 0;
};

}  // namespace holdfast::control
