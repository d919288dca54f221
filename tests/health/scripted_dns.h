// A name server on loopback, UDP and TCP, whose answers the test writes and changes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace holdfast::health::testing {

struct DnsAnswer {
  std::vector<std::string> addresses;  // A records
  std::uint32_t ttl = 60;
  bool aaaa_only = false;  // NODATA for A
  int rcode = 0;           // 2 SERVFAIL, 3 NXDOMAIN
  bool silent = false;
  std::vector<std::string> addresses6;                       // AAAA records
  std::vector<std::pair<std::string, std::string>> aliases;  // CNAMEs, before the addresses, which
                                                             // the target of the last one has
  std::optional<std::uint32_t> soa_minimum;  // of a reply without addresses: there is an SOA
};

class ScriptedDns {
 public:
  using Clock = std::chrono::steady_clock;

  /// Names that are not there do not exist.
  explicit ScriptedDns(std::map<std::string, DnsAnswer> answers);
  ~ScriptedDns();
  ScriptedDns(const ScriptedDns&) = delete;
  ScriptedDns& operator=(const ScriptedDns&) = delete;

  /// From the next query on.
  void Set(const std::string& name, DnsAnswer answer);
  /// "127.0.0.1:port", as the resolver wants it.
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// By either way.
  [[nodiscard]] int queries() const { return queries_; }
  [[nodiscard]] int tcp_queries() const { return tcp_queries_; }
  /// The most queries within any second.
  [[nodiscard]] int MostPerSecond();

 private:
  bool Open();
  void Serve();
  void ServeUdp();
  void ServeTcp();
  void Count();
  [[nodiscard]] std::string Reply(const std::string& query, std::size_t most);

  std::mutex mutex_;  // guards answers_ and asked_
  std::map<std::string, DnsAnswer> answers_;
  std::vector<Clock::time_point> asked_;
  int udp_ = -1;
  int tcp_ = -1;
  int stop_[2] = {-1, -1};
  std::uint16_t port_ = 0;
  std::atomic<int> queries_ = 0;
  std::atomic<int> tcp_queries_ = 0;
  std::thread thread_;
};

}  // namespace holdfast::health::testing
