// Where the cycles of an answer go: the data plane's own stages over DPDK buffers and rings, one
// more on each rung, on one core. What a rung costs is its figure less that of the rung before; the
// last row is the product's own calls, which the sum must come to. Of the poll loop it leaves out
// the look at the generation, the clock, the check against the MTU and the reader's slot. Prints
// one JSON object: cycles per packet of every stretch of 16 bursts, by row.
//
// Frames are copied into their buffers before each stretch and lie in the core's own caches then,
// as a NIC would leave them in the one that it writes to. The clock is read around the stretch
// alone.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <getopt.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "bench/ladder/ladder_frames.h"
#include "bench/micro/answer_tables.h"
#include "bench/tables/must.h"
#include "dataplane/answer/answer.h"
#include "dataplane/answer/stages.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/io/eal.h"
#include "dataplane/io/frame.h"

namespace holdfast::bench {
namespace {

constexpr unsigned kBurst = 32;
constexpr unsigned kStretch = LadderFrames::kStretch;
constexpr unsigned kBursts = kStretch / kBurst;
constexpr std::uint32_t kMtu = 1500;

enum Rung : unsigned {
  kReceiveSend,
  kHeaders,    // + classify, headers of the reply without checksums
  kVerify,     // + verification of the query's UDP checksum
  kParse,      // + parse and hash
  kLookUp,     // + look-up
  kDecide,     // + decision of pools
  kWrite,      // + reply
  kChecksums,  // + UDP and IPv4 checksums
  kCounters,   // + counters
  kProduct,    // answer::Answer and the io room's calls, as an lcore makes them
  kRungs
};
constexpr std::array<const char*, kRungs> kNames = {"receive-send",
                                                    "headers",
                                                    "verify",
                                                    "parse",
                                                    "look-up",
                                                    "decide",
                                                    "write",
                                                    "checksums",
                                                    "counters",
                                                    "product"};

// One stretch's work on the frames of a port whose receive ring holds them.
class Lane {
 public:
  Lane(const Load& load, std::uint16_t port, const io::MacAddress& mac)
      : snapshot_(load.snapshot()),
        port_(port),
        mac_(mac),
        own_(Must(io::OwnAddresses::Create(std::vector{Must(io::ParseAddress(kBenchServer))}))),
        scratch_(answer::MakeScratch({.seed = 1}, counters_)) {}

  template <unsigned kRung>
  [[gnu::noinline]] void Stretch() noexcept {
    for (unsigned i = 0; i < kBursts; ++i) {
      Serve<kRung>();
    }
  }
  [[nodiscard]] std::uint64_t Counted(answer::Counter counter) const noexcept {
    return counters_[static_cast<std::size_t>(counter)];
  }

 private:
  template <unsigned kRung>
  void Serve() noexcept {
    const std::uint16_t count = rte_eth_rx_burst(port_, 0, mbuf_.data(), kBurst);
    if constexpr (kRung >= kHeaders) {
      for (unsigned i = 0; i < count; ++i) {
        rte_prefetch0(rte_pktmbuf_mtod(mbuf_[i], void*));
        rte_prefetch0(rte_pktmbuf_mtod_offset(mbuf_[i], void*, RTE_CACHE_LINE_SIZE));
      }
      for (unsigned i = 0; i < count; ++i) {
        Receive<kRung>(i);
      }
    }
    const std::span<answer::Job> jobs(jobs_.data(), count);
    if constexpr (kRung == kProduct) {
      answer::Answer(snapshot_, jobs, *scratch_);
    } else if constexpr (kRung >= kParse) {
      AnswerUpTo<kRung>(jobs);
    }
    if constexpr (kRung >= kHeaders) {
      for (unsigned i = 0; i < count; ++i) {
        Turn<kRung>(i);
      }
    }
    const unsigned sent = rte_eth_tx_burst(port_, 0, mbuf_.data(), count);
    if (sent != count) {
      GiveUp("the ring is full");
    }
    if constexpr (kRung >= kCounters) {
      AddTo(frames_, count);
      AddTo(sent_, sent);
    }
  }

  template <unsigned kRung>
  void Receive(unsigned i) noexcept {
    constexpr auto kCheck = kRung >= kVerify ? io::UdpChecksum::kVerify : io::UdpChecksum::kTrust;
    auto* frame = rte_pktmbuf_mtod(mbuf_[i], std::byte*);
    const auto verdict = io::Classify(
        {.octets = {frame, mbuf_[i]->data_len}, .behind = rte_pktmbuf_tailroom(mbuf_[i])},
        mac_,
        own_,
        kCheck,
        query_[i]);
    if (verdict != io::Counter::kQuery) [[unlikely]] {
      GiveUp("a frame is no query");
    }
    answer::Job& job = jobs_[i];
    job.message = frame + query_[i].udp_at + io::kUdpOctets;
    job.query_octets = query_[i].message_octets;
    job.room_octets = io::MessageRoom(kMtu, false);
    job.reply_octets = job.query_octets;  // of the rungs below `write`
    job.client_is_v6 = false;
    std::memcpy(job.client.data(), frame + query_[i].l3_at + 12, 4);
  }

