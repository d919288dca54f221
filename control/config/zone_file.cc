#include "control/config/zone_file.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <unordered_set>
#include <utility>

#include "control/config/numbers.h"
#include "control/config/rdata.h"
#include "control/config/same_rdata.h"
#include "control/config/zone_lines.h"
#include "control/model/folded.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/check.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

using wire::Type;
using FilePtr = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

constexpr std::uint64_t kMaxTtl = 0x7fffffff;  // RFC 2181 8

bool Is(std::uint16_t type, Type wanted) noexcept {
  return type == static_cast<std::uint16_t>(wanted);
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
  return upper;
}

// The next blank-separated word; `rest` goes on behind it.
std::string_view TakeWord(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  std::size_t at = 0;
  while (at < rest.size() && rest[at] != ' ') {
    at += rest[at] == '\\' ? 2 : 1;
  }
  at = std::min(at, rest.size());
  const std::string_view word = rest.substr(0, at);
  rest.remove_prefix(at);
  return word;
}

// A final dot that no backslash takes away.
bool IsAbsolute(std::string_view name) {
  if (!name.ends_with('.')) {
    return false;
  }
  const std::string_view before = name.substr(0, name.size() - 1);
  const std::size_t last = before.find_last_not_of('\\');
  return (before.size() - (last == std::string_view::npos ? 0 : last + 1)) % 2 == 0;
}

Result<std::string> NameFromText(std::string_view text, std::string_view origin) {
  if (text == "@") {
    return std::string(origin);
  }
  auto name = wire::FromText(text);
  if (!name || IsAbsolute(text)) {
    return name;
  }
  name->pop_back();
  *name += origin;
  if (name->size() > wire::kMaxNameOctets) {
    return Fail(ErrorCode::kInvalid,
                "name of " + std::to_string(name->size()) +
                    " octets with its origin; expected at most 255");
  }
  return name;
}

std::string RealPath(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), std::free);
  return real ? real.get() : "";
}

std::string Folder(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
}

// (owner, type) -> place in Zone::rrsets; the set holds the places, the vector the names.
struct RrsetKey {
  std::string_view owner;
  std::uint16_t type;
};
struct RrsetHash {
  using is_transparent = void;
  const std::vector<Rrset>* rrsets;
  std::size_t operator()(const RrsetKey& key) const {  // not noexcept: see FoldedHash
    return FoldedHash{}(key.owner) + key.type;
  }
  std::size_t operator()(std::uint32_t at) const {
    return (*this)(RrsetKey{(*rrsets)[at].owner, (*rrsets)[at].type});
  }
};
struct RrsetEqual {
  using is_transparent = void;
  const std::vector<Rrset>* rrsets;
  bool operator()(std::uint32_t a, std::uint32_t b) const noexcept { return a == b; }
  bool operator()(const RrsetKey& key, std::uint32_t at) const noexcept {
    const Rrset& rrset = (*rrsets)[at];
    return rrset.type == key.type && FoldedEqual{}(rrset.owner, key.owner);
  }
  bool operator()(std::uint32_t at, const RrsetKey& key) const noexcept { return (*this)(key, at); }
};

struct Record {
  std::string owner;
  std::optional<std::uint32_t> ttl;
  std::uint16_t type = 0;
  std::string_view rdata_text;
};

class ZoneReader {
 public:
  ZoneReader(Zone& zone, Findings& findings)
      : zone_(zone), findings_(findings), index_(0, {&zone.rrsets}, {&zone.rrsets}) {}

  void ReadTop(const std::string& path);
  void ReadStream(std::FILE* stream, const std::string& name, std::string origin, int depth);
  void Finish();

 private:
  // What a file knows of its own; $INCLUDE starts a new one, $TTL is common to all.
  struct File {
    const std::string& name;
    std::string origin;
    std::string last_owner;
    int depth;
  };

  void ReadEntry(File& file, const TextEntry& entry);
  void ReadDirective(File& file, const TextEntry& entry);
  void Include(File& file, std::string_view rest, const Source& at);
  void ReadRecord(File& file, const TextEntry& entry);
  Result<Record> ParseHead(File& file, const TextEntry& entry);
  bool SettleTtl(Record& record, const std::string& rdata, const Source& at);
  void Add(Record record, std::string rdata, const Source& at);
  void AddTo(Rrset& rrset, std::uint32_t ttl, std::string rdata, const Source& at);
  [[nodiscard]] bool Enough() const { return findings_.ErrorCount() >= Findings::kKept; }

