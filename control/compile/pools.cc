#include "control/compile/pools.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <unordered_set>

#include "control/compile/octets.h"
#include "control/model/digest.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/check.h"

namespace holdfast::control {
namespace {

RuleDigest DigestOf(std::string_view octets) {
  thread_local Sha256 sha256;
  sha256.Add(octets);
  return LoadAs<RuleDigest>(sha256.Finish().data());
}

void AppendDigest(std::string& out, const AnswerRef& answer) {
  out += static_cast<char>(answer.index());
  if (const auto* image = std::get_if<ImageSpecPtr>(&answer)) {
    Append(out, DigestOf(**image).word);
  } else {
    Append(out, std::get<RuleDigest>(answer).word);
  }
}

// Octets that two members have in common only when they act alike in every state of health.
std::string Canonical(const RuleMember& member,
                      std::span<const Rule> rules,
                      std::span<const std::string> check_ids) {
  std::string out;
  out += static_cast<char>(member.weight);
  if (member.where != nullptr) {
    Append(out, *member.where);
  }
  out += static_cast<char>(member.kind);
  out += static_cast<char>(member.evaluate_target_health ? 1 : 0);
  const std::string_view check =
      member.check == kNoCheck ? std::string_view{} : check_ids[member.check];
  Append(out, static_cast<std::uint16_t>(check.size()));
  out += check;
  if (member.kind == MemberKind::kImage) {
    Append(out, DigestOf(*member.image).word);
  } else if (member.kind == MemberKind::kAlias) {
    Append(out, rules[member.child].digest.word);
  }
  return out;
}

// Whether two images hold the same record, TTLs apart.
bool Repeats(std::span<const RuleMember> members) {
  std::unordered_set<std::string_view> seen;
  for (const auto& member : members) {
    std::size_t start = 0;
    for (const std::size_t end : member.image->record_ends) {
      constexpr std::size_t kBeforeRdlength = 10;
      const auto record = std::string_view(member.image->wire).substr(start, end - start);
      if (!seen.insert(record.substr(kBeforeRdlength)).second) {
        return true;
      }
      start = end;
    }
  }
  return false;
}

}  // namespace

RuleDigest DigestOf(const ImageSpec& image) {
  std::string out;
  out.reserve(image.wire.size() + 64);
  Append(out, image.type);
  Append(out, image.ttl);
  Append(out, static_cast<std::uint32_t>(image.wire.size()));
  out += image.wire;
  for (const auto end : image.record_ends) {
    Append(out, end);
  }
  for (const auto& relocation : image.relocations) {
    Append(out, relocation.at);
    Append(out, relocation.code);
  }
  for (const auto& extra : image.additional) {
    Append(out, extra.type);
    Append(out, extra.name_at);
    AppendDigest(out, extra.answer);
  }
  return DigestOf(out);
}

Pools::Pools(std::span<const health::CheckConfig> checks, std::shared_ptr<RowsMaker> rows)
    : rows_(std::move(rows)) {
  check_ids_.reserve(checks.size());
  for (const auto& check : checks) {
    check_ids_.push_back(check.id);
    check_of_.emplace(check_ids_.back(), static_cast<CheckIndex>(check_ids_.size() - 1));
  }
}

CheckIndex Pools::FindCheck(std::string_view id) const {
  const auto found = check_of_.find(id);
  return found == check_of_.end() ? kNoCheck : found->second;
}

RuleId Pools::Add(const RuleKind& kind,
                  std::vector<RuleMember> members,
                  std::vector<std::uint32_t>* order) {
  HF_CHECK(!members.empty() && members.size() <= table::kMaxOutcomes);
  std::vector<std::string> canonical(members.size());
  std::ranges::transform(members, canonical.begin(), [&](const RuleMember& member) {
    return Canonical(member, rules_, check_ids_);
  });
  std::vector<std::uint32_t> sorted(members.size());
  std::iota(sorted.begin(), sorted.end(), 0U);
  std::ranges::stable_sort(
      sorted, {}, [&](std::uint32_t i) -> const std::string& { return canonical[i]; });
  std::string octets;
  Append(octets, kind.type);
  octets += static_cast<char>(kind.policy);
  for (const auto i : sorted) {
    Append(octets, static_cast<std::uint16_t>(canonical[i].size()));
    octets += canonical[i];
  }
  octets += clients().NameOf(kind.beyond);
  const RuleDigest digest = DigestOf(octets);
  if (order != nullptr) {
    *order = sorted;
  }
  if (const auto found = by_digest_.find(digest); found != by_digest_.end()) {
    return found->second;
  }
  const auto rows = RowsFor(kind, members, sorted);
  if (!rows) {
    return kNoRule;
  }
  const auto id = static_cast<RuleId>(rules_.size());
  by_digest_.emplace(digest, id);
  rules_.push_back({.digest = digest,
                    .first = static_cast<std::uint32_t>(members_.size()),
                    .count = static_cast<std::uint32_t>(members.size()),
                    .type = kind.type,
                    .policy = kind.policy,
                    .repeats = kind.policy == Policy::kMultivalue && Repeats(members),
                    .rows = *rows});
  for (const auto i : sorted) {
    members_.push_back(std::move(members[i]));
  }
  return id;
}

std::optional<RuleRowsPtr> Pools::RowsFor(const RuleKind& kind,
                                          const std::vector<RuleMember>& members,
                                          const std::vector<std::uint32_t>& order) {
  std::vector<RowsMember> kept;
  kept.reserve(members.size());
  for (const auto i : order) {
    const RuleMember& member = members[i];
    kept.push_back(
        {.where = member.where.get(),
         .target = member.kind == MemberKind::kAlias ? rules_[member.child].rows : nullptr,
         .evaluate_target_health = member.evaluate_target_health,
         .always_healthy = member.check == kNoCheck &&
                           (member.kind == MemberKind::kImage || !member.evaluate_target_health)});
  }
  return rows_->Make(kind.policy, kept, kind.beyond);
}

RuleId Pools::Find(const RuleDigest& digest) const {
  const auto found = by_digest_.find(digest);
  return found == by_digest_.end() ? kNoRule : found->second;
}

std::optional<AnswerRef> Pools::Answer(RuleId id) const {
  while (!IsPool(id)) {
    const auto& member = members_[rules_[id].first];
    if (member.kind == MemberKind::kImage) {
      return member.image;
    }
    if (member.kind == MemberKind::kMissing) {
      return std::nullopt;
    }
    id = member.child;
  }
  return rules_[id].digest;
}

void Pools::Finish() {
  // Two passes over all (row, item) pairs: the first counts the rows, the second fills them.
  const auto fill = [this](Lists& lists, std::size_t rows, auto row_of) {
    lists.start.assign(rows + 1, 0);
    for (const auto& member : members_) {
      if (const auto row = row_of(member); row != kNoRule) {
        ++lists.start[row + 1];
      }
    }
    std::partial_sum(lists.start.begin(), lists.start.end(), lists.start.begin());
    lists.item.resize(lists.start.back());
    std::vector<std::uint32_t> next(lists.start.begin(), lists.start.end() - 1);
    for (RuleId id = 0; id < rules_.size(); ++id) {
      for (const auto& member : Members(rules_[id])) {
        if (const auto row = row_of(member); row != kNoRule) {
          lists.item[next[row]++] = id;
        }
      }
    }
  };
  static_assert(kNoCheck == kNoRule);
  fill(rules_of_check_, checks(), [](const RuleMember& member) { return member.check; });
  fill(parents_, rules_.size(), [](const RuleMember& member) { return member.child; });
  memos_ = 0;
  for (RuleId id = 0; id < rules_.size(); ++id) {
    const bool is_child = parents_.start[id] != parents_.start[id + 1];
    rules_[id].memo = is_child ? static_cast<std::uint32_t>(memos_++) : kNoRule;
  }
  seen_.assign(rules_.size(), 0);
  search_ = 0;
}

void Pools::Touched(std::span<const CheckIndex> checks, std::vector<RuleId>& out) {
  out.clear();
  if (++search_ == 0) {
    std::ranges::fill(seen_, 0U);
    search_ = 1;
  }
  std::vector<RuleId> found;
  const auto take = [&](const Lists& lists, std::uint32_t row) {
    for (std::uint32_t i = lists.start[row]; i < lists.start[row + 1]; ++i) {
      if (seen_[lists.item[i]] != search_) {
        seen_[lists.item[i]] = search_;
        found.push_back(lists.item[i]);
      }
    }
  };
  for (const auto check : checks) {
    if (check != kNoCheck) {
      take(rules_of_check_, check);
    }
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    take(parents_, found[i]);
  }
  std::ranges::copy_if(found, std::back_inserter(out), [this](RuleId id) { return IsPool(id); });
  if (!std::ranges::is_sorted(out)) {  // those of one check are
    std::ranges::sort(out);
  }
}

}  // namespace holdfast::control
