// The table protocol on real shared files: transactions, adoption, readers that stall or die, full
// tables. What happens to damaged and foreign files is in publish_faults_test.cc.
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <thread>

#include "control/publish/remove.h"
#include "tests/control/publish_kit.h"

namespace holdfast::control {
namespace {

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
  EXPECT_EQ(publisher_->Use().waiting, 0U);
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

TEST_F(PublishTest, KeepsSignaturesAndProofsAcrossARestartAndGivesThemBack) {
  const auto zone = [](std::uint8_t last, table::ProofKind kind) {
    auto answer = std::make_shared<ImageSpec>(*AddressImage(last));
    answer->sigs = AddressImage(static_cast<std::uint8_t>(last + 1));
    auto proof = std::make_shared<ImageSpec>(*AddressImage(static_cast<std::uint8_t>(last + 2)));
    proof->sigs = AddressImage(static_cast<std::uint8_t>(last + 3));
    const bool hashed = kind == table::ProofKind::kNsec3;
    auto made =
        ZoneOf(1, {Name("test.", {}), Name("a.test.", {{1, table::RrsetKind::kImage, answer}})});
    made.order = CompiledOrder{.kind = kind,
                               .iterations = 1,
                               .salt = "salt",
                               .proofs = {{hashed ? std::string(20, 'a') : "", proof},
                                          {hashed ? std::string(20, 'b') : "\1a", proof}}};
    return made;
  };
  const auto plain = ZoneOf(1, {Name("test.", {}), Name("a.test.", {Static(1)})});
  Open();
  Publish(plain);
  Publish(zone(1, table::ProofKind::kNsec));
  Publish(plain);
  publisher_->Reclaim();
  const std::uint64_t blobs = publisher_->Use().blobs;
  for (const auto kind : {table::ProofKind::kNsec, table::ProofKind::kNsec3}) {
    EXPECT_TRUE(Publish(zone(1, kind)).changed);
    EXPECT_GT(publisher_->Use().blobs, blobs);
    Open();
    EXPECT_TRUE(publisher_->adopted());
    EXPECT_FALSE(Publish(zone(1, kind)).changed);
    EXPECT_TRUE(Publish(zone(5, kind)).changed);
    ASSERT_TRUE(publisher_->PutZone(zone(9, kind)));
    publisher_->Abort();
    EXPECT_FALSE(Publish(zone(5, kind)).changed);
    EXPECT_TRUE(Publish(plain).changed);
    publisher_->Reclaim();
    EXPECT_EQ(publisher_->Use().blobs, blobs);
    EXPECT_FALSE(publisher_->damaged());
  }
}

// The index has no room for as many names again, and needs none.
TEST_F(PublishTest, PublishesNothingWhenAFullIndexComesAgain) {
  const auto zone = [](std::uint8_t last) {
    std::vector<CompiledName> names{Name("test.", {})};
    for (int i = 0; i < 5000; ++i) {
      names.push_back(Name("n" + std::to_string(i) + ".test.", {Static(last)}));
    }
    return ZoneOf(last, std::move(names));
  };
  Open();
  Publish(zone(1));
  EXPECT_FALSE(Publish(zone(1)).changed);
  Open();
  EXPECT_FALSE(Publish(zone(1)).changed);
  Reader reader(options_.run_dir);
  for (std::uint8_t last = 2; last < 5; ++last) {  // all of them replaced
    EXPECT_TRUE(Publish(zone(last)).changed);
    EXPECT_FALSE(Publish(zone(last)).changed);
    for (int i = 0; i < 5000; ++i) {
      ASSERT_EQ(LastOctet(reader.Take(), "n" + std::to_string(i) + ".test."), last);
    }
  }
}

// Zone after zone it would grow many times, and enter all of the names before each time.
TEST_F(PublishTest, TheIndexGrowsOnceForAllZonesOfALoad) {
  Open();
  Publish(ZoneOf(1, {Name("test.", {})}));
  Reader reader(options_.run_dir);
  (*reader.attachment)->Slot(0).Online();
  const auto index_at = [&] { return reader.Take().view().header().index_at.load(); };
  const std::uint32_t before = index_at();
  std::vector<CompiledZone> zones;
  for (int z = 0; z < 40; ++z) {
    const std::string origin = "z" + std::to_string(z) + ".";
    std::vector<CompiledName> names{Name(origin, {})};
    for (int i = 0; i < 50; ++i) {
      names.push_back(Name("n" + std::to_string(i) + "." + origin,
                           {i % 2 == 0 ? Alone(static_cast<std::uint8_t>(i))
                                       : Static(static_cast<std::uint8_t>(i))}));
    }
    zones.push_back(ZoneOf(1, std::move(names)));
    zones.back().origin = Wire(origin);
  }
  ASSERT_TRUE(publisher_->PutZones(zones));
  ASSERT_TRUE(publisher_->Commit()->changed);
  const std::uint32_t after = index_at();
  EXPECT_NE(after, before);
  // The version before it, which the reader may look into yet, is that of before the load.
  EXPECT_EQ(reader.Take().view().At<table::IndexVersion>(after)->older_at, before);
  for (int z = 0; z < 40; ++z) {
    for (int i = 0; i < 50; ++i) {
      ASSERT_EQ(LastOctet(reader.Take(), "n" + std::to_string(i) + ".z" + std::to_string(z) + "."),
                i);
    }
  }
  EXPECT_EQ(publisher_->Origins().size(), 41U);
  ASSERT_TRUE(publisher_->PutZones(zones));
  EXPECT_FALSE(publisher_->Commit()->changed);
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

TEST_F(PublishTest, PutsManyPoolsAsIfEachCameAlone) {
  Open();
  std::vector<CompiledPool> pools;
  std::vector<CompiledName> names{Name("test.", {})};
  const auto name_of = [](unsigned rule) { return "p" + std::to_string(rule) + ".test."; };
  for (unsigned rule = 1; rule <= 40; ++rule) {
    pools.push_back(Pool(rule, 100));  // new here, and given another answer at once
    pools.push_back(Pool(rule, static_cast<std::uint8_t>(rule)));
    names.push_back(Name(name_of(rule), {Routed(rule)}));
  }
  Publish(ZoneOf(1, names), pools);
  EXPECT_EQ(publisher_->Use().pools, 40U);
  Reader reader(options_.run_dir);
  for (unsigned rule = 1; rule <= 40; ++rule) {
    ASSERT_EQ(LastOctet(reader.Take(), name_of(rule)), static_cast<int>(rule));
  }
  pools.clear();
  for (unsigned rule = 1; rule <= 40; ++rule) {
    pools.push_back(Pool(rule, static_cast<std::uint8_t>(rule + (rule % 3 == 0 ? 60 : 0))));
  }
  ASSERT_TRUE(publisher_->PutPools(pools));
  ASSERT_TRUE(publisher_->Commit()->changed);
  for (unsigned rule = 1; rule <= 40; ++rule) {
    ASSERT_EQ(LastOctet(reader.Take(), name_of(rule)),
              static_cast<int>(rule + (rule % 3 == 0 ? 60 : 0)));
  }
  EXPECT_FALSE(publisher_->damaged());
}

TEST_F(PublishTest, PutsNoPoolBehindOneThatDoesNotFit) {
  Open();
  Publish(ZoneOf(1, {Name("test.", {}), Name("p.test.", {Routed(1)})}), {Pool(1, 1)});
  CompiledPool astray = Pool(2, 1);
  astray.outcomes[0].kind = table::OutcomeKind::kPool;
  astray.outcomes[0].answer = Rule(9);
  ASSERT_FALSE(publisher_->PutPools(std::vector{Pool(1, 2), astray, Pool(3, 3)}));
  EXPECT_EQ(publisher_->Use().pools, 1U);
  publisher_->Abort();
  Reader reader(options_.run_dir);
  EXPECT_EQ(LastOctet(reader.Take(), "p.test."), 1);
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
  // The end of an override is a part of it.
  ASSERT_TRUE(publisher_->PutHealthOf(std::vector{CompiledHealth{"a", 2, false, 1, 20, 40}}));
  ASSERT_TRUE(publisher_->Commit()->changed);
  ASSERT_TRUE(publisher_->PutHealthOf(std::vector{CompiledHealth{"a", 2, false, 1, 20, 50}}));
  Open();  // not committed
  EXPECT_EQ(publisher_->Health()[0], (CompiledHealth{"a", 2, false, 1, 20, 40}));
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

TEST_F(PublishTest, AReaderFileMadeForAnotherProcessHoldsNothingUntilThatAttaches) {
  options_.map_wait_ms = 600'000;  // waiting for it would end this test by its time
  Open();
  const auto fds = table::MakeReaderFile(options_.run_dir, "sockets.1-1", "sockets", 2);
  ASSERT_TRUE(fds) << fds.error().message;
  const std::string path = options_.run_dir + "/readers/sockets.1-1";
  ASSERT_TRUE(PublishState(*publisher_, 1));
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_TRUE(table::ListReaders(options_.run_dir).empty());

  const auto other = Attachment::Open(options_.run_dir, *fds, 1);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kInvalid);
  auto attached = Attachment::Open(options_.run_dir, *fds, 2);
  ASSERT_TRUE(attached) << attached.error().message;
  const auto readers = table::ListReaders(options_.run_dir);
  ASSERT_EQ(readers.size(), 1U);
  EXPECT_EQ(readers[0].pid, static_cast<std::uint32_t>(getpid()));
  EXPECT_EQ(readers[0].role, "sockets");
  Snapshot cache;
  std::uint64_t word = 0;
  EXPECT_EQ(WholeState((*attached)->Take(cache, word)), 1);

  // Nothing is left to it that could shorten what others have mapped.
  EXPECT_EQ(fcntl(fds->page, F_GETFD), -1);
  EXPECT_EQ(fcntl(fds->lock, F_GETFL) & O_ACCMODE, O_RDONLY);

  // It has no right to remove its file at its end: control does, once it looks at the folder again.
  attached->reset();
  EXPECT_TRUE(std::filesystem::exists(path));
  const Reader next(options_.run_dir);
  publisher_->Reclaim();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(PublishTest, MovesTheTablesWhereTheyAreWantedAtAStart) {
  std::vector<std::string> notes;
  {
    auto publisher = Publisher::Open(options_, notes);
    ASSERT_TRUE(publisher) << publisher.error().message;
    ASSERT_TRUE((*publisher)->PutPool(Pool(1, 7)));
    ASSERT_TRUE((*publisher)->Commit());
  }
  const std::string before = folder_ + "/holdfast-test-image-1";
  ASSERT_TRUE(std::filesystem::exists(before));
  options_.image.directory = folder_ + "/none";
  options_.lies_as_wanted = [this](const std::string& directory) {
    return directory == options_.image.directory;
  };
  {
    auto publisher = Publisher::Open(options_, notes);
    ASSERT_TRUE(publisher) << publisher.error().message;
    EXPECT_EQ((*publisher)->image_path(), before);  // the folder is not there
    EXPECT_TRUE(notes.back().starts_with("warning: the tables stay " + before)) << notes.back();
  }
  std::filesystem::create_directory(options_.image.directory);
  auto publisher = Publisher::Open(options_, notes);
  ASSERT_TRUE(publisher) << publisher.error().message;
  EXPECT_TRUE((*publisher)->image_path().starts_with(options_.image.directory + "/"));
  ASSERT_TRUE((*publisher)->PutPool(Pool(1, 7)));
  ASSERT_TRUE((*publisher)->Commit());
  EXPECT_FALSE(std::filesystem::exists(before));
}

TEST_F(PublishTest, RemovesTablesThatNobodyUses) {
  const auto remove = [this] { return RemoveTables(options_.run_dir, options_.image, {folder_}); };
  EXPECT_EQ(remove().value(), std::vector<std::string>{});
  std::vector<std::string> notes;
  auto publisher = Publisher::Open(options_, notes);
  ASSERT_TRUE(publisher) << publisher.error().message;
  ASSERT_TRUE((*publisher)->PutPool(Pool(1, 7)));
  ASSERT_TRUE((*publisher)->Commit());
  const std::string image = (*publisher)->image_path();
  auto refused = remove();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  publisher->reset();
  auto reader = Attachment::Open(options_.run_dir, "sockets", 1);
  ASSERT_TRUE(reader) << reader.error().message;
  refused = remove();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("sockets (pid " + std::to_string(getpid()) + ")"),
            std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(image));
  reader->reset();
  const auto gone = remove();
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_EQ(*gone, (std::vector<std::string>{image, options_.run_dir + "/root"}));
  EXPECT_FALSE(std::filesystem::exists(image));
  EXPECT_TRUE(std::filesystem::is_empty(options_.run_dir + "/readers"));
}

// Left by a control that was killed while it moved to another size, and by one killed before there
// was a header; beside them what another holds, and what is no table.
TEST_F(PublishTest, RemovesWhatNoRootBlockNames) {
  Open();
  Publish(ZoneOf(1, {Name("test.", {})}), {});
  publisher_.reset();
  std::vector<std::string> notes;
  const std::string stem = folder_ + "/" + options_.image.stem + "-image-";
  const auto left = CreateImage(options_.image, 77, std::nullopt, notes)->path;
  const auto held = CreateImage(options_.image, 78, std::nullopt, notes);
  for (const auto& [name, octets] : {std::pair("80", 8192), std::pair("81", 0)}) {
    std::ofstream(stem + name) << std::string(octets, '\0');
  }
  std::ofstream(stem + "82") << "notes of somebody";
  const auto gone = RemoveTables(options_.run_dir, options_.image, {folder_});
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_EQ(gone->size(), 5U);
  for (const std::string& path : {left, stem + "80", stem + "81"}) {
    EXPECT_FALSE(std::filesystem::exists(path)) << path;
  }
  EXPECT_TRUE(std::filesystem::exists(held->path));
  EXPECT_TRUE(std::filesystem::exists(stem + "82"));
}

// However the two meet, no reader goes on with tables that are removed.
TEST_F(PublishTest, AReaderThatComesWhileTablesGoKeepsThemOrFindsNone) {
  for (int round = 0; round < 200; ++round) {
    Open();
    Publish(ZoneOf(1, {Name("test.", {})}), {});
    publisher_.reset();
    Result<std::unique_ptr<Attachment>> reader = Fail(ErrorCode::kIo, "");
    std::jthread other([&] { reader = Attachment::Open(options_.run_dir, "sockets", 1); });
    const auto gone = RemoveTables(options_.run_dir, options_.image, {folder_});
    other.join();
    ASSERT_TRUE(gone || gone.error().code == ErrorCode::kConflict) << gone.error().message;
    if (reader) {
      ASSERT_FALSE(gone) << "round " << round;
      ASSERT_TRUE(std::filesystem::exists(options_.run_dir + "/root"));
    } else {
      ASSERT_EQ(reader.error().code, ErrorCode::kUnavailable) << reader.error().message;
    }
  }
}

}  // namespace
}  // namespace holdfast::control
