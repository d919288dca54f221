// The checker of health/ at work: real sockets, real endpoints (health_server in another network
// namespace). Prints one JSON object; `tools/bench health` makes the table. Modes:
//   rate    as many probes as the checker's core carries, of one kind
//   bare    the least that a check of a kind (tcp, http_keepalive) can cost here (health_bare.h)
//   idle, in_flight  the memory of a check that waits for its turn, or for its endpoint, without
//           what the kernel holds
//   jitter  how far from its due time a probe starts, many checks at a long interval
//   detect  from the death of an endpoint to the report that it is down, on loopback
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <malloc.h>
#include <map>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <random>
#include <sched.h>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "bench/e2e/health_bare.h"
#include "bench/e2e/health_words.h"
#include "dataplane/base/clock.h"
#include "health/checker/checker.h"

namespace holdfast::bench {
namespace {

using health::Assignment;
using health::CheckConfig;
using health::Checker;
using health::CheckType;
using health::Milliseconds;
using health::Outcome;
using health::Report;

constexpr std::size_t kAddresses = 60'000;  // of 10.10.0.0/16

struct Settings {
  std::string mode;
  std::string kind = "tcp";
  std::size_t checks = 1000;
  int interval_ms = 50;
  double seconds = 3;
  int port = 8000;
  int ports = 1;
  int core = -1;         // of this process; -1: not pinned
  int server_core = -1;  //
  int server_pid = 0;
  int kills = 500;
};

[[noreturn]] void Give(const std::string& why) {
  std::fprintf(stderr, "health bench: %s\n", why.c_str());
  std::exit(1);
}

void Sleep(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

/// Endpoints are told apart by address and port: checks of the same one would be probed once.
CheckConfig CheckOf(const Settings& settings, std::size_t n) {
  CheckConfig check;
  check.id = "c" + std::to_string(n);
  const std::size_t address = n % kAddresses;
  check.ip_address =
      "10.10." + std::to_string(address / 250) + "." + std::to_string(1 + (address % 250));
  check.port = static_cast<std::uint16_t>(settings.port + static_cast<int>(n / kAddresses) %
                                                              std::max(1, settings.ports));
  check.interval = Milliseconds(settings.interval_ms);
  check.connect_timeout = check.response_timeout = check.body_timeout = Milliseconds(4000);
  check.jitter_percent = settings.mode == "jitter" ? 0 : 10;
  check.type = CheckType::kHttp;
  if (settings.kind == "tcp") {
    check.type = CheckType::kTcp;
  } else if (settings.kind == "http_keepalive") {
    check.keep_alive = true;
  } else if (settings.kind.starts_with("https")) {
    check.type = CheckType::kHttps;
    check.tls_resume = settings.kind != "https_new";
    check.keep_alive = settings.kind == "https_keepalive";
  } else if (settings.kind == "str_match") {
    check.type = CheckType::kHttpStrMatch;
    check.search_string = PatternText(n % kPatterns);
    check.resource_path = "/match/" + std::to_string(n % kPatterns);
  } else if (settings.kind == "http_own_page") {
    check.resource_path = "/status/of/service/" + std::to_string(n);
  } else if (settings.kind != "http_new") {
    Give("unknown --kind " + settings.kind);
  }
  return check;
}

std::vector<Assignment> AssignmentsOf(const Settings& settings) {
  std::vector<Assignment> assignments;
  assignments.reserve(settings.checks);
  for (std::size_t n = 0; n < settings.checks; ++n) {
    assignments.push_back({static_cast<std::uint32_t>(n), 1, CheckOf(settings, n)});
  }
  return assignments;
}

std::unique_ptr<Checker> Make(Checker::Sink sink, std::size_t in_flight = 4096) {
  auto checker = Checker::Create({.max_in_flight = in_flight,
                                  .resolvers = "127.0.0.1:1",
                                  .targets = {.allow = {"127.0.0.1"}, .deny = {}, .own = {}}},
                                 std::move(sink));
  if (!checker) {
    Give(checker.error().message);
  }
  return std::move(*checker);
}

void Assign(Checker& checker, const std::vector<Assignment>& assignments) {
  if (const auto assigned = checker.Assign(assignments); !assigned) {
    Give(assigned.error().message);
  }
}

void Start(Checker& checker) {
  if (const auto started = checker.Start(); !started) {
    Give(started.error().message);
  }
}

/// Seconds that a core was not idle, by /proc/stat; 0 for core -1.
double BusySeconds(int core) {
  std::ifstream file("/proc/stat");
  const std::string name = "cpu" + std::to_string(core);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string first;
    std::vector<double> ticks;
    words >> first;
    for (double each = 0; first == name && words >> each;) {
      ticks.push_back(each);
    }
    if (ticks.size() >= 8) {  // user nice system idle iowait irq softirq steal
      return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]) /
             static_cast<double>(sysconf(_SC_CLK_TCK));
    }
  }
  return 0;
}

