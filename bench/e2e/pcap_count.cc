// Answers the queries of a pcap file through the real loop of a polling core and ends: what `tools/
// bench peers --instructions` counts instructions of. A driver for pcap files stands where the
// NIC's does. Callgrind collects inside RunLcore (or DriverAlone) only (--toggle-collect).
#include <array>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "bench/tables/must.h"
#include "bench/tables/published.h"
#include "control/config/zone_file.h"
#include "control/model/findings.h"
#include "control/model/model.h"
#include "dataplane/answer/answer.h"
#include "dataplane/io/counters.h"
#include "dataplane/io/eal.h"
#include "dataplane/io/lcore_loop.h"
#include "dataplane/io/port.h"
#include "dataplane/wire/name.h"

namespace holdfast::bench {
namespace {

/// What the driver costs alone: receives every frame and sends it as it came. Never inlined:
/// callgrind finds it by its name. @return frames.
[[gnu::noinline]] std::uint64_t DriverAlone(const io::Lane& lane) noexcept {
  std::array<rte_mbuf*, kMaxPollBurst> burst{};
  std::uint64_t frames = 0;
  for (;;) {
    const std::uint16_t received =
        rte_eth_rx_burst(lane.port, lane.queue, burst.data(), kMaxPollBurst);
    if (received == 0) {
      return frames;
    }
    frames += received;
    const std::uint16_t sent = rte_eth_tx_burst(lane.port, lane.queue, burst.data(), received);
    if (sent < received) {
      rte_pktmbuf_free_bulk(burst.data() + sent, received - sent);
    }
  }
}

constexpr std::uint64_t kImageOctets = 64U << 20U;
constexpr std::uint32_t kWallSeconds = 1'700'000'000;  // any time will do

struct Arguments {
  std::string zone;     // file; its origin is bench.test
  std::string pcap;     // file of queries for `address`, sent to the MAC address of the first port
  std::string address;  // that answers
  std::uint64_t queries = 0;
  bool driver_alone = false;
};

control::Model ReadModel(const std::string& file) {
  control::Model model;
  auto& zone = model.zones.emplace_back();
  zone.origin = Must(wire::FromText("bench.test."));
  zone.id = "bench.test.";
  control::Findings findings;
  control::ReadZoneFile(file, zone, findings);
  if (!findings.Ok()) {
    GiveUp(findings.ToError().message.c_str());
  }
  return model;
}

io::Port OpenPort(const Arguments& arguments) {
  io::PortOptions options;
  options.addresses.push_back(Must(io::ParseAddress(arguments.address)));
  // Without a place to send to, the driver takes what is sent and drops it.
  return Must(io::Port::Open(
      Must(io::ParseDevice("net_pcap0,rx_pcap=" + arguments.pcap + ",infinite_rx=0")), options));
}

// Runs the loop until the file has no more. It is told to stop before it starts, so that it polls
// until a poll is empty, or kDrainRounds times, and no empty polls are counted but the last.
void AnswerAll(const PublishedTables& published, const io::Lane& lane, std::uint64_t wanted) {
  const auto tables = Must(table::Attachment::Open(published.run_dir(), "dataplane", 1));
  const auto counters = tables->Counters(0);
  const auto scratch = answer::MakeScratch({.seed = 1}, counters);
  const std::atomic<std::uint32_t> wall_seconds{kWallSeconds};
  const std::atomic<bool> stop{true};
  const io::LcoreWork work{.lanes = {&lane, 1},
                           .tables = tables.get(),
                           .scratch = scratch.get(),
                           .wall_seconds = &wall_seconds,
                           .clock = {}};
  std::uint64_t before = 0;
  const auto count = [&](io::Counter counter) { return counters[io::CounterAt(counter)]; };
  do {
    before = count(io::Counter::kFrames);
    io::RunLcore(work, stop);
  } while (count(io::Counter::kFrames) != before && count(io::Counter::kFrames) < wanted);
  if (count(io::Counter::kSent) != wanted) {
    GiveUp((std::to_string(count(io::Counter::kSent)) + " replies to " +
            std::to_string(count(io::Counter::kFrames)) + " frames; expected " +
            std::to_string(wanted))
               .c_str());
  }
}

void Run(const Arguments& arguments) {
  io::EalOptions eal_options;
  eal_options.file_prefix = "hf_pcap_count_" + std::to_string(getpid());
  eal_options.cpus = {0};
  eal_options.no_huge = true;
  eal_options.memory_mb = 128;
  const auto eal = Must(io::Eal::Start(eal_options));
  const io::Port port = OpenPort(arguments);
  const io::Lane& lane = port.lanes()[0];
  if (arguments.driver_alone) {
    const std::uint64_t frames = DriverAlone(lane);
    if (frames != arguments.queries) {
      GiveUp((std::to_string(frames) + " frames; expected " + std::to_string(arguments.queries))
                 .c_str());
    }
    return;
  }
  const PublishedTables published(
      ReadModel(arguments.zone), std::filesystem::temp_directory_path().string(), kImageOctets);
  AnswerAll(published, lane, arguments.queries);
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  holdfast::bench::Arguments arguments;
  if (words.size() == 4 || (words.size() == 5 && words[4] == "driver-alone")) {
    arguments = {
        .zone = words[0], .pcap = words[1], .address = words[2], .driver_alone = words.size() == 5};
    std::from_chars(words[3].data(), words[3].data() + words[3].size(), arguments.queries);
  }
  if (arguments.queries == 0) {
    std::fprintf(stderr, "usage: pcap_count ZONE PCAP ADDRESS QUERIES [driver-alone]\n");
    return 2;
  }
  holdfast::bench::Run(arguments);
}
