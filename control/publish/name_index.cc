#include "control/publish/name_index.h"

#include <algorithm>
#include <span>
#include <sys/random.h>

#include "dataplane/base/check.h"

namespace holdfast::control {
namespace {

using table::Bucket;
using table::IndexVersion;
using table::kBucketEntries;
using table::NameRecord;

constexpr double kFullLoad = 0.72;   // of all entries: the index grows before
constexpr double kFreshLoad = 0.60;  // of a version just made
constexpr std::uint32_t kLeastBuckets = 16;
constexpr int kKeyTries = 8;

// The 32-bit word that holds tag i (or `spilled`), for Poke.
std::uint32_t& TagWord(Bucket& bucket, unsigned i) {
  return reinterpret_cast<std::uint32_t*>(&bucket)[i / 2];
}

std::uint32_t WithTag(std::uint32_t word, unsigned i, std::uint16_t tag) {
  return i % 2 == 0 ? (word & 0xFFFF0000U) | tag : (word & 0xFFFFU) | (std::uint32_t{tag} << 16U);
}

constexpr unsigned kSpilledWord = kBucketEntries;  // `spilled` follows the tags

}  // namespace

std::string_view NameOf(ImageWriter& writer, const NameRecord& record) {
  if (record.name_octets <= table::kInlineNameOctets) {
    return {reinterpret_cast<const char*>(record.name), record.name_octets};
  }
  const std::size_t octets = record.name_octets;
  const auto* blob = writer.view().At<table::NameBlob>(LoadAs<std::uint32_t>(record.name),
                                                       table::kNameBlobName + octets);
  return blob == nullptr ? std::string_view()
                         : std::string_view(reinterpret_cast<const char*>(blob->name), octets);
}

PaddedName::PaddedName(std::string_view folded, const table::HashKey& key) : size_(folded.size()) {
  HF_CHECK(folded.size() <= 255);
  std::ranges::copy(std::as_bytes(std::span(folded)), octets_);  // may have no octets
  std::memset(octets_ + size_, 0, table::kHashPadding);
  hash_ = table::HashName(octets_, size_, key);
}

table::HashKey NameIndex::key() const noexcept {
  const IndexVersion& version = Version(index_at_);
  return {{version.key[0], version.key[1]}};
}

// Readers go by the image.
void NameIndex::Compare() const {
  const auto& there = *writer_.At<IndexVersion>(index_at_);
  const IndexVersion& version = Version(index_at_);
  if (writer_.header().index_at.load(std::memory_order_relaxed) != index_at_ ||
      there.buckets_at != version.buckets_at || there.buckets != version.buckets ||
      there.spill != version.spill || there.key[0] != version.key[0] ||
      there.key[1] != version.key[1]) {
    writer_.Damaged(table::Rule::kIndexVersion, index_at_);
  }
}

bool NameIndex::HasRoomFor(std::uint64_t more) const {
  if (index_at_ == 0) {
    return false;
  }
  Compare();
  const double entries = static_cast<double>(Version(index_at_).buckets) * kBucketEntries;
  return static_cast<double>(entries_ + more) <= entries * kFullLoad;
}

std::uint64_t NameIndex::HashOf(const IndexVersion& version, std::uint32_t record_at) const {
  return PaddedName(NameOf(writer_, *writer_.At<NameRecord>(record_at)),
                    {{version.key[0], version.key[1]}})
      .key()
      .hash;
}

bool NameIndex::Enter(std::uint32_t record_at, std::uint64_t hash) {
  if (!Place(Version(index_at_), record_at, hash, true)) {
    return false;
  }
  ++entries_;
  return true;
}

bool NameIndex::Place(const IndexVersion& version,
                      std::uint32_t record_at,
                      std::uint64_t hash,
                      bool logged) {
  auto* buckets = writer_.At<Bucket>(version.buckets_at);
  std::uint32_t at = table::BucketOf(hash, version.buckets);
  const auto store = [&](std::uint32_t& where, std::uint32_t value) {
    if (logged) {
      writer_.Poke(where, value);
    } else {
      where = value;
    }
  };
  for (unsigned step = 0; step <= table::kMaxSpill; ++step) {
    Bucket& bucket = buckets[at];
    const auto* free = std::ranges::find(bucket.ref, 0U);
    if (free != std::end(bucket.ref)) {
      const auto i = static_cast<unsigned>(free - bucket.ref);
      std::uint32_t& word = TagWord(bucket, i);
      store(word, WithTag(word, i, table::TagOf(hash)));
      store(bucket.ref[i], record_at);
      return true;
    }
    std::uint32_t& word = TagWord(bucket, kSpilledWord);
    store(word, WithTag(word, kSpilledWord, static_cast<std::uint16_t>(bucket.spilled + 1)));
    at = at + 1 == version.buckets ? 0 : at + 1;
  }
  return false;
}

bool NameIndex::TakeOut(std::uint32_t record_at, std::uint64_t died) {
  const IndexVersion& version = Version(index_at_);
  auto* buckets = writer_.At<Bucket>(version.buckets_at);
  std::uint32_t at = table::BucketOf(HashOf(version, record_at), version.buckets);
  std::vector<Bucket*> passed;
  for (unsigned step = 0; step <= table::kMaxSpill; ++step) {
    Bucket& bucket = buckets[at];
    auto* found = std::ranges::find(bucket.ref, record_at);
    if (found != std::end(bucket.ref)) {
      __atomic_store_n(found, 0U, __ATOMIC_RELAXED);
      for (Bucket* before : passed) {
        const std::uint16_t spilled = before->spilled;
        if (spilled == 0) {
          writer_.Damaged(table::Rule::kRecordBucket, record_at);
          continue;
        }
        __atomic_store_n(
            &before->spilled, static_cast<std::uint16_t>(spilled - 1), __ATOMIC_RELAXED);
      }
      --entries_;
      return true;
    }
    passed.push_back(&bucket);
    at = at + 1 == version.buckets ? 0 : at + 1;
  }
  if (version.born < died) {
    writer_.Damaged(table::Rule::kRecordBucket, record_at);  // its name, or the reference
    return false;
  }
  return true;
}

std::vector<std::uint32_t> NameIndex::Records() const {
  std::vector<std::uint32_t> records;
  if (index_at_ == 0) {
    return records;
  }
  const IndexVersion& version = Version(index_at_);
  const auto* buckets = writer_.At<Bucket>(version.buckets_at);
  records.reserve(entries_);
  for (std::uint32_t b = 0; b < version.buckets; ++b) {
    std::ranges::copy_if(
        buckets[b].ref, std::back_inserter(records), [](std::uint32_t ref) { return ref != 0; });
  }
  return records;
}

Result<std::uint32_t> NameIndex::Grow(std::uint64_t names, Generation next) {
  std::vector<std::uint32_t> records = Records();
  const table::Snapshot at_next(writer_.view(), next);
  std::erase_if(records, [&](std::uint32_t at) {
    const auto* record = writer_.view().At<NameRecord>(at);
    if (record == nullptr || NameOf(writer_, *record).empty()) {
      writer_.Damaged(table::Rule::kRecordPlace, at);
      return true;
    }
    return !at_next.Visible(*record);
  });
  const double wanted = static_cast<double>(std::max<std::uint64_t>(names, records.size())) /
                        (kBucketEntries * kFreshLoad);
  const auto count = std::max(kLeastBuckets, static_cast<std::uint32_t>(wanted) + 1);
  const std::uint32_t at = writer_.arena().AllocateAligned(UnitsOf(sizeof(IndexVersion)));
  const std::uint32_t buckets_at =
      at == 0 ? 0 : writer_.arena().AllocateAligned(UnitsOf(count * sizeof(Bucket)));
  if (buckets_at == 0) {
    if (at != 0) {
      writer_.arena().Free(at, UnitsOf(sizeof(IndexVersion)));
    }
    return Fail(ErrorCode::kExhausted,
                "the tables are full: no room for an index of " + std::to_string(names) +
                    " names; raise [tables] size");
  }
  IndexVersion version{};
  version.born = index_at_ == 0 ? 0 : next.value();
  version.older_at = index_at_;
  version.buckets_at = buckets_at;
  version.buckets = count;
  version.spill = table::kMaxSpill;
  version.entries = records.size();
  for (int tries = 0; tries < kKeyTries; ++tries) {
    HF_CHECK(getrandom(version.key, sizeof(version.key), 0) == sizeof(version.key));
    std::memset(static_cast<void*>(writer_.At<Bucket>(buckets_at)), 0, count * sizeof(Bucket));
    if (std::ranges::all_of(records, [&](std::uint32_t record) {
          return Place(version, record, HashOf(version, record), false);
        })) {
      *writer_.At<IndexVersion>(at) = version;
      Know(at, version);
      const std::uint32_t before = index_at_;
      writer_.Poke(writer_.header().index_at, at);
      index_at_ = at;
      entries_ = records.size();
      return before;
    }
  }
  writer_.arena().Free(buckets_at, UnitsOf(count * sizeof(Bucket)));
  writer_.arena().Free(at, UnitsOf(sizeof(IndexVersion)));
  return Fail(ErrorCode::kExhausted, "no key keeps the buckets of the index within their bound");
}

void NameIndex::Free(std::uint32_t index_at) {
  const IndexVersion version = Version(index_at);
  known_.erase(index_at);
  writer_.arena().Free(version.buckets_at, UnitsOf(version.buckets * sizeof(Bucket)));
  writer_.arena().Free(index_at, UnitsOf(sizeof(IndexVersion)));
}

}  // namespace holdfast::control
