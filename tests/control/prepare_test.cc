// One traffic policy instance changed in what is served: no file is read, nothing else moves, and
// what would take something away is refused. Files and the store meet it in tests/e2e.
#include "control/prepare.h"

#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "control/config/record_sets.h"
#include "control/model/rules.h"
#include "control/model/stored_zone.h"
#include "control/traffic/expand.h"
#include "control/traffic/trees.h"
#include "tests/control/compile_kit.h"
#include "tests/control/node_folder.h"

namespace holdfast::control {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

Zone Example(const std::string& records = "") {
  kit::ZoneText text("example.test.");
  text.Add("ns1", "A", {kit::V4("192.0.2.53")});
  Zone zone = std::move(text.zone);
  zone.id = "Z1";
  zone.source = {.file = "example.zone", .line = 0};
  zone.texts = {{.path = "/zones/example.zone", .sha256 = {}}};
  Findings findings;
  ReadRecordSetsText("{\"ResourceRecordSets\": [" + records + "]}", "records.json", zone, findings);
  EXPECT_TRUE(findings.Ok()) << findings.ToError().message;
  return zone;
}

std::string AliasOf(const std::string& name) {
  return R"({"Name": "other.example.test", "Type": "A", "AliasTarget": {"HostedZoneId": "Z1",
             "DNSName": ")" +
         name + R"(.example.test", "EvaluateTargetHealth": true}})";
}

// A single record with a check.
TrafficTree Tree(const std::string& id,
                 const std::string& name,
                 std::uint32_t ttl = 20,
                 const std::string& address = "192.0.2.1") {
  const StoredInstance instance{
      id, kit::Wire("example.test"), kit::Wire(name), kit::TypeOf("A"), ttl, "p", 1};
  TrafficDocument document{.type = instance.type,
                           .start = {.health_check_id = "one", .line = 3},
                           .endpoints = {{"a", kit::V4(address)}},
                           .rules = {},
                           .warnings = {}};
  return {id,
          instance.origin,
          instance.name,
          InstanceTitle(instance),
          Expand(instance, "web", document).value(),
          {}};
}

class Instances : public ::testing::Test {
 protected:
  explicit Instances(Zone zone = Example()) {
    auto model = std::make_shared<Model>();
    model->checks.push_back({.id = "one"});
    model->zones.push_back(std::move(zone));
    model->zones.push_back(kit::ZoneText("other.test.").zone);
    served_.node.path = "node.toml";
    served_.model = std::move(model);
    served_.warnings.zones.AddWarning("elsewhere", "stays");
    served_.warnings.node = {"a restart waits"};
    served_.zones = {{.origin = "example.test.", .loaded_ms = 11},
                     {.origin = "other.test.", .loaded_ms = 12}};
  }
  // As the control core remembers it.
  void Take(Result<Prepared> prepared) {
    ASSERT_TRUE(prepared) << prepared.error().message;
    served_.model = prepared->model;
    served_.warnings = prepared->warnings;
    for (std::size_t i = 0; i < served_.zones.size(); ++i) {
      EXPECT_EQ(prepared->compiled.zones.at(i).loaded_ms, served_.zones[i].loaded_ms);
    }
    EXPECT_THAT(prepared->parsed, IsEmpty());
  }
  void Put(const TrafficTree& tree) { Take(PrepareInstance(served_, tree.instance_id, &tree)); }
  void Remove(const std::string& id) { Take(PrepareInstance(served_, id, nullptr)); }
  std::string Refused(const std::string& id, const TrafficTree* tree) {
    const auto prepared = PrepareInstance(served_, id, tree);
    EXPECT_FALSE(prepared);
    return prepared ? "" : prepared.error().message;
  }
  std::vector<std::string> Warned() { return served_.warnings.Lines(*served_.model); }
  const Zone& Served() { return served_.model->zones.at(0); }
  void Replace(const std::function<void(Model&)>& change) {
    auto model = std::make_shared<Model>(*served_.model);
    change(*model);
    served_.model = std::move(model);
  }

  control::Served served_;
};