  template <unsigned kRung>
  void AnswerUpTo(std::span<answer::Job> jobs) noexcept {
    answer::Scratch& scratch = *scratch_;
    const std::span<answer::Query> queries(scratch.query.data(), jobs.size());
    answer::ParseAll(snapshot_, jobs, true, queries.data());
    unsigned pools = 0;
    if constexpr (kRung >= kLookUp) {
      answer::PrefetchRecords(snapshot_, queries);
      pools = answer::FindAll(snapshot_, queries);
    }
    if constexpr (kRung >= kDecide) {
      if (pools != 0) {
        answer::DecideAll(snapshot_, queries, scratch.random);
      }
    }
    if constexpr (kRung >= kWrite) {
      answer::FinishAll(snapshot_, jobs, scratch);
    }
    if constexpr (kRung >= kCounters) {
      scratch.tally.Add(answer::Counter::kQueries, static_cast<std::uint32_t>(jobs.size()));
      scratch.tally.FlushTo(scratch.counters);
    }
    benchmark_keep_ = pools;
  }

  template <unsigned kRung>
  void Turn(unsigned i) noexcept {
    auto* frame = rte_pktmbuf_mtod(mbuf_[i], std::byte*);
    std::uint32_t octets = 0;
    if constexpr (kRung >= kChecksums) {
      octets = io::TurnIntoReply(frame, query_[i], jobs_[i].reply_octets).octets;
    } else {
      octets = SwapHeaders(frame, jobs_[i].reply_octets);
    }
    mbuf_[i]->data_len = static_cast<std::uint16_t>(octets);
    mbuf_[i]->pkt_len = octets;
    mbuf_[i]->ol_flags = 0;
  }

  // As TurnIntoReply without options, and without checksums.
  static std::uint32_t SwapHeaders(std::byte* frame, std::uint32_t message_octets) noexcept {
    const auto from = LoadAs<io::MacAddress>(frame + 6);
    std::memcpy(frame + 6, frame, 6);
    StoreAs(frame, from);
    std::byte* ip = frame + io::kEthernetOctets;
    const auto addresses = LoadAs<std::uint64_t>(ip + 12);
    StoreAs(ip + 12, (addresses << 32U) | (addresses >> 32U));
    std::byte* udp = ip + io::kIpv4Octets;
    const auto ports = LoadAs<std::uint32_t>(udp);
    StoreAs(udp, (ports << 16U) | (ports >> 16U));
    StoreBe32(udp + 4, static_cast<std::uint32_t>(io::kUdpOctets + message_octets) << 16U);
    const auto octets = static_cast<std::uint32_t>(LadderFrames::kMessageAt + message_octets);
    StoreBe32(ip, 0x45000000U | (octets - static_cast<std::uint32_t>(io::kEthernetOctets)));
    return octets;
  }

  static void AddTo(std::uint64_t& counter, std::uint64_t n) noexcept {
    __atomic_store_n(&counter, counter + n, __ATOMIC_RELAXED);
  }

  table::Snapshot snapshot_;
  std::uint16_t port_;
  io::MacAddress mac_;
  io::OwnAddresses own_;
  std::array<std::uint64_t, static_cast<std::size_t>(answer::Counter::kCount)> counters_{};
  std::uint64_t frames_ = 0;
  std::uint64_t sent_ = 0;
  volatile unsigned benchmark_keep_ = 0;
  answer::ScratchPtr scratch_;
  std::array<rte_mbuf*, kBurst> mbuf_{};
  std::array<io::QueryFrame, kBurst> query_{};
  std::array<answer::Job, kBurst> jobs_{};
};

using StretchOf = void (Lane::*)();
template <std::size_t... kRung>
constexpr std::array<StretchOf, kRungs> Stretches(std::index_sequence<kRung...>) {
  return {&Lane::Stretch<kRung>...};
}
constexpr auto kStretches = Stretches(std::make_index_sequence<kRungs>{});

// What one cache line from anywhere costs when as many are under way as the core can have: no
// address depends on what was read before.
class RandomLines {
 public:
  explicit RandomLines(std::size_t octets) : lines_(static_cast<std::uint32_t>(octets / 64)) {
    void* memory =
        mmap(nullptr, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      GiveUp("no memory for the probe");
    }
    madvise(memory, octets, MADV_HUGEPAGE);
    std::memset(memory, 1, octets);
    memory_ = static_cast<const std::byte*>(memory);
  }
  ~RandomLines() { munmap(const_cast<std::byte*>(memory_), lines_ * std::size_t{64}); }
  RandomLines(const RandomLines&) = delete;
  RandomLines& operator=(const RandomLines&) = delete;

