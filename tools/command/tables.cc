// Walks an image as a reader would, with the same bounds; see tables.h.
#include "tools/command/tables.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "control/config/rdata.h"
#include "control/model/text.h"
#include "dataplane/table/verify.h"
#include "dataplane/wire/name.h"
#include "tools/command/text.h"

namespace holdfast::tools {

namespace {

using table::Snapshot;

constexpr auto kBucketUnits = static_cast<std::uint32_t>(sizeof(table::Bucket) / kOffsetUnit);
constexpr std::size_t kRecordHead = 12;  // owner pointer, type, class, ttl, length of rdata

Result<OpenedTables> Open(const std::string& path, Generation generation) {
  auto mapping = table::Mapping::Map(path, false);
  if (!mapping) {
    return std::unexpected(mapping.error());
  }
  if (mapping->size() < sizeof(table::ImageHeader)) {
    return Fail(ErrorCode::kInvalid,
                path + " has " + std::to_string(mapping->size()) +
                    " octets; an image has at least " + std::to_string(sizeof(table::ImageHeader)));
  }
  const auto& header = *reinterpret_cast<const table::ImageHeader*>(mapping->data());
  HF_TRY(table::CheckImageHeader(header, mapping->size(), path));
  const table::View view(mapping->data(), mapping->size());
  return OpenedTables{
      .mapping = std::move(*mapping), .path = path, .view = view, .generation = generation};
}

// The newest generation that the image holds anything of: at a later one it reads the same. Where
// it is damaged any number may come out, and what is read at it is bounded all the same.
class NewestMark {
 public:
  explicit NewestMark(const table::View& view) : view_(view), all_(view, Generation{~0ULL}) {}

  std::uint64_t Find() {
    const table::ImageHeader& header = view_.header();
    const auto* index = view_.At<table::IndexVersion>(header.index_at.load());
    See(index);
    const auto* health = view_.At<table::HealthTable>(header.health_at.load());
    See(health);
    See(view_.At<table::Settings>(header.settings_at.load()));
    const std::uint64_t checks = health == nullptr ? 0 : health->count;
    if (checks != 0 &&
        view_.Holds(health, sizeof(*health) + (checks * sizeof(table::HealthEntry)))) {
      const auto* entries = reinterpret_cast<const table::HealthEntry*>(health + 1);
      std::for_each(
          entries, entries + checks, [this](const table::HealthEntry& entry) { See(&entry); });
    }
    for (std::uint32_t b = 0; index != nullptr && b < all_.bucket_count(); ++b) {
      const auto* bucket = view_.At<table::Bucket>(index->buckets_at + (b * kBucketUnits));
      for (unsigned i = 0; bucket != nullptr && i < table::kBucketEntries; ++i) {
        if (const auto* record = view_.At<table::NameRecord>(bucket->ref[i]); record != nullptr) {
          SeeRecord(*record);
        }
      }
    }
    return newest_;
  }

 private:
  template <class V>
  void See(const V* version) {
    newest_ = version == nullptr ? newest_ : std::max<std::uint64_t>(newest_, version->born);
  }
  // Records hold the low half of a generation.
  void SeeLow(std::uint32_t low) {
    const auto ahead = static_cast<std::int32_t>(low - static_cast<std::uint32_t>(newest_));
    newest_ += low != 0 && ahead > 0 ? static_cast<std::uint32_t>(ahead) : 0U;
  }
  void SeeRecord(const table::NameRecord& record) {
    if (const auto* slot = view_.At<table::ZoneSlot>(record.zone_at); slot != nullptr) {
      See(view_.At<table::ZoneVersion>(slot->version_at.load()));
    }
    SeeLow(record.born);
    SeeLow(record.died);
    for (const table::RrsetEntry& entry : all_.Rrsets(record)) {
      const auto* slot =
          entry.kind == table::RrsetKind::kPool ? view_.At<table::PoolSlot>(entry.at) : nullptr;
      See(slot == nullptr ? nullptr : view_.At<table::Decision>(slot->decision_at.load()));
    }
  }

  const table::View& view_;
  Snapshot all_;
  std::uint64_t newest_ = 1;
};

class Dump {
 public:
  explicit Dump(const OpenedTables& tables)
      : snapshot_(tables.view, tables.generation), view_(tables.view) {}

