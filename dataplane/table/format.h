// The window: every structure of the shared files, in the field order of FORMAT.md. The poll core,
// the kernel listeners and the tools read them; control alone writes. Offsets only, host (little)
// endian, trivially copyable; sizes are asserted. A change here is a new kFormatVersion.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "dataplane/base/strong.h"

namespace holdfast::table {

inline constexpr std::uint64_t kRootMagic = 0x31544F4F52464848;    // "HHFROOT1"
inline constexpr std::uint64_t kImageMagic = 0x31474D4946464848;   // "HHFFIMG1"
inline constexpr std::uint64_t kReaderMagic = 0x3152445246464848;  // "HHFFRDR1"
inline constexpr std::uint32_t kFormatVersion = 6;
inline constexpr std::uint32_t kEndianMark = 0x01020304;

// Limits that bound every loop of a reader, whatever the octets say.
inline constexpr unsigned kMaxVersions = 1024;     // versions followed from a slot's newest
inline constexpr unsigned kMaxSpill = 16;          // buckets after its own that an entry may lie in
inline constexpr unsigned kMaxSteps = 17;          // decisions of one answer: 16 aliases followed
inline constexpr unsigned kMaxChain = 16;          // CNAMEs followed for one question
inline constexpr unsigned kMaxOutcomes = 4096;     // outcomes of one draw
inline constexpr unsigned kMaxLists = 65535;       // draws that one switch leads to
inline constexpr unsigned kMaxRows = 65535;        // rows of a switch
inline constexpr unsigned kMaxBlocks = 128;        // blocks around each other, of a location table
inline constexpr unsigned kMaxAdditional = 8;      // references of one rrset image
inline constexpr unsigned kMaxNameRrsets = 255;    // rrsets of one name
inline constexpr unsigned kMaxReaderThreads = 63;  // threads of one reader process
inline constexpr unsigned kImageNames = 4;         // announced images the root block remembers

/// What `RootBlock::published` holds: the image (upper 16 bits) and the generation in it. One store
/// of this word is a publish. 0: nothing was ever published.
struct Published {
  std::uint64_t word = 0;
  static constexpr Published Of(std::uint16_t image_seq, Generation g) noexcept {
    return {(std::uint64_t{image_seq} << 48U) | (g.value() & 0xFFFFFFFFFFFFU)};
  }
  [[nodiscard]] constexpr std::uint16_t ImageSeq() const noexcept {
    return static_cast<std::uint16_t>(word >> 48U);
  }
  [[nodiscard]] constexpr Generation generation() const noexcept {
    return Generation{word & 0xFFFFFFFFFFFFU};
  }
};

/// File `root`, one page. Control keeps a lock on it: a second control is refused.
struct RootBlock {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t endian;
  std::uint32_t control_pid;                 // of the last control, for messages only
  std::atomic<std::uint32_t> announced_seq;  // image that readers are to map: names[seq % 4]
  std::uint8_t reserved0[40];
  alignas(64) std::atomic<std::uint64_t> published;  // see Published; on a line of its own
  std::uint8_t reserved1[56];
  alignas(64) std::atomic<std::uint64_t> control_beat;  // MonotonicNs() when it last lived
  std::uint8_t reserved2[56];
  char names[kImageNames][512];  // absolute paths, zero-terminated
  std::uint8_t reserved3[1856];
};
static_assert(sizeof(RootBlock) == 4096 && offsetof(RootBlock, published) == 64);

/// First page of an image file.
struct ImageHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t endian;
  std::uint64_t octets;  // size of the file: nothing lies at or past it
  std::uint32_t image_seq;
  std::uint32_t crc32c;                    // of the fixed part (64 octets) with this field as zero
  std::int64_t created_ms;                 // wall clock, milliseconds since 1970
  std::uint8_t fixed_reserved[24];         // zero; end of the fixed part
  std::atomic<std::uint32_t> index_at;     // newest IndexVersion
  std::atomic<std::uint32_t> health_at;    // newest HealthTable
  std::atomic<std::uint32_t> max_labels;   // no name in the image has more; only ever grows
  std::atomic<std::uint32_t> used_units;   // high-water mark of the arena, in units of 16 octets
  std::atomic<std::uint32_t> settings_at;  // newest Settings; none: all of them off
  std::uint8_t reserved[4012];
};
static_assert(sizeof(ImageHeader) == 4096 && offsetof(ImageHeader, index_at) == 64);