/// Processor seconds of another process.
double ProcessSeconds(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream words(text.substr(std::min(text.size(), text.rfind(')') + 2)));
  std::vector<std::string> fields;
  for (std::string each; words >> each;) {
    fields.push_back(each);
  }
  return fields.size() < 13 ? 0
                            : (std::stod(fields[11]) + std::stod(fields[12])) /
                                  static_cast<double>(sysconf(_SC_CLK_TCK));
}

double OwnSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + (static_cast<double>(time.tv_usec) / 1e6);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Counts {
  std::atomic<std::uint64_t> passed{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> unknown{0};
  std::mutex mutex;
  std::string reason;  // of the last that did not pass

  void Take(const Report& report) {
    if (report.seen.outcome == Outcome::kPass) {
      passed.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    (report.seen.outcome == Outcome::kFail ? failed : unknown)
        .fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock(mutex);
    reason = report.seen.reason;
  }
};

void Rate(const Settings& settings) {
  Counts counts;
  const auto checker = Make([&counts](const Report& report) { counts.Take(report); });
  const auto assignments = AssignmentsOf(settings);
  const std::uint64_t compile_from = MonotonicNs();
  Assign(*checker, assignments);
  const double assigned_s = static_cast<double>(MonotonicNs() - compile_from) / 1e9;
  Start(*checker);
  while (counts.passed + counts.failed + counts.unknown == 0) {
    Sleep(0.01);  // strings are being compiled
  }
  Sleep(1);  // connections and sessions are there
  const std::uint64_t from_ns = MonotonicNs();
  const std::uint64_t passed = counts.passed;
  const std::uint64_t failed = counts.failed;
  const std::uint64_t unknown = counts.unknown;
  const double own = OwnSeconds();
  const double server = ProcessSeconds(settings.server_pid);
  const double here = BusySeconds(settings.core);
  const double there = BusySeconds(settings.server_core);
  Sleep(settings.seconds);
  const double seconds = static_cast<double>(MonotonicNs() - from_ns) / 1e9;
  std::printf(
      "{\"assign_s\":%.4f,\"seconds\":%.4f,\"passed\":%llu,\"failed\":%llu,\"unknown\":%llu,"
      "\"client_cpu_s\":%.4f,\"server_cpu_s\":%.4f,\"client_core_s\":%.4f,\"server_core_s\":%.4f,",
      assigned_s,
      seconds,
      static_cast<unsigned long long>(counts.passed - passed),
      static_cast<unsigned long long>(counts.failed - failed),
      static_cast<unsigned long long>(counts.unknown - unknown),
      OwnSeconds() - own,
      ProcessSeconds(settings.server_pid) - server,
      BusySeconds(settings.core) - here,
      BusySeconds(settings.server_core) - there);
  checker->Stop();
  std::printf("\"reason\":\"%s\"}\n", counts.reason.c_str());
}

void Bare(const Settings& settings) {
  std::vector<sockaddr_in> endpoints;
  for (std::size_t n = 0; n < settings.checks; ++n) {
    const CheckConfig check = CheckOf(settings, n);
    sockaddr_in& endpoint = endpoints.emplace_back();
    endpoint.sin_family = AF_INET;
    endpoint.sin_port = htons(check.port);
    inet_pton(AF_INET, check.ip_address.c_str(), &endpoint.sin_addr);
  }
  const double own = OwnSeconds();
  const BareResult result = settings.kind == "tcp" ? BareConnects(endpoints, settings.seconds)
                                                   : BareRequests(endpoints, settings.seconds);
  std::printf("{\"seconds\":%.4f,\"passed\":%llu,\"client_cpu_s\":%.4f}\n",
              result.seconds,
              static_cast<unsigned long long>(result.passed),
              OwnSeconds() - own);
}

double HeapOctets() {
  const auto info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

// With its place in the schedule; the few that come due in this time have ended.
void Idle(const Settings& settings) {
  const auto assignments = AssignmentsOf(settings);
  const auto checker = Make([](const Report&) {});
  const double before = HeapOctets();
  Assign(*checker, assignments);
  Start(*checker);
  Sleep(settings.seconds);
  std::printf("{\"octets\":%.1f}\n",
              (HeapOctets() - before) / static_cast<double>(assignments.size()));
  checker->Stop();
}

void InFlight(const Settings& settings) {
  const auto assignments = AssignmentsOf(settings);
  Counts counts;
  const auto checker =
      Make([&counts](const Report& report) { counts.Take(report); }, assignments.size());
  Assign(*checker, assignments);
  const double before = HeapOctets();
  Start(*checker);
  // All are in flight once each was started: nobody answers.
  Sleep((settings.interval_ms / 1000.0) + settings.seconds);
  std::printf("{\"ended\":%llu,\"octets\":%.1f}\n",
              static_cast<unsigned long long>(counts.passed + counts.failed + counts.unknown),
              (HeapOctets() - before) / static_cast<double>(assignments.size()));
  checker->Stop();
}

void PrintSamples(const char* name, const std::vector<double>& samples) {
  std::printf("\"%s\":[", name);
  for (std::size_t n = 0; n < samples.size(); ++n) {
    std::printf("%s%.4f", n == 0 ? "" : ",", samples[n]);
  }
  std::printf("]");
}

// The gap from the end of a probe to the start of the next is the interval, so what it is more is
// how late the next one was.
void Jitter(const Settings& settings) {
  std::vector<std::uint64_t> ended(settings.checks, 0);
  std::vector<double> late_ms;
  std::vector<std::uint64_t> starts;
  Counts counts;
  const auto interval_ns = static_cast<std::uint64_t>(settings.interval_ms) * 1'000'000;
  const auto checker = Make([&](const Report& report) {
    counts.Take(report);
    const std::uint64_t began =
        report.seen.at_ns - static_cast<std::uint64_t>(report.seen.rtt.count());
    starts.push_back(began);
    if (std::uint64_t& last = ended[report.slot]; last != 0) {
      late_ms.push_back((static_cast<double>(began - last) - static_cast<double>(interval_ns)) /
                        1e6);
    }
    ended[report.slot] = report.seen.at_ns;
  });
  Assign(*checker, AssignmentsOf(settings));
  Start(*checker);
  const double own = OwnSeconds();
  Sleep(settings.seconds);
  const double cpu = OwnSeconds() - own;
  checker->Stop();  // from here on the vectors are ours
  std::map<std::uint64_t, std::uint64_t> per_100_ms;
  for (const std::uint64_t began : starts) {
    ++per_100_ms[(began - starts.front()) / 100'000'000];
  }
  std::printf("{\"failed\":%llu,\"unknown\":%llu,\"client_cpu_s\":%.3f,\"seconds\":%.3f,",
              static_cast<unsigned long long>(counts.failed),
              static_cast<unsigned long long>(counts.unknown),
              cpu,
              settings.seconds);
  std::vector<double> begun;
  for (const auto& [when, number] : per_100_ms) {
    begun.push_back(static_cast<double>(number));
  }
  PrintSamples("begun_per_100_ms", begun);
  std::printf(",");
  PrintSamples("late_ms", late_ms);
  std::printf("}\n");
}

/// An endpoint of loopback that can die: the kernel takes connections as long as it listens.
class Endpoint {
 public:
  Endpoint() { Open(0); }
  ~Endpoint() { close(fd_); }
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  void Open(std::uint16_t port) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    socklen_t octets = sizeof(address);
    const int on = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), octets) != 0 || listen(fd_, 4096) != 0) {
      Give("cannot listen on loopback");
    }
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &octets);
    port_ = ntohs(address.sin_port);
  }
  void Die() {
    close(fd_);
    fd_ = -1;
  }
  void Live() { Open(port_); }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  int fd_ = -1;
  std::uint16_t port_ = 0;
};

