// Zones and images: what is in the index and what is hidden, and that each image, placed behind a
// question, reads back as the records it was made of.
#include <gtest/gtest.h>

#include "control/compile/compile.h"
#include "control/compile/groups.h"
#include "control/compile/reach.h"
#include "control/compile/render.h"
#include "control/compile/zone.h"
#include "control/compile/zone_index.h"
#include "tests/control/compile_kit.h"

namespace holdfast::control {
namespace {

using namespace kit;  // NOLINT(google-build-using-namespace)
using table::RrsetKind;

struct Made {
  CompiledZone zone;
  std::vector<std::string> warnings;
};

Made Make(const ZoneText& text, std::vector<std::string_view> children = {}) {
  Pools pools({});
  Made made;
  auto zone =
      CompileZone(text.zone, {.child_origins = children, .loaded_ms = 42}, pools, made.warnings);
  EXPECT_TRUE(zone) << zone.error().message;
  made.zone = *std::move(zone);
  return made;
}

const ImageSpec& ImageAt(const Made& made,
                         const ZoneText& text,
                         const std::string& name,
                         std::string_view type) {
  const auto* at = FindName(made.zone, wire::Fold(text.Name(name)));
  if (at == nullptr || FindRrset(*at, type) == nullptr) {
    ADD_FAILURE() << "no image at " << name << " " << type;
    static const ImageSpec kNone;
    return kNone;
  }
  return *std::get<ImageSpecPtr>(FindRrset(*at, type)->answer);
}

const CompiledRrset& RrsetAt(const Made& made, const ZoneText& text, const std::string& name) {
  return FindName(made.zone, wire::Fold(text.Name(name)))->rrsets.at(0);
}

bool Has(const Made& made, const ZoneText& text, const std::string& name) {
  return FindName(made.zone, wire::Fold(text.Name(name))) != nullptr;
}

int Flags(const Made& made, const ZoneText& text, const std::string& name) {
  const auto* at = FindName(made.zone, wire::Fold(text.Name(name)));
  return at == nullptr ? -1 : at->flags;
}

TEST(ZoneCompile, AnAddressThatIsAllOfANameHasNoImage) {
  ZoneText text("example.test.");
  text.Add("one", "A", {V4("192.0.2.1")});
  text.Add("two", "A", {V4("192.0.2.1"), V4("192.0.2.2")});
  text.Add("both", "A", {V4("192.0.2.1")});
  text.Add("both", "TXT", {std::string("\1x")});
  text.Add("six", "AAAA", {std::string(16, '\1')});
  const auto made = Make(text);
  const CompiledRrset& one = RrsetAt(made, text, "one");
  EXPECT_EQ(one.kind, RrsetKind::kAddress);
  EXPECT_EQ(one.type, 1);
  EXPECT_EQ(one.address.ttl, 3600U);
  EXPECT_EQ(RenderAddress(one.address).wire,
            std::string("\xC0\x0C\0\1\0\1\0\0\x0E\x10\0\4\xC0\0\2\1", 16));
  const auto again = LoneAddressOf(RenderAddress(one.address));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->ttl, 3600U);
  EXPECT_EQ(again->address[3], 1);
  for (const char* name : {"two", "both", "six"}) {
    EXPECT_EQ(RrsetAt(made, text, name).kind, RrsetKind::kImage) << name;
  }
  EXPECT_FALSE(LoneAddressOf(ImageAt(made, text, "two", "A")));
  EXPECT_FALSE(LoneAddressOf(ImageAt(made, text, "six", "AAAA")));
}

// With nothing else of the zone asked for before.
TEST(Groups, AnswersADelegationFirst) {
  ZoneText text("example.test.");
  text.Add("sub", "NS", {Wire("ns.elsewhere.test.")});
  const auto index = ZoneIndex::Create(text.zone, {});
  ASSERT_TRUE(index);
  Pools pools({});
  std::vector<std::string> warnings;
  const Reach reach;
  Groups groups(text.zone, *index, pools, reach, warnings);
  const auto answer = groups.Answer(index->FindEntry(index->Find(text.Name("sub")), 2));
  ASSERT_TRUE(answer);
  EXPECT_EQ(std::get<ImageSpecPtr>(*answer)->kind, table::ImageKind::kReferral);
}

TEST(ZoneCompile, KeepsSerialOriginAndBoundOfLabels) {
  ZoneText text("example.test.");
  text.Add("a.b.c", "A", {V4("192.0.2.1")});
  const auto made = Make(text);
  EXPECT_EQ(made.zone.serial, 7U);
  EXPECT_EQ(made.zone.loaded_ms, 42);
  EXPECT_EQ(made.zone.max_labels, 5);
  EXPECT_EQ(made.zone.flags, 0);
  EXPECT_EQ(Flags(made, text, "@"), table::kNameApex);
  EXPECT_EQ(made.zone.names.front().name, Wire("example.test."));
}

TEST(ZoneCompile, ListsEmptyNonTerminalsWithoutRrsets) {
  ZoneText text("example.test.");
  text.Add("a.ent", "A", {V4("192.0.2.1")});
  const auto made = Make(text);
  const auto* ent = FindName(made.zone, text.Name("ent"));
  ASSERT_NE(ent, nullptr);
  EXPECT_TRUE(ent->rrsets.empty());
  EXPECT_EQ(made.zone.names.size(), 3U);
}

TEST(ZoneCompile, FoldsOwnersAndKeepsTheCaseOfRdata) {
  ZoneText text("example.test.");
  text.Add("WwW", "CNAME", {Wire("TarGet.example.test.")});
  const auto made = Make(text);
  EXPECT_EQ(Flags(made, text, "www"), table::kNameCname);
  const auto records = Place(ImageAt(made, text, "www", "CNAME"), Wire("www.example.test."));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].rdata, Wire("TarGet.example.test."));
}

