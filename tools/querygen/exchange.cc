// See exchange.h.
#include "tools/querygen/exchange.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/checksum.h"

namespace holdfast::querygen {
namespace {

constexpr std::size_t kAhead = 24;  // entries of the corpus that are on their way from memory
constexpr std::size_t kHeaderOctets = Corpus::kDnsHeader;
constexpr std::size_t kRecordOctets = 10;  // behind a record's owner: type, class, TTL, length
constexpr unsigned kMostRecords = 64;      // looked at in one reply
constexpr std::uint16_t kTypeA = 1;
constexpr std::uint16_t kTypeAaaa = 28;

// As memcmp, for what is known to be of 5 octets or more; mostly of 16 to 32.
bool SameOctets(const std::byte* a, const std::byte* b, std::size_t octets) noexcept {
  if (octets < 8) {
    return LoadAs<std::uint32_t>(a) == LoadAs<std::uint32_t>(b) &&
           LoadAs<std::uint32_t>(a + octets - 4) == LoadAs<std::uint32_t>(b + octets - 4);
  }
  std::uint64_t differ = 0;
  for (std::size_t at = 0; at + 8 < octets; at += 8) {
    differ |= LoadAs<std::uint64_t>(a + at) ^ LoadAs<std::uint64_t>(b + at);
  }
  const std::size_t last = octets - 8;
  return (differ | (LoadAs<std::uint64_t>(a + last) ^ LoadAs<std::uint64_t>(b + last))) == 0;
}

// Where the name at `at` ends; `octets` when the message ends before.
std::size_t BehindName(const std::byte* message, std::size_t octets, std::size_t at) noexcept {
  while (at < octets) {
    const auto length = std::to_integer<std::size_t>(message[at]);
    if (length == 0) {
      return at + 1;
    }
    if (length >= 0xC0) {
      return at + 2;
    }
    at += 1 + length;
  }
  return octets;
}

// Whether one of `count` records at `at` is the address.
bool HasAddress(const std::byte* message,
                std::size_t octets,
                std::size_t at,
                unsigned count,
                const Entry& entry) noexcept {
  const std::uint16_t type = entry.address_octets == 4 ? kTypeA : kTypeAaaa;
  for (unsigned i = 0; i < std::min(count, kMostRecords); ++i) {
    at = BehindName(message, octets, at);
    if (at + kRecordOctets > octets) {
      return false;
    }
    const std::size_t length = LoadBe16(message + at + 8);
    const bool is_address = LoadBe16(message + at) == type && length == entry.address_octets;
    at += kRecordOctets;
    if (at + length > octets) {
      return false;
    }
    if (is_address && std::memcmp(message + at, entry.Address(), length) == 0) {
      return true;
    }
    at += length;
  }
  return false;
}

}  // namespace

const char* VerdictText(Verdict verdict) noexcept {
  static constexpr std::array<const char*, static_cast<std::size_t>(Verdict::kCount)> kTexts = {
      "right",
      "wrong_addresses",
      "wrong_checksum",
      "wrong_header",
      "wrong_question",
      "wrong_rcode",
      "wrong_count",
      "wrong_address",
      "repeated",
      "unexpected"};
  const auto i = static_cast<std::size_t>(verdict);
  return i < kTexts.size() ? kTexts[i] : "unknown";
}

Exchange::Exchange(const Corpus& corpus, std::uint16_t port, rte_mempool* pool)
    : corpus_(corpus),
      port_(port),
      v6_(corpus.v6()),
      udp_at_(corpus.udp_at()),
      pool_(pool),
      slots_(kSlots) {}

Exchange::~Exchange() {
  rte_pktmbuf_free_bulk(spare_.data(), spare_count_);
}

bool Exchange::Refill(unsigned count) noexcept {
  const unsigned missing = count - spare_count_;
  if (rte_pktmbuf_alloc_bulk(pool_, spare_.data() + spare_count_, missing) != 0) {
    return false;
  }
  spare_count_ += missing;
  return true;
}

void Exchange::Prepare(rte_mbuf* mbuf, std::uint64_t number, std::uint64_t stamp) noexcept {
  const Entry& entry = corpus_.At(entry_);
  const std::byte* ahead = reinterpret_cast<const std::byte*>(&entry) + (kAhead * corpus_.stride());
  __builtin_prefetch(ahead);  // behind the end it does no harm
  const auto id = static_cast<std::uint16_t>(number);
  const auto source = static_cast<std::uint16_t>(kFirstPort + ((number >> 16U) & (kPorts - 1)));
  const auto udp_octets =
      static_cast<std::uint16_t>(io::kUdpOctets + kHeaderOctets + entry.question_octets);
  auto* frame = static_cast<std::byte*>(mbuf->buf_addr) + RTE_PKTMBUF_HEADROOM;
  mbuf->data_off = RTE_PKTMBUF_HEADROOM;
  mbuf->data_len = static_cast<std::uint16_t>(udp_at_ + udp_octets);
  mbuf->pkt_len = mbuf->data_len;
  mbuf->ol_flags = 0;
  // Whole chunks: as many for each query, so that no branch is guessed wrongly.
  std::memcpy(frame, corpus_.Header(), Corpus::kMaxHeader);
  const std::byte* question = entry.Question();
  std::byte* to = frame + corpus_.question_at();
  for (std::size_t chunk = 0; chunk < corpus_.chunks(); ++chunk) {
    std::memcpy(to + (chunk * Corpus::kChunk), question + (chunk * Corpus::kChunk), Corpus::kChunk);
  }
  std::byte* ip = frame + io::kEthernetOctets;
  if (v6_) {
    StoreBe16(ip + 4, udp_octets);
  } else {
    StoreBe16(ip + 2, static_cast<std::uint16_t>(io::kIpv4Octets + udp_octets));
    StoreAs(ip + 10, entry.ip_checksum);
  }
  const std::uint16_t sum = wire::FoldSum(std::uint64_t{entry.udp_sum} + __builtin_bswap16(source) +
                                          __builtin_bswap16(id));
  std::byte* udp = frame + udp_at_;
  StoreBe16(udp, source);
  StoreBe16(udp + 4, udp_octets);
  // RFC 768: a checksum is never sent as zero.
  StoreAs(udp + 6, sum == 0xFFFF ? sum : static_cast<std::uint16_t>(~sum));
  StoreBe16(udp + io::kUdpOctets, id);

  Slot& slot = SlotOf(number);
  if ((slot.number & kSettled) == 0) [[unlikely]] {
    ++lost_;
    --under_way_;
  }
  slot = {.asked_tsc = stamp,
          .entry = static_cast<std::uint32_t>(entry_),
          .number = static_cast<std::uint32_t>(number) & kNumberMask};
  if (++entry_ == corpus_.size()) {
    entry_ = 0;
  }
}

unsigned Exchange::Send(unsigned count, std::uint64_t now) noexcept {
  std::array<std::uint64_t, kBurst> stamps;
  std::fill_n(stamps.begin(), count, now);
  return Send(std::span(stamps).first(count), now);
}

unsigned Exchange::Send(std::span<const std::uint64_t> stamps, std::uint64_t now) noexcept {
  const auto count = static_cast<unsigned>(stamps.size());
  if (count == 0 || (spare_count_ < count && !Refill(count))) {
    return 0;
  }
  const std::size_t entry = entry_;
  spare_count_ -= count;
  for (unsigned i = 0; i < count; ++i) {
    sending_[i] = spare_[spare_count_ + i];
    Prepare(sending_[i], next_ + i, stamps[i]);
  }
  const unsigned sent =
      rte_eth_tx_burst(port_, 0, sending_.data(), static_cast<std::uint16_t>(count));
  if (sent != 0) [[likely]] {
    HandedOf(next_) = now;
    HandedOf(next_ + sent - 1) = now;
  }
  next_ += sent;
  under_way_ += sent;
  if (sent < count) [[unlikely]] {
    entry_ = (entry + sent) % corpus_.size();
    for (unsigned i = sent; i < count; ++i) {
      SlotOf(next_ + i - sent).number = kNone;
      spare_[spare_count_++] = sending_[i];
    }
  }
  return sent;
}

void Exchange::Recycle(unsigned received) noexcept {
  for (unsigned i = 0; i < received; ++i) {
    rte_mbuf* mbuf = received_[i];
    // A buffer that is ours alone and whole is the next query's.
    if (spare_count_ < kMostSpare && mbuf->pool == pool_ && mbuf->nb_segs == 1 &&
        rte_mbuf_refcnt_read(mbuf) == 1) [[likely]] {
      spare_[spare_count_++] = mbuf;
    } else {
      rte_pktmbuf_free(mbuf);
    }
  }
}

void Exchange::Judge(Reply& reply) noexcept {
  const std::byte* udp = reply.frame + udp_at_;
  if (reply.octets < udp_at_ + io::kUdpOctets + kHeaderOctets ||
      LoadBe16(reply.frame + 12) != (v6_ ? 0x86DD : 0x0800) || LoadBe16(udp) != 53) [[unlikely]] {
    return;
  }
  const unsigned port = LoadBe16(udp + 2) - unsigned{kFirstPort};
  // Beyond our ports a number could be that of a slot that is settled, or that was never used.
  if (port >= kPorts) [[unlikely]] {
    return;
  }
  const std::uint32_t number = (port << 16U) | LoadBe16(udp + io::kUdpOctets);
  Slot& slot = SlotOf(number);
  if (slot.number != number) [[unlikely]] {
    reply.verdict = slot.number != kNone ? Verdict::kRepeated : Verdict::kUnexpected;
    return;
  }
  reply.entry = slot.entry;
  reply.asked_tsc = slot.asked_tsc;
  reply.verdict = Compare(reply, corpus_.At(slot.entry), compared_++ % kVerifyOneIn == 0);
  slot.number |= kSettled;
  --under_way_;
}

bool Exchange::CameBack(const std::byte* frame) const noexcept {
  const std::byte* sent = corpus_.Header();
  if (v6_) {
    const std::size_t at = udp_at_ - 32;
    return std::memcmp(frame + at, sent + at + 16, 16) == 0 &&
           std::memcmp(frame + at + 16, sent + at, 16) == 0;
  }
  // Source and destination, the other way round.
  const std::size_t at = udp_at_ - 8;
  return LoadAs<std::uint64_t>(frame + at) == std::rotl(LoadAs<std::uint64_t>(sent + at), 32);
}

// RFC 791, RFC 768; of IPv6 RFC 8200, 8.1. Padding behind the packet is none of its lengths.
bool Exchange::AddsUp(const Reply& reply) const noexcept {
  const std::byte* ip = reply.frame + io::kEthernetOctets;
  const std::byte* udp = reply.frame + udp_at_;
  const std::size_t udp_octets = LoadBe16(udp + 4);
  const bool has_checksum = LoadBe16(udp + 6) != 0;
  if (udp_octets < io::kUdpOctets + kHeaderOctets || udp_octets > reply.octets - udp_at_) {
    return false;
  }
  if (v6_) {
    return LoadBe16(ip + 4) == udp_octets && has_checksum &&
           wire::UdpChecksumHolds(ip + 8, 32, udp, udp_octets);
  }
  return ip[0] == std::byte{0x45} && LoadBe16(ip + 2) == io::kIpv4Octets + udp_octets &&
         wire::Ip4HeaderChecksum(ip, io::kIpv4Octets) == 0 &&
         (!has_checksum || wire::UdpChecksumHolds(ip + 12, 8, udp, udp_octets));
}

Verdict Exchange::Compare(const Reply& reply, const Entry& entry, bool verify) const noexcept {
  if (!CameBack(reply.frame)) [[unlikely]] {
    return Verdict::kWrongAddresses;
  }
  if (verify && !AddsUp(reply)) [[unlikely]] {
    return Verdict::kWrongChecksum;
  }
  const std::size_t message_at = udp_at_ + io::kUdpOctets;
  const std::byte* message = reply.frame + message_at;
  const std::size_t octets = reply.octets - message_at;
  const std::size_t behind = kHeaderOctets + entry.question_octets;
  const std::uint32_t flags = LoadBe16(message + 2);
  // QR set and opcode 0 (RFC 1035, 4.1.1), and the one question.
  if ((flags & 0xF800U) != 0x8000U || LoadBe16(message + 4) != 1) [[unlikely]] {
    return Verdict::kWrongHeader;
  }
  if (octets < behind ||
      !SameOctets(message + kHeaderOctets, entry.Question(), entry.question_octets)) [[unlikely]] {
    return Verdict::kWrongQuestion;
  }
  if (((entry.rcodes >> (flags & 0xFU)) & 1U) == 0) [[unlikely]] {
    return Verdict::kWrongRcode;
  }
  const unsigned answers = LoadBe16(message + 6);
  if (answers < entry.least_answers ||
      (answers > entry.most_answers && entry.most_answers != kAnyAnswers)) [[unlikely]] {
    return Verdict::kWrongCount;
  }
  if (entry.address_octets == 0) {
    return Verdict::kRight;
  }
  // One IPv4 address whose owner is the question: what it mostly is.
  const std::byte* record = message + behind;
  if (entry.address_octets == 4 && octets >= behind + 16 &&
      LoadAs<std::uint32_t>(record) == 0x01000CC0U && LoadBe16(record + 10) == 4 &&
      LoadAs<std::uint32_t>(record + 12) == LoadAs<std::uint32_t>(entry.Address())) [[likely]] {
    return Verdict::kRight;
  }
  return HasAddress(message, octets, behind, answers, entry) ? Verdict::kRight
                                                             : Verdict::kWrongAddress;
}

std::uint64_t Exchange::GiveUp(std::uint64_t before_tsc) noexcept {
  // What is further back had its slot taken by another query.
  oldest_ = std::max(oldest_, next_ - std::min<std::uint64_t>(next_, kSlots));
  std::uint64_t given_up = 0;
  for (; oldest_ < next_; ++oldest_) {
    Slot& slot = SlotOf(oldest_);
    if ((slot.number & kSettled) != 0) {
      continue;
    }
    if (HandedOf(oldest_) >= before_tsc) {
      break;
    }
    slot.number |= kSettled;
    ++given_up;
  }
  lost_ += given_up;
  under_way_ -= given_up;
  return given_up;
}

}  // namespace holdfast::querygen
