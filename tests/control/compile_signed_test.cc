// Zones signed elsewhere: what is refused and warned of, and what the compiler makes of signatures
// and proofs.
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tuple>

#include "control/compile/zone.h"
#include "control/model/rules.h"
#include "control/model/signed_rules.h"
#include "tests/control/compile_kit.h"
#include "tests/dataplane/signed_zones.h"

namespace holdfast::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kNow = 1'800'000'000;  // 2027: within the time of the signatures

struct Made {
  CompiledZone zone;
  std::vector<std::string> warnings;
};

Made Make(const Zone& zone) {
  Pools pools({});
  Made made;
  auto compiled = CompileZone(zone, {}, pools, made.warnings);
  EXPECT_TRUE(compiled) << compiled.error().message;
  made.zone = *std::move(compiled);
  return made;
}

Rrset& RrsetOf(Zone& zone, const std::string& owner, std::string_view type) {
  const auto found = std::ranges::find_if(zone.rrsets, [&](const Rrset& rrset) {
    return wire::Fold(rrset.owner) == kit::Wire(owner) && rrset.type == kit::TypeOf(type);
  });
  EXPECT_NE(found, zone.rrsets.end());
  return *found;
}

void Remove(Zone& zone, const std::string& owner, std::string_view type) {
  const Rrset& rrset = RrsetOf(zone, owner, type);
  zone.rrsets.erase(zone.rrsets.begin() + (&rrset - zone.rrsets.data()));
}

std::string Refusal(const Zone& zone) {
  Findings findings;
  CheckZone(zone, findings);
  return findings.Ok() ? "" : findings.ToError().message;
}

std::vector<std::string> Lint(const Zone& zone, std::int64_t now_s = kNow) {
  Findings findings;
  LintSigned(zone, now_s, findings);
  return findings.Warnings();
}

TEST(SignedZone, OfEachSignerLoadsWithoutAWarning) {
  for (const Zone& zone : test::SignedModel().zones) {
    EXPECT_TRUE(IsSigned(zone));
    EXPECT_EQ(Refusal(zone), "");
    EXPECT_THAT(Lint(zone), IsEmpty());
    const Made made = Make(zone);
    EXPECT_THAT(made.warnings, IsEmpty());
    ASSERT_TRUE(made.zone.order);
    ASSERT_NE(made.zone.negative->sigs, nullptr);
    EXPECT_EQ(made.zone.negative->sigs->ttl, 60U);
  }
}

TEST(SignedZone, HasItsProofsInOrderAndNoNameForAHash) {
  const auto model = test::SignedModel();
  const Made nsec = Make(model.zones[0]);
  EXPECT_EQ(nsec.zone.order->kind, table::ProofKind::kNsec);
  EXPECT_EQ(nsec.zone.order->proofs.front().owner, "");
  EXPECT_EQ(nsec.zone.order->proofs[1].owner, "\5alias");
  EXPECT_EQ(nsec.zone.order->proofs.back().owner, "\3www");
  const Made hashed = Make(model.zones[3]);
  EXPECT_EQ(hashed.zone.order->kind, table::ProofKind::kNsec3);
  EXPECT_EQ(hashed.zone.order->iterations, 5);
  EXPECT_EQ(hashed.zone.order->salt, "\xab\xcd");
  EXPECT_TRUE(std::ranges::is_sorted(hashed.zone.order->proofs, {}, &CompiledProof::owner));
  for (const CompiledProof& proof : hashed.zone.order->proofs) {
    EXPECT_EQ(proof.owner.size(), 20U);
    EXPECT_NE(proof.image->sigs, nullptr);
  }
  for (const CompiledName& name : hashed.zone.names) {
    EXPECT_NE(name.name[0], 32) << "a hash of 32 digits";
    for (const CompiledRrset& rrset : name.rrsets) {
      EXPECT_TRUE(rrset.type != kit::TypeOf("RRSIG") && rrset.type != kit::TypeOf("NSEC") &&
                  rrset.type != kit::TypeOf("NSEC3"));
    }
  }
}

TEST(SignedZone, TellsOfGapsStraysAndWhatHasNoSignature) {
  Zone gap = test::SignedModel().zones[0];
  Remove(gap, "big.signed.test", "NSEC");
  RrsetOf(gap, "big.signed.test", "RRSIG").rdata.resize(1);  // over the TXT
  EXPECT_THAT(Make(gap).warnings, ElementsAre(HasSubstr("does not lead to the next")));
  Zone hash_gap = test::SignedModel().zones[2];
  std::erase_if(hash_gap.rrsets, [taken = false](const Rrset& rrset) mutable {
    const bool is_first = rrset.type == kit::TypeOf("NSEC3") && !taken;
    taken = taken || is_first;
    return is_first;
  });
  EXPECT_THAT(Make(hash_gap).warnings, ElementsAre(HasSubstr("one of 1 gaps")));
  Zone stray = test::SignedModel().zones[0];
  Remove(stray, "www.signed.test", "AAAA");
  EXPECT_THAT(Make(stray).warnings,
              ElementsAre(HasSubstr("'www.signed.test. AAAA': a signature over records that")));
  Zone lacking = test::SignedModel().zones[0];
  Remove(lacking, "alias.signed.test", "RRSIG");
  EXPECT_THAT(Make(lacking).warnings,
              ElementsAre(HasSubstr("not 'alias.signed.test. CNAME', one of 1 rrsets")));
}

