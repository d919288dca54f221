// c-ares drives its own sockets; here they are watched on the loop, one Watch per socket, and one
// timer serves its retries.
#include "health/probe/resolver.h"

#include <algorithm>
#include <ares.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstring>
#include <netdb.h>
#include <unordered_map>
#include <utility>
#include <vector>

namespace holdfast::health {

namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr seconds kTtlFloor{1};
constexpr seconds kTtlCeiling{300};
constexpr seconds kNegativeTtl{1};
constexpr std::size_t kMaxAddresses = 64;
constexpr std::size_t kSweepAbove = 4096;  // names in the cache before expired ones are dropped
constexpr int kTryMs = 1000;
constexpr int kTries = 2;

}  // namespace

class Resolver::State {
 public:
  explicit State(asio::io_context& io) : io_(io), timer_(io) {}
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Status Start(const std::string& servers);
  void Resolve(const std::string& name, Callback callback);

 private:
  struct Watch {
    explicit Watch(asio::io_context& io) : descriptor(io) {}
    asio::posix::stream_descriptor descriptor;
    bool want_read = false;
    bool want_write = false;
    bool reading = false;
    bool writing = false;
  };
  struct Entry {
    ResolveOutcome outcome = ResolveOutcome::kUnavailable;
    std::vector<in_addr> addresses;
    std::size_t turn = 0;
    Clock::time_point expires;
    std::vector<Callback> waiting;  // not empty: a query is under way
  };
  struct Query {
    State* state;
    std::string name;
  };

  static void OnSocket(void* self, ares_socket_t fd, int readable, int writable);
  static void OnAnswer(void* query, int status, int timeouts, ares_addrinfo* answer);
  void Arm(ares_socket_t fd, const std::shared_ptr<Watch>& watch);
  void Ready(ares_socket_t fd, const std::shared_ptr<Watch>& watch, bool readable);
  void ArmTimer();
  void Store(const std::string& name, int status, const ares_addrinfo* answer);
  static Resolved Next(Entry& entry);
  void Sweep();

  asio::io_context& io_;
  asio::steady_timer timer_;
  ares_channel channel_ = nullptr;
  bool library_ = false;
  bool ending_ = false;
  std::unordered_map<ares_socket_t, std::shared_ptr<Watch>> watches_;
  std::unordered_map<std::string, Entry> cache_;
};

Status Resolver::State::Start(const std::string& servers) {
  if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
    return Fail(ErrorCode::kUnavailable, "health: c-ares does not start");
  }
  library_ = true;
  ares_options options{};
  options.flags = ARES_FLAG_NOSEARCH;
  options.timeout = kTryMs;
  options.tries = kTries;
  options.sock_state_cb = &State::OnSocket;
  options.sock_state_cb_data = this;
  const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  if (const int code = ares_init_options(&channel_, &options, mask); code != ARES_SUCCESS) {
    channel_ = nullptr;
    return Fail(ErrorCode::kUnavailable,
                std::string("health: c-ares does not start: ") + ares_strerror(code));
  }
  if (!servers.empty() && ares_set_servers_ports_csv(channel_, servers.c_str()) != ARES_SUCCESS) {
    return Fail(ErrorCode::kInvalid,
                "health: resolvers are \"" + servers +
                    "\", expected addresses with ports, comma-separated");
  }
  return {};
}

Resolver::State::~State() {
  ending_ = true;
  if (channel_ != nullptr) {
    ares_destroy(channel_);  // ends every query: OnAnswer with ARES_EDESTRUCTION
  }
  for (auto& [fd, watch] : watches_) {
    watch->want_read = watch->want_write = false;
    watch->descriptor.release();
  }
  if (library_) {
    ares_library_cleanup();
  }
}

void Resolver::State::Resolve(const std::string& name, Callback callback) {
  Entry& entry = cache_[name];
  if (!entry.waiting.empty()) {
    entry.waiting.push_back(std::move(callback));
    return;
  }
  if (Clock::now() < entry.expires) {
    callback(Next(entry));
    return;
  }
  entry.waiting.push_back(std::move(callback));
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_INET;
  hints.ai_flags = ARES_AI_NOSORT;
  // May answer before it returns (a literal, the hosts file, no server at all).
  ares_getaddrinfo(channel_,
                   name.c_str(),
                   nullptr,
                   &hints,
                   &State::OnAnswer,
                   new Query{.state = this, .name = name});
  ArmTimer();
}

void Resolver::State::OnAnswer(void* query, int status, int /*timeouts*/, ares_addrinfo* answer) {
  const std::unique_ptr<Query> mine(static_cast<Query*>(query));
  if (!mine->state->ending_) {
    mine->state->Store(mine->name, status, answer);
  }
  if (answer != nullptr) {
    ares_freeaddrinfo(answer);
  }
}

