// Room in full tables: what is there needs none again, and loads leave some, so that health can
// change every pool.
#include "tests/control/publish_kit.h"

namespace holdfast::control {
namespace {

// A zone of `count` names, every one with an rrset of its own address.
CompiledZone ZoneOfMany(std::uint32_t serial, int count) {
  std::vector<CompiledName> names{Name("test.", {})};
  for (int i = 0; i < count; ++i) {
    names.push_back(
        Name("n" + std::to_string(i) + ".test.", {Static(static_cast<std::uint8_t>(i))}));
  }
  return ZoneOf(serial, names);
}

TEST_F(PublishTest, NeedsNoRoomForWhatIsThere) {
  Open();
  int count = 0;
  for (int step = 8000; step > 0; step /= 2) {
    while (publisher_->PutZone(ZoneOfMany(1, count + step))) {
      ASSERT_TRUE(publisher_->Commit());
      count += step;
    }
    publisher_->Abort();
  }
  Open();
  ASSERT_TRUE(publisher_->adopted());
  ASSERT_TRUE(publisher_->PutZone(ZoneOfMany(1, count)));
  EXPECT_FALSE(publisher_->Commit()->changed);
}

// An rrset of one TXT record that is like no other.
CompiledRrset Text(std::uint32_t number, std::size_t octets) {
  auto spec = std::make_shared<ImageSpec>();
  spec->type = 16;
  spec->wire = std::string("\xC0\x0C\0\x10\0\1\0\0\0\0\0\0", 12) + std::string(octets, 'x');
  StoreBe32(spec->wire.data() + 6, number);  // the TTL
  spec->record_ends = {static_cast<std::uint16_t>(spec->wire.size())};
  return {16, table::RrsetKind::kImage, std::move(spec)};
}

// Loads until no more goes in, then lets health change every pool, several times.
class PublishRoomTest : public PublishTest {
 protected:
  using PoolOf = CompiledPool (*)(std::uint64_t rule, unsigned state);
  static constexpr std::uint64_t kRules = 200;
  // @param small  names with a record of 48 octets each, beside which a cache line has a gap.
  void LoadAndChange(PoolOf pool_of, std::uint32_t small = 0);
};

void PublishRoomTest::LoadAndChange(PoolOf pool_of, std::uint32_t small) {
  Open();
  constexpr std::size_t kNames = 1500;
  CompiledZone zone = ZoneOfMany(1, kNames);
  for (std::uint64_t rule = 0; rule < kRules; ++rule) {
    ASSERT_TRUE(publisher_->PutPool(pool_of(rule, 1)));
    zone.names.push_back(Name("p" + std::to_string(rule) + ".test.", {Routed(rule)}));
  }
  for (std::uint32_t i = 0; i < small; ++i) {
    zone.names.push_back(Name("s" + std::to_string(i) + ".test.", {Text(1'000'000 + i, 12)}));
  }
  Publish(zone);
  // Ever smaller texts, until not even a short one goes in.
  std::size_t next = 1;
  for (const std::size_t octets : {20'000, 3000, 400, 40}) {
    for (bool fits = true; fits && next < kNames; next += fits ? 1 : 0) {
      auto& rrsets = zone.names[next].rrsets;
      const auto before = rrsets;
      rrsets.push_back(Text(static_cast<std::uint32_t>(next), octets));
      fits = publisher_->PutZone(zone) && publisher_->LeavesRoom();
      if (fits) {
        ASSERT_TRUE(publisher_->Commit());
      } else {
        publisher_->Abort();
        rrsets = before;
      }
    }
  }
  ASSERT_LT(next, kNames);
  EXPECT_GT(next, small == 0 ? 150U : 10U);
  ASSERT_TRUE(publisher_->PutZone(zone));
  EXPECT_TRUE(publisher_->LeavesRoom());  // what is there takes nothing
  for (const unsigned state : {2U, 3U, 4U}) {
    for (std::uint64_t rule = 0; rule < kRules; ++rule) {
      ASSERT_TRUE(publisher_->PutPool(pool_of(rule, state)));
    }
    ASSERT_TRUE(publisher_->Commit());
  }
}

std::uint8_t LastOf(std::uint64_t rule, unsigned state) {
  return static_cast<std::uint8_t>(state == 1 ? 1 : state + (rule % 50));
}

TEST_F(PublishRoomTest, KeepsRoomForHealthFromLoads) {
  LoadAndChange([](std::uint64_t rule, unsigned state) { return Pool(rule, LastOf(rule, state)); });
}

TEST_F(PublishRoomTest, KeepsRoomForDecisionsThatChangeTheirSize) {
  LoadAndChange([](std::uint64_t rule, unsigned state) {
    return (rule + state) % 2 == 0 ? Pool(rule, LastOf(rule, state))
                                   : Halves(rule, LastOf(rule, state));
  });
}

TEST_F(PublishRoomTest, KeepsRoomForLargerDecisionsThanThereWere) {
  LoadAndChange([](std::uint64_t rule, unsigned state) {
    return state == 1 ? Pool(rule, LastOf(rule, state)) : Halves(rule, LastOf(rule, state));
  });
}

TEST_F(PublishRoomTest, GapsBesideSmallRecordsAreNoRoomForHealth) {
  options_.image.octets = 2U << 20U;
  LoadAndChange(
      [](std::uint64_t rule, unsigned state) {
        return (rule + state) % 2 == 0 ? Pool(rule, LastOf(rule, state))
                                       : Halves(rule, LastOf(rule, state));
      },
      10'000);
}

}  // namespace
}  // namespace holdfast::control
