// HTTP/1.1 for what people and programs ask of control: metrics, and alarms that are posted. A
// thread and a loop of its own, so that no client can hold back a transition; what its handlers
// know of the node are copies. The only file that knows Beast's server side is listener.cc.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/http_config.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

struct HttpReply {
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::shared_ptr<const std::string> body;  // shared, so that a large one is there once; or null
};

/// A reply of one sentence.
HttpReply Sentence(unsigned status, const std::string& text);

struct HttpRoute {
  enum class Method { kGet, kPost };  // kGet answers HEAD too; kPost takes JSON only

  Method method = Method::kGet;
  std::string path;  // "/metrics"; one that ends with "/" is a prefix of the paths it stands for
  bool guarded = false;  // asks for the bearer token, where there is one
  /// For paths with secrets of their own: whether the bearer of `token` may have `rest`; else 403.
  /// A browser asks first before it sends a token elsewhere, so a POST may be of any type.
  std::function<bool(std::string_view rest, std::string_view token)> permits = nullptr;
  std::size_t body_octets = 0;  // of a POST; 0: as the listener's limit
  /// On the listener's thread. @param rest  the decoded path behind the prefix. @param body  of a
  /// POST, else empty.
  std::function<HttpReply(std::string_view rest, const std::string& body)> handle;
};

/// Bounds of what clients may make it do; the defaults suit a scraper and an Alertmanager.
struct HttpLimits {
  std::size_t connections = 64;             // at a time; then the one that is idle longest goes
  std::size_t header_octets = 8192;         // with the request line
  std::size_t body_octets = 262'144;        // of a POST
  std::chrono::milliseconds header{5'000};  // from the first octet on, in all
  std::chrono::milliseconds body{10'000};   // in all
  std::chrono::milliseconds write{30'000};  // in all
  std::chrono::milliseconds idle{60'000};   // between requests
};

class HttpListener {
 public:
  /// Listens and starts the thread. @param token  of guarded routes; empty: none is asked for.
  /// @return kIo when an address cannot be had.
  static Result<std::unique_ptr<HttpListener>> Start(const HttpConfig& config,
                                                     std::string token,
                                                     std::vector<HttpRoute> routes,
                                                     const HttpLimits& limits = {});
  /// Ends the thread; connections are cut.
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

 private:
  class Core;
  explicit HttpListener(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace holdfast::control
