// What may happen to the shared files: a control that is killed between any two stores, octets that
// changed, files that are left over or somebody else's.
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <random>
#include <sys/file.h>
#include <sys/wait.h>

#include "tests/control/publish_kit.h"

namespace holdfast::control {
namespace {

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

TEST_F(PublishTest, FaultA9TakesOverOnlyImagesThatAreFreeAndFit) {
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 1));
  const std::string first = publisher_->image_path();
  const auto image = [this](int seq) {
    return folder_ + "/holdfast-test-image-" + std::to_string(seq);
  };
  publisher_.reset();
  for (const int seq : {2, 3, 4, 5}) {
    std::filesystem::copy_file(first, image(seq));
  }
  std::fstream(image(2)).seekp(8).put('\x09');        // a format version of another time
  std::filesystem::resize_file(image(3), 3U << 20U);  // not what its header says
  const int locked = open(image(4).c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(flock(locked, LOCK_EX), 0);
  std::filesystem::remove_all(options_.run_dir);  // 1 and 5 are ours, and nothing leads to them
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 2));
  EXPECT_EQ(publisher_->image_path(), image(1));
  EXPECT_FALSE(std::filesystem::exists(image(5)));
  for (const int seq : {2, 3, 4}) {
    EXPECT_TRUE(std::filesystem::exists(image(seq))) << seq;
  }
  close(locked);
}

TEST_F(PublishTest, FaultA8SetsARootAsideThatDoesNotFit) {
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 1));
  publisher_.reset();
  const std::string root = options_.run_dir + "/root";
  auto reader = std::make_unique<Reader>(options_.run_dir);
  std::fstream(root).seekp(3).put('?');
  std::vector<std::string> notes;
  const auto refused = Publisher::Open(options_, notes);
  ASSERT_FALSE(refused);  // somebody answers from it
  EXPECT_NE(refused.error().message.find(std::to_string(getpid())), std::string::npos);
  reader.reset();
  Open();
  EXPECT_FALSE(publisher_->adopted());
  ASSERT_TRUE(PublishState(*publisher_, 2));
  EXPECT_EQ(WholeState(Reader(options_.run_dir).Take()), 2);
  int kept = 0;
  for (const auto& entry : std::filesystem::directory_iterator(options_.run_dir)) {
    kept += entry.path().filename().string().starts_with("root.unfit-") ? 1 : 0;
  }
  EXPECT_EQ(kept, 1);
}

// No checksum covers what changes in place; what it may not be is looked at.
TEST_F(PublishTest, FaultA8BuildsAnewWhenWhatChangesInPlaceIsNotPossible) {
  using Damage = void (*)(table::Mapping& mapping, const table::ImageHeader& header);
  const Damage state_of_none = [](table::Mapping& mapping, const table::ImageHeader& header) {
    auto* table = reinterpret_cast<table::HealthTable*>(
        mapping.data() + (std::size_t{header.health_at.load()} * kOffsetUnit));
    reinterpret_cast<table::HealthEntry*>(table + 1)->raw = 200;
  };
  const Damage short_spill = [](table::Mapping& mapping, const table::ImageHeader& header) {
    reinterpret_cast<table::IndexVersion*>(mapping.data() +
                                           (std::size_t{header.index_at.load()} * kOffsetUnit))
        ->spill = 0;
  };
  for (const Damage damage : {state_of_none, short_spill}) {
    Open();
    ASSERT_TRUE(PublishState(*publisher_, 1));
    const std::string path = publisher_->image_path();
    publisher_.reset();
    auto mapping = table::Mapping::Map(path, true);
    damage(*mapping, *reinterpret_cast<const table::ImageHeader*>(mapping->data()));
    Open();
    EXPECT_FALSE(publisher_->adopted());
  }
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

// Whether this process has the image mapped, by whatever name it had.
bool IsMapped(const std::string& image) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.contains(image)) {
      return true;
    }
  }
  return false;
}

TEST_F(PublishTest, TakesAnotherSizeWithANewImageThatReadersMoveTo) {
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 1));
  const Generation generation = publisher_->generation();
  const std::string before = publisher_->image_path();
  Reader reader(options_.run_dir);
  auto slot = (*reader.attachment)->Slot(0);
  slot.Online();
  const Snapshot held = reader.Take();
  options_.image.octets = 8U << 20U;
  Open();
  EXPECT_TRUE(publisher_->adopted());
  EXPECT_EQ(publisher_->Health().at(0).since_ms, 1);
  EXPECT_EQ(WholeState(reader.Take()), 1);
  ASSERT_TRUE(PublishState(*publisher_, 1));
  EXPECT_EQ(publisher_->generation().value(), generation.value() + 1);
  EXPECT_EQ(std::filesystem::file_size(publisher_->image_path()), 8U << 20U);
  EXPECT_FALSE(std::filesystem::exists(before));
  // A stalled reader has what it holds.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(WholeState(held), 1);
  const Snapshot& now = reader.Take();
  EXPECT_EQ(WholeState(now), 1);
  slot.Passed(now.generation());
  for (int i = 0; i < 500 && IsMapped(before); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_FALSE(IsMapped(before));
  ASSERT_TRUE(PublishState(*publisher_, 2));
  EXPECT_EQ(WholeState(reader.Take()), 2);
  Open();
  EXPECT_EQ(publisher_->generation().value(), generation.value() + 2);
}