class InstancesUnderAnAlias : public Instances {
 protected:
  InstancesUnderAnAlias() : Instances(WithTarget()) {}
  static Zone WithTarget() {
    Zone zone = Example(AliasOf("www"));
    std::vector<TrafficTree> trees{Tree("a", "www.example.test")};
    Findings findings;
    JudgeWithTrees(zone, trees, CheckZone, findings);
    EXPECT_TRUE(findings.Ok());
    return zone;
  }
};

TEST_F(Instances, ChangeOneAndLeaveAllElseAsItIsServed) {
  Put(Tree("b", "www.example.test"));
  Put(Tree("a", "ftp.example.test"));
  Put(Tree("b", "www.example.test", 20, "192.0.2.9"));
  const auto trees = TreesIn(Served());
  ASSERT_THAT(trees, SizeIs(2));
  EXPECT_EQ(trees[0].instance_id, "a");
  EXPECT_EQ(trees[0].title, "traffic policy instance ftp.example.test. A");
  EXPECT_EQ(trees[0].record_sets.at(0).rdata.at(0), kit::V4("192.0.2.1"));
  EXPECT_EQ(trees[1].record_sets.at(0).rdata.at(0), kit::V4("192.0.2.9"));
  const Zone before = Example();
  EXPECT_EQ(Served().id, before.id);
  EXPECT_EQ(Served().source.Text(), before.source.Text());
  EXPECT_EQ(Served().texts, before.texts);
  EXPECT_EQ(Served().rrsets.size(), before.rrsets.size());
  Remove("a");
  Remove("b");
  EXPECT_THAT(Served().record_sets, IsEmpty());
}

TEST_F(Instances, TakeTheirOwnWarningsWithThemAndNoOthers) {
  const std::vector<std::string> none{"elsewhere: stays", "a restart waits"};
  EXPECT_EQ(Warned(), none);
  Put(Tree("a", "www.example.test", 300));
  EXPECT_THAT(Warned(), Contains(HasSubstr("TTL is 300 with a health check")));
  Put(Tree("b", "ftp.example.test", 400));
  EXPECT_THAT(Warned(), SizeIs(4));
  Put(Tree("a", "www.example.test", 20));
  EXPECT_THAT(Warned(), Not(Contains(HasSubstr("TTL is 300"))));
  EXPECT_THAT(Warned(), Contains(HasSubstr("TTL is 400")));
  Remove("b");
  EXPECT_EQ(Warned(), none);
}

TEST_F(Instances, AreRefusedWhereTheyDoNotFit) {
  Put(Tree("a", "www.example.test"));
  const TrafficTree again = Tree("b", "www.example.test");
  EXPECT_THAT(Refused("b", &again),
              HasSubstr("instance www.example.test. A would not be served: policy web v1:3"));
  TrafficTree faulty = Tree("b", "ftp.example.test");
  faulty.fault = "its document is gone";
  EXPECT_EQ(Refused("b", &faulty), "its document is gone");
  Replace([](Model& model) {
    kit::ZoneText text("example.test.");
    text.Add("sub", "NS", {kit::Wire("ns1.example.test.")});
    model.zones[0].rrsets = text.zone.rrsets;
  });
  const TrafficTree below = Tree("b", "ftp.sub.example.test");
  EXPECT_EQ(Refused("b", &below),
            "its name is hidden by the delegation at sub.example.test. (zone:1)");
  Replace([](Model& model) { model.zones[1] = kit::ZoneText("sub.example.test.").zone; });
  EXPECT_THAT(Refused("b", &below), HasSubstr("its name lies in zone sub.example.test. now"));
  EXPECT_THAT(TreesIn(Served()), SizeIs(1));
}

TEST_F(InstancesUnderAnAlias, StayAsLongAsItLeadsThere) {
  EXPECT_THAT(Refused("a", nullptr),
              HasSubstr("record 'other.example.test. A': Tried to create an alias that targets "
                        "www.example.test., type A"));
  Put(Tree("a", "www.example.test", 20, "192.0.2.9"));
  EXPECT_EQ(TreesIn(Served()).at(0).record_sets.at(0).rdata.at(0), kit::V4("192.0.2.9"));
  Put(Tree("b", "ftp.example.test"));
}

