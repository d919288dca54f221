// A new control takes over an image that another one left, at whatever store it died: takes back
// what was never published, finds everything that is reachable, and so learns what is free.
#pragma once

#include <span>
#include <vector>

#include "control/publish/publisher.h"

namespace holdfast::control {

class Recovery {
 public:
  explicit Recovery(Publisher& publisher)
      : p_(publisher), view_(publisher.writer_->view()), g_(publisher.generation()) {}
  /// kInvalid when something reachable does not lie where it can be read: the image is damaged and
  /// must be built anew. Nothing that a reader of the published generation sees is changed.
  Status Run();

 private:
  using Kind = Publisher::Kind;
  Status AdoptIndex();
  Status AdoptRecord(std::uint32_t at);
  Status AdoptEntry(const table::RrsetEntry& entry);
  Status AdoptImage(std::uint32_t at);
  Status AdoptPool(std::uint32_t slot_at);
  Status AdoptDecision(std::uint32_t at);
  Status AdoptShared(std::uint32_t at, std::uint64_t octets, const char* what);
  Status AdoptZone(std::uint32_t slot_at, std::uint32_t record_at);
  Status AdoptZoneVersion(std::uint32_t at);
  Status AdoptOrdered(std::uint32_t at);
  Status AdoptHealth();
  Status AdoptSettings();
  template <class V, class Each>
  Status AdoptVersions(std::atomic<std::uint32_t>& newest,
                       Kind kind,
                       std::uint32_t owner,
                       Each each);
  [[nodiscard]] bool NameReadable(const table::NameRecord& record) const;
  void TakeBack(table::HealthEntry& entry) const;
  static bool HealthReadable(std::span<const table::HealthEntry> entries);
  void Take(std::uint32_t at, std::size_t octets) { used_.push_back({at, UnitsOf(octets)}); }
  static std::unexpected<Error> Damaged(const char* what, std::uint32_t at);

  Publisher& p_;
  table::View view_;
  Generation g_;
  std::vector<Extent> used_;
  std::vector<Publisher::Waiting> waiting_;
  std::unordered_map<std::uint32_t, std::string> origins_;  // ZoneSlot -> origin
  unsigned depth_ = 0;
};

}  // namespace holdfast::control
