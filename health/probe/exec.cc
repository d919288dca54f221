// The EXEC probe: runs a program and takes its exit status for the answer. What it writes is read
// so that it never blocks on us; the first part is kept for the reason, the rest thrown away.
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <unistd.h>
#include <utility>

#include "health/probe/child_process.h"
#include "health/probe/probe.h"

namespace holdfast::health {

namespace {

using std::chrono::seconds;
using Output = boost::asio::posix::stream_descriptor;

constexpr const char* kTooLong = "the program did not end within the timeout limit and was killed.";
constexpr std::size_t kKeptOctets = 4096;
constexpr std::size_t kShownOctets = 200;
constexpr int kReadsPerTurn = 8;

// ": " and the last line that says something, printable; empty when none does.
std::string LastLine(std::string_view text) {
  const auto end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) {
    return {};
  }
  text = text.substr(0, end + 1);
  text = text.substr(text.find_last_of('\n') + 1).substr(0, kShownOctets);
  std::string shown = ": ";
  for (const char c : text) {
    shown += c >= 0x20 && c < 0x7F ? c : '?';
  }
  return shown;
}

class ExecProbe final : public Probe {
 public:
  ExecProbe(ProbeLoop& loop, std::shared_ptr<const ProbeTask> task, Done done)
      : Probe(loop, std::move(task), std::move(done)), output_(loop.io) {}

 private:
  void Begin() override;
  void OnReady() override;
  void OnClose() noexcept override;
  void FailLaunch(const ChildProcess::Problem& problem);
  void AwaitOutput();
  bool ReadOutput();

  ChildProcess process_;
  Output output_;
  std::string kept_;
};

void ExecProbe::Begin() {
  const auto& settings = std::get<ExecSettings>(check().native);
  BeginPhase(check().response_timeout, kTooLong);
  auto launched = ChildProcess::Launch(
      {.command = settings.command,
       .arguments = settings.arguments,
       .check_id = task().id,
       .run_as = task().settings->run_as,
       .cpu_seconds = std::chrono::ceil<seconds>(check().response_timeout) + seconds(1)});
  if (!launched) {
    FailLaunch(launched.error());
    return;
  }
  process_ = std::move(launched->process);
  boost::system::error_code error;
  static_cast<void>(output_.assign(launched->output, error));
  if (error) {
    close(launched->output);
    close(launched->pidfd);
    FinishSystemError("watch a descriptor", error.value());
    return;
  }
  Watch(launched->pidfd);
  AwaitReadable();
  if (!ended()) {
    AwaitOutput();
  }
}

void ExecProbe::FailLaunch(const ChildProcess::Problem& problem) {
  // Whatever hinders a launch before the program's own file is a shortage of ours.
  Finish(problem.of_program ? Outcome::kFail : Outcome::kUnknown,
         std::string(problem.of_program ? "Failure" : "Unknown") +
             ": The health checker could not " + problem.doing + ": " + strerror(problem.error) +
             ".");
}

void ExecProbe::AwaitOutput() {
  output_.async_wait(Output::wait_read, [weak = weak_from_this(), this](auto error) {
    const auto self = weak.lock();
    if (self != nullptr && !error && !ended() && ReadOutput()) {
      AwaitOutput();
    }
  });
}

// @return false once nothing can come any more.
bool ExecProbe::ReadOutput() {
  auto& buffer = loop().buffer;
  for (int turn = 0; turn < kReadsPerTurn; ++turn) {
    const ssize_t octets = read(output_.native_handle(), buffer.data(), buffer.size());
    if (octets < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    if (octets == 0) {
      return false;
    }
    const auto room = kKeptOctets - kept_.size();
    kept_.append(reinterpret_cast<const char*>(buffer.data()),
                 std::min(room, static_cast<std::size_t>(octets)));
  }
  return true;
}

// The program has ended.
void ExecProbe::OnReady() {
  const auto status = process_.Reap();
  if (!status) {
    AwaitReadable();
    return;
  }
  ReadOutput();
  const std::string line = LastLine(kept_);
  switch (status->kind) {
    case ExitStatus::Kind::kExited:
      Finish(status->number == 0 ? Outcome::kPass : Outcome::kFail,
             (status->number == 0 ? "Success: exit status " : "Failure: exit status ") +
                 std::to_string(status->number) + line);
      return;
    case ExitStatus::Kind::kKilled:
      Finish(Outcome::kFail,
             "Failure: ended by signal " + std::to_string(status->number) + " (" +
                 strsignal(status->number) + ")" + line);
      return;
    case ExitStatus::Kind::kLost:
      Finish(Outcome::kUnknown, "Unknown: the program's exit status was lost.");
      return;
  }
}

void ExecProbe::OnClose() noexcept {
  process_.Kill();
  boost::system::error_code ignored;
  static_cast<void>(output_.close(ignored));
}

}  // namespace

std::shared_ptr<Probe> MakeExecProbe(ProbeLoop& loop,
                                     std::shared_ptr<const ProbeTask> task,
                                     Probe::Done done) {
  return std::make_shared<ExecProbe>(loop, std::move(task), std::move(done));
}

}  // namespace holdfast::health