  std::string Text(const std::string& path) {
    std::string text = path + ": image " + std::to_string(view_.header().image_seq) +
                       ", generation " + std::to_string(snapshot_.generation().value()) + ", " +
                       Octets(std::uint64_t{view_.header().used_units.load()} * 16) + " of " +
                       Octets(view_.octets()) + " in use\n";
    if (!snapshot_.ok()) {
      return text + "no index is readable at this generation\n";
    }
    Walk();
    std::ranges::sort(zones_);
    std::ranges::sort(lines_);
    for (const auto* part : {&zones_, &lines_}) {
      for (const std::string& line : *part) {
        text += line + "\n";
      }
    }
    return text + Checks();
  }

 private:
  void Walk() {
    const auto* index = view_.Newest<table::IndexVersion>(
        view_.header().index_at.load(std::memory_order_relaxed), snapshot_.generation());
    for (std::uint32_t b = 0; b < snapshot_.bucket_count(); ++b) {
      const auto* bucket = view_.At<table::Bucket>(index->buckets_at + (b * kBucketUnits));
      for (unsigned i = 0; bucket != nullptr && i < table::kBucketEntries; ++i) {
        const std::uint32_t at = __atomic_load_n(&bucket->ref[i], __ATOMIC_RELAXED);
        const auto* record = view_.At<table::NameRecord>(at);
        if (record != nullptr && snapshot_.Visible(*record)) {
          AddName(*record);
        }
      }
    }
  }

  void AddName(const table::NameRecord& record) {
    const std::string wire_name = WireNameOf(record);
    const std::string name = wire_name.empty() ? "(name not readable)" : wire::ToText(wire_name);
    if ((record.flags & table::kNameApex) != 0) {
      AddZone(name, record.zone_at);
    }
    const auto entries = snapshot_.Rrsets(record);
    if (entries.empty()) {
      lines_.push_back(name + " empty non-terminal");
    }
    for (const table::RrsetEntry& entry : entries) {
      lines_.push_back(name + " " + wire::TypeText(entry.type) + " " +
                       (entry.kind == table::RrsetKind::kAddress ? Address(record, wire_name)
                                                                 : Rrset(entry, wire_name)));
    }
  }

  void AddZone(const std::string& name, std::uint32_t zone_at) {
    const auto* zone = snapshot_.Zone(zone_at);
    zones_.push_back("zone " + name +
                     (zone == nullptr ? " (not readable)"
                                      : " serial " + std::to_string(zone->serial) + ", " +
                                            std::to_string(zone->names) + " names"));
  }

  // Empty when it is not readable.
  [[nodiscard]] std::string WireNameOf(const table::NameRecord& record) const {
    const std::byte* name = reinterpret_cast<const std::byte*>(record.name);
    if (record.name_octets > table::kInlineNameOctets) {
      std::uint32_t at = 0;
      std::memcpy(&at, record.name, sizeof(at));
      const auto* blob = view_.At<table::NameBlob>(at, table::kNameBlobName + record.name_octets);
      if (blob == nullptr) {
        return {};
      }
      name = reinterpret_cast<const std::byte*>(blob->name);
    }
    std::string wire_name(reinterpret_cast<const char*>(name), record.name_octets);
    return wire::IsWellFormed(wire_name) ? wire_name : std::string();
  }

  [[nodiscard]] std::string Rrset(const table::RrsetEntry& entry, std::string_view name) const {
    switch (entry.kind) {
      case table::RrsetKind::kImage:
        return "static " + Image(entry.at, name);
      case table::RrsetKind::kReferral:
        return "referral " + Image(entry.at, name);
      case table::RrsetKind::kPool:
        return Pool(entry.at, name);
      case table::RrsetKind::kAddress:
      case table::RrsetKind::kTable:
        break;
    }
    return "(kind not readable)";
  }

  [[nodiscard]] static std::string Address(const table::NameRecord& record, std::string_view name) {
    table::AddressImage made;
    return "static " + Text(made.Open(record, record.rrset[0]), name);
  }

