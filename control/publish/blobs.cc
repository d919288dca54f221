#include "control/publish/blobs.h"

#include <algorithm>

#include "dataplane/base/check.h"
#include "dataplane/table/hash.h"
#include "dataplane/table/ordered.h"

namespace holdfast::control {
namespace {

using table::RrsetEntry;
using table::RrsetKind;

constexpr const char* kLostPool = "a pool that an rrset refers to is not in the tables";

table::Rule RuleOf(BlobKind kind) {
  switch (kind) {
    case BlobKind::kImage:
      return table::Rule::kImageChecksum;
    case BlobKind::kRrsetTable:
      return table::Rule::kTableChecksum;
    case BlobKind::kName:
      return table::Rule::kRecordName;
    case BlobKind::kOrdered:
      return table::Rule::kOrderedTable;
  }
  return table::Rule::kRecordRrsets;
}

// Every blob starts with the checksum of what follows it.
constexpr std::size_t kSealed = sizeof(std::uint32_t);

std::uint32_t ChecksumOf(std::string_view blob) {
  const std::string_view rest = blob.substr(std::min(kSealed, blob.size()));
  return table::Crc32c(rest.data(), rest.size());
}

void Seal(std::string& blob) {
  const std::uint32_t crc = ChecksumOf(blob);
  std::memcpy(blob.data(), &crc, sizeof(crc));
}

// Hash of a blob by the checksum of its content; spread, since the table goes by the upper bits.
std::uint32_t HashOf(BlobKind kind, std::uint32_t checksum) {
  return (checksum ^ (static_cast<std::uint32_t>(kind) << 28U)) * 0x9E3779B1U;
}

template <class T>
void Append(std::string& to, const T& value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// The octets of an image that leads there.
void Render(const ImageSpec& spec, const ImageLeads& leads, std::string& blob) {
  HF_CHECK(!spec.record_ends.empty() && spec.wire.size() <= 65535 &&
           spec.record_ends.size() <= 65535 && spec.relocations.size() <= 65535);
  table::RrImage image{};
  image.octets = static_cast<std::uint16_t>(spec.wire.size());
  image.records = static_cast<std::uint16_t>(spec.record_ends.size());
  image.kind = spec.kind;
  image.additional = static_cast<std::uint8_t>(leads.additionals);
  image.relocations = static_cast<std::uint16_t>(spec.relocations.size());
  image.sigs_at = leads.sigs_at;
  const bool is_referral = spec.kind == table::ImageKind::kReferral;
  const table::ReferralHead head{.authority = spec.authority, .required = spec.required};
  const std::size_t ends = spec.record_ends.size() > 1 ? spec.record_ends.size() : 0;
  blob.resize(sizeof(image) + (is_referral ? sizeof(head) : 0) +
              (leads.additionals * sizeof(table::AdditionalRef)) +
              (spec.relocations.size() * sizeof(table::Relocation)) +
              (ends * sizeof(std::uint16_t)) + spec.wire.size());
  char* to = blob.data();
  const auto put = [&to](const void* from, std::size_t octets) {
    if (octets != 0) {
      std::memcpy(to, from, octets);
      to += octets;
    }
  };
  put(&image, sizeof(image));
  put(&head, is_referral ? sizeof(head) : 0);
  put(leads.additional.data(), leads.additionals * sizeof(table::AdditionalRef));
  put(spec.relocations.data(), spec.relocations.size() * sizeof(table::Relocation));
  put(spec.record_ends.data(), ends * sizeof(std::uint16_t));
  put(spec.wire.data(), spec.wire.size());
  Seal(blob);
}

}  // namespace

Result<std::pair<std::uint32_t, bool>> Blobs::Intern(BlobKind kind, std::string_view octets) {
  const std::uint32_t hash = HashOf(kind, LoadAs<std::uint32_t>(octets.data()));
  const auto same = [&](const Blob& blob) {
    return blob.kind == kind && OctetsAt(kind, blob.at) == octets;
  };
  if (auto* blob = blobs_.Find(hash, same)) {
    ++blob->references;
    return std::pair(blob->at, false);
  }
  const std::uint32_t at = writer_.arena().Allocate(UnitsOf(octets.size()));
  if (at == 0) {
    return TablesFull();
  }
  auto* to = writer_.At<char>(at);
  std::memcpy(to, octets.data(), octets.size());
  std::memset(to + octets.size(), 0, (UnitsOf(octets.size()) * kOffsetUnit) - octets.size());
  blobs_.Add({at, hash, 1, kind});
  return std::pair(at, true);
}

void Blobs::PrefetchSpec(const ImageSpec& spec) noexcept {
  __builtin_prefetch(&spec);
  __builtin_prefetch(&spec.wire);
}

void Blobs::PrefetchWire(const ImageSpec& spec) noexcept {
  __builtin_prefetch(spec.wire.data());
}

void Blobs::Render(const ImageSpec& spec, std::string& octets) const {
  HF_CHECK(LeadsNowhere(spec));
  control::Render(spec, {}, octets);
  blobs_.Prefetch(HashOf(BlobKind::kImage, LoadAs<std::uint32_t>(octets.data())));
}

Result<std::uint32_t> Blobs::Place(std::string_view rendered) {
  const auto placed = Intern(BlobKind::kImage, rendered);
  return placed ? Result<std::uint32_t>(placed->first) : std::unexpected(placed.error());
}

Result<std::uint32_t> Blobs::Image(const ImageSpec& spec) {
  ImageLeads leads;
  HF_TRY(Count(spec, leads));
  control::Render(spec, leads, rendered_);
  const auto placed = Intern(BlobKind::kImage, rendered_);
  if (!placed || !placed->second) {
    Release(leads);  // not placed, or there already with references of its own
  }
  return placed ? Result<std::uint32_t>(placed->first) : std::unexpected(placed.error());
}

// What the image refers to, with references counted; with none when it fails.
Status Blobs::Count(const ImageSpec& spec, ImageLeads& leads) {
  HF_CHECK(spec.additional.size() <= table::kMaxAdditional);
  if (spec.sigs != nullptr) {
    const auto at = Image(*spec.sigs);
    if (!at) {
      return std::unexpected(at.error());
    }
    leads.sigs_at = *at;
  }
  for (const AdditionalSpec& additional : spec.additional) {
    table::AdditionalRef ref{};
    ref.type = additional.type;
    ref.name_at = additional.name_at;
    if (const auto* pool = std::get_if<RuleDigest>(&additional.answer)) {
      ref.kind = RrsetKind::kPool;
      ref.at = use_pool_(*pool);
      if (ref.at == 0) {
        Release(leads);
        return Fail(ErrorCode::kInvalid, kLostPool);
      }
    } else {
      ref.kind = RrsetKind::kImage;
      const auto at = Image(*std::get<ImageSpecPtr>(additional.answer));
      if (!at) {
        Release(leads);
        return std::unexpected(at.error());
      }
      ref.at = *at;
    }
    leads.additional[leads.additionals++] = ref;
  }
  return {};
}

void Blobs::Release(const ImageLeads& leads) {
  if (leads.sigs_at != 0) {
    Release(BlobKind::kImage, leads.sigs_at);
  }
  for (const auto& ref : std::span(leads.additional).first(leads.additionals)) {
    ReleaseEntry({ref.type, ref.kind, 0, ref.at});
  }
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

Result<std::uint32_t> Blobs::Ordered(const CompiledOrder& order) {
  const bool hashed = order.kind == table::ProofKind::kNsec3;
  std::string tail = hashed ? order.salt : std::string();
  table::OrderedTable head{};
  head.count = static_cast<std::uint32_t>(order.proofs.size());
  head.iterations = order.iterations;
  head.kind = order.kind;
  std::string blob;
  Append(blob, head);
  Status status;
  for (const CompiledProof& proof : order.proofs) {
    const auto at = Image(*proof.image);
    if (!at) {
      status = std::unexpected(at.error());
      break;
    }
    if (hashed) {
      table::OrderedHash entry{};
      HF_CHECK(proof.owner.size() == sizeof(entry.hash));
      std::memcpy(entry.hash, proof.owner.data(), sizeof(entry.hash));
      entry.at = *at;
      Append(blob, entry);
    } else {
      HF_CHECK(proof.owner.size() <= 255);
      Append(blob,
             table::OrderedName{.at = *at, .name_at = static_cast<std::uint32_t>(tail.size())});
      tail += static_cast<char>(proof.owner.size());
      tail += proof.owner;
    }
  }
  if (!status) {
    ReleaseReferencesOf(BlobKind::kOrdered, blob);
    return std::unexpected(status.error());
  }
  head.tail = static_cast<std::uint32_t>(tail.size());
  std::memcpy(blob.data(), &head, sizeof(head));
  blob += tail;
  Seal(blob);
  const auto placed = Intern(BlobKind::kOrdered, blob);
  if (!placed || !placed->second) {
    ReleaseReferencesOf(BlobKind::kOrdered, blob);
  }
  return placed ? Result<std::uint32_t>(placed->first) : std::unexpected(placed.error());
}

std::string_view Blobs::OctetsAt(BlobKind kind, std::uint32_t at) const {
  const table::View view = writer_.view();
  std::size_t octets = 0;
  switch (kind) {
    case BlobKind::kImage:
      if (const auto parts = table::OpenImage(view, at); parts.image != nullptr) {
        octets = static_cast<std::size_t>(parts.wire.data() + parts.wire.size() -
                                          reinterpret_cast<const std::byte*>(parts.image));
      }
      break;
    case BlobKind::kRrsetTable:
      if (const auto* table = view.At<table::RrsetTable>(at)) {
        const std::uint32_t count = table->count;
        octets = count > table::kMaxNameRrsets ? 0 : sizeof(*table) + (count * sizeof(RrsetEntry));
      }
      break;
    case BlobKind::kName:
      if (const auto* name = view.At<table::NameBlob>(at, table::kNameBlobName)) {
        octets = table::kNameBlobName + name->octets;
      }
      break;
    case BlobKind::kOrdered:
      octets = table::OpenOrdered(view, at).octets;
      break;
  }
  const auto* from = octets == 0 ? nullptr : view.At<char>(at, octets);
  return from == nullptr ? std::string_view() : std::string_view(from, octets);
}

Blobs::Blob* Blobs::Find(BlobKind kind, std::uint32_t at, std::uint32_t hash) {
  return blobs_.Find(hash, [&](const Blob& blob) { return blob.at == at && blob.kind == kind; });
}

void Blobs::Release(BlobKind kind, std::uint32_t at) {
  const std::string_view octets = OctetsAt(kind, at);
  const std::uint32_t checksum = octets.empty() ? 0 : ChecksumOf(octets);
  auto* blob = !octets.empty() && LoadAs<std::uint32_t>(octets.data()) == checksum
                   ? Find(kind, at, HashOf(kind, checksum))
                   : nullptr;
  if (blob == nullptr) {
    return writer_.Damaged(RuleOf(kind), at);
  }
  if (--blob->references == 0) {
    blobs_.Remove(blob);
    ReleaseReferencesOf(kind, octets);
    writer_.arena().Free(at, UnitsOf(octets.size()));
  }
}

void Blobs::ReleaseEntry(const RrsetEntry& entry) {
  switch (entry.kind) {
    case RrsetKind::kPool:
      return release_pool_(entry.at);
    case RrsetKind::kTable:
      return Release(BlobKind::kRrsetTable, entry.at);
    case RrsetKind::kImage:
    case RrsetKind::kReferral:
      return Release(BlobKind::kImage, entry.at);
    case RrsetKind::kAddress:
      return;
  }
  writer_.Damaged(table::Rule::kRecordRrsets, entry.at);
}

// By the length of `octets`, which was judged, not by the counts in them.
void Blobs::ReleaseReferencesOf(BlobKind kind, std::string_view octets) {
  const auto each = [&]<class T>(std::size_t from, std::size_t count, T) {
    for (; count > 0 && from + sizeof(T) <= octets.size(); --count, from += sizeof(T)) {
      const auto ref = LoadAs<T>(octets.data() + from);
      ReleaseEntry({ref.type, ref.kind, 0, ref.at});
    }
  };
  if (kind == BlobKind::kImage) {
    const auto image = LoadAs<table::RrImage>(octets.data());
    if (image.sigs_at != 0) {
      Release(BlobKind::kImage, image.sigs_at);
    }
    const bool is_referral = image.kind == table::ImageKind::kReferral;
    each(sizeof(image) + (is_referral ? sizeof(table::ReferralHead) : 0),
         image.additional,
         table::AdditionalRef{});
  } else if (kind == BlobKind::kRrsetTable) {
    each(sizeof(table::RrsetTable), LoadAs<table::RrsetTable>(octets.data()).count, RrsetEntry{});
  } else if (kind == BlobKind::kOrdered) {
    const auto head = LoadAs<table::OrderedTable>(octets.data());
    const bool hashed = head.kind == table::ProofKind::kNsec3;
    const std::size_t step = hashed ? sizeof(table::OrderedHash) : sizeof(table::OrderedName);
    const std::size_t ref = hashed ? offsetof(table::OrderedHash, at) : 0;
    std::size_t from = sizeof(head);
    for (std::uint32_t i = 0; i < head.count && from + step <= octets.size(); ++i, from += step) {
      Release(BlobKind::kImage, LoadAs<std::uint32_t>(octets.data() + from + ref));
    }
  }
}

bool Blobs::Adopt(BlobKind kind, std::uint32_t at) {
  const std::uint32_t hash = HashOf(kind, ChecksumOf(OctetsAt(kind, at)));
  if (auto* blob = Find(kind, at, hash)) {
    ++blob->references;
    return false;
  }
  blobs_.Add({at, hash, 1, kind});
  return true;
}

void Blobs::AppendExtents(std::vector<Extent>& used) {
  blobs_.ForEach([&](const Blob& blob) {
    used.push_back({blob.at, UnitsOf(OctetsAt(blob.kind, blob.at).size())});
  });
}

}  // namespace holdfast::control
