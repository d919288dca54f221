// The table protocol on real shared files: transactions, adoption after a crash at every store,
// readers that stall or die, full tables, damaged and foreign files.
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "control/publish/publisher.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

using table::Attachment;
using table::NameRecord;
using table::Snapshot;

std::string Wire(const std::string& text) {
  return wire::FromText(text).value();
}

ImageSpecPtr AddressImage(std::uint8_t last) {
  auto spec = std::make_shared<ImageSpec>();
  spec->type = 1;
  spec->ttl = 60;
  spec->wire = std::string("\xC0\x0C\0\1\0\1\0\0\0\x3C\0\4\xC0\0\2", 15);
  spec->wire.push_back(static_cast<char>(last));
  spec->record_ends = {16};
  return spec;
}

ImageSpecPtr NegativeImage(std::uint32_t serial) {
  auto spec = std::make_shared<ImageSpec>();
  spec->kind = table::ImageKind::kNegative;
  spec->type = 6;
  spec->wire = std::string(26, '\0') + std::to_string(serial);
  spec->record_ends = {static_cast<std::uint16_t>(spec->wire.size())};
  return spec;
}

RuleDigest Rule(std::uint64_t n) {
  return {{n, ~n}};
}

CompiledPool Pool(std::uint64_t rule, std::uint8_t last) {
  CompiledPool pool;
  pool.rule = Rule(rule);
  pool.type = 1;
  pool.outcomes.push_back({0xFFFFFFFF, table::OutcomeKind::kImage, 0, AddressImage(last)});
  return pool;
}

CompiledName Name(const std::string& text, std::vector<CompiledRrset> rrsets) {
  return {Wire(text), 0, std::move(rrsets)};
}

