// What tables of many names cost: to compile, to publish, to attach to, in octets, and to change
// while they serve. A reader on the other core answers from them all the time and looks at every
// address; changes are made as control makes them: the model is compiled anew, and publish compares
// it with what is there. Prints one JSON object; `tools/bench scale` makes the table.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "bench/e2e/failover_reader.h"
#include "bench/tables/must.h"
#include "bench/tables/process.h"
#include "bench/tables/published.h"
#include "control/compile/compile.h"
#include "dataplane/answer/answer.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/table/readers.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::bench {
namespace {

constexpr const char* kUsage =
    "usage: scale_bench [--names N] [--zones N] [--edits N] [--core N] [--reader-core N] "
    "[--directory DIR]";
constexpr std::size_t kAsked = 1U << 20U;  // questions of the reader, at most
constexpr std::size_t kBurst = 32;
constexpr std::size_t kRoom = 512;
constexpr std::size_t kEdited = 100;  // names that one change gives another address
constexpr int kAttachments = 5;

struct Settings {
  std::string directory = "/dev/shm";
  std::size_t names = 1'000'000;  // altogether
  std::size_t zones = 1;          // that they are spread over
  int edits = 5;
  int core = 0;
  int reader_core = 1;
};

double SecondsSince(std::uint64_t from_ns) {
  return static_cast<double>(MonotonicNs() - from_ns) / 1e9;
}

std::string Be32Octets(std::uint32_t value) {
  std::string octets(4, '\0');
  StoreBe32(octets.data(), value);
  return octets;
}

// Name `i` of all has an address whose last three octets are `i`, so that the reader knows it.
class Names {
 public:
  explicit Names(const Settings& settings) : count_(settings.names), zones_(settings.zones) {}

  [[nodiscard]] control::Model Model() const {
    control::Model model;
    for (std::size_t z = 0; z < zones_; ++z) {
      auto& zone = model.zones.emplace_back();
      zone.origin = OriginOf(z);
      zone.id = std::to_string(z);
      const std::string host = std::string("\2ns") + zone.origin;
      std::string soa = host + host;
      for (const std::uint32_t number : {1U, 7200U, 900U, 1209600U, 60U}) {
        soa += Be32Octets(number);
      }
      Add(zone, zone.origin, wire::Type::kSoa, soa);
      Add(zone, zone.origin, wire::Type::kNs, host);
    }
    for (std::size_t i = 0; i < count_; ++i) {
      auto& zone = model.zones[i % zones_];
      Add(zone, OwnerOf(i), wire::Type::kA, AddressOf(i, 10));
    }
    return model;
  }
  /// Gives name `i` the other of its two addresses.
  void Change(control::Model& model, std::size_t i) const {
    std::string& rdata = model.zones[i % zones_].rrsets[2 + (i / zones_)].rdata[0];
    rdata[0] = static_cast<char>(rdata[0] == 10 ? 11 : 10);
  }
  [[nodiscard]] std::string QueryFor(std::size_t i) const {
    std::string message(wire::kHeaderOctets, '\0');
    message[5] = 1;
    return message + OwnerOf(i) + std::string("\0\1\0\1", 4);
  }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  [[nodiscard]] std::string OriginOf(std::size_t zone) const {
    const std::string label = "z" + std::to_string(zone % zones_);
    return std::string(1, static_cast<char>(label.size())) + label +
           Must(wire::FromText("bench.test."));
  }
  [[nodiscard]] std::string OwnerOf(std::size_t i) const {
    const std::string label = "host" + std::to_string(i);
    return std::string(1, static_cast<char>(label.size())) + label + OriginOf(i);
  }
  static std::string AddressOf(std::size_t i, std::uint32_t first) {
    return Be32Octets((first << 24U) | static_cast<std::uint32_t>(i & 0xFFFFFFU));
  }
  static void Add(control::Zone& zone,
                  const std::string& owner,
                  wire::Type type,
                  const std::string& rdata) {
    zone.rrsets.push_back({.owner = owner,
                           .type = static_cast<std::uint16_t>(type),
                           .ttl = 60,
                           .rdata = {rdata},
                           .source = {}});
  }

