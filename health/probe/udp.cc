// The UDP probe: one datagram goes out, and a reply is the answer, or one that holds the expected
// string. Nothing is sent again; a port that nobody listens on says so by ICMP and fails at once.
#include <utility>

#include "health/probe/datagram.h"
#include "health/probe/endpoint_probe.h"

namespace holdfast::health {

namespace {

constexpr const char* kNoReply =
    "The health checker received no UDP reply within the timeout limit.";
constexpr const char* kNoString =
    "The health checker received no UDP reply with the expected string within the timeout limit.";

class UdpProbe final : public EndpointProbe {
 public:
  UdpProbe(ProbeLoop& loop, std::shared_ptr<const ProbeTask> task, Done done)
      : EndpointProbe(loop, std::move(task), std::move(done)) {}

 private:
  int OpenSocket(int family) noexcept override {
    return socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  }
  void OnConnected() override;
  void OnSocketReady() override;
  bool Judge(std::span<const std::byte> reply);

  ProbeClock::time_point sent_;
};

void UdpProbe::OnConnected() {
  BeginPhase(check().response_timeout, task().settings->pattern ? kNoString : kNoReply);
  const std::string& payload = std::get<UdpSettings>(check().native).payload;
  if (send(fd(), payload.data(), payload.size(), 0) < 0) {
    FinishSystemError("send a UDP datagram", errno);
    return;
  }
  sent_ = ProbeClock::now();
  AwaitReadable();
}

void UdpProbe::OnSocketReady() {
  const int error =
      ReceiveDatagrams(fd(), loop().buffer, [this](auto reply) { return Judge(reply); });
  if (error == EAGAIN) {
    AwaitReadable();
  } else if (error != 0) {
    FinishSystemError("receive a UDP reply", error);
  }
}

// @return true when it ended the probe.
bool UdpProbe::Judge(std::span<const std::byte> reply) {
  if (phases().first_byte.count() == 0) {
    phases().first_byte = ProbeClock::now() - sent_;
  }
  if (task().settings->pattern) {
    auto search = PatternSearch::Open(task().settings->pattern);
    if (!search) {
      Finish(Outcome::kUnknown, "Unknown: the health checker has no memory for a search.");
      return true;
    }
    if (!search->Feed(reply)) {
      return false;
    }
  }
  Finish(Outcome::kPass, "Success: UDP reply of " + std::to_string(reply.size()) + " octets");
  return true;
}

}  // namespace

std::shared_ptr<Probe> MakeUdpProbe(ProbeLoop& loop,
                                    std::shared_ptr<const ProbeTask> task,
                                    Probe::Done done) {
  return std::make_shared<UdpProbe>(loop, std::move(task), std::move(done));
}

}  // namespace holdfast::health
