// Serials that do not say that a zone has changed: which changes count, and what is said.
#include "control/model/serial_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <utility>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint32_t kTop = 0xFFFFFFFF;

std::string Wire(const std::string& text) {
  return wire::FromText(text).value();
}

Zone ZoneAt(std::uint32_t serial, const std::string& address = "\1\2\3\4") {
  std::string soa = Wire("ns.test.") + Wire("h.test.") + std::string(20, '\0');
  StoreBe32(soa.data() + soa.size() - 20, serial);
  Zone zone;
  zone.origin = Wire("test.");
  zone.rrsets.push_back({zone.origin, 6, 60, {soa}, {"a.zone", 1}});
  zone.rrsets.push_back({Wire("www.test."), 1, 60, {address, "\5\6\7\x8"}, {"a.zone", 2}});
  return zone;
}

std::vector<std::string> Said(Zone served, Zone wanted) {
  Model was;
  was.zones.push_back(std::move(served));
  Model now;
  now.zones.push_back(std::move(wanted));
  return StaleSerials(was, now);
}

TEST(StaleSerials, conf_R13_AreThoseThatAreNotNewerThoughRecordsChanged) {
  const std::string other = "\1\2\3\5";
  EXPECT_THAT(Said(ZoneAt(7), ZoneAt(8, other)), IsEmpty());
  EXPECT_THAT(Said(ZoneAt(kTop), ZoneAt(1, other)), IsEmpty());
  EXPECT_THAT(Said(ZoneAt(7), ZoneAt(7, other)),
              ElementsAre("zone test.: serial is 7, but other records were served with 7; expected "
                          "8..2147483654 modulo 2^32 (RFC 1982), or secondaries keep what they "
                          "have"));
  EXPECT_THAT(Said(ZoneAt(1), ZoneAt(kTop, other)),
              ElementsAre("zone test.: serial is 4294967295, but other records were served with 1; "
                          "expected 2..2147483648 modulo 2^32 (RFC 1982), or secondaries keep what "
                          "they have"));
  EXPECT_THAT(Said(ZoneAt(kTop), ZoneAt(kTop, other)),
              ElementsAre(::testing::HasSubstr("expected 0..2147483646 modulo 2^32")));
  EXPECT_EQ(Said(ZoneAt(5), ZoneAt(0x80000005, other)).size(), 1U);  // exactly opposite
  EXPECT_EQ(Said(ZoneAt(8), ZoneAt(7)).size(), 1U);  // the SOA itself is a record, too
}

TEST(StaleSerials, CountRecordsAndNotHowTheyAreWritten) {
  EXPECT_THAT(Said(ZoneAt(7), ZoneAt(7)), IsEmpty());
  Zone other = ZoneAt(7);
  std::swap(other.rrsets[0], other.rrsets[1]);
  std::swap(other.rrsets[0].rdata[0], other.rrsets[0].rdata[1]);
  other.rrsets[0].source.line = 9;
  EXPECT_THAT(Said(ZoneAt(7), other), IsEmpty());
  other.rrsets[0].ttl = 61;
  EXPECT_EQ(Said(ZoneAt(7), other).size(), 1U);
  other.rrsets[0] = {Wire("WWW.test."), 1, 60, other.rrsets[0].rdata, {}};
  EXPECT_EQ(Said(ZoneAt(7), other).size(), 1U);
  other = ZoneAt(7);
  other.rrsets.pop_back();
  EXPECT_EQ(Said(ZoneAt(7), other).size(), 1U);
  other = ZoneAt(7);
  other.record_sets.emplace_back();
  EXPECT_THAT(Said(ZoneAt(7), other), IsEmpty());
}

TEST(StaleSerials, AreOfZonesThatWereServedWithASerial) {
  Zone without = ZoneAt(7, "\1\2\3\5");
  without.rrsets.erase(without.rrsets.begin());
  EXPECT_THAT(Said(without, ZoneAt(7)), IsEmpty());
  EXPECT_THAT(Said(ZoneAt(7), without), IsEmpty());
  Zone elsewhere = ZoneAt(7, "\1\2\3\5");
  elsewhere.origin = Wire("other.");
  EXPECT_THAT(Said(ZoneAt(7), elsewhere), IsEmpty());
}

TEST(StaleSerials, ComeFromTextsThatAreOthers) {
  Zone was = ZoneAt(7);
  Zone now = ZoneAt(7, "\1\2\3\5");
  was.texts = {{"a.zone", {}}};
  now.texts = {{"a.zone", {}}};
  EXPECT_THAT(Said(was, now), IsEmpty());  // the same octets: nothing to look at
  now.texts[0].path = "b.zone";
  EXPECT_EQ(Said(was, now).size(), 1U);
}

}  // namespace
}  // namespace holdfast::control
