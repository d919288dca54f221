// See device.h.
#include "tools/querygen/device.h"

#include <chrono>
#include <cstring>
#include <thread>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/io/eal.h"
#include "dataplane/io/port.h"

namespace holdfast::querygen {
namespace {

constexpr unsigned kBuffers = 16'383;
constexpr unsigned kCached = 256;  // by an lcore
constexpr std::uint16_t kDataRoom = RTE_PKTMBUF_HEADROOM + 2048;
constexpr auto kLook = std::chrono::milliseconds(10);

std::unexpected<Error> NotUp(const std::string& name, int error) {
  return Fail(ErrorCode::kIo,
              "port " + name + " does not come up (" + rte_strerror(error < 0 ? -error : error) +
                  "): " + io::Eal::LastWords());
}

}  // namespace

Result<Pool> Pool::Create(const std::string& name) {
  rte_mempool* pool =
      rte_pktmbuf_pool_create(name.c_str(), kBuffers, kCached, 0, kDataRoom, SOCKET_ID_ANY);
  if (pool == nullptr) {
    return Fail(ErrorCode::kExhausted,
                std::string("no memory for packet buffers (") + rte_strerror(rte_errno) +
                    "); 40 MB are needed, see --memory-mb");
  }
  return Pool(pool);
}

Result<Device> Device::Open(const std::string& text, const Pool& pool) {
  const auto wanted = io::ParseDevice(text);
  if (!wanted) {
    return std::unexpected(wanted.error());
  }
  if (wanted->pci) {
    return Fail(ErrorCode::kInvalid,
                "port " + text + ": expected a virtual device like net_memif0");
  }
  if (const int error =
          rte_eal_hotplug_add("vdev", wanted->name.c_str(), wanted->arguments.c_str());
      error != 0) {
    return NotUp(wanted->name, error);
  }
  std::uint16_t id = 0;
  if (const int error = rte_eth_dev_get_port_by_name(wanted->name.c_str(), &id); error != 0) {
    return NotUp(wanted->name, error);
  }
  return Start(id, pool);
}

Result<Device> Device::Start(std::uint16_t id, const Pool& pool) {
  Device device(id);
  char name[RTE_ETH_NAME_MAX_LEN] = {};
  rte_eth_dev_get_name_by_port(id, name);
  const rte_eth_conf conf{};
  std::uint16_t receive = kDescriptors;
  std::uint16_t transmit = kDescriptors;
  int error = rte_eth_dev_configure(id, 1, 1, &conf);
  if (error == 0) {
    error = rte_eth_dev_adjust_nb_rx_tx_desc(id, &receive, &transmit);
  }
  if (error == 0) {
    error = rte_eth_rx_queue_setup(id, 0, receive, 0, nullptr, pool.get());
  }
  if (error == 0) {
    error = rte_eth_tx_queue_setup(id, 0, transmit, 0, nullptr);
  }
  if (error == 0) {
    error = rte_eth_dev_start(id);
  }
  if (error != 0) {
    return NotUp(name, error);
  }
  return device;
}

Device::~Device() {
  if (open_) {
    rte_eth_dev_stop(id_);
    rte_eth_dev_close(id_);
  }
}

io::MacAddress Device::Mac() const {
  rte_ether_addr address{};
  rte_eth_macaddr_get(id_, &address);
  io::MacAddress mac{};
  std::memcpy(mac.data(), address.addr_bytes, mac.size());
  return mac;
}

bool Device::IsUp() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

Status Device::WaitUp(unsigned seconds) const {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (!IsUp()) {
    if (std::chrono::steady_clock::now() >= until) {
      return Fail(ErrorCode::kUnavailable,
                  "no other end of the port after " + std::to_string(seconds) + " s");
    }
    std::this_thread::sleep_for(kLook);
  }
  return {};
}

}  // namespace holdfast::querygen