TEST_F(PublishTest, BuildsAnewBesideWhatIsServedAndReadersMove) {
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 1));
  const std::string before = publisher_->image_path();
  Reader reader(options_.run_dir);
  auto slot = (*reader.attachment)->Slot(0);
  slot.Online();
  const Snapshot held = reader.Take();
  std::vector<std::string> notes;
  ASSERT_TRUE(publisher_->StartAnew(notes));
  EXPECT_EQ(WholeState(reader.Take()), 1);
  ASSERT_TRUE(PublishState(*publisher_, 2));
  EXPECT_NE(publisher_->image_path(), before);
  EXPECT_FALSE(std::filesystem::exists(before));
  EXPECT_EQ(WholeState(held), 1);
  EXPECT_EQ(WholeState(reader.Take()), 2);
  slot.Passed(publisher_->generation());
  for (const int state : {3, 1, 2}) {
    ASSERT_TRUE(PublishState(*publisher_, state));
    EXPECT_EQ(WholeState(reader.Take()), state);
  }
  const std::string after = publisher_->image_path();
  Open();
  EXPECT_TRUE(publisher_->adopted());
  EXPECT_EQ(publisher_->image_path(), after);
}

TEST_F(PublishTest, GoesBackWhenTheNewImageIsNotToBe) {
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 1));
  const std::string before = publisher_->image_path();
  Reader reader(options_.run_dir);
  std::vector<std::string> notes;
  ASSERT_TRUE(publisher_->StartAnew(notes));
  const std::string made = publisher_->image_path();
  ASSERT_TRUE(publisher_->PutPool(Pool(1, 9)));
  publisher_->Abort();
  EXPECT_FALSE(std::filesystem::exists(made));
  EXPECT_EQ(publisher_->image_path(), before);
  EXPECT_EQ(publisher_->Origins().size(), 1U);
  EXPECT_EQ(WholeState(reader.Take()), 1);
  ASSERT_TRUE(PublishState(*publisher_, 2));
  EXPECT_EQ(WholeState(reader.Take()), 2);
}

TEST_F(PublishTest, ServesOnWhereThereIsNoRoomToBuildAnew) {
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 1));
  const auto announced = AnnouncedSeq();
  publisher_.reset();
  options_.image.octets = std::uint64_t{1} << 40U;
  Open();  // as the test below: it keeps its size
  std::vector<std::string> notes;
  const auto refused = publisher_->StartAnew(notes);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kExhausted);
  EXPECT_EQ(AnnouncedSeq(), announced) << "readers are told of nothing: nothing was made";
  ASSERT_TRUE(PublishState(*publisher_, 2));
  EXPECT_EQ(WholeState(Reader(options_.run_dir).Take()), 2);
}

TEST_F(PublishTest, LeavesNothingOfAnImageThatWasNeverPublished) {
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 1));
  const std::string before = publisher_->image_path();
  publisher_.reset();
  options_.image.octets = 2U << 20U;
  Open();
  const std::string never = publisher_->image_path();
  EXPECT_TRUE(std::filesystem::exists(never));
  publisher_.reset();
  EXPECT_FALSE(std::filesystem::exists(never));
  options_.image.octets = 4U << 20U;
  Open();
  EXPECT_EQ(publisher_->image_path(), before);
  EXPECT_EQ(WholeState(Reader(options_.run_dir).Take()), 1);
}

TEST_F(PublishTest, KeepsItsSizeWhenThereIsNoRoomForAnother) {
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 1));
  const std::string before = publisher_->image_path();
  publisher_.reset();
  options_.image.octets = std::uint64_t{1} << 40U;
  std::vector<std::string> notes;
  auto opened = Publisher::Open(options_, notes);
  ASSERT_TRUE(opened) << opened.error().message;
  publisher_ = std::move(*opened);
  EXPECT_TRUE(notes.back().starts_with("warning: the tables stay " + before)) << notes.back();
  EXPECT_NE(notes.back().find("at a start: cannot reserve"), std::string::npos) << notes.back();
  EXPECT_EQ(publisher_->image_path(), before);
  Reader reader(options_.run_dir);
  EXPECT_EQ(WholeState(reader.Take()), 1);
  ASSERT_TRUE(PublishState(*publisher_, 2));
  EXPECT_EQ(WholeState(reader.Take()), 2);
}

