// One thread for all links. A link connects, says hello, takes assignments and tells reports, and
// after each end waits a while and begins again.
#include "health/link/remote_checker.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <random>
#include <spdlog/spdlog.h>
#include <utility>

#include "dataplane/base/clock.h"
#include "health/link/vantage.h"
#include "health/net/threads.h"

namespace holdfast::health {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

/// What the links share.
struct Shared {
  asio::io_context& io;
  Vantage& vantage;
  std::shared_ptr<asio::ssl::context> identity;  // as its files last were when they could be read
  const RemoteCheckerOptions& options;
  std::uint64_t session;
  std::atomic<std::size_t> connected = 0;
};

class Link {
 public:
  Link(Shared& shared, std::size_t index)
      : shared_(shared),
        index_(index),
        control_(shared.options.controls[index]),
        where_(control_.host + " port " + std::to_string(control_.port)),
        resolver_(shared.io),
        socket_(shared.io),
        wait_(shared.io),
        batch_(shared.io),
        ping_(shared.io) {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void Connect();
  /// Tells what waits to be told, at once.
  void Flush();

 private:
  void ReadIdentityAgain();
  void Secure();
  Status Hear(std::string_view text);
  Status Take(AssignChecks part);
  void Batch();
  void Ping();
  void Ended(const std::string& why);
  const LinkLimits& limits() const { return shared_.options.limits; }

  Shared& shared_;
  const std::size_t index_;
  const RemoteCheckerOptions::Control control_;
  const std::string where_;
  tcp::resolver resolver_;
  tcp::socket socket_;
  asio::steady_timer wait_;  // for a connection, or until the next try
  asio::steady_timer batch_;
  asio::steady_timer ping_;
  std::shared_ptr<Channel> channel_;
  bool is_up_ = false;          // control has said hello
  bool is_assigned_ = false;    // and what is to be watched: slots mean what they did until then
  bool again_ = false;          // there is more to tell than there was room for
  bool late_ = false;           // no connection came in time
  std::uint64_t echo_ns_ = 0;   // of control's clock
  std::uint64_t heard_ns_ = 0;  // when that came, of ours
  AssignChecks parts_;          // until the last is there
  unsigned failures_ = 0;
  std::string problem_;  // as it was last logged
  std::minstd_rand random_{std::random_device{}()};
};

// ---- connecting ---------------------------------------------------------------------------------

void Link::Connect() {
  late_ = false;
  wait_.expires_after(limits().handshake);
  wait_.async_wait([this](error_code stopped) {
    if (!stopped) {
      late_ = true;
      resolver_.cancel();
      error_code ignored;
      (void)socket_.close(ignored);
    }
  });
  resolver_.async_resolve(
      control_.host,
      std::to_string(control_.port),
      [this](error_code error, const tcp::resolver::results_type& found) {
        if (error || late_) {
          return Ended("its name cannot be resolved: " +
                       (late_ ? "no answer in time" : error.message()));
        }
        asio::async_connect(socket_, found, [this](error_code failed, const tcp::endpoint&) {
          if (failed || late_) {
            return Ended("no connection: " + (late_ ? "no answer in time" : failed.message()));
          }
          wait_.cancel();
          Secure();
        });
      });
}

// The files are read for each connection: renewed ones need no restart, and what is only half
// written yet leaves what was.
void Link::ReadIdentityAgain() {
  auto identity = ReadIdentity(shared_.options.identity, LinkSide::kChecker);
  if (identity) {
    shared_.identity = std::move(*identity);
  } else {
    spdlog::warn("the certificate as it was read before is shown: {}", identity.error().message);
  }
}

void Link::Secure() {
  ReadIdentityAgain();
  channel_ = std::make_shared<Channel>(std::move(socket_), shared_.identity, limits());
  socket_ = tcp::socket(shared_.io);
  Channel* const raw = channel_.get();
  if (!ExpectPeer(raw->session(), control_.name)) {
    return Ended("\"" + control_.name + "\" is no name that a certificate can be for");
  }
  raw->SetEvents({.on_message = [this](std::string_view text) { return Hear(text); },
                  .on_drained =
                      [this] {
                        if (again_) {
                          Flush();
                        }
                      },
                  .on_end = [this](const std::string& why) { Ended(why); }});
  raw->Handshake(LinkSide::kChecker, [this, raw]() -> Status {
    raw->Send(Encode(CheckerMessage(CheckerHello{.protocol = kLinkProtocol,
                                                 .session = shared_.session,
                                                 .version = shared_.options.version})));
    return {};
  });
}

// Between half of the pause and all of it: checkers that lost a control together do not come back
// together.
void Link::Ended(const std::string& why) {
  wait_.cancel();
  batch_.cancel();
  ping_.cancel();
  channel_ = nullptr;
  parts_ = {};
  is_assigned_ = again_ = false;
  const bool was_up = std::exchange(is_up_, false);
  if (was_up) {
    --shared_.connected;
  }
  if (was_up || why != problem_) {
    spdlog::warn("control {}: {}", where_, why);
    problem_ = why;
  }
  milliseconds pause = limits().first_pause;
  for (unsigned i = 0; i < failures_ && pause < limits().longest_pause; ++i) {
    pause *= 2;
  }
  ++failures_;
  pause = std::min(pause, limits().longest_pause);
  std::uniform_int_distribution<std::int64_t> part(pause.count() / 2, pause.count());
  wait_.expires_after(milliseconds(part(random_)));
  wait_.async_wait([this](error_code stopped) {
    if (!stopped) {
      Connect();
    }
  });
}

// ---- what control says --------------------------------------------------------------------------

Status Link::Hear(std::string_view text) {
  auto message = DecodeControlMessage(text);
  if (!message) {
    return std::unexpected(message.error());
  }
  if (const auto* refusal = std::get_if<Refusal>(&*message)) {
    return Fail(ErrorCode::kConflict, "control refuses this checker: " + refusal->reason);
  }
  if (const auto* hello = std::get_if<ControlHello>(&*message)) {
    if (is_up_) {
      return Fail(ErrorCode::kInvalid, "control said hello twice");
    }
    if (hello->protocol != kLinkProtocol) {
      return Fail(ErrorCode::kInvalid,
                  "control speaks version " + std::to_string(hello->protocol) +
                      " of the protocol; expected " + std::to_string(kLinkProtocol));
    }
    is_up_ = true;
    ++shared_.connected;
    failures_ = 0;
    problem_.clear();
    echo_ns_ = hello->at_ns;
    heard_ns_ = MonotonicNs();
    channel_->Established();
    spdlog::info("control {}: connected to node {}", where_, hello->node);
    Ping();
    return {};
  }
  if (!is_up_) {
    return Fail(ErrorCode::kInvalid, "control's first message is no hello");
  }
  if (const auto* ping = std::get_if<ControlPing>(&*message)) {
    echo_ns_ = ping->at_ns;
    heard_ns_ = MonotonicNs();
    return {};
  }
  return Take(std::move(std::get<AssignChecks>(*message)));
}

Status Link::Take(AssignChecks part) {
  if (part.reset) {
    parts_ = {};
    parts_.reset = true;
  }
  std::ranges::move(part.remove, std::back_inserter(parts_.remove));
  std::ranges::move(part.set, std::back_inserter(parts_.set));
  if (parts_.set.size() > kMaxAssignedChecks || parts_.remove.size() > kMaxAssignedChecks) {
    return Fail(ErrorCode::kExhausted,
                "control assigns more than " + std::to_string(kMaxAssignedChecks) + " checks");
  }
  if (!part.last) {
    return {};
  }
  const AssignChecks whole = std::exchange(parts_, {});
  HF_TRY(shared_.vantage.Apply(index_, whole));
  spdlog::info("control {}: {} checks assigned, {} targets are probed",
               where_,
               shared_.vantage.checks(index_),
               shared_.vantage.targets());
  if (whole.reset) {
    is_assigned_ = true;
    shared_.vantage.TellAgain(index_);
    Batch();
  }
  Flush();
  return {};
}

// ---- what it is told ----------------------------------------------------------------------------

void Link::Flush() {
  if (!is_assigned_) {
    return;
  }
  again_ = !channel_->drained();
  if (again_) {
    return;
  }
  ReportBatch batch{
      .echo_ns = echo_ns_, .held = {}, .reports = shared_.vantage.Take(index_, kMaxReportsAtOnce)};
  if (batch.reports.empty()) {
    return;
  }
  again_ = batch.reports.size() == kMaxReportsAtOnce;
  batch.held = std::chrono::microseconds((MonotonicNs() - heard_ns_) / 1000);
  channel_->Send(Encode(CheckerMessage(std::move(batch))));
}

void Link::Batch() {
  batch_.expires_after(limits().batch);
  batch_.async_wait([this](error_code stopped) {
    if (!stopped && is_up_) {
      Flush();
      Batch();
    }
  });
}

void Link::Ping() {
  if (channel_->drained()) {
    channel_->Send(Encode(CheckerMessage(CheckerPing{.uplink = shared_.vantage.has_uplink()})));
  }
  ping_.expires_after(limits().ping);
  ping_.async_wait([this](error_code stopped) {
    if (!stopped && is_up_) {
      Ping();
    }
  });
}

}  // namespace

class RemoteChecker::Core {
 public:
  explicit Core(RemoteCheckerOptions options) : options_(std::move(options)) {}
  ~Core() {
    if (vantage_ != nullptr) {
      vantage_->Stop();  // before what it wakes goes
    }
    thread_.Stop();
  }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Status Start();
  [[nodiscard]] std::size_t connected() const noexcept { return shared_->connected.load(); }
  [[nodiscard]] std::size_t targets() const { return vantage_->targets(); }

