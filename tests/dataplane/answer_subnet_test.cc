// EDNS Client Subnet (rows I12-I21 of the conformance list) and names that depend on the client.
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "tests/dataplane/answer_reply.h"
#include "tests/dataplane/located_zone.h"

namespace holdfast::answer {
namespace {

using test::Be16Octets;

// The option's data as it lies in a message.
std::string SubnetData(unsigned family,
                       unsigned source,
                       unsigned scope,
                       const std::string& address) {
  return Be16Octets(family) + static_cast<char>(source) + static_cast<char>(scope) + address;
}

class Subnets : public testing::Test {
 protected:
  static void SetUpTestSuite() { tables_ = new test::TestTables(test::LocatedModel()); }
  static void TearDownTestSuite() {
    delete tables_;
    tables_ = nullptr;
  }
  ReadReply AskWith(std::string_view name, const std::string& options) {
    return client_.Ask(tables_->snapshot(),
                       PacketBuilder()
                           .Question(std::string(name) + ".example.test", Type::kA)
                           .Edns({.options = options}));
  }
  ReadReply AskFrom(std::string_view name, const std::string& data) {
    return AskWith(name, test::Option(8, data));
  }
  // Answer and scope for an IPv4 prefix of whole octets.
  std::pair<std::string, int> Told(std::string_view name, const std::string& octets) {
    const auto length = static_cast<unsigned>(octets.size() * 8);
    const auto reply = AskFrom(name, SubnetData(1, length, 0, octets));
    EXPECT_EQ(reply.Rcode(), 0U);
    EXPECT_EQ(reply.opt_rdata.size(), 8 + octets.size());
    return {reply.answer.empty() ? "" : reply.answer.back().rdata, reply.opt_rdata.at(7)};
  }

  static inline test::TestTables* tables_ = nullptr;
  test::AnswerClient client_;
};

TEST_F(Subnets, conf_I12_NoneInNoneOut) {
  const auto reply = AskWith("geo", "");
  EXPECT_TRUE(reply.has_opt);
  EXPECT_EQ(reply.opt_rdata, "");
}

TEST_F(Subnets, conf_I13_RepeatsFamilyLengthAndAddress) {
  const auto v4 = AskFrom("geo", SubnetData(1, 20, 0, std::string("\x0a\x09\x10", 3)));
  EXPECT_EQ(v4.opt_rdata, test::Option(8, SubnetData(1, 20, 13, std::string("\x0a\x09\x10", 3))));
  EXPECT_EQ(v4.answer.at(0).rdata, A("192.0.2.1"));
  const std::string address("\x20\x01\x0d\xb8\0\0\0", 7);
  const auto v6 = AskFrom("geo", SubnetData(2, 56, 0, address));
  EXPECT_EQ(v6.opt_rdata, test::Option(8, SubnetData(2, 56, 32, address)));
  EXPECT_EQ(v6.answer.at(0).rdata, A("192.0.2.1"));
}

TEST_F(Subnets, conf_I14_I21_ScopeIsNoneWhereTheClientDoesNotMatter) {
  for (const char* name : {"plain", "absent"}) {
    EXPECT_EQ(AskFrom(name, SubnetData(1, 8, 0, "\x0a")).opt_rdata,
              test::Option(8, SubnetData(1, 8, 0, "\x0a")))
        << name;
  }
}

TEST_F(Subnets, conf_I15_ScopeCoversNoNetworkWithAnotherAnswer) {
  const std::string network("\x0a\x01\x02", 3);
  EXPECT_EQ(Told("geo", network), (std::pair{A("192.0.2.2"), 24}));
  // Beside the hole: up to it, not over it.
  EXPECT_EQ(Told("geo", std::string("\x0a\x01\x03", 3)), (std::pair{A("192.0.2.1"), 24}));
  EXPECT_EQ(Told("geo", std::string("\x0a\x02\x00", 3)), (std::pair{A("192.0.2.1"), 15}));
  EXPECT_EQ(Told("geo", std::string("\x0b\x00\x00", 3)), (std::pair{A("192.0.2.9"), 8}));
  EXPECT_EQ(Told("cidr", std::string("\x0a\x01\x03", 3)), (std::pair{A("192.0.2.4"), 24}));
  EXPECT_EQ(Told("cidr", std::string("\x0a\x01\x80", 3)), (std::pair{A("192.0.2.3"), 17}));
}

TEST_F(Subnets, conf_I16_UsesOnlyTheBitsThatAreGiven) {
  EXPECT_EQ(Told("geo", std::string("\x0a\x01", 2)), (std::pair{A("192.0.2.1"), 23}));
  EXPECT_EQ(Told("cidr", std::string("\x0a", 1)), (std::pair{A("192.0.2.9"), 16}));
}

TEST_F(Subnets, conf_I17_SourceLengthNoneIsAClientOfWhomNothingIsKnown) {
  const auto reply = AskFrom("geo", SubnetData(1, 0, 0, ""));
  EXPECT_EQ(reply.answer.at(0).rdata, A("192.0.2.9"));
  EXPECT_EQ(reply.opt_rdata, test::Option(8, SubnetData(1, 0, 0, "")));
}

TEST_F(Subnets, conf_I18_I19_I20_RefusesWhatIsMalformed) {
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"scope set", SubnetData(1, 8, 8, "\x0a")},
      {"bits behind the prefix", SubnetData(1, 7, 0, "\x0b")},
      {"too many octets", SubnetData(1, 8, 0, std::string("\x0a\0", 2))},
      {"too few octets", SubnetData(1, 9, 0, "\x0a")},
      {"IPv4 of 33 bits", SubnetData(1, 33, 0, std::string(5, '\0'))},
      {"IPv6 of 129 bits", SubnetData(2, 129, 0, std::string(17, '\0'))},
      {"unknown family", SubnetData(3, 8, 0, "\x0a")},
      {"family 0", SubnetData(0, 0, 0, "")},
      {"shorter than its head", "\x00\x01\x00"}};
  for (const auto& [what, data] : cases) {
    const auto reply = AskFrom("plain", data);
    EXPECT_EQ(reply.Rcode(), 1U) << what;
    EXPECT_EQ(reply.opt_rdata, "") << what;
  }
  const std::string one = test::Option(8, SubnetData(1, 8, 0, "\x0a"));
  EXPECT_EQ(AskWith("plain", one + one).Rcode(), 1U) << "twice";
}