  // Above this many the duplicates of an rrset are found at the end, by hashing.
  static constexpr std::size_t kFewRdata = 32;

  Zone& zone_;
  Findings& findings_;
  std::unordered_set<std::uint32_t, RrsetHash, RrsetEqual> index_;
  std::string zone_folder_;  // empty: $INCLUDE is refused
  std::optional<std::uint32_t> default_ttl_;
  std::optional<std::uint32_t> last_ttl_;
  int includes_ = 0;
};

void ZoneReader::ReadTop(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // waits for no pipe
  const FilePtr file(fd < 0 ? nullptr : fdopen(fd, "r"), std::fclose);
  struct stat status{};
  if (!file || fstat(fd, &status) != 0) {
    findings_.AddError(path, std::string("cannot open: ") + std::strerror(errno));
    return;
  }
  if (!S_ISREG(status.st_mode)) {
    findings_.AddError(path,
                       S_ISDIR(status.st_mode) ? "is a folder; expected a zone file"
                                               : "is no regular file; expected a zone file");
    return;
  }
  zone_folder_ = RealPath(Folder(path));
  ReadStream(file.get(), path, zone_.origin, 0);
}

void ZoneReader::ReadStream(std::FILE* stream,
                            const std::string& name,
                            std::string origin,
                            int depth) {
  File file{name, std::move(origin), {}, depth};
  ZoneLines lines(stream);
  TextEntry entry;
  while (!Enough()) {
    const auto more = lines.Next(entry);
    if (!more) {
      findings_.AddError(Source{name, entry.line}, more.error().message);
      if (more.error().code == ErrorCode::kIo) {
        return;
      }
      continue;
    }
    if (!*more) {
      zone_.texts.push_back({name, lines.TakeDigest()});
      return;
    }
    ReadEntry(file, entry);
  }
}

void ZoneReader::ReadEntry(File& file, const TextEntry& entry) {
  if (entry.text.starts_with('$')) {
    ReadDirective(file, entry);
  } else {
    ReadRecord(file, entry);
  }
}

void ZoneReader::ReadDirective(File& file, const TextEntry& entry) {
  const Source at{file.name, entry.line};
  std::string_view rest = entry.text;
  const std::string directive = Upper(TakeWord(rest));
  if (directive == "$INCLUDE") {
    Include(file, rest, at);
    return;
  }
  if (directive != "$ORIGIN" && directive != "$TTL") {
    findings_.AddError(at, "'" + directive + "' is not known; expected $ORIGIN, $TTL or $INCLUDE");
    return;
  }
  const std::string_view word = TakeWord(rest);
  if (!TakeWord(rest).empty()) {
    findings_.AddError(at, directive + " has more than one argument");
    return;
  }
  if (directive == "$ORIGIN") {
    auto origin = NameFromText(word, file.origin);
    if (!origin) {
      findings_.AddError(at, "$ORIGIN " + std::string(word) + ": " + origin.error().message);
      return;
    }
    file.origin = std::move(*origin);
  } else {
    const auto ttl = Seconds(word);
    if (!ttl || *ttl > kMaxTtl) {
      findings_.AddError(at, "$TTL is '" + std::string(word) + "'; expected 0..2147483647");
      return;
    }
    default_ttl_ = static_cast<std::uint32_t>(*ttl);
  }
}

