// querygen: the generator that measures a responder. See tools/querygen for its parts. Exit codes:
// 0; 1 when a reply was wrong, none came, or the machine lacks something; 2 wrong arguments.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include <rte_cycles.h>

#include "dataplane/base/signals.h"
#include "dataplane/io/eal.h"
#include "tools/querygen/corpus.h"
#include "tools/querygen/device.h"
#include "tools/querygen/options.h"
#include "tools/querygen/questions.h"
#include "tools/querygen/report.h"
#include "tools/querygen/responder.h"
#include "tools/querygen/watch.h"

namespace {

namespace io = holdfast::io;
using namespace holdfast::querygen;
using holdfast::Result;
using holdfast::Status;

constexpr unsigned kResponderLcore = 1;

std::atomic<bool> g_stop = false;

void StopOnSignals() {
  for (const int signal : {SIGTERM, SIGINT}) {
    (void)std::signal(signal, [](int) { g_stop.store(true, std::memory_order_relaxed); });
  }
}

io::EalOptions EalOf(const Options& options) {
  io::EalOptions eal;
  eal.file_prefix = "querygen_" + std::to_string(getpid());
  eal.other_cpus = {options.core};
  if (options.way == Way::kRing) {
    eal.cpus = {options.responder_core};
  }
  eal.no_huge = options.no_huge;
  eal.memory_mb = options.memory_mb;
  if (options.single_file_segments) {
    eal.more = {"--single-file-segments"};
  }
  return eal;
}

// From us to `to_mac`, by the addresses that were asked for.
Result<Ends> EndsOf(const Options& options,
                    const io::MacAddress& own,
                    const io::MacAddress& to_mac) {
  const auto from = io::ParseAddress(!options.from.empty() ? options.from
                                     : options.ipv6        ? "fd09::2"
                                                           : "10.9.0.2");
  const auto to = io::ParseAddress(!options.to.empty() ? options.to
                                   : options.ipv6      ? "fd09::1"
                                                       : "10.9.0.1");
  if (!from || !to) {
    return std::unexpected(!from ? from.error() : to.error());
  }
  if (from->IsV4() == options.ipv6) {
    return holdfast::Fail(holdfast::ErrorCode::kInvalid,
                          "--from " + options.from + "; expected an " +
                              (options.ipv6 ? "IPv6" : "IPv4") + " address");
  }
  return Ends{.from_mac = own, .to_mac = to_mac, .from = *from, .to = *to};
}

Result<Corpus> CorpusOf(const Options& options, const Ends& ends) {
  std::vector<Question> questions;
  if (!options.file.empty()) {
    auto read = ReadQuestions(options.file);
    if (!read) {
      return std::unexpected(read.error());
    }
    questions = std::move(*read);
  }
  const auto question_of = [&](std::size_t number) {
    Question question = questions.empty() ? GeneratedQuestion(number) : questions[number];
    if (options.reflector) {
      question.address.clear();
      question.least_answers = 0;
    }
    return question;
  };
  return Corpus::Create(questions.empty() ? options.names : questions.size(), question_of, ends);
}

// The run itself: all is set up.
Result<Report> Measure(const Options& options,
                       const Corpus& corpus,
                       const Device& device,
                       const Pool& pool) {
  Report report{
      .outcome = {}, .tsc_hz = rte_get_tsc_hz(), .corpus = corpus.size(), .responder = {}};
  const bool looks = !options.run_dir.empty();
  Result<Work> before = looks ? WorkOf(options.run_dir) : Work{};
  if (!before) {
    return std::unexpected(before.error());
  }
  const RunDelays delays(before->pids);
  {
    Exchange exchange(corpus, device.id(), pool.get());
    report.outcome = Run(exchange, corpus, options.plan, g_stop);
  }
  report.worst_delay = delays.WorstShare();
  if (looks) {
    auto after = WorkOf(options.run_dir);
    if (!after) {
      return std::unexpected(after.error());
    }
    after->answers -= before->answers;
    after->busy_cycles -= before->busy_cycles;
    report.responder = std::move(*after);
  }
  return report;
}

Result<Report> MeasureRing(const Options& options, const Pool& pool) {
  auto rings = RingPair::Create();
  if (!rings) {
    return std::unexpected(rings.error());
  }
  const auto device = Device::Start(rings->generator(), pool);
  if (!device) {
    return std::unexpected(device.error());
  }
  auto ends = EndsOf(options, device->Mac(), {});
  if (!ends) {
    return std::unexpected(ends.error());
  }
  std::optional<Result<Device>> reflected;
  std::optional<ReflectorLcore> reflector;
  std::unique_ptr<TableResponder> responder;
  if (options.reflector) {
    reflected.emplace(Device::Start(rings->responder(), pool));
    if (!*reflected) {
      return std::unexpected(reflected->error());
    }
    reflector.emplace(rings->responder());
  } else {
    auto made = TableResponder::Create(options.run_dir, rings->responder(), ends->to);
    if (!made) {
      return std::unexpected(made.error());
    }
    responder = std::move(*made);
    ends->to_mac = responder->Mac();
  }
  const auto corpus = CorpusOf(options, *ends);
  if (!corpus) {
    return std::unexpected(corpus.error());
  }
  HF_TRY(responder ? responder->Start(kResponderLcore) : reflector->Start(kResponderLcore));
  return Measure(options, *corpus, *device, pool);
}

Result<Report> MeasurePort(const Options& options, const Pool& pool) {
  const auto to_mac = ParseMac(options.to_mac.empty() ? "02:00:00:00:00:01" : options.to_mac);
  if (!to_mac) {
    return std::unexpected(to_mac.error());
  }
  const auto device = Device::Open(options.device, pool);
  if (!device) {
    return std::unexpected(device.error());
  }
  const auto ends = EndsOf(options, device->Mac(), *to_mac);
  if (!ends) {
    return std::unexpected(ends.error());
  }
  const auto corpus = CorpusOf(options, *ends);
  if (!corpus) {
    return std::unexpected(corpus.error());
  }
  HF_TRY(device->WaitUp(options.wait_seconds));
  return Measure(options, *corpus, *device, pool);
}

Status BeReflector(const Options& options, const Pool& pool) {
  const auto device = Device::Open(options.device, pool);
  if (!device) {
    return std::unexpected(device.error());
  }
  HF_TRY(device->WaitUp(options.wait_seconds));
  Reflect(device->id(), g_stop);
  return {};
}

Result<int> Do(const Options& options) {
  const auto eal = io::Eal::Start(EalOf(options));
  if (!eal) {
    return std::unexpected(eal.error());
  }
  const auto pool = Pool::Create("querygen");
  if (!pool) {
    return std::unexpected(pool.error());
  }
  if (options.way == Way::kReflect) {
    HF_TRY(BeReflector(options, *pool));
    return 0;
  }
  const auto report =
      options.way == Way::kRing ? MeasureRing(options, *pool) : MeasurePort(options, *pool);
  if (!report) {
    return std::unexpected(report.error());
  }
  std::fputs((options.json ? JsonOf(*report) : WordsOf(*report)).c_str(), stdout);
  if (!report->outcome.first_wrong.empty()) {
    std::fprintf(stderr,
                 "querygen: %llu of the replies are wrong; the first: %s\n",
                 static_cast<unsigned long long>(report->outcome.Wrong()),
                 report->outcome.first_wrong.c_str());
  } else if (StatusOf(*report) != 0) {
    std::fputs("querygen: no query was answered\n", stderr);
  }
  return StatusOf(*report);
}

}  // namespace

int main(int argc, char** argv) {
  holdfast::OutliveClosedPipes();
  try {
    const Parsed parsed = ParseOptions(argc, argv);
    if (!parsed.options) {
      return parsed.status;
    }
    StopOnSignals();
    const auto status = Do(*parsed.options);
    if (!status) {
      std::fprintf(stderr, "querygen: %s\n", status.error().message.c_str());
      return status.error().code == holdfast::ErrorCode::kInvalid ? 2 : 1;
    }
    return *status;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "querygen: %s\n", error.what());
    return 1;
  }
}
