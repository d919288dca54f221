// main() of the tests on real sockets. TLS peers hang up on each other there, on purpose and in the
// test's own thread too; like the programs that probe, the tests outlive that.
#include <gtest/gtest.h>

#include "dataplane/base/signals.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  holdfast::OutliveClosedPipes();
  return RUN_ALL_TESTS();
}