/// One state of the name index. The index grows by a new version: records stay where they are.
struct IndexVersion {
  std::uint64_t born;
  std::uint32_t older_at;    // IndexVersion or none
  std::uint32_t buckets_at;  // Bucket[buckets]; aligned to 64 octets
  std::uint32_t buckets;     // 1..2^31
  std::uint32_t spill;       // no entry lies further from its own bucket; 0..kMaxSpill
  std::uint64_t key[2];      // of HashName; random per version
  std::uint64_t entries;     // when it was built, for tools only
  std::uint8_t reserved[16];
};
static_assert(sizeof(IndexVersion) == 64);

inline constexpr unsigned kBucketEntries = 10;

/// One cache line of the index: ten entries, tags beside references. Entry i is free when ref[i] is
/// 0. An entry that finds its own bucket full goes into the next that has room (after the last
/// comes the first) and is counted in `spilled` of each bucket it passed: a reader stops where that
/// is 0.
struct Bucket {
  std::uint16_t tag[kBucketEntries];  // TagOf(hash)
  std::uint16_t spilled;              // entries that passed this bucket
  std::uint16_t reserved;
  std::uint32_t ref[kBucketEntries];  // TableOffset of a NameRecord
};
static_assert(sizeof(Bucket) == 64);

enum class RrsetKind : std::uint8_t {
  kImage = 1,     // static: `at` is an RrImage
  kPool = 2,      // routed: `at` is a PoolSlot
  kReferral = 3,  // NS at a cut: `at` is an RrImage of kind kReferral
  kAddress = 4,   // one A record, the only rrset of its name: see InlineAddress
  kTable = 255    // first inline entry of a name with more than two rrsets: `at` is an RrsetTable
};

/// One (type, where its answer comes from) of a name.
struct RrsetEntry {
  std::uint16_t type;
  RrsetKind kind;
  std::uint8_t reserved;
  std::uint32_t at;
};
static_assert(sizeof(RrsetEntry) == 8);

/// What most names have, without an image of its own: in place of the second entry of a NameRecord
/// whose first and only one is of kind kAddress; the `at` of that is the CRC32C of this.
struct InlineAddress {
  std::uint32_t ttl;        // seconds
  std::uint8_t address[4];  // network order
};
static_assert(sizeof(InlineAddress) == sizeof(RrsetEntry));

enum NameFlags : std::uint8_t {
  kNameApex = 1,      // apex of its zone
  kNameCut = 2,       // delegation: a question here or below gets a referral (DS here excepted)
  kNameWildcard = 4,  // `*` exists directly below
  kNameCname = 8,     // owns a CNAME (static or routed)
  kNameDname = 16     // owns a DNAME
};

inline constexpr unsigned kInlineNameOctets = 32;

/// One owner name (or empty non-terminal: no rrsets) in one version. One cache line.
/// Visible at generation G when (born == 0 or born <= G) and (died == 0 or died > G); both hold the
/// low 32 bits, compared modulo 2^32. Control sets `born` back to 0 once every reader has passed
/// it. Names below a cut or a DNAME are not in the index.
struct NameRecord {
  std::uint32_t born;
  std::uint32_t died;
  std::uint32_t zone_at;     // ZoneSlot
  std::uint8_t name_octets;  // 1..255, with the root's octet
  std::uint8_t flags;        // NameFlags
  std::uint8_t rrsets;       // 0..255
  std::uint8_t zone_set;     // key of the view it belongs to; 0
  RrsetEntry rrset[2];
  std::uint8_t name[kInlineNameOctets];  // folded wire form, zero-padded; when longer than 32
                                         // octets, name[0..3] is the TableOffset of a NameBlob
};
static_assert(sizeof(NameRecord) == 64);

