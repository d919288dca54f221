// What `plan` finds: changes of answers, told from changes of text; and, over random zones, the
// same names and types as asking explain before and after would find.
#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <random>
#include <set>
#include <stop_token>

#include "control/compile/explain.h"
#include "control/compile/plan.h"
#include "tests/control/compile_kit.h"
#include "tests/dataplane/located_zone.h"

namespace holdfast::control {
namespace {

using namespace kit;  // NOLINT(google-build-using-namespace)

RecordSet Weighted(const ZoneText& zone,
                   const std::string& name,
                   const std::string& id,
                   std::uint8_t weight,
                   const std::string& address,
                   const std::string& check = "") {
  RecordSet set{.name = zone.Name(name), .type = 1, .set_identifier = id};
  set.policy = Policy::kWeighted;
  set.weight = weight;
  set.ttl = 30;
  set.rdata = {V4(address)};
  set.health_check_id = check;
  return set;
}

RecordSet Alias(const ZoneText& zone, const std::string& name, const std::string& target) {
  RecordSet set{.name = zone.Name(name), .type = 1};
  set.alias = AliasTarget{
      .hosted_zone_id = zone.zone.id, .name = zone.Name(target), .evaluate_target_health = true};
  return set;
}

Model Of(const ZoneText& zone) {
  return {.zones = {zone.zone}, .checks = {{.id = "down"}}};
}

const std::vector<CompiledHealth> kDown = {{.id = "down", .healthy = false}};

Plan PlanOrDie(const Model& served, const Zone& after, std::size_t most = 100) {
  const Model wanted{.zones = {after}, .checks = served.checks, .location = served.location};
  auto plan = PlanZone(served, wanted, after.origin, kDown, most);
  EXPECT_TRUE(plan) << (plan ? "" : plan.error().message);
  return plan ? *std::move(plan) : Plan{};
}

// "www.p.test. A: answer 1 192.0.2.1 -> nodata".
std::string Text(const PlannedAnswer& answer) {
  std::string text = ExplainedStatusText(answer.status);
  for (const auto& one : answer.answers) {
    text += " " + one.share.Text() + " ttl " + std::to_string(one.ttl);
    for (const auto& value : one.values) {
      text += " " + value;
    }
  }
  return text;
}
std::vector<std::string> Texts(const Plan& plan) {
  std::vector<std::string> out;
  for (const auto& change : plan.changes) {
    for (const auto& clients : change.clients) {
      out.push_back(change.name + " " + change.type + ": " + Text(clients.before) + " -> " +
                    Text(clients.after));
    }
  }
  return out;
}

using Lines = std::vector<std::string>;

TEST(Plan, FindsNothingWhereOnlyTextChanges) {
  ZoneText before("p.test.");
  before.zone.record_sets = {Weighted(before, "www", "a", 1, "192.0.2.1"),
                             Weighted(before, "www", "b", 3, "192.0.2.2"),
                             Weighted(before, "www", "dead", 1, "192.0.2.3", "down")};
  ZoneText after("p.test.");
  after.zone.record_sets = {Weighted(after, "www", "gone", 9, "192.0.2.9", "down"),
                            Weighted(after, "www", "second", 6, "192.0.2.2"),
                            Weighted(after, "www", "first", 2, "192.0.2.1")};
  const Plan plan = PlanOrDie(Of(before), after.zone);
  EXPECT_EQ(plan.changed, 0U) << ::testing::PrintToString(Texts(plan));
  EXPECT_EQ(plan.come + plan.go, 0U);
  EXPECT_EQ(plan.compared, 2U);
}

TEST(Plan, TellsSharesAndTtls) {
  ZoneText before("p.test.");
  before.Add("ttl", "A", {V4("192.0.2.7")}, 60).Add("same", "A", {V4("192.0.2.8")});
  before.zone.record_sets = {Weighted(before, "www", "a", 1, "192.0.2.1"),
                             Weighted(before, "www", "b", 1, "192.0.2.2")};
  ZoneText after("p.test.");
  after.Add("ttl", "A", {V4("192.0.2.7")}, 90).Add("same", "A", {V4("192.0.2.8")});
  after.zone.record_sets = {Weighted(after, "www", "a", 1, "192.0.2.1"),
                            Weighted(after, "www", "b", 3, "192.0.2.2")};
  EXPECT_EQ(Texts(PlanOrDie(Of(before), after.zone)),
            (Lines{"ttl.p.test. A: answer 1 ttl 60 192.0.2.7 -> answer 1 ttl 90 192.0.2.7",
                   "www.p.test. A: answer 1/2 ttl 30 192.0.2.1 1/2 ttl 30 192.0.2.2 -> "
                   "answer 1/4 ttl 30 192.0.2.1 3/4 ttl 30 192.0.2.2"}));
}

TEST(Plan, TellsNamesThatComeAndGoWildcardsAndEmptyNames) {
  ZoneText before("p.test.");
  before.Add("a.deep", "A", {V4("192.0.2.1")}).Add("x.star", "A", {V4("192.0.2.2")});
  before.Add("*.star", "A", {V4("192.0.2.9")});
  ZoneText after("p.test.");
  after.Add("*.star", "A", {V4("192.0.2.9")}).Add("new", "A", {V4("192.0.2.3")});
  const Plan plan = PlanOrDie(Of(before), after.zone);
  EXPECT_EQ(
      Texts(plan),
      (Lines{"a.deep.p.test. A: answer 1 ttl 3600 192.0.2.1 -> nxdomain",
             "deep.p.test. : nodata -> nxdomain",
             "new.p.test. A: nxdomain -> answer 1 ttl 3600 192.0.2.3",
             "x.star.p.test. A: answer 1 ttl 3600 192.0.2.2 -> answer 1 ttl 3600 192.0.2.9"}));
  EXPECT_EQ(plan.go, 3U);
  EXPECT_EQ(plan.come, 1U);
}

TEST(Plan, TellsDelegationsAndCnames) {
  ZoneText before("p.test.");
  before.Add("www.cut", "A", {V4("192.0.2.1")}).Add("c", "A", {V4("192.0.2.2")});
  ZoneText after("p.test.");
  after.Add("cut", "NS", {Wire("ns.elsewhere.test.")}).Add("c", "CNAME", {Wire("o.test.")});
  after.Add("www.cut", "A", {V4("192.0.2.1")});
  EXPECT_EQ(Texts(PlanOrDie(Of(before), after.zone)),
            (Lines{"c.p.test. A: answer 1 ttl 3600 192.0.2.2 -> answer 1 ttl 3600 o.test.",
                   "c.p.test. CNAME: nodata -> answer 1 ttl 3600 o.test.",
                   "cut.p.test. NS: nodata -> referral 1 ttl 3600 ns.elsewhere.test.",
                   "www.cut.p.test. A: answer 1 ttl 3600 192.0.2.1 -> referral 1 ttl 3600 "
                   "ns.elsewhere.test."}));
}

TEST(Plan, TellsWhichAddressesOfTheServersOfADelegationChange) {
  const auto zone = [](const char* fixed, std::initializer_list<const char*> drawn) {
    ZoneText text("p.test.");
    text.Add("cut", "NS", {text.Name("a.cut")}).Add("a.cut", "A", {V4(fixed)});
    text.Add("low", "NS", {text.Name("b.low")});
    for (const char* address : drawn) {
      text.zone.record_sets.push_back({.name = text.Name("b.low"),
                                       .type = TypeOf("A"),
                                       .set_identifier = address,
                                       .policy = Policy::kWeighted,
                                       .weight = 1,
                                       .ttl = 60,
                                       .rdata = {V4(address)}});
    }
    return text;
  };
  const ZoneText before = zone("192.0.2.1", {"192.0.2.7", "192.0.2.8"});
  EXPECT_EQ(PlanOrDie(Of(before), before.zone).changed, 0U);
  const ZoneText after = zone("192.0.2.2", {"192.0.2.7", "192.0.2.9"});
  const Plan plan = PlanOrDie(Of(before), after.zone);
  ASSERT_EQ(plan.changed, 2U) << ::testing::PrintToString(Texts(plan));
  const auto glue = [&plan](std::size_t i) {
    return std::pair(plan.changes[i].clients[0].before.glue, plan.changes[i].clients[0].after.glue);
  };
  EXPECT_EQ(glue(0),
            std::pair(Lines{"a.cut.p.test. A 192.0.2.1 ttl 3600"},
                      Lines{"a.cut.p.test. A 192.0.2.2 ttl 3600"}));
  const std::string same = "b.low.p.test. A weighted '192.0.2.7' weight 1 192.0.2.7 ttl 60";
  EXPECT_EQ(
      glue(1),
      std::pair(Lines{same, "b.low.p.test. A weighted '192.0.2.8' weight 1 192.0.2.8 ttl 60"},
                Lines{same, "b.low.p.test. A weighted '192.0.2.9' weight 1 192.0.2.9 ttl 60"}));
}

TEST(Plan, TellsWhatANewZoneTakesFromTheOneAbove) {
  ZoneText before("p.test.");
  before.Add("www.sub", "A", {V4("192.0.2.1")}).Add("other", "A", {V4("192.0.2.2")});
  ZoneText after("sub.p.test.");
  after.Add("www", "A", {V4("192.0.2.5")});
  const Plan plan = PlanOrDie(Of(before), after.zone);
  EXPECT_EQ(plan.changed, 3U) << ::testing::PrintToString(Texts(plan));  // and SOA, NS of the apex
  EXPECT_EQ(Texts(plan).back(),
            "www.sub.p.test. A: answer 1 ttl 3600 192.0.2.1 -> answer 1 ttl 3600 192.0.2.5");
  EXPECT_EQ(PlanOrDie({}, after.zone).changed, 3U);  // not served before
}

TEST(Plan, CountsTheClassesOfClientsThatSeeAChange) {
  const Model served = test::LocatedModel();
  Zone after = served.zones[0];
  for (RecordSet& set : after.record_sets) {
    if (set.set_identifier == "FR") {
      set.rdata = {V4("192.0.2.77")};
    }
  }
  const Plan plan = PlanOrDie(served, after);
  ASSERT_EQ(plan.changed, 1U) << ::testing::PrintToString(Texts(plan));
  const PlannedChange& geo = plan.changes[0];
  EXPECT_EQ(geo.name, "geo.example.test.");
  EXPECT_EQ(geo.classes, 3U);  // nobody knows, DE, FR
  EXPECT_EQ(geo.changed_classes, 1U);
  ASSERT_EQ(geo.clients.size(), 1U);
  EXPECT_EQ(geo.clients[0].known[0].place, "EU FR");
  EXPECT_EQ(geo.clients[0].before.answers[0].values, Lines{"192.0.2.2"});
  EXPECT_EQ(geo.clients[0].after.answers[0].values, Lines{"192.0.2.77"});
}

TEST(Plan, TellsAPolicyThatBeginsToAskTheClient) {
  Model served = test::LocatedModel();
  const Zone after = served.zones[0];
  std::erase_if(served.zones[0].record_sets,
                [](const RecordSet& set) { return set.set_identifier == "FR"; });
  const Plan plan = PlanOrDie(served, after);
  ASSERT_EQ(plan.changed, 1U);
  EXPECT_EQ(plan.changes[0].changed_classes, 1U);
}

TEST(Plan, TakesARuleThatHasNothingToAnswerForNoData) {
  const ZoneText before("p.test.");
  ZoneText after("p.test.");
  for (const char* id : {"1", "2"}) {
    RecordSet set = Weighted(after, "www", id, 1, "192.0.2.1");
    set.rdata.clear();
    set.alias = AliasTarget{.hosted_zone_id = after.zone.id, .name = after.Name("gone")};
    after.zone.record_sets.push_back(set);
  }
  ZoneText twin = before;
  twin.Add("www", "TXT", {std::string("\1t")});
  after.Add("www", "TXT", {std::string("\1t")});
  EXPECT_EQ(Texts(PlanOrDie(Of(twin), after.zone)), Lines{});
}

TEST(Plan, DescribesAsManyAsWereAskedForAndCountsAll) {
  ZoneText before("p.test.");
  ZoneText after("p.test.");
  for (int i = 0; i < 2000; ++i) {
    before.Add("n" + std::to_string(i), "A", {V4("192.0.2.1")}, 60);
    after.Add("n" + std::to_string(i), "A", {V4("192.0.2.1")}, i % 2 == 0 ? 60 : 61);
  }
  const Plan plan = PlanOrDie(Of(before), after.zone, 7);
  EXPECT_EQ(plan.changed, 1000U);
  EXPECT_EQ(plan.changes.size(), 7U);
}

TEST(Plan, DescribesNoMoreThanAReplyHolds) {
  const auto zone = [](const std::string& address) {
    ZoneText text("p.test.");
    for (int i = 0; i < 100; ++i) {
      text.zone.record_sets.push_back(Weighted(
          text, "w", std::to_string(i), 1, i == 0 ? address : "192.0.2." + std::to_string(i)));
    }
    for (int i = 0; i < 2000; ++i) {
      text.zone.record_sets.push_back(Alias(text, "n" + std::to_string(i), "w"));
    }
    return text;
  };
  const ZoneText before = zone("198.51.100.1");
  const Plan plan = PlanOrDie(Of(before), zone("198.51.100.2").zone, 100'000);
  EXPECT_EQ(plan.changed, 2001U);
  EXPECT_EQ(plan.changes.size(), kMostAnswers / 200);
}

// Few names, types and values, so that zones have much in common.
ZoneText RandomZone(std::mt19937& random) {
  ZoneText zone("p.test.");
  const auto address = [&] { return "192.0.2." + std::to_string(1 + random() % 3); };
  for (const char* name : {"a", "b", "*.b", "x.b", "y.x.b", "d", "e.d", "*"}) {
    const auto draw = random() % 7;
    if (draw == 0) {
      zone.Add(name, "A", {V4(address())}, 60);
    } else if (draw == 1) {
      zone.Add(name, "TXT", {std::string("\1t")}).Add(name, "A", {V4(address())}, 60);
    } else if (draw == 2) {
      zone.Add(name, "CNAME", {Wire("a.p.test.")});
    } else if (draw == 3 && name[0] != '*') {
      zone.Add(name, random() % 2 == 0 ? "NS" : "DNAME", {Wire("o.test.")});
    } else if (draw == 4) {
      for (const char* id : {"1", "2"}) {
        zone.zone.record_sets.push_back(Weighted(zone,
                                                 name,
                                                 id,
                                                 static_cast<std::uint8_t>(random() % 3),
                                                 address(),
                                                 random() % 3 == 0 ? "down" : ""));
      }
    } else if (draw == 5) {
      RecordSet set{.name = zone.Name(name), .type = 1};
      set.alias = AliasTarget{.hosted_zone_id = zone.zone.id,
                              .name = zone.Name(random() % 2 == 0 ? "a" : "d"),
                              .evaluate_target_health = true};
      zone.zone.record_sets.push_back(set);
    }
  }
  return zone;
}

// What explain says, and by which records.
struct Said {
  std::string text;
  std::string type;
  std::string owner;
};
Said Explained(const Model& model,
               const std::string& name,
               std::uint16_t type,
               const table::ClientPrefix& client = {}) {
  const auto found = Explain(model, kDown, name, type, client);
  if (!found) {
    return {.text = found.error().message};
  }
  const PlannedAnswer answer{.status = found->status, .type = {}, .answers = found->answers};
  const std::string text = Text(answer);
  return {.text = text == "answer 1 ttl 0" ? "nodata" : text,
          .type = found->type,
          .owner = found->owner};
}

TEST(Plan, FindsWhatExplainWouldTellOfEveryName) {
  std::mt19937 random(5);
  std::size_t changes = 0;
  for (int round = 0; round < 400; ++round) {
    const ZoneText before = RandomZone(random);
    const ZoneText after = RandomZone(random);
    const Plan plan = PlanOrDie(Of(before), after.zone);
    std::set<std::string> told;
    for (const auto& change : plan.changes) {
      told.insert(change.name + " " + change.type);
    }
    changes += told.size();
    for (const char* name : {"a", "b", "*.b", "x.b", "y.x.b", "d", "e.d", "*", "@"}) {
      for (const std::string type : {"A", "TXT", "CNAME"}) {
        const std::string wire = before.Name(name);
        const auto [was, was_by, was_of] = Explained(Of(before), wire, TypeOf(type));
        const auto [is, is_by, is_of] = Explained(Of(after), wire, TypeOf(type));
        // A CNAME that answers for every other type is told of as such.
        const bool by_cname = was_by == "CNAME" || is_by == "CNAME";
        const bool answers = was.starts_with("answer") || is.starts_with("answer");
        const std::string text = wire::ToText(wire) + " ";
        // Names of neither state change with the wildcard or the cut above them.
        if (was_of + " " != text && is_of + " " != text) {
          continue;
        }
        if (was != is && answers) {
          EXPECT_TRUE(told.contains(text + type) || (by_cname && told.contains(text + "CNAME")))
              << round << " " << text << type << ": " << was << " -> " << is;
        } else if (answers && was_by == is_by) {
          EXPECT_FALSE(told.contains(text + type)) << round << " " << text << type << ": " << was;
        }
      }
    }
  }
  EXPECT_GT(changes, 1000U);
}

// ExampleLocations() knows three countries and two blocks; of each class of clients there is one.
std::vector<table::ClientPrefix> OneOfEachClass() {
  std::vector<table::ClientPrefix> clients(1);
  for (const std::uint32_t address :
       {0x0a000001U, 0x0a010001U, 0x0a010201U, 0x0a010301U, 0x0b000001U}) {
    for (const unsigned length : {24U, 16U, 8U}) {
      clients.push_back(
          {.address = address, .length = static_cast<std::uint8_t>(length), .v6 = false});
    }
  }
  return clients;
}

// Many names under few rules: groups by country, by block and by weight in each other, and records
// of the names' own.
ZoneText MixedZone(std::mt19937& random) {
  ZoneText zone("p.test.");
  const auto address = [&] { return "192.0.2." + std::to_string(1 + random() % 2); };
  const auto add = [&](RecordSet set, const std::string& name) {
    set.name = zone.Name(name);
    zone.zone.record_sets.push_back(std::move(set));
  };
  for (const char* id : {"1", "2"}) {
    add(Weighted(zone,
                 "w",
                 id,
                 static_cast<std::uint8_t>(1 + random() % 2),
                 address(),
                 random() % 3 == 0 ? "down" : ""),
        "w");
    RecordSet nested = Weighted(zone, "nest", id, 1, "192.0.2.9");
    nested.rdata.clear();
    nested.alias = Alias(zone, "nest", id[0] == '1' ? "geo" : "w").alias;
    add(nested, "nest");
  }
  for (const char* country : {"DE", "FR", "*"}) {
    RecordSet set = test::GeoMember(country, V4(address()));
    if (random() % 2 == 0) {
      set.rdata.clear();
      set.alias = Alias(zone, "geo", "w").alias;
    }
    if (random() % 4 != 0) {
      add(std::move(set), "geo");
    }
  }
  for (const char* block : {"office", "lab", "*"}) {
    RecordSet set = test::CidrMember(block, V4(address()));
    if (block[0] == 'o') {
      set.rdata.clear();
      set.alias = Alias(zone, "cidr", "geo").alias;
    }
    add(std::move(set), "cidr");
  }
  for (int i = 0; i < 12; ++i) {
    const std::string name = "n" + std::to_string(i);
    const auto draw = random() % 6;
    if (draw == 0) {
      zone.Add(name, "A", {V4(address())}, 30);
    } else if (draw < 5) {
      add(Alias(zone, name, std::array{"w", "geo", "cidr", "nest"}[draw - 1]), name);
    }
  }
  return zone;
}

Model Located(const ZoneText& zone) {
  return {.zones = {zone.zone},
          .checks = {{.id = "down"}},
          .location = test::ExampleLocations(),
          .failed_instances = {}};
}

// What is worked out once for many names must be what each of them would be told for itself.
TEST(Plan, TellsOfNamesThatShareRulesWhatExplainTellsOfEach) {
  std::mt19937 random(11);
  const auto clients = OneOfEachClass();
  std::size_t changes = 0;
  std::size_t parts = 0;  // changes that only some clients see
  for (int round = 0; round < 60; ++round) {
    const ZoneText zone = MixedZone(random);
    const ZoneText planned = MixedZone(random);
    const Model before = Located(zone);
    const Model after = Located(planned);
    const Plan plan = PlanOrDie(before, planned.zone);
    for (const std::string name : {"w",
                                   "geo",
                                   "cidr",
                                   "nest",
                                   "n0",
                                   "n1",
                                   "n2",
                                   "n3",
                                   "n4",
                                   "n5",
                                   "n6",
                                   "n7",
                                   "n8",
                                   "n9",
                                   "n10",
                                   "n11"}) {
      std::set<std::pair<std::string, std::string>> differences;
      for (const auto& client : clients) {
        const auto was = Explained(before, zone.Name(name), 1, client);
        const auto is = Explained(after, zone.Name(name), 1, client);
        if (was.text != is.text) {
          differences.emplace(was.text, is.text);
        }
      }
      const auto told = std::ranges::find(plan.changes, name + ".p.test.", &PlannedChange::name);
      ASSERT_EQ(told != plan.changes.end(), !differences.empty()) << round << " " << name;
      if (differences.empty()) {
        continue;
      }
      ++changes;
      parts += told->changed_classes < told->classes ? 1 : 0;
      EXPECT_FALSE(told->clients.empty());
      EXPECT_LE(told->clients.size(), told->classes == 0 ? 1U : kMostClients);
      for (const auto& some : told->clients) {
        const auto text = [](const PlannedAnswer& answer) {
          const std::string said = Text(answer);
          return said == "answer 1 ttl 0" ? "nodata" : said;
        };
        EXPECT_TRUE(differences.contains({text(some.before), text(some.after)}))
            << round << " " << name << ": " << text(some.before) << " -> " << text(some.after);
      }
    }
  }
  EXPECT_GT(changes, 300U);
  EXPECT_GT(parts, 50U);
}

// What a zone below answers is its own affair, but for the DS at its apex.
TEST(Plan, LeavesTheApexOfAServedZoneBelowToThatZone) {
  const ZoneText child("child.p.test.");
  ZoneText before("p.test.");
  ZoneText after = before;
  after.Add("child", "NS", {Wire("ns.child.p.test.")});
  after.Add("ns.child", "A", {V4("192.0.2.66")}).Add("www.child", "A", {V4("192.0.2.67")});
  Model served = Of(before);
  served.zones.push_back(child.zone);
  EXPECT_EQ(Texts(PlanOrDie(served, after.zone)), Lines{});
  ZoneText secured = after;
  secured.Add("child", "DS", {Be16Octets(1) + std::string("\x08\x02\x0a\x0b", 4)});
  const Lines signs{"child.p.test. DS: nodata -> answer 1 ttl 3600 1 8 2 0a0b"};
  EXPECT_EQ(Texts(PlanOrDie(served, secured.zone)), signs);
  served.zones[0] = after.zone;
  EXPECT_EQ(Texts(PlanOrDie(served, before.zone)), Lines{});
  EXPECT_EQ(Texts(PlanOrDie(served, secured.zone)), signs);
}

TEST(Plan, KnowsTheChecksThatTheLoadWouldBring) {
  ZoneText before("p.test.");
  before.zone.record_sets = {Weighted(before, "www", "a", 1, "192.0.2.1", "down"),
                             Weighted(before, "www", "b", 1, "192.0.2.2")};
  ZoneText after("p.test.");
  after.zone.record_sets = {Weighted(after, "www", "a", 1, "192.0.2.1", "off"),
                            Weighted(after, "www", "b", 1, "192.0.2.2", "on")};
  Model wanted = Of(after);
  wanted.checks = {{.id = "on"}, {.id = "off"}};
  wanted.checks[1].inverted = true;  // unhealthy until a probe says otherwise
  const auto plan = PlanZone(Of(before), wanted, Wire("p.test."), kDown, 10);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(Texts(*plan), Lines{});
  wanted.checks[1].inverted = false;
  const auto other = PlanZone(Of(before), wanted, Wire("p.test."), kDown, 10);
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_EQ(other->changed, 1U);
}

TEST(Plan, OfAZoneThatIsNotServedAfterwardsEitherHasNoChange) {
  const auto plan =
      PlanZone(Of(ZoneText("q.test.")), Of(ZoneText("q.test.")), Wire("p.test."), {}, 9);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->changed, 0U);
}

TEST(Plan, IsGivenUpWhenItIsToldTo) {
  ZoneText before("p.test.");
  before.Add("www", "A", {V4("192.0.2.1")});
  std::stop_source source;
  source.request_stop();
  const Model served = Of(before);
  const auto plan = PlanZone(served, Of(before), Wire("p.test."), kDown, 10, source.get_token());
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace holdfast::control
