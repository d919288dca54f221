// One option per line of the configuration that a process needs; see render.h.
#include "tools/supervise/render.h"

#include <utility>

namespace holdfast::tools {

namespace {

// For the first tables. Past it the process ends and is started again: the same wait, once more.
constexpr std::uint64_t kTablesPatienceSeconds = 3600;

class Words {
 public:
  void Add(const char* option) { words_.emplace_back(option); }
  void Add(const char* option, const std::string& value) {
    words_.emplace_back(option);
    words_.push_back(value);
  }
  void Add(const char* option, std::uint64_t value) { Add(option, std::to_string(value)); }
  std::vector<std::string> Take() { return std::move(words_); }

 private:
  std::vector<std::string> words_;
};

template <class T>
std::string JoinNumbers(const std::vector<T>& numbers) {
  std::string text;
  for (const T number : numbers) {
    text += (text.empty() ? "" : ",") + std::to_string(number);
  }
  return text;
}

std::string OfPort(const control::PortConfig& port, const std::string& value) {
  return port.Name() + "=" + value;
}

}  // namespace

std::vector<std::string> ControlArguments(const control::NodeConfig& node) {
  Words words;
  words.Add("--config", node.path);
  return words.Take();
}

std::vector<std::string> DataplaneArguments(const control::NodeConfig& node) {
  const control::DataplaneConfig& dataplane = node.dataplane;
  Words words;
  words.Add("--run-dir", node.run_dir);
  words.Add("--wait", kTablesPatienceSeconds);
  words.Add("--lcores", JoinNumbers(dataplane.lcores));
  words.Add("--burst", dataplane.burst);
  words.Add("--memory-mb", dataplane.memory_mb);
  if (!dataplane.hugepages) {
    words.Add("--no-huge");
  }
  if (!node.location.client_subnet) {
    words.Add("--no-client-subnet");
  }
  words.Add("--file-prefix", dataplane.file_prefix);
  for (const control::PortConfig& port : dataplane.ports) {
    const std::string name = port.Name();
    words.Add("--port", port.device);
    words.Add("--queues", OfPort(port, std::to_string(port.queues)));
    words.Add("--descriptors", OfPort(port, std::to_string(port.descriptors)));
    if (!port.verify_udp_checksum) {
      words.Add("--trust-udp-checksum", name);
    }
    if (!port.kernel_interface.empty()) {
      words.Add("--kernel-interface", OfPort(port, port.kernel_interface));
    }
    for (const std::string& address : port.addresses) {
      words.Add("--address", OfPort(port, address));
    }
  }
  for (const std::string& word : dataplane.eal_args) {
    // In one word: its own may begin with a dash, too.
    words.Add(("--eal=" + word).c_str());
  }
  return words.Take();
}

std::vector<std::string> SocketsArguments(const control::NodeConfig& node,
                                          const std::string& user) {
  const control::SocketsConfig& sockets = node.sockets;
  Words words;
  words.Add("--run-dir", node.run_dir);
  if (!user.empty()) {
    words.Add("--user", user);
  }
  words.Add("--threads", sockets.threads);
  words.Add("--tcp-max-connections", sockets.tcp_max_connections);
  words.Add("--tcp-max-per-client", sockets.tcp_max_per_client);
  words.Add("--tcp-idle-ms", sockets.tcp_idle_ms);
  words.Add("--tcp-total-ms", sockets.tcp_total_ms);
  if (!node.location.client_subnet) {
    words.Add("--no-client-subnet");
  }
  return words.Take();
}

bool SocketsWantUdp(const control::NodeConfig& node) noexcept {
  return node.sockets.udp != control::SocketsUdp::kNever;
}

}  // namespace holdfast::tools
