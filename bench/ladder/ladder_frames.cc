// See ladder_frames.h.
#include "bench/ladder/ladder_frames.h"

#include <cstring>

#include <rte_eth_ring.h>

#include "bench/tables/must.h"
#include "dataplane/base/bytes.h"
#include "dataplane/wire/checksum.h"

namespace holdfast::bench {
namespace {

constexpr unsigned kPlaces = 2 * LadderFrames::kStretch;
constexpr unsigned kBuffers = 1023;
constexpr std::uint32_t kClientAddress = 0xC0000201;  // 192.0.2.1
constexpr std::uint32_t kServerAddress = 0xC0000235;  // 192.0.2.53

}  // namespace

std::string QueryFrameOf(const io::MacAddress& mac, std::string_view query, std::size_t number) {
  constexpr std::size_t kMessageAt = LadderFrames::kMessageAt;
  std::string frame(kMessageAt + query.size(), '\0');
  std::memcpy(frame.data(), mac.data(), mac.size());
  std::memcpy(frame.data() + 6, "\x02\0\0\0\0\x02", 6);
  StoreBe16(frame.data() + 12, 0x0800);
  char* ip = frame.data() + io::kEthernetOctets;
  StoreBe32(ip, 0x45000000U | static_cast<std::uint32_t>(frame.size() - io::kEthernetOctets));
  StoreBe32(ip + 8, 0x40110000U);
  StoreBe32(ip + 12, kClientAddress);
  StoreBe32(ip + 16, kServerAddress);
  StoreAs(ip + 10, wire::Ip4HeaderChecksum(ip, io::kIpv4Octets));
  char* udp = ip + io::kIpv4Octets;
  const std::size_t udp_octets = io::kUdpOctets + query.size();
  StoreBe16(udp, static_cast<std::uint16_t>(1024 + (number % 50'000)));
  StoreBe16(udp + 2, 53);
  StoreBe16(udp + 4, static_cast<std::uint16_t>(udp_octets));
  std::memcpy(frame.data() + kMessageAt, query.data(), query.size());
  StoreAs(udp + 6, wire::UdpChecksum(ip + 12, 8, udp, udp_octets));
  return frame;
}

LadderFrames::LadderFrames(std::span<const std::string_view> queries) {
  pool_ = rte_pktmbuf_pool_create("hf_ladder", kBuffers, 0, 0, RTE_PKTMBUF_HEADROOM + 2048, 0);
  in_ = rte_ring_create("hf_ladder_in", kPlaces, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
  out_ = rte_ring_create("hf_ladder_out", kPlaces, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (pool_ == nullptr || in_ == nullptr || out_ == nullptr) {
    GiveUp("no memory for buffers");
  }
  const int id = rte_eth_from_rings("hf_ladder", &in_, 1, &out_, 1, 0);
  if (id < 0) {
    GiveUp("no ring port");
  }
  id_ = static_cast<std::uint16_t>(id);
  for (rte_mbuf*& mbuf : mbufs_) {
    mbuf = rte_pktmbuf_alloc(pool_);
  }
  io::PortOptions options;
  options.addresses.push_back(Must(io::ParseAddress(kBenchServer)));
  port_ = std::make_unique<io::Port>(Must(io::Port::Configure(id_, options)));
  for (const std::string_view query : queries) {
    frames_.push_back(QueryFrameOf(mac(), query, frames_.size()));
  }
}

void LadderFrames::Fill() {
  for (rte_mbuf* mbuf : mbufs_) {
    const std::string& frame = frames_[next_++ % frames_.size()];
    mbuf->data_off = RTE_PKTMBUF_HEADROOM;
    mbuf->data_len = static_cast<std::uint16_t>(frame.size());
    mbuf->pkt_len = mbuf->data_len;
    std::memcpy(rte_pktmbuf_mtod(mbuf, void*), frame.data(), frame.size());
  }
  rte_ring_enqueue_bulk(in_, reinterpret_cast<void**>(mbufs_.data()), kStretch, nullptr);
}

void LadderFrames::Empty() {
  if (rte_ring_dequeue_bulk(out_, reinterpret_cast<void**>(mbufs_.data()), kStretch, nullptr) !=
      kStretch) {
    GiveUp("frames were lost");
  }
}

}  // namespace holdfast::bench
