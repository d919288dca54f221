// A name server on loopback whose answers the test writes.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::health::testing {

struct DnsAnswer {
  std::vector<std::string> addresses;  // A records
  std::uint32_t ttl = 60;
  bool aaaa_only = false;  // NODATA for A
  int rcode = 0;           // 2 SERVFAIL, 3 NXDOMAIN
  bool silent = false;
};

class ScriptedDns {
 public:
  explicit ScriptedDns(std::map<std::string, DnsAnswer> answers);
  ~ScriptedDns();
  ScriptedDns(const ScriptedDns&) = delete;
  ScriptedDns& operator=(const ScriptedDns&) = delete;

  /// "127.0.0.1:port", as the resolver wants it.
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] int queries() const { return queries_; }

 private:
  void Serve();
  [[nodiscard]] std::string Reply(const std::string& query) const;

  std::map<std::string, DnsAnswer> answers_;
  int fd_ = -1;
  int stop_[2] = {-1, -1};
  std::uint16_t port_ = 0;
  std::atomic<int> queries_ = 0;
  std::thread thread_;
};

}  // namespace holdfast::health::testing
