// The steps of the background check: buckets, then what their names lead to, a part of the index at
// a time. Called by the control loop's scrub tick; see scrub.h.
#include "control/scrub.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/table/hash.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

using table::NameRecord;

constexpr std::uint32_t kPartBuckets = 8;  // the spill of 16 is read for each part
constexpr std::uint64_t kSliceOctets = 64U << 10U;
constexpr auto kFirstPause = std::chrono::seconds(2);
constexpr auto kMostPause = std::chrono::hours(1);

// Of a record that may be damaged itself.
std::string NameText(const table::View& view, std::uint32_t record_at) {
  const auto* record = view.At<NameRecord>(record_at);
  if (record == nullptr) {
    return "";
  }
  std::string name(reinterpret_cast<const char*>(record->name),
                   std::min<std::size_t>(record->name_octets, sizeof(record->name)));
  if (record->name_octets > table::kInlineNameOctets) {
    const auto* blob = view.At<table::NameBlob>(LoadAs<std::uint32_t>(record->name),
                                                table::kNameBlobName + record->name_octets);
    name = blob == nullptr
               ? std::string()
               : std::string(reinterpret_cast<const char*>(blob->name), record->name_octets);
  }
  return wire::IsWellFormed(name) ? " (" + wire::ToText(name) + ")" : " (name not readable)";
}

Scrub::Found FoundIn(const table::View& view, const table::Defect& defect) {
  return {defect,
          "octet " + std::to_string(std::uint64_t{defect.at} * kOffsetUnit) +
              (defect.record_at == 0 ? "" : NameText(view, defect.record_at)) + ": " +
              table::RuleText(defect.rule)};
}

}  // namespace

std::optional<Scrub::Found> Scrub::Part(const table::View& view,
                                        Generation g,
                                        std::uint32_t buckets) {
  if (!large_.empty()) {
    return Slice(view, g);
  }
  auto result = at_ < buckets ? table::VerifyBuckets(view, g, at_, kPartBuckets)
                              : table::VerifyHealth(view, g);
  at_ += at_ < buckets ? std::min(kPartBuckets, buckets - at_) : 1;
  for (const table::SharedBlob& blob : result.shared) {
    if (large_met_.insert(blob.at).second) {
      large_.push_back({.blob = blob, .began = g});
    }
  }
  if (result.defects.empty()) {
    return std::nullopt;
  }
  return FoundIn(view, result.defects.front());
}

// What was replaced since its first slice may hold something else by now: it is looked at again
// where something leads to it. Only a load replaces such a blob.
std::optional<Scrub::Found> Scrub::Slice(const table::View& view, Generation g) {
  Large& large = large_.back();
  const table::SharedBlob blob = large.blob;
  const auto* octets = view.At<std::byte>(blob.at);
  if (octets != nullptr && view.Holds(octets, blob.octets)) {
    const std::uint64_t slice = std::min(kSliceOctets, blob.octets - large.done);
    large.crc32c = table::Crc32c(octets + large.done, slice, large.crc32c);
    large.done += slice;
    if (large.done < blob.octets) {
      return std::nullopt;
    }
    if (large.crc32c == LoadAs<std::uint32_t>(octets)) {
      large_.pop_back();
      return std::nullopt;
    }
  }
  const bool replaced = large.began != g;
  large_.pop_back();
  if (replaced) {
    large_met_.erase(blob.at);
    return std::nullopt;
  }
  return FoundIn(view, {blob.rule, blob.at, blob.record_at});
}

std::optional<Scrub::Found> Scrub::Note(Found found) {
  ++state_.defects;
  state_.last_defect_ms = WallMs();
  state_.last_defect = found.text;
  waits_ = true;
  began_.reset();
  large_.clear();
  large_met_.clear();
  return found;
}

std::optional<Scrub::Found> Scrub::Take(const table::View& view,
                                        const table::Defect& defect,
                                        Time now) {
  return waits_ || now < not_before_ ? std::nullopt : Note(FoundIn(view, defect));
}

std::optional<Scrub::Found> Scrub::Step(const table::View& view,
                                        Generation g,
                                        Time every,
                                        Time now) {
  if (waits_ || now < not_before_) {
    return std::nullopt;
  }
  // An index that is not readable has no buckets: the first part says so.
  const std::uint32_t buckets = std::max(table::Snapshot(view, g).bucket_count(), 1U);
  if (!began_) {
    began_ = now;
    at_ = 0;
  } else if (buckets != buckets_) {  // as far as before, in the larger index
    at_ = static_cast<std::uint32_t>(std::uint64_t{at_} * buckets / std::max(buckets_, 1U));
  }
  buckets_ = buckets;
  const double gone = every.count() <= 0 ? 1.0
                                         : static_cast<double>((now - *began_).count()) /
                                               static_cast<double>(every.count());
  // One more than the buckets: the health table is the last part.
  const auto due = static_cast<std::uint64_t>((buckets + 1.0) * std::min(gone, 1.0));
  const std::uint64_t end_ns = MonotonicNs() + static_cast<std::uint64_t>(kStepBudget.count());
  while (at_ < due || !large_.empty()) {
    if (auto found = Part(view, g, buckets)) {
      return Note(std::move(*found));
    }
    if (MonotonicNs() >= end_ns) {
      break;
    }
  }
  if (at_ > buckets && large_.empty()) {
    EndPass(now);
  }
  return std::nullopt;
}

void Scrub::EndPass(Time now) {
  ++state_.passes;
  state_.last_pass_ms = WallMs();
  state_.last_pass_took_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now - began_.value_or(now)).count();
  state_.problem.clear();
  pause_ = Time{};
  began_.reset();
  large_met_.clear();
}

void Scrub::Rebuilt(const Status& status, Time now) {
  waits_ = false;
  state_.rebuilt += status ? 1 : 0;
  state_.problem = status ? std::string() : status.error().message;
  not_before_ = now + pause_;
  pause_ = std::clamp<Time>(2 * pause_, kFirstPause, kMostPause);
}

unsigned Scrub::percent() const noexcept {
  return began_ ? static_cast<unsigned>(std::uint64_t{at_} * 100 / (std::uint64_t{buckets_} + 1))
                : 0;
}

}  // namespace holdfast::control
