// Row maps and location tables of an image: immutable, some of them large, each referred to by many
// decisions. Kept once per content and counted by place, so that taking and giving back a reference
// never reads one again. Control core only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/compile/compiled.h"
#include "control/publish/image_writer.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

class SharedBlobs {
 public:
  explicit SharedBlobs(ImageWriter& writer) : writer_(writer) {}

  /// The place of `blob`, put into the image when nothing of the same octets is there, with one
  /// reference counted for the caller. @return kExhausted when the arena is full.
  Result<std::uint32_t> Use(const TableBlob& blob);
  /// Gives one reference back; the last one frees the blob at once, so the caller must know that no
  /// reader can reach it any more.
  void Release(std::uint32_t at);
  /// While a new control walks an image: counts a reference to a blob found there.
  /// @param octets  of it, all inside the image.
  void Adopt(std::uint32_t at, std::uint64_t octets);
  /// Whether Adopt has seen a blob at `at`.
  [[nodiscard]] bool Knows(std::uint32_t at) const { return blobs_.contains(at); }
  /// Every blob's place, for the arena of a new control.
  void AppendExtents(std::vector<Extent>& used) const;
  [[nodiscard]] std::size_t size() const noexcept { return blobs_.size(); }

 private:
  struct Blob {
    std::uint64_t octets = 0;
    std::uint32_t references = 0;
    std::size_t hash = 0;
    TableBlob source;  // what it was last asked for as, so that its address stays taken
  };
  [[nodiscard]] std::string_view OctetsAt(std::uint32_t at, std::uint64_t octets) const;
  [[nodiscard]] std::uint32_t FindSame(std::string_view octets, std::size_t hash) const;

  ImageWriter& writer_;
  std::unordered_map<std::uint32_t, Blob> blobs_;                    // by place
  std::unordered_multimap<std::size_t, std::uint32_t> by_hash_;      // of the content
  std::unordered_map<const std::string*, std::uint32_t> by_source_;  // of Blob::source
};

}  // namespace holdfast::control
