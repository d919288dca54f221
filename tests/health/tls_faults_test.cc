// Bad TLS, again and again (fault matrix D4): whatever an endpoint does to a handshake ends its
// probe as the specification says, and leaves nothing behind.
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <malloc.h>
#include <string>

#include "health/probe/probe.h"
#include "tests/health/probe_run.h"
#include "tests/health/scripted_server.h"

namespace holdfast::health {
namespace {

using namespace testing;

// So many probes of all kinds; the long set wants 100,000.
int Repetitions() {
  const char* wanted = std::getenv("HOLDFAST_TLS_FAULTS");
  return wanted != nullptr ? std::atoi(wanted) : 350;
}

// What is allocated and not given back, in all of the C library's arenas: what the process holds
// beside it grows and shrinks with the order in which threads give theirs back.
long AllocatedKilobytes() {
  char* text = nullptr;
  std::size_t octets = 0;
  std::FILE* into = open_memstream(&text, &octets);
  malloc_info(0, into);
  std::fclose(into);
  const std::string said(text, octets);
  std::free(text);
  // The totals of all arenas come last: free fast and other blocks, mapped ones, what the system
  // gave.
  const auto last = [&said](const std::string& start, const std::string& field) {
    const std::size_t at = said.find(field + "=\"", said.rfind(start)) + field.size() + 2;
    return std::strtol(&said[at], nullptr, 10);
  };
  return (last("<system type=\"current\"", "size") + last("<total type=\"mmap\"", "size") -
          last("<total type=\"fast\"", "size") - last("<total type=\"rest\"", "size")) /
         1024;
}

// Sanitizers keep what is freed for a while, on purpose.
constexpr bool kMemoryIsOurs =
#if defined(__SANITIZE_ADDRESS__)
    false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    false;
#else
    true;
#endif
#else
    true;
#endif

class Prober {
 public:
  Observation Once(const std::shared_ptr<const ProbeTask>& task) {
    Observation seen;
    bool done = false;
    Probe::Make(loop_, task, [&](Observation observation) {
      seen = std::move(observation);
      done = true;
    })->Start();
    io_.restart();
    while (!done && io_.run_one_for(std::chrono::seconds(10)) != 0) {
    }
    EXPECT_TRUE(done);
    return seen;
  }

 private:
  boost::asio::io_context io_;
  std::unique_ptr<TlsContext> tls_ = std::move(*TlsContext::Create());
  std::unique_ptr<Resolver> resolver_ =
      std::move(*Resolver::Create(io_, {.servers = "127.0.0.1:1"}));
  ProbeLoop loop_{.io = io_,
                  .resolver = *resolver_,
                  .tls = *tls_,
                  .targets = TargetRules::Create(Loopback()).value()};
};

// A record of TLS: an alert that the endpoint does not speak what it was offered.
constexpr std::string_view kWrongVersion("\x15\x03\x01\x00\x02\x02\x46", 7);

TEST(TlsFaults, LeaveNothingBehind) {
  const auto answer = [](Peer& peer) {
    peer.ReadRequest();
    peer.Send(Response(200));
  };
  const ScriptedServer plain([](Peer& peer) { peer.Send("220 smtp.example.test\r\n"); });
  const ScriptedServer other_version([](Peer& peer) { peer.Send(kWrongVersion); });
  const ScriptedServer hangs_up([](Peer&) {});
  const ScriptedServer expired(TlsSetup{.expired = true}, answer);
  const ScriptedServer renegotiates(TlsSetup{.tls12 = true}, [](Peer& peer) {
    peer.ReadRequest();
    peer.Renegotiate();
    peer.Send(Response(200));
  });
  const ScriptedServer long_chain(TlsSetup{.chain_octets = 64'000}, answer);
  const ScriptedServer endless_chain(TlsSetup{.chain_octets = 400'000}, answer);
  const struct {
    const char* what;
    const ScriptedServer& server;
    Outcome outcome;
  } cases[] = {{"plain text", plain, Outcome::kFail},
               {"another version", other_version, Outcome::kFail},
               {"an abort within the handshake", hangs_up, Outcome::kFail},
               {"an expired certificate", expired, Outcome::kPass},
               {"a renegotiation", renegotiates, Outcome::kPass},
               {"a chain of 64 kB", long_chain, Outcome::kPass},
               {"a chain of 400 kB", endless_chain, Outcome::kFail}};
  std::vector<std::shared_ptr<const ProbeTask>> tasks;
  for (const auto& one : cases) {
    tasks.push_back(MakeTask(LoopbackCheck(CheckType::kHttps, one.server.port()), nullptr).value());
  }
  Prober prober;
  const int turns = std::max(Repetitions() / static_cast<int>(tasks.size()), 10);
  long settled = 0;
  for (int turn = 0; turn < turns; ++turn) {
    for (std::size_t n = 0; n < tasks.size(); ++n) {
      const Observation seen = prober.Once(tasks[n]);
      ASSERT_EQ(seen.outcome, cases[n].outcome) << cases[n].what << ": " << seen.reason;
    }
    if (turn == turns / 10) {
      settled = AllocatedKilobytes();
    }
  }
  const long grown = AllocatedKilobytes() - settled;
  std::printf("FAULT D4 %zu probes of bad TLS, memory grew by %ld kB after the first tenth\n",
              static_cast<std::size_t>(turns) * tasks.size(),
              grown);
  if (kMemoryIsOurs) {
    EXPECT_LE(grown, 1024);
  }
}

}  // namespace
}  // namespace holdfast::health
