// holdfast-sockets: TCP, and UDP where no port is taken over, on sockets that were passed to it.
// Needs no rights, answers nothing before there are tables, ends with 0 on SIGTERM.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/base/clock.h"
#include "dataplane/base/descriptors.h"
#include "dataplane/base/signals.h"
#include "dataplane/listen/arguments.h"
#include "dataplane/listen/listeners.h"
#include "dataplane/listen/rights.h"
#include "dataplane/listen/server.h"
#include "dataplane/table/readers.h"

namespace {

using holdfast::Result;
namespace listen = holdfast::listen;
namespace table = holdfast::table;

constexpr int kExitInvalid = 2;   // arguments, sockets or tables are wrong: a restart will not help
constexpr int kExitNoTables = 3;  // --wait ended
constexpr long kRetryNs = 50'000'000;
// Descriptors that are not connections: listeners, epoll, tables, standard streams.
constexpr std::uint64_t kReservedDescriptors = 64;

void Say(const std::string& sentence) {
  std::fprintf(stderr, "holdfast-sockets: %s\n", sentence.c_str());
}

int Complain(const holdfast::Error& error) {
  Say(error.message);
  return error.code == holdfast::ErrorCode::kInvalid || error.code == holdfast::ErrorCode::kNotFound
             ? kExitInvalid
             : 1;
}

// The signals that end the process; blocked from the start, in all threads, and waited for here.
sigset_t BlockEndSignals() {
  sigset_t end{};
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  sigaddset(&end, SIGINT);
  pthread_sigmask(SIG_BLOCK, &end, nullptr);
  return end;
}

// Waits for tables; the sockets keep what comes until then. Null: told to end.
Result<std::unique_ptr<table::Attachment>> Attach(const listen::Arguments& arguments,
                                                  table::ReaderFds reader,
                                                  const sigset_t& end) {
  const auto open = [&] {
    return reader.page < 0
               ? table::Attachment::Open(arguments.run_dir, "sockets", arguments.server.threads)
               : table::Attachment::Open(arguments.run_dir, reader, arguments.server.threads);
  };
  const std::uint64_t start_ns = holdfast::MonotonicNs();
  bool said = false;
  for (;;) {
    auto tables = open();
    if (tables || tables.error().code != holdfast::ErrorCode::kUnavailable) {
      return tables;
    }
    if (arguments.wait_seconds &&
        holdfast::MonotonicNs() - start_ns >= *arguments.wait_seconds * 1'000'000'000ULL) {
      return tables;
    }
    if (!said) {
      Say("waiting for tables: " + tables.error().message);
      said = true;
    }
    const timespec pause{.tv_sec = 0, .tv_nsec = kRetryNs};
    if (sigtimedwait(&end, nullptr, &pause) > 0) {
      return nullptr;
    }
  }
}

int Run(listen::Arguments& arguments) {
  // First of all: nothing that was passed is looked at with more rights than it takes.
  if (const auto dropped = listen::DropRights(arguments.user); !dropped) {
    return Complain(dropped.error());
  }
  const sigset_t end = BlockEndSignals();
  auto inherited = listen::Inherit();
  if (!inherited) {
    return Complain(inherited.error());
  }
  std::vector<listen::Listener>& listeners = inherited->listeners;
  if (!arguments.udp) {
    std::erase_if(listeners, [](const listen::Listener& listener) {
      return listener.kind == listen::ListenerKind::kUdp;
    });
    if (listeners.empty()) {
      Say("--no-udp, and none of the sockets passed is TCP: nothing to serve");
      return kExitInvalid;
    }
  }
  const std::uint64_t descriptors = holdfast::RaiseDescriptorLimit();
  const unsigned long room = descriptors - std::min(descriptors - 1, kReservedDescriptors);
  if (room < arguments.server.tcp.max_connections) {
    Say("--tcp-max-connections is " + std::to_string(arguments.server.tcp.max_connections) +
        ", but only " + std::to_string(descriptors) +
        " descriptors may be open (RLIMIT_NOFILE): taking " + std::to_string(room));
    arguments.server.tcp.max_connections = static_cast<std::uint32_t>(room);
  }
  auto tables = Attach(arguments, inherited->reader, end);
  if (!tables) {
    const int code = Complain(tables.error());
    return tables.error().code == holdfast::ErrorCode::kUnavailable ? kExitNoTables : code;
  }
  if (*tables == nullptr) {
    return 0;
  }
  auto server = listen::Server::Start(**tables, std::move(listeners), arguments.server);
  if (!server) {
    return Complain(server.error());
  }
  int signal = 0;
  sigwait(&end, &signal);
  (*server)->Stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  holdfast::OutliveClosedPipes();
  const std::span<const char* const> words(argv, static_cast<std::size_t>(argc));
  auto arguments = listen::ParseArguments(words.subspan(std::min<std::size_t>(words.size(), 1)));
  if (!arguments) {
    return Complain(arguments.error());
  }
  if (arguments->help) {
    std::fputs(listen::HelpText().c_str(), stdout);
    return 0;
  }
  if (arguments->version) {
    std::puts("holdfast-sockets " HF_VERSION);
    return 0;
  }
  return Run(*arguments);
}
