// Which options a reply drops where there is no room for all of them. A file of its own: replies
// themselves are looked at here, not what they look like on the wire.
#include <array>
#include <gtest/gtest.h>

#include "dataplane/answer/options.h"

namespace holdfast::answer {
namespace {

TEST(PutOptions, conf_I25_DropsTheReasonFirstThenTheNameOfTheNode) {
  table::Settings settings{};
  settings.extended_errors = 1;
  settings.nsid_octets = 20;
  Query query;
  query.asked = kAskedNsid | kAskedCookie;
  query.option_octets = kCookieOptionOctets;
  Reply reply;
  reply.extended = ExtendedError::kNotAuthoritative;
  const std::size_t error_octets =
      6 + kExtendedErrorTexts[static_cast<std::size_t>(reply.extended)].text.size();
  const std::size_t all = kCookieOptionOctets + 24 + error_octets;
  std::array<std::byte, 256> octets;
  const auto put = [&](std::size_t room) {
    octets.fill(std::byte{0xEE});
    const std::size_t written = PutOptions(query, reply, &settings, octets.data(), room);
    EXPECT_LE(written, room);
    EXPECT_EQ(octets[written], std::byte{0xEE});
    return written;
  };
  EXPECT_EQ(put(all), all);
  EXPECT_EQ(put(all - 1), all - error_octets + 6) << "without its text";
  EXPECT_EQ(put(all - error_octets + 5), all - error_octets);
  EXPECT_EQ(put(kCookieOptionOctets + 24), kCookieOptionOctets + 24);
  EXPECT_EQ(put(kCookieOptionOctets + 5), kCookieOptionOctets);
}

}  // namespace
}  // namespace holdfast::answer