TEST(ZoneCompile, FlagsTheParentOfAWildcardAlsoWhenTheWildcardIsEmpty) {
  ZoneText text("example.test.");
  text.Add("*.w", "A", {V4("192.0.2.1")}).Add("x.*.ew", "A", {V4("192.0.2.1")});
  text.Add("x*y.no", "A", {V4("192.0.2.1")}).Add("*.*.two", "A", {V4("192.0.2.1")});
  const auto made = Make(text);
  EXPECT_EQ(Flags(made, text, "w"), table::kNameWildcard);
  EXPECT_EQ(Flags(made, text, "ew"), table::kNameWildcard);
  EXPECT_EQ(Flags(made, text, "*.ew"), 0);
  EXPECT_EQ(Flags(made, text, "no"), 0);
  EXPECT_EQ(Flags(made, text, "two"), table::kNameWildcard);
  EXPECT_EQ(Flags(made, text, "*.two"), table::kNameWildcard);
}

TEST(ZoneCompile, PutsGlueIntoTheReferralAndNothingElseBelowTheCut) {
  ZoneText text("example.test.");
  text.Add("sub", "NS", {text.Name("ns1.sub"), text.Name("NS1"), Wire("ns.other.invalid.")});
  text.Add("ns1.sub", "A", {V4("192.0.2.53")}, 60).Add("ns1.sub", "AAAA", {V6("2001:db8::53")});
  text.Add("ns1", "A", {V4("192.0.2.1")}, 120);
  text.Add("txt.sub", "TXT", {"\1x"}).Add("sub", "TXT", {"\1x"}).Add("*.sub", "TXT", {"\1x"});
  text.Add("sub", "DS", {std::string("\0\1\15\2abcd", 8)});
  text.Add("inner.sub", "NS", {text.Name("ns.inner.sub")});
  const auto made = Make(text);
  for (const char* hidden : {"ns1.sub", "txt.sub", "*.sub", "inner.sub"}) {
    EXPECT_FALSE(Has(made, text, hidden)) << hidden;
  }
  const auto* sub = FindName(made.zone, text.Name("sub"));
  ASSERT_NE(sub, nullptr);
  EXPECT_EQ(sub->flags, table::kNameCut);
  ASSERT_EQ(sub->rrsets.size(), 2U);
  EXPECT_EQ(sub->rrsets[0].kind, RrsetKind::kReferral);
  EXPECT_EQ(sub->rrsets[1].kind, RrsetKind::kImage);
  EXPECT_EQ(sub->rrsets[1].type, TypeOf("DS"));

  const auto& image = ImageAt(made, text, "sub", "NS");
  EXPECT_EQ(image.kind, table::ImageKind::kReferral);
  EXPECT_EQ(image.authority, 3);
  EXPECT_EQ(image.required, 5);
  const std::vector<Record> expected{
      {"sub.example.test.", 2, 3600, text.Name("ns1.sub")},
      {"sub.example.test.", 2, 3600, text.Name("NS1")},
      {"sub.example.test.", 2, 3600, Wire("ns.other.invalid.")},
      {"ns1.sub.example.test.", 1, 60, V4("192.0.2.53")},
      {"ns1.sub.example.test.", 28, 3600, V6("2001:db8::53")},
      {"NS1.example.test.", 1, 120, V4("192.0.2.1")},
  };
  EXPECT_EQ(Place(image, text.Name("sub")), expected);
  EXPECT_EQ(Place(image, text.Name("a.b.sub")), expected);
}

