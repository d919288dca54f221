// What compile hands to publish: zones, pools and images as values, free of offsets and
// generations. compile is a pure function of (model, health); publish puts only what differs into
// the tables. Control core only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dataplane/table/format.h"

namespace holdfast::control {

/// Digest of a rule (128 bits of SHA-256 over its canonical form): same records, checks, weights
/// and TTLs give the same digest, whatever the owner name. Names a pool across restarts.
struct RuleDigest {
  std::array<std::uint64_t, 2> word{};
  auto operator<=>(const RuleDigest&) const = default;
};
struct RuleDigestHash {
  std::size_t operator()(const RuleDigest& digest) const noexcept { return digest.word[0]; }
};

struct ImageSpec;
using ImageSpecPtr = std::shared_ptr<const ImageSpec>;

/// Where an answer for one type comes from: a static image or a pool.
using AnswerRef = std::variant<ImageSpecPtr, RuleDigest>;

struct AdditionalSpec {
  std::uint16_t type = 0;     // A or AAAA
  std::uint16_t name_at = 0;  // in the wire octets of the image that carries this
  std::uint32_t name = 0;     // which name of the zone that is; not published
  AnswerRef answer;           // an image here has no `additional` of its own
};

/// A pre-rendered rrset, referral or negative SOA: see table::RrImage for the meaning of each
/// field.
struct ImageSpec {
  table::ImageKind kind = table::ImageKind::kRrset;
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;
  std::uint16_t authority = 0;
  std::uint16_t required = 0;
  std::vector<AdditionalSpec> additional;  // at most table::kMaxAdditional
  std::vector<table::Relocation> relocations;
  std::vector<std::uint16_t> record_ends;  // always filled: one per record
  std::string wire;                        // at most 65,535 octets
  ImageSpecPtr sigs;                       // the RRSIGs over it, of kind kRrset; null when unsigned
};

struct CompiledRrset {
  std::uint16_t type = 0;
  // kImage, kPool, kReferral; kAddress for one A record alone that is all its name has.
  table::RrsetKind kind = table::RrsetKind::kImage;
  AnswerRef answer;                // of kAddress: a null image
  table::InlineAddress address{};  // of kAddress
};

/// One owner name or empty non-terminal of a zone.
struct CompiledName {
  std::string name;                   // folded wire form
  std::uint8_t flags = 0;             // table::NameFlags
  std::vector<CompiledRrset> rrsets;  // ascending by type; at most table::kMaxNameRrsets
};

/// One NSEC or NSEC3 of a signed zone.
struct CompiledProof {
  std::string owner;   // NSEC: folded labels below the zone's name, without the root; NSEC3: hash
  ImageSpecPtr image;  // of kind kRrset
};

/// What a table::OrderedTable holds.
struct CompiledOrder {
  table::ProofKind kind = table::ProofKind::kNsec;
  std::uint16_t iterations = 0;  // at most table::kMaxIterations
  std::string salt;
  std::vector<CompiledProof> proofs;  // in canonical order
};

struct CompiledZone {
  std::string origin;  // folded wire form
  std::uint32_t serial = 0;
  std::uint8_t flags = 0;  // table::ZoneFlags; a zone that is not loaded has its apex name only
  std::uint8_t max_labels = 0;
  std::int64_t loaded_ms = 0;
  ImageSpecPtr negative;               // null when not loaded
  std::optional<CompiledOrder> order;  // of a signed zone
  std::vector<CompiledName> names;
};

struct CompiledOutcome {
  std::uint32_t upto = 0xFFFFFFFF;
  table::OutcomeKind kind = table::OutcomeKind::kNodata;
  std::uint8_t take = 0;
  AnswerRef answer;        // image for kImage and kSubset, pool for kPool
  std::uint8_t flags = 0;  // table::OutcomeFlags
};

/// A table::RowMap or table::LocationTable in the octets that readers map. Made once when rules are
/// compiled, shared by all pools that go by it.
using TableBlob = std::shared_ptr<const std::string>;

/// One pool under one health snapshot: a draw, or for each row of clients a draw.
struct CompiledPool {
  RuleDigest rule;
  std::uint16_t type = 0;
  TableBlob location;  // of all it and its records may lead to; null: the client does not matter
  TableBlob row_map;   // client class -> row; null: a draw, without rows
  std::vector<std::uint16_t> list_of_row;
  std::vector<std::uint32_t> list_ends;   // where each list ends in `outcomes`
  std::vector<CompiledOutcome> outcomes;  // per list 1..table::kMaxOutcomes, `upto` ascending
};

/// Status of one check as a generation is compiled from it (health::State for `raw`).
struct CompiledHealth {
  std::string id;
  std::uint8_t raw = 0;
  bool healthy = true;
  std::uint8_t manual = 0;  // 0 auto, 1 healthy, 2 unhealthy
  std::int64_t since_ms = 0;
  std::int64_t manual_until_ms = 0;  // wall clock: when `manual` ends by itself; 0: it does not
  bool operator==(const CompiledHealth&) const = default;
};

/// How replies are made, whatever zone they are from (table::Settings).
struct CompiledSettings {
  table::CookieMode cookies = table::CookieMode::kOff;
  std::vector<std::string> cookie_secrets;  // at most table::kMaxCookieSecrets, 16 octets each
  std::string nsid;                         // at most table::kMaxNsidOctets; empty: none
  std::string version;                      // at most 255 octets; empty: hidden
  std::string identity;                     // at most 255 octets; empty: hidden
  bool extended_errors = false;
  std::uint16_t udp_octets = 0;       // 512..4096; 0: the reader's own choice
  std::uint16_t unproven_octets = 0;  // 512..4096, or 0: any
  TableBlob access;                   // of classes table::Access; null: all are answered
  table::RateLimit rate{};
};

}  // namespace holdfast::control
