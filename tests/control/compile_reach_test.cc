// What groups may lead to beyond their own records: whose clients their rules are made for.
#include <gtest/gtest.h>
#include <map>
#include <string>

#include "control/compile/compile.h"
#include "control/compile/reach.h"
#include "tests/control/compile_kit.h"
#include "tests/dataplane/leading_groups.h"

namespace holdfast::control {
namespace {

using kit::TypeOf;
using kit::Wire;

// "geo cidr c".
std::string Asked(const Reach& reach, const Clients& clients, const char* name, const char* type) {
  std::string text =
      clients.NameOf(reach.Of(Wire(std::string(name) + ".example.test."), TypeOf(type)));
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

TEST(Reach, IsAllThatMayBeLedTo) {
  const Model model = test::LeadingGroups();
  const Clients clients(model.location);
  const Reach reach(model.zones, clients);
  const std::map<std::pair<const char*, const char*>, const char*> expected = {
      {{"fc", "CNAME"}, "geo"},
      {{"chain", "CNAME"}, "geo cidr c"},
      {{"chain2", "CNAME"}, "geo cidr c"},
      {{"loop", "CNAME"}, "cidr c"},
      {{"loop2", "CNAME"}, "cidr c"},
      {{"over", "CNAME"}, "geo"},
      {{"wild", "CNAME"}, "cidr c"},
      {{"renamed", "CNAME"}, "geo"},
      {{"fmx", "MX"}, "cidr c"},
      {{"wmx", "MX"}, "geo"},
      {{"wsrv", "SRV"}, "geo"},
      {{"cmx", "CNAME"}, "geo"},
      {{"amx", "MX"}, "cidr c"},
      {{"ssvc", "HTTPS"}, "geo"},
      {{"asvc", "HTTPS"}, "cidr c"},
      {{"osvc", "HTTPS"}, "cidr c"},
      {{"calmsvc", "HTTPS"}, ""},
      {{"calm", "CNAME"}, ""},
      {{"calmmail", "MX"}, ""},
      {{"calmtext", "TXT"}, ""},
      {{"geo", "A"}, ""},       // its members say it
      {{"first", "CNAME"}, ""}  // one record: nothing to choose
  };
  for (const auto& [key, sources] : expected) {
    EXPECT_EQ(Asked(reach, clients, key.first, key.second), sources) << key.first;
  }
}

TEST(Reach, IsNothingWhereNobodyAsks) {
  Model model = test::LeadingGroups();
  std::erase_if(model.zones[0].record_sets,
                [](const RecordSet& set) { return AsksTheClient(set.policy); });
  const Clients clients(model.location);
  EXPECT_EQ(Asked(Reach(model.zones, clients), clients, "fc", "CNAME"), "");
}

// A draw needs no rows to have the scope of what it leads to.
TEST(Reach, MakesTheDomainOfAPool) {
  const Model model = test::LeadingGroups();
  const auto compiled = Compile(model, {}, 0);
  ASSERT_TRUE(compiled) << compiled.error().message;
  std::map<RuleDigest, const CompiledPool*> pools;
  for (const CompiledPool& pool : compiled->pools) {
    pools.emplace(pool.rule, &pool);
  }
  const auto pool_of = [&](const char* name, const char* type) {
    const auto* found =
        kit::FindName(compiled->zones[0], Wire(std::string(name) + ".example.test."));
    return pools.at(std::get<RuleDigest>(kit::FindRrset(*found, type)->answer));
  };
  for (const auto& [name, type] : {std::pair("fc", "CNAME"), {"wmx", "MX"}, {"chain", "CNAME"}}) {
    EXPECT_NE(pool_of(name, type)->location, nullptr) << name;
    EXPECT_EQ(pool_of(name, type)->row_map, nullptr) << name;
  }
  EXPECT_EQ(pool_of("fc", "CNAME")->location, pool_of("wmx", "MX")->location);
  EXPECT_NE(pool_of("fc", "CNAME")->location, pool_of("chain", "CNAME")->location);
  EXPECT_EQ(pool_of("calm", "CNAME")->location, nullptr);
  EXPECT_EQ(pool_of("calmmail", "MX")->location, nullptr);
}

// Two rules of the same records are two pools when the clients count for one of them.
TEST(Reach, IsPartOfARulesDigest) {
  Model model = test::LeadingGroups();
  const auto pool_of_fc = [&model] {
    auto compiled = Compile(model, {}, 0);
    const auto* found = kit::FindName(compiled->zones[0], Wire("fc.example.test."));
    return std::get<RuleDigest>(kit::FindRrset(*found, "CNAME")->answer);
  };
  const RuleDigest before = pool_of_fc();
  EXPECT_EQ(pool_of_fc(), before);
  for (RecordSet& set : model.zones[0].record_sets) {
    if (set.name == Wire("geo.example.test.")) {
      set.name = Wire("elsewhere.example.test.");
    }
  }
  EXPECT_NE(pool_of_fc(), before);
}

}  // namespace
}  // namespace holdfast::control
