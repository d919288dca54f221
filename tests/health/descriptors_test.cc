// How many descriptors there are, and whether they are enough for the probes.
#include "health/checker/descriptors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "dataplane/base/descriptors.h"

namespace holdfast::health {
namespace {

TEST(Descriptors, AreRaisedToTheHardLimit) {
  rlimit usual{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
  const rlimit few{.rlim_cur = 100, .rlim_max = usual.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  EXPECT_EQ(DescriptorLimit(), 100U);
  EXPECT_EQ(RaiseDescriptorLimit(), usual.rlim_max);
  EXPECT_EQ(DescriptorLimit(), usual.rlim_max);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
}

TEST(Descriptors, AreEnoughWhereProbesKeptConnectionsAndTheRestFindRoom) {
  EXPECT_EQ(LackOfDescriptors(4096, false, 8704), "");
  EXPECT_EQ(LackOfDescriptors(4096, true, 16'896), "");
  EXPECT_EQ(LackOfDescriptors(0, false, 1024), "");
  EXPECT_EQ(LackOfDescriptors(4096, false, RLIM_INFINITY), "");
}

TEST(Descriptors, ThatAreTooFewAreSaidWithWhatIsNeeded) {
  EXPECT_EQ(LackOfDescriptors(4096, false, 8703),
            "health: 4096 probes may be under way at a time, and 8703 descriptors be open: only "
            "4095 surely find one (1 each, half of the limit is for connections kept, 256 for the "
            "rest), others end as unknown; expected a hard limit of at least 8704 (RLIMIT_NOFILE; "
            "LimitNOFILE= of systemd)");
  EXPECT_NE(LackOfDescriptors(4096, true, 16'895).find("only 4095 surely find one (2 each"),
            std::string::npos);
  EXPECT_NE(LackOfDescriptors(1, false, 256).find("only 0 surely"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::health
