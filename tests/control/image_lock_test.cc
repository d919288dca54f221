// The lock on an image: whoever writes one is alone, and leaves it to others by dying.
#include "control/publish/image_lock.h"

#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <gmock/gmock.h>
#include <sstream>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/control/publish_kit.h"

namespace holdfast::control {
namespace {

using testing::HasSubstr;

// Folders of the kinds that tables lie in: shared memory, and hugetlbfs where it is mounted.
std::vector<std::string> Folders() {
  std::vector<std::string> folders{"/dev/shm"};
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device;
    std::string folder;
    std::string type;
    words >> device >> folder >> type;
    if (type == "hugetlbfs" && access(folder.c_str(), W_OK) == 0) {
      folders.push_back(folder);
    }
  }
  return folders;
}

// Another process that holds `path` until it is killed.
pid_t HoldElsewhere(const std::string& path) {
  int ready[2];
  EXPECT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = ImageLock::Take(path, false);
    (void)!write(ready[1], lock ? "y" : "n", 1);
    pause();
    _exit(0);
  }
  char said = 0;
  EXPECT_EQ(read(ready[0], &said, 1), 1);
  EXPECT_EQ(said, 'y');
  close(ready[0]);
  close(ready[1]);
  return child;
}

void Kill(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST(ImageLock, IsOnesAloneInEveryKindOfFolderAndGoesWithItsHolder) {
  for (const std::string& folder : Folders()) {
    SCOPED_TRACE(folder);
    const std::string path = folder + "/holdfast-lock-test-" + std::to_string(getpid());
    close(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    const pid_t holder = HoldElsewhere(path);
    const auto refused = ImageLock::Take(path, true);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
    EXPECT_THAT(refused.error().message, HasSubstr(path + " is held by process"));
    EXPECT_THAT(refused.error().message, HasSubstr(std::to_string(holder)));
    Kill(holder);
    auto mine = ImageLock::Take(path, false);
    EXPECT_TRUE(mine) << mine.error().message;
    EXPECT_FALSE(ImageLock::Take(path, false));
    mine->Release();
    EXPECT_TRUE(ImageLock::Take(path, false));
    unlink(path.c_str());
    std::printf("locked in %s\n", folder.c_str());
  }
}

TEST(ImageLock, IsNotGivenForWhatIsNoFileOfThisUser) {
  EXPECT_EQ(ImageLock::Take("/dev/null", false).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(ImageLock::Take("/dev/shm/holdfast-no-such", false).error().code, ErrorCode::kNotFound);
}

struct stat StatOf(const std::string& path) {
  struct stat st{};
  EXPECT_EQ(stat(path.c_str(), &st), 0);
  return st;
}

// It holds the secrets of cookies.
TEST_F(PublishTest, AnImageIsReadByItsOwnerAndItsReadersGroup) {
  constexpr gid_t kReaders = 12'345;
  if (geteuid() == 0) {
    options_.image.group = kReaders;
  }
  const mode_t before = umask(0);
  Open();
  umask(before);
  ASSERT_TRUE(PublishState(*publisher_, 1));
  const std::string path = publisher_->image_path();
  const auto is_closed = [&] {
    const struct stat st = StatOf(path);
    return (st.st_mode & 07777U) == 0640U && st.st_gid == options_.image.group.value_or(getegid());
  };
  EXPECT_TRUE(is_closed());
  publisher_.reset();
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);  // as a version before made it
  ASSERT_EQ(chown(path.c_str(), static_cast<uid_t>(-1), getegid()), 0);
  Open();
  EXPECT_EQ(publisher_->image_path(), path);
  EXPECT_TRUE(is_closed());
}

// A node whose run folder has the same path in a mount namespace of its own.
TEST_F(PublishTest, AnotherNodeBesideTakesAnotherImage) {
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 1));
  const std::string first = publisher_->image_path();
  const Reader reader(options_.run_dir);
  auto other = options_;
  other.run_dir = folder_ + "/other";
  std::vector<std::string> notes;
  auto second = Publisher::Open(other, notes);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_THAT(notes,
              testing::Contains(testing::AllOf(HasSubstr(first + " is held by process"),
                                               HasSubstr(std::to_string(getpid())))));
  ASSERT_TRUE(PublishState(**second, 2));
  EXPECT_NE((*second)->image_path(), first);
  EXPECT_TRUE(std::filesystem::exists(first));
  EXPECT_EQ(WholeState(Reader(options_.run_dir).Take()), 1);
  EXPECT_EQ(WholeState(Reader(other.run_dir).Take()), 2);
  Open();  // and after a restart each is with its own, whatever readers have mapped
  EXPECT_TRUE(publisher_->adopted());
  EXPECT_EQ(publisher_->image_path(), first);
}

TEST_F(PublishTest, AnImageThatSomebodyElseWritesIsNotAdopted) {
  Open();
  ASSERT_TRUE(PublishState(*publisher_, 1));
  const std::string path = publisher_->image_path();
  publisher_.reset();
  const pid_t holder = HoldElsewhere(path);
  std::vector<std::string> notes;
  auto opened = Publisher::Open(options_, notes);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_FALSE((*opened)->adopted());
  EXPECT_THAT(notes,
              testing::Contains(testing::AllOf(HasSubstr(path + " is held by process"),
                                               HasSubstr(std::to_string(holder)))));
  ASSERT_TRUE(PublishState(**opened, 2));
  EXPECT_NE((*opened)->image_path(), path);
  EXPECT_TRUE(std::filesystem::exists(path));
  Kill(holder);
  EXPECT_EQ(WholeState(Reader(options_.run_dir).Take()), 2);
}

}  // namespace
}  // namespace holdfast::control