/// A folded name, out of line.
struct NameBlob {
  std::uint32_t crc32c;  // of the rest without padding
  std::uint16_t octets;  // 1..255
  std::uint8_t name[2];  // and on; zero-padded to the end of its last unit
};
inline constexpr std::size_t kNameBlobName = offsetof(NameBlob, name);

/// The rrsets of a name that has more than two. RrsetEntry[count] follow, ascending by type.
struct RrsetTable {
  std::uint32_t crc32c;  // of the rest
  std::uint32_t count;   // 3..255
};
static_assert(sizeof(RrsetTable) == 8);

/// Stable place of one zone; its versions carry what changes.
struct ZoneSlot {
  std::atomic<std::uint32_t> version_at;  // newest ZoneVersion
  std::uint32_t reserved[3];
};
static_assert(sizeof(ZoneSlot) == 16);

enum ZoneFlags : std::uint8_t {
  kZoneNotLoaded = 1  // configured but without data: SERVFAIL (dns-conformance H20)
};

struct ZoneVersion {
  std::uint64_t born;
  std::uint32_t older_at;
  std::uint32_t crc32c;       // of the fields after it
  std::uint32_t serial;       // of its SOA
  std::uint32_t negative_at;  // RrImage of kind kNegative: the SOA as negative answers carry it
  std::uint32_t ordered_at;   // OrderedTable: its NSEC or NSEC3; none where it has none
  std::uint32_t name_at;      // NameBlob of the origin
  std::uint8_t name_octets;   // of the origin
  std::uint8_t flags;         // ZoneFlags
  std::uint8_t max_labels;    // no name of the zone has more
  std::uint8_t zone_set;
  std::uint32_t names;     // when it was built, for status
  std::int64_t loaded_ms;  // wall clock
  std::uint64_t reserved[2];
};
static_assert(sizeof(ZoneVersion) == 64);

enum class ProofKind : std::uint8_t {
  kNsec = 1,  // OrderedName[count], then their names
  kNsec3 = 2  // OrderedHash[count], then the salt
};

/// The NSEC or NSEC3 of a signed zone in canonical order: what stands before a name that is not
/// there proves that it is not (RFC 4034 4.1.1, 5155 3.1.7). Immutable. Behind the 16 octets follow
/// the entries and `tail` octets: of NSEC the names, each a length octet and the owner's folded
/// labels without the zone's own and the root; of NSEC3 the salt.
struct OrderedTable {
  std::uint32_t crc32c;  // of the rest
  std::uint32_t count;   // 1..
  std::uint32_t tail;
  std::uint16_t iterations;  // NSEC3: 0..kMaxIterations
  ProofKind kind;
  std::uint8_t reserved;
};
static_assert(sizeof(OrderedTable) == 16);
inline constexpr unsigned kMaxIterations = 50;
inline constexpr unsigned kMaxSalt = 255;

struct OrderedName {
  std::uint32_t at;       // RrImage of the NSEC
  std::uint32_t name_at;  // of its owner in the tail
};
static_assert(sizeof(OrderedName) == 8);

struct OrderedHash {
  std::uint8_t hash[20];  // ascending
  std::uint32_t at;       // RrImage of the NSEC3
};
static_assert(sizeof(OrderedHash) == 24);

/// Stable place of one routed answer, shared by every (name, type) under the same rule.
struct PoolSlot {
  std::atomic<std::uint32_t> decision_at;  // newest Decision
  std::uint16_t type;                      // of the records it leads to, CNAME included
  std::uint16_t reserved0;
  std::uint64_t rule[2];  // digest of the rule: how a new control finds it again
  std::uint64_t reserved1;
};
static_assert(sizeof(PoolSlot) == 32);

enum OutcomeFlags : std::uint8_t {
  kOutcomeLastResort = 1  // nothing was healthy: the rule of last resort chose
};

enum class OutcomeKind : std::uint8_t {
  kNodata = 0,  // nothing to answer: NOERROR with the SOA
  kImage = 1,   // the whole rrset at `at`
  kSubset = 2,  // `take` records of the rrset at `at`, drawn per query without replacement
  kPool = 3     // go on with the PoolSlot at `at`
};

