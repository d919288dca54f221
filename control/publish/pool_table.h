// The pools of an image as control knows them, found by the rule and by the place of the slot.
// Control core only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "control/compile/compiled.h"
#include "control/publish/open_table.h"

namespace holdfast::control {

class PoolTable {
 public:
  struct Pool {
    RuleDigest rule;
    std::uint32_t slot_at = 0;
    std::uint32_t references = 0;   // of records, tables, images and decisions
    std::uint32_t versions = 0;     // decisions that hang at the slot
    std::uint32_t decision_at = 0;  // the newest of them
  };

  // Each is null when there is none; what they return is valid until the next Add or Remove.
  [[nodiscard]] Pool* Find(const RuleDigest& rule) {
    const std::uint32_t number = NumberOf(rule);
    return number == 0 ? nullptr : &Numbered(number);
  }
  /// Of a pool, 1 or above, as long as it is here; 0: there is none of this rule.
  [[nodiscard]] std::uint32_t NumberOf(const RuleDigest& rule) {
    const Place* place = by_rule_.Find(
        HashOf(rule), [&](const Place& each) { return Numbered(each.at).rule == rule; });
    return place == nullptr ? 0 : place->at;
  }
  [[nodiscard]] Pool& Numbered(std::uint32_t number) { return pools_[number - 1]; }
  [[nodiscard]] Pool* At(std::uint32_t slot_at) {
    const Place* place = PlaceOf(slot_at);
    return place == nullptr ? nullptr : &Numbered(place->at);
  }
  /// Sends for what Find will look at first.
  void Prefetch(const RuleDigest& rule) const noexcept { by_rule_.Prefetch(HashOf(rule)); }

  /// A pool whose rule and slot are not here yet; but a damaged image may hold a rule twice: the
  /// first one is found by it then.
  Pool& Add(const Pool& pool) {
    if (free_.empty()) {
      pools_.emplace_back();
      free_.push_back(static_cast<std::uint32_t>(pools_.size()));
    }
    const std::uint32_t number = free_.back();
    free_.pop_back();
    if (Find(pool.rule) == nullptr) {
      by_rule_.Add({number, HashOf(pool.rule)});
    }
    by_slot_.Add({number, HashOf(pool.slot_at)});
    return Numbered(number) = pool;
  }
  void Remove(const Pool& pool) {
    const Place* place = PlaceOf(pool.slot_at);
    const std::uint32_t number = place->at;
    const std::uint32_t hash = HashOf(pool.rule);
    by_slot_.Remove(place);
    if (const Place* named =
            by_rule_.Find(hash, [number](const Place& each) { return each.at == number; })) {
      by_rule_.Remove(named);
    }
    Numbered(number) = {};
    free_.push_back(number);
  }
  [[nodiscard]] std::size_t size() const noexcept { return by_slot_.size(); }

 private:
  struct Place {
    std::uint32_t at = 0;  // in pools_, from 1
    std::uint32_t hash = 0;
  };
  static std::uint32_t HashOf(const RuleDigest& rule) noexcept {
    return static_cast<std::uint32_t>(rule.word[0]);
  }
  static std::uint32_t HashOf(std::uint32_t slot_at) noexcept { return slot_at * 0x9E3779B1U; }
  const Place* PlaceOf(std::uint32_t slot_at) {
    return by_slot_.Find(HashOf(slot_at),
                         [&](const Place& place) { return Numbered(place.at).slot_at == slot_at; });
  }

  OpenTable<Place> by_rule_;
  OpenTable<Place> by_slot_;
  std::vector<Pool> pools_;
  std::vector<std::uint32_t> free_;  // places in pools_ that nobody has, from 1
};

}  // namespace holdfast::control
