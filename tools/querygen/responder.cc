// See responder.h.
#include "tools/querygen/responder.h"

#include <array>
#include <cstring>
#include <utility>

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_mbuf.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/wire/checksum.h"

namespace holdfast::querygen {
namespace {

constexpr unsigned kBurst = 32;

template <class T>
void Swap(std::byte* a, std::byte* b) noexcept {
  const T kept = LoadAs<T>(a);
  StoreAs(a, LoadAs<T>(b));
  StoreAs(b, kept);
}

void TurnRound(std::byte* frame) noexcept {
  using Mac = std::array<std::byte, 6>;
  using Ipv6 = std::array<std::byte, 16>;
  Swap<Mac>(frame, frame + 6);
  std::byte* ip = frame + io::kEthernetOctets;
  std::byte* udp = ip + io::kIpv4Octets;
  if (LoadBe16(frame + 12) == 0x0800) [[likely]] {
    Swap<std::uint32_t>(ip + 12, ip + 16);
  } else {
    Swap<Ipv6>(ip + 8, ip + 24);
    udp = ip + io::kIpv6Octets;
  }
  Swap<std::uint16_t>(udp, udp + 2);
  // A checksum takes no notice of what is swapped; of QR it does (RFC 1624, 3).
  std::byte* flags = udp + io::kUdpOctets + 2;
  const auto before = LoadAs<std::uint16_t>(flags);
  flags[0] |= std::byte{0x80};
  const auto sum = static_cast<std::uint16_t>(~LoadAs<std::uint16_t>(udp + 6));
  StoreAs(udp + 6,
          wire::CloseUdpSum(std::uint64_t{sum} + static_cast<std::uint16_t>(~before) +
                            LoadAs<std::uint16_t>(flags)));
}

Status Launch(int (*run)(void*), void* self, unsigned lcore) {
  if (rte_eal_remote_launch(run, self, lcore) != 0) {
    return Fail(ErrorCode::kIo, "lcore " + std::to_string(lcore) + " does not start");
  }
  return {};
}

void End(std::atomic<bool>& stop, unsigned& lcore) {
  stop.store(true, std::memory_order_relaxed);
  if (lcore != 0) {
    rte_eal_wait_lcore(lcore);
    lcore = 0;
  }
}

}  // namespace

std::uint64_t Reflect(std::uint16_t port, const std::atomic<bool>& stop) noexcept {
  std::uint64_t reflected = 0;
  std::array<rte_mbuf*, kBurst> mbufs{};
  while (!stop.load(std::memory_order_relaxed)) {
    const std::uint16_t received = rte_eth_rx_burst(port, 0, mbufs.data(), kBurst);
    for (unsigned i = 0; i < received; ++i) {
      __builtin_prefetch(rte_pktmbuf_mtod(mbufs[i], std::byte*), 1);
    }
    for (unsigned i = 0; i < received; ++i) {
      TurnRound(rte_pktmbuf_mtod(mbufs[i], std::byte*));
    }
    const std::uint16_t sent =
        received == 0 ? received : rte_eth_tx_burst(port, 0, mbufs.data(), received);
    if (sent < received) {
      rte_pktmbuf_free_bulk(mbufs.data() + sent, received - sent);
    }
    reflected += sent;
  }
  return reflected;
}

Result<RingPair> RingPair::Create() {
  RingPair pair;
  // One core at either end: the cheaper kind of ring.
  const unsigned flags = RING_F_SP_ENQ | RING_F_SC_DEQ;
  pair.queries_ = rte_ring_create("hf_queries", kPlaces, SOCKET_ID_ANY, flags);
  pair.replies_ = rte_ring_create("hf_replies", kPlaces, SOCKET_ID_ANY, flags);
  if (pair.queries_ == nullptr || pair.replies_ == nullptr) {
    return Fail(ErrorCode::kExhausted, std::string("no ring: ") + rte_strerror(rte_errno));
  }
  const int generator = rte_eth_from_rings("hf_generator", &pair.replies_, 1, &pair.queries_, 1, 0);
  const int responder = rte_eth_from_rings("hf_responder", &pair.queries_, 1, &pair.replies_, 1, 0);
  if (generator < 0 || responder < 0) {
    return Fail(ErrorCode::kIo, std::string("no port of rings: ") + rte_strerror(rte_errno));
  }
  pair.generator_ = static_cast<std::uint16_t>(generator);
  pair.responder_ = static_cast<std::uint16_t>(responder);
  return pair;
}

RingPair::RingPair(RingPair&& other) noexcept
    : queries_(std::exchange(other.queries_, nullptr)),
      replies_(std::exchange(other.replies_, nullptr)),
      generator_(other.generator_),
      responder_(other.responder_) {}

RingPair::~RingPair() {
  for (rte_ring* ring : {queries_, replies_}) {
    void* left = nullptr;
    while (ring != nullptr && rte_ring_dequeue(ring, &left) == 0) {
      rte_pktmbuf_free(static_cast<rte_mbuf*>(left));
    }
    rte_ring_free(ring);
  }
}

TableResponder::TableResponder(std::unique_ptr<table::Attachment> tables, io::Port port)
    : tables_(std::move(tables)),
      port_(std::move(port)),
      scratch_(answer::MakeScratch({}, tables_->Counters(0))),
      wall_seconds_(static_cast<std::uint32_t>(WallMs() / 1000)),
      work_{port_.lanes(), tables_.get(), scratch_.get(), 0, kMaxPollBurst, &wall_seconds_} {}

Result<std::unique_ptr<TableResponder>> TableResponder::Create(const std::string& run_dir,
                                                               std::uint16_t port,
                                                               const io::IpAddress& address) {
  auto tables = table::Attachment::Open(run_dir, "dataplane", 1);
  if (!tables) {
    return std::unexpected(tables.error());
  }
  io::PortOptions options;
  options.addresses = {address};
  auto opened = io::Port::Configure(port, options);
  if (!opened) {
    return std::unexpected(opened.error());
  }
  return std::unique_ptr<TableResponder>(
      new TableResponder(std::move(*tables), std::move(*opened)));
}

TableResponder::~TableResponder() {
  Stop();
}

int TableResponder::RunOn(void* self) {
  const auto* responder = static_cast<const TableResponder*>(self);
  io::RunLcore(responder->work_, responder->stop_);
  return 0;
}

Status TableResponder::Start(unsigned lcore) {
  HF_TRY(Launch(RunOn, this, lcore));
  lcore_ = lcore;
  return {};
}

void TableResponder::Stop() {
  End(stop_, lcore_);
}

int ReflectorLcore::RunOn(void* self) {
  const auto* reflector = static_cast<const ReflectorLcore*>(self);
  Reflect(reflector->port_, reflector->stop_);
  return 0;
}

Status ReflectorLcore::Start(unsigned lcore) {
  HF_TRY(Launch(RunOn, this, lcore));
  lcore_ = lcore;
  return {};
}

void ReflectorLcore::Stop() {
  End(stop_, lcore_);
}

}  // namespace holdfast::querygen
