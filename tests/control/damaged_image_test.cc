// Memory that changed under the publisher: whatever octet it was, nothing aborts or throws while
// things are replaced, dropped and given back, and a new image puts all of it right.
#include <gmock/gmock.h>

#include "dataplane/table/verify.h"
#include "tests/control/publish_kit.h"

namespace holdfast::control {
namespace {

constexpr const char* kLong = "a-label-of-more-than-thirty-two-octets-in-all.test.";

// Names of every form: static, routed, in a table of rrsets, long.
CompiledZone Zone(std::uint32_t serial) {
  const auto last = static_cast<std::uint8_t>(serial);
  std::vector<CompiledRrset> many{Static(last)};
  for (const std::uint16_t type : {std::uint16_t{16}, std::uint16_t{28}, std::uint16_t{257}}) {
    auto image = std::make_shared<ImageSpec>(*AddressImage(last));
    image->type = type;
    StoreBe16(image->wire.data() + 2, type);
    many.push_back({type, table::RrsetKind::kImage, image});
  }
  return ZoneOf(serial,
                {Name("test.", {}),
                 Name("s.test.", {Static(last)}),
                 Name("a.test.", {Alone(last)}),
                 Name("r.test.", {Routed(1)}),
                 Name("q.test.", {Routed(2)}),
                 Name("t.test.", many),
                 Name(kLong, {Static(last)})});
}

CompiledPool Leading(std::uint64_t rule, std::uint64_t to) {
  CompiledPool pool;
  pool.rule = Rule(rule);
  pool.type = 1;
  pool.outcomes.push_back({0xFFFFFFFF, table::OutcomeKind::kPool, 0, Rule(to)});
  return pool;
}

class DamagedImageTest : public PublishTest {
 protected:
  Status Put(int state) {
    HF_TRY(publisher_->PutPool(Pool(1, static_cast<std::uint8_t>(state))));
    HF_TRY(publisher_->PutPool(Pool(3, static_cast<std::uint8_t>(state))));
    HF_TRY(publisher_->PutPool(Leading(2, 3)));
    HF_TRY(publisher_->PutZone(Zone(static_cast<std::uint32_t>(state))));
    HF_TRY(publisher_->PutSettings(SettingsNamed(std::to_string(state / 2))));
    return publisher_->PutHealth({{"check", 0, state % 2 == 0, 0, state}});
  }
  Status PutHealth(int state) {
    HF_TRY(publisher_->PutPool(Pool(1, static_cast<std::uint8_t>(state))));
    HF_TRY(publisher_->PutPool(Leading(2, 3)));
    const CompiledHealth health{"check", 0, state % 2 == 0, 0, state};
    return publisher_->PutHealthOf({&health, 1});
  }
  // What may be refused, but no more than that.
  void End(const Status& put) {
    if (!put || !publisher_->Commit()) {
      publisher_->Abort();
    }
    publisher_->Reclaim();
  }
  // Everything that a control does to tables, after an octet of them changed.
  void Live() {
    End(PutHealth(2));
    End(Put(3));
    (void)Put(4);
    publisher_->Abort();
    End(PutHealth(5));
    End(publisher_->DropZone(Wire("test.")));
    for (int i = 6; i < 10; ++i) {
      End(PutHealth(i));
    }
    End(Put(10));
    End(publisher_->DropZone(Wire("test.")));
    End(PutHealth(11));
    End(PutHealth(12));
  }
  void ExpectRightAnew() {
    std::vector<std::string> notes;
    ASSERT_TRUE(publisher_->StartAnew(notes));
    ASSERT_TRUE(Put(20));
    ASSERT_TRUE(publisher_->Commit());
    EXPECT_FALSE(publisher_->damaged());
    const Snapshot snapshot(publisher_->view(), publisher_->generation());
    for (const char* name : {"s.test.", "a.test.", "r.test.", "t.test.", kLong}) {
      EXPECT_EQ(LastOctet(snapshot, name), 20) << name;
    }
    for (const auto& defect :
         table::VerifyImage(publisher_->view(), publisher_->generation()).defects) {
      ADD_FAILURE() << table::RuleText(defect.rule);
    }
    End(Put(21));
    End(publisher_->DropZone(Wire("test.")));
    EXPECT_FALSE(publisher_->damaged());
  }
  const NameRecord& Record(const char* text) {
    const Snapshot snapshot(publisher_->view(), publisher_->generation());
    return *snapshot.Find(PaddedName(Wire(text), snapshot.key()).key());
  }
  template <class T>
  std::uint64_t Place(const T* of) {
    return static_cast<std::uint64_t>(reinterpret_cast<const std::byte*>(of) -
                                      publisher_->view().base());
  }

