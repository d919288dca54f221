// What the tests of publishing share: a run folder and tables of their own, names and pools whose
// answers are told apart by one octet, what a reader sees of them, and whole states to go through.
#pragma once

#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include "control/publish/publisher.h"
#include "dataplane/table/hash.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {

using table::Attachment;
using table::NameRecord;
using table::Snapshot;

inline std::string Wire(const std::string& text) {
  return wire::FromText(text).value();
}

inline ImageSpecPtr AddressImage(std::uint8_t last) {
  auto spec = std::make_shared<ImageSpec>();
  spec->type = 1;
  spec->ttl = 60;
  spec->wire = std::string("\xC0\x0C\0\1\0\1\0\0\0\x3C\0\4\xC0\0\2", 15);
  spec->wire.push_back(static_cast<char>(last));
  spec->record_ends = {16};
  return spec;
}

inline ImageSpecPtr NegativeImage(std::uint32_t serial) {
  auto spec = std::make_shared<ImageSpec>();
  spec->kind = table::ImageKind::kNegative;
  spec->type = 6;
  spec->wire = std::string(26, '\0') + std::to_string(serial);
  spec->record_ends = {static_cast<std::uint16_t>(spec->wire.size())};
  return spec;
}

inline RuleDigest Rule(std::uint64_t n) {
  return {{n, ~n}};
}

inline CompiledPool Pool(std::uint64_t rule, std::uint8_t last) {
  CompiledPool pool;
  pool.rule = Rule(rule);
  pool.type = 1;
  pool.outcomes.push_back({0xFFFFFFFF, table::OutcomeKind::kImage, 0, AddressImage(last)});
  return pool;
}

// One of two addresses, each for half of the queries: a decision larger than Pool's.
inline CompiledPool Halves(std::uint64_t rule, std::uint8_t last) {
  CompiledPool pool = Pool(rule, last);
  pool.outcomes.insert(
      pool.outcomes.begin(),
      {0x7FFFFFFF, table::OutcomeKind::kImage, 0, AddressImage(static_cast<std::uint8_t>(~last))});
  return pool;
}

template <class T>
inline void AppendOctets(std::string& to, const T& value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}
inline TableBlob Sealed(std::string octets) {
  const std::uint32_t crc = table::Crc32c(octets.data() + 4, octets.size() - 4);
  std::memcpy(octets.data(), &crc, sizeof(crc));
  return std::make_shared<const std::string>(std::move(octets));
}

// IPv4 clients below `border` are in class 0, the others in class 1, IPv6 ones in class 0. The rest
// of the ranges only make it larger.
inline TableBlob Located(std::uint32_t border, std::uint32_t ranges = 2) {
  table::LocationTable head{};
  head.classes = 2;
  head.records = 2;
  head.v4_ranges = ranges;
  head.v6_ranges = 1;
  std::string octets;
  AppendOctets(octets, head);
  AppendOctets(octets, std::uint64_t{0});  // v6_start
  for (std::uint32_t i = 0; i < ranges; ++i) {
    AppendOctets(octets, i == 0 ? 0 : border + i - 1);
  }
  for (std::uint32_t i = 0; i < ranges; ++i) {
    AppendOctets(octets, i == 0 ? 0U : 1U);
  }
  AppendOctets(octets, std::uint32_t{0});  // v6_record
  for (const std::uint32_t top : {0U, ranges - 1, 0U, 0U}) {
    AppendOctets(octets, top);
  }
  AppendOctets(octets, table::LocationRecord{});
  AppendOctets(octets, table::LocationRecord{.class_at = 1});
  return Sealed(octets);
}

// As Pool for clients of class 0; `last` + 1 for those of class 1.
inline CompiledPool Switch(std::uint64_t rule, std::uint8_t last, TableBlob location) {
  CompiledPool pool = Pool(rule, last);
  pool.outcomes.push_back(Pool(rule, static_cast<std::uint8_t>(last + 1)).outcomes[0]);
  pool.location = std::move(location);
  table::RowMap map{.crc32c = 0, .classes = 2};
  std::string rows;
  AppendOctets(rows, map);
  AppendOctets(rows, std::uint32_t{1U << 16U});  // class 0: row 0, class 1: row 1
  pool.row_map = Sealed(rows);
  pool.list_of_row = {0, 1};
  pool.list_ends = {1, 2};
  return pool;
}