CompiledZone ZoneOf(std::uint32_t serial, std::vector<CompiledName> names) {
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
  Committed Publish(const CompiledZone& zone, const std::vector<CompiledPool>& pools = {}) {
    for (const auto& pool : pools) {
      EXPECT_TRUE(publisher_->PutPool(pool));
    }
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
int LastOctet(const Snapshot& snapshot, const std::string& text) {
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
    if (entry.kind == table::RrsetKind::kPool) {
      const auto* decision = snapshot.DecisionOf(at);
      if (decision == nullptr) {
        return -2;
      }
      at = reinterpret_cast<const table::Outcome*>(decision + 1)->at;
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

CompiledRrset Static(std::uint8_t last) {
  return {1, table::RrsetKind::kImage, AddressImage(last)};
}
CompiledRrset Routed(std::uint64_t rule) {
  return {1, table::RrsetKind::kPool, Rule(rule)};
}

TEST_F(PublishTest, ShowsNothingBeforeTheFirstCommitAndEverythingAfter) {
  Open();
  EXPECT_EQ(Reader(options_.run_dir).attachment.error().code, ErrorCode::kUnavailable);
  const auto long_name = std::string(60, 'x') + ".test.";
  const auto committed = Publish(ZoneOf(1,
                                        {Name("test.", {}),
                                         Name("a.test.", {Static(1)}),
                                         Name(long_name, {Static(7)}),
                                         Name("p.test.", {Routed(5)})}),
                                 {Pool(5, 9)});
  EXPECT_TRUE(committed.changed);
  Reader reader(options_.run_dir);
  ASSERT_TRUE(reader.attachment) << reader.attachment.error().message;
  const Snapshot& snapshot = reader.Take();
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ(LastOctet(snapshot, "a.test."), 1);
  EXPECT_EQ(LastOctet(snapshot, long_name), 7);
  EXPECT_EQ(LastOctet(snapshot, "p.test."), 9);
  EXPECT_EQ(LastOctet(snapshot, "test."), -4);
  EXPECT_EQ(LastOctet(snapshot, "b.test."), -1);
}

TEST_F(PublishTest, PublishesNothingWhenNothingDiffers) {
  Open();
  const auto zone =
      ZoneOf(1, {Name("test.", {}), Name("a.test.", {Static(1)}), Name("p.test.", {Routed(5)})});
  const auto first = Publish(zone, {Pool(5, 9)});
  const auto second = Publish(zone, {Pool(5, 9)});
  EXPECT_FALSE(second.changed);
  EXPECT_EQ(first.generation, second.generation);
  Open();
  EXPECT_TRUE(publisher_->adopted());
  EXPECT_EQ(publisher_->generation(), first.generation);
  EXPECT_FALSE(Publish(zone, {Pool(5, 9)}).changed);
}

TEST_F(PublishTest, KeepsTheOldStateForAReaderOfTheOldGeneration) {
  Open();
  Publish(ZoneOf(1,
                 {Name("test.", {}),
                  Name("a.test.", {Static(1)}),
                  Name("gone.test.", {Static(2)}),
                  Name("p.test.", {Routed(5)})}),
          {Pool(5, 9)});
  Reader reader(options_.run_dir);
  (*reader.attachment)->Slot(0).Online();
  const Snapshot old = reader.Take();
  Publish(ZoneOf(2,
                 {Name("test.", {}),
                  Name("a.test.", {Static(3)}),
                  Name("new.test.", {Static(4)}),
                  Name("p.test.", {Routed(5)})}),
          {Pool(5, 8)});
  EXPECT_EQ(LastOctet(old, "a.test."), 1);
  EXPECT_EQ(LastOctet(old, "gone.test."), 2);
  EXPECT_EQ(LastOctet(old, "new.test."), -1);
  EXPECT_EQ(LastOctet(old, "p.test."), 9);
  const Snapshot& now = reader.Take();
  EXPECT_EQ(LastOctet(now, "a.test."), 3);
  EXPECT_EQ(LastOctet(now, "gone.test."), -1);
  EXPECT_EQ(LastOctet(now, "new.test."), 4);
  EXPECT_EQ(LastOctet(now, "p.test."), 8);
}

TEST_F(PublishTest, TakesBackEverythingOnAbort) {
  Open();
  Publish(
      ZoneOf(1, {Name("test.", {}), Name("a.test.", {Static(1)}), Name("p.test.", {Routed(5)})}),
      {Pool(5, 9)});
  const auto generation = publisher_->generation();
  ASSERT_TRUE(publisher_->PutPool(Pool(5, 8)));
  ASSERT_TRUE(publisher_->PutPool(Pool(6, 7)));
  ASSERT_TRUE(publisher_->PutZone(ZoneOf(2, {Name("test.", {}), Name("b.test.", {Routed(6)})})));
  publisher_->Abort();
  EXPECT_FALSE(publisher_->Commit()->changed);
  EXPECT_LE(publisher_->generation().value(), generation.value() + 1);  // an empty one, for reuse
  Reader reader(options_.run_dir);
  EXPECT_EQ(LastOctet(reader.Take(), "a.test."), 1);
  EXPECT_EQ(LastOctet(reader.Take(), "b.test."), -1);
  EXPECT_EQ(LastOctet(reader.Take(), "p.test."), 9);
  Publish(ZoneOf(2, {Name("test.", {}), Name("b.test.", {Routed(6)})}), {Pool(6, 7)});
  EXPECT_EQ(LastOctet(reader.Take(), "b.test."), 7);
}

TEST_F(PublishTest, ReusesMemoryOnlyAfterEveryReaderPassed) {
  Open();
  Publish(ZoneOf(1, {Name("test.", {}), Name("p.test.", {Routed(5)})}), {Pool(5, 1)});
  Reader stalled(options_.run_dir);
  (*stalled.attachment)->Slot(0).Online();
  const Snapshot old = stalled.Take();
  const auto free_before = publisher_->Use().free_octets;
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(publisher_->PutPool(Pool(5, static_cast<std::uint8_t>(2 + (i % 100)))));
    ASSERT_TRUE(publisher_->Commit());
  }
  EXPECT_EQ(LastOctet(old, "p.test."), 1);
  EXPECT_LT(publisher_->Use().free_octets, free_before);
  std::string laggard;
  EXPECT_FALSE(publisher_->Passed(publisher_->generation(), &laggard));
  EXPECT_NE(laggard.find("reader."), std::string::npos);
  (*stalled.attachment)->Slot(0).Passed(publisher_->generation());
  publisher_->Reclaim();
  EXPECT_EQ(publisher_->Use().waiting, 0U);
  EXPECT_GE(publisher_->Use().free_octets + 1024, free_before);
}

TEST_F(PublishTest, IgnoresAReaderThatDied) {
  Open();
  Publish(ZoneOf(1, {Name("test.", {}), Name("p.test.", {Routed(5)})}), {Pool(5, 1)});
  const pid_t child = fork();
  if (child == 0) {
    Reader reader(options_.run_dir);
    (*reader.attachment)->Slot(0).Online();
    raise(SIGKILL);
  }
  waitpid(child, nullptr, 0);
  EXPECT_EQ(table::ReaderFiles(options_.run_dir).size(), 1U);
  ASSERT_TRUE(publisher_->PutPool(Pool(5, 2)));
  ASSERT_TRUE(publisher_->Commit());
  publisher_->Reclaim();
  EXPECT_TRUE(publisher_->Passed(publisher_->generation()));
  EXPECT_EQ(publisher_->Use().waiting, 0U);
  EXPECT_TRUE(table::ReaderFiles(options_.run_dir).empty());
}

TEST_F(PublishTest, RefusesWhatDoesNotFitAndServesOn) {
  Open();
  Publish(ZoneOf(1, {Name("test.", {}), Name("a.test.", {Static(1)})}));
  std::vector<CompiledName> names{Name("test.", {})};
  for (int i = 0; i < 60000; ++i) {
    names.push_back(
        Name("n" + std::to_string(i) + ".test.", {Static(static_cast<std::uint8_t>(i))}));
  }
  const auto put = publisher_->PutZone(ZoneOf(2, names));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kExhausted);
  publisher_->Abort();
  Reader reader(options_.run_dir);
  EXPECT_EQ(LastOctet(reader.Take(), "a.test."), 1);
  names.resize(5000);
  Publish(ZoneOf(3, names));
  EXPECT_EQ(LastOctet(reader.Take(), "n4998.test."), 4998 % 256);
}

TEST_F(PublishTest, RefusesASecondControlAndNamesTheFirst) {
  Open();
  std::vector<std::string> notes;
  const auto second = Publisher::Open(options_, notes);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  EXPECT_NE(second.error().message.find(std::to_string(getpid())), std::string::npos);
}

TEST_F(PublishTest, RemembersTheHealthOfThePublishedGeneration) {
  Open();
  ASSERT_TRUE(publisher_->PutHealth({{"b", 1, true, 0, 10}, {"a", 2, false, 1, 20}}));
  Publish(ZoneOf(1, {Name("test.", {})}));
  ASSERT_TRUE(publisher_->PutHealth({{"b", 2, false, 0, 30}, {"a", 2, false, 1, 20}}));
  // Not committed: a control that dies here leaves the first values.
  Open();
  const auto health = publisher_->Health();
  ASSERT_EQ(health.size(), 2U);
  EXPECT_EQ(health[0], (CompiledHealth{"a", 2, false, 1, 20}));
  EXPECT_EQ(health[1], (CompiledHealth{"b", 1, true, 0, 10}));
  ASSERT_TRUE(publisher_->PutHealth({{"b", 2, false, 0, 30}, {"a", 2, false, 1, 20}}));
  ASSERT_TRUE(publisher_->Commit()->changed);
  Open();
  EXPECT_EQ(publisher_->Health()[1], (CompiledHealth{"b", 2, false, 0, 30}));
}

// The states that the crash test goes through; the zone has the state's number in every answer.
CompiledZone StateZone(int state) {
  std::vector<CompiledName> names{Name("test.", {})};
  for (int i = 0; i < 40; ++i) {
    names.push_back(
        Name("s" + std::to_string(i) + ".test.", {Static(static_cast<std::uint8_t>(state))}));
    names.push_back(
        Name("r" + std::to_string(i) + ".test.", {Routed(static_cast<std::uint64_t>(i % 4))}));
  }
  if (state % 2 == 0) {
    names.push_back(Name("even.test.", {Static(static_cast<std::uint8_t>(state))}));
  }
  for (int i = 0; i < state * 60; ++i) {  // makes the index grow on the way
    names.push_back(
        Name("grow" + std::to_string(i) + ".test.", {Static(static_cast<std::uint8_t>(state))}));
  }
  return ZoneOf(static_cast<std::uint32_t>(state), names);
}

Status PublishState(Publisher& publisher, int state) {
  for (std::uint64_t rule = 0; rule < 4; ++rule) {
    HF_TRY(publisher.PutPool(Pool(rule, static_cast<std::uint8_t>(state))));
  }
  HF_TRY(publisher.PutZone(StateZone(state)));
  HF_TRY(
      publisher.PutHealth({{"check", static_cast<std::uint8_t>(state), state % 2 == 0, 0, state}}));
  const auto committed = publisher.Commit();
  return committed ? Status{} : std::unexpected(committed.error());
}

// Every answer of the snapshot must belong to one state; returns it.
int WholeState(const Snapshot& snapshot) {
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
  return state;
}

// Kills a control at the n-th crash point of a publish, checks what readers see, lets a new control
// adopt the tables, and lets that one publish the next state.
TEST_F(PublishTest, FaultA3ControlKilledBetweenAnyTwoStoresLeavesTheOldStateWhole) {
  int killed = 0;
  int adopted = 0;
  for (int point = 1;; ++point) {
    std::filesystem::remove_all(options_.run_dir);
    Open();
    ASSERT_TRUE(PublishState(*publisher_, 1));
    publisher_.reset();
    Reader reader(options_.run_dir);
    (*reader.attachment)->Slot(0).Online();
    const Snapshot before = reader.Take();
    const pid_t child = fork();
    if (child == 0) {
      int left = point;
      auto options = options_;
      options.crash_point = [&left](const char*) {
        if (--left == 0) {
          raise(SIGKILL);
        }
      };
      std::vector<std::string> notes;
      auto mine = Publisher::Open(options, notes);
      _exit(mine && PublishState(**mine, 2) && PublishState(**mine, 3) ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    const bool finished = WIFEXITED(status);
    EXPECT_TRUE(!finished || WEXITSTATUS(status) == 0);
    EXPECT_EQ(WholeState(before), 1) << "point " << point;
    const Snapshot after = reader.Take();
    const int state = WholeState(after);
    EXPECT_GE(state, 1);
    if (finished) {
      EXPECT_EQ(state, 3);
      break;
    }
    ++killed;
    Open();
    adopted += publisher_->adopted() ? 1 : 0;
    EXPECT_EQ(publisher_->Health().at(0).since_ms, state);
    EXPECT_EQ(WholeState(before), 1);
    EXPECT_EQ(WholeState(reader.Take()), state);
    for (const int next : {state + 1, 1, 2}) {
      ASSERT_TRUE(PublishState(*publisher_, next));
      EXPECT_EQ(WholeState(reader.Take()), next);
    }
    EXPECT_EQ(WholeState(before), 1) << "the stalled reader's state was reused, point " << point;
    if (testing::Test::HasFailure()) {
      break;
    }
  }
  std::printf("FAULT A3 ok %d points killed at, %d adopted, torn 0\n", killed, adopted);
  EXPECT_GE(killed, 30);
  EXPECT_EQ(adopted, killed);
}

TEST_F(PublishTest, FaultA9LeavesForeignFilesAlone) {
  const std::string planted = folder_ + "/holdfast-test-image-1";
  std::ofstream(planted) << "somebody else's file";
  std::filesystem::create_symlink("/dev/null", folder_ + "/holdfast-test-image-2");
  std::filesystem::create_directories(options_.run_dir + "/readers");
  std::ofstream(options_.run_dir + "/readers/notes.txt") << "not a reader";
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 1));
  EXPECT_EQ(publisher_->image_path(), folder_ + "/holdfast-test-image-3");
  std::string text;
  std::getline(std::ifstream(planted), text);
  EXPECT_EQ(text, "somebody else's file");
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ + "/holdfast-test-image-2"));
  EXPECT_TRUE(std::filesystem::exists(options_.run_dir + "/readers/notes.txt"));
  Reader reader(options_.run_dir);
  EXPECT_EQ(WholeState(reader.Take()), 1);
}