void Resolver::State::Store(const std::string& name, int status, const ares_addrinfo* answer) {
  Entry& entry = cache_[name];
  entry.addresses.clear();
  seconds ttl = kTtlCeiling;
  for (const ares_addrinfo_node* node = answer != nullptr ? answer->nodes : nullptr;
       node != nullptr && entry.addresses.size() < kMaxAddresses;
       node = node->ai_next) {
    if (node->ai_family == AF_INET) {
      sockaddr_in address{};
      std::memcpy(&address, node->ai_addr, sizeof(address));
      entry.addresses.push_back(address.sin_addr);
      ttl = std::min(ttl, seconds(node->ai_ttl));
    }
  }
  // c-ares asks the next server after a SERVFAIL or REFUSED, and reports the last as ECONNREFUSED.
  const bool silent = status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED ||
                      status == ARES_ENOMEM || status == ARES_ECANCELLED;
  if (!entry.addresses.empty()) {
    entry.outcome = ResolveOutcome::kFound;
    entry.expires = Clock::now() + std::max(ttl, kTtlFloor);
  } else {
    entry.outcome = silent ? ResolveOutcome::kUnavailable : ResolveOutcome::kNoAddress;
    entry.expires = Clock::now() + kNegativeTtl;
  }
  // A callback may resolve again and move the cache about: nothing of it is held across the calls.
  for (Callback& callback : std::exchange(entry.waiting, {})) {
    callback(Next(cache_[name]));
  }
  Sweep();
}

Resolved Resolver::State::Next(Entry& entry) {
  Resolved resolved{.outcome = entry.outcome};
  if (!entry.addresses.empty()) {
    resolved.address = entry.addresses[entry.turn++ % entry.addresses.size()];
  }
  return resolved;
}

void Resolver::State::Sweep() {
  if (cache_.size() > kSweepAbove) {
    std::erase_if(cache_, [now = Clock::now()](const auto& item) {
      return item.second.waiting.empty() && item.second.expires < now;
    });
  }
}

void Resolver::State::OnSocket(void* self, ares_socket_t fd, int readable, int writable) {
  auto& state = *static_cast<State*>(self);
  if (readable == 0 && writable == 0) {
    if (const auto at = state.watches_.find(fd); at != state.watches_.end()) {
      at->second->want_read = at->second->want_write = false;
      at->second->descriptor.release();  // c-ares closes it
      state.watches_.erase(at);
    }
    return;
  }
  auto& watch = state.watches_[fd];
  if (watch == nullptr) {
    watch = std::make_shared<Watch>(state.io_);
    boost::system::error_code ignored;  // unwatched, the query ends by its timeout
    static_cast<void>(watch->descriptor.assign(fd, ignored));
  }
  watch->want_read = readable != 0;
  watch->want_write = writable != 0;
  state.Arm(fd, watch);
}

void Resolver::State::Arm(ares_socket_t fd, const std::shared_ptr<Watch>& watch) {
  using Descriptor = asio::posix::stream_descriptor;
  if (!watch->descriptor.is_open()) {
    return;
  }
  if (watch->want_read && !watch->reading) {
    watch->reading = true;
    watch->descriptor.async_wait(Descriptor::wait_read, [this, fd, watch](auto error) {
      watch->reading = false;
      if (!error && watch->want_read) {
        Ready(fd, watch, true);
      }
    });
  }
  if (watch->want_write && !watch->writing) {
    watch->writing = true;
    watch->descriptor.async_wait(Descriptor::wait_write, [this, fd, watch](auto error) {
      watch->writing = false;
      if (!error && watch->want_write) {
        Ready(fd, watch, false);
      }
    });
  }
}

void Resolver::State::Ready(ares_socket_t fd, const std::shared_ptr<Watch>& watch, bool readable) {
  ares_process_fd(channel_, readable ? fd : ARES_SOCKET_BAD, readable ? ARES_SOCKET_BAD : fd);
  Arm(fd, watch);
  ArmTimer();
}

void Resolver::State::ArmTimer() {
  timeval wait{};
  if (ares_timeout(channel_, nullptr, &wait) == nullptr) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(seconds(wait.tv_sec) + std::chrono::microseconds(wait.tv_usec) +
                       std::chrono::milliseconds(1));
  timer_.async_wait([this](auto error) {
    if (!error) {
      ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      ArmTimer();
    }
  });
}

Resolver::Resolver(std::unique_ptr<State> state) : state_(std::move(state)) {}
Resolver::~Resolver() = default;

Result<std::unique_ptr<Resolver>> Resolver::Create(asio::io_context& io,
                                                   const std::string& servers) {
  auto state = std::make_unique<State>(io);
  HF_TRY(state->Start(servers));
  return std::unique_ptr<Resolver>(new Resolver(std::move(state)));
}

void Resolver::Resolve(const std::string& name, Callback callback) {
  state_->Resolve(name, std::move(callback));
}

}  // namespace holdfast::health
