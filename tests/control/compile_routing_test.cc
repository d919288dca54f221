// The worked cases of spec/routing.md section 9 for the policies that exist, by their numbers:
// what explain permits, with exact shares, and what the compiled tables answer must both be as
// written there.
#include <algorithm>
#include <gtest/gtest.h>

#include "control/model/rules.h"
#include "tests/control/compile_trees.h"

namespace holdfast::control {
namespace {

using namespace kit;  // NOLINT(google-build-using-namespace)

struct Case {
  int number;
  std::vector<std::pair<const char*, const char*>> groups;  // "name" or "name TYPE", members
  const char* query;                                        // "name TYPE"
  const char* permitted;                                    // "answer share; ..."
};

const char* const kTenHealthy =
    "MV .1 [H], MV .2 [H], MV .3 [H], MV .4 [H], MV .5 [H], MV .6 [H], MV .7 [H], MV .8 [H], "
    "MV .9 [H], MV .10 [H]";

const std::vector<Case>& Cases() {
  static const std::vector<Case> kCases{
      {1, {{"www", ".1+.2+.3 [-]"}}, "www A", "{.1, .2, .3}"},
      {2, {{"www", ".1 [U]"}}, "www A", ".1"},
      {3, {{"www", "W10 .1 [H], W20 .2 [H], W20 .3 [H]"}}, "www A", ".1 1/5; .2 2/5; .3 2/5"},
      {4, {{"www", "W10 .1 [H], W20 .2 [H], W20 .3 [U]"}}, "www A", ".1 1/3; .2 2/3"},
      {5, {{"www", "W10 .1 [U], W20 .2 [U], W20 .3 [-]"}}, "www A", ".3"},
      {6, {{"www", "W10 .1 [U], W20 .2 [U], W20 .3 [U]"}}, "www A", ".1 1/5; .2 2/5; .3 2/5"},
      {7, {{"www", "W1 .1 [-], W255 .2 [-]"}}, "www A", ".1 1/256; .2 255/256"},
      {8, {{"www", "W1 .1 [U], W1 .2 [U], W0 .3 [H]"}}, "www A", ".3"},
      {9, {{"www", "W1 .1 [U], W1 .2 [U], W0 .3 [U]"}}, "www A", ".1 1/2; .2 1/2"},
      {10, {{"www", "W1 .1 [U], W1 .2 [H], W0 .3 [U]"}}, "www A", ".2"},
      {11, {{"www", "W1 .1 [H], W1 .2 [H], W0 .3 [H]"}}, "www A", ".1 1/2; .2 1/2"},
      {12, {{"www", "W1 .1 [U], W1 .2 [U], W0 .3 [-]"}}, "www A", ".3"},
      {13, {{"www", "W1 .1 [U], W1 .2 [H], W0 .3 [-]"}}, "www A", ".2"},
      {14, {{"www", "W0 .1 [-], W0 .2 [-]"}}, "www A", ".1 1/2; .2 1/2"},
      {15, {{"www", "W0 .1 [H], W0 .2 [U], W0 .3 [H]"}}, "www A", ".1 1/2; .3 1/2"},
      {16, {{"www", "W0 .1 [U], W0 .2 [U]"}}, "www A", ".1 1/2; .2 1/2"},
      {17, {{"www", "PRI .1 [H], SEC .2 [H]"}}, "www A", ".1"},
      {18, {{"www", "PRI .1 [U], SEC .2 [H]"}}, "www A", ".2"},
      {19, {{"www", "PRI .1 [U], SEC .2 [U]"}}, "www A", ".1"},
      {20, {{"www", "PRI .1 [H], SEC .2 [U]"}}, "www A", ".1"},
      {21, {{"www", "PRI .1 [U], SEC .2 [-]"}}, "www A", ".2"},
      {22,
       {{"www", "PRI =>p/N [-], SEC .9 [H]"}, {"p", "W1 .1 [U], W1 .2 [U]"}},
       "www A",
       ".1 1/2; .2 1/2"},
      {23, {{"www", "PRI =>p/Y [-], SEC .9 [H]"}, {"p", "W1 .1 [U], W1 .2 [U]"}}, "www A", ".9"},
      {24, {{"www", "PRI =>p/Y [-], SEC .9 [H]"}, {"p", "W1 .1 [U], W1 .2 [H]"}}, "www A", ".2"},
      {25,
       {{"www", "PRI =>p/Y [-], SEC =>s/Y [-]"},
        {"p", "W1 .1 [U], W3 .2 [U]"},
        {"s", "W1 .8 [U], W1 .9 [U]"}},
       "www A",
       ".1 1/4; .2 3/4"},
      {26, {{"www", "PRI =>p/Y [U], SEC .9 [H]"}, {"p", "W1 .1 [H], W1 .2 [H]"}}, "www A", ".9"},
      {27, {{"www", "PRI =>p/Y [U], SEC .9 [U]"}, {"p", "W1 .1 [H], W1 .2 [U]"}}, "www A", ".1"},
      {28, {{"www", "PRI =>p/N [U], SEC .9 [H]"}, {"p", "W1 .1 [H]"}}, "www A", ".9"},
      {29,
       {{"www", "PRI =>p/Y [-], SEC =>s/Y [-]"},
        {"p", "W1 .1 [U], W1 .2 [U]"},
        {"s", "W1 .8 [U], W1 .9 [-]"}},
       "www A",
       ".9"},
      {30, {{"www", "SEC .2 [U]"}}, "www A", ".2"},
      {43, {{"www", "=>p/Y [-]"}, {"p", "W1 .1 [U], W1 .2 [U]"}}, "www A", ".1 1/2; .2 1/2"},
      {44,
       {{"www", "W90 =>a/Y [-], W10 =>b/Y [-]"},
        {"a", "PRI .1 [U], SEC .2 [U]"},
        {"b", "PRI .3 [U], SEC .4 [H]"}},
       "www A",
       ".4"},
      {46,
       {{"www", "PRI =>m/Y [-], SEC .9 [H]"}, {"m", "MV .1 [H], MV .2 [U], MV .3 [H]"}},
       "www A",
       "{.1, .3}"},
      {47, {{"www", "PRI =>p/Y [-], SEC .9 [H]"}, {"p", ".1 [U]"}}, "www A", ".9"},
      {48, {{"www", "PRI =>p/Y [-], SEC .9 [H]"}, {"p", ".1 [-]"}}, "www A", ".1"},
      {51,
       {{"www", "MV .1 [H], MV .2 [H], MV .3 [H], MV .4 [H], MV .5 [H]"}},
       "www A",
       "{.1, .2, .3, .4, .5}"},
      {52, {{"www", kTenHealthy}}, "www A", "any 8 of {.1, .2, .3, .4, .5, .6, .7, .8, .9, .10}"},
      {53,
       {{"www",
         "MV .1 [H], MV .2 [H], MV .3 [H], MV .4 [H], MV .5 [H], MV .6 [H], MV .7 [H], MV .8 [U], "
         "MV .9 [U], MV .10 [U]"}},
       "www A",
       "{.1, .2, .3, .4, .5, .6, .7}"},
      {54, {{"www", "MV .1 [U], MV .2 [U], MV .3 [U]"}}, "www A", "{.1, .2, .3}"},
      {55,
       {{"www",
         "MV .1 [U], MV .2 [U], MV .3 [U], MV .4 [U], MV .5 [U], MV .6 [U], MV .7 [U], MV .8 [U], "
         "MV .9 [U]"}},
       "www A",
       "any 8 of {.1, .2, .3, .4, .5, .6, .7, .8, .9}"},
      {56, {{"www", "MV .1 [U], MV .2 [U], MV .3 [-], MV .4 [U]"}}, "www A", ".3"},
      {76, {{"www", ".1 [-]"}}, "www AAAA", "NODATA"},
      {77, {{"www", ".1 [-]"}}, "ftp A", "NXDOMAIN"},
      {78, {{"a.b", ".1 [-]"}}, "b A", "NODATA"},
      {79, {{"*", "W1 .1 [U], W1 .2 [H]"}}, "foo.bar A", ".2"},
      {80, {{"*", "W1 .1 [U], W1 .2 [U]"}}, "foo A", ".1 1/2; .2 1/2"},
      {81, {{"*", "W1 .9 [H]"}, {"www", "W1 .1 [U]"}}, "www A", ".1"},
      {82, {{"*", ".9 [-]"}, {"* AAAA", "::9 [-]"}, {"www", ".1 [-]"}}, "www AAAA", "NODATA"},
      {83, {{"*", ".9 [-]"}, {"www", ".1 [-]"}}, "x.www A", "NXDOMAIN"},
      {84, {{"*", "=>pair/Y [-]"}, {"pair", "PRI .1 [U], SEC .2 [H]"}}, "any A", ".2"},
      {85, {{"www", "=>p/Y [-]"}, {"p", ".1 [H]"}, {"p AAAA", "::1 [U]"}}, "www AAAA", "NODATA"},
      {87,
       {{"www", "=>a/Y [-]"}, {"a", "=>b/N [-]"}, {"b", "=>c/Y [-]"}, {"c", "ttl17 .1 [H]"}},
       "www A",
       ".1@17"},
      {88,
       {{"www", "=>p/N [-]"}, {"p", "W1 ttl60 .1 [H], W2 ttl60 .2 [H]"}},
       "www A",
       ".1@60 1/3; .2@60 2/3"},
      {89, {{"www", kTenHealthy}}, "www A", "any 8 of {.1, .2, .3, .4, .5, .6, .7, .8, .9, .10}"},
      {91,
       {{"www CNAME", "W1 a.example.net. [-], W1 b.example.net. [-]"}},
       "www AAAA",
       "a.example.net. 1/2; b.example.net. 1/2"},
      {95, {{"www", "W1 .1 [U], W1 .2 [U]"}}, "www TXT", "NODATA"},
  };
  return kCases;
}

// "{.1, .3}", ".1@17 1/4" and so on to the words of AnswerText, and the share.
std::pair<std::string, std::string> Permitted(const std::string& text) {
  if (text == "NODATA" || text == "NXDOMAIN") {
    return {text, "1"};
  }
  std::string answer = text;
  std::string share = "1";
  const std::size_t space = text.rfind(' ');
  if (space != std::string::npos && text.find('/', space) != std::string::npos) {
    answer = text.substr(0, space);
    share = text.substr(space + 1);
  }
  unsigned take = 0;
  if (answer.starts_with("any 8 of ")) {
    take = 8;
    answer = answer.substr(9);
  }
  std::uint32_t ttl = kTtl;
  if (const std::size_t at = answer.find('@'); at != std::string::npos) {
    ttl = static_cast<std::uint32_t>(std::stoi(answer.substr(at + 1)));
    answer.resize(at);
  }
  if (answer.front() == '{') {
    answer = answer.substr(1, answer.size() - 2);
  }
  std::vector<std::string> values;
  for (auto value : Split(answer, ",")) {
    values.push_back(value.front() == '.' ? "192.0.2" + value : value);
  }
  return {AnswerText(values, take, ttl), share};
}

double Fraction(const std::string& share) {
  const auto parts = Split(share, "/");
  return parts.size() == 1 ? std::stod(parts[0]) : std::stod(parts[0]) / std::stod(parts[1]);
}

void ExpectPermitted(const Trees& trees,
                     const Compiled& compiled,
                     const std::string& query,
                     const std::string& permitted) {
  std::map<std::string, std::string> expected;
  for (const auto& each : Split(permitted, ";")) {
    expected.insert(Permitted(each));
  }
  const auto words = Split(query, " ");
  const std::string qname = trees.text.Name(words[0]);
  const auto explanation =
      Explain(trees.model, compiled.evaluation->health(), qname, TypeOf(words[1]));
  ASSERT_TRUE(explanation) << explanation.error().message;
  EXPECT_EQ(Explained(*explanation), expected);

  Served served(compiled.zones[0], compiled.pools);
  const auto answers = served.Answers(qname, words[1]);
  EXPECT_EQ(answers.size(), expected.size());
  for (const auto& [answer, share] : expected) {
    ASSERT_TRUE(answers.contains(answer)) << answer;
    EXPECT_NEAR(answers.at(answer), Fraction(share), 1e-9) << answer;
  }
}

class Routing : public testing::TestWithParam<Case> {};

TEST_P(Routing, PermitsExactlyTheseAnswers) {
  const auto& c = GetParam();
  Trees trees;
  for (const auto& [owner, members] : c.groups) {
    const auto words = Split(owner, " ");
    trees.Group(words[0], words.size() > 1 ? words[1] : "A", members);
  }
  const auto compiled = Compile(trees.Finish(), trees.health, 0);
  ASSERT_TRUE(compiled) << compiled.error().message;
  ExpectPermitted(trees, *compiled, c.query, c.permitted);
}

std::string CaseName(const testing::TestParamInfo<Case>& of) {
  const auto number = std::to_string(of.param.number);
  return "routing_" + std::string(3 - number.size(), '0') + number;
}
INSTANTIATE_TEST_SUITE_P(Cases, Routing, testing::ValuesIn(Cases()), CaseName);

TEST(RoutingOverTime, routing_086_ARecoveredMemberIsDrawnAgain) {
  Trees trees;
  trees.Group("www", "A", "W10 .1 [H], W20 .2 [H], W20 .3 [U]");
  auto compiled = Compile(trees.Finish(), trees.health, 0);
  ASSERT_TRUE(compiled);
  ExpectPermitted(trees, *compiled, "www A", ".1 1/3; .2 2/3");
  trees.health[2].healthy = true;
  compiled->pools = Recompiled(*compiled->evaluation, {&trees.health[2], 1});
  ASSERT_EQ(compiled->pools.size(), 1U);
  ExpectPermitted(trees, *compiled, "www A", ".1 1/5; .2 2/5; .3 2/5");
}

TEST(RoutingOverTime, routing_092_ADeletedCheckCountsAsNoneWithAWarning) {
  Trees trees;
  trees.Group("www", "A", "PRI .1 [U], SEC .2 [H]");
  trees.Finish();
  trees.model.checks.erase(trees.model.checks.begin());
  const auto compiled = Compile(trees.model, trees.health, 0);
  ASSERT_TRUE(compiled);
  ExpectPermitted(trees, *compiled, "www A", ".1");
  EXPECT_TRUE(compiled->warnings.empty());  // the lint's is the one
  Findings findings;
  LintZone(trees.model.zones[0], trees.model.checks, findings);
  EXPECT_EQ(findings.WarningCount(), 2U);  // and of its server, which has no address
  EXPECT_EQ(std::ranges::count_if(findings.Warnings(),
                                  [](const std::string& one) {
                                    return one.contains(
                                        "HealthCheckId 'check0' is no health check of this node");
                                  }),
            1);
}

}  // namespace
}  // namespace holdfast::control
