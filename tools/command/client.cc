// A unix stream socket, never blocking, with one deadline per call; see client.h.
#include "tools/command/client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace holdfast::tools {

namespace {

using Clock = std::chrono::steady_clock;

// Far more than a status of ten thousand checks; a bound against a peer that never ends its line.
constexpr std::size_t kMostReplyOctets = std::size_t{256} << 20;

bool WaitFor(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd waits{.fd = fd, .events = events, .revents = 0};
    const int ready = poll(&waits, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready > 0) {
      return true;
    }
    if (ready == 0 || errno != EINTR) {
      return false;
    }
  }
}

// The socket is its owner's alone: who may write to it can change every answer.
std::string NotOurs(const std::string& path) {
  struct stat st{};
  const std::string user = stat(path.c_str(), &st) == 0 && st.st_uid != 0
                               ? "-u '#" + std::to_string(st.st_uid) + "' "
                               : "";
  return "control is asked through " + path + ", which user id " + std::to_string(geteuid()) +
         " may not use: ask as the user that runs it, `sudo " + user + "holdfast ...`";
}

}  // namespace

std::string ControlSocketPath(const std::string& run_dir) {
  return run_dir + "/control.sock";
}

Result<ControlClient> ControlClient::Connect(const std::string& run_dir,
                                             std::chrono::milliseconds patience) {
  const std::string path = ControlSocketPath(run_dir);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return Fail(ErrorCode::kInvalid,
                path + " is " + std::to_string(path.size()) + " octets long; expected at most " +
                    std::to_string(sizeof(address.sun_path) - 1) + ": choose a shorter run_dir");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    return Fail(ErrorCode::kIo, std::string("cannot make a socket: ") + std::strerror(errno));
  }
  ControlClient client(fd, path, patience);
  // A unix socket connects at once, or says EAGAIN when too many wait already.
  const Clock::time_point deadline = Clock::now() + patience;
  while (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    if (errno == EACCES) {
      return Fail(ErrorCode::kUnavailable, NotOurs(path));
    }
    if (errno != EAGAIN || Clock::now() >= deadline) {
      return Fail(ErrorCode::kUnavailable,
                  "control does not answer on " + path + " (" + std::strerror(errno) +
                      "); does `holdfast run` run, with this run_dir?");
    }
    poll(nullptr, 0, 5);
  }
  return client;
}

ControlClient::ControlClient(ControlClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      patience_(other.patience_),
      received_(std::move(other.received_)) {}

ControlClient::~ControlClient() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

Result<nlohmann::json> ControlClient::Call(const nlohmann::json& request) {
  const Clock::time_point deadline = Clock::now() + patience_;
  std::string text;
  try {
    text = request.dump();
  } catch (const nlohmann::json::exception&) {
    return Fail(ErrorCode::kInvalid, "a name or path is not UTF-8, which control expects");
  }
  HF_TRY(Send(text + "\n", deadline));
  const auto line = Receive(deadline);
  if (!line) {
    return std::unexpected(line.error());
  }
  nlohmann::json reply = nlohmann::json::parse(*line, nullptr, /*allow_exceptions=*/false);
  const auto ok = reply.is_object() ? reply.find("ok") : reply.end();
  if (!reply.is_object() || ok == reply.end() || !ok->is_boolean()) {
    return Fail(ErrorCode::kUnavailable,
                path_ + " answered what is no reply of control: " + line->substr(0, 100));
  }
  return reply;
}

Status ControlClient::Send(const std::string& line, Clock::time_point deadline) {
  std::size_t sent = 0;
  while (sent < line.size()) {
    const ssize_t now = send(fd_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (now >= 0) {
      sent += static_cast<std::size_t>(now);
    } else if (errno != EINTR &&
               ((errno != EAGAIN && errno != EWOULDBLOCK) || !WaitFor(fd_, POLLOUT, deadline))) {
      return Fail(ErrorCode::kUnavailable, "control at " + path_ + " takes no request");
    }
  }
  return {};
}

Result<std::string> ControlClient::Receive(Clock::time_point deadline) {
  std::array<char, 65536> buffer{};
  std::size_t searched = 0;
  for (;;) {
    const std::size_t end = received_.find('\n', searched);
    if (end != std::string::npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return line;
    }
    searched = received_.size();
    if (searched > kMostReplyOctets) {
      return Fail(ErrorCode::kUnavailable, "control at " + path_ + " does not end its reply");
    }
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
    if (got > 0) {
      received_.append(buffer.data(), static_cast<std::size_t>(got));
    } else if (got == 0) {
      return Fail(ErrorCode::kUnavailable, "control at " + path_ + " went away before it replied");
    } else if (errno != EINTR) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        return Fail(ErrorCode::kUnavailable, "control at " + path_ + ": " + std::strerror(errno));
      }
      if (!WaitFor(fd_, POLLIN, deadline)) {
        return Fail(ErrorCode::kUnavailable,
                    "control at " + path_ + " did not reply within " +
                        std::to_string(patience_.count()) +
                        " ms; what was asked may still be done");
      }
    }
  }
}

}  // namespace holdfast::tools