  std::size_t count_;
  std::size_t zones_;
};

// Answers all the time, one burst after the other, and looks at every address.
class Reader {
 public:
  Reader(const std::string& run_dir, const Names& names, int core) {
    const std::size_t asked = std::min(names.count(), kAsked);
    std::mt19937_64 random(1);
    for (std::size_t i = 0; i < asked; ++i) {
      const std::size_t name = asked == names.count() ? i : random() % names.count();
      queries_.push_back(names.QueryFor(name));
      addresses_.push_back(static_cast<std::uint32_t>(name & 0xFFFFFFU));
    }
    attachment_ = Must(table::Attachment::Open(run_dir, "bench", 1));
    thread_ = std::jthread([this, core](const std::stop_token& stop) { Run(stop, core); });
  }
  [[nodiscard]] std::uint64_t answered() const noexcept { return answered_.load(); }
  [[nodiscard]] std::uint64_t wrong() const noexcept { return wrong_.load(); }
  /// The longest that a burst took since this was asked before, TSC cycles.
  std::uint64_t TakeLongest() noexcept { return longest_.exchange(0); }

 private:
  void Run(const std::stop_token& stop, int core) {
    PinTo(core);
    const auto memory = std::make_unique<std::byte[]>(kBurst * kRoom);
    std::array<answer::Job, kBurst> jobs;
    const auto scratch = answer::MakeScratch({.seed = 1}, attachment_->Counters(0));
    table::ReaderSlot slot = attachment_->Slot(0);
    table::Snapshot cache;
    std::uint64_t word = 0;
    std::size_t next = 0;
    slot.Online();
    while (!stop.stop_requested()) {
      const std::size_t first = next;
      for (std::size_t i = 0; i < kBurst; ++i, next = (next + 1) % queries_.size()) {
        jobs[i].message = &memory[i * kRoom];
        jobs[i].room_octets = kRoom;
        jobs[i].query_octets = static_cast<std::uint32_t>(queries_[next].size());
        std::memcpy(jobs[i].message, queries_[next].data(), queries_[next].size());
      }
      const std::uint64_t before = Tsc();
      const table::Snapshot& now = attachment_->Take(cache, word);
      answer::Answer(now, jobs, *scratch);
      slot.Passed(now.generation());
      const std::uint64_t took = Tsc() - before;
      if (took > longest_.load(std::memory_order_relaxed)) {
        longest_.store(took, std::memory_order_relaxed);
      }
      Look(jobs, first);
    }
    slot.Offline();
  }

  void Look(std::span<const answer::Job> jobs, std::size_t first) noexcept {
    std::uint64_t wrong = 0;
    for (const auto& job : jobs) {
      const std::uint32_t address =
          job.outcome != answer::Outcome::kReply
              ? 0
              : LoadBe32(job.message + job.reply_octets - sizeof(std::uint32_t));
      const std::uint32_t upper = address >> 24U;
      wrong += (address & 0xFFFFFFU) != addresses_[first] || (upper != 10 && upper != 11) ? 1 : 0;
      first = (first + 1) % addresses_.size();
    }
    wrong_.store(wrong_.load(std::memory_order_relaxed) + wrong, std::memory_order_relaxed);
    answered_.store(answered_.load(std::memory_order_relaxed) + jobs.size(),
                    std::memory_order_relaxed);
  }

