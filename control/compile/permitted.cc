// See permitted.h.
#include "control/compile/permitted.h"

#include <algorithm>
#include <utility>

#include "control/compile/render.h"
#include "control/config/rdata.h"

namespace holdfast::control {

PermittedAnswer AnswerOf(const ImageSpec& image, unsigned take, std::string_view origin) {
  auto rdata = ImageRdata(image, origin);
  std::ranges::sort(rdata);
  return {image.ttl, take, std::move(rdata)};
}

std::vector<ExplainedAnswer> InWords(const Permitted& permitted, std::uint16_t type) {
  std::vector<ExplainedAnswer> out;
  for (const auto& [key, share] : permitted) {
    const auto& [ttl, take, rdata] = key;
    ExplainedAnswer answer{.share = share, .ttl = ttl, .take = take, .values = {}};
    for (const auto& each : rdata) {
      answer.values.push_back(RdataText(type, each));
    }
    out.push_back(std::move(answer));
  }
  return out;
}

const Permitted& PermittedTo::Of(RuleId rule) {
  if (const auto found = known_.find(rule); found != known_.end()) {
    return found->second;
  }
  Permitted out;
  const Folded folded = decider_.Fold(rule, RowOf(rule));
  for (const auto& outcome : folded.outcomes) {
    last_resort_ |= outcome.last_resort;
    const Share share(outcome.numerator, folded.denominator);
    if (outcome.kind == table::OutcomeKind::kPool) {
      for (const auto& [key, theirs] : Of(outcome.pool)) {
        Share part = theirs;
        out[key] += part *= share;
      }
      continue;
    }
    out[outcome.image == nullptr ? PermittedAnswer()
                                 : AnswerOf(*outcome.image, outcome.take, origin_)] += share;
  }
  return known_.emplace(rule, std::move(out)).first->second;
}

}  // namespace holdfast::control