void ZoneReader::Include(File& file, std::string_view rest, const Source& at) {
  std::string_view path_word = TakeWord(rest);
  if (path_word.size() >= 2 && path_word.starts_with('"') && path_word.ends_with('"')) {
    path_word = path_word.substr(1, path_word.size() - 2);
  }
  const std::string_view origin_word = TakeWord(rest);
  const std::string written = "$INCLUDE " + std::string(path_word);
  if (path_word.empty() || !TakeWord(rest).empty()) {
    findings_.AddError(at, "$INCLUDE expects a file and perhaps an origin");
    return;
  }
  if (zone_folder_.empty()) {
    findings_.AddError(at, written + ": is not allowed here; expected a whole zone");
    return;
  }
  if (file.depth >= kMaxIncludeDepth || ++includes_ > kMaxIncludes) {
    findings_.AddError(
        at,
        written + ": more than " +
            (file.depth >= kMaxIncludeDepth ? std::to_string(kMaxIncludeDepth) + " files deep"
                                            : std::to_string(kMaxIncludes) + " inclusions"));
    return;
  }
  auto origin = origin_word.empty() ? Result<std::string>(file.origin)
                                    : NameFromText(origin_word, file.origin);
  if (!origin) {
    findings_.AddError(at, written + ": its origin: " + origin.error().message);
    return;
  }
  const std::string path = path_word.starts_with('/')
                               ? std::string(path_word)
                               : Folder(file.name) + "/" + std::string(path_word);
  const std::string real = RealPath(path);
  if (real.empty()) {
    findings_.AddError(at, written + ": " + std::strerror(errno));
    return;
  }
  if (!real.starts_with(zone_folder_ == "/" ? zone_folder_ : zone_folder_ + "/")) {
    findings_.AddError(at, written + ": lies outside the zone's folder " + zone_folder_);
    return;
  }
  // The resolved path is opened, and not through a link: what was judged is what is read.
  const int fd = open(real.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  const FilePtr stream(fd < 0 ? nullptr : fdopen(fd, "r"), std::fclose);
  struct stat status{};
  if (!stream || fstat(fileno(stream.get()), &status) != 0 || !S_ISREG(status.st_mode)) {
    findings_.AddError(at, written + ": " + (stream ? "is no file" : std::strerror(errno)));
    return;
  }
  ReadStream(stream.get(), path, std::move(*origin), file.depth + 1);
}

Result<Record> ZoneReader::ParseHead(File& file, const TextEntry& entry) {
  Record record;
  std::string_view rest = entry.text;
  if (entry.starts_blank) {
    if (file.last_owner.empty()) {
      return Fail(ErrorCode::kInvalid, "the record has no owner and none came before it");
    }
    record.owner = file.last_owner;
  } else {
    const std::string_view word = TakeWord(rest);
    auto owner = NameFromText(word, file.origin);
    if (!owner) {
      return Fail(ErrorCode::kInvalid,
                  "owner '" + std::string(word) + "': " + owner.error().message);
    }
    record.owner = std::move(*owner);
    file.last_owner = record.owner;
  }
  // [TTL] [class] type, or [class] [TTL] type.
  bool has_class = false;
  for (;;) {
    const std::string_view word = TakeWord(rest);
    if (word.empty()) {
      return Fail(ErrorCode::kInvalid, "the record has no type");
    }
    if (std::isdigit(static_cast<unsigned char>(word.front())) != 0 && !record.ttl) {
      const auto ttl = Seconds(word);
      if (!ttl || *ttl > kMaxTtl) {
        return Fail(ErrorCode::kInvalid,
                    "TTL is '" + std::string(word) + "'; expected 0..2147483647");
      }
      record.ttl = static_cast<std::uint32_t>(*ttl);
      continue;
    }
    const std::string upper = Upper(word);
    if (!has_class && (upper == "IN" || upper == "CLASS1")) {
      has_class = true;
      continue;
    }
    if (upper == "CH" || upper == "HS" || upper == "CS" || upper.starts_with("CLASS")) {
      return Fail(ErrorCode::kInvalid, "class is " + upper + "; expected IN");
    }
    const auto type = wire::TypeFromText(upper);
    if (!type) {
      return std::unexpected(type.error());
    }
    record.type = *type;
    record.rdata_text = rest;
    return record;
  }
}

bool ZoneReader::SettleTtl(Record& record, const std::string& rdata, const Source& at) {
  if (record.ttl) {
    last_ttl_ = record.ttl;
    return true;
  }
  record.ttl = default_ttl_ ? default_ttl_ : last_ttl_;
  if (!record.ttl && Is(record.type, Type::kSoa)) {
    record.ttl = std::min<std::uint32_t>(LoadBe32(rdata.data() + rdata.size() - 4), kMaxTtl);
    last_ttl_ = record.ttl;
    findings_.AddWarning(at,
                         "SOA has no TTL; its minimum " + std::to_string(*record.ttl) +
                             " is taken for it and for what follows");
  }
  if (!record.ttl) {
    findings_.AddError(at, "the record has no TTL and no $TTL came before it");
  }
  return record.ttl.has_value();
}

void ZoneReader::ReadRecord(File& file, const TextEntry& entry) {
  const Source at{file.name, entry.line};
  auto record = ParseHead(file, entry);
  if (!record) {
    findings_.AddError(at, record.error().message);
    return;
  }
  if (!IsStorableType(record->type)) {
    findings_.AddError(at, "type " + wire::TypeText(record->type) + " cannot be stored in a zone");
    return;
  }
  if (!IsAtOrBelowFolded(record->owner, zone_.origin)) {
    findings_.AddError(
        at,
        "'" + wire::ToText(record->owner) + "' is outside the zone " + wire::ToText(zone_.origin));
    return;
  }
  auto rdata = RdataFromText(record->type, record->rdata_text, file.origin);
  if (!rdata) {
    findings_.AddError(at, rdata.error().message);
    return;
  }
  if (SettleTtl(*record, *rdata, at)) {
    Add(std::move(*record), std::move(*rdata), at);
  }
}

void ZoneReader::Add(Record record, std::string rdata, const Source& at) {
  HF_CHECK(record.ttl.has_value());
  const std::uint32_t ttl = *record.ttl;
  std::vector<Rrset>& rrsets = zone_.rrsets;
  const RrsetKey key{record.owner, record.type};
  // Most files keep an rrset together, so the last one is asked first.
  if (!rrsets.empty() && RrsetEqual{&rrsets}(key, static_cast<std::uint32_t>(rrsets.size() - 1))) {
    AddTo(rrsets.back(), ttl, std::move(rdata), at);
    return;
  }
  if (const auto found = index_.find(key); found != index_.end()) {
    AddTo(rrsets[*found], ttl, std::move(rdata), at);
    return;
  }
  Rrset rrset{std::move(record.owner), record.type, ttl, {}, at};
  rrset.rdata.push_back(std::move(rdata));
  rrsets.push_back(std::move(rrset));
  index_.insert(static_cast<std::uint32_t>(rrsets.size() - 1));
}

void ZoneReader::AddTo(Rrset& rrset, std::uint32_t ttl, std::string rdata, const Source& at) {
  const auto what = [&rrset] {
    return "'" + wire::ToText(rrset.owner) + "' " + wire::TypeText(rrset.type);
  };
  // RRSIGs of one owner have each the TTL of what they cover (RFC 4034 3), and are served with it.
  if (rrset.ttl != ttl && !Is(rrset.type, Type::kRrsig)) {
    rrset.ttl = std::min(rrset.ttl, ttl);
    findings_.AddWarning(at,
                         what() + " has records of different TTL; the lower one, " +
                             std::to_string(rrset.ttl) + ", is taken (RFC 2181 5.2)");
  }
  const auto same = [&](const std::string& other) { return SameRdata(rrset.type, other, rdata); };
  if (rrset.rdata.size() < kFewRdata && std::ranges::any_of(rrset.rdata, same)) {
    findings_.AddWarning(at, what() + ": the same record came before; it is dropped");
    return;
  }
  rrset.rdata.push_back(std::move(rdata));
}

void ZoneReader::Finish() {
  for (Rrset& rrset : zone_.rrsets) {
    if (rrset.rdata.size() <= kFewRdata) {
      continue;
    }
    std::unordered_set<std::string_view, RdataHash, RdataEqual> seen(
        0, RdataHash{}, RdataEqual{rrset.type});
    std::vector<std::string> kept;
    for (const std::string& rdata : rrset.rdata) {
      if (seen.insert(rdata).second) {
        kept.push_back(rdata);
      }
    }
    if (kept.size() != rrset.rdata.size()) {
      findings_.AddWarning(rrset.source,
                           "'" + wire::ToText(rrset.owner) + "' " + wire::TypeText(rrset.type) +
                               ": " + std::to_string(rrset.rdata.size() - kept.size()) +
                               " records that came before are dropped");
      rrset.rdata = std::move(kept);
    }
  }
}

}  // namespace

void ReadZoneFile(const std::string& path, Zone& zone, Findings& findings) {
  ZoneReader reader(zone, findings);
  reader.ReadTop(path);
  reader.Finish();
}

void ReadZoneStream(std::FILE* stream, const std::string& name, Zone& zone, Findings& findings) {
  ZoneReader reader(zone, findings);
  reader.ReadStream(stream, name, zone.origin, 0);
  reader.Finish();
}

}  // namespace holdfast::control
