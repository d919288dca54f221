// The TCP probe: nothing is sent, an established connection is the answer.
#include <utility>

#include "health/probe/stream_probe.h"

namespace holdfast::health {

namespace {

class TcpProbe final : public StreamProbe {
 public:
  TcpProbe(ProbeLoop& loop, std::shared_ptr<const ProbeTask> task, Done done)
      : StreamProbe(loop, std::move(task), std::move(done)) {}

 private:
  void OnStream() override { Finish(Outcome::kPass, "Success: TCP connection established"); }
};

}  // namespace

std::shared_ptr<Probe> MakeTcpProbe(ProbeLoop& loop,
                                    std::shared_ptr<const ProbeTask> task,
                                    Probe::Done done) {
  return std::make_shared<TcpProbe>(loop, std::move(task), std::move(done));
}

}  // namespace holdfast::health