  void Stretch() noexcept {
    for (unsigned i = 0; i < kStretch; ++i) {
      sum_ += std::to_integer<unsigned>(memory_[random_.Below(lines_) * std::size_t{64}]);
    }
    keep_ = sum_;
  }

 private:
  std::uint32_t lines_;
  const std::byte* memory_ = nullptr;
  answer::Random random_{1};
  unsigned sum_ = 0;
  volatile unsigned keep_ = 0;
};

struct Settings {
  std::size_t names = 1000;
  bool weighted = false;
  unsigned stretches = 2000;
};

// Cycles per packet of each stretch; rungs take turns, so that what the machine does meanwhile
// falls on all alike.
void Climb(const Settings& settings) {
  const Load load(
      {.names = settings.names,
       .policy = settings.weighted ? control::Policy::kWeighted : control::Policy::kSimple});
  LadderFrames frames(load.queries());
  Lane lane(load, frames.port(), frames.mac());
  RandomLines lines(std::max<std::size_t>(load.used_octets(), std::size_t{1} << 20));
  std::array<std::vector<double>, kRungs> cycles;
  std::vector<double> line_cycles;
  std::vector<double> empty_cycles;
  for (unsigned round = 0; round < settings.stretches; ++round) {
    for (unsigned rung = 0; rung < kRungs; ++rung) {
      frames.Fill();
      const std::uint64_t before = Tsc();
      (lane.*kStretches[rung])();
      cycles[rung].push_back(static_cast<double>(Tsc() - before) / kStretch);
      frames.Empty();
    }
    std::uint64_t before = Tsc();
    lines.Stretch();
    line_cycles.push_back(static_cast<double>(Tsc() - before) / kStretch);
    before = Tsc();
    empty_cycles.push_back(static_cast<double>(Tsc() - before) / kStretch);
  }
  const auto answered = lane.Counted(answer::Counter::kNoError);
  if (answered == 0 || answered != lane.Counted(answer::Counter::kReplies)) {
    GiveUp("replies of another kind than asked for");
  }
  const auto print = [](const char* name, const std::vector<double>& values, const char* end) {
    std::printf("\"%s\":[", name);
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::printf("%s%.2f", i == 0 ? "" : ",", values[i]);
    }
    std::printf("]%s", end);
  };
  std::printf("{");
  for (unsigned rung = 0; rung < kRungs; ++rung) {
    print(kNames[rung], cycles[rung], ",");
  }
  print("random-line", line_cycles, ",");
  print("clock", empty_cycles, "}\n");
}

int Run(int argc, char** argv) {
  Settings settings;
  bool hugepages = false;
  static const option kOptions[] = {{"names", required_argument, nullptr, 'n'},
                                    {"weighted", no_argument, nullptr, 'w'},
                                    {"stretches", required_argument, nullptr, 's'},
                                    {"core", required_argument, nullptr, 'c'},
                                    {"hugepages", no_argument, nullptr, 'h'},
                                    {nullptr, 0, nullptr, 0}};
  unsigned core = 1;
  for (int word = 0; (word = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (word) {
      case 'n':
        settings.names = std::strtoul(optarg, nullptr, 10);
        break;
      case 'w':
        settings.weighted = true;
        break;
      case 's':
        settings.stretches = static_cast<unsigned>(std::strtoul(optarg, nullptr, 10));
        break;
      case 'c':
        core = static_cast<unsigned>(std::strtoul(optarg, nullptr, 10));
        break;
      case 'h':
        hugepages = true;
        break;
      default:
        return 2;
    }
  }
  if (settings.names == 0 || settings.stretches == 0 || optind != argc) {
    std::fprintf(
        stderr,
        "usage: ladder_bench [--names N] [--weighted] [--stretches N] [--core N] [--hugepages]\n");
    return 2;
  }
  io::EalOptions options;
  options.file_prefix = "hf_ladder_" + std::to_string(getpid());
  options.cpus = {core};
  options.no_huge = !hugepages;
  options.memory_mb = 64;
  const auto eal = Must(io::Eal::Start(options));
  Climb(settings);
  return 0;
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  return holdfast::bench::Run(argc, argv);
}
