// The table of messages and the looks at /proc and /sys behind them. Main thread, at start.
#include "dataplane/io/remedy.h"

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <net/if.h>
#include <sstream>
#include <unistd.h>

#include <linux/capability.h>

namespace holdfast::io {
namespace {

// {s}: the subject; {d}: the detail.
constexpr std::string_view kHints[] = {
    ("too few free hugepages for {s}: {d}; reserve them with: echo 512 > /proc/sys/vm/nr_hugepages "
     "(or start with --no-huge)"),
    "no PCI device {s}; see what there is with: dpdk-devbind.py --status-dev net",
    ("PCI device {s} is not bound to a userspace driver ({d}); bind it with: dpdk-devbind.py "
     "--bind=vfio-pci {s}"),
    "no network interface {s} in this network namespace; see what there is with: ip link show",
    ("no right to read frames of interface {s} ({d}); start as root, or with: setcap "
     "cap_net_raw,cap_net_admin+ep holdfast-dataplane"),
    ("no right to steer packets of interface {s} by XDP ({d}); start as root, or with: setcap "
     "cap_net_admin,cap_net_raw,cap_bpf,cap_sys_admin+ep holdfast-dataplane"),
    ("this kernel has no AF_XDP sockets ({d}), which {s} needs; see: zgrep XDP_SOCKETS "
     "/proc/config.gz, or use net_af_packet"),
    "no memory for the packet buffers of {s} ({d}); give more with: --memory-mb 512",
    ("{s} has too few queues: {d}; see what it has with: ethtool -l INTERFACE, or ask for fewer "
     "with: --queues 1"),
    ("{s} has no hash (RSS) that spreads {d} queries over several queues, so one core would have "
     "them all; ask for one queue with: --queues 1"),
    ("the MTU of {s} is {d}, expected 1280 at least (RFC 8200 5); set it with: ip link set dev {s} "
     "mtu 1500"),
    ("no tap interface {s} in this network namespace, whose addresses a port is to carry; make it "
     "with: ip tuntap add dev {s} mode tap; ip address add ADDRESS/BITS dev {s}; ip link set {s} "
     "up"),
    ("no right to exchange frames with the tap interface {s} ({d}); start as root, or with: setcap "
     "cap_net_admin+ep holdfast-dataplane"),
};
static_assert(std::size(kHints) == static_cast<std::size_t>(Missing::kTapRight) + 1);

// The number behind `key` at the start of a line, in base `base`.
bool FindNumber(std::string_view text, std::string_view key, int base, std::uint64_t& number) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (line.starts_with(key)) {
      line.remove_prefix(std::min(line.find_first_not_of(" \t:", key.size()), line.size()));
      return std::from_chars(line.data(), line.data() + line.size(), number, base).ec ==
             std::errc{};
    }
  }
  return false;
}

struct Right {
  unsigned bit;
  const char* name;
};

// Names of the rights of `wanted` that the process has not, comma between.
template <std::size_t n>
std::string Lacking(std::string_view status, const std::array<Right, n>& wanted) {
  std::uint64_t effective = 0;
  FindNumber(status, "CapEff", 16, effective);
  std::string lacking;
  for (const Right& right : wanted) {
    if (((effective >> right.bit) & 1U) == 0) {
      lacking += (lacking.empty() ? "lacks " : ", ") + std::string(right.name);
    }
  }
  return lacking;
}

}  // namespace

std::string Remedy(Missing missing, std::string_view subject, std::string_view detail) {
  std::string text;
  std::string_view hint = kHints[static_cast<std::size_t>(missing)];
  while (!hint.empty()) {
    const std::size_t brace = std::min(hint.find('{'), hint.size());
    text += hint.substr(0, brace);
    hint.remove_prefix(brace);
    if (!hint.empty()) {
      text += hint.starts_with("{s}") ? subject : detail;
      hint.remove_prefix(3);
    }
  }
  return text;
}

Status CheckHugepages(std::string_view meminfo, std::uint64_t wanted_mb) {
  std::uint64_t free_pages = 0;
  std::uint64_t page_kb = 0;
  FindNumber(meminfo, "HugePages_Free", 10, free_pages);
  FindNumber(meminfo, "Hugepagesize", 10, page_kb);
  const std::uint64_t free_mb = free_pages * page_kb / 1024;
  if (free_mb < wanted_mb) {
    return Fail(ErrorCode::kExhausted,
                Remedy(Missing::kHugepages,
                       std::to_string(wanted_mb) + " MB of packet memory",
                       std::to_string(free_mb) + " MB are free"));
  }
  return {};
}

Status CheckPciDevice(const std::string& sysfs, const std::string& address) {
  const std::filesystem::path device = std::filesystem::path(sysfs) / "bus/pci/devices" / address;
  std::error_code error;
  if (!std::filesystem::exists(device, error)) {
    return Fail(ErrorCode::kNotFound, Remedy(Missing::kPciDevice, address, ""));
  }
  const auto link = std::filesystem::read_symlink(device / "driver", error);
  const std::string driver = error ? "none" : link.filename().string();
  // The last three work through the kernel's driver.
  for (const char* fit :
       {"vfio-pci", "uio_pci_generic", "igb_uio", "mlx5_core", "mlx4_core", "mana"}) {
    if (driver == fit) {
      return {};
    }
  }
  return Fail(ErrorCode::kConflict,
              Remedy(Missing::kPciDriver, address, "its driver is " + driver));
}

Status CheckPacketRights(std::string_view status, const std::string& interface) {
  const std::string lacking = Lacking(status, std::array{Right{CAP_NET_RAW, "CAP_NET_RAW"}});
  if (!lacking.empty()) {
    return Fail(ErrorCode::kIo, Remedy(Missing::kPacketRight, interface, lacking));
  }
  return {};
}

Status CheckSteerRights(std::string_view status, const std::string& interface) {
  const std::string lacking = Lacking(status,
                                      std::array{Right{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
                                                 Right{CAP_NET_RAW, "CAP_NET_RAW"},
                                                 Right{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}});
  if (!lacking.empty()) {
    return Fail(ErrorCode::kIo, Remedy(Missing::kSteerRight, interface, lacking));
  }
  return {};
}

Result<unsigned> FindInterface(const std::string& interface) {
  const unsigned ifindex = if_nametoindex(interface.c_str());
  if (ifindex == 0) {
    return Fail(ErrorCode::kNotFound, Remedy(Missing::kInterface, interface, ""));
  }
  return ifindex;
}

std::string ReadSmallFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace holdfast::io
