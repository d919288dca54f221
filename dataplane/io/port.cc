// Probes, configures, starts, watches and ends a port. Offloads are asked for only where the driver
// has them. Main thread; nothing here runs per packet.
#include "dataplane/io/port.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "dataplane/io/eal.h"
#include "dataplane/io/remedy.h"

namespace holdfast::io {
namespace {

constexpr unsigned kMinMtu = 1280;
// A frame of an ordinary MTU and any reply to it. Not more: AF_XDP wants the whole buffer with
// DPDK's own part inside a page of 4,096 octets.
constexpr std::uint16_t kDataRoom = RTE_PKTMBUF_HEADROOM + 2048;
// An AF_XDP socket fills 2 x 2,048 descriptors by itself, whatever is asked for.
constexpr unsigned kMinBuffers = 8191;
// By addresses and ports; by addresses alone where a NIC has no more for a family.
constexpr std::uint64_t kHashOfIpv4 = RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_IPV4;
constexpr std::uint64_t kHashOfIpv6 = RTE_ETH_RSS_NONFRAG_IPV6_UDP | RTE_ETH_RSS_IPV6;

std::string Reason(int error) {
  return rte_strerror(error < 0 ? -error : error);
}

bool IsPciAddress(std::string_view text) {
  constexpr std::string_view kShape = "xxxx:xx:xx.x";
  return text.size() == kShape.size() && std::ranges::equal(text, kShape, [](char c, char shape) {
           return shape == 'x' ? std::isxdigit(static_cast<unsigned char>(c)) != 0 : c == shape;
         });
}

// MTU of a kernel interface: DPDK's own idea of it is always 1,500 at first. 0: not to be had.
unsigned InterfaceMtu(const std::string& interface) {
  const steer::Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  return ioctl(fd.get(), SIOCGIFMTU, &request) == 0 ? static_cast<unsigned>(request.ifr_mtu) : 0;
}

// What an interface's driver needs, looked at before it fails with a bare number.
Status CheckInterfaceDevice(const DeviceName& device, const std::string& interface) {
  const auto ifindex = FindInterface(interface);
  if (!ifindex) {
    return std::unexpected(ifindex.error());
  }
  const std::string status = ReadSmallFile("/proc/self/status");
  if (!device.IsAfXdp()) {
    return CheckPacketRights(status, interface);
  }
  HF_TRY(CheckSteerRights(status, interface));
  if (!device.Argument("xdp_prog").empty()) {
    return Fail(
        ErrorCode::kInvalid,
        "port " + device.name + ": xdp_prog is given, expected none: Holdfast brings its own");
  }
  const steer::Fd fd(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!fd.ok()) {
    return Fail(ErrorCode::kIo, Remedy(Missing::kAfXdp, device.name, std::strerror(errno)));
  }
  return {};
}

}  // namespace

std::string DeviceName::Argument(std::string_view key) const {
  std::string_view rest = arguments;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    const std::string_view item = rest.substr(0, end);
    if (item.starts_with(key) && item.substr(key.size()).starts_with('=')) {
      return std::string(item.substr(key.size() + 1));
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

Result<DeviceName> ParseDevice(const std::string& text) {
  DeviceName device;
  const std::size_t comma = std::min(text.find(','), text.size());
  device.name = text.substr(0, comma);
  device.arguments = comma < text.size() ? text.substr(comma + 1) : "";
  device.pci = IsPciAddress(device.name);
  const bool vdev = device.name.starts_with("net_") && device.name.size() > 4 &&
                    device.name.size() < RTE_ETH_NAME_MAX_LEN;
  if (!device.pci && !vdev) {
    return Fail(ErrorCode::kInvalid,
                "port '" + text +
                    "': expected a PCI address like 0000:03:00.0 or a virtual device like "
                    "net_af_xdp0,iface=eth0");
  }
  const bool through_interface = device.IsAfXdp() || device.name.starts_with("net_af_packet");
  if (through_interface && device.Argument("iface").empty()) {
    return Fail(ErrorCode::kInvalid,
                "port '" + text + "': expected iface=INTERFACE among its arguments");
  }
  return device;
}

Result<std::uint64_t> HashOfQueries(const std::string& port, std::uint64_t offered) {
  const bool has_ipv4 = (offered & kHashOfIpv4) != 0;
  const bool has_ipv6 = (offered & kHashOfIpv6) != 0;
  if (!has_ipv4 || !has_ipv6) {
    return Fail(
        ErrorCode::kInvalid,
        Remedy(Missing::kHash, "port " + port, has_ipv4 ? "IPv6" : (has_ipv6 ? "IPv4" : "any")));
  }
  return offered & (kHashOfIpv4 | kHashOfIpv6);
}

Result<Port> Port::Open(const DeviceName& device, const PortOptions& options) {
  Port port;
  port.name_ = device.name;
  std::string arguments = device.arguments;
  if (device.pci) {
    HF_TRY(CheckPciDevice("/sys", device.name));
  } else if (device.name.starts_with("net_af_")) {
    port.interface_ = device.Argument("iface");
    HF_TRY(CheckInterfaceDevice(device, port.interface_));
    port.ifindex_ = if_nametoindex(port.interface_.c_str());
  }
  if (device.IsAfXdp()) {
    auto claim = steer::Claim::Take(port.interface_);
    if (!claim) {
      return std::unexpected(claim.error());
    }
    port.claim_ = std::move(*claim);
    if (const auto stale = steer::DetachStale(port.interface_); !stale) {
      return std::unexpected(stale.error());
    }
    auto object = steer::ObjectFile::Create();
    if (!object) {
      return std::unexpected(object.error());
    }
    port.object_ = std::move(*object);
    arguments += ",xdp_prog=" + port.object_->Path();
  }
  // EAL probed the PCI devices it was allowed to when it started.
  if (!device.pci) {
    if (const int error = rte_eal_hotplug_add("vdev", device.name.c_str(), arguments.c_str());
        error != 0) {
      return Fail(
          ErrorCode::kIo,
          "port " + device.name + " does not come up (" + Reason(error) + "): " + Eal::LastWords());
    }
  }
  if (const int error = rte_eth_dev_get_port_by_name(device.name.c_str(), &port.id_); error != 0) {
    return Fail(ErrorCode::kNotFound,
                "DPDK has no driver that takes port " + device.name + ": " + Eal::LastWords());
  }
  port.open_ = true;
  HF_TRY(port.SetUp(options, device.pci));
  if (device.IsAfXdp()) {
    HF_TRY(port.Steer(options.addresses));
  }
  if (!options.kernel_interface.empty()) {
    HF_TRY(port.TakeKernelInterface(options.kernel_interface));
  }
  return port;
}

Result<Port> Port::Configure(std::uint16_t port_id, const PortOptions& options) {
  Port port;
  port.id_ = port_id;
  port.open_ = true;
  char name[RTE_ETH_NAME_MAX_LEN] = {};
  rte_eth_dev_get_name_by_port(port_id, name);
  port.name_ = name;
  HF_TRY(port.SetUp(options, false));
  return port;
}

Status Port::SetUp(const PortOptions& options, bool nic) {
  auto own = OwnAddresses::Create(options.addresses);
  if (!own) {
    return Fail(own.error().code, "port " + name_ + ": " + own.error().message);
  }
  own_ = std::make_unique<const OwnAddresses>(std::move(*own));
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(id_, &info); error != 0) {
    return Fail(ErrorCode::kIo, "cannot ask port " + name_ + " what it can: " + Reason(error));
  }
  const auto most = std::min(info.max_rx_queues, info.max_tx_queues);
  if (options.queues > most) {
    return Fail(
        ErrorCode::kInvalid,
        Remedy(Missing::kQueues,
               "port " + name_,
               std::to_string(options.queues) + " asked for, " + std::to_string(most) + " there"));
  }
  rte_eth_conf conf{};
  conf.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
  // Each transmit queue sends buffers of one pool, each with one owner.
  conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  if (options.queues > 1) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    auto hash = HashOfQueries(name_, info.flow_type_rss_offloads);
    if (nic && !hash) {
      return std::unexpected(hash.error());
    }
    conf.rx_adv_conf.rss_conf.rss_hf = hash.value_or(0);
  }
  if (const int error = rte_eth_dev_configure(id_, options.queues, options.queues, &conf);
      error != 0) {
    return Fail(ErrorCode::kIo,
                "port " + name_ + " refuses " + std::to_string(options.queues) + " queues (" +
                    Reason(error) + "): " + Eal::LastWords());
  }
  std::uint16_t receive = options.descriptors;
  std::uint16_t transmit = options.descriptors;
  rte_eth_dev_adjust_nb_rx_tx_desc(id_, &receive, &transmit);

  Lane lane;
  lane.port = id_;
  lane.own = own_.get();
  lane.check = options.check;
  lane.nic_checks = conf.rxmode.offloads != 0;
  rte_ether_addr mac{};
  std::uint16_t mtu = 0;
  if (rte_eth_macaddr_get(id_, &mac) != 0 || rte_eth_dev_get_mtu(id_, &mtu) != 0) {
    return Fail(ErrorCode::kIo, "cannot read MAC address and MTU of port " + name_);
  }
  std::memcpy(lane.mac.data(), mac.addr_bytes, lane.mac.size());
  lane.mtu = mtu;
  if (const unsigned link = interface_.empty() ? 0 : InterfaceMtu(interface_); link != 0) {
    lane.mtu = std::min(lane.mtu, link);
  }
  if (lane.mtu < kMinMtu) {
    return Fail(
        ErrorCode::kInvalid,
        Remedy(Missing::kMtu, interface_.empty() ? name_ : interface_, std::to_string(lane.mtu)));
  }
  for (std::uint16_t queue = 0; queue < options.queues; ++queue) {
    HF_TRY(SetUpQueue(options, queue, receive, transmit));
    lane.queue = queue;
    lanes_.push_back(lane);
  }
  if (const int error = rte_eth_dev_start(id_); error != 0) {
    return Fail(ErrorCode::kIo,
                "port " + name_ + " does not start (" + Reason(error) + "): " + Eal::LastWords());
  }
  return {};
}

Status Port::SetUpQueue(const PortOptions& options,
                        std::uint16_t queue,
                        std::uint16_t receive,
                        std::uint16_t transmit) {
  const int numa_node = rte_eth_dev_socket_id(id_);
  const unsigned buffers = std::max(kMinBuffers, std::bit_ceil(2U * (receive + transmit)) - 1);
  const std::string name = "hf_" + std::to_string(id_) + "_" + std::to_string(queue);
  // The exception path's thread takes and gives buffers, too, and may be taken off its processor in
  // the middle of it: with this ring nobody waits for a thread that does not run.
  const char* ring = options.kernel_interface.empty() ? "ring_mp_mc" : "ring_mt_rts";
  rte_mempool* pool =
      rte_pktmbuf_pool_create_by_ops(name.c_str(), buffers, 256, 0, kDataRoom, numa_node, ring);
  if (pool == nullptr) {
    const std::uint64_t mb = std::uint64_t{buffers} * (kDataRoom + 256U) >> 20U;
    return Fail(ErrorCode::kExhausted,
                Remedy(Missing::kPoolMemory,
                       "port " + name_,
                       std::to_string(mb) + " MB per queue: " + Reason(rte_errno)));
  }
  pools_.push_back(pool);
  int error =
      rte_eth_rx_queue_setup(id_, queue, receive, static_cast<unsigned>(numa_node), nullptr, pool);
  if (error == 0) {
    error = rte_eth_tx_queue_setup(id_, queue, transmit, static_cast<unsigned>(numa_node), nullptr);
  }
  if (error != 0) {
    return Fail(ErrorCode::kIo,
                "port " + name_ + " refuses queue " + std::to_string(queue) + " (" + Reason(error) +
                    "): " + Eal::LastWords());
  }
  return {};
}

Status Port::Steer(std::span<const IpAddress> addresses) {
  auto steering = steer::Steering::Find(interface_);
  if (!steering) {
    return std::unexpected(steering.error());
  }
  std::vector<steer::AddressKey> keys;
  keys.reserve(addresses.size());
  for (const IpAddress& address : addresses) {
    keys.push_back(address.octets);
  }
  HF_TRY(steering->SetAddresses(keys));
  steering_ = std::move(*steering);
  return {};
}

Status Port::TakeKernelInterface(const std::string& interface) {
  auto path = ExceptionPath::Open(interface,
                                  id_,
                                  lanes_[0].mac,
                                  lanes_[0].mtu,
                                  static_cast<std::uint16_t>(lanes_.size()),
                                  pools_[0]);
  if (!path) {
    return Fail(path.error().code, "port " + name_ + ": " + path.error().message);
  }
  exception_ = std::move(*path);
  tap_ = interface;
  tap_ifindex_ = if_nametoindex(interface.c_str());
  for (Lane& lane : lanes_) {
    lane.exception = exception_->rings(lane.queue);
  }
  return {};
}

Port::Port(Port&& other) noexcept
    : name_(std::move(other.name_)),
      interface_(std::move(other.interface_)),
      ifindex_(other.ifindex_),
      tap_(std::move(other.tap_)),
      tap_ifindex_(other.tap_ifindex_),
      id_(other.id_),
      open_(std::exchange(other.open_, false)),
      own_(std::move(other.own_)),
      pools_(std::exchange(other.pools_, {})),
      lanes_(std::move(other.lanes_)),
      claim_(std::move(other.claim_)),
      object_(std::move(other.object_)),
      steering_(std::move(other.steering_)),
      exception_(std::move(other.exception_)) {}

Port::~Port() {
  if (steering_) {
    [[maybe_unused]] const Status detached = steering_->Detach();  // closing the port tries again
  }
  exception_ = nullptr;
  if (open_) {
    rte_eth_dev_stop(id_);
    rte_eth_dev_close(id_);
  }
  for (rte_mempool* pool : pools_) {
    rte_mempool_free(pool);
  }
}

bool Port::StopSteering() {
  // Not by taking the program off: that resets a veth's queues, with what is in them.
  return steering_ && steering_->SetAddresses({}).has_value();
}

Status Port::Alive() const {
  if (ifindex_ != 0 && if_nametoindex(interface_.c_str()) != ifindex_) {
    return Fail(ErrorCode::kIo, "port " + name_ + ": its interface " + interface_ + " is gone");
  }
  if (tap_ifindex_ != 0 && if_nametoindex(tap_.c_str()) != tap_ifindex_) {
    return Fail(ErrorCode::kIo, "port " + name_ + ": its kernel interface " + tap_ + " is gone");
  }
  if (steering_ && !steering_->Attached()) {
    return Fail(ErrorCode::kIo,
                "port " + name_ + ": our XDP program was taken off " + interface_ + " or replaced");
  }
  if (rte_eth_dev_is_valid_port(id_) == 0 || rte_eth_dev_is_removed(id_) != 0) {
    return Fail(ErrorCode::kIo, "port " + name_ + ": its device is gone");
  }
  return {};
}

}  // namespace holdfast::io