TEST(ZoneCompile, HidesWhatLiesBelowADname) {
  ZoneText text("example.test.");
  text.Add("dn", "DNAME", {text.Name("target")}).Add("dn", "A", {V4("192.0.2.1")});
  text.Add("x.dn", "A", {V4("192.0.2.1")}).Add("y.x.dn", "A", {V4("192.0.2.1")});
  const auto made = Make(text);
  EXPECT_EQ(Flags(made, text, "dn"), table::kNameDname);
  EXPECT_FALSE(Has(made, text, "x.dn"));
  EXPECT_FALSE(Has(made, text, "y.x.dn"));
  EXPECT_EQ(FindName(made.zone, text.Name("dn"))->rrsets.size(), 2U);
}

TEST(ZoneCompile, LeavesToAChildZoneWhatIsItsOwn) {
  ZoneText text("example.test.");
  text.Add("child", "NS", {Wire("ns.invalid.")}).Add("child", "DS", {"1234"});
  text.Add("www.child", "A", {V4("192.0.2.1")});
  text.Add("a.silent.deep", "A", {V4("192.0.2.1")}).Add("silent.deep", "A", {V4("192.0.2.1")});
  const auto child = text.Name("child");
  const auto silent = text.Name("silent.deep");
  const auto lone = text.Name("lone.empty");
  const auto made = Make(text, {child, silent, lone});
  EXPECT_EQ(Flags(made, text, "child"), table::kNameCut);
  EXPECT_FALSE(Has(made, text, "www.child"));
  EXPECT_FALSE(Has(made, text, "silent.deep"));
  EXPECT_FALSE(Has(made, text, "a.silent.deep"));
  EXPECT_TRUE(Has(made, text, "deep"));
  EXPECT_FALSE(Has(made, text, "lone.empty"));
  EXPECT_TRUE(Has(made, text, "empty"));  // it has a descendant: never NXDOMAIN
}

TEST(ZoneCompile, TakesTheLowerTtlForNegativeAnswers) {
  ZoneText text("example.test.");
  auto made = Make(text);
  auto records = Place(*made.zone.negative, Wire("gone.example.test."));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].owner, "example.test.");
  EXPECT_EQ(records[0].ttl, 60U);
  EXPECT_EQ(records[0].rdata, Soa("ns1.example.test.", 7, 60));
  text.zone.rrsets[0].ttl = 30;
  made = Make(text);
  EXPECT_EQ(Place(*made.zone.negative, Wire("gone.example.test."))[0].ttl, 30U);
}

TEST(ZoneCompile, MarksAZoneWithoutASoaAsNotLoaded) {
  ZoneText text("example.test.");
  text.Add("www", "A", {V4("192.0.2.1")});
  text.zone.rrsets.erase(text.zone.rrsets.begin());
  const auto made = Make(text);
  EXPECT_EQ(made.zone.flags, table::kZoneNotLoaded);
  EXPECT_EQ(made.zone.negative, nullptr);
  ASSERT_EQ(made.zone.names.size(), 1U);
  EXPECT_EQ(made.zone.names[0].flags, table::kNameApex);
  EXPECT_EQ(made.zone.max_labels, 2);
}

