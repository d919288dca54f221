// One burst: sort out what is not for us, answer the rest from one published state, turn each frame
// round, send. Every mbuf of a burst leaves it through the transmit queue or through `free_`. One
// instance per lcore, on its stack.
#include "dataplane/io/lcore_loop.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_prefetch.h>

#include "dataplane/io/counters.h"
#include "dataplane/io/exception_path.h"
#include "dataplane/io/frame.h"
#include "dataplane/wire/types.h"

namespace holdfast::io {
namespace {

static_assert(kMaxPollBurst <= answer::kMaxBurst);

std::byte* FrameOf(rte_mbuf* mbuf) noexcept {
  return rte_pktmbuf_mtod(mbuf, std::byte*);
}

class Lcore {
 public:
  explicit Lcore(const LcoreWork& work) noexcept
      : work_(work),
        burst_(std::min(work.burst, kMaxPollBurst)),
        counters_(work.tables->Counters(work.thread)) {}

  /// @return how many frames came.
  unsigned Serve(const Lane& lane) noexcept {
    const std::uint64_t now = Tsc();
    if (was_busy_) {
      Add(counters_, Counter::kBusyCycles, now - polled_tsc_);
    }
    polled_tsc_ = now;
    const std::uint16_t received = rte_eth_rx_burst(lane.port, lane.queue, rx_.data(), burst_);
    // After the receive call: what was published before a packet came is what answers it.
    const table::Snapshot& snapshot = work_.tables->Take(snapshot_, snapshot_word_);
    was_busy_ = received != 0;
    if (received == 0) [[likely]] {
      return 0;
    }
    queries_ = replies_ = freed_ = excepted_ = 0;
    for (std::uint16_t i = 0; i < received; ++i) {
      rte_prefetch0(FrameOf(rx_[i]));
      rte_prefetch0(FrameOf(rx_[i]) + RTE_CACHE_LINE_SIZE);  // where most messages end
    }
    for (std::uint16_t i = 0; i < received; ++i) {
      Sort(lane, rx_[i]);
    }
    answer::SetTime(*work_.scratch,
                    {.wall_seconds = work_.wall_seconds->load(std::memory_order_relaxed),
                     .ns = work_.clock.NsOf(now)});
    answer::Answer(snapshot, {jobs_.data(), queries_}, *work_.scratch);
    for (unsigned i = 0; i < queries_; ++i) {
      TurnRound(i);
    }
    Add(counters_, Counter::kSent, SendAll(lane, tx_.data(), replies_, Counter::kTransmitFull));
    if (excepted_ != 0) [[unlikely]] {
      HandOver(*lane.exception);
    }
    if (freed_ != 0) {
      rte_pktmbuf_free_bulk(free_.data(), freed_);
    }
    Add(counters_, Counter::kFrames, received);
    Add(counters_, Counter::kQuery, queries_);
    return received;
  }

  /// What the kernel has to send out of the lane's port, a burst of it.
  void Relay(const Lane& lane) noexcept {
    ExceptionRings& rings = *lane.exception;
    freed_ = 0;
    if (rings.from_kernel != nullptr) {
      const unsigned count = rte_ring_sc_dequeue_burst(
          rings.from_kernel, reinterpret_cast<void**>(tx_.data()), burst_, nullptr);
      if (count != 0) {
        Add(counters_,
            Counter::kFromKernel,
            SendAll(lane, tx_.data(), count, Counter::kExceptionFull));
      }
    }
    if (rings.dropped.load(std::memory_order_relaxed) != 0) [[unlikely]] {
      Add(counters_, Counter::kExceptionFull, rings.dropped.exchange(0, std::memory_order_relaxed));
    }
    if (freed_ != 0) {
      rte_pktmbuf_free_bulk(free_.data(), freed_);
    }
  }

  [[nodiscard]] Generation generation() const noexcept { return snapshot_.generation(); }

 private:
  // A query becomes a job; anything else is counted, and freed unless it is the kernel's affair.
  void Sort(const Lane& lane, rte_mbuf* mbuf) noexcept {
    QueryFrame& query = query_[queries_];
    Counter verdict = Look(lane, mbuf, query);
    const std::uint32_t room = MessageRoom(lane.mtu, query.v6);
    if (verdict == Counter::kQuery &&
        (query.message_octets > room || OctetsBehind(mbuf, query) < wire::kPlainUdpOctets))
        [[unlikely]] {
      verdict = Counter::kOverMtu;
    }
    if (verdict != Counter::kQuery) [[unlikely]] {
      Add(counters_, verdict, 1);
      const bool excepted = lane.exception != nullptr &&
                            IsForKernel(verdict, {FrameOf(mbuf), mbuf->data_len}, *lane.own);
      (excepted ? exception_[excepted_++] : free_[freed_++]) = mbuf;
      return;
    }
    std::byte* frame = FrameOf(mbuf);
    const std::size_t behind = OctetsBehind(mbuf, query);
    answer::Job& job = jobs_[queries_];
    job.message = frame + query.udp_at + kUdpOctets;
    job.query_octets = query.message_octets;
    job.room_octets = behind < room ? static_cast<std::uint32_t>(behind) : room;
    job.client_is_v6 = query.v6;
    std::memcpy(job.client.data(), frame + query.l3_at + (query.v6 ? 8 : 12), query.v6 ? 16 : 4);
    mbuf_[queries_++] = mbuf;
  }

