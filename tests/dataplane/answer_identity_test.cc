// Why a reply is an error, and the names of class CH (rows I23, I24, I26 and V01-V04 of the
// conformance list).
#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/dataplane/answer_options.h"

namespace holdfast::answer {
namespace {

// ---- Extended errors

struct ErrorCase {
  PacketBuilder message;
  unsigned rcode;
  unsigned info_code;
};

std::vector<ErrorCase> ErrorCases() {
  const auto name = [](std::string_view text, unsigned type = 1, unsigned qclass = 1) {
    return PacketBuilder().RawQuestion(Wire(text), type, qclass);
  };
  return {{name("other.invalid"), 5, 20},
          {name("x.dead.test"), 2, 14},
          {name("www.example.test").Opcode(2), 4, 21},
          {name("www.example.test", 200), 4, 21},
          {name("www.example.test", 253), 4, 21},
          {name("www.example.test", 251), 5, 21},
          {name("www.example.test", 252), 1, 21},
          {name("www.example.test", 1, 4), 5, 21},
          {name("www.example.test", 1, 3), 5, 21},
          {name("www.example.test", 128), 1, 30},
          {name("www.example.test", 250), 1, 30},
          {name("www.example.test", 0), 1, 30}};
}

TEST_F(EdnsOptions, conf_I23_I24_I25_SaysWhyInAnOptAndChangesNothingElse) {
  auto silent = AllOn();
  silent.extended_errors = false;
  for (const ErrorCase& c : ErrorCases()) {
    Switch(AllOn());
    EXPECT_EQ(Ask(c.message).Rcode(), c.rcode);
    EXPECT_FALSE(Ask(c.message).has_opt) << "conf_I23";
    const auto reply = Ask(PacketBuilder(c.message).Edns());
    EXPECT_EQ(reply.Rcode(), c.rcode);
    const std::string error = OptionsOf(reply)[kError];
    ASSERT_GT(error.size(), 2U) << c.rcode << " " << c.info_code;
    EXPECT_EQ(LoadBe16(error.data()), c.info_code);
    for (const char letter : error.substr(2)) {
      EXPECT_TRUE(letter >= ' ' && letter <= '~') << "conf_I25";
    }
    Switch(silent);
    const auto without = Ask(PacketBuilder(c.message).Edns());
    EXPECT_EQ(without.opt_rdata, "");
    EXPECT_EQ(without.flags, reply.flags);
  }
}

TEST_F(EdnsOptions, SaysNoReasonOfWhatIsNoError) {
  EXPECT_EQ(AskWith("").opt_rdata, "");
  EXPECT_EQ(Ask(PacketBuilder().Question("nope.example.test", Type::kA).Edns()).opt_rdata, "");
  EXPECT_EQ(Ask(PacketBuilder().Question("ext.example.test", Type::kA).Edns()).opt_rdata, "")
      << "a chain that leads out of our zones";
  EXPECT_EQ(Ask(PacketBuilder().Question("todead.example.test", Type::kA).Edns()).opt_rdata, "");
  EXPECT_EQ(Ask(Www().Edns().Raw("?")).opt_rdata, "") << "malformed";
}

TEST_F(EdnsOptions, conf_I24_SaysInvalidDataWhereTheTablesLeadNowhere) {
  test::TestTables tables(test::ExampleModel());
  tables.SetSettings(AllOn());
  const auto image = tables.Freeze();
  const auto snapshot = image.snapshot();
  std::array<std::byte, 256 + table::kHashPadding> padded{};
  const std::string name = Wire("alias.example.test");
  std::ranges::copy(std::as_bytes(std::span(name)), padded.begin());
  table::NameKey key{padded.data(), name.size(), 0};
  key.hash = HashName(key.name, key.octets, snapshot.key());
  const_cast<table::RrsetEntry&>(snapshot.Rrsets(*snapshot.Find(key))[0]).at = 0xFFFFFFF0;
  const auto reply =
      client_.Ask(snapshot, PacketBuilder().Question("alias.example.test", Type::kA).Edns());
  EXPECT_EQ(reply.Rcode(), 2U);
  EXPECT_EQ(LoadBe16(OptionsOf(reply)[kError].data()), 24);
}

TEST_F(EdnsOptions, conf_I26_SaysNothingOfHealth) {
  test::TestTables tables(test::ExampleModel());
  tables.SetSettings(AllOn());
  tables.SetHealth("check-p", false);
  tables.SetHealth("check-s", false);
  const auto reply =
      client_.Ask(tables.snapshot(), PacketBuilder().Question("f2.example.test", Type::kA).Edns());
  EXPECT_EQ(client_.Count(Counter::kLastResort), 1U);
  EXPECT_EQ(reply.opt_rdata, "");
}

// ---- Class CH

TEST_F(EdnsOptions, conf_V01_V02_V04_TellsWhoItIsInClassCh) {
  const std::vector<std::pair<const char*, std::string>> names = {
      {"version.bind", AllOn().version},
      {"VERSION.Server", AllOn().version},
      {"hostname.bind", AllOn().identity},
      {"id.server", AllOn().identity}};
  for (const auto& [name, text] : names) {
    for (const Type type : {Type::kTxt, Type::kAny}) {
      const auto reply = Ask(PacketBuilder().Question(name, type, 3).Edns());
      EXPECT_EQ(reply.Rcode(), 0U) << name;
      EXPECT_TRUE(reply.Aa());
      EXPECT_EQ(reply.qclass, 3);
      ASSERT_EQ(reply.answer.size(), 1U) << name;
      EXPECT_EQ(reply.answer[0].owner, Wire(name));
      EXPECT_EQ(reply.answer[0].type, N(Type::kTxt));
      EXPECT_EQ(reply.answer[0].rclass, 3);
      EXPECT_EQ(reply.answer[0].ttl, 0U);
      EXPECT_EQ(reply.answer[0].rdata, test::Txt(text));
      EXPECT_TRUE(reply.authority.empty() && reply.additional.empty());
    }
  }
}

TEST_F(EdnsOptions, conf_V01_V02_HidesWhatIsNotConfigured) {
  auto settings = AllOn();
  settings.version.clear();
  Switch(settings);
  const auto rcode = [&](const char* name) {
    const auto reply = Ask(PacketBuilder().Question(name, Type::kTxt, 3));
    EXPECT_EQ(reply.answer.size(), reply.Rcode() == 0 ? 1U : 0U);
    return reply.Rcode();
  };
  EXPECT_EQ(rcode("version.bind"), 5U);
  EXPECT_EQ(rcode("version.server"), 5U);
  EXPECT_EQ(rcode("id.server"), 0U);
  settings.identity.clear();
  Switch(settings);
  EXPECT_EQ(rcode("id.server"), 5U);
  EXPECT_EQ(rcode("hostname.bind"), 5U);
}

TEST_F(EdnsOptions, conf_V03_V04_H23_RefusesAllElseInClassCh) {
  for (const char* name : {"www.example.test",
                           "generation.holdfast",
                           "explain.holdfast",
                           "bind",
                           "x.version.bind",
                           "."}) {
    const auto reply = Ask(PacketBuilder().Question(name, Type::kTxt, 3));
    EXPECT_EQ(reply.Rcode(), 5U) << name;
    EXPECT_EQ(reply.qclass, 3);
    EXPECT_TRUE(reply.answer.empty()) << name;
  }
  EXPECT_EQ(Ask(PacketBuilder().Question("version.bind", Type::kA, 3)).Rcode(), 5U);
  EXPECT_EQ(Ask(PacketBuilder().Question("version.bind", Type::kTxt, 1)).Rcode(), 5U) << "in IN";
}

TEST_F(EdnsOptions, TheLongestTextsFitIntoThePlainestReply) {
  auto settings = AllOn();
  settings.version = std::string(255, 'v');
  Switch(settings);
  const auto reply = Ask(PacketBuilder().Question("version.server", Type::kTxt, 3));
  EXPECT_EQ(reply.answer.at(0).rdata, test::Txt(settings.version));
  const auto with_all =
      Ask(PacketBuilder()
              .Question("version.server", Type::kTxt, 3)
              .Edns({.size = 512,
                     .options = Option(kCookieOption, kClientCookie) +
                                Option(8, std::string("\0\2\x80\0", 4) + std::string(16, 'a'))}));
  EXPECT_EQ(with_all.answer.size(), 1U);
  EXPECT_LE(client_.octets(), 512U);
}

}  // namespace
}  // namespace holdfast::answer
