// Rules of an image in words.
#include "dataplane/table/verify.h"

namespace holdfast::table {

const char* RuleText(Rule rule) noexcept {
  switch (rule) {
    case Rule::kIndexVersion:
      return "the name index is not readable";
    case Rule::kVersionChain:
      return "a chain of versions does not lead from newer to older";
    case Rule::kRecordPlace:
      return "the index refers to no record";
    case Rule::kRecordName:
      return "a record's name is not a folded, zero-padded name with a right checksum";
    case Rule::kRecordBucket:
      return "a record does not lie where its hash says";
    case Rule::kRecordRrsets:
      return "a record's rrsets are not ascending by type or of unknown kind";
    case Rule::kRecordAddress:
      return "an address in a record has a wrong checksum, or is not all the name has";
    case Rule::kRecordZone:
      return "a record's zone does not enclose its name";
    case Rule::kRecordLabels:
      return "a name has more labels than the header allows";
    case Rule::kTableChecksum:
      return "a table of rrsets has a wrong place, count or checksum";
    case Rule::kImagePlace:
      return "an rrset image lies outside";
    case Rule::kImageChecksum:
      return "an rrset image has a wrong checksum";
    case Rule::kImageRecords:
      return "an rrset image's records do not fill its wire octets";
    case Rule::kImageRelocation:
      return "a relocation lies or points outside its image";
    case Rule::kImageKind:
      return "an rrset image's kind or type does not fit the reference";
    case Rule::kPoolPlace:
      return "a pool lies outside or is of another type";
    case Rule::kDecisionPlace:
      return "a pool has no readable decision";
    case Rule::kDecisionChecksum:
      return "a decision has a wrong checksum";
    case Rule::kDecisionOutcomes:
      return "a decision's thresholds do not ascend to the end, or an outcome is of unknown kind";
    case Rule::kDecisionLists:
      return "a switch's draws do not fill its outcomes, or a row leads to none of them";
    case Rule::kRowMap:
      return "a map from classes to rows has a wrong place, checksum or row";
    case Rule::kLocationTable:
      return "a location table has a wrong place, checksum, order or record";
    case Rule::kZonePlace:
      return "a zone has no readable version, name or SOA";
    case Rule::kZoneChecksum:
      return "a zone's version has a wrong checksum";
    case Rule::kOrderedTable:
      return "a table of proofs has a wrong place, checksum or order";
    case Rule::kHealthTable:
      return "the health table is not readable or its ids do not ascend";
    case Rule::kSettings:
      return "the settings have a wrong place, checksum or length";
    case Rule::kDepth:
      return "pools or images lead to others without end";
    case Rule::kHeader:
      return "the header is damaged, or its directory leads past the end";
  }
  return "unknown rule";
}

}  // namespace holdfast::table
