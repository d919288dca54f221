// What a port or DPDK itself needs from the machine, looked at beforehand, and what a person can do
// when it is not there: each finding is one sentence with the command that mends it. Cold; main
// thread, at start. Paths and texts are handed in, so the tables of messages are tested as such.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace holdfast::io {

enum class Missing : std::uint8_t {
  kHugepages,    // too few free pages
  kPciDevice,    // no device at that address
  kPciDriver,    // the kernel's driver still has it
  kInterface,    // no such network interface here
  kPacketRight,  // CAP_NET_RAW
  kSteerRight,   // CAP_NET_ADMIN, CAP_SYS_ADMIN (or CAP_BPF with it)
  kAfXdp,        // the kernel has no AF_XDP
  kPoolMemory,   // packet buffers do not fit
  kQueues,       // the device has fewer queues
  kHash,         // it has several, and no hash that spreads queries over them
  kMtu,          // too small for DNS over IPv6
  kTap,          // no such tap interface here
  kTapRight      // /dev/net/tun, CAP_NET_ADMIN
};

/// The sentence and the command. @param subject  device, interface, or what is asked for.
/// @param detail  numbers or the reason of the system; may be empty.
std::string Remedy(Missing missing, std::string_view subject, std::string_view detail);

/// @param meminfo  text of /proc/meminfo. @param wanted_mb  megabytes of hugepages that are asked.
Status CheckHugepages(std::string_view meminfo, std::uint64_t wanted_mb);

/// Whether the device exists below `sysfs` ("/sys") and has a driver that DPDK can work with.
/// @param address  DDDD:BB:DD.F.
Status CheckPciDevice(const std::string& sysfs, const std::string& address);

/// @param status  text of /proc/self/status. @param interface  for the message.
Status CheckPacketRights(std::string_view status, const std::string& interface);
Status CheckSteerRights(std::string_view status, const std::string& interface);

/// Index of an interface of this network namespace, else kNotFound with the remedy.
Result<unsigned> FindInterface(const std::string& interface);

/// Content of a small file; empty when it cannot be read.
std::string ReadSmallFile(const std::string& path);

}  // namespace holdfast::io
