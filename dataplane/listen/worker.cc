// The loop of a listener thread; see worker.h. Level-triggered: what is left over is reported
// again, so that no source is served to its end before the others get their turn.
#include "dataplane/listen/worker.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/eventfd.h>
#include <unistd.h>

namespace holdfast::listen {

namespace {

// Longest wait: an idle thread still shows the supervisor that it moves.
constexpr std::uint64_t kMaxWaitMs = 200;
constexpr std::uint64_t kNsPerMs = 1'000'000;
// Bursts of one UDP socket in one event; then it is the others' turn.
constexpr unsigned kUdpBurstsPerEvent = 8;
// How long accepting is left when descriptors ran out.
constexpr std::uint64_t kAcceptPauseNs = 100 * kNsPerMs;

Status System(const char* what) {
  return Fail(ErrorCode::kIo, std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

Worker::Worker(table::Attachment& tables, unsigned thread, const ServerOptions& options)
    : options_(options),
      responder_(tables, thread, options.answer),
      events_(std::make_unique<epoll_event[]>(kEventsPerRound)) {}

Worker::~Worker() {
  RequestStop();
  Join();
  tcp_.reset();
  if (stop_.fd >= 0) {
    close(stop_.fd);
  }
  if (epoll_fd_ >= 0) {
    close(epoll_fd_);
  }
}

Result<std::unique_ptr<Worker>> Worker::Create(table::Attachment& tables,
                                               unsigned thread,
                                               const std::vector<Listener>& listeners,
                                               ConnectionLimits& limits,
                                               const ServerOptions& options) {
  std::unique_ptr<Worker> worker(new Worker(tables, thread, options));
  HF_TRY(worker->Watch(listeners, limits));
  return worker;
}

Status Worker::Watch(const std::vector<Listener>& listeners, ConnectionLimits& limits) {
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  stop_.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_fd_ < 0 || stop_.fd < 0) {
    return System("cannot make an epoll descriptor");
  }
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &stop_}};
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, stop_.fd, &event) != 0) {
    return System("cannot wait for the end");
  }
  for (const Listener& listener : listeners) {
    auto source = std::make_unique<Source>();
    source->fd = listener.fd;
    source->kind =
        listener.kind == ListenerKind::kUdp ? SourceKind::kUdp : SourceKind::kTcpListener;
    // Exclusive: a packet wakes one of the threads that wait, not all.
    event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data = {.ptr = source.get()}};
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, source->fd, &event) != 0) {
      return System(("cannot wait for " + listener.name).c_str());
    }
    listeners_.push_back(std::move(source));
  }
  tcp_ = std::make_unique<TcpServer>(options_.tcp, limits, responder_, epoll_fd_);
  return {};
}

void Worker::Run() {
  thread_ = std::thread([this] { Loop(); });
}

void Worker::RequestStop() noexcept {
  const std::uint64_t one = 1;
  // Never read: the event stays for as long as the thread needs to see it.
  [[maybe_unused]] const ssize_t written = write(stop_.fd, &one, sizeof(one));
}

void Worker::Join() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Worker::Loop() {
  std::uint64_t until_deadline = ~std::uint64_t{0};
  while (!stopping_) {
    const std::uint64_t wait_ms =
        std::min(kMaxWaitMs, until_deadline / kNsPerMs + (until_deadline % kNsPerMs != 0 ? 1 : 0));
    const int events = Wait(static_cast<int>(wait_ms));
    const std::uint64_t now_ns = MonotonicNs();
    Dispatch(events, now_ns);
    until_deadline = tcp_->Expire(now_ns);
    tcp_->Sweep();
    if (accept_again_ns_ != 0) {
      ResumeAccepting(now_ns);
    }
  }
  Drain();
  responder_.Offline();
}

int Worker::Wait(int timeout_ms) noexcept {
  responder_.Offline();
  const int events = epoll_wait(epoll_fd_, events_.get(), kEventsPerRound, timeout_ms);
  responder_.Online();
  return events;
}

void Worker::Dispatch(int events, std::uint64_t now_ns) {
  for (int i = 0; i < events; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    auto* source = static_cast<Source*>(event.data.ptr);
    switch (source->kind) {
      case SourceKind::kStop:
        stopping_ = true;
        break;
      case SourceKind::kUdp:
        ServeUdp(source->fd);
        break;
      case SourceKind::kTcpListener:
        if (accept_again_ns_ == 0 && !tcp_->Accept(source->fd, now_ns)) {
          PauseAccepting(now_ns);
        }
        break;
      case SourceKind::kConnection:
        tcp_->OnEvent(static_cast<Connection&>(*source), event.events, now_ns);
        break;
    }
  }
}

void Worker::ServeUdp(int fd) noexcept {
  for (unsigned i = 0; i < kUdpBurstsPerEvent; ++i) {
    if (udp_.Serve(fd, responder_) < answer::kMaxBurst) {
      return;
    }
  }
}

// Out of descriptors: the queue of connections stays full, and epoll would report it without end.
void Worker::PauseAccepting(std::uint64_t now_ns) noexcept {
  accept_again_ns_ = now_ns + kAcceptPauseNs;
  for (const auto& source : listeners_) {
    if (source->kind == SourceKind::kTcpListener) {
      epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, source->fd, nullptr);
    }
  }
}

void Worker::ResumeAccepting(std::uint64_t now_ns) noexcept {
  if (now_ns < accept_again_ns_) {
    return;
  }
  accept_again_ns_ = 0;
  for (const auto& source : listeners_) {
    if (source->kind == SourceKind::kTcpListener) {
      epoll_event event{.events = EPOLLIN | EPOLLEXCLUSIVE, .data = {.ptr = source.get()}};
      epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, source->fd, &event);
    }
  }
}

// What waits in them is for the process that comes next.
void Worker::LeaveListeners() noexcept {
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, stop_.fd, nullptr);
  for (const auto& source : listeners_) {
    epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, source->fd, nullptr);
  }
}

void Worker::Drain() {
  LeaveListeners();
  std::uint64_t now_ns = MonotonicNs();
  const std::uint64_t end_ns = now_ns + (options_.drain_ms * kNsPerMs);
  tcp_->Stop(now_ns);
  tcp_->Sweep();
  while (tcp_->open() != 0 && now_ns < end_ns) {
    const int events = Wait(static_cast<int>((end_ns - now_ns) / kNsPerMs) + 1);
    now_ns = MonotonicNs();
    Dispatch(events, now_ns);
    tcp_->Expire(now_ns);
    tcp_->Sweep();
  }
}

}  // namespace holdfast::listen
