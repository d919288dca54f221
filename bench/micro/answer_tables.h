// Tables and queries for the answer bench: random names below bench.test., compiled and published
// as production does it, and a ring of query messages for them.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "control/model/model.h"
#include "control/publish/publisher.h"
#include "dataplane/table/view.h"

namespace holdfast::bench {

struct LoadKind {
  std::size_t names = 1;  // below a two-label zone, labels of 6-16 letters, one A record each
  bool exist = true;      // what is asked for; else names of the same form that are not there
  // Each name has a rule of its own: three weighted records, ten multivalue ones, or ten places and
  // the default among 250 classes of clients in 100,000 networks (IP-based: among 1,000 blocks).
  control::Policy policy = control::Policy::kSimple;
  bool cookies = false;  // each query has EDNS and a client cookie
  bool operator==(const LoadKind&) const = default;
};

class Load {
 public:
  /// Stops the program with a sentence when the tables cannot be made.
  /// @param more  publishes what else is wanted. `tools/bench guard` builds this file with older
  ///              commits too, which know nothing of what is new.
  using More = std::function<void(control::Publisher&)>;
  explicit Load(const LoadKind& kind, const More& more = {});
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  [[nodiscard]] table::Snapshot snapshot() const;
  /// What is filled of the image.
  [[nodiscard]] std::size_t used_octets() const noexcept { return used_octets_; }
  /// Type A, uniform over the names, half of them with EDNS; a power of two of them. They lie one
  /// behind the other, so that the copy is measured and no misses of the bench's own.
  [[nodiscard]] const std::vector<std::string_view>& queries() const noexcept { return queries_; }
  /// Puts other messages in place of them, as many.
  void Replace(const std::vector<std::string>& messages);
  /// Who asks, as a Job says it: IPv4, uniform over those networks; a power of two of them.
  using Client = std::array<std::byte, 16>;
  [[nodiscard]] const std::vector<Client>& clients() const noexcept { return clients_; }

 private:
  void Publish(const std::vector<std::string>& labels, const LoadKind& kind, const More& more);

  std::byte* image_ = nullptr;  // a copy in memory of its own, on huge pages where the kernel gives
  std::size_t image_octets_ = 0;  // them: production's image lies in hugetlbfs
  std::size_t used_octets_ = 0;
  Generation generation_;
  std::string octets_;  // of the queries, one behind the other
  std::vector<std::string_view> queries_;
  std::vector<Client> clients_;
};

}  // namespace holdfast::bench
