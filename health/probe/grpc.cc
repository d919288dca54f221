// The GRPC probe: one grpc.health.v1.Health/Check on a connection of its own, by HTTP/2 with prior
// knowledge, or over TLS with ALPN "h2". One deadline from the connection to the reply.
#include <utility>

#include "health/probe/grpc_call.h"
#include "health/probe/stream_probe.h"

namespace holdfast::health {

namespace {

constexpr const char* kNoReply =
    "The health checker received no complete gRPC reply within the timeout limit.";
constexpr int kReadsPerTurn = 8;

class GrpcProbe final : public StreamProbe {
 public:
  GrpcProbe(ProbeLoop& loop, std::shared_ptr<const ProbeTask> task, Done done)
      : StreamProbe(loop, std::move(task), std::move(done)) {}

 private:
  void OnStream() override;
  void OnHandshake(bool done) override;
  void OnStreamReady() override;
  bool SendOutgoing();

  std::unique_ptr<GrpcCall> call_;
  std::string_view unsent_;
};

void GrpcProbe::OnStream() {
  BeginPhase(check().response_timeout, kNoReply);
  const auto& settings = std::get<GrpcSettings>(check().native);
  call_ = GrpcCall::Open({.authority = HostField(task()),
                          .service = settings.service,
                          .user_agent = "Holdfast-Health-Check/" HF_VERSION,
                          .tls = settings.tls});
  if (call_ == nullptr) {
    Finish(Outcome::kUnknown, "Unknown: the health checker has no memory for an HTTP/2 session.");
  } else if (settings.tls) {
    BeginTls({.sni = ServerName(task()), .http2 = true});
  } else {
    OnStreamReady();
  }
}

void GrpcProbe::OnHandshake(bool done) {
  if (done && !tls().AgreedOnHttp2()) {
    Finish(Outcome::kFail, "Failure: the endpoint did not agree on HTTP/2 in the TLS handshake");
    return;
  }
  StreamProbe::OnHandshake(done);
}

// @return false when it waits, or the probe has ended.
bool GrpcProbe::SendOutgoing() {
  do {
    if (!SendAll(unsent_)) {
      return false;
    }
    unsent_ = call_->Outgoing();
  } while (!unsent_.empty());
  return true;
}

void GrpcProbe::OnStreamReady() {
  for (int turn = 0; turn < kReadsPerTurn; ++turn) {
    // Once the reply is whole, nothing that is left to send matters any more.
    if (!call_->done() && !SendOutgoing()) {
      return;
    }
    if (call_->done()) {
      Finish(call_->outcome(), call_->reason());
      return;
    }
    std::size_t moved = 0;
    const IoStep step = Read(loop().buffer, moved);
    if (Await(step)) {
      return;
    }
    if (step == IoStep::kDone) {
      call_->Feed(std::span(loop().buffer).first(moved));
    } else if (step == IoStep::kEnd) {
      call_->Finish();
    } else {
      FailTransport("receive the gRPC reply");
      return;
    }
  }
  AwaitWritable();  // by way of the loop, since more may lie ready inside OpenSSL
}

}  // namespace

std::shared_ptr<Probe> MakeGrpcProbe(ProbeLoop& loop,
                                     std::shared_ptr<const ProbeTask> task,
                                     Probe::Done done) {
  return std::make_shared<GrpcProbe>(loop, std::move(task), std::move(done));
}

}  // namespace holdfast::health
