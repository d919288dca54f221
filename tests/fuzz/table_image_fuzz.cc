// Verify and Answer on images that were changed after they were made. Input: one octet that says
// whether checksums are mended afterwards and which questions are asked, then changes of 8 octets
// each. Whatever the octets are, nobody reads outside the image. Damage that verify does not see,
// since no checksum covers it, still gives whole replies; an image that was forged down to its
// checksums may say anything, its settings for one that nobody is answered.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/compile/access.h"
#include "dataplane/answer/rate_table.h"
#include "dataplane/base/bytes.h"
#include "dataplane/table/hash.h"
#include "dataplane/table/readers.h"
#include "dataplane/table/verify.h"
#include "tests/dataplane/located_zone.h"
#include "tests/dataplane/packet_builder.h"
#include "tests/dataplane/reply_reader.h"
#include "tests/dataplane/signed_zones.h"
#include "tests/dataplane/test_tables.h"
#include "tests/fuzz/fuzz_answer.h"

namespace holdfast {
namespace {

constexpr std::uint8_t kForge = 1;
constexpr std::size_t kGroups = 8;  // of questions, in the next bits: one is asked at a time
constexpr std::size_t kChangeOctets = 8;
constexpr std::size_t kMaxChanges = 8;
constexpr std::size_t kWord = sizeof(std::uint32_t);
constexpr std::size_t kMostSealed = 16'384;
constexpr unsigned kChaos = 3;  // class of version.bind
constexpr unsigned kNsidOption = 3;
constexpr unsigned kCookieOption = 10;

// Each form of record that an image can hold, in few names.
control::Model Model() {
  using wire::Type;
  control::Model model = test::LocatedModel("located.test.");
  test::TestZone zone("t.test.");
  zone.Add("www", Type::kA, {test::A("192.0.2.3")}).Add("ns1", Type::kA, {test::A("192.0.2.1")});
  zone.Add("multi", Type::kA, {test::A("192.0.2.4"), test::A("192.0.2.5")});
  zone.Add("mail", Type::kMx, {test::Mx(10, "www.t.test."), test::Mx(20, "w3.t.test.")});
  zone.Add("*.wild", Type::kTxt, {test::Txt("wild")}).Cname("alias", "www");
  zone.Add("dn", Type::kDname, {test::Wire("www.t.test.")});
  zone.Add("sub", Type::kNs, {test::Wire("ns1.sub.t.test."), test::Wire("f2.t.test.")});
  zone.Add("ns1.sub", Type::kA, {test::A("192.0.2.9")});
  zone.Add(std::string(40, 'l'), Type::kTxt, {test::Txt(std::string(600, 'b'))});
  test::AddRouted(zone);
  model.zones.push_back(zone.zone());
  for (control::Zone& one : test::SignedModel().zones) {
    model.zones.push_back(std::move(one));
  }
  for (const char* id : {"check-p", "check-s"}) {
    if (model.checks.empty() || model.checks[0].id != id) {
      model.checks.emplace_back().id = id;
    }
  }
  return model;
}

// Everything is on, and within the limits. Whoever asks is no network's; the limit only counts.
control::CompiledSettings Settings() {
  control::CompiledSettings settings;
  const control::AccessRule other{control::ParsePrefix("10.0.0.0/8").value(),
                                  table::Access::kRefuse};
  settings.access = control::AccessTableOf({&other, 1});
  settings.rate = {.answers_per_second = 1,
                   .burst = 1,
                   .slip = 1,
                   .ipv4_prefix = 24,
                   .ipv6_prefix = 56,
                   .dry_run = 1,
                   .reserved = {}};
  settings.cookies = table::CookieMode::kOn;
  settings.cookie_secrets = {"0123456789abcdef", "fedcba9876543210"};
  settings.nsid = "node";
  settings.version = "Holdfast";
  settings.identity = "ns1.test";
  settings.extended_errors = true;
  settings.udp_octets = fuzz::kUdpOctets;
  return settings;
}

struct Tables : test::TestTables {
  Tables() : TestTables(Model()) { SetSettings(Settings()); }
};

std::vector<std::string> Questions() {
  std::vector<std::string> questions;
  const auto add = [&questions](std::string_view name, wire::Type type, unsigned flags) {
    questions.push_back(test::PacketBuilder().Question(name, type).Edns({.flags = flags}).Build());
  };
  for (const char* name : {"t.test",
                           "www.t.test",
                           "multi.t.test",
                           "mail.t.test",
                           "x.wild.t.test",
                           "alias.t.test",
                           "a.dn.t.test",
                           "x.sub.t.test",
                           "w3.t.test",
                           "f2.t.test",
                           "mv.t.test",
                           "mv20.t.test",
                           "fc.t.test",
                           "gone.t.test",
                           "geo.located.test",
                           "cg.located.test",
                           "mail.located.test",
                           "cidr.located.test",
                           "geoless.located.test",
                           "other.invalid"}) {
    add(name, wire::Type::kA, 0);
    add(name, wire::Type::kMx, 0);
  }
  add(std::string(40, 'l') + ".t.test", wire::Type::kTxt, 0);
  add("x.wild.t.test", wire::Type::kTxt, 0);
  for (const std::string origin : {"signed.test", "n3.test", "optout.test"}) {
    for (const char* below : {"",
                              "www.",
                              "missing.",
                              "x.w.",
                              "ent.",
                              "x.sub.",
                              "x.secure.",
                              "alias.",
                              "towildgone.",
                              "x.dn.",
                              "deep.lone.",
                              "big."}) {
      add(below + origin, wire::Type::kA, 0x8000);
    }
    add(origin, wire::Type::kDnskey, 0x8000);
  }
  // What the settings answer.
  for (const char* name : {"version.bind", "id.server"}) {
    questions.push_back(test::PacketBuilder().Question(name, wire::Type::kTxt, kChaos).Build());
  }
  const std::string options =
      test::Option(kNsidOption, "") + test::Option(kCookieOption, "12345678");
  for (const char* name : {"www.t.test", "other.invalid"}) {
    questions.push_back(
        test::PacketBuilder().Question(name, wire::Type::kA).Edns({.options = options}).Build());
  }
  return questions;
}

// A checksum's word, and the octets behind it that it covers.
struct Sealed {
  std::size_t at;
  std::size_t octets;
};

// All words that are the checksum of what follows them; where that ends is tried out. One in some
// hundred images has one too many, which does no harm.
std::vector<Sealed> SealedOf(std::span<const std::byte> image) {
  std::vector<Sealed> sealed;
  for (std::size_t at = sizeof(table::ImageHeader); at + kWord < image.size(); at += kWord) {
    const auto wanted = LoadAs<std::uint32_t>(image.data() + at);
    const std::size_t most = std::min(image.size() - at - kWord, kMostSealed);
    std::uint32_t crc = ~0U;
    for (std::size_t octets = 1; wanted != 0 && octets <= most; ++octets) {
      crc = _mm_crc32_u8(crc, std::to_integer<std::uint8_t>(image[at + kWord + octets - 1]));
      if (~crc == wanted) {
        sealed.push_back({at, octets});
        break;
      }
    }
  }
  return sealed;
}

// One change: where (4 octets), how (1), with what (3). References are words, so words are copied
// from one place to another, too.
void Change(std::span<std::byte> octets, std::string_view change) {
  const std::size_t where = LoadAs<std::uint32_t>(change.data()) % octets.size();
  const auto how = static_cast<unsigned char>(change[4]);
  const auto value = LoadAs<std::uint16_t>(change.data() + 6);
  std::byte* word = octets.data() + (where & ~(kWord - 1));
  switch (how % 4) {
    case 0:
      octets[where] ^= static_cast<std::byte>(change[5]);
      break;
    case 1:
      std::memcpy(octets.data() + (where & ~std::size_t{1}), &value, sizeof(value));
      break;
    case 2:
      StoreAs(word, std::uint32_t{value});
      break;
    default:
      StoreAs(word, LoadAs<std::uint32_t>(octets.data() + (value * kWord) % octets.size()));
  }
}

void MendChecksums(std::span<std::byte> octets, std::span<const Sealed> sealed) {
  for (const Sealed& one : sealed) {
    StoreAs(octets.data() + one.at, table::Crc32c(octets.data() + one.at + kWord, one.octets));
  }
  auto& header = *reinterpret_cast<table::ImageHeader*>(octets.data());
  header.crc32c = table::HeaderCrc(header);
}

struct Fixture {
  Fixture() {
    // Cut off behind what is used, and whole at that.
    for (const test::FrozenImage* one : {&sound, &image}) {
      auto& header = *reinterpret_cast<table::ImageHeader*>(one->octets().data());
      header.octets = one->octets().size();
      header.crc32c = table::HeaderCrc(header);
    }
    sealed = SealedOf(sound.octets());
    HF_CHECK(sealed.size() > 100);
    HF_CHECK(sound.snapshot().settings() != nullptr);
    HF_CHECK(IsWhole());
  }

