// Stored zones: what a command loaded comes back, also in the form of before; what is not whole
// does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "control/model/stored_zone.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

using ::testing::HasSubstr;

std::string Wire(const std::string& text) {
  return wire::FromText(text).value();
}

Zone SomeZone() {
  Zone zone;
  zone.origin = Wire("test.");
  zone.rrsets.push_back({Wire("WWW.test."), 1, 60, {"\1\2\3\4", "\5\6\7\x8"}, {"a.zone", 3}});
  zone.rrsets.push_back({Wire("b.test."), 16, 0, {std::string(300, 'x')}, {"b.zone", 1}});
  return zone;
}

StoredZone Stored(std::string content) {
  return {Wire("test."), false, "Z1", "/z/a.zone", std::move(content), 7};
}

Result<Zone> Back(const std::string& content) {
  Findings findings;
  return ZoneFromStore(Stored(content), findings);
}

TEST(StoredZone, ComesBackAsItWasLoaded) {
  Findings was;
  was.AddWarning("a.zone:3", "odd");
  Findings is;
  const auto zone = ZoneFromStore(Stored(ZoneContent(SomeZone(), was)), is);
  ASSERT_TRUE(zone) << zone.error().message;
  EXPECT_EQ(is.Warnings(), was.Warnings());
  EXPECT_EQ(zone->origin, Wire("test."));
  EXPECT_EQ(zone->id, "Z1");
  EXPECT_EQ(zone->source.file, "/z/a.zone");
  EXPECT_TRUE(zone->stored);
  ASSERT_EQ(zone->rrsets.size(), 2U);
  EXPECT_EQ(zone->rrsets[0].owner, Wire("WWW.test."));
  EXPECT_EQ(zone->rrsets[0].source.Text(), "a.zone:3");
  EXPECT_EQ(zone->rrsets[1].source.Text(), "b.zone:1");
  EXPECT_EQ(zone->rrsets[1].rdata, SomeZone().rrsets[1].rdata);
}

TEST(StoredZone, IsReadInTheFormWithoutPlacesToo) {
  const std::string bare("HFZ1\1\0\0\0\6\0\0\0\4test\0\1\0\0\0\x3c\0\0\0\1\0\0\0\4\0\0\0\1\2\3\4",
                         38);
  const auto zone = Back(bare);
  ASSERT_TRUE(zone) << zone.error().message;
  ASSERT_EQ(zone->rrsets.size(), 1U);
  EXPECT_EQ(zone->rrsets[0].ttl, 60U);
  EXPECT_EQ(zone->rrsets[0].source.Text(), "/z/a.zone");
  EXPECT_EQ(zone->rrsets[0].rdata.at(0), "\1\2\3\4");
}

TEST(StoredZone, IsRefusedWhenAnyOctetIsNotWhatWasWritten) {
  const std::string content = ZoneContent(SomeZone());
  for (std::size_t at = 0; at < content.size(); ++at) {
    std::string damaged = content;
    damaged[at] ^= 1;
    EXPECT_FALSE(Back(damaged)) << at;
    EXPECT_FALSE(Back(content.substr(0, at))) << at;
  }
  EXPECT_THAT(Back(content + "x").error().message,
              HasSubstr("the stored zone test. is unreadable; load it again with"));
}

}  // namespace
}  // namespace holdfast::control
