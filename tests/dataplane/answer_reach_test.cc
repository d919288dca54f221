// The scope of a reply is the same in every state of health and at every draw, also where these
// choose among names of which some depend on the client and others do not; explain says the same.
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/compile/explain.h"
#include "dataplane/base/bytes.h"
#include "tests/dataplane/answer_reply.h"
#include "tests/dataplane/leading_groups.h"

namespace holdfast::answer {
namespace {

using test::Be16Octets;

constexpr int kDraws = 24;  // of two records: 1 in 2^23 that only one comes

class ChosenNames : public testing::Test {
 protected:
  struct Seen {
    std::set<int> scopes;
    std::set<std::string> answers;
  };
  // Asked from a prefix of whole octets.
  void Ask(const std::string& name, Type type, const std::string& octets, Seen& seen) {
    const std::string data =
        Be16Octets(1) + static_cast<char>(octets.size() * 8) + std::string(1, '\0') + octets;
    for (int i = 0; i < kDraws; ++i) {
      const auto reply = client_.Ask(tables_.snapshot(),
                                     PacketBuilder()
                                         .Question(name + ".example.test", type)
                                         .Edns({.options = test::Option(8, data)}));
      ASSERT_GT(reply.opt_rdata.size(), 7U) << name;
      seen.scopes.insert(static_cast<unsigned char>(reply.opt_rdata[7]));
      seen.answers.insert(reply.answer.empty() ? "" : reply.answer[0].rdata);
    }
  }
  int Explained(const std::string& name, Type type, const std::string& octets) {
    std::string whole = octets;
    whole.resize(4);
    const auto told = control::Explain(model_,
                                       health_,
                                       Wire(name + ".example.test"),
                                       N(type),
                                       {.address = LoadBe32(whole.data()),
                                        .length = static_cast<std::uint8_t>(octets.size() * 8),
                                        .v6 = false},
                                       &kept_);
    EXPECT_TRUE(told) << name;
    return told ? told->scope : -1;
  }
  // Bit n is the health of the n-th check.
  void SetHealth(unsigned bits) {
    health_.clear();
    for (const char* check : {"k1", "k2", "check-p"}) {
      tables_.SetHealth(check, (bits & 1U) != 0);
      health_.push_back({.id = check, .healthy = (bits & 1U) != 0});
      bits >>= 1U;
    }
  }

  control::Model model_ = test::LeadingGroups();
  test::TestTables tables_{model_};
  test::AnswerClient client_;
  control::KeptRows kept_;
  std::vector<control::CompiledHealth> health_;
};

const std::vector<std::string> kClients = {std::string("\x0a\x01\x02", 3),
                                           std::string("\x0a\x01\x03", 3),
                                           std::string("\x0a\x02", 2),
                                           std::string("\x0b", 1)};

TEST_F(ChosenNames, LeaveTheScopeAsItIs) {
  const std::vector<std::pair<const char*, Type>> names = {
      {"fc", Type::kA},     {"chain", Type::kA},    {"chain2", Type::kA},   {"loop", Type::kA},
      {"loop2", Type::kA},  {"over", Type::kA},     {"wild", Type::kA},     {"renamed", Type::kA},
      {"fmx", Type::kMx},   {"wmx", Type::kMx},     {"wsrv", Type::kSrv},   {"cmx", Type::kMx},
      {"amx", Type::kMx},   {"cutoff", Type::kA},   {"x.cut", Type::kA},    {"first", Type::kA},
      {"fc", Type::kCname}, {"fc", Type::kTxt},     {"first", Type::kTxt},  {"geo", Type::kA},
      {"cidr", Type::kA},   {"ssvc", Type::kHttps}, {"asvc", Type::kHttps}, {"osvc", Type::kHttps}};
  for (const auto& [name, type] : names) {
    for (const std::string& client : kClients) {
      Seen seen;
      for (unsigned health = 0; health < 8; ++health) {
        SetHealth(health);
        Ask(name, type, client, seen);
        seen.scopes.insert(Explained(name, type, client));
      }
      EXPECT_EQ(seen.scopes.size(), 1U) << name << " " << wire::TypeText(N(type)) << " of "
                                        << static_cast<int>(client[1 % client.size()]);
      EXPECT_GT(*seen.scopes.begin(), 0) << name;
    }
    Seen chosen;
    for (unsigned health = 0; health < 8; ++health) {
      SetHealth(health);
      Ask(name, type, kClients[1], chosen);
    }
    const std::string_view label = name;  // a referral has no answer of its own
    const bool one = label == "first" || label == "cidr" || label == "x.cut";
    EXPECT_EQ(chosen.answers.size() == 1, one) << name << ": nothing was chosen";
  }
}

TEST_F(ChosenNames, HaveNoScopeWhereNoneOfThemAsks) {
  for (const auto& [name, type] : {std::pair("calm", Type::kA),
                                   {"calmmail", Type::kMx},
                                   {"calmtext", Type::kTxt},
                                   {"calmsvc", Type::kHttps},
                                   {"plain", Type::kA}}) {
    Seen seen;
    for (unsigned health = 0; health < 8; ++health) {
      SetHealth(health);
      Ask(name, type, kClients[0], seen);
      seen.scopes.insert(Explained(name, type, kClients[0]));
    }
    EXPECT_EQ(seen.scopes, std::set<int>{0}) << name;
  }
}

}  // namespace
}  // namespace holdfast::answer
