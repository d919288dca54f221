#include "health/probe/grpc_call.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <nghttp2/nghttp2.h>
#include <optional>

#include "dataplane/base/bytes.h"

namespace holdfast::health {

namespace {

constexpr std::size_t kPrefixOctets = 5;       // compressed flag, length
constexpr std::size_t kMaxMessageOctets = 64;  // a response needs two
constexpr std::size_t kMaxShownOctets = 100;   // of grpc-message
constexpr std::uint64_t kServing = 1;
constexpr const char* kNoHttp2 = "Failure: the endpoint does not speak HTTP/2";

constexpr std::array kServingWords{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
constexpr std::array kStatusWords{"OK",
                                  "CANCELLED",
                                  "UNKNOWN",
                                  "INVALID_ARGUMENT",
                                  "DEADLINE_EXCEEDED",
                                  "NOT_FOUND",
                                  "ALREADY_EXISTS",
                                  "PERMISSION_DENIED",
                                  "RESOURCE_EXHAUSTED",
                                  "FAILED_PRECONDITION",
                                  "ABORTED",
                                  "OUT_OF_RANGE",
                                  "UNIMPLEMENTED",
                                  "INTERNAL",
                                  "UNAVAILABLE",
                                  "DATA_LOSS",
                                  "UNAUTHENTICATED"};

// A base-128 number of protobuf: seven bits an octet, the least first, ten octets at most.
bool ReadVarint(std::span<const std::byte>& from, std::uint64_t& number) {
  number = 0;
  for (unsigned shift = 0; shift < 64 && !from.empty(); shift += 7) {
    const auto octet = std::to_integer<std::uint64_t>(from.front());
    from = from.subspan(1);
    number |= (octet & 0x7FU) << shift;
    if ((octet & 0x80U) == 0) {
      return true;
    }
  }
  return false;
}

bool SkipField(std::span<const std::byte>& from, std::uint64_t wire_type) {
  std::uint64_t octets = 0;
  switch (wire_type) {
    case 0:
      return ReadVarint(from, octets);
    case 1:
      octets = 8;
      break;
    case 2:
      if (!ReadVarint(from, octets)) {
        return false;
      }
      break;
    case 5:
      octets = 4;
      break;
    default:
      return false;
  }
  if (octets > from.size()) {
    return false;
  }
  from = from.subspan(octets);
  return true;
}

// HealthCheckRequest{service = 1} behind gRPC's prefix. A service has at most 255 octets.
std::string RequestMessage(const std::string& service) {
  std::string message;
  if (!service.empty()) {
    message += '\x0A';  // field 1, length-delimited
    if (service.size() >= 0x80) {
      message += static_cast<char>((service.size() & 0x7FU) | 0x80U);
      message += static_cast<char>(service.size() >> 7U);
    } else {
      message += static_cast<char>(service.size());
    }
    message += service;
  }
  std::string framed(kPrefixOctets, '\0');
  StoreBe32(framed.data() + 1, static_cast<std::uint32_t>(message.size()));
  return framed + message;
}

std::optional<unsigned> Number(std::string_view text) {
  unsigned number = 0;
  const char* end = std::to_address(text.end());
  const auto parsed = std::from_chars(std::to_address(text.begin()), end, number);
  return parsed.ec == std::errc{} && parsed.ptr == end ? std::optional(number) : std::nullopt;
}

std::string Printable(std::string_view text) {
  std::string shown;
  for (const char c : text.substr(0, kMaxShownOctets)) {
    shown += c >= 0x20 && c < 0x7F ? c : '?';
  }
  return shown;
}

}  // namespace

bool ReadServingStatus(std::span<const std::byte> message, std::uint64_t& status) {
  status = 0;
  while (!message.empty()) {
    std::uint64_t tag = 0;
    if (!ReadVarint(message, tag)) {
      return false;
    }
    const bool wanted = tag == (1U << 3U);  // field 1, varint
    if (wanted ? !ReadVarint(message, status) : !SkipField(message, tag & 7U)) {
      return false;
    }
  }
  return true;
}

// What nghttp2's callbacks fill.
struct GrpcCall::Session {
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { nghttp2_session_del(http2); }

