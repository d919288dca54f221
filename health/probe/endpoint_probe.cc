#include "health/probe/endpoint_probe.h"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>

#include "health/probe/origin.h"

namespace holdfast::health {

namespace {

constexpr const char* kNoConnection =
    "The health checker could not establish a connection within the timeout limit.";

// sockaddr_in and sockaddr_in6 have it at the same place.
in_port_t PortOf(const SocketAddress& address) noexcept {
  sockaddr_in start{};
  std::memcpy(&start, &address.storage, sizeof(start));
  return start.sin_port;
}

}  // namespace

void EndpointProbe::Begin() {
  if (TakeConnection()) {
    phase_ = Phase::kConnected;
    OnConnected();
    return;
  }
  phase_ = Phase::kResolving;
  BeginPhase(check().connect_timeout, kNoConnection);
  if (const auto& address = task().address; address) {
    Connect(MakeAddress(*address, task().port));
    return;
  }
  loop().resolver.Resolve(
      task().fqdn, check().address_family, [weak = weak_from_this()](const Resolved& resolved) {
        if (const auto probe = weak.lock()) {
          static_cast<EndpointProbe&>(*probe).OnResolved(resolved);
        }
      });
}

void EndpointProbe::OnResolved(const Resolved& resolved) {
  if (ended() || phase_ != Phase::kResolving) {
    return;
  }
  switch (resolved.outcome) {
    case ResolveOutcome::kFound:
      Connect(MakeAddress(resolved.address, task().port));
      return;
    case ResolveOutcome::kNoAddress:
      Finish(Outcome::kFail, "Failure: DNS resolution failed");
      return;
    case ResolveOutcome::kUnavailable:
      Finish(Outcome::kUnknown, "Unknown: no resolver answered the health checker.");
      return;
  }
}

// Here all ways to a connection meet: a literal address, what a name has led to just now, a second
// connection. An address that may not be probed gets no packet.
void EndpointProbe::Connect(const SocketAddress& address) {
  if (!task().trusted) {
    const IpAddress target = AddressOf(address);
    if (const auto rule = loop().targets.Refusal(target)) {
      if (!task().address) {
        loop().resolver.counters().Add(NameCount::kTargetRefused);
      }
      Finish(Outcome::kFail,
             "Failure: The address " + target.Text() + " may not be probed: " + *rule + ".");
      return;
    }
  }
  phase_ = Phase::kConnecting;
  address_ = address;
  connect_began_ = ProbeClock::now();
  const int fd = OpenAtOrigin(address.storage.ss_family);
  if (fd < 0) {
    return;
  }
  Watch(fd);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.octets) != 0 &&
      errno != EINPROGRESS) {
    FinishSystemError("establish a connection", errno);
    return;
  }
  // Also when it stands at once: the next step then comes from the loop like any other.
  AwaitWritable();
}

// @return -1 when the probe has ended.
int EndpointProbe::OpenAtOrigin(int family) {
  if (!check().origin) {
    const int fd = OpenSocket(family);
    if (fd < 0) {
      OnNoSocket(errno);
    }
    return fd;
  }
  OriginSocket opened = OpenFrom(*check().origin, [this, family] { return OpenSocket(family); });
  if (opened.fd < 0) {
    if (opened.problem.empty()) {
      OnNoSocket(opened.error);
    } else {
      Finish(Outcome::kUnknown, "Unknown: " + opened.problem);
    }
  }
  return opened.fd;
}

void EndpointProbe::Reconnect() {
  OnClose();
  Unwatch();
  Connect(address_);
}

void EndpointProbe::OnReady() {
  if (phase_ == Phase::kConnecting) {
    OnConnectEnd();
  } else {
    OnSocketReady();
  }
}

void EndpointProbe::OnConnectEnd() {
  int error = 0;
  socklen_t octets = sizeof(error);
  if (getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &octets) != 0) {
    error = errno;
  }
  if (error == 0 && MetItself(fd(), address_)) {
    error = ECONNREFUSED;
  }
  if (error != 0) {
    FinishSystemError("establish a connection", error);
    return;
  }
  phase_ = Phase::kConnected;
  OnConnected();
}

void EndpointProbe::OnTooSlow() {
  if (phase_ == Phase::kResolving) {
    Finish(Outcome::kUnknown, "Unknown: no resolver answered the health checker in time.");
  } else {
    Probe::OnTooSlow();
  }
}

// Not the structures as a whole: a socket that is bound to an interface has a scope in its own.
bool MetItself(int fd, const SocketAddress& there) noexcept {
  SocketAddress here{.storage = {}, .octets = sizeof(here.storage)};
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&here.storage), &here.octets) != 0 ||
      here.storage.ss_family != there.storage.ss_family) {
    return false;
  }
  return AddressOf(here) == AddressOf(there) && PortOf(here) == PortOf(there);
}

}  // namespace holdfast::health
