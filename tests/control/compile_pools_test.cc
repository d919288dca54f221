// Rules and decisions: what is shared, what a check touches, how shares become thresholds, when a
// subtree stays a pool of its own; and the words of explain.
#include <gtest/gtest.h>

#include "tests/control/compile_trees.h"

namespace holdfast::control {
namespace {

using namespace kit;  // NOLINT(google-build-using-namespace)

Compiled CompileOf(Trees& trees) {
  auto compiled = Compile(trees.Finish(), trees.health, 0);
  EXPECT_TRUE(compiled) << compiled.error().message;
  return *std::move(compiled);
}

const CompiledRrset& RrsetAt(const Compiled& compiled,
                             const Trees& trees,
                             const std::string& name) {
  return *FindRrset(*FindName(compiled.zones[0], trees.text.Name(name)), "A");
}

RuleDigest RuleAt(const Compiled& compiled, const Trees& trees, const std::string& name) {
  return std::get<RuleDigest>(RrsetAt(compiled, trees, name).answer);
}

// A group under checks that exist already.
void AddWeighted(Trees& trees,
                 const std::string& name,
                 const std::vector<std::string>& check_ids,
                 unsigned weight = 1) {
  unsigned value = 1;
  for (const auto& id : check_ids) {
    trees.AddMember(name, "A", "W" + std::to_string(weight) + " ." + std::to_string(value++));
    trees.text.zone.record_sets.back().health_check_id = id;
  }
}

TEST(Pools, AreSharedByRuleWhateverTheNamesAndTheirOrder) {
  Trees trees;
  const auto a = trees.AddCheck(true);
  const auto b = trees.AddCheck(true);
  AddWeighted(trees, "one", {a, b});
  AddWeighted(trees, "two", {a, b});
  auto& sets = trees.text.zone.record_sets;
  std::swap(sets[2], sets[3]);
  AddWeighted(trees, "other-check", {a, a});
  AddWeighted(trees, "other-weight", {a, b}, 2);
  trees.Group("alias", "A", "=>one/Y [-]");
  const auto compiled = CompileOf(trees);
  EXPECT_EQ(compiled.pools.size(), 3U);
  EXPECT_EQ(RuleAt(compiled, trees, "one"), RuleAt(compiled, trees, "two"));
  EXPECT_EQ(RuleAt(compiled, trees, "one"), RuleAt(compiled, trees, "alias"));
  EXPECT_NE(RuleAt(compiled, trees, "one"), RuleAt(compiled, trees, "other-check"));
  EXPECT_NE(RuleAt(compiled, trees, "one"), RuleAt(compiled, trees, "other-weight"));
}

TEST(Pools, KeepTheirDigestWhateverElseIsInTheModel) {
  Trees small;
  small.Group("www", "A", "PRI .1 [H], SEC .2 [-]");
  Trees large;
  large.Group("www", "A", "PRI .1 [H], SEC .2 [-]");
  large.Group("more", "A", "W1 .1 [H], W1 =>www/Y [-]");
  const auto one = CompileOf(small);
  const auto two = CompileOf(large);
  EXPECT_EQ(RuleAt(one, small, "www"), RuleAt(two, large, "www"));
}

TEST(Pools, AreNotMadeForSimpleGroupsAndAliases) {
  Trees trees;
  trees.text.Add("file", "A", {V4("192.0.2.9")});
  trees.Group("plain", "A", ".1 [U]");
  trees.Group("alias", "A", "=>plain/Y [-]");
  trees.Group("to-file", "A", "=>file/N [-]");
  trees.Group("nowhere", "A", "=>gone/N [-]");
  const auto compiled = CompileOf(trees);
  EXPECT_TRUE(compiled.pools.empty());
  for (const auto& [name, last] : {std::pair("alias", 1), {"file", 9}, {"to-file", 9}}) {
    const CompiledRrset& rrset = RrsetAt(compiled, trees, name);
    EXPECT_EQ(rrset.kind, table::RrsetKind::kAddress) << name;
    EXPECT_EQ(rrset.address.address[3], last) << name;
  }
  EXPECT_TRUE(FindName(compiled.zones[0], trees.text.Name("nowhere"))->rrsets.empty());
  ASSERT_EQ(compiled.warnings.size(), 1U);
  EXPECT_NE(compiled.warnings[0].find("gone.example.test. A does not exist"), std::string::npos);
}

TEST(Pools, AreTouchedThroughAliasesOfBothKindsAndNoOthersAre) {
  Trees trees;
  const auto a = trees.AddCheck(true);
  const auto b = trees.AddCheck(true);
  AddWeighted(trees, "leaf", {a, a});
  AddWeighted(trees, "apart", {b, b});
  trees.Group("simple", "A", "=>leaf/Y [-]");
  trees.Group("by-yes", "A", "PRI =>simple/Y [-], SEC .9 [-]");
  trees.Group("by-no", "A", "W1 =>leaf/N [-], W1 .9 [-]");
  auto compiled = CompileOf(trees);
  EXPECT_EQ(compiled.pools.size(), 4U);
  const CompiledHealth down{.id = a, .healthy = false, .since_ms = 5};
  const auto pools = Recompiled(*compiled.evaluation, {&down, 1});
  std::set<RuleDigest> rules;
  for (const auto& pool : pools) {
    rules.insert(pool.rule);
  }
  std::set<RuleDigest> expected;
  for (const char* name : {"leaf", "by-yes", "by-no"}) {
    expected.insert(RuleAt(compiled, trees, name));
  }
  EXPECT_EQ(rules, expected);
  EXPECT_EQ(compiled.evaluation->health()[0], down);
  EXPECT_TRUE(Recompiled(*compiled.evaluation, {&down, 1}).empty());  // nothing changed
  const CompiledHealth stranger{.id = "stranger", .healthy = false};
  EXPECT_TRUE(Recompiled(*compiled.evaluation, {&stranger, 1}).empty());
}

TEST(Pools, OfATransitionComeInOrderUntilOneIsNotTaken) {
  Trees trees;
  const auto shared = trees.AddCheck(true);
  constexpr unsigned kMany = 150;
  for (unsigned i = 1; i <= kMany; ++i) {
    AddWeighted(trees, "n" + std::to_string(i), {shared, shared}, i);
  }
  auto compiled = CompileOf(trees);
  ASSERT_EQ(compiled.pools.size(), kMany);
  const auto rule_of = [](const CompiledPool& pool) { return pool.rule; };
  std::vector<RuleDigest> rules(kMany);
  std::ranges::transform(compiled.pools, rules.begin(), rule_of);
  std::vector<RuleDigest> came;
  std::size_t room = kMany + 1;
  const auto take = [&](std::span<const CompiledPool> pools) -> Status {
    std::ranges::transform(pools, std::back_inserter(came), rule_of);
    return came.size() < room ? Status{} : Fail(ErrorCode::kExhausted, "full");
  };
  CompiledHealth status{.id = shared, .healthy = false};
  ASSERT_TRUE(compiled.evaluation->Recompile({&status, 1}, take));
  EXPECT_EQ(came, rules);
  came.clear();
  room = 1;
  status.healthy = true;
  const auto refused = compiled.evaluation->Recompile({&status, 1}, take);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "full");
  EXPECT_LT(came.size(), kMany);
  EXPECT_TRUE(compiled.evaluation->health()[0].healthy);
}

TEST(Decision, TellsWhenTheRuleOfLastResortChose) {
  Trees trees;
  trees.Group("dead", "A", "W1 .1 [U], W1 .2 [U]");
  trees.Group("alive", "A", "W1 .1 [U], W1 .2 [H]");
  trees.Group("above", "A", "W1 =>dead/N [-], W1 .9 [-]");
  const auto compiled = CompileOf(trees);
  Served served(compiled.zones[0], compiled.pools);
  // Of each answer; that of `above` which comes from `dead` alone.
  const std::pair<const char*, std::vector<int>> flags[] = {
      {"dead", {1, 1}}, {"alive", {0}}, {"above", {0, 1, 1}}};
  for (const auto& [name, expected] : flags) {
    std::vector<int> found;
    for (const auto& outcome : served.Pool(RuleAt(compiled, trees, name)).outcomes) {
      found.push_back(outcome.flags);
    }
    std::ranges::sort(found);
    EXPECT_EQ(found, expected) << name;
  }
}

TEST(Decision, GoesOnWithALargeTargetInsteadOfTakingItOver) {
  Trees trees;
  for (int i = 1; i <= 40; ++i) {
    trees.AddMember("left", "A", "W1 ." + std::to_string(i));
    trees.AddMember("right", "A", "W1 ." + std::to_string(100 + i));
  }
  trees.Group("small", "A", "W1 =>left/Y [-], W3 .250 [-]");
  trees.Group("large", "A", "W1 =>left/Y [-], W1 =>right/Y [-]");
  const auto compiled = CompileOf(trees);
  Served served(compiled.zones[0], compiled.pools);
  const auto& small = served.Pool(RuleAt(compiled, trees, "small"));
  const auto& large = served.Pool(RuleAt(compiled, trees, "large"));
  EXPECT_EQ(small.outcomes.size(), 41U);
  ASSERT_EQ(large.outcomes.size(), 2U);
  EXPECT_EQ(large.outcomes[0].kind, table::OutcomeKind::kPool);
  EXPECT_EQ(large.outcomes[0].upto, 0x7FFFFFFFU);
  const auto answers = served.Answers(trees.text.Name("large"), "A");
  EXPECT_EQ(answers.size(), 80U);
  EXPECT_NEAR(answers.begin()->second, 1.0 / 80, 1e-8);
}

TEST(Decision, KeepsSharesBelowTheDrawsResolutionInDrawsOfTheirOwn) {
  Trees trees;
  constexpr int kDepth = 12;
  for (int i = 0; i < kDepth; ++i) {
    const auto next = "=>d" + std::to_string(i + 1) + "/Y";
    trees.Group("d" + std::to_string(i), "A", "W1 " + next + " [-], W255 ." + std::to_string(i));
  }
  trees.Group("d12", "A", ".99 [-]");
  const auto compiled = CompileOf(trees);
  for (const auto& pool : compiled.pools) {
    std::int64_t before = -1;
    for (const auto& outcome : pool.outcomes) {
      EXPECT_GT(static_cast<std::int64_t>(outcome.upto), before);
      before = outcome.upto;
    }
    EXPECT_EQ(before, 0xFFFFFFFF);
  }
  Served served(compiled.zones[0], compiled.pools);
  EXPECT_EQ(served.Answers(trees.text.Name("d0"), "A").size(), kDepth + 1U);
  const auto explanation = Explain(trees.model, {}, trees.text.Name("d0"), 1);
  ASSERT_TRUE(explanation);
  Share rarest(1, 1);
  for (int i = 0; i < kDepth; ++i) {
    rarest *= Share(1, 256);
  }
  EXPECT_EQ(rarest.Text(), "1/79228162514264337593543950336");
  EXPECT_EQ(Explained(*explanation).at("{192.0.2.99}@60"), rarest.Text());
}

TEST(Decision, RoundsSharesToTheNearestThreshold) {
  EXPECT_EQ(UpTo(1, 3), 1431655764U);
  EXPECT_EQ(UpTo(2, 3), 2863311530U);
  EXPECT_EQ(UpTo(3, 3), 4294967295U);
  EXPECT_EQ(UpTo(std::uint64_t{1} << 33U, ~std::uint64_t{0}), 1U);
  EXPECT_EQ(UpTo(~std::uint64_t{0}, ~std::uint64_t{0}), 4294967295U);
}

TEST(Decision, StopsAtTheDeepestAliasAllowed) {
  Trees trees;
  constexpr int kChain = 20;
  for (int i = 0; i < kChain; ++i) {
    trees.Group("c" + std::to_string(i), "A", "W1 =>c" + std::to_string(i + 1) + "/N [-]");
  }
  trees.Group("c20", "A", ".1 [-]");
  const auto compiled = CompileOf(trees);
  Served served(compiled.zones[0], compiled.pools);
  const std::map<std::string, double> found{{"{192.0.2.1}@60", 1.0}};
  const std::map<std::string, double> nothing{{"NODATA", 1.0}};
  EXPECT_EQ(served.Answers(trees.text.Name("c4"), "A"), found);  // kMaxAliasSteps of them
  EXPECT_EQ(served.Answers(trees.text.Name("c3"), "A"), nothing);
  EXPECT_EQ(served.Answers(trees.text.Name("c0"), "A"), nothing);
}

TEST(Decision, CountsTheDepthOfAddressesBesideAnAnswerOnTheirOwn) {
  Trees trees;
  constexpr int kChain = 12;
  const auto chain = [&](const std::string& name, const std::string& type) {
    for (int i = 0; i < kChain; ++i) {
      trees.Group(name + std::to_string(i), type, "W1 =>" + name + std::to_string(i + 1) + "/N");
    }
  };
  chain("mx", "MX");  // built first, so that the addresses are asked for from the end of its path
  trees.Group("mx12", "MX", "W1 mail");
  trees.text.zone.record_sets.back().rdata = {Mx(10, "a0.example.test.")};
  chain("a", "A");
  trees.Group("a12", "A", ".1 [-]");
  const auto compiled = CompileOf(trees);
  Served served(compiled.zones[0], compiled.pools);
  const std::map<std::string, double> found{{"{192.0.2.1}@60", 1.0}};
  EXPECT_EQ(served.Answers(trees.text.Name("a0"), "A"), found);
  const auto& top = FindRrset(*FindName(compiled.zones[0], trees.text.Name("mx0")), "MX")->answer;
  const auto& image =
      std::get<ImageSpecPtr>(served.Pool(std::get<RuleDigest>(top)).outcomes.at(0).answer);
  ASSERT_NE(image, nullptr);
  ASSERT_EQ(image->additional.size(), 1U);
  EXPECT_EQ(image->additional[0].answer, AnswerRef(RuleAt(compiled, trees, "a0")));
}

TEST(Decision, DrawsFromTheDistinctRecordsOfMultivalue) {
  Trees trees;
  for (int i = 1; i <= 9; ++i) {
    trees.AddMember("same", "A", "MV ." + std::to_string(i == 9 ? 1 : i));
    trees.AddMember("many", "A", "MV ." + std::to_string(i) + "+." + std::to_string(100 + i));
  }
  trees.AddMember("ttls", "A", "MV ttl30 .1");
  trees.AddMember("ttls", "A", "MV ttl20 .2");
  const auto compiled = CompileOf(trees);
  const auto outcome = [&](const char* name) {
    Served served(compiled.zones[0], compiled.pools);
    return served.Pool(RuleAt(compiled, trees, name)).outcomes[0];
  };
  EXPECT_EQ(outcome("same").kind, table::OutcomeKind::kImage);
  EXPECT_EQ(std::get<ImageSpecPtr>(outcome("same").answer)->record_ends.size(), 8U);
  EXPECT_EQ(outcome("many").kind, table::OutcomeKind::kSubset);
  EXPECT_EQ(outcome("many").take, 8);
  EXPECT_EQ(std::get<ImageSpecPtr>(outcome("many").answer)->record_ends.size(), 18U);
  const auto ttls = Place(*std::get<ImageSpecPtr>(outcome("ttls").answer), trees.text.Name("ttls"));
  ASSERT_EQ(ttls.size(), 2U);
  EXPECT_EQ(ttls[0].ttl, 20U);
  EXPECT_EQ(ttls[1].ttl, 20U);
}

TEST(Decision, LooksOnceForTheAddressesOfANameThatSeveralMultivalueRecordsLeadTo) {
  Trees trees;
  trees.Group("mail", "A", "W1 .1, W1 .2");
  trees.Group("other", "A", ".3 [-]");
  for (const char* target : {"mail", "other", "mail"}) {
    trees.AddMember("mx", "MX", "MV x");
    auto& records = trees.text.zone.record_sets;
    records.back().rdata = {
        Mx(static_cast<unsigned>(records.size()), std::string(target) + ".example.test.")};
  }
  const auto compiled = CompileOf(trees);
  Served served(compiled.zones[0], compiled.pools);
  const auto& image = std::get<ImageSpecPtr>(
      served
          .Pool(std::get<RuleDigest>(
              FindRrset(*FindName(compiled.zones[0], trees.text.Name("mx")), "MX")->answer))
          .outcomes.at(0)
          .answer);
  EXPECT_EQ(image->record_ends.size(), 3U);
  ASSERT_EQ(image->additional.size(), 2U);
  EXPECT_NE(image->additional[0].answer, image->additional[1].answer);
}

TEST(Compile, RefusesGroupsThatNoRuleFits) {
  struct Case {
    const char* members;
    const char* message;
  };
  const Case cases[] = {{"W1 .1, PRI .2", "two routing policies"},
                        {".1, .2", "expected at most one without a routing policy"},
                        {"MV =>p/Y", "a multivalue record set is an alias"},
                        {"W1", "no values"}};
  for (const auto& c : cases) {
    Trees trees;
    trees.Group("p", "A", "W1 .1");
    trees.Group("www", "A", c.members);
    const auto compiled = Compile(trees.Finish(), {}, 0);
    ASSERT_FALSE(compiled) << c.members;
    EXPECT_NE(compiled.error().message.find(c.message), std::string::npos)
        << compiled.error().message;
    EXPECT_TRUE(compiled.error().message.starts_with("records.json:")) << compiled.error().message;
  }
}

TEST(Compile, ListsEveryCheckAndTakesUnknownOnesAsHealthy) {
  Trees trees;
  trees.Group("www", "A", "PRI .1 [U], SEC .2 [H]");
  trees.health.pop_back();
  const auto compiled = CompileOf(trees);
  ASSERT_EQ(compiled.health.size(), 2U);
  EXPECT_FALSE(compiled.health[0].healthy);
  EXPECT_EQ(compiled.health[1], (CompiledHealth{.id = "check1", .raw = 0, .healthy = true}));
}

TEST(Explain, SaysWhichRuleDroppedEachRecordSet) {
  Trees trees;
  trees.Group("www", "A", "PRI =>p/Y [-], SEC =>s/Y [U]");
  trees.Group("p", "A", "W1 .1 [U], W0 .2 [H], W1 .3 [H]");
  trees.Group("s", "A", "W1 .8 [H]");
  trees.Finish();
  const auto explanation = Explain(trees.model, trees.health, trees.text.Name("WWW"), 1);
  ASSERT_TRUE(explanation);
  EXPECT_EQ(explanation->status, ExplainedStatus::kAnswer);
  EXPECT_EQ(explanation->owner, "www.example.test.");
  EXPECT_FALSE(explanation->last_resort);
  const auto& root = *explanation->tree;
  EXPECT_EQ(root.policy, "failover");
  ASSERT_EQ(root.members.size(), 2U);
  EXPECT_TRUE(root.members[0].chosen && root.members[0].primary && root.members[0].target_healthy);
  EXPECT_EQ(root.members[0].alias_target, "p.example.test.");
  EXPECT_EQ(root.members[1].dropped_by, "its health check is unhealthy");
  auto ordered = trees.health;
  ordered[0].manual = 2;
  const auto by_hand = Explain(trees.model, ordered, trees.text.Name("www"), 1);
  ASSERT_TRUE(by_hand);
  EXPECT_EQ(by_hand->tree->members[1].check_manual, 2);
  EXPECT_EQ(by_hand->tree->members[1].dropped_by, "its health check is unhealthy, set by command");
  EXPECT_EQ(root.members[1].check_manual, 0);
  const auto& p = *root.members[0].target;
  ASSERT_EQ(p.members.size(), 3U);
  EXPECT_EQ(p.members[0].dropped_by, "its health check is unhealthy");
  EXPECT_EQ(p.members[0].check_id, "check1");
  EXPECT_EQ(p.members[1].dropped_by, "its weight is zero and one with another weight is left");
  EXPECT_EQ(p.members[2].share.Text(), "1");
  EXPECT_EQ(p.members[2].values, std::vector<std::string>{"192.0.2.3"});
  EXPECT_EQ(p.members[2].source, "records.json:5");
  EXPECT_EQ(Explained(*explanation), (std::map<std::string, std::string>{{"{192.0.2.3}@60", "1"}}));
}

TEST(Explain, SaysWhyNothingIsAnswered) {
  Trees trees;
  trees.text.Add("sub", "NS", {Wire("ns.invalid.")}).Add("dn", "DNAME", {Wire("other.test.")});
  trees.text.Add("*.w", "TXT", {"\1x"}).Add("x.*.ew", "TXT", {"\1x"});
  trees.text.Add("hid.sub", "A", {V4("192.0.2.1")}).Add("deep.a.ent", "A", {V4("192.0.2.1")});
  trees.text.Add("sub", "DS", {"1234"});
  Trees child;
  child.text = ZoneText("child.example.test.");
  Trees empty;
  empty.text.zone.origin = Wire("empty.test.");
  empty.text.zone.rrsets.clear();
  trees.model.zones = {trees.text.zone, child.text.zone, empty.text.zone};
  struct Case {
    const char* name;
    const char* type;
    ExplainedStatus status;
    const char* owner;
  };
  const Case cases[] = {
      {"gone", "A", ExplainedStatus::kNxdomain, "example.test."},
      {"ent", "A", ExplainedStatus::kNodata, "ent.example.test."},
      {"a.ent", "A", ExplainedStatus::kNodata, "a.ent.example.test."},
      {"b.ent", "A", ExplainedStatus::kNxdomain, "ent.example.test."},
      {"hid.sub", "A", ExplainedStatus::kReferral, "sub.example.test."},
      {"sub", "A", ExplainedStatus::kReferral, "sub.example.test."},
      {"sub", "DS", ExplainedStatus::kAnswer, "sub.example.test."},
      {"x.dn", "A", ExplainedStatus::kRedirected, "dn.example.test."},
      {"dn", "A", ExplainedStatus::kNodata, "dn.example.test."},
      {"a.b.w", "A", ExplainedStatus::kNodata, "*.w.example.test."},
      {"a.b.w", "TXT", ExplainedStatus::kAnswer, "*.w.example.test."},
      {"foo.ew", "A", ExplainedStatus::kNodata, "*.ew.example.test."},
      {"www.child", "A", ExplainedStatus::kNxdomain, "child.example.test."},
      {"empty.test.", "A", ExplainedStatus::kNotLoaded, ""},
      {"other.invalid.", "A", ExplainedStatus::kNotServed, ""},
  };
  for (const auto& c : cases) {
    const auto explanation = Explain(trees.model, {}, trees.text.Name(c.name), TypeOf(c.type));
    ASSERT_TRUE(explanation) << c.name;
    EXPECT_EQ(ExplainedStatusText(explanation->status), std::string(ExplainedStatusText(c.status)))
        << c.name;
    EXPECT_EQ(explanation->owner, c.owner) << c.name;
  }
  EXPECT_FALSE(Explain(trees.model, {}, trees.text.Name("www"), 255));
  EXPECT_FALSE(Explain(trees.model, {}, "no name", 1));
}

}  // namespace
}  // namespace holdfast::control