  static int OnHeader(nghttp2_session* /*session*/,
                      const nghttp2_frame* frame,
                      const std::uint8_t* name,
                      std::size_t name_octets,
                      const std::uint8_t* value,
                      std::size_t value_octets,
                      std::uint8_t /*flags*/,
                      void* self);
  static int OnData(nghttp2_session* /*session*/,
                    std::uint8_t /*flags*/,
                    std::int32_t stream,
                    const std::uint8_t* data,
                    std::size_t octets,
                    void* self);
  static int OnClose(nghttp2_session* /*session*/,
                     std::int32_t stream,
                     std::uint32_t error,
                     void* self);
  static ssize_t OnRead(nghttp2_session* /*session*/,
                        std::int32_t stream,
                        std::uint8_t* room,
                        std::size_t octets,
                        std::uint32_t* flags,
                        nghttp2_data_source* source,
                        void* self);

  nghttp2_session* http2 = nullptr;
  std::int32_t stream = -1;
  std::string request;   // not yet taken over by nghttp2
  std::string outgoing;  // what it gave last
  std::string http_status;
  std::string grpc_status;
  std::string grpc_message;
  std::string message;  // prefix and response, the beginning of it
  bool ended = false;
  std::uint32_t error = 0;  // RST_STREAM's
};

int GrpcCall::Session::OnHeader(nghttp2_session* /*session*/,
                                const nghttp2_frame* frame,
                                const std::uint8_t* name,
                                std::size_t name_octets,
                                const std::uint8_t* value,
                                std::size_t value_octets,
                                std::uint8_t /*flags*/,
                                void* self) {
  auto& session = *static_cast<Session*>(self);
  if (frame->hd.stream_id != session.stream) {
    return 0;
  }
  const std::string_view field(reinterpret_cast<const char*>(name), name_octets);
  const struct {
    std::string_view name;
    std::string& to;
  } kept[] = {{":status", session.http_status},
              {"grpc-status", session.grpc_status},
              {"grpc-message", session.grpc_message}};
  for (const auto& one : kept) {
    if (field == one.name) {
      one.to.assign(reinterpret_cast<const char*>(value), std::min(value_octets, kMaxShownOctets));
    }
  }
  return 0;
}

int GrpcCall::Session::OnData(nghttp2_session* /*session*/,
                              std::uint8_t /*flags*/,
                              std::int32_t stream,
                              const std::uint8_t* data,
                              std::size_t octets,
                              void* self) {
  auto& session = *static_cast<Session*>(self);
  if (stream == session.stream) {
    // One octet more than is taken, to know a message that is too long.
    const std::size_t room = kPrefixOctets + kMaxMessageOctets + 1 - session.message.size();
    session.message.append(reinterpret_cast<const char*>(data), std::min(octets, room));
  }
  return 0;
}

int GrpcCall::Session::OnClose(nghttp2_session* /*session*/,
                               std::int32_t stream,
                               std::uint32_t error,
                               void* self) {
  auto& session = *static_cast<Session*>(self);
  if (stream == session.stream) {
    session.ended = true;
    session.error = error;
  }
  return 0;
}

ssize_t GrpcCall::Session::OnRead(nghttp2_session* /*session*/,
                                  std::int32_t /*stream*/,
                                  std::uint8_t* room,
                                  std::size_t octets,
                                  std::uint32_t* flags,
                                  nghttp2_data_source* /*source*/,
                                  void* self) {
  std::string& request = static_cast<Session*>(self)->request;
  const std::size_t now = std::min(octets, request.size());
  std::copy_n(request.begin(), now, room);
  request.erase(0, now);
  *flags |= request.empty() ? static_cast<std::uint32_t>(NGHTTP2_DATA_FLAG_EOF) : 0;
  return static_cast<ssize_t>(now);
}

GrpcCall::GrpcCall(std::unique_ptr<Session> session) : session_(std::move(session)) {}
GrpcCall::~GrpcCall() = default;

std::unique_ptr<GrpcCall> GrpcCall::Open(const GrpcTarget& target) {
  auto session = std::make_unique<Session>();
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) {
    return nullptr;
  }
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &Session::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Session::OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &Session::OnClose);
  const int made = nghttp2_session_client_new(&session->http2, callbacks, session.get());
  nghttp2_session_callbacks_del(callbacks);
  if (made != 0) {
    return nullptr;
  }
  const nghttp2_settings_entry no_push{NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  const auto field = [](std::string_view name, std::string_view value) {
    const auto octets = [](std::string_view text) {
      return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    return nghttp2_nv{octets(name), octets(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
  };
  const std::array fields{field(":method", "POST"),
                          field(":scheme", target.tls ? "https" : "http"),
                          field(":path", "/grpc.health.v1.Health/Check"),
                          field(":authority", target.authority),
                          field("te", "trailers"),
                          field("content-type", "application/grpc"),
                          field("user-agent", target.user_agent)};
  session->request = RequestMessage(target.service);
  const nghttp2_data_provider body{.source = {.ptr = nullptr}, .read_callback = &Session::OnRead};
  if (nghttp2_submit_settings(session->http2, NGHTTP2_FLAG_NONE, &no_push, 1) != 0) {
    return nullptr;
  }
  session->stream =
      nghttp2_submit_request(session->http2, nullptr, fields.data(), fields.size(), &body, nullptr);
  if (session->stream < 0) {
    return nullptr;
  }
  return std::unique_ptr<GrpcCall>(new GrpcCall(std::move(session)));
}

std::string_view GrpcCall::Outgoing() {
  const std::uint8_t* octets = nullptr;
  const ssize_t count = nghttp2_session_mem_send(session_->http2, &octets);
  if (count < 0) {
    End(Outcome::kUnknown, "Unknown: the health checker has no memory for an HTTP/2 frame.");
    return {};
  }
  if (count == 0 && nghttp2_session_want_read(session_->http2) == 0) {
    End(Outcome::kFail, kNoHttp2);  // it has said goodbye over a frame that it could not read
  }
  session_->outgoing.assign(reinterpret_cast<const char*>(octets), static_cast<std::size_t>(count));
  return session_->outgoing;
}

void GrpcCall::Feed(std::span<const std::byte> octets) {
  if (done_) {
    return;
  }
  fed_ += octets.size();
  const ssize_t taken = nghttp2_session_mem_recv(
      session_->http2, reinterpret_cast<const std::uint8_t*>(octets.data()), octets.size());
  if (session_->ended) {
    JudgeReply();
  } else if (taken == NGHTTP2_ERR_NOMEM) {
    End(Outcome::kUnknown, "Unknown: the health checker has no memory for an HTTP/2 frame.");
  } else if (taken < 0) {
    End(Outcome::kFail, kNoHttp2);
  } else if (fed_ > kMaxGrpcOctets) {
    End(Outcome::kFail,
        "Failure: the endpoint sent more than " + std::to_string(kMaxGrpcOctets) +
            " octets without an end");
  }
}

void GrpcCall::Finish() {
  End(Outcome::kFail, "Failure: the connection was closed before the gRPC reply was complete");
}

void GrpcCall::JudgeReply() {
  const Session& session = *session_;
  const auto fail = [this](const std::string& why) { End(Outcome::kFail, "Failure: " + why); };
  // A trailer may come before the stream is reset: then it counts.
  if (session.http_status != "200" && session.grpc_status.empty()) {
    return fail(session.http_status.empty() ? std::string("the HTTP/2 stream was reset: ") +
                                                  nghttp2_http2_strerror(session.error)
                                            : "HTTP Status Code " + Printable(session.http_status));
  }
  const auto code = Number(session.grpc_status);
  if (!code) {
    return fail("the reply has no grpc-status");
  }
  if (*code != 0) {
    const char* word = *code < kStatusWords.size() ? kStatusWords[*code] : "?";
    return fail("gRPC status " + std::to_string(*code) + " (" + word + ")" +
                (session.grpc_message.empty() ? "" : ": " + Printable(session.grpc_message)));
  }
  const auto message = std::as_bytes(std::span(session.message));
  std::uint64_t status = 0;
  if (message.size() < kPrefixOctets || message[0] != std::byte{0} ||
      LoadBe32(message.data() + 1) != message.size() - kPrefixOctets ||
      message.size() > kPrefixOctets + kMaxMessageOctets ||
      !ReadServingStatus(message.subspan(kPrefixOctets), status)) {
    return fail("the reply is no HealthCheckResponse");
  }
  const std::string word =
      status < kServingWords.size() ? kServingWords[status] : std::to_string(status);
  if (status == kServing) {
    End(Outcome::kPass, "Success: gRPC health SERVING");
  } else {
    fail("gRPC health " + word);
  }
}

void GrpcCall::End(Outcome outcome, std::string reason) {
  if (!done_) {
    done_ = true;
    outcome_ = outcome;
    reason_ = std::move(reason);
  }
}

}  // namespace holdfast::health