TEST(ZoneCompile, ServesARootZone) {
  ZoneText text(".");
  text.Add("test.", "NS", {Wire("ns.test.")}).Add("ns.test.", "A", {V4("192.0.2.1")});
  const auto made = Make(text);
  const std::vector<Record> expected{{"test.", 2, 3600, Wire("ns.test.")},
                                     {"ns.test.", 1, 3600, V4("192.0.2.1")}};
  EXPECT_EQ(Place(ImageAt(made, text, "test.", "NS"), Wire("a.test.")), expected);
  EXPECT_EQ(Place(*made.zone.negative, Wire("gone."))[0].owner, ".");
}

TEST(ZoneCompile, RefusesWhatNoTableCanHold) {
  struct Case {
    const char* what;
    void (*add)(ZoneText&);
    const char* message;
  };
  const Case cases[] = {
      {"outside", [](ZoneText& z) { z.Add("www.other.", "A", {V4("192.0.2.1")}); }, "outside"},
      {"twice",
       [](ZoneText& z) {
         z.Add("w", "A", {V4("192.0.2.1")});
         z.Add("W", "A", {V4("192.0.2.2")});
       },
       "given twice"},
      {"too long",
       [](ZoneText& z) { z.Add("w", "TXT", {std::string(40000, 'x'), std::string(40000, 'y')}); },
       "record 'w.example.test. TXT': the TXT records need 80024 octets or more; expected at most "
       "65000"},
      {"referral too long",
       [](ZoneText& z) {
         z.Add("s", "NS", {z.Name("n.s")});
         z.Add("n.s", "A", std::vector<std::string>(5000, V4("192.0.2.1")));
       },
       "expected at most 65000"},
  };
  for (const auto& c : cases) {
    ZoneText text("example.test.");
    c.add(text);
    Pools pools({});
    std::vector<std::string> warnings;
    const auto zone = CompileZone(text.zone, {}, pools, warnings);
    ASSERT_FALSE(zone) << c.what;
    EXPECT_NE(zone.error().message.find(c.message), std::string::npos) << zone.error().message;
    EXPECT_TRUE(zone.error().message.starts_with("zone:1: ")) << zone.error().message;
  }
}

RecordSet SetOf(const ZoneText& text, const std::string& name, Policy policy, const char* id) {
  RecordSet set;
  set.name = text.Name(name);
  set.type = TypeOf("TXT");
  set.policy = policy;
  set.set_identifier = id;
  set.ttl = 60;
  set.source = {.file = "sets", .line = 3};
  return set;
}

TEST(ZoneCompile, NamesTheRecordOfAGroupThatDoesNotFit) {
  ZoneText text("example.test.");
  for (const char* id : {"a\nb", "c"}) {
    text.zone.record_sets.push_back(SetOf(text, "w", Policy::kMultivalue, id));
    text.zone.record_sets.back().rdata = {std::string(40000, 'x')};
  }
  Pools pools({});
  std::vector<std::string> warnings;
  const auto zone = CompileZone(text.zone, {}, pools, warnings);
  ASSERT_FALSE(zone);
  EXPECT_EQ(zone.error().message,
            "sets:3: record 'w.example.test. TXT' (SetIdentifier 'a\\x0ab'): the values of the "
            "group need 80024 octets; expected at most 65000: take fewer or shorter values");
}

TEST(ZoneCompile, NamesTheDelegationThatHidesAnAliasTarget) {
  ZoneText text("example.test.");
  text.Add("s", "NS", {Wire("ns.invalid.")}).Add("a.s", "TXT", {"x"}).Add("s", "TXT", {"x"});
  for (const char* target : {"a.s", "s", "gone"}) {
    text.zone.record_sets.push_back(SetOf(text, "w", Policy::kWeighted, target));
    text.zone.record_sets.back().alias = {.hosted_zone_id = text.zone.id,
                                          .name = text.Name(target)};
  }
  const auto made = Make(text);
  ASSERT_EQ(made.warnings.size(), 3U);
  EXPECT_EQ(made.warnings[0],
            "sets:3: record 'w.example.test. TXT' (SetIdentifier 'a.s'): alias target "
            "a.s.example.test. TXT is hidden by the delegation at s.example.test.; it answers with "
            "no data");
  EXPECT_NE(made.warnings[1].find("s.example.test. TXT is hidden by the delegation at s.example."),
            std::string::npos);
  EXPECT_NE(made.warnings[2].find("gone.example.test. TXT does not exist in the zone; it answers"),
            std::string::npos);
}

