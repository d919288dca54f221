// See tap.h. Main thread, but for Read and Write, which are the exception path's.
#include "dataplane/io/tap.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "dataplane/io/remedy.h"

namespace holdfast::io {
namespace {

ifreq Request(const std::string& interface) {
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

}  // namespace

Result<Tap> Tap::Open(const std::string& interface, const MacAddress& mac, std::uint32_t mtu) {
  if (if_nametoindex(interface.c_str()) == 0) {
    return Fail(ErrorCode::kNotFound, Remedy(Missing::kTap, interface, ""));
  }
  steer::Fd fd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd.ok()) {
    return Fail(ErrorCode::kIo, Remedy(Missing::kTapRight, interface, std::strerror(errno)));
  }
  ifreq request = Request(interface);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    switch (errno) {
      case EBUSY:
        return Fail(ErrorCode::kConflict,
                    "the tap interface " + interface +
                        " belongs to another process; see which with: grep -l 'iff:.*" + interface +
                        "' /proc/*/fdinfo/*");
      case EINVAL:
        return Fail(ErrorCode::kInvalid, Remedy(Missing::kTap, interface, ""));
      default:
        return Fail(ErrorCode::kIo, Remedy(Missing::kTapRight, interface, std::strerror(errno)));
    }
  }
  const steer::Fd asking(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  request = Request(interface);
  if (ioctl(asking.get(), SIOCGIFMTU, &request) != 0) {
    return Fail(ErrorCode::kIo, "cannot read the MTU of " + interface);
  }
  if (static_cast<std::uint32_t>(request.ifr_mtu) > mtu) {
    return Fail(ErrorCode::kInvalid,
                "the MTU of " + interface + " is " + std::to_string(request.ifr_mtu) +
                    ", expected at most its port's; set it with: ip link set dev " + interface +
                    " mtu " + std::to_string(mtu));
  }
  request = Request(interface);
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.ifr_hwaddr.sa_data, mac.data(), mac.size());
  if (ioctl(asking.get(), SIOCSIFHWADDR, &request) != 0) {
    return Fail(ErrorCode::kIo, Remedy(Missing::kTapRight, interface, std::strerror(errno)));
  }
  return Tap(std::move(fd));
}

std::optional<std::size_t> Tap::Read(std::span<std::byte> into) const noexcept {
  const ssize_t octets = read(fd_.get(), into.data(), into.size());
  return octets > 0 ? std::optional(static_cast<std::size_t>(octets)) : std::nullopt;
}

bool Tap::Write(ByteSpan frame) const noexcept {
  return write(fd_.get(), frame.data(), frame.size()) == static_cast<ssize_t>(frame.size());
}

}  // namespace holdfast::io
