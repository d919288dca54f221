// Serials on their circle: each edge of RFC 1982.
#include <gtest/gtest.h>

#include "dataplane/wire/serial.h"

namespace holdfast::wire {
namespace {

TEST(Serial, conf_R13_IsNewerUpToHalfTheCircleAhead) {
  constexpr std::uint32_t kTop = 0xFFFFFFFF;
  const struct {
    std::uint32_t now;
    std::uint32_t was;
    bool newer;
  } cases[] = {{1, 0, true},
               {0, 0, false},
               {0, 1, false},
               {1, kTop, true},  // round past the top
               {0, kTop, true},
               {kTop, 1, false},
               {kTop, kTop, false},
               {0x7FFFFFFF, 0, true},
               {0x80000000, 0, false},  // undefined: exactly opposite, from both sides
               {0, 0x80000000, false},
               {0x80000001, 0, false},
               {0, 0x80000001, true},
               {0x7FFFFFFE, kTop, true},
               {0x7FFFFFFF, kTop, false},
               {2026112301, 2026112300, true},
               {2026112300, 2026112301, false}};
  for (const auto& one : cases) {
    EXPECT_EQ(IsNewerSerial(one.now, one.was), one.newer) << one.now << " after " << one.was;
  }
}

}  // namespace
}  // namespace holdfast::wire