  std::vector<std::string> queries_;
  std::vector<std::uint32_t> addresses_;
  std::unique_ptr<table::Attachment> attachment_;
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::uint64_t> wrong_{0};
  std::atomic<std::uint64_t> longest_{0};
  std::jthread thread_;
};

struct Edit {
  double compile_seconds = 0;
  double publish_seconds = 0;
  std::uint64_t answered = 0;  // meanwhile
  std::uint64_t used_octets = 0;
};

std::uint64_t UsedOctets(control::Publisher& publisher) {
  const auto use = publisher.Use();
  return use.total_octets - use.free_octets;
}

Edit MakeEdit(const Names& names, control::Model& model, PublishedTables& tables, Reader& reader) {
  static std::mt19937_64 random(2);
  for (std::size_t i = 0; i < kEdited; ++i) {
    names.Change(model, random() % names.count());
  }
  Edit edit;
  const std::uint64_t answered = reader.answered();
  std::uint64_t began_ns = MonotonicNs();
  const auto compiled = Must(control::Compile(model, {}, 0));
  edit.compile_seconds = SecondsSince(began_ns);
  began_ns = MonotonicNs();
  Must(tables.publisher().PutZones(compiled.zones));
  if (!Must(tables.publisher().Commit()).changed) {
    GiveUp("a change changed nothing");
  }
  edit.publish_seconds = SecondsSince(began_ns);
  edit.answered = reader.answered() - answered;
  tables.publisher().Reclaim();
  edit.used_octets = UsedOctets(tables.publisher());
  return edit;
}

// What a data plane does before its first answer, on tables that are in memory.
double AttachSeconds(const std::string& run_dir) {
  const std::uint64_t began_ns = MonotonicNs();
  const auto attachment = Must(table::Attachment::Open(run_dir, "second", 1));
  table::Snapshot cache;
  std::uint64_t word = 0;
  if (!attachment->Take(cache, word).ok()) {
    GiveUp("no tables to attach to");
  }
  return SecondsSince(began_ns);
}

unsigned long long Wide(std::uint64_t number) {
  return number;
}

int Run(const Settings& settings) {
  const Names names(settings);
  control::Model model = names.Model();
  PublishedTables tables(
      model, settings.directory, (std::uint64_t{256} << 20U) + (settings.names * 256));
  const std::uint64_t used = UsedOctets(tables.publisher());
  Reader reader(tables.run_dir(), names, settings.reader_core);
  PinTo(settings.core);
  while (reader.answered() < 1'000'000) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::vector<double> attached;
  for (int i = 0; i < kAttachments; ++i) {
    attached.push_back(AttachSeconds(tables.run_dir()));
  }
  reader.TakeLongest();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const std::uint64_t longest_before = reader.TakeLongest();
  std::vector<Edit> edits;
  for (int i = 0; i < settings.edits; ++i) {
    edits.push_back(MakeEdit(names, model, tables, reader));
  }
  const auto& made = tables.made();
  std::printf(
      "{\"names\":%llu,\"name_octets\":%llu,\"compile_s\":%.6f,\"publish_s\":%.6f,"
      "\"peak_octets\":%llu,\"used_octets\":%llu,\"tsc_per_us\":%llu,\"longest_before\":%llu,"
      "\"longest\":%llu,\"wrong\":%llu,\"attach_s\":[",
      Wide(made.names),
      Wide(made.name_octets),
      made.compile_seconds,
      made.publish_seconds,
      Wide(PeakOctets()),
      Wide(used),
      Wide(TscPerMicrosecond()),
      Wide(longest_before),
      Wide(reader.TakeLongest()),
      Wide(reader.wrong()));
  for (std::size_t i = 0; i < attached.size(); ++i) {
    std::printf("%s%.9f", i == 0 ? "" : ",", attached[i]);
  }
  std::printf("],\"edits\":[");
  for (std::size_t i = 0; i < edits.size(); ++i) {
    std::printf("%s{\"compile_s\":%.6f,\"publish_s\":%.6f,\"answered\":%llu,\"used_octets\":%llu}",
                i == 0 ? "" : ",",
                edits[i].compile_seconds,
                edits[i].publish_seconds,
                Wide(edits[i].answered),
                Wide(edits[i].used_octets));
  }
  std::printf("]}\n");
  return 0;
}

Settings Parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    const std::string value = argv[i + 1];
    if (option == "--directory") {
      settings.directory = value;
    } else if (option == "--names") {
      settings.names = NumberOf<std::size_t>(value, 1, 16'000'000, kUsage);
    } else if (option == "--zones") {
      settings.zones = NumberOf<std::size_t>(value, 1, 1'000'000, kUsage);
    } else if (option == "--edits") {
      settings.edits = NumberOf<int>(value, 1, 1000, kUsage);
    } else if (option == "--core") {
      settings.core = NumberOf<int>(value, 0, 1023, kUsage);
    } else if (option == "--reader-core") {
      settings.reader_core = NumberOf<int>(value, 0, 1023, kUsage);
    } else {
      GiveUp(kUsage);
    }
  }
  if (argc % 2 == 0 || settings.zones > settings.names) {
    GiveUp(kUsage);
  }
  return settings;
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  return holdfast::bench::Run(holdfast::bench::Parse(argc, argv));
}
