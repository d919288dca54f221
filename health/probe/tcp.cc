// The TCP probe: nothing is sent, an established connection is the answer.
#include <utility>

#include "health/probe/probe.h"

namespace holdfast::health {

namespace {

class TcpProbe final : public Probe {
 public:
  TcpProbe(ProbeLoop& loop, std::shared_ptr<const ProbeTask> task, Done done)
      : Probe(loop, std::move(task), std::move(done)) {}

 private:
  void OnConnected() override { Finish(Outcome::kPass, "Success: TCP connection established"); }
  void OnReady() override {}
};

}  // namespace

std::shared_ptr<Probe> MakeTcpProbe(ProbeLoop& loop,
                                    std::shared_ptr<const ProbeTask> task,
                                    Probe::Done done) {
  return std::make_shared<TcpProbe>(loop, std::move(task), std::move(done));
}

}  // namespace holdfast::health
