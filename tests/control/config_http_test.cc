// [http], [metric."REGION/NAME"] and [[webhook]] of the node's file: what they mean, and how each
// bad one is refused.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

#include "control/config/load.h"
#include "control/config/node.h"

namespace holdfast::control {
namespace {

using ::testing::HasSubstr;

Result<NodeConfig> Parsed(const std::string& tables) {
  return ParseNode("[[listen]]\naddress = \"192.0.2.53\"\n" + tables, "/etc/hf/n.toml");
}

TEST(HttpTables, ReadEveryKey) {
  const auto node = Parsed(R"toml(
[http]
listen = ["127.0.0.1:9153", "[::1]:9153", "192.0.2.1:80"]
token_file = "token"
[metric."eu-1/errors"]
kind = "promql"
url = "https://prometheus.example.test/base/"
query = "sum(rate(errors_total[1m]))"
statistic = "Maximum"
comparison = "LessThanThreshold"
threshold = 2.5
period_s = 10
evaluation_periods = 3
[metric."eu-1/load of web"]
kind = "alertmanager"
heartbeat_s = 30
[metric."eu-1/plain"]
kind = "promql"
url = "http://[::1]:9090"
query = "up"
comparison = "GreaterThanOrEqualToThreshold"
threshold = 1
[[webhook]]
url = "https://ops.example.test/hook?x=1"
secret_file = "/abs/secret"
events = ["last_resort"]
sns_envelope = true
[[webhook]]
url = "http://127.0.0.1:8000"
secret_file = "secret"
)toml");
  ASSERT_TRUE(node) << node.error().message;
  ASSERT_EQ(node->http.listen.size(), 3U);
  EXPECT_EQ(node->http.listen[1].Text(), "[::1]:9153");
  EXPECT_EQ(node->http.token_file, "/etc/hf/token");
  ASSERT_EQ(node->metrics.size(), 3U);
  const MetricSource& asked = node->metrics[0];
  EXPECT_EQ(asked.id, "eu-1/errors");
  EXPECT_EQ(asked.kind, MetricSource::Kind::kPromql);
  EXPECT_EQ(asked.url, "https://prometheus.example.test/base");
  EXPECT_EQ(asked.statistic, Statistic::kMaximum);
  EXPECT_EQ(asked.rule,
            (health::MetricRule{.comparison = health::Comparison::kLessThanThreshold,
                                .threshold = 2.5,
                                .evaluation_periods = 3}));
  EXPECT_EQ(asked.period_s, 10U);
  EXPECT_EQ(node->metrics[1].kind, MetricSource::Kind::kAlertmanager);
  EXPECT_EQ(node->metrics[1].heartbeat_s, 30U);
  EXPECT_EQ(node->metrics[2].period_s, 60U);
  EXPECT_EQ(node->metrics[2].rule.evaluation_periods, 1U);
  EXPECT_EQ(node->metrics[2].statistic, Statistic::kNone);
  ASSERT_EQ(node->webhooks.size(), 2U);
  EXPECT_FALSE(node->webhooks[0].transitions);
  EXPECT_TRUE(node->webhooks[0].last_resort);
  EXPECT_TRUE(node->webhooks[0].sns_envelope);
  EXPECT_FALSE(node->webhooks[0].quorum);
  EXPECT_TRUE(node->webhooks[1].transitions && node->webhooks[1].last_resort &&
              node->webhooks[1].quorum);
  EXPECT_EQ(node->webhooks[1].secret_file, "/etc/hf/secret");
}

TEST(HttpTables, AreTables) {
  for (const char* name : {"http", "metric", "webhook"}) {
    const auto node =
        ParseNode(std::string(name) + " = 1\n[[listen]]\naddress = \"192.0.2.53\"\n", "n");
    ASSERT_FALSE(node) << name;
    EXPECT_THAT(node.error().message,
                HasSubstr("key '" + std::string(name) + "' is 1; expected a"));
  }
}

TEST(HttpTables, AreNoneByDefault) {
  const auto node = Parsed("");
  ASSERT_TRUE(node);
  EXPECT_TRUE(node->http.listen.empty());
  EXPECT_TRUE(node->metrics.empty());
  EXPECT_TRUE(node->webhooks.empty());
}

TEST(HttpTables, RefuseKeysWithValueAndExpectation) {
  const std::string promql =
      "[metric.\"a/b\"]\nkind = \"promql\"\nurl = \"http://h\"\nquery = \"up\"\n"
      "comparison = \"LessThanThreshold\"\nthreshold = 1\n";
  const std::string http = "[http]\nlisten = [\"127.0.0.1:1\"]\n";
  const std::string told = http + "[metric.\"a/b\"]\nkind = \"alertmanager\"\n";
  const std::string hook = "[[webhook]]\nsecret_file = \"s\"\nurl = \"http://h\"\n";
  const auto with = [](std::string tables, const std::string& was, const std::string& is) {
    tables.replace(tables.find(was), was.size(), is);
    return tables;
  };
  const std::vector<std::pair<std::string, const char*>> table{
      {"[http]\nlisten = \"127.0.0.1:1\"",
       "n.toml:4:10: key 'listen' is \"127.0.0.1:1\"; expected"},
      {"[http]\nlisten = [1]", "key 'listen' is 1; expected addresses with ports such as"},
      {"[http]\nlisten = [\"127.0.0.1\"]", "is \"127.0.0.1\"; expected addresses with ports"},
      {"[http]\nlisten = [\"127.0.0.1:0\"]", "is \"127.0.0.1:0\"; expected"},
      {"[http]\nlisten = [\"127.0.0.1:65536\"]", "is \"127.0.0.1:65536\"; expected"},
      {"[http]\nlisten = [\"::1:80\"]", "is \"::1:80\"; expected"},
      {"[http]\nlisten = [\"localhost:80\"]", "is \"localhost:80\"; expected"},
      {"[http]\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:1\"]", "names 127.0.0.1:1 twice"},
      {"[http]\ntoken_file = 1", "key 'token_file' is 1; expected a string"},
      {"[http]\nlisen = []", "key 'lisen' is not known; did you mean 'listen'?"},
      {"[metric]\nx = 1", "key 'metric' is 1; expected tables written as [metric.\"REGION/NAME\"]"},
      {with(promql, "a/b", "ab"), "of the [metric] is \"ab\"; expected REGION/NAME"},
      {with(promql, "a/b", "/b"), "of the [metric] is \"/b\"; expected REGION/NAME"},
      {with(promql, "a/b", "a/"), "of the [metric] is \"a/\"; expected REGION/NAME"},
      {with(promql, "\"promql\"", "\"x\""), "'kind' is \"x\"; expected \"promql\" or \"alertm"},
      {with(promql, "kind = \"promql\"", ""), "key 'kind' is missing; expected \"promql\" or"},
      {with(promql, "url = \"http://h\"", ""), "key 'url' is missing; expected a server such as"},
      {with(promql, "http://h", "ftp://h"), "key 'url' is \"ftp://h\"; expected a server such as"},
      {with(promql, "http://h", "http://"), "key 'url' is \"http://\"; expected a server such as"},
      {with(promql, "http://h", "http://h/ x"), "'url' is \"http://h/ x\"; expected a server"},
      {with(promql, "http://h", "http://h?x"), "'url' is \"http://h?x\"; expected a server"},
      {with(promql, "query = \"up\"", ""), "key 'query' is missing; expected a PromQL"},
      {with(promql, "\"up\"", "\"\""), "key 'query' has 0 characters; expected 1..4096"},
      {with(promql, "LessThan", "Below"), "expected \"GreaterThanOrEqualToThreshold\", "},
      {with(promql, "threshold = 1", ""), "key 'threshold' is missing; expected a number"},
      {with(promql, "= 1", "= nan"), "; expected a number"},
      {promql + "period_s = 0", "key 'period_s' is 0; expected 1..86400"},
      {promql + "evaluation_periods = 0", "'evaluation_periods' is 0; expected 1..1440"},
      {promql + "statistic = \"p99\"",
       "'statistic' is \"p99\"; expected \"Average\", \"Minimum\","},
      {promql + "heartbeat_s = 1", "key 'heartbeat_s' is not known"},
      {told + "heartbeat_s = 0", "key 'heartbeat_s' is 0; expected 1..604800"},
      {told + "period_s = 1", "key 'period_s' is not known"},
      {"[metric.\"a/b\"]\nkind = \"alertmanager\"\n",
       "key 'http' has no 'listen'; expected an address, since [metric.\"a/b\"] of kind"},
      {with(told, "127.0.0.1:1", "192.0.2.1:1"), "key 'http' has no 'token_file'; expected one"},
      {with(hook, "url = \"http://h\"", ""), "key 'url' is missing; expected a target such as"},
      {with(hook, "http://h", "h"), "key 'url' is \"h\"; expected a target such as"},
      {with(hook, "secret_file = \"s\"", ""), "key 'secret_file' is missing; expected a file with"},
      {hook + "events = []", "key 'events' is empty; expected \"transition\", \"last_resort\" or"},
      {hook + "events = [\"x\"]",
       "key 'events' is \"x\"; expected \"transition\", \"last_resort\" or"},
      {hook + "events = [\"quorum\", \"quorum\"]", "is \"quorum\"; expected"},
      {hook + "events = [\"transition\", \"transition\"]", "\"transition\"; expected"},
      {hook + "sns_envelope = 1", "key 'sns_envelope' is 1; expected true or false"},
      {hook + "secret = \"x\"", "key 'secret' is not known"},
      {"[check.\"a\"]\nlabel = \"\"", "key 'label' has 0 characters; expected 1..256"},
  };
  for (const auto& [tables, part] : table) {
    const auto node = Parsed(tables);
    ASSERT_FALSE(node) << tables;
    EXPECT_THAT(node.error().message, HasSubstr(part)) << tables;
  }
}

TEST(HttpTables, TakeEffectAtAReloadButForTheListener) {
  const auto before = Parsed("[http]\nlisten = [\"127.0.0.1:1\"]\n");
  const auto listens = Parsed("[http]\nlisten = [\"127.0.0.1:2\"]\n");
  const auto more = Parsed(
      "[http]\nlisten = [\"127.0.0.1:1\"]\n[metric.\"a/b\"]\nkind = \"alertmanager\"\n"
      "[[webhook]]\nsecret_file = \"s\"\nurl = \"http://h\"\n");
  ASSERT_TRUE(before && listens && more);
  EXPECT_TRUE(NeedsRestart(*before, *more).empty());
  ASSERT_EQ(NeedsRestart(*before, *listens).size(), 1U);
  EXPECT_EQ(NeedsRestart(*before, *listens)[0],
            "/etc/hf/n.toml: [http] is not what this node was started with; it takes effect when "
            "holdfast-control starts again");
}

class Secrets : public testing::Test {
 protected:
  std::string Write(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path_) << text;
    chmod(path_.c_str(), mode);
    return path_;
  }
  ~Secrets() override { std::filesystem::remove(path_); }
  const std::string path_ = testing::TempDir() + "secret-" + std::to_string(getpid());
};

TEST_F(Secrets, AreTheFirstLineOfAFileThatNotEverybodyReads) {
  const auto secret = ReadSecret(Write("0123456789abcdef\nignored\n"));
  ASSERT_TRUE(secret) << secret.error().message;
  EXPECT_EQ(*secret, "0123456789abcdef");
  const std::vector<std::tuple<std::string, mode_t, const char*>> table{
      {"0123456789abcdef", 0644, "everybody may read this secret; expected a file for its owner"},
      {"0123456789abcde", 0600, "the first line has 15 octets; expected a secret of 16..4096"},
      {"0123456789abcd f", 0600, "without blanks"},
      {std::string(5000, 'a'), 0600, "is larger than"},
  };
  for (const auto& [text, mode, part] : table) {
    const auto refused = ReadSecret(Write(text, mode));
    ASSERT_FALSE(refused) << text;
    EXPECT_THAT(refused.error().message, HasSubstr(part));
    EXPECT_THAT(refused.error().message, HasSubstr(path_));
  }
  EXPECT_FALSE(ReadSecret(path_ + ".none"));
}

TEST_F(Secrets, AreJudgedWithTheRestOfTheFiles) {
  const auto node = Parsed(
      "[http]\nlisten = [\"127.0.0.1:1\"]\ntoken_file = \"/no/token\"\n"
      "[[webhook]]\nurl = \"http://h\"\nsecret_file = \"/no/secret\"\n");
  ASSERT_TRUE(node) << node.error().message;
  const auto loaded = LoadAll(*node);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message,
              HasSubstr("n.toml: [http] token_file: cannot open /no/token"));
  EXPECT_THAT(loaded.error().message, HasSubstr("n.toml:6:1: secret_file: cannot open /no/secret"));
}

}  // namespace
}  // namespace holdfast::control