  // Damages each octet from `from(this)` on in its turn, in tables of its own.
  // @param always  whether each must be noticed.
  template <class From>
  void Sweep(std::size_t octets, bool always, From from) {
    std::size_t noticed = 0;
    for (std::size_t i = 0; i < octets; ++i) {
      for (const auto flip : {std::byte{0x01}, std::byte{0x80}, std::byte{0xFF}}) {
        SCOPED_TRACE(i);
        publisher_.reset();
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_);
        Open();
        ASSERT_TRUE(Put(1));
        ASSERT_TRUE(publisher_->Commit());
        {
          auto mapping = table::Mapping::Map(publisher_->image_path(), true).value();
          mapping.data()[from() + i] ^= flip;
        }
        Live();
        noticed += publisher_->damaged() ? 1 : 0;
        EXPECT_TRUE(!always || publisher_->damaged());
        ExpectRightAnew();
      }
    }
    EXPECT_GT(noticed, 0U);
  }
};

TEST_F(DamagedImageTest, NothingIsNoticedWhereNothingIsDamaged) {
  Open();
  ASSERT_TRUE(Put(1));
  ASSERT_TRUE(publisher_->Commit());
  Live();
  EXPECT_FALSE(publisher_->damaged());
  ExpectRightAnew();
}

TEST_F(DamagedImageTest, AnRrsetImage) {
  Sweep(sizeof(table::RrImage) + 4 + 32, true, [this] {
    return std::uint64_t{kOffsetUnit} * Record("s.test.").rrset[0].at;
  });
}

TEST_F(DamagedImageTest, AnAddressInARecord) {
  constexpr auto kAt = offsetof(table::RrsetEntry, at);
  Sweep(sizeof(table::RrsetEntry) - kAt + sizeof(table::InlineAddress), true, [this] {
    return Place(Record("a.test.").rrset) + kAt;
  });
}

TEST_F(DamagedImageTest, ATableOfRrsets) {
  Sweep(sizeof(table::RrsetTable) + (4 * sizeof(table::RrsetEntry)), true, [this] {
    return std::uint64_t{kOffsetUnit} * Record("t.test.").rrset[0].at;
  });
}

TEST_F(DamagedImageTest, ADecision) {
  Sweep(sizeof(table::Decision) + sizeof(table::Outcome), false, [this] {
    const Snapshot snapshot(publisher_->view(), publisher_->generation());
    return Place(snapshot.DecisionOf(Record("r.test.").rrset[0].at));
  });
  constexpr auto kSealed = offsetof(table::Decision, crc32c);
  Sweep(sizeof(table::Decision) + sizeof(table::Outcome) - kSealed, true, [this] {
    const Snapshot snapshot(publisher_->view(), publisher_->generation());
    return Place(snapshot.DecisionOf(Record("q.test.").rrset[0].at)) + kSealed;
  });
}

TEST_F(DamagedImageTest, ARecord) {
  for (const char* name : {"s.test.", "a.test.", "r.test.", "t.test.", kLong}) {
    Sweep(sizeof(NameRecord), false, [&] { return Place(&Record(name)); });
  }
}

TEST_F(DamagedImageTest, ALongName) {
  Sweep(8, true, [this] {
    return std::uint64_t{kOffsetUnit} * LoadAs<std::uint32_t>(Record(kLong).name);
  });
}

TEST_F(DamagedImageTest, APoolAndAZone) {
  Sweep(sizeof(table::PoolSlot), false, [this] {
    return std::uint64_t{kOffsetUnit} * Record("r.test.").rrset[0].at;
  });
  Sweep(sizeof(table::ZoneSlot), false, [this] {
    return std::uint64_t{kOffsetUnit} * Record("r.test.").zone_at;
  });
  Sweep(sizeof(table::ZoneVersion), false, [this] {
    const Snapshot snapshot(publisher_->view(), publisher_->generation());
    return Place(snapshot.Zone(Record("r.test.").zone_at));
  });
}

TEST_F(DamagedImageTest, TheIndexAndTheHealth) {
  const auto index = [this] {
    return std::uint64_t{kOffsetUnit} * publisher_->view().header().index_at.load();
  };
  Sweep(sizeof(table::IndexVersion), false, index);
  const auto health = [this] {
    return std::uint64_t{kOffsetUnit} * publisher_->view().header().health_at.load();
  };
  Sweep(sizeof(table::HealthTable) + sizeof(table::HealthEntry), false, health);
  Sweep(2 * sizeof(std::uint32_t), false, [] { return offsetof(table::ImageHeader, index_at); });
  Sweep(sizeof(std::uint32_t), false, [] { return offsetof(table::ImageHeader, health_at); });
}

TEST_F(DamagedImageTest, TheSettings) {
  const auto settings = [this] {
    return std::uint64_t{kOffsetUnit} * publisher_->view().header().settings_at.load();
  };
  Sweep(offsetof(table::Settings, cookies), false, settings);
  Sweep(24, true, [&settings] { return settings() + offsetof(table::Settings, cookies); });
  Sweep(sizeof(std::uint32_t), false, [] { return offsetof(table::ImageHeader, settings_at); });
}

}  // namespace
}  // namespace holdfast::control
