#include "tests/health/scripted_dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/base/check.h"

namespace holdfast::health::testing {

namespace {

constexpr std::size_t kHeaderOctets = 12;
constexpr int kTypeA = 1;
constexpr int kNxdomain = 3;

void Put16(std::string& to, unsigned value) {
  to += static_cast<char>(value >> 8U);
  to += static_cast<char>(value & 0xFFU);
}

}  // namespace

ScriptedDns::ScriptedDns(std::map<std::string, DnsAnswer> answers) : answers_(std::move(answers)) {
  fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t octets = sizeof(address);
  HF_CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  HF_CHECK(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &octets) == 0);
  port_ = ntohs(address.sin_port);
  HF_CHECK(pipe(stop_) == 0);
  thread_ = std::thread([this] { Serve(); });
}

ScriptedDns::~ScriptedDns() {
  HF_CHECK(write(stop_[1], "x", 1) == 1);
  thread_.join();
  close(fd_);
  close(stop_[0]);
  close(stop_[1]);
}

void ScriptedDns::Serve() {
  for (;;) {
    pollfd wait[2] = {{.fd = fd_, .events = POLLIN, .revents = 0},
                      {.fd = stop_[0], .events = POLLIN, .revents = 0}};
    if (poll(wait, 2, -1) < 0 || wait[1].revents != 0) {
      return;
    }
    std::string query(512, '\0');
    sockaddr_in from{};
    socklen_t octets = sizeof(from);
    const ssize_t count =
        recvfrom(fd_, query.data(), query.size(), 0, reinterpret_cast<sockaddr*>(&from), &octets);
    if (count < static_cast<ssize_t>(kHeaderOctets)) {
      continue;
    }
    ++queries_;
    query.resize(static_cast<std::size_t>(count));
    const std::string reply = Reply(query);
    if (!reply.empty()) {
      sendto(fd_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), octets);
    }
  }
}

std::string ScriptedDns::Reply(const std::string& query) const {
  std::string name;
  std::size_t at = kHeaderOctets;
  while (at < query.size() && query[at] != 0) {
    const auto length = static_cast<unsigned char>(query[at]);
    name += (name.empty() ? "" : ".") + query.substr(at + 1, length);
    at += length + 1U;
  }
  if (at + 5 > query.size()) {
    return {};
  }
  const int type =
      (static_cast<unsigned char>(query[at + 1]) << 8) | static_cast<unsigned char>(query[at + 2]);
  const auto found = answers_.find(name);
  const DnsAnswer nothing{.rcode = kNxdomain};
  const DnsAnswer& answer = found != answers_.end() ? found->second : nothing;
  if (answer.silent) {
    return {};
  }
  const bool gives = type == kTypeA && !answer.aaaa_only && answer.rcode == 0;
  std::string reply = query.substr(0, 2);
  Put16(reply, 0x8180U | static_cast<unsigned>(answer.rcode));
  Put16(reply, 1);
  Put16(reply, gives ? static_cast<unsigned>(answer.addresses.size()) : 0);
  Put16(reply, 0);
  Put16(reply, 0);
  reply += query.substr(kHeaderOctets, at + 5 - kHeaderOctets);
  for (const std::string& address : gives ? answer.addresses : std::vector<std::string>{}) {
    Put16(reply, 0xC00C);
    Put16(reply, kTypeA);
    Put16(reply, 1);
    Put16(reply, answer.ttl >> 16U);
    Put16(reply, answer.ttl & 0xFFFFU);
    Put16(reply, 4);
    in_addr octets{};
    HF_CHECK(inet_pton(AF_INET, address.c_str(), &octets) == 1);
    reply.append(reinterpret_cast<const char*>(&octets), sizeof(octets));
  }
  return reply;
}

}  // namespace holdfast::health::testing
