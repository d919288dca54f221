// The rules behind routed names. Groups under the same rule (same records, checks, weights, TTLs,
// whatever their names) share one, told by its digest; a rule that is drawn from or fails over is a
// pool of the tables. Also knows which pools a check leads to. Made once per model, then only read.
// Control core only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/compile/clients.h"
#include "control/compile/compiled.h"
#include "control/compile/rows.h"
#include "control/model/model.h"

namespace holdfast::control {

using CheckIndex = std::uint32_t;
inline constexpr CheckIndex kNoCheck = 0xFFFFFFFF;  // always healthy
using RuleId = std::uint32_t;
inline constexpr RuleId kNoRule = 0xFFFFFFFF;

/// Health of every check at one moment: the snapshot a generation is compiled from.
class HealthBits {
 public:
  /// All of `checks` checks healthy: what one without a verdict counts as.
  explicit HealthBits(std::size_t checks) : words_((checks + 63) / 64, ~std::uint64_t{0}) {}
  [[nodiscard]] bool Healthy(CheckIndex check) const noexcept {
    return check == kNoCheck || ((words_[check / 64] >> (check % 64)) & 1U) != 0;
  }
  void Set(CheckIndex check, bool healthy) noexcept {
    const std::uint64_t bit = std::uint64_t{1} << (check % 64);
    words_[check / 64] = healthy ? words_[check / 64] | bit : words_[check / 64] & ~bit;
  }

 private:
  std::vector<std::uint64_t> words_;
};

enum class MemberKind : std::uint8_t {
  kImage = 0,
  kAlias = 1,   // go on with the rule `child`
  kMissing = 2  // alias to nothing, or back into its own path: NODATA when entered
};

/// One record set of a rule.
struct RuleMember {
  ImageSpecPtr image;  // kImage
  CheckIndex check = kNoCheck;
  RuleId child = kNoRule;  // kAlias
  MemberKind kind = MemberKind::kImage;
  // Weighted: 0..255; failover: 0 primary, 1 secondary; geoproximity: place by SetIdentifier, which
  // decides between equal distances.
  std::uint8_t weight = 0;
  bool evaluate_target_health = false;
  std::shared_ptr<const RecordLocation> where;  // set when the policy asks the client
};

struct Rule {
  RuleDigest digest;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint32_t memo = kNoRule;  // dense number among rules that are some alias's target
  std::uint16_t type = 0;
  Policy policy = Policy::kSimple;
  bool repeats = false;  // multivalue: two members hold the same record
  RuleRowsPtr rows;      // null: the client does not matter
  /// Rows that are decided apart, at least 1.
  [[nodiscard]] std::size_t RowCount() const noexcept {
    return rows == nullptr ? 1 : rows->client_of_row.size();
  }
};

/// What a rule is besides its members.
struct RuleKind {
  std::uint16_t type = 0;
  Policy policy = Policy::kSimple;
  DomainSources beyond;  // what its members' images may lead to asks (see Reach)
};

/// SHA-256 of what an image holds, cut to 128 bits.
RuleDigest DigestOf(const ImageSpec& image);

class Pools {
 public:
  /// @param location  null: nothing is known of any client.
  explicit Pools(std::span<const health::CheckConfig> checks,
                 std::shared_ptr<const LocationData> location = nullptr)
      : Pools(checks, std::make_shared<RowsMaker>(std::move(location))) {}
  /// @param rows  made so far, for rules of the same clients; used until this goes.
  Pools(std::span<const health::CheckConfig> checks, std::shared_ptr<RowsMaker> rows);
  Pools(const Pools&) = delete;
  Pools& operator=(const Pools&) = delete;

  /// Index of a check, or kNoCheck when the model has none of that id.
  [[nodiscard]] CheckIndex FindCheck(std::string_view id) const;
  [[nodiscard]] std::size_t checks() const noexcept { return check_ids_.size(); }
  [[nodiscard]] const std::string& CheckId(CheckIndex check) const { return check_ids_[check]; }

  /// The rule with these members, new or found. Members are kept in an order of their own, in
  /// failover groups the primary first.
  /// @param members  1..kMaxOutcomes; children were added before.
  /// @param order    unless null: for each member as kept, its place in `members`.
  /// @return kNoRule when it would tell more kinds of clients apart than a table can.
  RuleId Add(const RuleKind& kind,
             std::vector<RuleMember> members,
             std::vector<std::uint32_t>* order = nullptr);

  /// Ends the additions and builds the index from checks to pools.
  void Finish();

  /// The row of `target`, which a member of `rule` leads to, for the clients of a row of `rule`.
  [[nodiscard]] Row RowBelow(const Rule& rule, Row row, RuleId target) const {
    const RuleRows* below = rules_[target].rows.get();
    return below == nullptr || below->row_of_class.empty()
               ? Row{0}
               : RowIn(clients(), below, rule.rows->domain, rule.rows->client_of_row[row]);
  }
  [[nodiscard]] Clients& clients() const noexcept { return rows_->clients(); }

  [[nodiscard]] std::size_t size() const noexcept { return rules_.size(); }
  [[nodiscard]] std::size_t memos() const noexcept { return memos_; }
  [[nodiscard]] const Rule& rule(RuleId id) const noexcept { return rules_[id]; }
  [[nodiscard]] std::span<const RuleMember> Members(const Rule& rule) const noexcept {
    return std::span(members_).subspan(rule.first, rule.count);
  }
  /// Whether a rule has a pool slot: simple ones are a static image, or stand for their target.
  [[nodiscard]] bool IsPool(RuleId id) const noexcept {
    return rules_[id].policy != Policy::kSimple;
  }
  [[nodiscard]] RuleId Find(const RuleDigest& digest) const;

  /// What a name under rule `id` refers to; nothing for a simple alias that leads nowhere.
  [[nodiscard]] std::optional<AnswerRef> Answer(RuleId id) const;

  /// Pools whose decision may differ when these checks change, through aliases too, ascending
  /// (targets before those that lead to them). Cost: of what it finds.
  void Touched(std::span<const CheckIndex> checks, std::vector<RuleId>& out);

 private:
  std::optional<RuleRowsPtr> RowsFor(const RuleKind& kind,
                                     const std::vector<RuleMember>& members,
                                     const std::vector<std::uint32_t>& order);
  std::shared_ptr<RowsMaker> rows_;
  std::vector<std::string> check_ids_;
  std::unordered_map<std::string_view, CheckIndex> check_of_;
  std::vector<Rule> rules_;
  std::vector<RuleMember> members_;
  std::unordered_map<RuleDigest, RuleId, RuleDigestHash> by_digest_;
  std::size_t memos_ = 0;
  // Rows of a list of lists: row i is [start[i], start[i + 1]) of `item`.
  struct Lists {
    std::vector<std::uint32_t> start;
    std::vector<std::uint32_t> item;
  };
  Lists rules_of_check_;
  Lists parents_;
  std::vector<std::uint32_t> seen_;  // per rule: the search it was last found in
  std::uint32_t search_ = 0;
};

}  // namespace holdfast::control