TEST(ZoneCompile, NamesTheDelegationWithTooManyServersWhoseAddressesAreRouted) {
  for (const int servers : {8, 9}) {
    ZoneText text("example.test.");
    text.Add("ns1", "A", {V4("192.0.2.1")});
    std::vector<std::string> names;
    for (int i = 0; i < servers; ++i) {
      const std::string server = "n" + std::to_string(i) + ".s";
      names.push_back(text.Name(server));
      auto alias = SetOf(text, server, Policy::kSimple, "");
      alias.type = TypeOf("A");
      alias.alias = {.hosted_zone_id = text.zone.id, .name = text.Name("ns1")};
      text.zone.record_sets.push_back(std::move(alias));
    }
    text.Add("s", "NS", names);
    Pools pools({});
    std::vector<std::string> warnings;
    const auto zone = CompileZone(text.zone, {}, pools, warnings);
    ASSERT_EQ(zone.has_value(), servers == 8);
    if (!zone) {
      EXPECT_EQ(zone.error().message,
                "zone:1: record 's.example.test. NS': more than 8 addresses of its name servers "
                "are routed or aliases; expected simple ones");
    }
  }
}

TEST(ZoneCompile, DropsOptionalGlueThatDoesNotFit) {
  ZoneText text("example.test.");
  text.Add("s", "NS", {text.Name("n")});
  text.Add("n", "A", std::vector<std::string>(5000, V4("192.0.2.1")));
  Pools pools({});
  std::vector<std::string> warnings;
  text.zone.rrsets.back().rdata.resize(4060);  // 16 octets each: the rrset itself just fits
  const auto zone = CompileZone(text.zone, {}, pools, warnings);
  ASSERT_TRUE(zone) << zone.error().message;
  const auto& image = *std::get<ImageSpecPtr>(FindName(*zone, text.Name("s"))->rrsets[0].answer);
  EXPECT_LE(image.wire.size(), kMaxImageOctets);
  EXPECT_EQ(image.required, 1);
  EXPECT_EQ(Place(image, text.Name("s")).size(), image.record_ends.size());
}

TEST(ZoneCompile, LeavesOutNsAtAWildcardAndSaysSo) {
  ZoneText text("example.test.");
  text.Add("*.w", "NS", {Wire("ns.invalid.")}).Add("*.w", "A", {V4("192.0.2.1")});
  const auto made = Make(text);
  ASSERT_EQ(made.warnings.size(), 1U);
  EXPECT_NE(made.warnings[0].find("*.w.example.test."), std::string::npos);
  EXPECT_EQ(FindName(made.zone, text.Name("*.w"))->rrsets.size(), 1U);
  EXPECT_EQ(Flags(made, text, "*.w"), 0);
}

TEST(Render, CompressesOnlyTheNamesOfTheOldTypes) {
  ZoneText text("example.test.");
  text.Add(
      "mx", "MX", {Mx(10, "mail.example.test."), Mx(20, "mail.other."), Mx(30, "EXAMPLE.test.")});
  text.Add("srv", "SRV", {Srv(25, "mail.example.test.")});
  text.Add("ptr", "PTR", {text.Name("www")}).Add("cn", "CNAME", {text.Name("www")});
  text.Add("https", "HTTPS", {Svc(1, "www.example.test.")});
  const auto made = Make(text);
  const std::pair<const char*, std::size_t> relocations[] = {
      {"MX", 2}, {"SRV", 0}, {"PTR", 1}, {"CNAME", 0}, {"HTTPS", 0}};
  const char* owners[] = {"mx", "srv", "ptr", "cn", "https"};
  for (std::size_t i = 0; i < std::size(owners); ++i) {
    const auto [type, count] = relocations[i];
    const auto& image = ImageAt(made, text, owners[i], type);
    EXPECT_EQ(image.relocations.size(), count) << type;
    EXPECT_TRUE(image.wire.starts_with("\xC0\x0C")) << type;
    const auto records = Place(image, text.Name(owners[i]));
    const auto& rrset = text.zone.rrsets[2 + i];
    ASSERT_EQ(records.size(), rrset.rdata.size()) << type;
    for (std::size_t r = 0; r < records.size(); ++r) {
      EXPECT_EQ(wire::Fold(records[r].rdata), wire::Fold(rrset.rdata[r])) << type;
    }
    EXPECT_EQ(ImageRdata(image, text.zone.origin).size(), rrset.rdata.size());
  }
}

