// See failover_reader.h.
#include "bench/e2e/failover_reader.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sched.h>
#include <unistd.h>

#include "bench/e2e/failover_tables.h"
#include "dataplane/base/clock.h"

namespace holdfast::bench {
namespace {

constexpr std::size_t kBurst = 32;
constexpr std::size_t kRoom = 2304;

}  // namespace

void PinTo(int core) {
  if (core < 0) {
    return;
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) {
    std::fprintf(stderr, "failover bench: cannot pin a thread to core %d\n", core);
    std::exit(1);
  }
}

FailoverReader::FailoverReader(const std::string& run_dir,
                               const std::vector<std::string>& queries,
                               int core)
    : queries_(queries) {
  auto attachment = table::Attachment::Open(run_dir, "bench", 1);
  if (!attachment) {
    std::fprintf(stderr, "failover bench: %s\n", attachment.error().message.c_str());
    std::exit(1);
  }
  attachment_ = std::move(*attachment);
  thread_ = std::jthread([this, core](const std::stop_token& stop) { Run(stop, core); });
}

FailoverReader::~FailoverReader() = default;

void FailoverReader::LookAt(std::span<const answer::Job> jobs) noexcept {
  for (const auto& job : jobs) {
    unsigned char last = 0;
    if (job.outcome == answer::Outcome::kReply) [[likely]] {
      last = std::to_integer<unsigned char>(job.message[job.reply_octets - 1]);
    }
    if (last == last_octet_) [[likely]] {
      continue;
    }
    if (last != kPrimaryOctet && last != kSecondaryOctet) {
      unanswered_.store(unanswered_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      continue;
    }
    last_octet_ = last;
    changed_tsc_.store(Tsc(), std::memory_order_relaxed);
    // Release: whoever sees the count sees the stamp.
    changes_.store(changes_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
}

void FailoverReader::Run(const std::stop_token& stop, int core) {
  PinTo(core);
  tid_.store(::gettid(), std::memory_order_release);
  const auto memory = std::make_unique<std::byte[]>(kBurst * kRoom);
  std::array<answer::Job, kBurst> jobs;
  const auto scratch = answer::MakeScratch({.seed = 1}, attachment_->Counters(0));
  table::ReaderSlot slot = attachment_->Slot(0);
  table::Snapshot cache;
  std::uint64_t cached_word = 0;
  std::size_t next = 0;
  last_octet_ = kPrimaryOctet;
  slot.Online();
  while (!stop.stop_requested()) {
    for (std::size_t i = 0; i < kBurst; ++i) {
      const std::string& query = queries_[next++ % queries_.size()];
      jobs[i].message = &memory[i * kRoom];
      jobs[i].room_octets = kRoom;
      jobs[i].query_octets = static_cast<std::uint32_t>(query.size());
      std::memcpy(jobs[i].message, query.data(), query.size());
    }
    const table::Snapshot& now = attachment_->Take(cache, cached_word);
    answer::Answer(now, jobs, *scratch);
    LookAt(jobs);
    slot.Passed(now.generation());
    slot.Beat();
    answers_.store(answers_.load(std::memory_order_relaxed) + kBurst, std::memory_order_relaxed);
  }
  slot.Offline();
}

}  // namespace holdfast::bench