TEST_F(Subnets, ARuleWithoutAnAnswerForTheClientSaysSoToItsNetworkAlone) {
  EXPECT_EQ(Told("geoless", std::string("\x0b", 1)), (std::pair{std::string(), 8}));
  EXPECT_EQ(Told("geoless", std::string("\x0a", 1)), (std::pair{A("192.0.2.1"), 16}));
}

TEST_F(Subnets, CountsForWhatAChainOrAnAddressBesideLeadsTo) {
  EXPECT_EQ(Told("cg", std::string("\x0a\x01\x02", 3)), (std::pair{A("192.0.2.2"), 24}));
  const auto mail = client_.Ask(
      tables_->snapshot(),
      PacketBuilder()
          .Question("mail.example.test", Type::kMx)
          .Edns(
              {.options = test::Option(8, SubnetData(1, 24, 0, std::string("\x0a\x01\x02", 3)))}));
  ASSERT_EQ(mail.additional.size(), 1U);
  EXPECT_EQ(mail.additional[0].rdata, A("192.0.2.2"));
  EXPECT_EQ(mail.opt_rdata.at(7), 24);
}

TEST_F(Subnets, ScopeDoesNotDependOnHealth) {
  test::TestTables tables(test::LocatedModel());
  const auto ask = [&] {
    return client_.Ask(
        tables.snapshot(),
        PacketBuilder()
            .Question("geo.example.test", Type::kA)
            .Edns({.options = test::Option(8, SubnetData(1, 16, 0, std::string("\x0a\x02", 2)))}));
  };
  const auto before = ask();
  tables.SetHealth("check-p", false);
  const auto after = ask();
  EXPECT_EQ(before.answer.at(0).rdata, A("192.0.2.1"));
  EXPECT_EQ(after.answer.at(0).rdata, A("192.0.2.9"));
  EXPECT_EQ(before.opt_rdata, after.opt_rdata);
}

TEST_F(Subnets, conf_I22_ArePassedOverWhereTheyAreSwitchedOff) {
  test::AnswerClient client(Options{.client_subnet = false, .seed = 1});
  const auto reply =
      client.Ask(tables_->snapshot(),
                 PacketBuilder()
                     .Question("geo.example.test", Type::kA)
                     .Edns({.options = test::Option(8, SubnetData(1, 8, 0, "\x0a"))}));
  EXPECT_EQ(reply.answer.at(0).rdata, A("192.0.2.9")) << "by the source address";
  EXPECT_EQ(reply.opt_rdata, "");
  const auto malformed = client.Ask(tables_->snapshot(),
                                    PacketBuilder()
                                        .Question("geo.example.test", Type::kA)
                                        .Edns({.options = test::Option(8, "?")}));
  EXPECT_EQ(malformed.Rcode(), 0U) << "an option that is unknown";
}

TEST_F(Subnets, OfAnotherVersionAreNotJudged) {
  const auto reply = client_.Ask(tables_->snapshot(),
                                 PacketBuilder()
                                     .Question("geo.example.test", Type::kA)
                                     .Edns({.version = 1, .options = test::Option(8, "?")}));
  EXPECT_EQ(reply.Rcode(), 16U);
}

TEST_F(Subnets, WithoutOneTheSourceAddressCounts) {
  client_.From({std::byte{10}, std::byte{1}, std::byte{2}, std::byte{77}}, false);
  EXPECT_EQ(AskWith("geo", "").answer.at(0).rdata, A("192.0.2.2"));
  client_.From({std::byte{0x20}, std::byte{1}, std::byte{0x0d}, std::byte{0xb8}}, true);
  EXPECT_EQ(AskWith("geo", "").answer.at(0).rdata, A("192.0.2.1"));
}

}  // namespace
}  // namespace holdfast::answer
