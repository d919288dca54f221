// A socket belongs to the namespace that it was made in, so only the making needs to be there; it
// is bound and connected from anywhere. The namespace is opened for each probe: one of the same
// name may have taken its place.
#include "health/probe/origin.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "health/probe/descriptor.h"
#include "health/probe/request.h"

namespace holdfast::health {

namespace {

std::string Sentence(const char* what, const std::string& value, const char* cannot, int error) {
  return std::string(what) + " \"" + value + "\" cannot be " + cannot + ": " + strerror(error) +
         ".";
}

// Between here and the end of its life, the thread is in another namespace.
class Stay {
 public:
  Stay() = default;
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;
  ~Stay() {
    if (own_.is_open() && setns(own_.fd(), CLONE_NEWNET) != 0) {
      std::fprintf(stderr,
                   "health: cannot go back to the own network namespace: %s; this process must not "
                   "go on in another one\n",
                   strerror(errno));
      std::abort();
    }
  }

  /// @return 0, or errno: then the thread is where it was.
  int Enter(const std::string& name) noexcept {
    Descriptor own(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!own.is_open()) {
      return errno;
    }
    const Descriptor there(open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!there.is_open() || setns(there.fd(), CLONE_NEWNET) != 0) {
      return errno;
    }
    own_ = std::move(own);
    return 0;
  }

 private:
  Descriptor own_;  // open: it is to be gone back to
};

// @return 0, or errno. A socket that is bound to an interface that is down would hear that there is
// no route, as from a network.
int BindToInterface(int fd, const std::string& name) noexcept {
  if (setsockopt(
          fd, SOL_SOCKET, SO_BINDTODEVICE, name.c_str(), static_cast<socklen_t>(name.size() + 1)) !=
      0) {
    return errno;
  }
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), name.size());
  if (ioctl(fd, SIOCGIFFLAGS, &request) != 0) {
    return errno;
  }
  return (request.ifr_flags & IFF_UP) == 0 ? ENETDOWN : 0;
}

// @return 0, or errno.
int BindToAddress(int fd, const std::string& text) noexcept {
  const auto address = IpAddress::FromText(text);
  if (!address) {
    return EINVAL;
  }
  int type = 0;
  socklen_t octets = sizeof(type);
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &octets) == 0 && type == SOCK_STREAM) {
    // The port is drawn by connect, when the other end is known: so each target may have all ports
    // of the address. Where the kernel knows it not, ports are fewer.
    const int later = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &later, sizeof(later));
  }
  const SocketAddress here = MakeAddress(*address, 0);
  return bind(fd, reinterpret_cast<const sockaddr*>(&here.storage), here.octets) == 0 ? 0 : errno;
}

}  // namespace

OriginSocket OpenFrom(const Origin& origin, const std::function<int()>& open) {
  OriginSocket made;
  {
    Stay stay;
    if (const std::string& name = origin.network_namespace; !name.empty()) {
      if (const int error = stay.Enter(name); error != 0) {
        made.problem = Sentence("The network namespace", name, "entered", error);
        return made;
      }
    }
    made.fd = open();
    made.error = made.fd < 0 ? errno : 0;
  }
  if (made.fd < 0) {
    return made;
  }
  // In this order: a link-local source address says nothing before there is an interface.
  if (const std::string& name = origin.interface; !name.empty()) {
    if (const int error = BindToInterface(made.fd, name); error != 0) {
      made.problem = Sentence("The interface", name, "used", error);
    }
  }
  if (const std::string& source = origin.source_address; made.problem.empty() && !source.empty()) {
    if (const int error = BindToAddress(made.fd, source); error != 0) {
      made.problem = Sentence("The source address", source, "bound", error);
    }
  }
  if (!made.problem.empty()) {
    Descriptor(made.fd).Close();
    made.fd = -1;
  }
  return made;
}

}  // namespace holdfast::health
