// Rdata as text, of every type that is read back.
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "control/config/rdata.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

TEST(RdataText, IsThePresentationFormOfEachTypeThatIsReadBack) {
  const std::string root(1, '\0');
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"A", "192.0.2.7"},
      {"AAAA", "2001:db8::1"},
      {"SOA", "ns1.a.test. host.a.test. 2024010100 7200 900 1209600 60"},
      {"MX", "10 mail.test."},
      {"SRV", "0 0 443 ."},
      {"TXT", R"("a\"b" "" "\007")"},
      {"CAA", R"(0 issue "ca.test")"},
      {"NAPTR", R"(10 20 "s" "SIP+D2U" "" _sip._udp.a.test.)"},
      {"TLSA", "3 1 1 0011aabb"},
      {"SSHFP", "1 2 0011aabb"},
      {"DS", "12345 13 2 0011aabb"},
      {"HTTPS", "1 . alpn=h2"},
      {"CNAME", R"(a\.b.Test.)"},
      {"TYPE65280", "\\# 2 00ff"},
      {"TYPE65280", "\\# 0"},
  };
  for (const auto& [type, text] : cases) {
    const auto number = wire::TypeFromText(type);
    ASSERT_TRUE(number) << type;
    const auto rdata = RdataFromText(*number, text, root);
    ASSERT_TRUE(rdata) << type << " " << rdata.error().message;
    EXPECT_EQ(RdataText(*number, *rdata), text) << type;
  }
}

TEST(RdataText, LeavesWhatIsNotOfTheTypeInHex) {
  EXPECT_EQ(RdataText(1, "abc"), "\\# 3 616263");
  EXPECT_EQ(RdataText(16, "\5ab"), "\\# 3 056162");
  EXPECT_EQ(RdataText(6, std::string(4, '\0')), "\\# 4 00000000");
  EXPECT_EQ(RdataText(15, std::string("\0\1\xC0\0", 4)), "\\# 4 0001c000");
}

}  // namespace
}  // namespace holdfast::control