void Detect(const Settings& settings) {
  constexpr std::size_t kEndpoints = 20;
  struct Seen {
    std::atomic<int> side{0};
    std::atomic<std::uint64_t> down_ns{0};
  };
  std::vector<Endpoint> endpoints(kEndpoints);
  std::vector<Seen> seen(kEndpoints);
  const auto checker = Make([&seen](const Report& report) {
    Seen& one = seen[report.slot];
    const int side = static_cast<int>(report.side);
    if (one.side.exchange(side) != side && report.side == health::State::kUnhealthy) {
      one.down_ns = MonotonicNs();
    }
  });
  std::vector<Assignment> assignments;
  for (std::size_t n = 0; n < kEndpoints; ++n) {
    CheckConfig check;
    check.id = "c" + std::to_string(n);
    check.type = CheckType::kTcp;
    check.ip_address = "127.0.0.1";
    check.port = endpoints[n].port();
    check.interval = Milliseconds(settings.interval_ms);
    check.connect_timeout = Milliseconds(settings.interval_ms / 2);
    check.healthy_threshold = check.unhealthy_threshold = 2;
    assignments.push_back({static_cast<std::uint32_t>(n), 1, check});
  }
  Assign(*checker, assignments);
  Start(*checker);
  std::mt19937 random(1);
  std::uniform_real_distribution<double> moment(0, settings.interval_ms / 1000.0);
  std::vector<double> took_ms;
  const auto patience = [](const auto& holds) {
    for (int n = 0; !holds(); ++n) {
      if (n > 20'000) {
        Give("an endpoint was not seen as it is within 10 s");
      }
      Sleep(0.0005);
    }
  };
  constexpr int kHealthy = static_cast<int>(health::State::kHealthy);
  while (took_ms.size() < static_cast<std::size_t>(settings.kills)) {
    for (Seen& one : seen) {
      patience([&one] { return one.side == kHealthy; });
    }
    std::vector<std::uint64_t> died(kEndpoints);
    for (std::size_t n = 0; n < kEndpoints; ++n) {
      Sleep(moment(random) / kEndpoints);
      seen[n].down_ns = 0;
      died[n] = MonotonicNs();
      endpoints[n].Die();
    }
    for (std::size_t n = 0; n < kEndpoints; ++n) {
      patience([&seen, n] { return seen[n].down_ns != 0; });
      took_ms.push_back(static_cast<double>(seen[n].down_ns - died[n]) / 1e6);
      endpoints[n].Live();
    }
  }
  checker->Stop();
  std::printf("{");
  PrintSamples("detect_ms", took_ms);
  std::printf("}\n");
}

