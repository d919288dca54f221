// Record sets of a zone put together into groups, one for each (name, type), and the questions that
// the rules and the lint ask of them. Pure; control core only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/model/folded.h"
#include "control/model/model.h"

namespace holdfast::control {

/// Which rrset or group: a name in wire form (letter case does not matter) and a type.
struct NameType {
  std::string_view name;
  std::uint16_t type = 0;
};
struct NameTypeHash {
  std::size_t operator()(const NameType& key) const {  // not noexcept: see FoldedHash
    return (FoldedHash{}(key.name) * 31) + key.type;
  }
};
struct NameTypeEqual {
  bool operator()(const NameType& a, const NameType& b) const noexcept {
    return a.type == b.type && FoldedEqual{}(a.name, b.name);
  }
};

/// Record sets of one (name, type), in the order of the file; never empty. Points into the zone.
using RecordGroup = std::vector<const RecordSet*>;

/// All groups of a zone in the order of their first record set. Valid while the zone is unchanged.
class RecordGroups {
 public:
  explicit RecordGroups(const Zone& zone);
  /// The place of a group in All(), or kNone.
  [[nodiscard]] std::size_t Find(const NameType& key) const;
  [[nodiscard]] const std::vector<RecordGroup>& All() const noexcept { return groups_; }
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

 private:
  std::vector<RecordGroup> groups_;
  std::unordered_map<NameType, std::size_t, NameTypeHash, NameTypeEqual> places_;
};

/// "www.example.test. A"; for the hidden group of a traffic policy what people call it.
std::string GroupText(const RecordSet& record);

/// "record 'www.example.test. A' (SetIdentifier 'b')".
std::string RecordText(const RecordSet& record);

/// Which clients a record set is for: "region eu-west-1", "location US-NY", "continent EU", "CIDR
/// location office"; empty when its policy does not ask. No two record sets of a group may say the
/// same.
std::string WhereText(const RecordSet& record);

/// "weighted".
const char* PolicyText(Policy policy) noexcept;

/// "www.example.test. A".
std::string NameTypeText(std::string_view name, std::uint16_t type);

}  // namespace holdfast::control