TEST_F(PublishTest, FaultA8BuildsAnewWhatIsDamagedAndReadersFollow) {
  std::mt19937 random(20261121);
  int rebuilt = 0;
  for (int round = 0; round < 40; ++round) {
    Open();
    ASSERT_TRUE(PublishState(*publisher_, 1));
    const std::string path = publisher_->image_path();
    Reader reader(options_.run_dir);
    EXPECT_EQ(WholeState(reader.Take()), 1);
    publisher_.reset();
    {
      auto mapping = table::Mapping::Map(path, true);
      const auto used =
          reinterpret_cast<table::ImageHeader*>(mapping->data())->used_units.load() * kOffsetUnit;
      for (int flips = 0; flips < 50; ++flips) {
        mapping->data()[random() % used] ^= static_cast<std::byte>(1U << (random() % 8));
      }
    }
    for (int i = 0; i < 200; ++i) {  // bounded, whatever they find
      LastOctet(reader.Take(), "r" + std::to_string(i % 50) + ".test.");
      LastOctet(reader.Take(), "grow" + std::to_string(i) + ".test.");
    }
    Open();
    rebuilt += publisher_->adopted() ? 0 : 1;
    ASSERT_TRUE(PublishState(*publisher_, 1));
    if (!publisher_->adopted()) {
      EXPECT_EQ(WholeState(reader.Take()), 1);
    }
    publisher_.reset();
    std::filesystem::remove_all(options_.run_dir);
  }
  std::printf("FAULT A8-adoption ok %d images built anew, of 40 with 50 flipped bits each\n",
              rebuilt);
  EXPECT_GT(rebuilt, 20);
}

