// c-ares drives its own sockets; here they are watched on the loop, one Watch per socket, and one
// timer serves its deadlines.
#include "health/probe/name_channel.h"

#include <ares.h>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstring>
#include <netdb.h>
#include <unordered_map>
#include <utility>

namespace holdfast::health {

namespace {

namespace asio = boost::asio;

constexpr int kTryMs = 1000;
constexpr int kTries = 1;  // whoever asks tries again, within the queries a second that it may send
constexpr int kClassIn = 1;
constexpr int kTypeA = 1;
constexpr int kTypeAaaa = 28;

// c-ares asks the next server after a SERVFAIL or REFUSED, and reports the last as ECONNREFUSED.
NameAnswer AnswerOf(int status) {
  switch (status) {
    case ARES_SUCCESS:
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
      return NameAnswer::kReply;
    case ARES_EBADNAME:
      return NameAnswer::kNoSuchName;
    case ARES_ETIMEOUT:
      return NameAnswer::kTimeout;
    default:
      return NameAnswer::kNone;
  }
}

}  // namespace

class NameChannel::State {
 public:
  explicit State(asio::io_context& io) : io_(io), timer_(io) {}
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Status Start(const std::string& servers);
  void Ask(const std::string& name, bool v6, Done done);
  [[nodiscard]] std::vector<IpAddress> InHostsFile(const std::string& name, bool v6) const;

 private:
  struct Watch {
    explicit Watch(asio::io_context& io) : descriptor(io) {}
    asio::posix::stream_descriptor descriptor;
    bool want_read = false;
    bool want_write = false;
    bool reading = false;
    bool writing = false;
  };
  struct Query {
    State* state;
    Done done;
  };

  static void OnSocket(void* self, ares_socket_t fd, int readable, int writable);
  static void OnAnswer(void* query, int status, int timeouts, unsigned char* reply, int octets);
  void Arm(ares_socket_t fd, const std::shared_ptr<Watch>& watch);
  void Ready(ares_socket_t fd, const std::shared_ptr<Watch>& watch, bool readable);
  void ArmTimer();

  asio::io_context& io_;
  asio::steady_timer timer_;
  ares_channel channel_ = nullptr;
  bool library_ = false;
  bool ending_ = false;
  std::unordered_map<ares_socket_t, std::shared_ptr<Watch>> watches_;
};

Status NameChannel::State::Start(const std::string& servers) {
  if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
    return Fail(ErrorCode::kUnavailable, "health: c-ares does not start");
  }
  library_ = true;
  ares_options options{};
  options.timeout = kTryMs;
  options.tries = kTries;
  options.sock_state_cb = &State::OnSocket;
  options.sock_state_cb_data = this;
  const int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
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

NameChannel::State::~State() {
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

void NameChannel::State::Ask(const std::string& name, bool v6, Done done) {
  ares_query(channel_,
             name.c_str(),
             kClassIn,
             v6 ? kTypeAaaa : kTypeA,
             &State::OnAnswer,
             new Query{.state = this, .done = std::move(done)});
  ArmTimer();
}

void NameChannel::State::OnAnswer(
    void* query, int status, int /*timeouts*/, unsigned char* reply, int octets) {
  const std::unique_ptr<Query> mine(static_cast<Query*>(query));
  if (!mine->state->ending_) {
    const std::size_t size = reply != nullptr && octets > 0 ? static_cast<std::size_t>(octets) : 0;
    mine->done(AnswerOf(status), {reinterpret_cast<const std::byte*>(reply), size});
  }
}

std::vector<IpAddress> NameChannel::State::InHostsFile(const std::string& name, bool v6) const {
  hostent* host = nullptr;
  const int family = v6 ? AF_INET6 : AF_INET;
  std::vector<IpAddress> found;
  if (ares_gethostbyname_file(channel_, name.c_str(), family, &host) == ARES_SUCCESS) {
    for (char** one = host->h_addr_list; *one != nullptr; ++one) {
      IpAddress& address = found.emplace_back();
      address.v6 = v6;
      std::memcpy(address.octets.data(), *one, v6 ? 16 : 4);
    }
  }
  if (host != nullptr) {
    ares_free_hostent(host);
  }
  return found;
}

void NameChannel::State::OnSocket(void* self, ares_socket_t fd, int readable, int writable) {
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

void NameChannel::State::Arm(ares_socket_t fd, const std::shared_ptr<Watch>& watch) {
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

void NameChannel::State::Ready(ares_socket_t fd,
                               const std::shared_ptr<Watch>& watch,
                               bool readable) {
  ares_process_fd(channel_, readable ? fd : ARES_SOCKET_BAD, readable ? ARES_SOCKET_BAD : fd);
  Arm(fd, watch);
  ArmTimer();
}

void NameChannel::State::ArmTimer() {
  timeval wait{};
  if (ares_timeout(channel_, nullptr, &wait) == nullptr) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(std::chrono::seconds(wait.tv_sec) + std::chrono::microseconds(wait.tv_usec) +
                       std::chrono::milliseconds(1));
  timer_.async_wait([this](auto error) {
    if (!error) {
      ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      ArmTimer();
    }
  });
}

NameChannel::NameChannel(std::unique_ptr<State> state) : state_(std::move(state)) {}
NameChannel::~NameChannel() = default;

Result<std::unique_ptr<NameChannel>> NameChannel::Create(asio::io_context& io,
                                                         const std::string& servers) {
  auto state = std::make_unique<State>(io);
  HF_TRY(state->Start(servers));
  return std::unique_ptr<NameChannel>(new NameChannel(std::move(state)));
}

void NameChannel::Ask(const std::string& name, bool v6, Done done) {
  state_->Ask(name, v6, std::move(done));
}

std::vector<IpAddress> NameChannel::InHostsFile(const std::string& name, bool v6) const {
  return state_->InHostsFile(name, v6);
}

}  // namespace holdfast::health
