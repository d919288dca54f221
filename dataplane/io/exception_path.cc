// See exception_path.h. Open and the end: main thread; all else is the thread's.
#include "dataplane/io/exception_path.h"

#include <array>
#include <ctime>
#include <poll.h>
#include <pthread.h>

#include <rte_errno.h>
#include <rte_mbuf.h>

namespace holdfast::io {
namespace {

constexpr unsigned kAtOnce = 32;  // frames of one direction before the other has its turn
// How long a frame of an idle port may wait for the thread. What the kernel sends wakes it.
constexpr long kPauseNs = 200'000;
constexpr std::size_t kTagsOctets = kMaxVlanTags * kVlanOctets;

rte_ring* MakeRing(const char* way, std::uint16_t port, std::uint16_t queue) {
  const std::string name =
      "hf_" + std::string(way) + "_" + std::to_string(port) + "_" + std::to_string(queue);
  return rte_ring_create(
      name.c_str(), kExceptionRing, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

void FreeRing(rte_ring* ring) {
  void* mbuf = nullptr;
  while (ring != nullptr && rte_ring_sc_dequeue(ring, &mbuf) == 0) {
    rte_pktmbuf_free(static_cast<rte_mbuf*>(mbuf));
  }
  rte_ring_free(ring);
}

}  // namespace

Result<std::unique_ptr<ExceptionPath>> ExceptionPath::Open(const std::string& interface,
                                                           std::uint16_t port,
                                                           const MacAddress& mac,
                                                           std::uint32_t mtu,
                                                           std::uint16_t lanes,
                                                           rte_mempool* pool) {
  const std::size_t room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
  const auto fits = static_cast<std::uint32_t>(room - kEthernetOctets - kTagsOctets);
  auto tap = Tap::Open(interface, mac, std::min(mtu, fits));
  if (!tap) {
    return std::unexpected(tap.error());
  }
  std::unique_ptr<ExceptionPath> path(new ExceptionPath(std::move(*tap), lanes, pool));
  path->rings_[0].from_kernel = MakeRing("from", port, 0);
  bool whole = path->rings_[0].from_kernel != nullptr;
  for (std::uint16_t queue = 0; queue < lanes; ++queue) {
    path->rings_[queue].to_kernel = MakeRing("to", port, queue);
    whole = whole && path->rings_[queue].to_kernel != nullptr;
  }
  if (!whole) {
    return Fail(ErrorCode::kExhausted,
                "no memory for the rings to " + interface + ": " + rte_strerror(rte_errno));
  }
  path->thread_ = std::thread([raw = path.get()] { raw->Run(); });
  return path;
}

ExceptionPath::~ExceptionPath() {
  stop_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) {
    thread_.join();
  }
  for (const ExceptionRings& rings : rings_) {
    FreeRing(rings.to_kernel);
    FreeRing(rings.from_kernel);
  }
}

void ExceptionPath::Run() noexcept {
  pthread_setname_np(pthread_self(), "exception");
  while (!stop_.load(std::memory_order_relaxed)) {
    if (ToKernel() + FromKernel() == 0) {
      pollfd tap{.fd = tap_.fd(), .events = POLLIN, .revents = 0};
      const timespec pause{.tv_sec = 0, .tv_nsec = kPauseNs};
      // Readable and nothing read: no buffer is free. Not readable: the interface is gone, which
      // the port's watch will find.
      if (ppoll(&tap, 1, &pause, nullptr) > 0 &&
          ((tap.revents & POLLIN) == 0 || rte_mempool_empty(pool_) != 0)) {
        nanosleep(&pause, nullptr);
      }
    }
  }
}

unsigned ExceptionPath::ToKernel() noexcept {
  unsigned moved = 0;
  for (ExceptionRings& rings : rings_) {
    std::array<rte_mbuf*, kAtOnce> frames{};
    const unsigned count = rte_ring_sc_dequeue_burst(
        rings.to_kernel, reinterpret_cast<void**>(frames.data()), kAtOnce, nullptr);
    for (const rte_mbuf* frame : std::span(frames).first(count)) {
      if (!tap_.Write({rte_pktmbuf_mtod(frame, const std::byte*), frame->data_len})) {
        rings.dropped.fetch_add(1, std::memory_order_relaxed);
      }
    }
    if (count != 0) {
      rte_pktmbuf_free_bulk(frames.data(), count);
    }
    moved += count;
  }
  return moved;
}

unsigned ExceptionPath::FromKernel() noexcept {
  ExceptionRings& rings = rings_[0];
  for (unsigned moved = 0; moved < kAtOnce; ++moved) {
    rte_mbuf* frame = rte_pktmbuf_alloc(pool_);
    if (frame == nullptr) {
      return moved;  // the kernel keeps what it has, up to the interface's own queue
    }
    const auto octets =
        tap_.Read({rte_pktmbuf_mtod(frame, std::byte*), rte_pktmbuf_tailroom(frame)});
    if (!octets) {
      rte_pktmbuf_free(frame);
      return moved;
    }
    frame->data_len = static_cast<std::uint16_t>(*octets);
    frame->pkt_len = frame->data_len;
    if (rte_ring_sp_enqueue(rings.from_kernel, frame) != 0) {
      rings.dropped.fetch_add(1, std::memory_order_relaxed);
      rte_pktmbuf_free(frame);
    }
  }
  return kAtOnce;
}

}  // namespace holdfast::io
