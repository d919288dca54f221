// Checking a whole image, slowly and completely: every rule of FORMAT.md, a checksum per blob. For
// `holdfast tables verify`, scrubbing and tests; never needed for safety, since readers bound every
// step. Cold; any thread; reads only.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/table/view.h"

namespace holdfast::table {

/// The rules that an image can break. RuleText names each.
enum class Rule : std::uint8_t {
  kIndexVersion,      // the index's version or its buckets do not lie in the image
  kVersionChain,      // versions do not lead from newer to older ones
  kRecordPlace,       // a reference of the index leads to no record
  kRecordName,        // the name is not a well-formed, folded, zero-padded name
  kRecordBucket,      // a record does not lie where its hash and the spill counts say
  kRecordRrsets,      // entries are not ascending by type, or of unknown kind
  kRecordAddress,     // checksum of an address in a record, or beside other rrsets
  kRecordZone,        // the zone is missing or does not enclose the name
  kRecordLabels,      // the name has more labels than the image says any has
  kTableChecksum,     // a table of rrsets
  kImagePlace,        // an rrset image does not lie in the image file
  kImageChecksum,     //
  kImageRecords,      // its records do not fill its wire octets
  kImageRelocation,   // a relocation lies outside, or points outside
  kImageKind,         // kind or type does not fit the reference
  kPoolPlace,         //
  kDecisionPlace,     //
  kDecisionChecksum,  //
  kDecisionOutcomes,  // thresholds do not ascend to 2^32-1, or of unknown kind
  kDecisionLists,     // a switch: lists do not fill the outcomes, or a row has no list
  kRowMap,            // place, checksum, a row that the switch does not have
  kLocationTable,     // place, checksum, order of its ranges, records that lead nowhere
  kZonePlace,         //
  kZoneChecksum,      //
  kOrderedTable,      // place, checksum, order of the proofs of a signed zone
  kHealthTable,       // entries do not lie in the image, or ids are not ascending
  kSettings,          // place, checksum, lengths
  kDepth,             // pools lead to pools without end
  kHeader             // the header's fixed part, or where its directory leads
};
const char* RuleText(Rule rule) noexcept;

/// Which rule, and where.
struct Defect {
  Rule rule;
  std::uint32_t at;             // TableOffset of the thing that breaks it
  std::uint32_t record_at = 0;  // the NameRecord that leads there; 0: none does
};

/// A RowMap or LocationTable: of any size, and led to from everywhere.
struct SharedBlob {
  Rule rule;  // that damage of it breaks
  std::uint32_t at;
  std::uint64_t octets;  // lies in the image with all of them; the first four are the checksum
  std::uint32_t record_at = 0;  // as of Defect
};

struct VerifyResult {
  std::vector<Defect> defects;  // at most `most`
  std::uint64_t names = 0;      // visible ones
  std::uint64_t pools = 0;
  std::uint64_t images = 0;
  std::uint64_t octets = 0;        // of what was looked at, once each
  std::vector<SharedBlob> shared;  // VerifyBuckets: left to the caller, which sees all parts
};

/// Checks everything that is reachable at generation `g`. O(octets in use).
VerifyResult VerifyImage(const View& view, Generation g, std::size_t most = 100);

/// Checks a part of it, so that a scrub can go through an image bit by bit: the header and what the
/// names in `count` buckets from `first` lead to. What several parts share is looked at in each,
/// but for large blobs: those are only named. Finds nothing when there are no such buckets.
VerifyResult VerifyBuckets(
    const View& view, Generation g, std::uint32_t first, std::uint32_t count, std::size_t most = 1);
/// The health table and the settings, all of them.
VerifyResult VerifyHealth(const View& view, Generation g);

}  // namespace holdfast::table
