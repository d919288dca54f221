#include "control/publish/shared_blobs.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "dataplane/base/check.h"

namespace holdfast::control {

std::string_view SharedBlobs::OctetsAt(std::uint32_t at, std::uint64_t octets) const {
  return {writer_.At<char>(at), octets};
}

std::uint32_t SharedBlobs::FindSame(std::string_view octets, std::size_t hash) const {
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    if (OctetsAt(it->second, blobs_.at(it->second).octets) == octets) {
      return it->second;
    }
  }
  return 0;
}

Result<std::uint32_t> SharedBlobs::Use(const TableBlob& blob) {
  if (const auto known = by_source_.find(blob.get()); known != by_source_.end()) {
    ++blobs_.at(known->second).references;
    return known->second;
  }
  const std::size_t hash = std::hash<std::string_view>{}(*blob);
  std::uint32_t at = FindSame(*blob, hash);
  if (at == 0) {
    at = writer_.arena().Allocate(UnitsOf(blob->size()));
    if (at == 0) {
      return Fail(ErrorCode::kExhausted,
                  "the tables have no " + std::to_string(blob->size()) +
                      " octets in a row for where clients are, of " +
                      std::to_string(writer_.arena().free_units() * kOffsetUnit) +
                      " that are free; raise [tables] size");
    }
    auto* to = writer_.At<char>(at);
    std::ranges::copy(*blob, to);
    std::memset(to + blob->size(), 0, (UnitsOf(blob->size()) * kOffsetUnit) - blob->size());
    blobs_.emplace(at, Blob{.octets = blob->size(), .references = 0, .hash = hash, .source = {}});
    by_hash_.emplace(hash, at);
  }
  Blob& found = blobs_.at(at);
  ++found.references;
  by_source_.erase(found.source.get());
  found.source = blob;
  by_source_.emplace(blob.get(), at);
  return at;
}

void SharedBlobs::Release(std::uint32_t at) {
  const auto found = blobs_.find(at);
  HF_CHECK(found != blobs_.end() && found->second.references > 0);
  if (--found->second.references != 0) {
    return;
  }
  const auto [first, last] = by_hash_.equal_range(found->second.hash);
  for (auto it = first; it != last; ++it) {
    if (it->second == at) {
      by_hash_.erase(it);
      break;
    }
  }
  by_source_.erase(found->second.source.get());
  writer_.arena().Free(at, UnitsOf(found->second.octets));
  blobs_.erase(found);
}

void SharedBlobs::Adopt(std::uint32_t at, std::uint64_t octets) {
  const auto [place, fresh] = blobs_.try_emplace(at);
  ++place->second.references;
  if (fresh) {
    place->second.octets = octets;
    place->second.hash = std::hash<std::string_view>{}(OctetsAt(at, octets));
    by_hash_.emplace(place->second.hash, at);
  }
}

void SharedBlobs::AppendExtents(std::vector<Extent>& used) const {
  for (const auto& [at, blob] : blobs_) {
    used.push_back({at, UnitsOf(blob.octets)});
  }
}

}  // namespace holdfast::control
