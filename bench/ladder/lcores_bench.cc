// What several polling cores do at a time: the product's poll loop on each, over one port with a
// queue for each and over the same tables. There is no core left to ask, so the port has no wire
// (net_null): its receive call makes the queries and its transmit call frees the replies, both on
// the core that answers. --reflect leaves out the answering, so that what that costs can be taken
// off. Prints one JSON object; `tools/bench capacity` makes the rows.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <rte_ethdev.h>
#include <rte_launch.h>

#include "bench/ladder/ladder_frames.h"
#include "bench/tables/must.h"
#include "dataplane/answer/answer.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/io/eal.h"
#include "dataplane/io/lcore_loop.h"
#include "dataplane/io/port.h"
#include "dataplane/table/readers.h"
#include "tools/querygen/questions.h"
#include "tools/querygen/watch.h"

namespace holdfast::bench {
namespace {

constexpr std::size_t kMostFrames = std::size_t{1} << 20U;
constexpr auto kWarmUp = std::chrono::milliseconds(200);

struct Settings {
  std::string run_dir;
  std::string lcores = "0";
  std::size_t names = 1000;
  double seconds = 1;
  unsigned memory_mb = 128;
  bool no_huge = false;
  bool reflect = false;
};

// A query message for the name of that number in the generated zone, type A.
std::string MessageFor(std::size_t number) {
  const std::string owner = querygen::GeneratedOwner(number);
  std::string message(12 + owner.size() + 4, '\0');
  StoreBe16(message.data(), static_cast<std::uint16_t>(number));
  StoreBe16(message.data() + 4, 1);
  owner.copy(message.data() + 12, owner.size());
  StoreBe32(message.data() + 12 + owner.size(), 0x00010001U);
  return message;
}

// Queries of one queue, in order, round and round.
struct Feed {
  std::vector<std::string> frames;
  std::size_t next = 0;

  // As DPDK calls it behind the driver's receive function, on the queue's own core.
  static std::uint16_t Fill(std::uint16_t /*port*/,
                            std::uint16_t /*queue*/,
                            rte_mbuf* mbufs[],
                            std::uint16_t count,
                            std::uint16_t /*most*/,
                            void* self) {
    auto& feed = *static_cast<Feed*>(self);
    for (std::uint16_t i = 0; i < count; ++i) {
      const std::string& frame = feed.frames[feed.next];
      feed.next = feed.next + 1 == feed.frames.size() ? 0 : feed.next + 1;
      mbufs[i]->data_len = static_cast<std::uint16_t>(frame.size());
      mbufs[i]->pkt_len = mbufs[i]->data_len;
      std::memcpy(rte_pktmbuf_mtod(mbufs[i], void*), frame.data(), frame.size());
    }
    return count;
  }
};

// One polling core. `reflected` is written by it alone.
struct Core {
  Feed feed;
  answer::ScratchPtr scratch;
  io::LcoreWork work;
  const std::atomic<bool>* stop = nullptr;
  bool reflect = false;
  std::atomic<std::uint64_t> reflected = 0;

  static int Run(void* self) {
    auto& core = *static_cast<Core*>(self);
    if (core.reflect) {
      core.Reflect(core.work.lanes[0]);
    } else {
      io::RunLcore(core.work, *core.stop);
    }
    return 0;
  }