TEST_F(Instances, ThatFailedBeforeStaySoUntilTheyAreChanged) {
  Replace([](Model& model) {
    model.failed_instances = {{"x", "traffic policy instance x", "one fault\nanother"}};
  });
  Put(Tree("a", "www.example.test"));
  EXPECT_THAT(Warned(), Contains("traffic policy instance x: not served: one fault; another"));
  Put(Tree("x", "ftp.example.test"));
  EXPECT_THAT(served_.model->failed_instances, IsEmpty());
  EXPECT_THAT(Warned(), SizeIs(2));
}

TEST_F(Instances, ThatAreServedMayBeLostOnlyWithTheirZone) {
  Put(Tree("a", "www.example.test"));
  Model wanted = *served_.model;
  EXPECT_TRUE(KeepsInstances(*served_.model, wanted, {}));
  wanted.failed_instances = {{"a", "instance A", "one fault\nanother"}};
  const auto refused = KeepsInstances(*served_.model, wanted, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "instance A is served and would not be any more: one fault; another; mend that, or "
            "`holdfast traffic remove` it first");
  std::vector<StoredZone> stored(1);
  stored[0].origin = kit::Wire("other.test");
  stored[0].dropped = true;
  EXPECT_FALSE(KeepsInstances(*served_.model, wanted, stored));
  stored[0].origin = kit::Wire("example.test");
  EXPECT_TRUE(KeepsInstances(*served_.model, wanted, stored));
  stored[0].dropped = false;
  EXPECT_FALSE(KeepsInstances(*served_.model, wanted, stored));
  // One that failed already, though it stands in its zone, behind a delegation.
  Replace([&wanted](Model& model) { model.failed_instances = wanted.failed_instances; });
  EXPECT_TRUE(KeepsInstances(*served_.model, wanted, {}));
}

// A node whose record sets warn, whatever zone file stands beside them.
class CommandedZone : public NodeFolder {
 protected:
  CommandedZone() : store_(Store::Open((folder_ / "state.db").string()).value()) {
    Write("zone", std::string(kZone) + "twice A 192.0.2.1\ntwice A 192.0.2.1\n");
    Write("records", R"({"ResourceRecordSets": [{"Name": "www.t.", "Type": "A", "TTL": 300,
      "ResourceRecords": [{"Value": "192.0.2.1"}], "HealthCheckId": "gone"}]})");
    Write("n.toml",
          "[[listen]]\naddress = \"192.0.2.53\"\n"
          "[[zone]]\norigin = \"t\"\nfile = \"zone\"\nrecords = \"records\"\n");
    stored_.origin = kit::Wire("t.");
    stored_.zone_id = "Z1";
  }
  std::vector<std::string> Warned(const std::vector<StoredZone>& stored) {
    const auto node = LoadNode((folder_ / "n.toml").string());
    EXPECT_TRUE(node) << node.error().message;
    const auto prepared = Prepare(*node, *store_, stored, {}, {});
    EXPECT_TRUE(prepared) << prepared.error().message;
    return prepared ? prepared->warnings.Lines(*prepared->model) : std::vector<std::string>();
  }
  static constexpr const char* kZone = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns.other.test.\n";
  std::unique_ptr<Store> store_;
  StoredZone stored_;
};

TEST_F(CommandedZone, IsWarnedOfOnceAndNotOfWhatItReplaces) {
  const auto by_file = Warned({});
  EXPECT_THAT(by_file, Contains(HasSubstr("the same record came before")));
  EXPECT_THAT(by_file, Contains(HasSubstr("is no health check of this node")).Times(1));
  Findings texts;
  texts.AddWarning("other", "is odd");
  stored_.content = ZoneContent(kit::ZoneText("t.").zone, texts);
  const auto by_command = Warned({stored_});
  EXPECT_THAT(by_command, Not(Contains(HasSubstr("the same record came before"))));
  EXPECT_THAT(by_command, Contains("other: is odd"));
  EXPECT_THAT(by_command, Contains(HasSubstr("is no health check of this node")).Times(1));
  EXPECT_THAT(by_command, Contains(HasSubstr("zone t.: served as `zone load` left it")));
}

TEST_F(CommandedZone, IsWarnedOfNoMoreWhenItIsDropped) {
  stored_.dropped = true;
  EXPECT_THAT(Warned({stored_}),
              ElementsAre(HasSubstr("zone t.: not served, `zone drop` took it away")));
}

}  // namespace
}  // namespace holdfast::control
