// The answers that a rule permits to one kind of client, with their exact shares: what explain
// shows and plan compares. Goes through the folding that decisions are made with. Control core's
// workers.
#pragma once

#include <cstdint>
#include <map>
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

/// What rules answer to the clients of one class.
class PermittedTo {
 public:
  /// All outlive this; `decider` has begun. @param domain  of all that the rules ask, or kNoDomain.
  PermittedTo(
      Pools& pools, Decider& decider, std::string_view origin, DomainId domain, ClientClass client)
      : pools_(pools), decider_(decider), origin_(origin), domain_(domain), client_(client) {}

  [[nodiscard]] Row RowOf(RuleId rule) const {
    return RowIn(pools_.clients(), pools_.rule(rule).rows.get(), domain_, client_);
  }
  /// What the decision of `rule`, and those it goes on with, can answer. Valid while this is.
  const Permitted& Of(RuleId rule);
  /// Whether the rule of last resort fired on a way that was looked at.
  [[nodiscard]] bool last_resort() const noexcept { return last_resort_; }

 private:
  Pools& pools_;
  Decider& decider_;
  std::string_view origin_;
  DomainId domain_;
  ClientClass client_;
  bool last_resort_ = false;
  std::map<RuleId, Permitted> known_;
};

}  // namespace holdfast::control
