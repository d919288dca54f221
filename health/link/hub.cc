// Connections begin as strangers, bounded in number and time. One whose certificate and hello are
// good takes the seat of its name; whoever sat there before is sent away.
#include "health/link/hub.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <list>
#include <map>
#include <mutex>
#include <spdlog/spdlog.h>
#include <utility>

#include "dataplane/base/clock.h"
#include "health/link/feed.h"
#include "health/net/door.h"
#include "health/net/threads.h"

namespace holdfast::health {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

class Hub::Core {
 public:
  Core(Monitor& monitor, HubOptions options)
      : monitor_(monitor), options_(std::move(options)), ping_(io_), look_(io_) {}
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Status Open();
  Status Start() { return thread_.Start(); }
  void SetCheckers(const std::vector<CheckerName>& checkers,
                   const std::vector<std::uint32_t>& indices);
  Status ReadIdentityAgain();
  std::vector<CheckerState> States() const;
  std::uint64_t refused() const noexcept { return refused_.load(); }
  std::uint16_t port() const noexcept { return port_; }

 private:
  /// What is kept of a checker, whether it is there or not. `state` and `seen_ns` are guarded by
  /// mutex_.
  struct Seat {
    std::uint32_t index = 0;  // the monitor's
    CheckerState state;
    std::uint64_t seen_ns = 0;  // CLOCK_MONOTONIC of its newest observation; 0: none
    ReportGate gate;
    std::shared_ptr<Channel> channel;
    AssignmentFeed feed;
  };
  using Seats = std::map<std::string, Seat>;

  void Take(tcp::socket socket);
  void Greet(const std::shared_ptr<Channel>& channel);
  Status Welcome(const std::shared_ptr<Channel>& channel,
                 const std::string& name,
                 std::string_view text);
  Status Hear(Seat& seat, const Channel& channel, std::string_view text);
  void Judge(Seat& seat, const Channel& channel, const ReportBatch& batch);
  void Left(const std::string& name, const Channel* channel, const std::string& why);
  void Tell(Seat& seat);
  void Ping();
  void Look();
  Status Refuse(Channel& channel, const std::string& why);
  void Forget(const Channel* stranger);

  Monitor& monitor_;
  const HubOptions options_;
  std::uint16_t port_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;

  // The order matters at the end: what waits in io_ holds channels, which hold nothing of this.
  asio::io_context io_{1};
  std::list<Door<tcp>> doors_;
  asio::steady_timer ping_;
  asio::steady_timer look_;
  std::list<std::shared_ptr<Channel>> strangers_;  // the oldest first

