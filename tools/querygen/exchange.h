// The generator's hot part: sends bursts of queries from a corpus and judges each frame that comes
// back. It knows which queries are under way by their id and source port, and since when each is
// waited for.
// No lock, allocation or system call of its own. One core.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "dataplane/base/clock.h"
#include "tools/querygen/corpus.h"

namespace holdfast::querygen {

/// What a received frame is. All but the first and the last two are wrong answers.
enum class Verdict : std::uint8_t {
  kRight,
  kWrongAddresses,  // not from where the query went, or not to where it came from
  kWrongChecksum,   // of IPv4 or UDP, or a length of either; looked at in one of kVerifyOneIn
  kWrongHeader,     // no response, another opcode, or not one question
  kWrongQuestion,
  kWrongRcode,
  kWrongCount,    // of answers
  kWrongAddress,  // no answer holds the address that is expected
  kRepeated,      // the query was answered before, or given up as lost: a duplicate or a late one
  kUnexpected,    // no reply from port 53 to one of our ports
  kCount
};

/// "right", "wrong_question", ...
const char* VerdictText(Verdict verdict) noexcept;
constexpr bool IsWrong(Verdict verdict) noexcept {
  return verdict > Verdict::kRight && verdict < Verdict::kRepeated;
}

/// A reply that was judged.
struct Reply {
  Verdict verdict;
  std::size_t entry;           // of the corpus; of no meaning behind kWrongAddress
  std::uint64_t asked_tsc;     // what the query was stamped with: see Send; likewise
  std::uint64_t received_tsc;  // when the port gave the burst that the reply was in
  const std::byte* frame;      // valid during the call alone
  std::size_t octets;
};

class Exchange {
 public:
  static constexpr unsigned kBurst = 32;
  /// Queries that can be told apart at a time.
  static constexpr std::uint32_t kSlots = 1U << 14U;
  static constexpr std::uint16_t kFirstPort = 1024;
  /// Of so many replies to our queries one is verified, beginning with the first: a pass over all
  /// of its octets would cost more than the rest of the judging.
  static constexpr unsigned kVerifyOneIn = 64;

  /// @param port  started, with one queue each way; its buffers come from `pool`.
  /// @param pool  of at least kMostSpare buffers more than can be under way. Both outlive this.
  Exchange(const Corpus& corpus, std::uint16_t port, rte_mempool* pool);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Sends the next queries, one for each stamp. Replies carry the stamps: a query that was due
  /// before the port took it is waited for since then, so that a stall of the generator or of the
  /// port is not left out of what is measured.
  /// @param stamps  at most kBurst, TSC. @param now  for GiveUp. @return how many the port took.
  unsigned Send(std::span<const std::uint64_t> stamps, std::uint64_t now) noexcept;
  /// Likewise `count` of them, each stamped with `now`.
  unsigned Send(unsigned count, std::uint64_t now) noexcept;

  /// Receives one burst. @param seen  called with each Reply. @return how many frames came.
  template <class Seen>
  unsigned Receive(Seen&& seen) noexcept {
    const std::uint16_t received = rte_eth_rx_burst(port_, 0, received_.data(), kBurst);
    if (received == 0) {
      return 0;
    }
    const std::uint64_t now = Tsc();
    for (unsigned i = 0; i < received; ++i) {
      PrefetchToWrite(received_[i]);
    }
    for (unsigned i = 0; i < received; ++i) {
      const auto* frame = rte_pktmbuf_mtod(received_[i], const std::byte*);
      PrefetchToWrite(frame);
      PrefetchToWrite(frame + 64);
    }
    for (unsigned i = 0; i < received; ++i) {
      Reply reply{.verdict = Verdict::kUnexpected,
                  .entry = 0,
                  .asked_tsc = 0,
                  .received_tsc = now,
                  .frame = rte_pktmbuf_mtod(received_[i], const std::byte*),
                  .octets = received_[i]->data_len};
      Judge(reply);
      seen(static_cast<const Reply&>(reply));
    }
    Recycle(received);
    return received;
  }

  /// Gives up what was handed to the port before `before_tsc` and is still under way, up to a burst
  /// later. @return how many.
  std::uint64_t GiveUp(std::uint64_t before_tsc) noexcept;

  [[nodiscard]] std::uint64_t sent() const noexcept { return next_; }
  /// Given up, or under way when their slot was needed again.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
  [[nodiscard]] std::uint64_t under_way() const noexcept { return under_way_; }

 private:
  // The latest query whose number ends with the slot's.
  struct Slot {
    std::uint64_t asked_tsc = 0;
    std::uint32_t entry = 0;
    std::uint32_t number = kNone;  // its id and, above that, its port; kSettled: not under way
  };
  static constexpr std::uint32_t kSettled = 1U << 31U;
  static constexpr std::uint32_t kNone = ~0U;
  static constexpr std::uint32_t kNumberMask = kSettled - 1;
  static constexpr unsigned kPorts = 1U << 15U;  // 1,024..33,791
  static constexpr unsigned kMostSpare = 512;    // buffers kept for the next queries

  /// What comes back was written by another core, and is written here when it is sent again: one
  /// transfer of its cache lines in place of two.
  static void PrefetchToWrite(const void* at) noexcept {
    asm volatile("prefetchw %0" : : "m"(*static_cast<const std::byte*>(at)));
  }
  [[nodiscard]] Slot& SlotOf(std::uint64_t number) noexcept {
    return slots_[number & (kSlots - 1)];
  }
  /// When the port took query `number`, or one of the same burst's length behind it.
  [[nodiscard]] std::uint64_t& HandedOf(std::uint64_t number) noexcept {
    return handed_tsc_[number / kBurst % handed_tsc_.size()];
  }
  void Prepare(rte_mbuf* mbuf, std::uint64_t number, std::uint64_t stamp) noexcept;
  void Judge(Reply& reply) noexcept;
  [[nodiscard]] bool CameBack(const std::byte* frame) const noexcept;
  [[nodiscard]] bool AddsUp(const Reply& reply) const noexcept;
  [[nodiscard]] Verdict Compare(const Reply& reply, const Entry& entry, bool verify) const noexcept;
  void Recycle(unsigned received) noexcept;
  bool Refill(unsigned count) noexcept;

  const Corpus& corpus_;
  const std::uint16_t port_;
  const bool v6_;
  const std::size_t udp_at_;
  rte_mempool* pool_;
  std::uint64_t next_ = 0;    // number of the next query; its low 16 bits are the id
  std::size_t entry_ = 0;     // which it asks
  std::uint64_t oldest_ = 0;  // nothing before it is under way
  std::uint64_t under_way_ = 0;
  unsigned compared_ = 0;
  std::uint64_t lost_ = 0;
  unsigned spare_count_ = 0;
  std::array<rte_mbuf*, kBurst> received_{};
  std::array<rte_mbuf*, kBurst> sending_{};
  std::array<rte_mbuf*, kMostSpare> spare_{};
  std::array<std::uint64_t, kSlots / kBurst> handed_tsc_{};
  std::vector<Slot> slots_;
};

}  // namespace holdfast::querygen
