// Immutable blobs of an image, kept once per content and counted: rrset images, tables of rrsets,
// long names, tables of proofs. Also renders an ImageSpec into its octets. Control core only.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "control/compile/compiled.h"
#include "control/publish/image_writer.h"
#include "control/publish/open_table.h"

namespace holdfast::control {

enum class BlobKind : std::uint8_t { kImage, kRrsetTable, kName, kOrdered };

/// What an image refers to, where that lies.
struct ImageLeads {
  std::uint32_t sigs_at = 0;
  std::size_t additionals = 0;
  std::array<table::AdditionalRef, table::kMaxAdditional> additional{};
};

class Blobs {
 public:
  /// Told when a blob that goes away referred to a pool.
  using ReleasePool = std::function<void(std::uint32_t pool_at)>;
  /// Finds a pool's slot and counts the reference; 0 when there is no such pool.
  using UsePool = std::function<std::uint32_t(const RuleDigest&)>;

  Blobs(ImageWriter& writer, UsePool use_pool, ReleasePool release_pool)
      : writer_(writer), use_pool_(std::move(use_pool)), release_pool_(std::move(release_pool)) {}

  /// An image whose octets do not depend on where other things lie.
  [[nodiscard]] static bool LeadsNowhere(const ImageSpec& spec) noexcept {
    return spec.additional.empty() && spec.sigs == nullptr;
  }
  /// Image in steps, for such a spec, when there are several: each sends for what the next one
  /// reads, and the last is Place.
  static void PrefetchSpec(const ImageSpec& spec) noexcept;
  static void PrefetchWire(const ImageSpec& spec) noexcept;
  void Render(const ImageSpec& spec, std::string& octets) const;

  /// Each returns the offset with one reference counted for the caller, who gives it back with
  /// Release; kExhausted when the arena is full (nothing is counted then).
  Result<std::uint32_t> Image(const ImageSpec& spec);
  Result<std::uint32_t> Place(std::string_view rendered);
  /// Takes over the references that the entries hold.
  Result<std::uint32_t> RrsetTable(std::span<const table::RrsetEntry> entries);
  Result<std::uint32_t> Name(std::string_view folded);
  Result<std::uint32_t> Ordered(const CompiledOrder& order);

  /// Gives one reference back; the last one frees the blob at once, so the caller must know that no
  /// reader can reach it any more. A blob that is not found, since memory changed under us, stays
  /// with all that it refers to, and the writer remembers that the image is damaged.
  void Release(BlobKind kind, std::uint32_t at);
  void ReleaseEntry(const table::RrsetEntry& entry);

  /// While a new control walks an image: counts a reference to a blob found there.
  /// @return true at the first one (its own references are then to be followed).
  bool Adopt(BlobKind kind, std::uint32_t at);
  /// The blob there as it says itself; empty when that is not inside the image.
  [[nodiscard]] std::string_view OctetsAt(BlobKind kind, std::uint32_t at) const;
  /// Every blob's place, for the arena of a new control.
  void AppendExtents(std::vector<Extent>& used);
  [[nodiscard]] std::size_t size() const noexcept { return blobs_.size(); }

 private:
  // Where a blob lies and how often it is referred to.
  struct Blob {
    std::uint32_t at = 0;
    std::uint32_t hash = 0;  // of its content
    std::uint32_t references = 0;
    BlobKind kind = BlobKind::kImage;
  };
  /// @param octets  sealed. @return the offset and whether the blob is new.
  Result<std::pair<std::uint32_t, bool>> Intern(BlobKind kind, std::string_view octets);
  /// Null when it is not known. @param hash  of its content.
  Blob* Find(BlobKind kind, std::uint32_t at, std::uint32_t hash);
  Status Count(const ImageSpec& spec, ImageLeads& leads);
  void Release(const ImageLeads& leads);
  void ReleaseReferencesOf(BlobKind kind, std::string_view octets);

  ImageWriter& writer_;
  UsePool use_pool_;
  ReleasePool release_pool_;
  OpenTable<Blob> blobs_;
  std::string rendered_;  // working space of Image
};

}  // namespace holdfast::control
