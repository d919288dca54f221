// A real UDP endpoint on loopback that answers each datagram as the test's script says, on a thread
// of its own that ends with the object.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::health::testing {

class ScriptedUdp {
 public:
  /// What to send back for one datagram, in this order.
  using Script = std::function<std::vector<std::string>(const std::string&)>;

  explicit ScriptedUdp(Script script);
  ~ScriptedUdp();
  ScriptedUdp(const ScriptedUdp&) = delete;
  ScriptedUdp& operator=(const ScriptedUdp&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int datagrams() const { return datagrams_; }

 private:
  void Serve();

  Script script_;
  int fd_ = -1;
  int stop_[2] = {-1, -1};
  std::uint16_t port_ = 0;
  std::atomic<int> datagrams_ = 0;
  std::thread thread_;
};

}  // namespace holdfast::health::testing
