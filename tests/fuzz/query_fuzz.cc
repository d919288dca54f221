// Answer on arbitrary messages over the example zone, where cookies may be required or not, or the
// client over its rate, and over an image with flipped bits. Input: one octet of switches, up to
// four places to damage when it says so, then the message. On the sound image every reply must pass
// the strict reader; on a damaged one only sizes and header are promised.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "control/compile/access.h"
#include "dataplane/answer/answer.h"
#include "dataplane/answer/rate_table.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/check.h"
#include "tests/dataplane/example_zone.h"
#include "tests/dataplane/located_zone.h"
#include "tests/dataplane/reply_reader.h"
#include "tests/dataplane/signed_zones.h"
#include "tests/dataplane/test_tables.h"
#include "tests/fuzz/fuzz_answer.h"

namespace holdfast {
namespace {

using answer::Counter;

constexpr std::uint8_t kTcp = 1;
constexpr std::uint8_t kDamage = 2;
constexpr std::uint8_t kRequireCookies = 4;
constexpr std::uint8_t kLimited = 8;
constexpr std::size_t kFreshCookie = 16;  // octets that a reply has more than its query
constexpr std::size_t kFlips = 4;
constexpr std::size_t kFlipOctets = kFlips * 4;
constexpr std::uint32_t kWallSeconds = 1'700'000'000;

// Names that depend on where the client is, and zones signed with NSEC and NSEC3, beside those of
// the example zone.
control::Model Model() {
  control::Model model = test::ExampleModel();
  control::Model located = test::LocatedModel("located.test.");
  model.zones.push_back(std::move(located.zones[0]));
  model.location = std::move(located.location);
  for (control::Zone& zone : test::SignedModel().zones) {
    model.zones.push_back(std::move(zone));
  }
  return model;
}

// Made once: tables as production makes them, and copies on the heap that end with their last
// octet.
struct Fixture {
  Fixture() {
    answer::SetTime(*scratch, {.wall_seconds = kWallSeconds});
    // The one answer that the limit leaves; time stands still.
    fuzz::Ask(limited.snapshot(), std::string(wire::kHeaderOctets, '\0'), false, *scratch);
  }

  test::FrozenImage With(table::CookieMode cookies, const table::RateLimit& rate = {}) {
    control::CompiledSettings settings;
    settings.rate = rate;
    settings.unproven_octets = rate.answers_per_second == 0 ? 0 : 512;
    const control::AccessRule other{control::ParsePrefix("10.0.0.0/8").value(),
                                    table::Access::kRefuse};
    settings.access = control::AccessTableOf({&other, 1});
    settings.cookies = cookies;
    settings.cookie_secrets = {"0123456789abcdef", "fedcba9876543210"};
    settings.nsid = std::string(table::kMaxNsidOctets, 'n');
    settings.version = "Holdfast";
    settings.identity = std::string(255, 'i');
    settings.extended_errors = true;
    tables.SetSettings(settings);
    return tables.Freeze();
  }

  test::TestTables tables{Model()};
  test::FrozenImage required = With(table::CookieMode::kRequire);
  test::FrozenImage limited = With(table::CookieMode::kOn,
                                   {.answers_per_second = 1,
                                    .burst = 1,
                                    .slip = 1,
                                    .ipv4_prefix = 24,
                                    .ipv6_prefix = 56,
                                    .dry_run = 0,
                                    .reserved = {}});
  test::FrozenImage image = With(table::CookieMode::kOn);
  std::array<std::uint64_t, static_cast<std::size_t>(Counter::kCount)> counters{};
  std::unique_ptr<answer::RateTable> rates = std::move(answer::RateTable::Make().value());
  answer::ScratchPtr scratch = answer::MakeScratch(
      {.udp_octets = fuzz::kUdpOctets, .seed = 1, .rates = rates.get()}, counters);
};
Fixture& Fixed() {
  static Fixture fixture;
  return fixture;
}

// Flips the bits that 32-bit words of the input name; twice is as it was.
void Flip(std::string_view words) {
  const auto octets = Fixed().image.octets();
  for (std::size_t i = 0; i < kFlips; ++i) {
    const auto word = LoadAs<std::uint32_t>(words.data() + (i * 4));
    octets[(word >> 3U) % octets.size()] ^= static_cast<std::byte>(1U << (word & 7U));
  }
}

bool IsQuery(std::string_view message) {
  return message.size() >= wire::kHeaderOctets &&
         (static_cast<unsigned char>(message[2]) & 0x80) == 0;
}

void CheckReply(std::string_view query, std::string_view reply, bool tcp) {
  const auto read = test::ReadMessage(reply);
  HF_CHECK(read.has_value());
  HF_CHECK(read->has_opt || read->Rcode() < 16);
  HF_CHECK(read->has_opt || tcp || reply.size() <= wire::kPlainUdpOctets);
  HF_CHECK(query.substr(wire::kHeaderOctets).starts_with(read->question));
  if (read->Tc()) {
    HF_CHECK(!tcp && read->answer.empty() && read->authority.empty() && read->additional.empty());
  }
  if (read->Rcode() != 0 && read->Rcode() != 3 && read->Rcode() != 6) {
    HF_CHECK(!read->Aa() && read->answer.empty() && read->authority.empty());
  }
  HF_CHECK(Fixed().counters[static_cast<std::size_t>(Counter::kUnreadableTable)] == 0);
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) {
    return 0;
  }
  const auto switches = static_cast<std::uint8_t>(input[0]);
  input.remove_prefix(1);
  const bool tcp = (switches & kTcp) != 0;
  const bool damage = (switches & kDamage) != 0;
  if (damage && input.size() < kFlipOctets) {
    return 0;
  }
  const std::string_view words = damage ? input.substr(0, kFlipOctets) : std::string_view();
  const std::string_view message = input.substr(words.size()).substr(0, 65535);
  if (damage) {
    Flip(words);
  }
  const bool required = (switches & kRequireCookies) != 0 && !damage;
  const bool limited = (switches & kLimited) != 0 && !required && !damage;
  const test::FrozenImage& image = required  ? Fixed().required
                                   : limited ? Fixed().limited
                                             : Fixed().image;
  const std::string reply = fuzz::Ask(image.snapshot(), message, tcp, *Fixed().scratch);
  HF_CHECK(IsQuery(message) || reply.empty());
  if (!reply.empty()) {
    fuzz::CheckHeader(message, reply);
  }
  if (damage) {
    Flip(words);
    Fixed().counters = {};
  } else if (IsQuery(message)) {
    HF_CHECK(!reply.empty());
    CheckReply(message, reply, tcp);
    HF_CHECK(!limited || tcp || reply.size() <= message.size() + kFreshCookie ||
             Fixed().counters[static_cast<std::size_t>(Counter::kValidCookie)] != 0);
    Fixed().counters = {};
  }
  return 0;
}
