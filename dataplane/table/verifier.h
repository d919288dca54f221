// The walk through an image that verify.h promises, one member function per kind of thing. Its two
// halves: verify.cc goes through the index, the names and what is beside them; verify_answers.cc
// follows what a name leads to. For those two alone.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "dataplane/base/bytes.h"
#include "dataplane/table/hash.h"
#include "dataplane/table/verify.h"

namespace holdfast::table {

/// Whether the first four octets of a blob are the CRC32C of the others.
inline bool ChecksumFits(const void* blob, std::size_t octets) {
  constexpr std::size_t kChecksum = sizeof(std::uint32_t);
  const auto* at = static_cast<const std::byte*>(blob);
  return octets >= kChecksum &&
         Crc32c(at + kChecksum, octets - kChecksum) == LoadAs<std::uint32_t>(at);
}

class Verifier {
 public:
  Verifier(const View& view, Generation g, std::size_t most)
      : view_(view), snapshot_(view, g), g_(g), most_(most) {}

  VerifyResult Run() {
    Header();
    Index(0, ~0U);
    Health();
    ReplySettings();
    return std::move(result_);
  }
  VerifyResult RunBuckets(std::uint32_t first, std::uint32_t count) {
    in_parts_ = true;
    Header();
    Index(first, count);
    return std::move(result_);
  }
  VerifyResult RunHealth() {
    Health();
    ReplySettings();
    return std::move(result_);
  }

 private:
  void Broken(Rule rule, std::uint32_t at) {
    if (result_.defects.size() < most_) {
      result_.defects.push_back({rule, at, record_at_});
    }
  }
  // Whether a large blob is to be looked at here and now.
  bool FirstShared(Rule rule, std::uint32_t at, std::uint64_t octets) {
    if (!First(at, octets)) {
      return false;
    }
    if (in_parts_) {
      result_.shared.push_back({rule, at, octets, record_at_});
    }
    return !in_parts_;
  }
  // True at the first look at `at`.
  bool First(std::uint32_t at, std::size_t octets) {
    if (!seen_.insert(at).second) {
      return false;
    }
    result_.octets += octets;
    return true;
  }

  // From newer to older, ends with none.
  template <class V>
  void Chain(std::uint32_t at) {
    std::uint64_t born = ~std::uint64_t{0};
    for (unsigned i = 0; at != 0; ++i) {
      const V* version = view_.At<V>(at);
      if (version == nullptr || i >= kMaxVersions || version->born > born) {
        Broken(Rule::kVersionChain, at);
        return;
      }
      born = version->born;
      at = version->older_at;
    }
  }

  void Header();
  void Index(std::uint32_t first, std::uint32_t count);
  void Buckets(const IndexVersion& index,
               const Bucket* buckets,
               std::uint32_t first,
               std::uint32_t count);
  void Record(const NameRecord& record, std::uint32_t at);
  void Rrsets(const NameRecord& record, std::uint32_t at);
  void Entry(const RrsetEntry& entry, std::uint32_t from);
  void Image(std::uint32_t at, ImageKind kind, std::uint16_t type);
  void ImageInside(const ImageParts& parts, std::uint32_t at);
  void Pool(std::uint32_t at, std::uint16_t type);
  void Lists(const DecisionParts& parts, std::uint32_t at);
  void RowsOf(const DecisionParts& parts);
  void Location(std::uint32_t at);
  void Outcomes(std::span<const Outcome> outcomes, std::uint16_t type, std::uint32_t at);
  void Zone(std::uint32_t at, std::string_view name, std::uint32_t record_at);
  void Ordered(std::uint32_t at);
  void Health();
  void ReplySettings();
  std::string_view NameOf(const NameRecord& record) const;

  View view_;
  Snapshot snapshot_;
  Generation g_;
  std::size_t most_;
  unsigned depth_ = 0;
  bool in_parts_ = false;
  std::uint32_t record_at_ = 0;  // what is looked at belongs to this one
  std::unordered_set<std::uint32_t> seen_;
  VerifyResult result_;
};

}  // namespace holdfast::table
