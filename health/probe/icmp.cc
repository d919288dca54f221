// The ICMP probe: echo requests through a ping socket, which needs no right where the group is in
// net.ipv4.ping_group_range, else through a raw one, which needs CAP_NET_RAW. All requests go out
// at once; it passes when each has been replied to.
#include <bitset>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <utility>

#include "health/probe/datagram.h"
#include "health/probe/endpoint_probe.h"
#include "health/probe/icmp_message.h"

namespace holdfast::health {

namespace {

constexpr const char* kNoReply =
    "The health checker did not receive all echo replies within the timeout limit.";
constexpr std::size_t kMaxEchoes = 10;
constexpr int kIcmpFilter = 1;  // ICMP_FILTER of linux/icmp.h, which is at odds with net/if.h

// A raw socket is given every ICMP message of the endpoint: leaves it the echo replies.
void FilterReplies(int fd, bool v6) {
  if (v6) {
    icmp6_filter filter;
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
  } else {
    const std::uint32_t filter = ~(1U << ICMP_ECHOREPLY);
    setsockopt(fd, SOL_RAW, kIcmpFilter, &filter, sizeof(filter));
  }
}

class IcmpProbe final : public EndpointProbe {
 public:
  IcmpProbe(ProbeLoop& loop, std::shared_ptr<const ProbeTask> task, Done done)
      : EndpointProbe(loop, std::move(task), std::move(done)) {}

 private:
  int OpenSocket(int family) noexcept override;
  void OnNoSocket(int error) override;
  void OnConnected() override;
  void OnSocketReady() override;
  bool Judge(std::span<const std::byte> message);

  bool v6_ = false;
  bool raw_ = false;
  EchoToken token_ = Unguessable();
  std::bitset<kMaxEchoes> awaited_;  // by sequence number
  ProbeClock::time_point sent_;
};

int IcmpProbe::OpenSocket(int family) noexcept {
  v6_ = family == AF_INET6;
  constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  const int protocol = v6_ ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP);
  int fd = socket(family, SOCK_DGRAM | kFlags, protocol);
  if (fd < 0 && (errno == EACCES || errno == EPERM || errno == EPROTONOSUPPORT)) {
    raw_ = true;
    fd = socket(family, SOCK_RAW | kFlags, protocol);
    if (fd >= 0) {
      FilterReplies(fd, v6_);
    }
  }
  return fd;
}

void IcmpProbe::OnNoSocket(int error) {
  if (error == EACCES || error == EPERM) {
    Finish(Outcome::kUnknown,
           "Unknown: The health checker may not send ICMP echoes: its group is not in "
           "net.ipv4.ping_group_range and it lacks CAP_NET_RAW.");
  } else {
    EndpointProbe::OnNoSocket(error);
  }
}

void IcmpProbe::OnConnected() {
  BeginPhase(check().response_timeout, kNoReply);
  const auto count = static_cast<std::uint16_t>(std::get<IcmpSettings>(check().native).count);
  const auto id = static_cast<std::uint16_t>(Unguessable());
  for (std::uint16_t sequence = 0; sequence < count; ++sequence) {
    const std::string request = EchoRequest(v6_, id, sequence, token_);
    if (send(fd(), request.data(), request.size(), 0) < 0) {
      FinishSystemError("send an ICMP echo", errno);
      return;
    }
    awaited_.set(sequence);
  }
  sent_ = ProbeClock::now();
  AwaitReadable();
}

void IcmpProbe::OnSocketReady() {
  const int error =
      ReceiveDatagrams(fd(), loop().buffer, [this](auto message) { return Judge(message); });
  if (error == EAGAIN) {
    AwaitReadable();
  } else if (error != 0) {
    FinishSystemError("receive an ICMP echo reply", error);
  }
}

// @return true when it ended the probe.
bool IcmpProbe::Judge(std::span<const std::byte> message) {
  const auto sequence = EchoReplySequence(message, v6_, raw_ && !v6_, token_);
  if (!sequence || *sequence >= kMaxEchoes) {
    return false;
  }
  if (phases().first_byte.count() == 0) {
    phases().first_byte = ProbeClock::now() - sent_;
  }
  awaited_.reset(*sequence);
  if (awaited_.any()) {
    return false;
  }
  const std::uint32_t count = std::get<IcmpSettings>(check().native).count;
  Finish(Outcome::kPass,
         "Success: " + std::to_string(count) + (count == 1 ? " echo reply" : " echo replies"));
  return true;
}

}  // namespace

std::shared_ptr<Probe> MakeIcmpProbe(ProbeLoop& loop,
                                     std::shared_ptr<const ProbeTask> task,
                                     Probe::Done done) {
  return std::make_shared<IcmpProbe>(loop, std::move(task), std::move(done));
}

}  // namespace holdfast::health