  [[nodiscard]] std::string Pool(std::uint32_t at, std::string_view name) const {
    std::string text = "pool " + std::to_string(at) + ":";
    const table::Decision* decision = snapshot_.DecisionOf(at);
    if (decision == nullptr) {
      return text + " (decision not readable)";
    }
    text += " since generation " + std::to_string(decision->born);
    const table::DecisionParts parts = table::OpenDecision(view_, decision);
    if (parts.decision == nullptr) {
      return text + " (outcomes not readable)";
    }
    if (decision->location_at != 0) {
      text += ", by location " + std::to_string(decision->location_at);
    }
    if (decision->op == table::DecisionOp::kDraw) {
      return text + List(parts.outcomes, name);
    }
    text += ", " + std::to_string(parts.list_of_row.size()) + " kinds of clients";
    std::size_t begin = 0;
    for (std::size_t list = 0; list < parts.list_end.size(); ++list) {
      const std::size_t end = std::min<std::size_t>(parts.list_end[list], parts.outcomes.size());
      text += "; list " + std::to_string(list) + " for " +
              std::to_string(std::ranges::count(parts.list_of_row, list)) + " of them" +
              List(parts.outcomes.subspan(std::min(begin, end), end - std::min(begin, end)), name);
      begin = end;
    }
    return text;
  }

  [[nodiscard]] std::string List(std::span<const table::Outcome> outcomes,
                                 std::string_view name) const {
    std::string text;
    std::uint64_t before = 0;
    for (const table::Outcome& outcome : outcomes) {
      const std::uint64_t upto = std::uint64_t{outcome.upto} + 1;
      const std::uint64_t permille = ((upto - std::min(upto, before)) * 1000) >> 32U;
      before = upto;
      text += "; " + std::to_string(permille / 10) + "." + std::to_string(permille % 10) + "% " +
              Outcome(outcome, name) +
              ((outcome.flags & table::kOutcomeLastResort) != 0 ? " (last resort)" : "");
    }
    return text;
  }

  [[nodiscard]] std::string Outcome(const table::Outcome& outcome, std::string_view name) const {
    switch (outcome.kind) {
      case table::OutcomeKind::kNodata:
        return "nothing";
      case table::OutcomeKind::kImage:
        return Image(outcome.at, name);
      case table::OutcomeKind::kSubset:
        return std::to_string(outcome.take) + " of " + Image(outcome.at, name);
      case table::OutcomeKind::kPool:
        return "pool " + std::to_string(outcome.at);
    }
    return "(kind not readable)";
  }

  [[nodiscard]] std::string Image(std::uint32_t at, std::string_view name) const {
    return Text(table::OpenImage(view_, at), name);
  }

  [[nodiscard]] static std::string Text(const table::ImageParts& parts, std::string_view name) {
    if (parts.image == nullptr) {
      return "(image not readable)";
    }
    std::string text = "ttl " + std::to_string(table::TtlOf(parts)) + ", " +
                       std::to_string(parts.image->records) + " records";
    const std::string records = Records(parts, name);
    return text + (records.empty() ? ", " + std::to_string(parts.image->octets) + " octets"
                                   : ":" + records);
  }

  // The records that are answered: all of an rrset, the NS of a referral. Empty when the image is
  // not as it should be.
  static std::string Records(const table::ImageParts& parts, std::string_view name) {
    const bool referral = parts.image->kind == table::ImageKind::kReferral;
    const std::size_t count = referral ? parts.referral.authority : parts.image->records;
    std::string text;
    std::size_t start = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t end =
          i < parts.record_ends.size() ? std::size_t{parts.record_ends[i]} : parts.wire.size();
      if (end > parts.wire.size() || end < start + kRecordHead) {
        return {};
      }
      const auto rdata = Rdata(parts, start + kRecordHead, end, name);
      if (!rdata) {
        return {};
      }
      text += (i == 0 ? " " : ", ") + Printable(control::RdataText(table::TypeOf(parts), *rdata));
      start = end;
    }
    return text;
  }

  // The octets from `at` to `end`, names complete again. None when one is not the owner's or below.
  static std::optional<std::string> Rdata(const table::ImageParts& parts,
                                          std::size_t at,
                                          std::size_t end,
                                          std::string_view name) {
    const auto* wire = reinterpret_cast<const char*>(parts.wire.data());
    std::string rdata;
    for (const table::Relocation& relocation : parts.relocations) {
      if (relocation.at < at || relocation.at + 2U > end) {
        continue;
      }
      rdata.append(wire + at, relocation.at - at);
      const auto base = static_cast<table::RelocationBase>(relocation.code >> 14U);
      const std::size_t addend = relocation.code & table::kMaxRelocationAddend;
      if (base == table::RelocationBase::kOwner) {
        rdata += name;
      } else if (base == table::RelocationBase::kSuffix && addend <= name.size()) {
        rdata += name.substr(name.size() - addend);
      } else {
        return std::nullopt;
      }
      at = relocation.at + 2U;
    }
    rdata.append(wire + at, end - at);
    return rdata;
  }

