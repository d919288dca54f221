#include "control/publish/blobs.h"

#include <algorithm>

#include "dataplane/base/check.h"
#include "dataplane/table/hash.h"

namespace holdfast::control {
namespace {

using table::RrsetEntry;
using table::RrsetKind;

// Content hash of a blob; only control's memory depends on it.
std::uint32_t ContentHash(BlobKind kind, std::string_view octets) {
  const std::uint64_t hash = std::hash<std::string_view>{}(octets);
  return static_cast<std::uint32_t>(hash >> 32U) ^ static_cast<std::uint32_t>(hash) ^
         (static_cast<std::uint32_t>(kind) << 28U);
}

template <class T>
void Append(std::string& to, const T& value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// Every blob starts with the checksum of what follows it.
void Seal(std::string& blob) {
  const std::uint32_t crc =
      table::Crc32c(blob.data() + sizeof(std::uint32_t), blob.size() - sizeof(std::uint32_t));
  std::memcpy(blob.data(), &crc, sizeof(crc));
}

}  // namespace

std::uint16_t OnesComplementSum(std::string_view octets) noexcept {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const auto octet = static_cast<unsigned char>(octets[i]);
    sum += i % 2 == 0 ? std::uint64_t{octet} << 8U : octet;
  }
  while (sum >> 16U != 0) {
    sum = (sum & 0xFFFFU) + (sum >> 16U);
  }
  return static_cast<std::uint16_t>(sum);
}

Result<std::pair<std::uint32_t, bool>> Blobs::Intern(BlobKind kind, std::string_view octets) {
  const std::uint32_t hash = ContentHash(kind, octets);
  const auto same = [&](const BlobTable::Blob& blob) {
    return blob.kind == kind && OctetsOf(kind, blob.at) == octets.size() &&
           std::memcmp(writer_.At<char>(blob.at), octets.data(), octets.size()) == 0;
  };
  if (auto* blob = blobs_.Find(hash, same)) {
    ++blob->references;
    return std::pair(blob->at, false);
  }
  const std::uint32_t at = writer_.arena().Allocate(UnitsOf(octets.size()));
  if (at == 0) {
    return Fail(ErrorCode::kExhausted, "the tables are full; raise [tables] size");
  }
  auto* to = writer_.At<char>(at);
  std::memcpy(to, octets.data(), octets.size());
  std::memset(to + octets.size(), 0, (UnitsOf(octets.size()) * kOffsetUnit) - octets.size());
  blobs_.Add({at, hash, 1, kind});
  return std::pair(at, true);
}

Result<std::uint32_t> Blobs::Image(const ImageSpec& spec) {
  auto octets = Render(spec);
  if (!octets) {
    return std::unexpected(octets.error());
  }
  const auto placed = Intern(BlobKind::kImage, *octets);
  if (!placed || !placed->second) {
    // Not placed, or there already with references of its own.
    ReleaseReferencesOf(BlobKind::kImage, reinterpret_cast<const std::byte*>(octets->data()));
  }
  return placed ? Result<std::uint32_t>(placed->first) : std::unexpected(placed.error());
}

Result<std::uint32_t> Blobs::RrsetTable(std::span<const RrsetEntry> entries) {
  std::string blob;
  Append(blob, table::RrsetTable{0, static_cast<std::uint32_t>(entries.size())});
  for (const RrsetEntry& entry : entries) {
    Append(blob, entry);
  }
  Seal(blob);
  const auto placed = Intern(BlobKind::kRrsetTable, blob);
  if (!placed || !placed->second) {
    std::ranges::for_each(entries, [this](const RrsetEntry& entry) { ReleaseEntry(entry); });
  }
  return placed ? Result<std::uint32_t>(placed->first) : std::unexpected(placed.error());
}

Result<std::uint32_t> Blobs::Name(std::string_view folded) {
  std::string blob(table::kNameBlobName, '\0');
  const auto octets = static_cast<std::uint16_t>(folded.size());
  std::memcpy(blob.data() + offsetof(table::NameBlob, octets), &octets, sizeof(octets));
  blob += folded;
  Seal(blob);
  const auto placed = Intern(BlobKind::kName, blob);
  return placed ? Result<std::uint32_t>(placed->first) : std::unexpected(placed.error());
}

Result<std::string> Blobs::Render(const ImageSpec& spec) {
  HF_CHECK(!spec.record_ends.empty() && spec.wire.size() <= 65535 &&
           spec.record_ends.size() <= 65535 && spec.relocations.size() <= 65535 &&
           spec.additional.size() <= table::kMaxAdditional);
  table::RrImage image{};
  image.octets = static_cast<std::uint16_t>(spec.wire.size());
  image.records = static_cast<std::uint16_t>(spec.record_ends.size());
  image.type = spec.type;
  image.sum = OnesComplementSum(spec.wire);
  image.ttl = spec.ttl;
  image.kind = spec.kind;
  image.additional = static_cast<std::uint8_t>(spec.additional.size());
  image.relocations = static_cast<std::uint16_t>(spec.relocations.size());
  image.authority = spec.authority;
  image.required = spec.required;
  std::string blob;
  Append(blob, image);
  for (const AdditionalSpec& additional : spec.additional) {
    table::AdditionalRef ref{};
    ref.type = additional.type;
    ref.name_at = additional.name_at;
    if (const auto* pool = std::get_if<RuleDigest>(&additional.answer)) {
      ref.kind = RrsetKind::kPool;
      ref.at = use_pool_(*pool);
      HF_CHECK(ref.at != 0);
    } else {
      ref.kind = RrsetKind::kImage;
      const auto at = Image(*std::get<ImageSpecPtr>(additional.answer));
      if (!at) {
        // The references gathered so far stand in `blob` behind a header that counts all of them.
        image.additional =
            static_cast<std::uint8_t>((blob.size() - sizeof(image)) / sizeof(table::AdditionalRef));
        std::memcpy(blob.data(), &image, sizeof(image));
        ReleaseReferencesOf(BlobKind::kImage, reinterpret_cast<const std::byte*>(blob.data()));
        return std::unexpected(at.error());
      }
      ref.at = *at;
    }
    Append(blob, ref);
  }
  for (const table::Relocation& relocation : spec.relocations) {
    Append(blob, relocation);
  }
  if (spec.record_ends.size() > 1) {
    for (const std::uint16_t end : spec.record_ends) {
      Append(blob, end);
    }
  }
  blob += spec.wire;
  Seal(blob);
  return blob;
}

std::size_t Blobs::OctetsOf(BlobKind kind, std::uint32_t at) {
  switch (kind) {
    case BlobKind::kImage: {
      const auto& image = *writer_.At<table::RrImage>(at);
      return sizeof(image) + (image.additional * sizeof(table::AdditionalRef)) +
             (image.relocations * sizeof(table::Relocation)) +
             (image.records > 1 ? image.records * sizeof(std::uint16_t) : 0U) + image.octets;
    }
    case BlobKind::kRrsetTable:
      return sizeof(table::RrsetTable) +
             (writer_.At<table::RrsetTable>(at)->count * sizeof(RrsetEntry));
    case BlobKind::kName:
      return table::kNameBlobName + writer_.At<table::NameBlob>(at)->octets;
  }
  return 0;
}

BlobTable::Blob* Blobs::Find(BlobKind kind, std::uint32_t at, std::uint32_t& hash) {
  hash = ContentHash(kind, {writer_.At<char>(at), OctetsOf(kind, at)});
  return blobs_.Find(hash, [at](const BlobTable::Blob& blob) { return blob.at == at; });
}

void Blobs::Release(BlobKind kind, std::uint32_t at) {
  std::uint32_t hash = 0;
  auto* blob = Find(kind, at, hash);
  HF_CHECK(blob != nullptr);
  if (--blob->references == 0) {
    const std::uint32_t units = UnitsOf(OctetsOf(kind, at));
    blobs_.Remove(blob);
    ReleaseReferencesOf(kind, writer_.At<std::byte>(at));
    writer_.arena().Free(at, units);
  }
}

void Blobs::ReleaseEntry(const RrsetEntry& entry) {
  if (entry.kind == RrsetKind::kPool) {
    release_pool_(entry.at);
  } else {
    Release(entry.kind == RrsetKind::kTable ? BlobKind::kRrsetTable : BlobKind::kImage, entry.at);
  }
}

void Blobs::ReleaseReferencesOf(BlobKind kind, const std::byte* octets) {
  if (kind == BlobKind::kImage) {
    const auto image = LoadAs<table::RrImage>(octets);
    for (unsigned i = 0; i < image.additional; ++i) {
      const auto ref =
          LoadAs<table::AdditionalRef>(octets + sizeof(image) + (i * sizeof(table::AdditionalRef)));
      ReleaseEntry({ref.type, ref.kind, 0, ref.at});
    }
  } else if (kind == BlobKind::kRrsetTable) {
    const auto count = LoadAs<table::RrsetTable>(octets).count;
    for (unsigned i = 0; i < count; ++i) {
      ReleaseEntry(
          LoadAs<RrsetEntry>(octets + sizeof(table::RrsetTable) + (i * sizeof(RrsetEntry))));
    }
  }
}

bool Blobs::Adopt(BlobKind kind, std::uint32_t at) {
  std::uint32_t hash = 0;
  if (auto* blob = Find(kind, at, hash)) {
    ++blob->references;
    return false;
  }
  blobs_.Add({at, hash, 1, kind});
  return true;
}

void Blobs::AppendExtents(std::vector<Extent>& used) {
  blobs_.ForEach([&](const BlobTable::Blob& blob) {
    used.push_back({blob.at, UnitsOf(OctetsOf(blob.kind, blob.at))});
  });
}

}  // namespace holdfast::control
