// One port: a PCI device bound to a userspace driver, or a vdev ("net_af_xdp0,iface=eth0"), set up
// for polling and, when it is an AF_XDP port, steered by our XDP program. Cold; main thread. The
// queues are then the lcores'.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rte_mempool.h>

#include "dataplane/base/limits.h"
#include "dataplane/base/result.h"
#include "dataplane/io/address.h"
#include "dataplane/io/exception_path.h"
#include "dataplane/io/lcore_loop.h"
#include "dataplane/steer/steer.h"

namespace holdfast::io {

/// A device as it was asked for.
struct DeviceName {
  std::string name;       // "0000:03:00.0", "net_af_xdp0"
  std::string arguments;  // behind the first comma; empty for none
  bool pci = false;

  /// Value of `key` among the arguments, or empty.
  [[nodiscard]] std::string Argument(std::string_view key) const;
  [[nodiscard]] bool IsAfXdp() const noexcept { return name.starts_with("net_af_xdp"); }
};

/// @return kInvalid unless `text` is a PCI address or the name of a network vdev with arguments.
Result<DeviceName> ParseDevice(const std::string& text);

struct PortOptions {
  std::uint16_t queues = 1;                         // 1..64; receive and transmit alike
  std::uint16_t descriptors = kDefaultDescriptors;  // of a queue; the driver may change it
  UdpChecksum check = UdpChecksum::kVerify;
  std::vector<IpAddress> addresses;  // answered for on this port, at least one
  std::string kernel_interface;      // a tap that has what is no query; empty: that is dropped
};

/// How a NIC is to spread queries over several queues, of what it offers (RTE_ETH_RSS_*): by
/// addresses and UDP ports, for IPv4 and IPv6.
/// @return kInvalid where all queries of a family would come by one queue.
Result<std::uint64_t> HashOfQueries(const std::string& port, std::uint64_t offered);

/// Queues, buffers and switches of a port that EAL already has. Ends stopped and closed.
class Port {
 public:
  /// Probes the device, sets it up and starts it; an AF_XDP port steers from here on.
  /// Errors carry the remedy.
  static Result<Port> Open(const DeviceName& device, const PortOptions& options);
  /// Sets up a port that exists, and starts it: what Open does after probing.
  static Result<Port> Configure(std::uint16_t port_id, const PortOptions& options);

  Port(Port&& other) noexcept;
  Port& operator=(Port&&) = delete;
  ~Port();

  [[nodiscard]] std::span<const Lane> lanes() const noexcept { return lanes_; }

  /// Leaves new queries to the kernel where that is possible (XDP), so that what is in the queues
  /// can be answered before the end. @return whether it was possible; a frame that was looked at
  /// before may still arrive for a moment.
  bool StopSteering();
  /// Whether it can still do its work: kIo says what happened to its device.
  [[nodiscard]] Status Alive() const;

 private:
  Port() = default;
  /// @param nic  whether it is the device itself that spreads frames over several queues.
  Status SetUp(const PortOptions& options, bool nic);
  Status SetUpQueue(const PortOptions& options,
                    std::uint16_t queue,
                    std::uint16_t receive,
                    std::uint16_t transmit);
  Status Steer(std::span<const IpAddress> addresses);
  Status TakeKernelInterface(const std::string& interface);

  std::string name_;
  std::string interface_;  // of the kernel, when the port works through one
  unsigned ifindex_ = 0;
  std::string tap_;  // the kernel interface beside the port; empty: none
  unsigned tap_ifindex_ = 0;
  std::uint16_t id_ = 0;
  bool open_ = false;
  std::unique_ptr<const OwnAddresses> own_;  // the lanes point to it
  std::vector<rte_mempool*> pools_;          // one per queue; the first also of the exception path
  std::vector<Lane> lanes_;
  std::optional<steer::Claim> claim_;
  std::optional<steer::ObjectFile> object_;
  std::optional<steer::Steering> steering_;
  std::unique_ptr<ExceptionPath> exception_;  // the lanes point into it; ends before the pools
};

}  // namespace holdfast::io