  // From the message to the end of its buffer: headers can be long.
  static std::size_t OctetsBehind(const rte_mbuf* mbuf, const QueryFrame& query) noexcept {
    return mbuf->buf_len - mbuf->data_off - (query.udp_at + kUdpOctets);
  }

  Counter Look(const Lane& lane, rte_mbuf* mbuf, QueryFrame& query) const noexcept {
    query.v6 = false;
    if (mbuf->nb_segs != 1) [[unlikely]] {
      return Counter::kMultiSegment;
    }
    UdpChecksum check = lane.check;
    if (lane.nic_checks && check == UdpChecksum::kVerify) {
      // Only "good" is taken as said. "Bad" is verified here: some NICs say it of a missing one.
      const std::uint64_t found = mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
      check = found == RTE_MBUF_F_RX_L4_CKSUM_GOOD ? UdpChecksum::kTrust : UdpChecksum::kVerify;
    }
    return Classify(
        {.octets = {FrameOf(mbuf), mbuf->data_len}, .behind = rte_pktmbuf_tailroom(mbuf)},
        lane.mac,
        *lane.own,
        check,
        query);
  }

  void TurnRound(unsigned i) noexcept {
    rte_mbuf* mbuf = mbuf_[i];
    if (jobs_[i].outcome != answer::Outcome::kReply) [[unlikely]] {
      Add(counters_, Counter::kNoReply, 1);
      free_[freed_++] = mbuf;
      return;
    }
    const ReplyFrame reply = TurnIntoReply(FrameOf(mbuf), query_[i], jobs_[i].reply_octets);
    mbuf->data_off = static_cast<std::uint16_t>(mbuf->data_off + reply.start);
    mbuf->data_len = static_cast<std::uint16_t>(reply.octets);
    mbuf->pkt_len = reply.octets;
    mbuf->ol_flags = 0;  // what the receiver noted is not for the sender
    tx_[replies_++] = mbuf;
  }

  // @param full  counts those that the queue did not take; they are freed. @return how many it
  // took.
  unsigned SendAll(const Lane& lane, rte_mbuf** frames, unsigned count, Counter full) noexcept {
    unsigned sent = 0;
    for (unsigned tries = 0; sent < count && tries < kTransmitTries; ++tries) {
      if (tries != 0) {
        rte_pause();
      }
      sent += rte_eth_tx_burst(
          lane.port, lane.queue, frames + sent, static_cast<std::uint16_t>(count - sent));
    }
    if (sent < count) [[unlikely]] {
      Add(counters_, full, count - sent);
      for (unsigned i = sent; i < count; ++i) {
        free_[freed_++] = frames[i];
      }
    }
    return sent;
  }

  void HandOver(ExceptionRings& rings) noexcept {
    const unsigned taken = rte_ring_sp_enqueue_burst(
        rings.to_kernel, reinterpret_cast<void**>(exception_.data()), excepted_, nullptr);
    Add(counters_, Counter::kToKernel, taken);
    if (taken < excepted_) {
      Add(counters_, Counter::kExceptionFull, excepted_ - taken);
      for (unsigned i = taken; i < excepted_; ++i) {
        free_[freed_++] = exception_[i];
      }
    }
  }

  const LcoreWork& work_;
  const std::uint16_t burst_;
  std::span<std::uint64_t> counters_;
  table::Snapshot snapshot_;
  std::uint64_t snapshot_word_ = 0;
  // One look at the TSC a poll: where the one before ended, and what time it is for this burst.
  std::uint64_t polled_tsc_ = 0;
  bool was_busy_ = false;
  unsigned queries_ = 0;
  unsigned replies_ = 0;
  unsigned freed_ = 0;
  unsigned excepted_ = 0;
  std::array<rte_mbuf*, kMaxPollBurst> rx_{};
  std::array<rte_mbuf*, kMaxPollBurst> mbuf_{};  // of the queries, beside jobs_ and query_
  std::array<rte_mbuf*, kMaxPollBurst> tx_{};
  std::array<rte_mbuf*, kMaxPollBurst> free_{};
  std::array<rte_mbuf*, kMaxPollBurst> exception_{};  // for the kernel
  std::array<QueryFrame, kMaxPollBurst + 1> query_{};
  std::array<answer::Job, kMaxPollBurst> jobs_{};
};

}  // namespace

void RunLcore(const LcoreWork& work, const std::atomic<bool>& stop) noexcept {
  Lcore lcore(work);
  table::ReaderSlot slot = work.tables->Slot(work.thread);
  slot.Online();
  unsigned drained = 0;
  for (;;) {
    unsigned received = 0;
    for (const Lane& lane : work.lanes) {
      received += lcore.Serve(lane);
      if (lane.exception != nullptr) {
        lcore.Relay(lane);
      }
    }
    slot.Passed(lcore.generation());
    slot.Beat();
    if (stop.load(std::memory_order_relaxed) && (received == 0 || ++drained == kDrainRounds))
        [[unlikely]] {
      break;
    }
  }
  slot.Offline();
}

}  // namespace holdfast::io