Settings Parse(int argc, char** argv) {
  Settings settings;
  const std::string usage =
      "usage: health_bench rate|bare|idle|in_flight|jitter|detect [--kind KIND] [--checks N] "
      "[--interval "
      "MS] "
      "[--seconds S] [--port N] [--ports N] [--core N] [--server-core N] [--server-pid N] "
      "[--kills N]";
  if (argc < 2 || argc % 2 != 0) {
    Give(usage);
  }
  settings.mode = argv[1];
  const std::map<std::string, int*> numbers{{"--interval", &settings.interval_ms},
                                            {"--port", &settings.port},
                                            {"--ports", &settings.ports},
                                            {"--core", &settings.core},
                                            {"--server-core", &settings.server_core},
                                            {"--server-pid", &settings.server_pid},
                                            {"--kills", &settings.kills}};
  for (int i = 2; i < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--kind") {
      settings.kind = argv[i + 1];
    } else if (option == "--checks") {
      settings.checks = std::strtoul(argv[i + 1], nullptr, 10);
    } else if (option == "--seconds") {
      settings.seconds = std::strtod(argv[i + 1], nullptr);
    } else if (numbers.contains(option)) {
      *numbers.at(option) = std::atoi(argv[i + 1]);
    } else {
      Give(usage);
    }
  }
  if (settings.checks < 1 || settings.checks > 1'000'000 || settings.seconds <= 0 ||
      settings.kills < 1) {
    Give("--checks 1..1000000, --seconds above 0, --kills at least 1");
  }
  return settings;
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  using namespace holdfast::bench;
  const Settings settings = Parse(argc, argv);
  if (settings.core >= 0) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(static_cast<std::size_t>(settings.core), &cores);
    sched_setaffinity(0, sizeof(cores), &cores);
  }
  const std::map<std::string, void (*)(const Settings&)> modes{{"rate", Rate},
                                                               {"bare", Bare},
                                                               {"idle", Idle},
                                                               {"in_flight", InFlight},
                                                               {"jitter", Jitter},
                                                               {"detect", Detect}};
  if (!modes.contains(settings.mode)) {
    Give("the mode is " + settings.mode +
         ", expected rate, bare, idle, in_flight, jitter or detect");
  }
  modes.at(settings.mode)(settings);
  return 0;
}