struct Outcome {
  std::uint32_t
      upto;  // chosen when draw <= upto, draw uniform in 0..2^32-1; ascending; last 2^32-1
  std::uint32_t at;
  OutcomeKind kind;
  std::uint8_t take;   // kSubset: 1..8
  std::uint8_t flags;  // OutcomeFlags
  std::uint8_t reserved;
};
static_assert(sizeof(Outcome) == 12);

enum class DecisionOp : std::uint8_t {
  kDraw = 1,   // one of `count` outcomes by draw; no draw when there is one
  kSwitch = 2  // the client's class leads to one of `count` draws: see SwitchHead
};

/// What one pool answers, in one version. Immutable but for `older_at`. kDraw: Outcome[count]
/// follow. kSwitch: SwitchHead and what that names.
struct Decision {
  std::uint64_t born;
  std::uint32_t older_at;
  std::uint32_t crc32c;  // of the fields after it and the outcomes
  DecisionOp op;
  std::uint8_t reserved;
  std::uint16_t count;  // kDraw: 1..kMaxOutcomes; kSwitch: 1..kMaxLists
  // LocationTable of all that this pool and the names in its records may lead to, so that the scope
  // given out depends on neither health nor a draw; none: the client does not matter. Never none
  // for kSwitch.
  std::uint32_t location_at;
};
static_assert(sizeof(Decision) == 24);

/// Behind a kSwitch Decision; then list_end[count] (32 bits each: where each draw's outcomes end,
/// ascending), list_of_row[rows] (16 bits each, padded to an even count), Outcome[outcomes]. A
/// client's class leads through the RowMap to a row, the row to a list, the list is drawn from.
struct SwitchHead {
  std::uint32_t map_at;    // RowMap
  std::uint32_t outcomes;  // of all lists together
  std::uint16_t rows;      // 1..kMaxRows
  std::uint16_t reserved[3];
};
static_assert(sizeof(SwitchHead) == 16);

/// Which clients are alike for a rule, whatever is healthy. Immutable, shared by content. uint16
/// row[classes] follow.
struct RowMap {
  std::uint32_t crc32c;   // of the rest
  std::uint32_t classes;  // of the LocationTable it goes with; a class past the end has row 0
};
static_assert(sizeof(RowMap) == 8);

/// Where clients are: the addresses of each family in ranges, each with a record that leads to a
/// class. Immutable, shared by content. Behind the 64 octets follow, without gaps: uint64
/// v6_start[v6_ranges], uint32 v4_start[v4_ranges], uint32 v4_record[v4_ranges], uint32
/// v6_record[v6_ranges], uint32 v4_top[2^v4_top_bits + 1], uint32 v6_top[2^v6_top_bits + 1],
/// LocationRecord[records]. Starts ascend from 0; IPv6 counts in its upper 64 bits. top[i] is the
/// range that holds the first address whose upper bits are i, its last entry the last range.
struct LocationTable {
  std::uint32_t crc32c;   // of the rest
  std::uint32_t classes;  // of records: 0..classes - 1; 0 is the class of clients nobody knows
  std::uint32_t records;  // 1..; record 0 leads to class 0
  std::uint32_t v4_ranges;
  std::uint32_t v6_ranges;
  std::uint8_t v4_top_bits;  // 0..24
  std::uint8_t v6_top_bits;  // 0..24
  std::uint16_t reserved0;
  std::uint32_t reserved[10];
};
static_assert(sizeof(LocationTable) == 64);

/// The class of clients whose known address bits are at least `length`; for shorter ones `parent`
/// decides. With length 0 it is the end.
struct LocationRecord {
  std::uint32_t class_at;
  std::uint32_t parent;
  std::uint8_t length;
  std::uint8_t reserved[3];
};
static_assert(sizeof(LocationRecord) == 12);

enum class ImageKind : std::uint8_t {
  kRrset = 1,     // answer section; every owner is the name being answered
  kReferral = 2,  // NS of a cut in authority, glue in additional
  kNegative = 3   // SOA in authority
};

