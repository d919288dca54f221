// One multi handle, polled; due work and what others posted are done between two polls.
#include "control/http/client.h"

#include <algorithm>
#include <atomic>
#include <curl/curl.h>
#include <exception>
#include <map>
#include <mutex>
#include <spdlog/spdlog.h>
#include <thread>
#include <utility>

#include "health/net/threads.h"

namespace holdfast::control {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxHeaderOctets = std::size_t{16} << 10;
constexpr long kKeptConnections = 64;
constexpr auto kLongestPoll = std::chrono::milliseconds(1000);

struct Call {
  HttpCall asked;
  std::function<void(Result<HttpAnswer>)> done;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  HttpAnswer answer;
  std::size_t header_octets = 0;
  bool too_large = false;

  Call() = default;
  ~Call() {
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
};

// Both are called by C: nothing may leave them but a number.
std::size_t OnBody(char* octets, std::size_t one, std::size_t count, void* data) noexcept {
  Call& call = *static_cast<Call*>(data);
  const std::size_t size = one * count;
  if (size > call.asked.reply_octets - std::min(call.asked.reply_octets, call.answer.body.size())) {
    call.too_large = true;
    return 0;
  }
  try {
    call.answer.body.append(octets, size);
  } catch (const std::exception&) {
    return 0;
  }
  return size;
}

std::size_t OnHeader(char*, std::size_t one, std::size_t count, void* data) noexcept {
  Call& call = *static_cast<Call*>(data);
  call.header_octets += one * count;
  call.too_large = call.header_octets > kMaxHeaderOctets;
  return call.too_large ? 0 : one * count;
}

}  // namespace

class HttpClient::Core {
 public:
  explicit Core(CURLM* multi) : multi_(multi) {
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kKeptConnections);
  }
  ~Core() {
    ending_ = true;
    curl_multi_wakeup(multi_);
    if (thread_.joinable()) {
      thread_.join();
    }
    for (const auto& [easy, call] : calls_) {
      curl_multi_remove_handle(multi_, easy);
    }
    calls_.clear();
    curl_multi_cleanup(multi_);
  }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Status Start();
  void Post(Work work);
  void After(std::chrono::milliseconds delay, Work work) {
    due_.emplace(Clock::now() + delay, std::move(work));
  }
  void Send(HttpCall asked, std::function<void(Result<HttpAnswer>)> done);

 private:
  void Run();
  void DoPosted();
  void DoDue();
  void Finish();
  int PollMs() const;

  CURLM* const multi_;
  std::atomic<bool> ending_ = false;
  std::mutex mutex_;
  std::vector<Work> posted_;  // guarded by mutex_
  // The thread's own:
  std::multimap<Clock::time_point, Work> due_;
  std::map<CURL*, std::unique_ptr<Call>> calls_;
  std::thread thread_;
};

Status HttpClient::Core::Start() {
  auto thread = health::StartThread("http-client", [this] {
    while (!ending_) {
      try {
        Run();
      } catch (const std::exception& thrown) {
        spdlog::error("http client: {}", thrown.what());
      }
    }
  });
  if (!thread) {
    return std::unexpected(thread.error());
  }
  thread_ = std::move(*thread);
  return {};
}

void HttpClient::Core::Post(Work work) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
  }
  curl_multi_wakeup(multi_);
}

void HttpClient::Core::Send(HttpCall asked, std::function<void(Result<HttpAnswer>)> done) {
  auto call = std::make_unique<Call>();
  call->asked = std::move(asked);
  call->done = std::move(done);
  call->easy = curl_easy_init();
  CURL* const easy = call->easy;
  if (easy == nullptr) {
    return After({}, [done = std::move(call->done)] {
      done(Fail(ErrorCode::kUnavailable, "there is no memory for the call"));
    });
  }
  for (const std::string& header : call->asked.headers) {
    call->headers = curl_slist_append(call->headers, header.c_str());
  }
  call->headers = curl_slist_append(call->headers, "Expect:");  // the body at once
  curl_easy_setopt(easy, CURLOPT_URL, call->asked.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // does not wait for a resolver that hangs
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(call->asked.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "Holdfast/" HF_VERSION);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(call->asked.body.size()));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->asked.body.c_str());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, call.get());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, call.get());
  calls_.emplace(easy, std::move(call));
  curl_multi_add_handle(multi_, easy);
}

void HttpClient::Core::Run() {
  while (!ending_) {
    DoPosted();
    DoDue();
    int running = 0;
    curl_multi_perform(multi_, &running);
    Finish();
    curl_multi_poll(multi_, nullptr, 0, PollMs(), nullptr);
  }
}

void HttpClient::Core::DoPosted() {
  std::vector<Work> posted;
  {
    const std::lock_guard lock(mutex_);
    posted.swap(posted_);
  }
  for (const Work& work : posted) {
    work();
  }
}

void HttpClient::Core::DoDue() {
  const auto now = Clock::now();
  while (!due_.empty() && due_.begin()->first <= now) {
    const Work work = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    work();
  }
}

void HttpClient::Core::Finish() {
  int left = 0;
  while (const CURLMsg* said = curl_multi_info_read(multi_, &left)) {
    if (said->msg != CURLMSG_DONE) {
      continue;
    }
    CURL* const easy = said->easy_handle;
    const CURLcode code = said->data.result;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &calls_.at(easy)->answer.status);
    curl_multi_remove_handle(multi_, easy);  // `said` is gone with it
    const auto call = std::move(calls_.extract(easy).mapped());
    if (code == CURLE_OK) {
      call->done(std::move(call->answer));
    } else {
      call->done(Fail(ErrorCode::kUnavailable,
                      call->too_large ? "the reply is larger than " +
                                            std::to_string(call->asked.reply_octets) + " octets"
                                      : curl_easy_strerror(code)));
    }
  }
}

int HttpClient::Core::PollMs() const {
  auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(kLongestPoll);
  if (!due_.empty()) {
    wait =
        std::clamp(std::chrono::ceil<std::chrono::milliseconds>(due_.begin()->first - Clock::now()),
                   std::chrono::milliseconds(0),
                   wait);
  }
  return static_cast<int>(wait.count());
}

HttpClient::HttpClient(std::unique_ptr<Core> core) : core_(std::move(core)) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>> HttpClient::Create() {
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM* const multi = kReady == CURLE_OK ? curl_multi_init() : nullptr;
  if (multi == nullptr) {
    return Fail(ErrorCode::kExhausted, "http client: libcurl could not be set up");
  }
  auto core = std::make_unique<Core>(multi);
  HF_TRY(core->Start());
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(core)));
}

void HttpClient::Post(Work work) {
  core_->Post(std::move(work));
}
void HttpClient::After(std::chrono::milliseconds delay, Work work) {
  core_->After(delay, std::move(work));
}
void HttpClient::Send(HttpCall call, std::function<void(Result<HttpAnswer>)> done) {
  core_->Send(std::move(call), std::move(done));
}

}  // namespace holdfast::control
