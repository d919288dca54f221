#include "dataplane/table/verify.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "dataplane/table/readers.h"
#include "dataplane/table/verifier.h"
#include "dataplane/wire/types.h"

namespace holdfast::table {

void Verifier::Header() {
  if (!CheckImageHeader(view_.header(), view_.octets(), {})) {
    Broken(Rule::kHeader, 0);
  }
}

void Verifier::Index(std::uint32_t first, std::uint32_t count) {
  const std::uint32_t at = view_.header().index_at.load(std::memory_order_relaxed);
  Chain<IndexVersion>(at);
  const auto* index = view_.Newest<IndexVersion>(at, g_);
  if (index == nullptr || !snapshot_.ok() || index->spill > kMaxSpill) {
    Broken(Rule::kIndexVersion, at);
    return;
  }
  if (first < index->buckets) {
    Buckets(*index,
            view_.At<Bucket>(index->buckets_at),
            first,
            std::min(count, index->buckets - first));
  }
}

// Entries that spilled past these buckets lie in the next ones: those are counted, not judged.
void Verifier::Buckets(const IndexVersion& index,
                       const Bucket* buckets,
                       std::uint32_t first,
                       std::uint32_t count) {
  std::vector<std::uint32_t> spilled(count);
  const std::uint32_t beyond = std::min(index.spill, index.buckets - count);
  for (std::uint32_t step = 0; step < count + beyond; ++step) {
    const auto b = static_cast<std::uint32_t>((std::uint64_t{first} + step) % index.buckets);
    const bool judged = step < count;
    for (unsigned i = 0; i < kBucketEntries; ++i) {
      const std::uint32_t ref = buckets[b].ref[i];
      if (ref == 0) {
        continue;
      }
      const auto* record = view_.At<NameRecord>(ref);
      const std::string_view name = record == nullptr ? std::string_view{} : NameOf(*record);
      if (name.empty()) {
        if (judged) {
          Broken(record == nullptr ? Rule::kRecordPlace : Rule::kRecordName, ref);
        }
        continue;
      }
      std::byte padded[256 + kHashPadding]{};
      std::memcpy(padded, name.data(), name.size());
      const std::uint64_t hash = HashName(padded, name.size(), snapshot_.key());
      std::uint32_t own = BucketOf(hash, index.buckets);
      unsigned steps = 0;
      for (; own != b && steps <= index.spill; ++steps) {
        if (own - first < count) {  // not below `first` either: that would be a large number
          ++spilled[own - first];
        }
        own = own + 1 == index.buckets ? 0 : own + 1;
      }
      if (!judged) {
        continue;
      }
      record_at_ = ref;
      if (own != b || buckets[b].tag[i] != TagOf(hash)) {
        Broken(Rule::kRecordBucket, ref);
      }
      if (snapshot_.Visible(*record)) {
        Record(*record, ref);
      }
      record_at_ = 0;
    }
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (buckets[first + i].spilled < spilled[i]) {
      Broken(Rule::kRecordBucket,
             index.buckets_at + ((first + i) * std::uint32_t{sizeof(Bucket) / kOffsetUnit}));
    }
  }
}

// Empty when the name is not as it must be.
std::string_view Verifier::NameOf(const NameRecord& record) const {
  std::string_view name(reinterpret_cast<const char*>(record.name), record.name_octets);
  if (record.name_octets > kInlineNameOctets) {
    const auto* blob =
        view_.At<NameBlob>(LoadAs<std::uint32_t>(record.name), kNameBlobName + record.name_octets);
    if (blob == nullptr || blob->octets != record.name_octets ||
        !ChecksumFits(blob, kNameBlobName + blob->octets)) {
      return {};
    }
    name = {reinterpret_cast<const char*>(blob->name), blob->octets};
  } else if (std::any_of(record.name + record.name_octets,
                         record.name + kInlineNameOctets,
                         [](std::uint8_t o) { return o != 0; })) {
    return {};
  }
  std::size_t at = 0;
  while (at < name.size() && name[at] != 0) {
    const auto octets = static_cast<unsigned char>(name[at]);
    if (octets > 63 || at + octets + 1 >= name.size()) {
      return {};
    }
    at += octets + 1U;
  }
  const bool folded = std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'Z'; });
  return at + 1 == name.size() && folded ? name : std::string_view{};
}