enum class RelocationBase : std::uint8_t {
  kOwner = 0,   // points at the name being answered, whole
  kSuffix = 1,  // points at its last `addend` octets (a zone's or a cut's name)
  kImage = 2    // points `addend` octets into this image's own wire octets
};

/// A compression pointer to be written when the image is placed: 0xC000 | place.
struct Relocation {
  std::uint16_t at;    // in the wire octets
  std::uint16_t code;  // RelocationBase << 14 | addend (0..8191)
};
static_assert(sizeof(Relocation) == 4);
inline constexpr unsigned kMaxRelocationAddend = 8191;

/// Addresses that belong beside an answer (conformance row A18): the rrset of `type` at the name
/// that stands `name_at` octets into the wire octets of the image. Resolved when written.
struct AdditionalRef {
  std::uint32_t at;  // RrImage or PoolSlot, by kind
  std::uint16_t type;
  RrsetKind kind;  // kImage or kPool
  std::uint8_t reserved0;
  std::uint16_t name_at;  // in the wire octets; the record's owner points there
  std::uint16_t reserved1;
};
static_assert(sizeof(AdditionalRef) == 12);

/// A pre-rendered rrset (or referral, or SOA of negative answers) in wire form. Immutable. Behind
/// the 16 octets follow, without gaps: ReferralHead (kReferral alone), AdditionalRef[additional],
/// Relocation[relocations], uint16 record_end[records] when records > 1 (offset in the wire octets
/// just past each record), and the wire octets (`octets`). Wire octets hold zero where a relocation
/// goes, except that kRrset images start every record with C0 0C: right as it stands when the name
/// being answered is the question, to be rewritten at each record's start when it is not (no
/// relocations are listed for these).
struct RrImage {
  std::uint32_t crc32c;   // of everything after it
  std::uint16_t octets;   // wire octets
  std::uint16_t records;  // 1..
  ImageKind kind;
  std::uint8_t additional;  // 0..kMaxAdditional
  std::uint16_t relocations;
  std::uint32_t sigs_at;  // RrImage of kind kRrset: the RRSIGs over it, for DO; none when unsigned
};
static_assert(sizeof(RrImage) == 16);

struct ReferralHead {
  std::uint16_t authority;  // so many first records go into authority, the rest is glue
  std::uint16_t required;   // so many first records must fit, else TC (RFC 9471 3.1)
};

/// State of one check at a generation. Written in place in an order that leaves the values of the
/// published generation readable at every moment: current ones when born <= G, else the previous.
struct HealthEntry {
  std::uint64_t born;
  std::int64_t since_ms;
  std::int64_t previous_since_ms;
  std::uint8_t raw;      // health::State: verdict of the probes
  std::uint8_t healthy;  // what records see: 0 or 1
  std::uint8_t manual;   // override: 0 auto, 1 healthy, 2 unhealthy
  std::uint8_t previous_raw;
  std::uint8_t previous_healthy;
  std::uint8_t previous_manual;
  std::uint8_t id_octets;  // 1..64
  std::uint8_t reserved0;
  char id[64];
  std::int64_t manual_until_ms;  // wall clock: when the override ends by itself; 0: it does not
  std::int64_t previous_manual_until_ms;
  std::uint8_t reserved[16];
};
static_assert(sizeof(HealthEntry) == 128);

/// All checks of a configuration; replaced by a new version when the set of checks changes.
/// HealthEntry[count] follow.
struct HealthTable {
  std::uint64_t born;
  std::uint32_t older_at;
  std::uint32_t count;
  std::uint8_t reserved[48];
};
static_assert(sizeof(HealthTable) == 64);

/// When server cookies are given and asked for (RFC 7873).
enum class CookieMode : std::uint8_t {
  kOff = 0,     // the option is passed over as an unknown one
  kOn = 1,      // given to whoever shows a client cookie; nothing depends on a valid one
  kRequire = 2  // UDP without a valid one: BADCOOKIE, or TC where no cookie came at all
};