TEST_F(PublishTest, CountsGenerationsPastThirtyTwoBits) {
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 1));
  publisher_.reset();
  {
    auto root = table::Mapping::Map(options_.run_dir + "/root", true);
    auto* block = reinterpret_cast<table::RootBlock*>(root->data());
    const table::Published now{block->published.load()};
    block->published.store(table::Published::Of(now.ImageSeq(), Generation{0xFFFFFFFB}).word);
  }
  Open();
  Reader reader(options_.run_dir);
  (*reader.attachment)->Slot(0).Online();
  for (int i = 0; i < 12; ++i) {
    const int state = 1 + (i % 3);
    ASSERT_TRUE(PublishState(*publisher_, state));
    EXPECT_EQ(WholeState(reader.Take()), state);
    (*reader.attachment)->Slot(0).Passed(reader.Take().generation());
    publisher_->Reclaim();
  }
  EXPECT_GT(publisher_->generation().value(), 0x100000000U);
}

TEST_F(PublishTest, ReadersNeverSeeAMixtureWhileStatesChange) {
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 1));
  std::atomic<bool> stop{false};
  std::atomic<int> looks{0};
  std::thread thread([&] {
    Reader reader(options_.run_dir);
    auto slot = (*reader.attachment)->Slot(0);
    slot.Online();
    while (!stop.load()) {
      const Snapshot& snapshot = reader.Take();
      WholeState(snapshot);
      slot.Passed(snapshot.generation());
      ++looks;
    }
    slot.Offline();
  });
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(PublishState(*publisher_, 1 + (i % 3)));
    publisher_->Reclaim();
  }
  stop = true;
  thread.join();
  EXPECT_GT(looks.load(), 5);
}

}  // namespace
}  // namespace holdfast::control