  void Reflect(const io::Lane& lane) noexcept {
    std::array<rte_mbuf*, kMaxPollBurst> mbufs{};
    while (!stop->load(std::memory_order_relaxed)) {
      const std::uint16_t count =
          rte_eth_rx_burst(lane.port, lane.queue, mbufs.data(), kMaxPollBurst);
      const std::uint16_t sent = rte_eth_tx_burst(lane.port, lane.queue, mbufs.data(), count);
      reflected.store(reflected.load(std::memory_order_relaxed) + sent, std::memory_order_relaxed);
    }
  }
};

// Every core its part of the names, spread over all of them.
void FillFeeds(std::vector<std::unique_ptr<Core>>& cores, std::size_t names) {
  const std::size_t count = std::max(std::min(names, kMostFrames), cores.size());
  for (std::size_t i = 0; i < count; ++i) {
    Core& core = *cores[i % cores.size()];
    const std::size_t number = i * names / count;  // both are far below 2^32
    core.feed.frames.push_back(QueryFrameOf(core.work.lanes[0].mac, MessageFor(number), i));
  }
}

querygen::Work Answered(const Settings& settings, const std::vector<std::unique_ptr<Core>>& cores) {
  if (!settings.reflect) {
    return Must(querygen::WorkOf(settings.run_dir));
  }
  querygen::Work work;
  for (const auto& core : cores) {
    work.answers += core->reflected.load(std::memory_order_relaxed);
  }
  return work;
}

// All replies are answers: of each thread, what it was asked and what it answered NOERROR.
void Check(table::Attachment& tables, std::size_t threads) {
  for (unsigned i = 0; i < threads; ++i) {
    const auto counters = tables.Counters(i);
    const auto asked = counters[static_cast<std::size_t>(answer::Counter::kQueries)];
    if (asked == 0 || asked != counters[static_cast<std::size_t>(answer::Counter::kNoError)]) {
      GiveUp("a query was not answered NOERROR");
    }
  }
}

void Measure(const Settings& settings) {
  const auto cpus = Must(io::ParseCpuList(settings.lcores));
  const auto tables = Must(
      table::Attachment::Open(settings.run_dir, "dataplane", static_cast<unsigned>(cpus.size())));
  io::EalOptions options;
  options.file_prefix = "hf_lcores_" + std::to_string(getpid());
  options.cpus = cpus;
  options.no_huge = settings.no_huge;
  options.memory_mb = settings.memory_mb;
  const auto eal = Must(io::Eal::Start(options));
  io::PortOptions port_options;
  port_options.queues = static_cast<std::uint16_t>(cpus.size());
  port_options.addresses = {Must(io::ParseAddress(kBenchServer))};
  const auto port = Must(io::Port::Open(Must(io::ParseDevice("net_null0")), port_options));

  const std::atomic<std::uint32_t> wall_seconds = static_cast<std::uint32_t>(WallMs() / 1000);
  std::atomic<bool> stop = false;
  std::vector<std::unique_ptr<Core>> cores;
  for (unsigned i = 0; i < cpus.size(); ++i) {
    auto& core = *cores.emplace_back(std::make_unique<Core>());
    core.scratch = answer::MakeScratch({.seed = i + 1}, tables->Counters(i));
    core.work = {port.lanes().subspan(i, 1),
                 tables.get(),
                 core.scratch.get(),
                 i,
                 kMaxPollBurst,
                 &wall_seconds};
    core.stop = &stop;
    core.reflect = settings.reflect;
  }
  FillFeeds(cores, settings.names);
  for (unsigned i = 0; i < cores.size(); ++i) {
    const io::Lane& lane = port.lanes()[i];
    if (rte_eth_add_rx_callback(lane.port, lane.queue, Feed::Fill, &cores[i]->feed) == nullptr) {
      GiveUp("DPDK is built without receive callbacks");
    }
    rte_eal_remote_launch(Core::Run, cores[i].get(), i + 1);
  }
  std::this_thread::sleep_for(kWarmUp);
  const querygen::RunDelays delays({});
  const querygen::Work before = Answered(settings, cores);
  const std::uint64_t began_ns = MonotonicNs();
  const std::uint64_t began_tsc = Tsc();
  std::this_thread::sleep_for(std::chrono::duration<double>(settings.seconds));
  const querygen::Work after = Answered(settings, cores);
  const auto tsc = static_cast<double>(Tsc() - began_tsc);
  const double seconds = static_cast<double>(MonotonicNs() - began_ns) / 1e9;
  const double worst = delays.WorstShare();
  stop.store(true, std::memory_order_relaxed);
  rte_eal_mp_wait_lcore();
  if (!settings.reflect) {
    Check(*tables, cores.size());
  }
  const auto answers = static_cast<double>(after.answers - before.answers);
  // A core without the product's counter is busy all the time.
  const double busy = settings.reflect
                          ? tsc * static_cast<double>(cores.size())
                          : static_cast<double>(after.busy_cycles - before.busy_cycles);
  std::printf(
      "{\"lcores\":%zu,\"answers_per_s\":%.0f,\"cycles_per_answer\":%.2f,"
      "\"worst_delay\":%.5f}\n",
      cores.size(),
      answers / seconds,
      busy / answers,
      worst);
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  CLI::App app("The poll loop on several cores over a port without a wire.");
  holdfast::bench::Settings settings;
  app.add_option("--run-dir", settings.run_dir, "tables, as names_tables publishes them")
      ->required();
  app.add_option("--names", settings.names, "names in them")
      ->check(CLI::Range(std::size_t{1}, holdfast::querygen::kMaxGenerated))
      ->capture_default_str();
  app.add_option("--lcores", settings.lcores, "CPUs to poll on, like 1 or 0,2-4")
      ->capture_default_str();
  app.add_option("--seconds", settings.seconds, "how long")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  app.add_option("--memory-mb", settings.memory_mb, "megabytes of packet memory")
      ->capture_default_str();
  app.add_flag("--no-huge", settings.no_huge, "packet memory on ordinary pages");
  app.add_flag("--reflect", settings.reflect, "answer nothing: what receiving and sending cost");
  CLI11_PARSE(app, argc, argv);
  holdfast::bench::Measure(settings);
  return 0;
}