TEST(SignedZone, OfWhichTheSoaIsUnsignedIsServedAsUnsigned) {
  Zone zone = test::SignedModel().zones[0];
  Remove(zone, "signed.test", "RRSIG");
  EXPECT_THAT(Lint(zone), ElementsAre(HasSubstr("has no RRSIG over its SOA")));
  const Made made = Make(zone);
  EXPECT_FALSE(made.zone.order);
  EXPECT_EQ(made.zone.negative->sigs, nullptr);
  EXPECT_THAT(made.warnings, IsEmpty());
}

TEST(SignedZone, conf_S20_IsServedWithNoLongerTtlThanItWasSignedWith) {
  Zone zone = test::SignedModel().zones[0];
  RrsetOf(zone, "mx.signed.test", "MX").ttl = 7200;
  RrsetOf(zone, "big.signed.test", "TXT").ttl = 1800;
  const Made made = Make(zone);
  const auto ttl_at = [&](const std::string& owner, std::string_view type) {
    const auto& name = *std::ranges::find(made.zone.names, kit::Wire(owner), &CompiledName::name);
    const auto& image = *std::get<ImageSpecPtr>(
        std::ranges::find(name.rrsets, kit::TypeOf(type), &CompiledRrset::type)->answer);
    EXPECT_EQ(image.sigs->ttl, image.ttl);
    return image.ttl;
  };
  EXPECT_EQ(ttl_at("mx.signed.test", "MX"), 3600U);
  EXPECT_EQ(ttl_at("big.signed.test", "TXT"), 1800U);
}

TEST(SignedZone, LacksKeysOrProofsWithAWarning) {
  Zone keyless = test::SignedModel().zones[0];
  Remove(keyless, "signed.test", "DNSKEY");
  EXPECT_THAT(Lint(keyless), ElementsAre(HasSubstr("no DNSKEY at its apex")));
  Zone proofless = test::SignedModel().zones[2];
  Remove(proofless, "n3.test", "NSEC3PARAM");
  EXPECT_THAT(Lint(proofless), ElementsAre(HasSubstr("neither NSEC, nor NSEC3")));
  EXPECT_FALSE(Make(proofless).zone.order);
}

TEST(SignedZone, TellsOfSignaturesOutOfTheirTime) {
  const Zone zone = test::SignedModel().zones[1];
  EXPECT_THAT(Lint(zone, 3'500'000'000), ElementsAre(HasSubstr("have expired")));
  EXPECT_THAT(Lint(zone, 1'700'000'000), ElementsAre(HasSubstr("are not valid yet")));
}

TEST(SignedZone, RefusesRecordSetsAndHashesThatCostTooMuch) {
  Zone routed = test::SignedModel().zones[0];
  RecordSet set;
  set.name = kit::Wire("pool.signed.test");
  set.type = 1;
  set.ttl = 60;
  set.rdata = {kit::V4("192.0.2.9")};
  set.source = {.file = "sets", .line = 3};
  routed.record_sets.push_back(set);
  EXPECT_THAT(Refusal(routed),
              HasSubstr("sets:3: record 'pool.signed.test. A': zone signed.test. "
                        "is signed, and no signature"));
  Zone costly = test::SignedModel().zones[3];
  RrsetOf(costly, "optout.test", "NSEC3PARAM").rdata[0] = std::string("\1\0\0\x33\2\xab\xcd", 7);
  EXPECT_THAT(Refusal(costly), HasSubstr("iterations is 51; expected 0..50"));
  Zone other = test::SignedModel().zones[3];
  RrsetOf(other, "optout.test", "NSEC3PARAM").rdata[0] = std::string("\2\0\0\0\0", 5);
  EXPECT_THAT(Refusal(other), HasSubstr("the hash algorithm is 2; expected 1 (SHA-1)"));
}

// In the form of RFC 3597 the parser takes any octets; what no resolver could read is refused.
TEST(SignedZone, RefusesSignaturesAndProofsThatEndTooEarly) {
  for (const auto& [type, number, words] :
       {std::tuple{"RRSIG", 0, "no whole signer's name and signature"},
        std::tuple{"NSEC", 0, "no whole name of the next"},
        std::tuple{"NSEC3", 2, "no whole hash of the next"}}) {
    const Zone whole = test::SignedModel().zones[static_cast<std::size_t>(number)];
    // The last of them: without the signature over its SOA a zone is an unsigned one.
    const auto last =
        std::find_if(whole.rrsets.rbegin(), whole.rrsets.rend(), [&](const Rrset& rrset) {
          return rrset.type == kit::TypeOf(type);
        });
    ASSERT_NE(last, whole.rrsets.rend());
    for (const std::size_t octets : {std::size_t{0}, std::size_t{3}, std::size_t{17}}) {
      Zone zone = whole;
      auto& rdata = zone.rrsets[static_cast<std::size_t>(whole.rrsets.rend() - last - 1)].rdata[0];
      rdata.resize(std::min(octets, rdata.size()));
      EXPECT_THAT(Refusal(zone), HasSubstr(words)) << type << octets;
      Make(zone);  // nor does it harm
      Lint(zone);
    }
  }
}

TEST(SignedZone, RefusesTwoProofsAtAName) {
  Zone zone = test::SignedModel().zones[0];
  auto at = std::ranges::find(zone.rrsets, kit::TypeOf("NSEC"), &Rrset::type);
  ASSERT_NE(at, zone.rrsets.end());
  at->rdata.push_back(at->rdata[0]);
  EXPECT_THAT(Refusal(zone), HasSubstr("2 records; expected one"));
}

}  // namespace
}  // namespace holdfast::control
