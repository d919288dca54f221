// See corpus.h.
#include "tools/querygen/corpus.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <sys/mman.h>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/checksum.h"

namespace holdfast::querygen {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20U;
constexpr std::size_t kLeastEntries = 4096;  // so that a short list is not its own pattern
constexpr std::size_t kRounds = 8;           // of a list that is not long
constexpr std::size_t kTypeAndClass = 4;
constexpr std::byte kTtl{64};
constexpr std::byte kUdp{17};

std::size_t RoundUp(std::size_t octets, std::size_t to) {
  return (octets + to - 1) / to * to;
}

// The numbers below `population` in the order in which they are asked for.
std::vector<std::uint32_t> Draw(std::size_t population) {
  const std::size_t entries =
      std::min(std::max(population * kRounds, kLeastEntries), Corpus::kMaxEntries);
  std::mt19937_64 random(1);
  std::vector<std::uint32_t> all(population);
  std::iota(all.begin(), all.end(), 0U);
  std::vector<std::uint32_t> drawn;
  drawn.reserve(entries);
  while (drawn.size() < entries) {
    std::ranges::shuffle(all, random);
    const auto count = std::min(entries - drawn.size(), all.size());
    drawn.insert(drawn.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return drawn;
}

}  // namespace

void Corpus::Freed::operator()(std::byte* octets) const noexcept {
  std::free(octets);
}

Result<Corpus> Corpus::Create(std::size_t population,
                              const QuestionOf& question_of,
                              const Ends& ends) {
  if (population == 0) {
    return Fail(ErrorCode::kInvalid, "no question to ask");
  }
  if (ends.from.IsV4() != ends.to.IsV4()) {
    return Fail(ErrorCode::kInvalid,
                "queries from " + io::AddressText(ends.from) + " to " + io::AddressText(ends.to) +
                    "; expected two addresses of one family");
  }
  Corpus corpus;
  corpus.v6_ = !ends.to.IsV4();
  corpus.PutHeader(ends);
  const auto drawn = Draw(population);
  corpus.size_ = drawn.size();
  for (const std::uint32_t number : drawn) {
    const Question question = question_of(number);
    const std::size_t octets = question.owner.size() + kTypeAndClass;
    corpus.chunks_ = std::max(corpus.chunks_, (octets + kChunk - 1) / kChunk);
    corpus.stride_ =
        std::max(corpus.stride_, RoundUp(sizeof(Entry) + question.address.size() + octets, kLine));
  }
  const std::size_t octets =
      RoundUp((drawn.size() * corpus.stride_) + (corpus.chunks_ * kChunk), kHugePage);
  corpus.octets_.reset(static_cast<std::byte*>(std::aligned_alloc(kHugePage, octets)));
  if (corpus.octets_ == nullptr) {
    return Fail(ErrorCode::kExhausted,
                "no " + std::to_string(octets >> 20U) + " MiB for the queries");
  }
  // Refused: ordinary pages do as well.
  (void)::madvise(corpus.octets_.get(), octets, MADV_HUGEPAGE);
  std::memset(corpus.octets_.get(), 0, octets);
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    corpus.Put(i, question_of(drawn[i]));
  }
  return corpus;
}

void Corpus::PutHeader(const Ends& ends) {
  std::byte* frame = header_.data();
  std::memcpy(frame, ends.to_mac.data(), 6);
  std::memcpy(frame + 6, ends.from_mac.data(), 6);
  StoreBe16(frame + 12, v6_ ? 0x86DD : 0x0800);
  std::byte* ip = frame + io::kEthernetOctets;
  if (v6_) {
    StoreBe32(ip, 0x60000000);
    ip[6] = kUdp;
    ip[7] = kTtl;
    std::memcpy(ip + 8, ends.from.octets.data(), 16);
    std::memcpy(ip + 24, ends.to.octets.data(), 16);
    udp_at_ = io::kEthernetOctets + io::kIpv6Octets;
  } else {
    StoreBe16(ip, 0x4500);
    ip[8] = kTtl;
    ip[9] = kUdp;
    std::memcpy(ip + 12, ends.from.octets.data() + 12, 4);
    std::memcpy(ip + 16, ends.to.octets.data() + 12, 4);
    udp_at_ = io::kEthernetOctets + io::kIpv4Octets;
  }
  StoreBe16(frame + udp_at_ + 2, 53);
  StoreBe16(frame + udp_at_ + io::kUdpOctets + 4, 1);  // one question
}

void Corpus::Put(std::size_t number, const Question& question) {
  std::byte* at = octets_.get() + (number * stride_);
  std::byte* asked = at + sizeof(Entry) + question.address.size();
  const std::size_t asked_octets = question.owner.size() + kTypeAndClass;
  std::memcpy(at + sizeof(Entry), question.address.data(), question.address.size());
  std::memcpy(asked, question.owner.data(), question.owner.size());
  StoreBe16(asked + question.owner.size(), question.type);
  StoreBe16(asked + question.owner.size() + 2, 1);  // class IN

  const auto udp_octets = static_cast<std::uint16_t>(io::kUdpOctets + kDnsHeader + asked_octets);
  const std::size_t address_octets = v6_ ? 32 : 8;
  std::uint64_t sum =
      wire::PseudoHeaderSum(header_.data() + udp_at_ - address_octets, address_octets, udp_octets);
  sum = wire::AddToSum(sum, header_.data() + udp_at_, io::kUdpOctets + kDnsHeader);
  sum = wire::AddToSum(sum, asked, asked_octets) + __builtin_bswap16(udp_octets);

  std::array<std::byte, io::kIpv4Octets> ip{};
  std::memcpy(ip.data(), header_.data() + io::kEthernetOctets, ip.size());
  StoreBe16(ip.data() + 2, static_cast<std::uint16_t>(io::kIpv4Octets + udp_octets));
  const Entry entry{
      .udp_sum = wire::FoldSum(sum),
      .ip_checksum = v6_ ? std::uint16_t{0} : wire::Ip4HeaderChecksum(ip.data(), ip.size()),
      .question_octets = static_cast<std::uint16_t>(asked_octets),
      .rcodes = question.rcodes,
      .least_answers = question.least_answers,
      .most_answers = question.most_answers,
      .address_octets = static_cast<std::uint8_t>(question.address.size()),
      .reserved = 0};
  StoreAs(at, entry);
}

}  // namespace holdfast::querygen
