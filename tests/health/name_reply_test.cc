// What a resolver's reply says of a name, octet by octet.
#include "health/probe/name_reply.h"

#include <gtest/gtest.h>
#include <string>

#include "dataplane/wire/name.h"

namespace holdfast::health {
namespace {

std::string Be16(unsigned number) {
  return {static_cast<char>(number >> 8U & 0xFFU), static_cast<char>(number & 0xFFU)};
}
std::string Be32(std::uint32_t number) {
  return Be16(number >> 16U) + Be16(number & 0xFFFFU);
}
std::string Name(const std::string& text) {
  return wire::FromText(text).value();
}
std::string Record(const std::string& owner,
                   unsigned type,
                   std::uint32_t ttl,
                   const std::string& rdata) {
  return owner + Be16(type) + Be16(1) + Be32(ttl) + Be16(static_cast<unsigned>(rdata.size())) +
         rdata;
}
const std::string kQname = "\xC0\x0C";

std::string Message(unsigned answers,
                    const std::string& records,
                    unsigned authorities = 0,
                    const std::string& behind = "") {
  return Be16(7) + Be16(0x8180) + Be16(1) + Be16(answers) + Be16(authorities) + Be16(0) +
         Name("www.a.test") + Be16(1) + Be16(1) + records + behind;
}
std::optional<NameReply> Read(const std::string& message, bool v6 = false) {
  return ReadNameReply(std::as_bytes(std::span(message)), v6);
}
std::string Soa(std::uint32_t ttl, std::uint32_t minimum) {
  return Record(Name("a.test"),
                6,
                ttl,
                Name("ns.a.test") + "\xC0\x0C" + std::string(16, '\0') + Be32(minimum));
}

TEST(NameReply, GivesTheAddressesAndTheirLeastTtl) {
  const std::string other = std::string("\xC0\x00\x02\x02", 4);
  const auto read = Read(Message(2,
                                 Record(kQname, 1, 60, std::string("\xC0\0\2\1", 4)) +
                                     Record(Name("WWW.A.test"), 1, 50, other)));
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->addresses.size(), 2U);
  EXPECT_EQ(read->addresses[1].Text(), "192.0.2.2");
  EXPECT_EQ(read->ttl, 50U);
}

TEST(NameReply, TakesWhatWasAskedForAlone) {
  const std::string six = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\1";
  const std::string message =
      Message(4,
              Record(kQname, 1, 60, std::string("\xC0\0\2\1", 4)) + Record(kQname, 28, 60, six) +
                  Record(kQname, 16, 60, std::string("\2ab", 3)) +
                  Record(Name("x.test"), 1, 60, std::string(4, '\1')));
  ASSERT_EQ(Read(message)->addresses.size(), 1U);
  EXPECT_EQ(Read(message)->addresses[0].Text(), "192.0.2.1");
  ASSERT_EQ(Read(message, true)->addresses.size(), 1U);
  EXPECT_EQ(Read(message, true)->addresses[0].Text(), "2001:db8::1");
}

TEST(NameReply, FollowsAliasesInAnyOrder) {
  const auto read = Read(Message(3,
                                 Record(Name("c.test"), 1, 60, std::string("\xC0\0\2\1", 4)) +
                                     Record(Name("b.test"), 5, 30, Name("C.test")) +
                                     Record(kQname, 5, 40, Name("b.test"))));
  ASSERT_EQ(read->addresses.size(), 1U);
  EXPECT_EQ(read->ttl, 30U);
}

TEST(NameReply, HasNoAddressWhereAliasesEndNowhere) {
  const std::string address = Record(Name("z.test"), 1, 60, std::string("\xC0\0\2\1", 4));
  EXPECT_TRUE(Read(Message(1, Record(kQname, 5, 40, Name("b.test"))))->addresses.empty());
  EXPECT_TRUE(Read(Message(1, Record(kQname, 5, 40, kQname)))->addresses.empty());  // itself
  EXPECT_TRUE(Read(Message(3,
                           Record(kQname, 5, 40, Name("b.test")) +
                               Record(Name("b.test"), 5, 40, Name("www.a.test")) + address))
                  ->addresses.empty());
  std::string chain = Record(kQname, 5, 40, Name("n0.test"));
  for (int n = 0; n < 20; ++n) {
    chain += Record(Name("n" + std::to_string(n) + ".test"),
                    5,
                    40,
                    n < 19 ? Name("n" + std::to_string(n + 1) + ".test") : Name("z.test"));
  }
  EXPECT_TRUE(Read(Message(22, chain + address))->addresses.empty());
}

TEST(NameReply, SaysHowLongALackMayBeKept) {
  EXPECT_EQ(Read(Message(0, "", 1, Soa(3600, 60)))->ttl, 60U);
  EXPECT_EQ(Read(Message(0, "", 1, Soa(30, 60)))->ttl, 30U);
  EXPECT_EQ(Read(Message(0, "", 2, Record(kQname, 2, 9, Name("ns.test")) + Soa(3600, 7)))->ttl, 7U);
  EXPECT_FALSE(Read(Message(0, ""))->ttl.has_value());
  EXPECT_EQ(Read(Message(0, "", 1, Soa(3600, 0x80000000U)))->ttl, 3600U);
}

TEST(NameReply, KeepsABoundedNumberOfAddresses) {
  std::string records;
  for (int n = 0; n < 1000; ++n) {
    records +=
        Record(kQname, 1, 60, "\x0A" + std::string(1, '\0') + Be16(static_cast<unsigned>(n)));
  }
  EXPECT_EQ(Read(Message(1000, records))->addresses.size(), NameReply::kMaxAddresses);
}

TEST(NameReply, GivesNothingForWhatIsCutAnywhere) {
  const std::string whole = Message(
      2,
      Record(kQname, 5, 40, Name("b.test")) + Record(Name("b.test"), 1, 60, std::string(4, '\1')));
  ASSERT_TRUE(Read(whole).has_value());
  for (std::size_t octets = 0; octets < whole.size(); ++octets) {
    EXPECT_FALSE(Read(whole.substr(0, octets)).has_value()) << octets;
  }
  const std::string negative = Message(0, "", 1, Soa(60, 60));
  for (std::size_t octets = 0; octets < negative.size(); ++octets) {
    EXPECT_FALSE(Read(negative.substr(0, octets)).has_value()) << octets;
  }
  EXPECT_FALSE(Read(Message(1, Record(kQname, 1, 60, "abc"))).has_value());  // three octets
}

}  // namespace
}  // namespace holdfast::health
