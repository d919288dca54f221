// HTTP that control itself begins: a thread with a loop of its own, on which any number of calls
// are under way at a time, none of which waits for another. The only file that knows libcurl is
// client.cc. No proxy of the environment, no redirects, HTTP and HTTPS alone; certificates are
// verified.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/base/result.h"

namespace holdfast::control {

struct HttpCall {
  std::string url;
  std::vector<std::string> headers;          // "Name: value" each
  std::string body;                          // it is a POST
  std::chrono::milliseconds timeout{5'000};  // of the whole call, name and connection included
  std::size_t reply_octets = std::size_t{64} << 10;  // of the body at most; more is an error
};

struct HttpAnswer {
  long status = 0;
  std::string body;
};

class HttpClient {
 public:
  using Work = std::function<void()>;

  /// Starts the thread. @return kExhausted when the system denies it or libcurl.
  static Result<std::unique_ptr<HttpClient>> Create();
  /// Ends the thread; calls under way are given up, nothing is called any more.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Has `work` done on the client's thread, soon. Any thread; never waits for a call.
  void Post(Work work);
  /// The same after a while. The client's thread only, as Send.
  void After(std::chrono::milliseconds delay, Work work);
  /// Makes a call; `done` is called once, later, on the client's thread. An answer with any status
  /// is an answer; kUnavailable is none, with the reason.
  void Send(HttpCall call, std::function<void(Result<HttpAnswer>)> done);

 private:
  class Core;
  explicit HttpClient(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace holdfast::control
