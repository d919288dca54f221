#include "tests/health/scripted_dns.h"

#include <algorithm>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/wire/name.h"

namespace holdfast::health::testing {

namespace {

constexpr std::size_t kHeaderOctets = 12;
constexpr int kTypeA = 1;
constexpr int kTypeCname = 5;
constexpr int kTypeSoa = 6;
constexpr int kTypeAaaa = 28;
constexpr int kNxdomain = 3;
constexpr unsigned kTruncated = 0x0200;
constexpr std::size_t kMostUdp = 512;
constexpr std::size_t kMostTcp = 65'535;

void Put16(std::string& to, unsigned value) {
  to += static_cast<char>(value >> 8U & 0xFFU);
  to += static_cast<char>(value & 0xFFU);
}

void Put32(std::string& to, unsigned value) {
  Put16(to, value >> 16U);
  Put16(to, value & 0xFFFFU);
}

void PutRecord(
    std::string& to, const std::string& owner, int type, unsigned ttl, const std::string& rdata) {
  to += owner;
  Put16(to, static_cast<unsigned>(type));
  Put16(to, 1);
  Put32(to, ttl);
  Put16(to, static_cast<unsigned>(rdata.size()));
  to += rdata;
}

std::string Octets(const std::string& address) {
  const bool v6 = address.contains(':');
  std::string octets(v6 ? 16 : 4, '\0');
  HF_CHECK(inet_pton(v6 ? AF_INET6 : AF_INET, address.c_str(), octets.data()) == 1);
  return octets;
}

}  // namespace

ScriptedDns::ScriptedDns(std::map<std::string, DnsAnswer> answers) : answers_(std::move(answers)) {
  int tries = 0;
  while (!Open()) {
    HF_CHECK(++tries < 50);  // the port that UDP was given is not free for TCP
  }
  HF_CHECK(pipe(stop_) == 0);
  thread_ = std::thread([this] { Serve(); });
}

bool ScriptedDns::Open() {
  udp_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  tcp_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t octets = sizeof(address);
  HF_CHECK(bind(udp_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  HF_CHECK(getsockname(udp_, reinterpret_cast<sockaddr*>(&address), &octets) == 0);
  port_ = ntohs(address.sin_port);
  if (bind(tcp_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
      listen(tcp_, 64) == 0) {
    return true;
  }
  close(udp_);
  close(tcp_);
  return false;
}

ScriptedDns::~ScriptedDns() {
  HF_CHECK(write(stop_[1], "x", 1) == 1);
  thread_.join();
  for (const int fd : {udp_, tcp_, stop_[0], stop_[1]}) {
    close(fd);
  }
}

void ScriptedDns::Set(const std::string& name, DnsAnswer answer) {
  const std::lock_guard lock(mutex_);
  answers_[name] = std::move(answer);
}

int ScriptedDns::MostPerSecond() {
  const std::lock_guard lock(mutex_);
  std::ptrdiff_t most = 0;
  for (auto last = asked_.begin(); last != asked_.end(); ++last) {
    const auto first = std::ranges::lower_bound(asked_, *last - std::chrono::seconds(1));
    most = std::max(most, last - first);  // within the second that ends before `last`
  }
  return static_cast<int>(most);
}

void ScriptedDns::Count() {
  ++queries_;
  const std::lock_guard lock(mutex_);
  asked_.push_back(Clock::now());
}

void ScriptedDns::Serve() {
  for (;;) {
    pollfd wait[3] = {{.fd = udp_, .events = POLLIN, .revents = 0},
                      {.fd = tcp_, .events = POLLIN, .revents = 0},
                      {.fd = stop_[0], .events = POLLIN, .revents = 0}};
    if (poll(wait, 3, -1) < 0 || wait[2].revents != 0) {
      return;
    }
    if (wait[0].revents != 0) {
      ServeUdp();
    }
    if (wait[1].revents != 0) {
      ServeTcp();
    }
  }
}

void ScriptedDns::ServeUdp() {
  std::string query(512, '\0');
  sockaddr_in from{};
  socklen_t octets = sizeof(from);
  const ssize_t count =
      recvfrom(udp_, query.data(), query.size(), 0, reinterpret_cast<sockaddr*>(&from), &octets);
  if (count < static_cast<ssize_t>(kHeaderOctets)) {
    return;
  }
  Count();
  query.resize(static_cast<std::size_t>(count));
  const std::string reply = Reply(query, kMostUdp);
  if (!reply.empty()) {
    sendto(udp_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), octets);
  }
}

// One query a connection, from a client on loopback that sends it at once.
void ScriptedDns::ServeTcp() {
  const int way = accept(tcp_, nullptr, nullptr);
  const timeval patience{.tv_sec = 2, .tv_usec = 0};
  setsockopt(way, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  unsigned char length[2] = {0, 0};
  if (recv(way, length, sizeof(length), MSG_WAITALL) == 2) {
    std::string query((length[0] << 8U) | length[1], '\0');
    if (recv(way, query.data(), query.size(), MSG_WAITALL) == static_cast<ssize_t>(query.size())) {
      Count();
      ++tcp_queries_;
      const std::string reply = Reply(query, kMostTcp);
      std::string framed;
      Put16(framed, static_cast<unsigned>(reply.size()));
      framed += reply;
      send(way, framed.data(), framed.size(), MSG_NOSIGNAL);
    }
  }
  close(way);
}

std::string ScriptedDns::Reply(const std::string& query, std::size_t most) {
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
  const std::lock_guard lock(mutex_);
  const auto found = answers_.find(name);
  const DnsAnswer nothing{.rcode = kNxdomain};
  const DnsAnswer& answer = found != answers_.end() ? found->second : nothing;
  if (answer.silent) {
    return {};
  }
  std::string records;
  std::string owner = "\xC0\x0C";
  unsigned count = 0;
  for (const auto& [from, to] : answer.rcode == 0 ? answer.aliases : decltype(answer.aliases){}) {
    PutRecord(
        records, wire::FromText(from).value(), kTypeCname, answer.ttl, wire::FromText(to).value());
    owner = wire::FromText(to).value();
    ++count;
  }
  unsigned given = 0;
  for (const std::string& address : type == kTypeAaaa ? answer.addresses6 : answer.addresses) {
    const bool gives = (type == kTypeA && !answer.aaaa_only) || type == kTypeAaaa;
    if (gives && answer.rcode == 0) {
      PutRecord(records, owner, type, answer.ttl, Octets(address));
      ++given;
    }
  }
  count += given;
  const bool has_soa = given == 0 && answer.soa_minimum.has_value();
  if (has_soa) {
    std::string soa("\0\0", 2);  // both names are the root
    soa.append(16, '\0');
    Put32(soa, *answer.soa_minimum);
    PutRecord(records, std::string(1, '\0'), kTypeSoa, 3600, soa);
  }
  const std::string question = query.substr(kHeaderOctets, at + 5 - kHeaderOctets);
  const bool fits = kHeaderOctets + question.size() + records.size() <= most;
  std::string reply = query.substr(0, 2);
  Put16(reply, 0x8180U | (fits ? 0 : kTruncated) | static_cast<unsigned>(answer.rcode));
  Put16(reply, 1);
  Put16(reply, fits ? count : 0);
  Put16(reply, fits && has_soa ? 1 : 0);
  Put16(reply, 0);
  return reply + question + (fits ? records : "");
}

}  // namespace holdfast::health::testing