inline constexpr unsigned kMaxCookieSecrets = 2;
inline constexpr unsigned kCookieSecretOctets = 16;  // of SipHash-2-4 (RFC 9018 4.2)
inline constexpr unsigned kMaxNsidOctets = 128;
inline constexpr std::uint16_t kMinUdpOctets = 512;  // of the longest reply that may be asked for
inline constexpr std::uint16_t kMaxUdpOctets = 4096;

/// What a network's queries are worth: classes of the LocationTable at Settings::access_at.
enum class Access : std::uint8_t {
  kAnswer = 0,  // within the limits
  kTrust = 1,   // as if each showed a valid cookie
  kRefuse = 2,  // REFUSED
  kDrop = 3     // no reply; a connection is closed
};
inline constexpr unsigned kAccessClasses = 4;

/// How many UDP answers the clients of one prefix get. GCRA: `burst` at once, then one every
/// 1 / answers_per_second seconds.
struct RateLimit {
  std::uint32_t answers_per_second;  // 0: not limited
  std::uint32_t burst;               // 1..
  std::uint8_t slip;                 // of so many answers in excess one goes as TC; 0: none
  std::uint8_t ipv4_prefix;          // 1..32
  std::uint8_t ipv6_prefix;          // 1..64
  std::uint8_t dry_run;              // 1: what is over it is counted and answered
  std::uint8_t reserved[4];
};
static_assert(sizeof(RateLimit) == 16);

/// How replies are made, whatever zone they are from; the same for every reader. One version.
struct Settings {
  std::uint64_t born;
  std::uint32_t older_at;
  std::uint32_t crc32c;  // of the fields after it
  CookieMode cookies;
  std::uint8_t cookie_secrets;    // 0..kMaxCookieSecrets; with none no cookie is given
  std::uint8_t extended_errors;   // 0 or 1: replies may say why (RFC 8914)
  std::uint8_t nsid_octets;       // 0..kMaxNsidOctets; 0: NSID is not answered
  std::uint8_t version_octets;    // 0: version.bind and version.server are refused
  std::uint8_t identity_octets;   // 0: hostname.bind and id.server are refused
  std::uint16_t unproven_octets;  // 512..4096: longest UDP reply without a valid cookie; 0: any
  std::uint32_t access_at;        // LocationTable with classes of Access; none: all are answered
  std::uint16_t udp_octets;       // 512..4096: longest UDP reply; 0: the reader's own choice
  std::uint16_t reserved;
  RateLimit rate;
  // The first one makes cookies, all of them verify.
  std::uint8_t cookie_secret[kMaxCookieSecrets][kCookieSecretOctets];
  std::uint8_t nsid[kMaxNsidOctets];
  char version[256];
  char identity[256];
};
static_assert(sizeof(Settings) == 720 && offsetof(Settings, nsid) == 80);

/// What one reader thread tells: a line of its own, one writer.
struct ReaderThread {
  std::atomic<std::uint64_t> passed;  // holds nothing that died at or before it; or kOffline
  std::atomic<std::uint64_t> beat;    // grows while the thread goes round its loop
  std::uint8_t reserved[48];
};
static_assert(sizeof(ReaderThread) == 64);
inline constexpr std::uint64_t kOffline = ~std::uint64_t{0};

inline constexpr unsigned kCounters = 128;  // per thread; what they count is the reader's affair

/// File `readers/ROLE.*`: this page, then kCounters 64-bit counters per thread. A lock on the
/// file tells that the reader lives.
struct ReaderFile {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t threads;  // 1..kMaxReaderThreads
  std::uint32_t pid;
  std::atomic<std::uint32_t> mapped_seq;  // newest image that is mapped and checked
  char role[32];                          // "dataplane", "sockets"; zero-padded
  std::uint8_t reserved[8];
  ReaderThread thread[kMaxReaderThreads];
};
static_assert(sizeof(ReaderFile) == 4096);

static_assert(std::is_trivially_copyable_v<NameRecord> && std::is_trivially_copyable_v<RrImage> &&
              std::is_trivially_copyable_v<Bucket> && std::is_trivially_copyable_v<Outcome>);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace holdfast::table