inline CompiledName Name(const std::string& text, std::vector<CompiledRrset> rrsets) {
  return {Wire(text), 0, std::move(rrsets)};
}

inline CompiledZone ZoneOf(std::uint32_t serial, std::vector<CompiledName> names) {
  CompiledZone zone;
  zone.origin = Wire("test.");
  zone.serial = serial;
  zone.max_labels = 4;
  zone.negative = NegativeImage(serial);
  zone.names = std::move(names);
  return zone;
}

class PublishTest : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/dev/shm/holdfast-publish-test-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    options_.run_dir = folder_ + "/run";
    options_.image = {folder_, 4U << 20U, "holdfast-test"};
    options_.map_wait_ms = 1000;
  }
  void TearDown() override {
    publisher_.reset();
    std::filesystem::remove_all(folder_);
  }
  void Open() {
    publisher_.reset();
    std::vector<std::string> notes;
    auto opened = Publisher::Open(options_, notes);
    ASSERT_TRUE(opened) << opened.error().message;
    publisher_ = std::move(*opened);
  }
  // The number of the image that readers are to map.
  [[nodiscard]] std::uint32_t AnnouncedSeq() const {
    const auto root = table::Mapping::Map(options_.run_dir + "/root", false);
    EXPECT_TRUE(root) << root.error().message;
    return reinterpret_cast<const table::RootBlock*>(root->data())->announced_seq.load();
  }
  Committed Publish(const CompiledZone& zone, const std::vector<CompiledPool>& pools = {}) {
    EXPECT_TRUE(publisher_->PutPools(pools));
    EXPECT_TRUE(publisher_->PutZone(zone));
    auto committed = publisher_->Commit();
    EXPECT_TRUE(committed) << committed.error().message;
    return committed.value();
  }

  std::string folder_;
  PublisherOptions options_;
  std::unique_ptr<Publisher> publisher_;
};

// What a reader sees for a name: -1 no such name, else the last octet of its A record.
inline int LastOctet(const Snapshot& snapshot, const std::string& text) {
  const PaddedName name(Wire(text), snapshot.key());
  const NameRecord* record = snapshot.Find(name.key());
  if (record == nullptr) {
    return -1;
  }
  for (const table::RrsetEntry& entry : snapshot.Rrsets(*record)) {
    if (entry.type != 1) {
      continue;
    }
    std::uint32_t at = entry.at;
    if (entry.kind == table::RrsetKind::kAddress) {
      table::AddressImage made;
      const auto wire = made.Open(*record, entry).wire;
      return wire.empty() ? -2 : std::to_integer<int>(wire.back());
    }
    if (entry.kind == table::RrsetKind::kPool) {
      const auto* decision = snapshot.DecisionOf(at);
      if (decision == nullptr) {
        return -2;
      }
      const auto outcomes = table::OpenDecision(snapshot.view(), decision).outcomes;
      if (outcomes.empty()) {
        return -2;
      }
      at = outcomes[0].at;
    }
    const auto parts = table::OpenImage(snapshot.view(), at);
    return parts.wire.empty() ? -3 : static_cast<int>(parts.wire.back());
  }
  return -4;
}

struct Reader {
  explicit Reader(const std::string& run_dir, const char* role = "reader")
      : attachment(Attachment::Open(run_dir, role, 1)) {}
  const Snapshot& Take() { return (*attachment)->Take(cache, word); }
  Result<std::unique_ptr<Attachment>> attachment;
  Snapshot cache;
  std::uint64_t word = 0;
};