TEST(Render, RefersToAddressesOfTargetsInTheZone) {
  ZoneText text("example.test.");
  text.Add("ns1", "A", {V4("192.0.2.1")}).Add("ns1", "AAAA", {V6("2001:db8::1")});
  text.Add("mail", "A", {V4("192.0.2.2")}).Add("cut", "NS", {Wire("ns.invalid.")});
  text.Add("in.cut", "A", {V4("192.0.2.3")});
  text.Add("mx",
           "MX",
           {Mx(1, "mail.example.test."),
            Mx(2, "mail.other."),
            Mx(3, "MAIL.example.test."),
            Mx(4, "ns1.example.test."),
            Mx(5, "in.cut.example.test."),
            Mx(0, ".")});
  text.Add("https", "HTTPS", {Svc(1, "."), Svc(0, ".")}).Add("https", "A", {V4("192.0.2.4")});
  const auto made = Make(text);
  EXPECT_EQ(ImageAt(made, text, "@", "NS").additional.size(), 2U);

  const auto& mx = ImageAt(made, text, "mx", "MX");
  ASSERT_EQ(mx.additional.size(), 3U);
  const std::uint16_t types[] = {1, 1, 28};
  const char* names[] = {"mail.example.test.", "ns1.example.test.", "ns1.example.test."};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(mx.additional[i].type, types[i]);
    std::string message = std::string(12, '\0') + text.Name("mx") + std::string(4, '\0');
    const std::size_t start = message.size();
    message += mx.wire;
    for (const auto& r : mx.relocations) {
      const std::size_t to = 12 + text.Name("mx").size() - (r.code & 0x3FFFU);
      StoreBe16(message.data() + start + r.at, static_cast<std::uint16_t>(0xC000U | to));
    }
    std::size_t end = 0;
    EXPECT_EQ(wire::ToText(ReadName(message, start + mx.additional[i].name_at, &end)), names[i]);
  }
  EXPECT_EQ(std::get<ImageSpecPtr>(mx.additional[0].answer)->wire,
            RenderAddress(RrsetAt(made, text, "mail").address).wire);

  const auto& https = ImageAt(made, text, "https", "HTTPS");
  ASSERT_EQ(https.additional.size(), 1U);
  EXPECT_EQ(https.additional[0].name_at, 0);
}

TEST(Render, NamesNoMoreThanEightAddresses) {
  ZoneText text("example.test.");
  std::vector<std::string> targets;
  for (int i = 0; i < 6; ++i) {
    const std::string name = "m" + std::to_string(i);
    text.Add(name, "A", {V4("192.0.2.1")}).Add(name, "AAAA", {V6("2001:db8::1")});
    targets.push_back(Mx(1, name + ".example.test."));
  }
  text.Add("mx", "MX", targets);
  EXPECT_EQ(ImageAt(Make(text), text, "mx", "MX").additional.size(), table::kMaxAdditional);
}

TEST(Compile, GivesTheDeepestZoneItsNames) {
  Model model;
  ZoneText parent("example.test.");
  parent.Add("www.child", "A", {V4("192.0.2.1")});
  ZoneText child("child.example.test.");
  child.Add("www", "A", {V4("192.0.2.2")});
  model.zones = {child.zone, parent.zone};
  const auto compiled = Compile(model, {}, 0);
  ASSERT_TRUE(compiled) << compiled.error().message;
  const auto name = Wire("www.child.example.test.");
  EXPECT_NE(FindName(compiled->zones[0], name), nullptr);
  EXPECT_EQ(FindName(compiled->zones[1], name), nullptr);
}

}  // namespace
}  // namespace holdfast::control
