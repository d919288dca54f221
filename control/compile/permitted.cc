// See permitted.h.
#include "control/compile/permitted.h"

#include <algorithm>
#include <utility>

#include "control/compile/render.h"
#include "control/config/rdata.h"

namespace holdfast::control {
namespace {

// Some tens of megabytes.
constexpr std::size_t kMostKnownAnswers = 100'000;

}  // namespace

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

std::shared_ptr<const RuleAnswers> PermittedAnswers::Of(RuleId rule,
                                                        std::string_view origin,
                                                        DomainId domain,
                                                        ClientClass client) {
  const RuleRows* rows = pools_.rule(rule).rows.get();
  const DomainId own = rows == nullptr ? kNoDomain : rows->domain;
  if (own == kNoDomain) {
    client = 0;
  } else if (own != domain) {
    client = pools_.clients().Projection(domain, own)[client];
  }
  const auto key = std::tuple(rule, client, origin);
  if (const auto found = known_.find(key); found != known_.end()) {
    return found->second;
  }
  auto answers = WorkOut(rule, origin, own, client);
  known_answers_ += answers->permitted.size();
  if (known_answers_ > kMostKnownAnswers) {
    known_.clear();
    known_answers_ = answers->permitted.size();
  }
  known_.emplace(key, answers);
  return answers;
}

std::shared_ptr<const RuleAnswers> PermittedAnswers::WorkOut(RuleId rule,
                                                             std::string_view origin,
                                                             DomainId domain,
                                                             ClientClass client) {
  const Folded folded =
      decider_.Fold(rule, RowIn(pools_.clients(), pools_.rule(rule).rows.get(), domain, client));
  if (const auto& first = folded.outcomes.front(); folded.outcomes.size() == 1 &&
                                                   first.kind == table::OutcomeKind::kPool &&
                                                   !first.last_resort) {
    return Of(first.pool, origin, domain, client);
  }
  auto out = std::make_shared<RuleAnswers>();
  const auto add = [&](const PermittedAnswer& answer, const Share& share) {
    const auto [place, fresh] = out->permitted.try_emplace(answer, share);
    if (!fresh) {
      place->second += share;
    }
  };
  for (const auto& outcome : folded.outcomes) {
    out->last_resort |= outcome.last_resort;
    const Share share(outcome.numerator, folded.denominator);
    if (outcome.kind != table::OutcomeKind::kPool) {
      add(outcome.image == nullptr ? PermittedAnswer()
                                   : AnswerOf(*outcome.image, outcome.take, origin),
          share);
      continue;
    }
    const auto theirs = Of(outcome.pool, origin, domain, client);
    out->last_resort |= theirs->last_resort;
    for (const auto& [answer, part] : theirs->permitted) {
      Share product = part;
      add(answer, product *= share);
    }
  }
  return out;
}

}  // namespace holdfast::control
