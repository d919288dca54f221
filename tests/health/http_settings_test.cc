// What HTTP* may be told beyond Route 53's settings: statuses, method, header fields, a regular
// expression; and of HTTPS*, what the certificate is held to and which one is shown. Against real
// servers on loopback.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

#include "health/probe/probe.h"
#include "health/probe/response_reader.h"
#include "tests/health/link_certificates.h"
#include "tests/health/probe_run.h"
#include "tests/health/scripted_server.h"

namespace holdfast::health {
namespace {

using namespace testing;

constexpr const char* kName = "www.example.test";

Observation AskOnce(std::uint16_t port, HttpSettings settings) {
  CheckConfig check = LoopbackCheck(CheckType::kHttp, port);
  check.http = std::move(settings);
  return ProbeOnce(check);
}

TEST(HttpSettings, PassTheStatusesThatAreExpectedAndNoOthers) {
  const ScriptedServer forbidden(Answer(Response(403)));
  const ScriptedServer good(Answer(Response(200)));
  const HttpSettings settings{
      .expected_status = {{.first = 204, .last = 204}, {.first = 400, .last = 403}}};
  EXPECT_EQ(AskOnce(forbidden.port(), settings).reason, "Success: HTTP Status Code 403, Scripted");
  const Observation seen = AskOnce(good.port(), settings);
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason, "Failure: HTTP Status Code 200, Scripted");
}

TEST(HttpSettings, AreWhatTheEndpointIsAsked) {
  ScriptedServer server([&server](Peer& peer) {
    server.Note(peer.ReadRequest());
    peer.Send(Response(200));
  });
  EXPECT_EQ(AskOnce(server.port(),
                    {.method = HttpMethod::kPost,
                     .headers = {"X-Probe: a b", "user-agent: mine", "Accept: text/plain"}})
                .outcome,
            Outcome::kPass);
  const std::string request = server.notes().at(0);
  EXPECT_TRUE(request.starts_with("POST / HTTP/1.1\r\nHost: 127.0.0.1:")) << request;
  for (const char* part : {"\r\nX-Probe: a b\r\n",
                           "\r\nuser-agent: mine\r\n",
                           "\r\nAccept: text/plain\r\n",
                           "\r\nContent-Length: 0\r\n",
                           "\r\nConnection: close\r\n\r\n"}) {
    EXPECT_NE(request.find(part), std::string::npos) << part << request;
  }
  EXPECT_EQ(request.find("User-Agent"), std::string::npos) << request;
  EXPECT_EQ(request.find("*/*"), std::string::npos) << request;
}

// The length that a HEAD is told is that of a body which does not come; the connection is kept.
TEST(HttpSettings, AHeadHasNoBody) {
  ScriptedServer server([&server](Peer& peer) {
    for (int n = 0; n < 2; ++n) {
      server.Note(peer.ReadRequest());
      peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n");
    }
  });
  CheckConfig check = LoopbackCheck(CheckType::kHttp, server.port());
  check.http = HttpSettings{.method = HttpMethod::kHead};
  EXPECT_EQ(ProbeOnce(check).outcome, Outcome::kPass);
  EXPECT_TRUE(server.notes().at(0).starts_with("HEAD / HTTP/1.1\r\n"));
  ResponseReader reader({}, true, {.status = {}, .to_head = true});
  const std::string_view header = "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n";
  EXPECT_EQ(reader.Feed(std::as_bytes(std::span(header))), ResponseReader::Progress::kDone);
  EXPECT_TRUE(reader.reusable());
}

TEST(HttpSettings, SearchTheBodyForARegularExpression) {
  const struct {
    const char* regex;
    std::string body;
    bool passes;
  } cases[] = {
      {R"-("status":\s*"(up|ok)")-", R"({"status":  "up"})", true},
      {R"-("status":\s*"(up|ok)")-", R"({"status": "down"})", false},
      {"(?i)READY", "...ready", true},
      {"^ready$", "ready", true},
      {"^ready$", "ready.", false},
      {"a.c", "a\nc", false},
      {"\\xff\\x00", std::string("\xFF\0", 2), true},
      {"end$", std::string(5117, '.') + "end+", false},  // the window's end is not the body's
      {"e.d", std::string(5118, '.') + "end", false},
  };
  for (const auto& c : cases) {
    const ScriptedServer framed(Answer(Response(200, c.body)));
    const ScriptedServer until_close(Answer("HTTP/1.0 200 OK\r\n\r\n" + c.body));
    const ScriptedServer packed(
        Answer(Response(200, Compress(c.body, Squeeze::kGzip), "Content-Encoding: gzip\r\n")));
    for (const auto* server : {&framed, &until_close, &packed}) {
      const Observation seen = AskOnce(server->port(), {.body_regex = c.regex});
      EXPECT_EQ(seen.outcome, c.passes ? Outcome::kPass : Outcome::kFail) << c.regex;
      if (!c.passes) {
        EXPECT_EQ(seen.reason,
                  "Failure: The first 5120 octets of the body do not match the regular "
                  "expression.");
      }
    }
  }
  const ScriptedServer broken(Answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nready"));
  EXPECT_EQ(AskOnce(broken.port(), {.body_regex = "ready$"}).outcome, Outcome::kFail);
}

TEST(HttpSettings, ARegexThatCannotBeSearchedForIsItsChecksFault) {
  CheckConfig check = LoopbackCheck(CheckType::kHttp, 80);
  check.http = HttpSettings{.body_regex = "(open"};
  TaskMaker maker(nullptr, TaskMaker::Missing::kLeftOut);
  const auto task = maker.Make(check);
  ASSERT_FALSE(task.has_value());
  EXPECT_TRUE(task.error().message.starts_with("health check \"c1\": body_regex is \"(open\": "))
      << task.error().message;
  check.http = HttpSettings{.body_regex = "open"};
  EXPECT_FALSE(HasItsPattern(**maker.Make(check)));
}

Observation LookOnce(const ScriptedServer& server, TlsSettings settings) {
  CheckConfig check = LoopbackCheck(CheckType::kHttps, server.port());
  check.fqdn = kName;
  check.https = std::move(settings);
  return ProbeOnce(check);
}

class Folder {
 public:
  Folder() { std::filesystem::create_directories(path_); }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }

 private:
  std::filesystem::path path_ =
      std::filesystem::path(::testing::TempDir()) / ("holdfast-https-" + std::to_string(getpid()));
};

TEST(HttpsSettings, HoldTheCertificateToWhatIsAsked) {
  const Folder folder;
  const ScriptedServer server(TlsSetup{.days = 20}, Answer(Response(200)));
  const std::string roots = folder.Write("roots.pem", server.certificate());
  EXPECT_EQ(LookOnce(server, {.min_days_valid = 20}).reason,
            "Success: HTTP Status Code 200, Scripted");
  EXPECT_EQ(LookOnce(server, {.min_days_valid = 21}).reason,
            "Failure: the certificate is valid for 20 days, expected at least 21");
  const TlsSettings verify{.verify = true, .ca_bundle = roots, .ca_digest = "1"};
  EXPECT_EQ(LookOnce(server, verify).outcome, Outcome::kPass);
  EXPECT_EQ(LookOnce(server, {.verify = true}).outcome, Outcome::kFail);  // the system's roots
  CheckConfig other = LoopbackCheck(CheckType::kHttps, server.port());
  other.fqdn = "other.example.test";
  other.https = verify;
  EXPECT_EQ(ProbeOnce(other).reason,
            "Failure: the certificate cannot be verified: hostname mismatch");
  const ScriptedServer expired(TlsSetup{.expired = true}, Answer(Response(200)));
  EXPECT_EQ(LookOnce(expired, {.min_days_valid = 0}).reason,
            "Failure: the certificate expired 1 day ago");
  // Vector 8: unless it is asked for, nobody looks.
  EXPECT_EQ(LookOnce(expired, {}).outcome, Outcome::kPass);
}

TEST(HttpsSettings, ShowTheirOwnCertificateWhereItIsAskedFor) {
  Certificates issued;
  const IdentityFiles ours = issued.Issue({.name = "prober"});
  const ScriptedServer server(TlsSetup{.client_ca = ours.ca}, Answer(Response(200)));
  EXPECT_EQ(LookOnce(server, {}).outcome, Outcome::kFail);
  const TlsSettings client{
      .client_cert = ours.certificate, .client_key = ours.key, .client_digest = "1"};
  const Observation seen = LookOnce(server, client);
  EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
  CheckConfig tls = LoopbackCheck(CheckType::kTls, server.port());
  tls.native = client;
  EXPECT_EQ(ProbeOnce(tls).outcome, Outcome::kPass);
  const IdentityFiles stranger = issued.Issue({.name = "prober", .authority = "other"});
  EXPECT_EQ(
      LookOnce(
          server,
          {.client_cert = stranger.certificate, .client_key = stranger.key, .client_digest = "2"})
          .outcome,
      Outcome::kFail);
}

TEST(HttpsSettings, AClientCertificateThatIsOfNoUseIsRefused) {
  Certificates issued;
  const Folder folder;
  const IdentityFiles ours = issued.Issue({.name = "prober"});
  const IdentityFiles other = issued.Issue({.name = "other"});
  const std::string empty = folder.Write("empty.pem", "nothing");
  auto said = [n = 0](const std::string& certificate, const std::string& key) mutable {
    const auto read = ClientCertificate::Load(certificate, key, std::to_string(n++));
    return read ? std::string("read") : read.error().message;
  };
  EXPECT_EQ(said(ours.certificate, ours.key), "read");
  EXPECT_TRUE(said(empty, ours.key).starts_with("client certificate '" + empty));
  EXPECT_TRUE(said("/nowhere.pem", ours.key).starts_with("client certificate '/nowhere.pem'"));
  EXPECT_TRUE(said(ours.certificate, empty).starts_with("client key '" + empty));
  EXPECT_TRUE(said(ours.certificate, other.key).ends_with("expected its private key"));
}

}  // namespace
}  // namespace holdfast::health