  [[nodiscard]] std::string Checks() const {
    const auto* health = view_.Newest<table::HealthTable>(
        view_.header().health_at.load(std::memory_order_relaxed), snapshot_.generation());
    if (health == nullptr ||
        !view_.Holds(health,
                     sizeof(table::HealthTable) +
                         (std::uint64_t{health->count} * sizeof(table::HealthEntry)))) {
      return {};
    }
    std::string text;
    const auto* entries = reinterpret_cast<const table::HealthEntry*>(health + 1);
    for (std::uint32_t i = 0; i < health->count; ++i) {
      const table::HealthEntry& entry = entries[i];
      const bool current = entry.born <= snapshot_.generation().value();
      const std::string_view id(entry.id, std::min<std::size_t>(entry.id_octets, sizeof(entry.id)));
      text += "check " + Printable(std::string(id)) +
              ((current ? entry.healthy : entry.previous_healthy) != 0 ? " healthy" : " unhealthy");
      const std::int64_t until_ms =
          current ? entry.manual_until_ms : entry.previous_manual_until_ms;
      if ((current ? entry.manual : entry.previous_manual) != 0) {
        text += until_ms <= 0 ? " (set by command)"
                              : " (set by command until " + control::TimeText(until_ms) + ")";
      }
      text += "\n";
    }
    return text;
  }

  Snapshot snapshot_;
  const table::View& view_;
  std::vector<std::string> zones_;
  std::vector<std::string> lines_;
};

}  // namespace

Result<OpenedTables> OpenPublished(const std::string& run_dir) {
  const std::string path = run_dir + "/root";
  auto page = table::Mapping::Map(path, false);
  if (!page) {
    return std::unexpected(page.error());
  }
  if (page->size() < sizeof(table::RootBlock)) {
    return Fail(ErrorCode::kInvalid, path + " is too short for a root block");
  }
  const auto& root = *reinterpret_cast<const table::RootBlock*>(page->data());
  HF_TRY(table::CheckRoot(root, path));
  const table::Published published{root.published.load(std::memory_order_acquire)};
  if (published.word == 0) {
    return Fail(ErrorCode::kUnavailable, "nothing was published in " + run_dir + " yet");
  }
  const auto& name = root.names[published.ImageSeq() % table::kImageNames];
  return Open(std::string(name, strnlen(name, sizeof(name))), published.generation());
}

Result<OpenedTables> OpenImageFile(const std::string& path, std::uint64_t generation) {
  auto tables = Open(path, Generation{generation});
  if (tables) {
    if (const std::uint64_t newest = NewestMark(tables->view).Find(); generation > newest) {
      return Fail(ErrorCode::kInvalid,
                  "--generation is " + std::to_string(generation) + ", and " + path +
                      " holds nothing newer than generation " + std::to_string(newest) +
                      "; expected 1.." + std::to_string(newest));
    }
  }
  return tables;
}

std::string DumpText(const OpenedTables& tables) {
  return Dump(tables).Text(tables.path);
}

Verified VerifyText(const OpenedTables& tables) {
  const table::VerifyResult result = table::VerifyImage(tables.view, tables.generation);
  Verified verified{.whole = result.defects.empty(), .text = {}};
  verified.text = tables.path + ", generation " + std::to_string(tables.generation.value()) + ": " +
                  std::to_string(result.names) + " names, " + std::to_string(result.pools) +
                  " pools, " + std::to_string(result.images) + " images, " + Octets(result.octets) +
                  (verified.whole ? ": whole\n" : ": damaged\n");
  for (const table::Defect& defect : result.defects) {
    verified.text += "octet " + std::to_string(std::uint64_t{defect.at} * kOffsetUnit) + ": " +
                     table::RuleText(defect.rule) + "\n";
  }
  return verified;
}

}  // namespace holdfast::tools
