// What each (name, type) of a zone answers with: images of static rrsets, rules of groups of record
// sets, aliases resolved inside the zone, addresses that belong beside. Called by the zone compiler
// and by explain; control core only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "control/compile/compiled.h"
#include "control/compile/pools.h"
#include "control/compile/reach.h"
#include "control/compile/zone_index.h"
#include "control/model/model.h"
#include "control/model/rules.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// Most groups on one way from a name to a record, aliases followed (spec/routing.md section 5).
inline constexpr unsigned kMaxAliasDepth = kMaxAliasSteps + 1;
static_assert(kMaxAliasDepth <= table::kMaxSteps);
/// Most groups visited for one name whose aliases lead back into their own path; what lies beyond
/// counts as missing. Loops are refused where records are written, so this only bounds the work.
inline constexpr unsigned kMaxLoopVisits = 10000;

class Groups {
 public:
  /// All are referred to while this lives. Sentences on what was found odd go to `warnings`.
  Groups(const Zone& zone,
         const ZoneIndex& index,
         Pools& pools,
         const Reach& reach,
         std::vector<std::string>& warnings);

  /// What entry `at` of the index answers with; nothing when no record can ever be found (an alias
  /// to nothing). Static and simple entries give an image, NS at a cut its referral.
  std::optional<AnswerRef> Answer(std::uint32_t at);

  /// The one record of entry `at` when it is an A record that needs nothing beside it.
  [[nodiscard]] std::optional<table::InlineAddress> Address(std::uint32_t at) const;

  /// The rule of entry `at`, as an alias to it sees it.
  RuleId RuleOf(std::uint32_t at);

  /// The entry an alias leads to, or kNoIndex.
  [[nodiscard]] std::uint32_t TargetOf(const RecordSet& set) const;

  /// From here on, remembers how record sets became members: see OrderOf.
  void KeepOrder() { keep_order_ = true; }
  /// For each member of `rule`, as made of entry `at`, its place in the entry's group.
  [[nodiscard]] const std::vector<std::uint32_t>* OrderOf(RuleId rule, std::uint32_t at) const;

  /// The first thing that could not be compiled, with its source.
  [[nodiscard]] Status status() const;

 private:
  struct Built {
    RuleId rule = kNoRule;
    std::uint8_t height = 1;   // groups on the longest way down
    bool clean = true;         // the same from every path
    bool names_owner = false;  // holds addresses of the name it is answered for
  };
  Built Build(std::uint32_t at);
  void FollowAlias(const RecordSet& set,
                   const AliasTarget& alias,
                   RuleMember& member,
                   Built& built);
  CheckIndex CheckOf(const RecordSet& set);
  [[nodiscard]] std::uint8_t PlaceByIdentifier(std::span<const std::uint32_t> group,
                                               const RecordSet& set) const;
  struct Records {
    std::uint32_t ttl;
    std::span<const std::string> rdata;
    const Source* source;
  };
  [[nodiscard]] ImageSpecPtr& Kept(std::uint32_t at);
  ImageSpecPtr Image(std::uint32_t at, const Records& records, std::uint32_t owner);
  [[nodiscard]] bool NamesOwner(std::uint32_t at, std::span<const std::string> rdata) const;
  ImageSpecPtr Render(std::uint32_t at,
                      std::uint32_t ttl,
                      std::span<const std::string> rdata,
                      std::uint32_t owner,
                      const Source& source);
  ImageSpecPtr Referral(std::uint32_t at);
  struct RoutedGlue {
    std::uint32_t entry;
    std::size_t record;  // which NS record names the server
  };
  bool AddRoutedGlue(ImageSpec& image,
                     std::uint32_t at,
                     const Source& source,
                     std::span<const RoutedGlue> glue);
  void AddBeside(ImageSpec& image, std::span<const std::string> rdata, std::uint32_t owner);
  bool AddAddresses(ImageSpec& image, std::uint32_t name, std::size_t name_at);
  [[nodiscard]] std::optional<Records> PlainRecords(std::uint32_t at) const;
  bool FormIsGood(const ZoneEntry& entry);
  void Refuse(const RecordSet& set, const std::string& what);
  void Refuse(const Source& source, const std::string& record, const std::string& what);
  [[nodiscard]] std::string EntryText(std::uint32_t at) const;

  const Zone& zone_;
  const ZoneIndex& index_;
  Pools& pools_;
  const Reach& reach_;
  std::vector<std::string>& warnings_;
  const bool signed_;
  std::optional<Error> error_;
  std::vector<ImageSpecPtr> images_;   // per entry, once there is one
  std::vector<RuleId> rules_;          // per entry: of roots, and of what is the same for all
  std::vector<std::uint8_t> heights_;  // per entry: of the latter, else 0
  // What is being built for one root.
  struct Walk {
    std::vector<std::uint32_t> path;
    unsigned visits = 0;
    std::map<std::uint32_t, Built> owned;  // by entry: clean, and with the root's own addresses
  };
  Walk walk_;
  bool keep_order_ = false;
  std::map<std::pair<RuleId, std::uint32_t>, std::vector<std::uint32_t>> orders_;
};

}  // namespace holdfast::control