void Verifier::Record(const NameRecord& record, std::uint32_t at) {
  ++result_.names;
  First(at, sizeof(record));
  const std::string_view name = NameOf(record);
  unsigned labels = 0;
  for (std::size_t i = 0; name[i] != 0; ++labels) {
    i += static_cast<unsigned char>(name[i]) + 1U;
  }
  if (labels > snapshot_.max_labels()) {
    Broken(Rule::kRecordLabels, at);
  }
  Zone(record.zone_at, name, at);
  Rrsets(record, at);
}

void Verifier::Rrsets(const NameRecord& record, std::uint32_t at) {
  if (record.rrsets > 2) {
    const auto* table = view_.At<RrsetTable>(record.rrset[0].at);
    const std::size_t octets =
        table == nullptr ? 0 : sizeof(*table) + (std::size_t{table->count} * sizeof(RrsetEntry));
    if (table == nullptr || record.rrset[0].kind != RrsetKind::kTable ||
        !view_.Holds(table, octets) || !ChecksumFits(table, octets) ||
        table->count != record.rrsets) {
      Broken(Rule::kTableChecksum, record.rrset[0].at);
      return;
    }
    First(record.rrset[0].at, octets);
  }
  if (record.rrsets == 1 && record.rrset[0].kind == RrsetKind::kAddress) {
    if (record.rrset[0].type != static_cast<std::uint16_t>(wire::Type::kA) ||
        record.rrset[0].at != ChecksumOfAddress(record)) {
      Broken(Rule::kRecordAddress, at);
    }
    return;
  }
  std::uint32_t before = 0;
  for (const RrsetEntry& entry : snapshot_.Rrsets(record)) {
    if (entry.type <= before && before != 0) {
      Broken(Rule::kRecordRrsets, at);
    }
    before = entry.type;
    Entry(entry, at);
  }
}

void Verifier::Health() {
  const std::uint32_t at = view_.header().health_at.load(std::memory_order_relaxed);
  if (at == 0) {
    return;
  }
  Chain<HealthTable>(at);
  const auto* health = view_.Newest<HealthTable>(at, g_);
  if (health == nullptr ||
      !view_.Holds(health,
                   sizeof(*health) + (std::uint64_t{health->count} * sizeof(HealthEntry)))) {
    Broken(Rule::kHealthTable, at);
    return;
  }
  const auto* entries = reinterpret_cast<const HealthEntry*>(health + 1);
  std::string_view before;
  for (std::uint32_t i = 0; i < health->count; ++i) {
    const HealthEntry& entry = entries[i];
    const std::string_view id(entry.id, std::min<std::size_t>(entry.id_octets, sizeof(entry.id)));
    if (id.empty() || id.size() != entry.id_octets || id <= before || entry.raw > 2 ||
        entry.healthy > 1 || entry.manual > 2) {
      Broken(Rule::kHealthTable, at);
      return;
    }
    before = id;
  }
}

namespace {

bool IsUdpLimit(std::uint16_t octets) noexcept {
  return octets == 0 || (octets >= kMinUdpOctets && octets <= kMaxUdpOctets);
}

}  // namespace

void Verifier::ReplySettings() {
  const std::uint32_t at = view_.header().settings_at.load(std::memory_order_relaxed);
  if (at == 0) {
    return;
  }
  Chain<Settings>(at);
  const auto* settings = view_.Newest<Settings>(at, g_);
  if (settings == nullptr || ChecksumOf(*settings) != settings->crc32c ||
      settings->cookies > CookieMode::kRequire || settings->cookie_secrets > kMaxCookieSecrets ||
      settings->extended_errors > 1 || !IsUdpLimit(settings->udp_octets) ||
      !IsUdpLimit(settings->unproven_octets) || settings->nsid_octets > kMaxNsidOctets ||
      (settings->rate.answers_per_second != 0 && settings->rate.burst == 0)) {
    Broken(Rule::kSettings, at);
  } else if (settings->access_at != 0) {
    Location(settings->access_at);
  }
}

VerifyResult VerifyImage(const View& view, Generation g, std::size_t most) {
  return Verifier(view, g, most).Run();
}

VerifyResult VerifyBuckets(
    const View& view, Generation g, std::uint32_t first, std::uint32_t count, std::size_t most) {
  return Verifier(view, g, most).RunBuckets(first, count);
}

VerifyResult VerifyHealth(const View& view, Generation g) {
  return Verifier(view, g, 1).RunHealth();
}

}  // namespace holdfast::table
