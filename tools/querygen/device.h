// A port of the generator or the reflector: any DPDK device with one queue each way. Cold; main
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <rte_mempool.h>

#include "dataplane/base/result.h"
#include "dataplane/io/classify.h"

namespace holdfast::querygen {

inline constexpr std::uint16_t kDescriptors = 2048;

/// Buffers for one port and for what its user keeps.
class Pool {
 public:
  /// @param name  unlike that of any other pool of the process. @return kExhausted with the reason.
  static Result<Pool> Create(const std::string& name);
  Pool(Pool&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}
  Pool& operator=(Pool&&) = delete;
  ~Pool() { rte_mempool_free(pool_); }
  [[nodiscard]] rte_mempool* get() const noexcept { return pool_; }

 private:
  explicit Pool(rte_mempool* pool) : pool_(pool) {}
  rte_mempool* pool_;
};

/// Ends stopped and closed.
class Device {
 public:
  /// Probes a virtual device ("net_memif0,role=server", "net_af_xdp0,iface=c0") and starts it.
  /// @return what DPDK said when it does not come up.
  static Result<Device> Open(const std::string& text, const Pool& pool);
  /// Starts a port that exists.
  static Result<Device> Start(std::uint16_t id, const Pool& pool);
  Device(Device&& other) noexcept : id_(other.id_), open_(std::exchange(other.open_, false)) {}
  Device& operator=(Device&&) = delete;
  ~Device();

  [[nodiscard]] std::uint16_t id() const noexcept { return id_; }
  [[nodiscard]] io::MacAddress Mac() const;
  /// Whether frames can leave: a memif needs its other end.
  [[nodiscard]] bool IsUp() const;
  /// Waits until it is. @return kUnavailable after `seconds`.
  [[nodiscard]] Status WaitUp(unsigned seconds) const;

 private:
  explicit Device(std::uint16_t id) : id_(id) {}
  std::uint16_t id_;
  bool open_ = true;
};

}  // namespace holdfast::querygen
