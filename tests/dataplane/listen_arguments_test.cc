// The command line and the environment of holdfast-sockets: what is taken, and each refusal by its
// sentence.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "dataplane/listen/arguments.h"
#include "dataplane/listen/listeners.h"

namespace holdfast::listen {
namespace {

Result<Arguments> Parse(const std::vector<const char*>& words) {
  return ParseArguments(words);
}

TEST(SocketsArguments, HaveDefaultsThatTheHelpNames) {
  const auto parsed = Parse({"--run-dir", "/run/x"});
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->run_dir, "/run/x");
  EXPECT_EQ(parsed->server.threads, 1U);
  EXPECT_TRUE(parsed->udp);
  EXPECT_TRUE(parsed->server.answer.client_subnet);
  EXPECT_FALSE(parsed->wait_seconds.has_value());
  const std::string help = HelpText();
  const TcpOptions& tcp = parsed->server.tcp;
  for (const auto& [name, value] :
       {std::pair{"--drain-ms", static_cast<unsigned>(parsed->server.drain_ms)},
        {"--tcp-idle-ms", tcp.idle_ms},
        {"--tcp-total-ms", tcp.total_ms},
        {"--tcp-max-connections", tcp.max_connections},
        {"--tcp-max-per-client", tcp.max_per_client},
        {"--threads", parsed->server.threads}}) {
    const std::size_t at = help.find(name);
    ASSERT_NE(at, std::string::npos) << name;
    const std::string line = help.substr(at, help.find('\n', at) - at);
    EXPECT_TRUE(line.ends_with("(" + std::to_string(value) + ")")) << line;
  }
}

TEST(SocketsArguments, AreTakenInBothForms) {
  const auto parsed = Parse({"--run-dir=/run/x",
                             "--threads",
                             "3",
                             "--no-udp",
                             "--no-client-subnet",
                             "--tcp-max-connections=7",
                             "--tcp-max-per-client",
                             "2",
                             "--tcp-idle-ms=20",
                             "--tcp-total-ms=30",
                             "--wait",
                             "0",
                             "--user=nobody",
                             "--drain-ms=0"});
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->server.threads, 3U);
  EXPECT_FALSE(parsed->udp);
  EXPECT_FALSE(parsed->server.answer.client_subnet);
  EXPECT_EQ(parsed->server.tcp.max_connections, 7U);
  EXPECT_EQ(parsed->server.tcp.max_per_client, 2U);
  EXPECT_EQ(parsed->server.tcp.idle_ms, 20U);
  EXPECT_EQ(parsed->server.tcp.total_ms, 30U);
  EXPECT_EQ(parsed->wait_seconds, 0U);
  EXPECT_EQ(parsed->user, "nobody");
  EXPECT_EQ(parsed->server.drain_ms, 0U);
}

TEST(SocketsArguments, AreRefusedByName) {
  const std::vector<std::pair<std::vector<const char*>, const char*>> cases = {
      {{}, "--run-dir is missing"},
      {{"--run-dir"}, "--run-dir stands without a value"},
      {{"--run-dir="}, "--run-dir is empty"},
      {{"--run-dir", "x", "--thread", "1"}, "there is no argument \"--thread\""},
      {{"--run-dir", "x", "--nonsense"}, "there is no argument \"--nonsense\""},
      {{"x"}, "there is no argument \"x\""},
      {{"--threads", "0"}, "--threads is \"0\", expected a number from 1 to 63"},
      {{"--threads", "64"}, "--threads is \"64\""},
      {{"--threads", "two"}, "--threads is \"two\""},
      {{"--threads", "2x"}, "--threads is \"2x\""},
      {{"--threads", "-1"}, "--threads is \"-1\""},
      {{"--threads="}, "--threads is \"\""},
      {{"--tcp-idle-ms", "9"}, "--tcp-idle-ms is \"9\", expected a number from 10 to 3600000"},
      {{"--wait", "99999999999999999999"}, "--wait is \"99999999999999999999\""},
  };
  for (const auto& [words, sentence] : cases) {
    const auto parsed = Parse(words);
    ASSERT_FALSE(parsed.has_value()) << sentence;
    EXPECT_NE(parsed.error().message.find(sentence), std::string::npos) << parsed.error().message;
  }
}

TEST(PassedSockets, AreCountedAndNamed) {
  const auto named = ParseListenFds("17", "3", "dns-udp:dns-tcp:", 17);
  ASSERT_TRUE(named.has_value());
  EXPECT_EQ(named->names, (std::vector<std::string>{"dns-udp", "dns-tcp", ""}));
  const auto plain = ParseListenFds(nullptr, "2", nullptr, 17);
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->names, (std::vector<std::string>{"fd 3", "fd 4"}));
}

TEST(PassedSockets, AreRefusedWithTheVariableThatIsWrong) {
  struct Case {
    const char* pid;
    const char* fds;
    const char* names;
    const char* sentence;
  };
  for (const Case& c : {Case{nullptr, nullptr, nullptr, "LISTEN_FDS is not set"},
                        {nullptr, "0", nullptr, "LISTEN_FDS is \"0\", expected a number from 1"},
                        {nullptr, "1025", nullptr, "LISTEN_FDS is \"1025\""},
                        {nullptr, "1 ", nullptr, "LISTEN_FDS is \"1 \""},
                        {"18", "1", nullptr, "LISTEN_PID is 18, expected this process, 17"},
                        {"x", "1", nullptr, "LISTEN_PID is \"x\""},
                        {nullptr, "2", "one", "LISTEN_FDNAMES has 1 names"},
                        {nullptr, "1", "one:two", "LISTEN_FDNAMES has 2 names"}}) {
    const auto parsed = ParseListenFds(c.pid, c.fds, c.names, 17);
    ASSERT_FALSE(parsed.has_value()) << c.sentence;
    EXPECT_NE(parsed.error().message.find(c.sentence), std::string::npos) << parsed.error().message;
  }
}

}  // namespace
}  // namespace holdfast::listen