// Of one address, which the record holds itself.
inline CompiledRrset Alone(std::uint8_t last) {
  return {.type = 1,
          .kind = table::RrsetKind::kAddress,
          .answer = {},
          .address = {.ttl = 60, .address = {192, 0, 2, last}}};
}
// Of two, in an image.
inline CompiledRrset Static(std::uint8_t last) {
  auto spec = std::make_shared<ImageSpec>(*AddressImage(250));
  spec->wire += AddressImage(last)->wire;
  spec->record_ends.push_back(32);
  return {1, table::RrsetKind::kImage, spec};
}
inline CompiledRrset Routed(std::uint64_t rule) {
  return {1, table::RrsetKind::kPool, Rule(rule)};
}

// The states that the crash test goes through; the zone has the state's number in every answer.
inline CompiledZone StateZone(int state) {
  std::vector<CompiledName> names{Name("test.", {})};
  for (int i = 0; i < 40; ++i) {
    names.push_back(
        Name("s" + std::to_string(i) + ".test.", {Static(static_cast<std::uint8_t>(state))}));
    names.push_back(
        Name("r" + std::to_string(i) + ".test.", {Routed(static_cast<std::uint64_t>(i % 5))}));
  }
  if (state % 2 == 0) {
    names.push_back(Name("even.test.", {Alone(static_cast<std::uint8_t>(state))}));
  }
  for (int i = 0; i < state * 60; ++i) {  // makes the index grow on the way
    names.push_back(
        Name("grow" + std::to_string(i) + ".test.", {Alone(static_cast<std::uint8_t>(state))}));
  }
  return ZoneOf(static_cast<std::uint32_t>(state), names);
}

inline CompiledSettings SettingsNamed(const std::string& identity, TableBlob access = nullptr) {
  CompiledSettings settings;
  settings.access = std::move(access);
  settings.cookies = table::CookieMode::kOn;
  settings.cookie_secrets = {std::string(table::kCookieSecretOctets, 's')};
  settings.identity = identity;
  return settings;
}

// "" when there are no settings.
inline std::string IdentityIn(const Snapshot& snapshot) {
  const table::Settings* settings = snapshot.settings();
  return settings == nullptr ? std::string()
                             : std::string(settings->identity, settings->identity_octets);
}

inline Status PublishState(Publisher& publisher, int state) {
  for (std::uint64_t rule = 0; rule < 4; ++rule) {
    HF_TRY(publisher.PutPool(Pool(rule, static_cast<std::uint8_t>(state))));
  }
  // Its table changes with every other state, as if location files had.
  const TableBlob located = Located(static_cast<std::uint32_t>(state / 2 + 1) << 24U);
  HF_TRY(publisher.PutPool(Switch(4, static_cast<std::uint8_t>(state), located)));
  HF_TRY(publisher.PutZone(StateZone(state)));
  HF_TRY(publisher.PutHealth(
      {{"check", static_cast<std::uint8_t>(state % 3), state % 2 == 0, 0, state}}));
  // None with every third, else sometimes the one that the pool has too.
  const TableBlob access = state % 3 == 0   ? nullptr
                           : state % 3 == 1 ? located
                                            : Located(static_cast<std::uint32_t>(state) << 16U);
  HF_TRY(publisher.PutSettings(SettingsNamed(std::to_string(state), access)));
  const auto committed = publisher.Commit();
  return committed ? Status{} : std::unexpected(committed.error());
}

// Every answer of the snapshot must belong to one state; returns it.
inline int WholeState(const Snapshot& snapshot) {
  const int state = LastOctet(snapshot, "s0.test.");
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(LastOctet(snapshot, "s" + std::to_string(i) + ".test."), state);
    EXPECT_EQ(LastOctet(snapshot, "r" + std::to_string(i) + ".test."), state);
  }
  EXPECT_EQ(LastOctet(snapshot, "even.test."), state % 2 == 0 ? state : -1);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(LastOctet(snapshot, "grow" + std::to_string(i) + ".test."),
              i < state * 60 ? state : -1);
  }
  EXPECT_EQ(IdentityIn(snapshot), std::to_string(state));
  return state;
}

}  // namespace holdfast::control
