// What proofs are looked up by: SHA-1, the hash of NSEC3, the canonical order, the search.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "dataplane/answer/nsec3_hash.h"
#include "dataplane/table/ordered.h"
#include "dataplane/wire/canonical.h"
#include "tests/dataplane/packet_builder.h"

namespace holdfast::answer {
namespace {

using test::Wire;

std::span<const std::byte> Octets(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string Hex(const Sha1Digest& digest) {
  std::string out;
  for (const std::byte octet : digest) {
    out += "0123456789abcdef"[std::to_integer<unsigned>(octet) >> 4U];
    out += "0123456789abcdef"[std::to_integer<unsigned>(octet) & 15U];
  }
  return out;
}

// FIPS 180's examples, and lengths at which the padding takes another block.
TEST(Sha1, GivesTheDigestsOfItsExamples) {
  EXPECT_EQ(Hex(Sha1({})), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(Hex(Sha1(Octets("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(Hex(Sha1(Octets("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_EQ(Hex(Sha1(Octets(std::string(55, 'a')))), "c1c8bbdc22796e28c0e15163d20899b65621d65a");
  EXPECT_EQ(Hex(Sha1(Octets(std::string(64, 'a')))), "0098ba824b5c16427bd7a1122a5a442a25ec644d");
  EXPECT_EQ(Hex(Sha1(Octets(std::string(510, 'a')))), "17e37b4fef409dd27ecc85d90f7ecb3bdb6732f7");
}

// RFC 5155, appendix A: 12 iterations, salt aabbccdd.
TEST(Nsec3Hash, GivesTheHashesOfTheExampleZone) {
  const struct {
    const char* name;
    const char* label;
  } cases[] = {{"example", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"},
               {"a.example", "35mthgpgcu1qg68fab165klnsnk3dpvl"},
               {"ai.example", "gjeqe526plbf1g8mklp59enfd789njgi"},
               {"ns1.example", "2t7b4g4vsa5smi47k61mv5bv1a22bojr"},
               {"ns2.example", "q04jkcevqvmu85r014c7dkba38o0ji5r"},
               {"w.example", "k8udemvp1j2f7eg6jebps17vp3n8i58h"},
               {"*.w.example", "r53bq7cc2uvmubfu5ocmm6pers9tk9en"},
               {"x.w.example", "b4um86eghhds6nea196smvmlo4ors995"},
               {"y.w.example", "ji6neoaepv8b5o6k4ev33abha8ht9fgc"},
               {"x.y.w.example", "2vptu5timamqttgl4luu9kg21e0aor3s"},
               {"xx.example", "t644ebqk9bibcna874givr6joj62mlhv"},
               {"2t7b4g4vsa5smi47k61mv5bv1a22bojr.example", "kohar7mbb8dc2ce8a9qvl8hon4k53uhi"}};
  const std::string salt = "\xaa\xbb\xcc\xdd";
  for (const auto& c : cases) {
    const std::string name = Wire(c.name);
    const Sha1Digest hash = Nsec3Hash(Octets(name), Octets(salt), 12);
    std::string label(kHashLabelOctets, '\0');
    WriteHashLabel(hash.data(), reinterpret_cast<std::byte*>(label.data()));
    EXPECT_EQ(label, std::string(1, ' ') + c.label) << c.name;  // its length, 32, is a blank
  }
}

// RFC 4034 6.1.
TEST(CanonicalOrder, IsThatOfTheExample) {
  const std::vector<std::string> names = {Wire("example"),
                                          Wire("a.example"),
                                          Wire("yljkjljk.a.example"),
                                          Wire("z.a.example"),
                                          Wire("zabc.a.example"),
                                          Wire("z.example"),
                                          Wire("\\001.z.example"),
                                          Wire("*.z.example"),
                                          Wire("\\200.z.example")};
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = 0; j < names.size(); ++j) {
      const int order = wire::CompareCanonical(wire::LabelStarts(Octets(names[i])),
                                               wire::LabelStarts(Octets(names[j])));
      EXPECT_EQ(order < 0, i < j) << i << " " << j;
      EXPECT_EQ(order == 0, i == j) << i << " " << j;
    }
  }
}

TEST(CanonicalOrder, EndsAtTheEndOfOctetsThatAreNoName) {
  const std::string cut = "\x3fzz";
  const std::string whole = Wire("zz");
  EXPECT_EQ(wire::LabelStarts(Octets(cut)).count(), 1U);
  EXPECT_EQ(wire::LabelStarts(Octets(cut)).Label(0).size(), 2U);
  EXPECT_EQ(
      wire::CompareCanonical(wire::LabelStarts(Octets(cut)), wire::LabelStarts(Octets(whole))), 0);
  EXPECT_EQ(wire::LabelStarts(Octets(std::string(400, '\1'))).count(), wire::kMaxLabels);
}

TEST(FindOrdered, FindsTheEntryItselfElseTheOneBeforeAndBeforeTheFirstTheLast) {
  for (std::size_t count = 1; count < 9; ++count) {
    for (std::size_t wanted = 0; wanted <= 2 * count; ++wanted) {  // entry i stands at 2i + 1
      const auto found = table::FindOrdered(count, [wanted](std::size_t i) {
        return static_cast<int>(2 * i + 1) - static_cast<int>(wanted);
      });
      EXPECT_EQ(found.exact, wanted % 2 == 1) << count << " " << wanted;
      EXPECT_EQ(found.entry, wanted == 0 ? count - 1 : (wanted - 1) / 2) << count << " " << wanted;
    }
  }
}

}  // namespace
}  // namespace holdfast::answer
