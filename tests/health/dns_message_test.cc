// The DNS check's query and its judgement of replies, octet by octet.
#include "health/probe/dns_message.h"

#include <gtest/gtest.h>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::health {
namespace {

constexpr std::uint16_t kId = 0x1234;
constexpr std::uint16_t kReply = 0x8400;
constexpr std::uint16_t kTruncated = 0x8600;

std::string Wire(const std::string& text) {
  return wire::FromText(text).value();
}

std::string Octets16(std::uint16_t host) {
  std::string octets(2, '\0');
  StoreBe16(octets.data(), host);
  return octets;
}

DnsSettings Asking(wire::Type type, const std::string& rdata = "") {
  return {.question = Wire("www.example.test"),
          .type = static_cast<std::uint16_t>(type),
          .rdata = rdata};
}

// The owner is a pointer to the question's name.
std::string Record(wire::Type type, const std::string& rdata) {
  return "\xC0\x0C" + Octets16(static_cast<std::uint16_t>(type)) + Octets16(1) +
         std::string(4, '\0') + Octets16(static_cast<std::uint16_t>(rdata.size())) + rdata;
}

std::string Reply(const DnsSettings& settings,
                  std::uint16_t flags,
                  std::uint16_t records = 0,
                  const std::string& answer = "") {
  std::string reply = DnsQuery(settings, kId);
  StoreBe16(reply.data() + 2, flags);
  StoreBe16(reply.data() + 6, records);
  return reply + answer;
}

std::string Judged(const std::string& reply, const DnsSettings& settings) {
  const auto judged = JudgeDnsReply(std::as_bytes(std::span(reply)), settings, kId);
  if (!judged) {
    return "waits on";
  }
  EXPECT_EQ(judged->outcome == Outcome::kPass, judged->reason.starts_with("Success: "));
  EXPECT_NE(judged->outcome, Outcome::kUnknown);
  return judged->reason;
}

TEST(DnsMessage, AsksOneQuestion) {
  DnsSettings settings = Asking(wire::Type::kA);
  EXPECT_EQ(DnsQuery(settings, kId),
            std::string("\x12\x34\0\0\0\1\0\0\0\0\0\0", 12) + Wire("www.example.test") +
                std::string("\0\1\0\1", 4));
  settings.recursion_desired = true;
  EXPECT_EQ(DnsQuery(settings, kId).substr(2, 2), std::string("\1\0", 2));
}

TEST(DnsMessage, WaitsPastWhatIsNoReplyToItsQuestion) {
  const DnsSettings settings = Asking(wire::Type::kA);
  const std::string good = Reply(settings, kReply);
  EXPECT_EQ(Judged(good, settings), "Success: DNS reply NOERROR");
  for (std::size_t octets = 0; octets < good.size(); ++octets) {
    EXPECT_EQ(Judged(good.substr(0, octets), settings), "waits on") << octets;
  }
  EXPECT_EQ(Judged(Reply(settings, 0), settings), "waits on") << "a query";
  EXPECT_EQ(Judged(Reply(settings, 0xA400), settings), "waits on") << "another opcode";
  for (const std::size_t at : {0U, 1U, 4U, 5U, 13U, 30U, 31U, 33U}) {
    std::string other = good;
    other[at] = static_cast<char>(other[at] ^ 2);
    EXPECT_EQ(Judged(other, settings), "waits on") << at;
  }
  std::string upper = good;
  upper[13] = 'W';
  EXPECT_EQ(Judged(upper, settings), "Success: DNS reply NOERROR") << "letter case means nothing";
}

TEST(DnsMessage, PassesOnTheExpectedRcodesOnly) {
  DnsSettings settings = Asking(wire::Type::kA);
  EXPECT_EQ(Judged(Reply(settings, kReply | 3), settings), "Failure: DNS reply NXDOMAIN");
  settings.rcodes = 1U << 3U | 1U << 12U;
  EXPECT_EQ(Judged(Reply(settings, kReply | 3), settings), "Success: DNS reply NXDOMAIN");
  EXPECT_EQ(Judged(Reply(settings, kReply | 12), settings), "Success: DNS reply RCODE12");
  EXPECT_EQ(Judged(Reply(settings, kReply), settings), "Failure: DNS reply NOERROR");
}

TEST(DnsMessage, SaysThatAReplyWasTruncated) {
  const DnsSettings settings = Asking(wire::Type::kA, "\xC0\1\2\3");
  EXPECT_EQ(Judged(Reply(settings, kTruncated), settings), "Success: DNS reply NOERROR, truncated");
  EXPECT_EQ(Judged(Reply(settings, kTruncated | 2), settings), "Failure: DNS reply SERVFAIL");
}

TEST(DnsMessage, FindsTheExpectedRdataAmongTheAnswers) {
  using wire::Type;
  const std::string mx = Octets16(10) + Wire("mx.example.test");
  const struct {
    Type type;
    std::string wanted;
    std::string sent;  // of the second record
    bool found;
  } cases[] = {
      {Type::kA, "\xC0\1\2\3", "\xC0\1\2\3", true},
      {Type::kA, "\xC0\1\2\3", "\xC0\1\2\4", false},
      {Type::kA, "\xC0\1\2\3", "\xC0\1\2", false},
      {Type::kTxt, "\5hello", "\5hello", true},
      {Type::kTxt, "\5hello", "\5Hello", false},
      {Type::kMx, mx, mx, true},
      {Type::kMx, mx, Octets16(10) + "\2MX\xC0\x10", true},   // compressed, other letter case
      {Type::kMx, mx, Octets16(20) + "\2mx\xC0\x10", false},  // another preference
      {Type::kNs, Wire("example.test"), "\xC0\x10", true},
      {Type::kNs, Wire("test"), "\xC0\x10", false},
  };
  for (const auto& c : cases) {
    const DnsSettings settings = Asking(c.type, c.wanted);
    const std::string answer =
        Record(Type::kCname, Wire("alias.example.test")) + Record(c.type, c.sent);
    EXPECT_EQ(Judged(Reply(settings, kReply, 2, answer), settings),
              c.found ? "Success: DNS reply NOERROR, with the expected answer"
                      : "Failure: DNS reply NOERROR, without the expected answer")
        << wire::TypeText(settings.type);
  }
}

TEST(DnsMessage, FailsOnAnAnswerThatCannotBeRead) {
  using wire::Type;
  const DnsSettings settings = Asking(Type::kNs, Wire("ns.example.test"));
  const std::string fine = Record(Type::kNs, Wire("ns.example.test"));
  const struct {
    const char* what;
    std::uint16_t records;
    std::string answer;
  } cases[] = {
      {"no record where one is promised", 1, ""},
      {"cut off", 1, fine.substr(0, fine.size() - 1)},
      {"rdata that ends within its name", 1, Record(Type::kNs, "\3ns")},
      {"a pointer to itself", 1, Record(Type::kNs, "\xC0\x2E")},
      {"a pointer forwards", 1, Record(Type::kNs, "\xC0\xF0")},
      {"a label of 64 octets", 1, Record(Type::kNs, "\x40" + std::string(64, 'a') + '\0')},
      {"a name that goes past its rdata", 1, Record(Type::kNs, "\2ns").append("\0\0\0\0", 4)},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Judged(Reply(settings, kReply, c.records, c.answer), settings),
              "Failure: DNS reply NOERROR, with a malformed answer")
        << c.what;
  }
  // What stands behind the record that was looked for is not read.
  EXPECT_EQ(Judged(Reply(settings, kReply, 9, fine), settings),
            "Success: DNS reply NOERROR, with the expected answer");
}

}  // namespace
}  // namespace holdfast::health