 private:
  const RemoteCheckerOptions options_;
  std::unique_ptr<Vantage> vantage_;
  std::unique_ptr<Shared> shared_;
  // The order matters at the end: what waits in io_ speaks of the links, and is dropped unheard.
  asio::io_context io_{1};
  std::vector<std::unique_ptr<Link>> links_;
  LoopThread thread_{io_, "links"};
};

Status RemoteChecker::Core::Start() {
  auto identity = ReadIdentity(options_.identity, LinkSide::kChecker);
  if (!identity) {
    return std::unexpected(identity.error());
  }
  auto vantage = Vantage::Create(
      options_.checker, options_.allow_exec, options_.controls.size(), [this](std::size_t control) {
        asio::post(io_, [this, control] { links_[control]->Flush(); });
      });
  if (!vantage) {
    return std::unexpected(vantage.error());
  }
  vantage_ = std::move(*vantage);
  shared_ = std::unique_ptr<Shared>(new Shared{
      .io = io_,
      .vantage = *vantage_,
      .identity = std::move(*identity),
      .options = options_,
      .session = options_.session != 0 ? options_.session : static_cast<std::uint64_t>(WallMs()),
      .connected = 0});
  for (std::size_t i = 0; i < options_.controls.size(); ++i) {
    links_.push_back(std::make_unique<Link>(*shared_, i));
    links_.back()->Connect();
  }
  HF_TRY(vantage_->Start());
  return thread_.Start();
}

RemoteChecker::RemoteChecker(std::unique_ptr<Core> core) : core_(std::move(core)) {}
RemoteChecker::~RemoteChecker() = default;

Result<std::unique_ptr<RemoteChecker>> RemoteChecker::Start(RemoteCheckerOptions options) {
  auto core = std::make_unique<Core>(std::move(options));
  HF_TRY(core->Start());
  return std::unique_ptr<RemoteChecker>(new RemoteChecker(std::move(core)));
}

std::size_t RemoteChecker::connected() const noexcept {
  return core_->connected();
}

std::size_t RemoteChecker::targets() const {
  return core_->targets();
}

}  // namespace holdfast::health