  [[nodiscard]] bool IsWhole() const {
    const table::Snapshot now = image.snapshot();
    return table::VerifyImage(now.view(), now.generation(), 1).defects.empty();
  }
  // Replies are whole messages, or nothing is asked of them but their header.
  void Ask(std::size_t group, bool whole) {
    for (std::size_t i = group; i < questions.size(); i += kGroups) {
      const std::string& question = questions[i];
      const std::string reply = fuzz::Ask(image.snapshot(), question, false, *scratch);
      HF_CHECK(!whole || !reply.empty());
      if (!reply.empty()) {
        fuzz::CheckHeader(question, reply);
      }
      HF_CHECK(!whole || test::ReadMessage(reply).has_value());
    }
  }

  Tables tables;
  test::FrozenImage sound = tables.Freeze();
  test::FrozenImage image = tables.Freeze();
  std::vector<Sealed> sealed;
  std::vector<std::string> questions = Questions();
  std::array<std::uint64_t, static_cast<std::size_t>(answer::Counter::kCount)> counters{};
  std::unique_ptr<answer::RateTable> rates = std::move(answer::RateTable::Make().value());
  answer::ScratchPtr scratch = answer::MakeScratch(
      {.udp_octets = fuzz::kUdpOctets, .seed = 1, .rates = rates.get()}, counters);
};

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  static Fixture fixed;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) {
    return 0;
  }
  const auto switches = static_cast<std::uint8_t>(input[0]);
  const bool forge = (switches & kForge) != 0;
  input.remove_prefix(1);
  const auto octets = fixed.image.octets();
  std::memcpy(octets.data(), fixed.sound.octets().data(), octets.size());
  for (std::size_t i = 0; i < kMaxChanges && input.size() >= kChangeOctets; ++i) {
    Change(octets, input);
    input.remove_prefix(kChangeOctets);
  }
  if (forge) {
    MendChecksums(fixed.image.octets(), fixed.sealed);
  }
  const bool accepted = fixed.IsWhole();
  fixed.Ask((switches >> 1U) % kGroups, accepted && !forge);
  return 0;
}
