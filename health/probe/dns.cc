// The DNS probe: asks one question over UDP, with an id and a source port that nobody can guess,
// and takes the first datagram that fits the question.
#include <utility>

#include "health/probe/datagram.h"
#include "health/probe/dns_message.h"
#include "health/probe/endpoint_probe.h"

namespace holdfast::health {

namespace {

constexpr const char* kNoReply =
    "The health checker received no DNS reply to its question within the timeout limit.";

class DnsProbe final : public EndpointProbe {
 public:
  DnsProbe(ProbeLoop& loop, std::shared_ptr<const ProbeTask> task, Done done)
      : EndpointProbe(loop, std::move(task), std::move(done)) {}

 private:
  // The kernel draws the source port.
  int OpenSocket(int family) noexcept override {
    return socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  }
  void OnConnected() override;
  void OnSocketReady() override;
  bool Judge(std::span<const std::byte> message);

  std::uint16_t id_ = static_cast<std::uint16_t>(Unguessable());
  ProbeClock::time_point sent_;
};

void DnsProbe::OnConnected() {
  BeginPhase(check().response_timeout, kNoReply);
  const std::string query = DnsQuery(std::get<DnsSettings>(check().native), id_);
  if (send(fd(), query.data(), query.size(), 0) < 0) {
    FinishSystemError("send a DNS query", errno);
    return;
  }
  sent_ = ProbeClock::now();
  AwaitReadable();
}

void DnsProbe::OnSocketReady() {
  const int error =
      ReceiveDatagrams(fd(), loop().buffer, [this](auto message) { return Judge(message); });
  if (error == EAGAIN) {
    AwaitReadable();
  } else if (error != 0) {
    FinishSystemError("receive a DNS reply", error);
  }
}

// @return true when it ended the probe.
bool DnsProbe::Judge(std::span<const std::byte> message) {
  auto judged = JudgeDnsReply(message, std::get<DnsSettings>(check().native), id_);
  if (!judged) {
    return false;
  }
  phases().first_byte = ProbeClock::now() - sent_;
  Finish(judged->outcome, std::move(judged->reason));
  return true;
}

}  // namespace

std::shared_ptr<Probe> MakeDnsProbe(ProbeLoop& loop,
                                    std::shared_ptr<const ProbeTask> task,
                                    Probe::Done done) {
  return std::make_shared<DnsProbe>(loop, std::move(task), std::move(done));
}

}  // namespace holdfast::health