  mutable std::mutex mutex_;  // guards all below; on the hub's thread, only what others read
  std::shared_ptr<asio::ssl::context> identity_;
  Seats seats_;
  std::vector<std::string> order_;
  LoopThread thread_{io_, "checkers"};
};

// ---- the doors ----------------------------------------------------------------------------------

Status Hub::Core::Open() {
  auto identity = health::ReadIdentity(options_.identity, LinkSide::kControl);
  if (!identity) {
    return std::unexpected(identity.error());
  }
  identity_ = std::move(*identity);
  for (const HubOptions::Address& at : options_.listen) {
    Door<tcp>& door = doors_.emplace_back(
        io_, "checkers", [this](tcp::socket socket) { Take(std::move(socket)); });
    if (const error_code error = Listen(door.acceptor(), at.address, at.port)) {
      return Fail(ErrorCode::kIo,
                  "[checkers] cannot listen on " + at.address + " port " + std::to_string(at.port) +
                      ": " + error.message());
    }
    error_code ignored;
    port_ = port_ == 0 ? door.acceptor().local_endpoint(ignored).port() : port_;
    door.Open();
  }
  Ping();
  Look();
  return {};
}

void Hub::Core::Take(tcp::socket socket) {
  if (strangers_.size() >= options_.strangers) {
    strangers_.front()->End("too many connections that have not said who they are");
    strangers_.pop_front();
  }
  std::shared_ptr<asio::ssl::context> identity;
  {
    const std::lock_guard lock(mutex_);
    identity = identity_;
  }
  const auto channel = std::make_shared<Channel>(std::move(socket), identity, options_.limits);
  strangers_.push_back(channel);
  Channel* const raw = channel.get();
  channel->SetEvents({.on_message = {},
                      .on_drained = {},
                      .on_end = [this, raw, peer = channel->peer()](const std::string& why) {
                        Forget(raw);
                        ++refused_;
                        spdlog::warn("checkers: {} was not let in: {}", peer, why);
                      }});
  channel->Handshake(LinkSide::kControl, [this, raw]() -> Status {
    Greet(raw->shared_from_this());
    return {};
  });
}

void Hub::Core::Forget(const Channel* stranger) {
  std::erase_if(strangers_, [stranger](const auto& one) { return one.get() == stranger; });
}

Status Hub::Core::Refuse(Channel& channel, const std::string& why) {
  channel.Send(Encode(ControlMessage(Refusal{.reason = why})));
  return Fail(ErrorCode::kInvalid, why);
}

// ---- who comes and goes -------------------------------------------------------------------------

// The handshake is done: whose certificate is it?
void Hub::Core::Greet(const std::shared_ptr<Channel>& channel) {
  const std::vector<std::string> names = NamesOfPeer(channel->session());
  const auto known = std::ranges::find_if(
      names, [this](const std::string& name) { return seats_.contains(name); });
  Channel* const raw = channel.get();
  std::function<Status(std::string_view)> on_message;
  if (known == names.end()) {
    std::string listed;
    for (const std::string& name : names) {
      listed += (listed.empty() ? "" : ", ") + name.substr(0, 64);
    }
    const std::string why = "its certificate is for " + (listed.empty() ? "no name" : listed) +
                            ", which no [[checkers.checker]] of this node has";
    on_message = [this, raw, why](std::string_view) { return Refuse(*raw, why); };
  } else {
    on_message = [this, raw, name = *known](std::string_view text) {
      return Welcome(raw->shared_from_this(), name, text);
    };
  }
  channel->SetEvents({.on_message = std::move(on_message),
                      .on_drained = {},
                      .on_end = [this, raw, peer = channel->peer()](const std::string& why) {
                        Forget(raw);
                        ++refused_;
                        spdlog::warn("checkers: {} was not let in: {}", peer, why);
                      }});
}

Status Hub::Core::Welcome(const std::shared_ptr<Channel>& channel,
                          const std::string& name,
                          std::string_view text) {
  const auto message = DecodeCheckerMessage(text);
  if (!message) {
    return Refuse(*channel, message.error().message);
  }
  const auto* hello = std::get_if<CheckerHello>(&*message);
  if (hello == nullptr) {
    return Refuse(*channel, "the first message is no hello");
  }
  if (hello->protocol != kLinkProtocol) {
    return Refuse(*channel,
                  "it speaks version " + std::to_string(hello->protocol) +
                      " of the protocol; expected " + std::to_string(kLinkProtocol));
  }
  const auto at = seats_.find(name);
  if (at == seats_.end()) {
    return Refuse(*channel, "this node has no checker \"" + name + "\" any more");
  }
  Seat& seat = at->second;
  if (seat.channel != nullptr && hello->session < seat.gate.session()) {
    return Refuse(*channel, "a process of this name that was started later is connected");
  }
  if (const auto before = std::exchange(seat.channel, nullptr)) {
    Left(name, before.get(), "a new connection took its place");
    before->End("a new connection took its place");
  }
  seat.gate.Begin(hello->session);
  seat.channel = channel;
  seat.feed.Begin();
  Forget(channel.get());
  Channel* const raw = channel.get();
  channel->SetEvents(
      {.on_message = [this, raw, &seat](std::string_view said) { return Hear(seat, *raw, said); },
       .on_drained =
           [this, &seat, raw] {
             if (seat.channel.get() == raw) {
               Tell(seat);
             }
           },
       .on_end = [this, raw, name](const std::string& why) { Left(name, raw, why); }});
  channel->Established();
  {
    const std::lock_guard lock(mutex_);
    seat.state.connected = true;
    seat.state.since_ms = WallMs();
    seat.state.peer = channel->peer();
    seat.state.version = hello->version;
    seat.state.problem.clear();
  }
  spdlog::info("checker {} is connected from {}", name, channel->peer());
  channel->Send(Encode(ControlMessage(
      ControlHello{.protocol = kLinkProtocol, .node = options_.node, .at_ns = MonotonicNs()})));
  return {};
}

void Hub::Core::Left(const std::string& name, const Channel* channel, const std::string& why) {
  const auto at = seats_.find(name);
  if (at == seats_.end() ||
      (at->second.channel != nullptr && at->second.channel.get() != channel)) {
    return;
  }
  at->second.channel = nullptr;
  const std::lock_guard lock(mutex_);
  CheckerState& state = at->second.state;
  if (std::exchange(state.connected, false)) {
    state.since_ms = WallMs();
    state.problem = why;
    spdlog::warn("checker {} is gone: {}", name, why);
  }
}

void Hub::Core::SetCheckers(const std::vector<CheckerName>& checkers,
                            const std::vector<std::uint32_t>& indices) {
  asio::post(io_, [this, checkers, indices] {
    std::vector<std::shared_ptr<Channel>> away;
    {
      const std::lock_guard lock(mutex_);
      order_.clear();
      for (std::size_t i = 0; i < checkers.size(); ++i) {
        order_.push_back(checkers[i].name);
        const auto [at, is_new] = seats_.try_emplace(checkers[i].name);
        CheckerState& state = at->second.state;
        if (is_new) {
          state.name = checkers[i].name;
          state.since_ms = WallMs();
        }
        state.region = checkers[i].region;
        at->second.index = indices[i];
      }
      std::erase_if(seats_, [&](auto& seat) {
        if (std::ranges::find(order_, seat.first) != order_.end()) {
          return false;
        }
        away.push_back(std::move(seat.second.channel));
        return true;
      });
    }
    for (const auto& channel : away) {
      if (channel != nullptr) {
        channel->SetEvents({});  // they speak of a seat that is gone
        channel->End("");
      }
    }
  });
}

// ---- what is said -------------------------------------------------------------------------------

Status Hub::Core::Hear(Seat& seat, const Channel& channel, std::string_view text) {
  const auto message = DecodeCheckerMessage(text);
  if (!message) {
    return std::unexpected(message.error());
  }
  if (const auto* batch = std::get_if<ReportBatch>(&*message)) {
    Judge(seat, channel, *batch);
  } else if (const auto* ping = std::get_if<CheckerPing>(&*message)) {
    const std::lock_guard lock(mutex_);
    seat.state.uplink = ping->uplink;
  } else {
    return Fail(ErrorCode::kInvalid, "it said hello twice");
  }
  return {};
}

void Hub::Core::Judge(Seat& seat, const Channel& channel, const ReportBatch& batch) {
  const std::uint64_t now_ns = MonotonicNs();
  const auto sent_ns = ReportGate::SentNs(batch, channel.since_ns(), now_ns);
  std::uint64_t taken = 0;
  std::uint64_t newest_ns = 0;
  std::array<std::uint64_t, kDrops> dropped{};
  for (const ReportLine& line : batch.reports) {
    const auto report = sent_ns ? seat.gate.Judge(line, *sent_ns, now_ns)
                                : std::expected<Report, Drop>(std::unexpected(Drop::kFuture));
    if (!report) {
      ++dropped[static_cast<std::size_t>(report.error())];
      continue;
    }
    ++taken;
    newest_ns = std::max(newest_ns, report->seen.at_ns);
    monitor_.Take(seat.index, *report);
  }
  const std::lock_guard lock(mutex_);
  seat.state.taken += taken;
  seat.seen_ns = std::max(seat.seen_ns, newest_ns);
  for (std::size_t i = 0; i < kDrops; ++i) {
    seat.state.dropped[i] += dropped[i];
  }
}

// A part at a time, and none while octets wait to be taken.
void Hub::Core::Tell(Seat& seat) {
  if (seat.channel == nullptr || !seat.channel->drained()) {
    return;
  }
  if (auto part = seat.feed.Next(monitor_, seat.index, seat.gate)) {
    seat.channel->Send(*std::move(part));
    const std::lock_guard lock(mutex_);
    seat.state.assigned = seat.feed.assigned();
  }
}

void Hub::Core::Ping() {
  ping_.expires_after(options_.limits.ping);
  ping_.async_wait([this](error_code error) {
    if (error) {
      return;
    }
    for (auto& [name, seat] : seats_) {
      if (seat.channel != nullptr) {
        seat.channel->Send(Encode(ControlMessage(ControlPing{.at_ns = MonotonicNs()})));
      }
    }
    Ping();
  });
}

void Hub::Core::Look() {
  look_.expires_after(options_.limits.look);
  look_.async_wait([this](error_code error) {
    if (error) {
      return;
    }
    for (auto& [name, seat] : seats_) {
      Tell(seat);
    }
    Look();
  });
}

// ---- what can be seen ---------------------------------------------------------------------------

std::vector<CheckerState> Hub::Core::States() const {
  const std::uint64_t now_ns = MonotonicNs();
  std::vector<CheckerState> states;
  const std::lock_guard lock(mutex_);
  for (const std::string& name : order_) {
    const Seat& seat = seats_.at(name);
    states.push_back(seat.state);
    if (seat.seen_ns != 0) {
      states.back().age_ms = now_ns > seat.seen_ns
                                 ? static_cast<std::int64_t>((now_ns - seat.seen_ns) / 1'000'000)
                                 : 0;
    }
  }
  return states;
}

Status Hub::Core::ReadIdentityAgain() {
  auto identity = health::ReadIdentity(options_.identity, LinkSide::kControl);
  if (!identity) {
    return std::unexpected(identity.error());
  }
  const std::lock_guard lock(mutex_);
  identity_ = std::move(*identity);
  return {};
}

Hub::Hub(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Hub::~Hub() = default;

Result<std::unique_ptr<Hub>> Hub::Start(Monitor& monitor, const HubOptions& options) {
  auto core = std::make_unique<Core>(monitor, options);
  HF_TRY(core->Open());
  HF_TRY(core->Start());
  return std::unique_ptr<Hub>(new Hub(std::move(core)));
}

void Hub::SetCheckers(const std::vector<CheckerName>& checkers,
                      const std::vector<std::uint32_t>& indices) {
  core_->SetCheckers(checkers, indices);
}

Status Hub::ReadIdentityAgain() {
  return core_->ReadIdentityAgain();
}

std::vector<CheckerState> Hub::States() const {
  return core_->States();
}

std::uint64_t Hub::refused() const noexcept {
  return core_->refused();
}

std::uint16_t Hub::port() const noexcept {
  return core_->port();
}

}  // namespace holdfast::health