// A reader that lives and maps nothing, as one that may not enter the new folder.
TEST_F(PublishTest, StaysWhereAReaderCannotFollow) {
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 1));
  const std::string before = publisher_->image_path();
  Reader reader(options_.run_dir);
  (*reader.attachment)->Slot(0).Online();
  const auto fds = table::MakeReaderFile(options_.run_dir, "blind", "sockets", 1);
  ASSERT_TRUE(fds);
  {
    auto page = table::Mapping::Of(fds->page, "blind", true);
    ASSERT_TRUE(page);
    reinterpret_cast<table::ReaderFile*>(page->data())->pid = 4711;
  }
  options_.image.octets = 8U << 20U;
  options_.map_wait_ms = 100;
  for (int round = 2; round < 6; ++round) {
    Open();
    ASSERT_TRUE(publisher_->moving());
    const std::string made = publisher_->image_path();
    const auto refused = PublishState(*publisher_, round);
    ASSERT_FALSE(refused);
    EXPECT_EQ(
        refused.error().message,
        "reader blind (pid 4711) cannot map the new ones; it must be able to enter " + folder_);
    publisher_->Abort();
    EXPECT_FALSE(publisher_->moving());
    EXPECT_FALSE(std::filesystem::exists(made));
    EXPECT_EQ(publisher_->image_path(), before);
    EXPECT_EQ(WholeState(reader.Take()), round - 1);
    ASSERT_TRUE(PublishState(*publisher_, round));
    EXPECT_EQ(WholeState(reader.Take()), round);
    EXPECT_EQ(WholeState(Reader(options_.run_dir, "late").Take()), round);
    (*reader.attachment)->Slot(0).Passed(publisher_->generation());
    for (int i = 0; i < 500 && IsMapped(made); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_FALSE(IsMapped(made));
  }
  close(fds->lock);
  close(fds->page);
  ASSERT_TRUE(PublishState(*publisher_, 1));
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 2));
  EXPECT_EQ(std::filesystem::file_size(publisher_->image_path()), 8U << 20U);
  EXPECT_FALSE(std::filesystem::exists(before));
  EXPECT_EQ(WholeState(reader.Take()), 2);
}

TEST_F(PublishTest, BuildsAnewElsewhereWhenDamageLeavesNoRoom) {
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 1));
  const std::string before = publisher_->image_path();
  publisher_.reset();
  std::filesystem::resize_file(before, 100);
  options_.image.directory = "";
  options_.choose_directory = [](std::vector<std::string>&) -> Result<std::string> {
    return Fail(ErrorCode::kUnavailable, "no pages are free");
  };
  options_.spare_directory = folder_ + "/spare";
  std::vector<std::string> notes;
  const auto refused = Publisher::Open(options_, notes);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.starts_with("no pages are free; "))
      << refused.error().message;
  std::filesystem::create_directory(options_.spare_directory);
  auto opened = Publisher::Open(options_, notes);
  ASSERT_TRUE(opened) << opened.error().message;
  publisher_ = std::move(*opened);
  EXPECT_TRUE(
      notes.back().starts_with("warning: the tables are built in " + folder_ + "/spare and"))
      << notes.back();
  EXPECT_TRUE(publisher_->image_path().starts_with(options_.spare_directory + "/"));
  ASSERT_TRUE(PublishState(*publisher_, 2));
  EXPECT_FALSE(std::filesystem::exists(before));
  EXPECT_EQ(WholeState(Reader(options_.run_dir).Take()), 2);
}

// Readers have mapped an image that was announced: the next control must not go on under its
// number.
TEST_F(PublishTest, FaultA3ControlKilledWhileItChangesTheImageLeavesOneStateWhole) {
  for (const std::string point : {"zone", "commit", "committed"}) {
    SCOPED_TRACE(point);
    std::filesystem::remove_all(options_.run_dir);
    options_.image.octets = 4U << 20U;
    Open();
    ASSERT_TRUE(PublishState(*publisher_, 1));
    publisher_.reset();
    Reader reader(options_.run_dir);
    (*reader.attachment)->Slot(0).Online();
    const Snapshot before = reader.Take();
    options_.image.octets = 8U << 20U;
    const pid_t child = fork();
    if (child == 0) {
      auto options = options_;
      options.crash_point = [&point](const char* here) {
        if (point == here) {
          raise(SIGKILL);
        }
      };
      std::vector<std::string> notes;
      auto mine = Publisher::Open(options, notes);
      _exit(mine && PublishState(**mine, 2) ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WholeState(reader.Take()), point == "committed" ? 2 : 1);
    Open();
    EXPECT_TRUE(publisher_->adopted());
    EXPECT_EQ(publisher_->Health().at(0).since_ms, point == "committed" ? 2 : 1);
    ASSERT_TRUE(PublishState(*publisher_, 3));
    EXPECT_EQ(WholeState(reader.Take()), 3);
    EXPECT_EQ(WholeState(before), 1);
    int images = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder_)) {
      images += file.path().string().contains("-image-") ? 1 : 0;
    }
    EXPECT_EQ(images, 1);
    std::filesystem::remove(publisher_->image_path());
  }
}

}  // namespace
}  // namespace holdfast::control
