// gRPC's health protocol: the call's octets, and the probe against a real server on loopback whose
// frames the test writes by hand (a whole gRPC server is asked in tests/e2e).
#include <gtest/gtest.h>

#include "dataplane/base/bytes.h"
#include "health/probe/grpc_call.h"
#include "health/probe/probe.h"
#include "tests/health/probe_run.h"
#include "tests/health/scripted_server.h"

namespace holdfast::health {
namespace {

using namespace testing;

constexpr std::uint8_t kData = 0;
constexpr std::uint8_t kHeaders = 1;
constexpr std::uint8_t kReset = 3;
constexpr std::uint8_t kSettings = 4;
constexpr std::uint8_t kEndHeaders = 4;
constexpr std::uint8_t kEndStream = 1;

std::string Frame(std::uint8_t type, std::uint8_t flags, const std::string& octets, int stream) {
  std::string frame(9, '\0');
  StoreBe32(frame.data(), static_cast<std::uint32_t>(octets.size()) << 8U);
  frame[3] = static_cast<char>(type);
  frame[4] = static_cast<char>(flags);
  StoreBe32(frame.data() + 5, static_cast<std::uint32_t>(stream));
  return frame + octets;
}

// A header field as HPACK's literal without indexing.
std::string Field(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + name +
         static_cast<char>(value.size()) + value;
}

const std::string kHello = Frame(kSettings, 0, "", 0);
const std::string kOk = Frame(kHeaders, kEndHeaders, "\x88", 1);  // :status 200

std::string Message(const std::string& protobuf) {
  std::string prefix(5, '\0');
  StoreBe32(prefix.data() + 1, static_cast<std::uint32_t>(protobuf.size()));
  return Frame(kData, 0, prefix + protobuf, 1);
}

std::string Trailers(const std::string& status, const std::string& message = "") {
  return Frame(
      kHeaders,
      kEndHeaders | kEndStream,
      Field("grpc-status", status) + (message.empty() ? "" : Field("grpc-message", message)),
      1);
}

const std::string kServing = kHello + kOk + Message("\x08\x01") + Trailers("0");

// Fed in pieces of every size, which must make no difference.
std::string Judged(const std::string& octets) {
  std::string reason;
  for (const std::size_t piece : {octets.size() + 1, std::size_t{1}, std::size_t{7}}) {
    const auto call = GrpcCall::Open({.authority = "a:1", .user_agent = "t"});
    const auto send = [&call] {
      while (!call->Outgoing().empty()) {
      }
    };
    send();
    for (std::size_t at = 0; at < octets.size() && !call->done(); at += piece) {
      const std::string now = octets.substr(at, piece);
      call->Feed(std::as_bytes(std::span(now)));
      send();
    }
    if (!call->done()) {
      call->Finish();
    }
    EXPECT_EQ(call->outcome() == Outcome::kPass, call->reason().starts_with("Success: "));
    if (!reason.empty()) {
      EXPECT_EQ(call->reason(), reason) << piece;
    }
    reason = call->reason();
  }
  return reason;
}

TEST(GrpcCall, PassesOnServingAlone) {
  EXPECT_EQ(Judged(kServing), "Success: gRPC health SERVING");
  const char* words[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN", "4"};
  for (const int status : {0, 2, 3, 4}) {
    EXPECT_EQ(Judged(kHello + kOk + Message(std::string("\x08") + static_cast<char>(status)) +
                     Trailers("0")),
              std::string("Failure: gRPC health ") + words[status]);
  }
  EXPECT_EQ(Judged(kHello + kOk + Message("") + Trailers("0")), "Failure: gRPC health UNKNOWN");
}

TEST(GrpcCall, TellsTheStatusThatIsNotZero) {
  EXPECT_EQ(Judged(kHello + kOk + Trailers("5", "no such service")),
            "Failure: gRPC status 5 (NOT_FOUND): no such service");
  EXPECT_EQ(Judged(kHello + kOk + Message("\x08\x01") + Trailers("14")),
            "Failure: gRPC status 14 (UNAVAILABLE)");
  EXPECT_EQ(Judged(kHello + kOk + Trailers("99")), "Failure: gRPC status 99 (?)");
  // Without a message there are trailers alone.
  EXPECT_EQ(
      Judged(kHello +
             Frame(kHeaders, kEndHeaders | kEndStream, "\x88" + Field("grpc-status", "12"), 1)),
      "Failure: gRPC status 12 (UNIMPLEMENTED)");
}

TEST(GrpcCall, FailsOnWhatIsNoGrpc) {
  const struct {
    const char* what;
    std::string octets;
    const char* reason;
  } cases[] = {
      {"nothing", "", "the connection was closed before the gRPC reply was complete"},
      {"half",
       kServing.substr(0, 30),
       "the connection was closed before the gRPC reply was complete"},
      {"HTTP/1",
       "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
       "the endpoint does not speak HTTP/2"},
      {"no grpc-status",
       kHello + Frame(kHeaders, kEndHeaders | kEndStream, "\x88", 1),
       "the reply has no grpc-status"},
      {"a web server",
       kHello + Frame(kHeaders, kEndHeaders | kEndStream, "\x8D", 1),
       "HTTP Status Code 404"},
      {"a reset",
       kHello + Frame(kReset, 0, std::string("\0\0\0\x7", 4), 1),
       "the HTTP/2 stream was reset: REFUSED_STREAM"},
      {"a status that is no number",
       kHello + kOk + Trailers("zero"),
       "the reply has no grpc-status"},
      {"no message", kHello + kOk + Trailers("0"), "the reply is no HealthCheckResponse"},
      {"a cut message",
       kHello + kOk + Frame(kData, 0, std::string("\0\0\0\0\2\x08", 6), 1) + Trailers("0"),
       "the reply is no HealthCheckResponse"},
      {"a compressed message",
       kHello + kOk + Frame(kData, 0, std::string("\1\0\0\0\2\x08\1", 7), 1) + Trailers("0"),
       "the reply is no HealthCheckResponse"},
      {"a large message",
       kHello + kOk + Message(std::string(65, 'x')) + Trailers("0"),
       "the reply is no HealthCheckResponse"},
      {"a broken message",
       kHello + kOk + Message("\x08\x81") + Trailers("0"),
       "the reply is no HealthCheckResponse"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Judged(c.octets), std::string("Failure: ") + c.reason) << c.what;
  }
}

TEST(GrpcCall, GivesUpOnAnEndpointThatNeverEnds) {
  std::string endless = kHello + kOk;
  while (endless.size() <= kMaxGrpcOctets) {
    endless += Frame(6, 1, std::string(8, 'p'), 0);  // PING acknowledgements
  }
  EXPECT_EQ(Judged(endless), "Failure: the endpoint sent more than 65536 octets without an end");
}

TEST(GrpcCall, ReadsProtobufWithinItsBounds) {
  const struct {
    std::string message;
    int status;  // -1: no message
  } cases[] = {{"", 0},
               {"\x08\x01", 1},
               {"\x08\x02\x08\x01", 1},  // the last one counts
               {"\x12\x03"
                "abc\x08\x01",
                1},                      // an unknown text before it
               {"\x10\x05\x08\x01", 1},  // an unknown number
               {"\x1D"
                "abcd\x08\x01",
                1},  // four octets
               {"\x19"
                "abcdefgh\x08\x01",
                1},  // eight
               {"\x08", -1},
               {"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", -1},
               {"\x12\x09"
                "abc",
                -1},
               {"\x12\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", -1},
               {"\x0B", -1}};  // a group
  for (const auto& c : cases) {
    std::uint64_t status = 0;
    EXPECT_EQ(ReadServingStatus(std::as_bytes(std::span(c.message)), status), c.status >= 0);
    if (c.status >= 0) {
      EXPECT_EQ(status, static_cast<std::uint64_t>(c.status));
    }
  }
}

CheckConfig GrpcCheck(std::uint16_t port, GrpcSettings settings = {}) {
  CheckConfig check = LoopbackCheck(CheckType::kGrpc, port);
  check.native = std::move(settings);
  return check;
}

ScriptedServer::Script Speak(const std::string& octets) {
  return [octets](Peer& peer) {
    EXPECT_TRUE(peer.ReadRequest().starts_with("PRI * HTTP/2.0\r\n\r\n"));  // prior knowledge
    peer.Send(octets);
    peer.PauseUntil(milliseconds(2000));
  };
}

TEST(GrpcProbe, PassesOnServingOverTcpAndOverTls) {
  const ScriptedServer plain(Speak(kServing));
  Observation seen = ProbeOnce(GrpcCheck(plain.port(), {.service = "orders"}));
  EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
  EXPECT_GT(seen.phases.connect.count(), 0);
  EXPECT_EQ(seen.phases.tls_handshake.count(), 0);
  EXPECT_GT(seen.phases.first_byte.count(), 0);
  ScriptedServer secure(TlsSetup{.http2 = true}, Speak(kServing));
  CheckConfig check = GrpcCheck(secure.port(), {.tls = true});
  check.fqdn = "www.example.test";
  seen = ProbeOnce(check);
  EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
  EXPECT_GT(seen.phases.tls_handshake.count(), 0);
  EXPECT_EQ(secure.names(), std::vector<std::string>{"www.example.test"});
}

TEST(GrpcProbe, FailsWithTheWordsOfTheCallOrOfTheTransport) {
  const ScriptedServer resting(Speak(kHello + kOk + Message("\x08\x02") + Trailers("0")));
  EXPECT_EQ(ProbeOnce(GrpcCheck(resting.port())).reason, "Failure: gRPC health NOT_SERVING");
  const ScriptedServer without_alpn(TlsSetup{}, [](Peer& peer) { peer.ReadRequest(); });
  EXPECT_EQ(ProbeOnce(GrpcCheck(without_alpn.port(), {.tls = true})).reason,
            "Failure: the endpoint did not agree on HTTP/2 in the TLS handshake");
  const ScriptedServer closing([](Peer& peer) { peer.ReadRequest(); });
  EXPECT_EQ(ProbeOnce(GrpcCheck(closing.port())).outcome, Outcome::kFail);
  EXPECT_EQ(ProbeOnce(GrpcCheck(RefusedPort())).reason,
            "Failure: The health checker could not establish a connection: Connection refused.");
}

TEST(GrpcProbe, EndsInTimeWhateverTheEndpointDoes) {
  const ScriptedServer hanging(Speak(kHello + kOk));
  const ScriptedServer dripping([](Peer& peer) {
    for (int sent = 0; sent < 100 && peer.PauseUntil(milliseconds(20 * sent)); ++sent) {
      if (!peer.Send(sent == 0 ? kHello : Frame(6, 1, std::string(8, 'p'), 0))) {
        return;
      }
    }
  });
  for (const ScriptedServer* server : {&hanging, &dripping}) {
    CheckConfig check = GrpcCheck(server->port());
    check.response_timeout = Milliseconds(500);
    const Observation seen = ProbeOnce(check);
    EXPECT_EQ(seen.outcome, Outcome::kFail);
    EXPECT_EQ(seen.reason,
              "Failure: The health checker received no complete gRPC reply within the timeout "
              "limit.");
    EXPECT_LT(seen.rtt, milliseconds(3000));
  }
  EXPECT_EQ(ProbeAndAbandon(GrpcCheck(hanging.port()), milliseconds(30)), 0);
  EXPECT_EQ(ProbeWithoutDescriptors(GrpcCheck(hanging.port())).outcome, Outcome::kUnknown);
}

}  // namespace
}  // namespace holdfast::health
