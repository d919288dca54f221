// Routing controls: what the safety rules let pass, what is written down, what survives.
#include "control/recovery/routing_controls.h"

#include <chrono>
#include <filesystem>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <thread>

#include "control/config/node.h"

namespace holdfast::control {
namespace {

using ::testing::HasSubstr;

const ControlStates kStates{{"a", true}, {"b", false}, {"c", true}, {"gate", false}};
const SafetyRule kOneOn{.name = "one", .controls = {"a", "b"}, .on = 1};
const SafetyRule kGated{.name = "gated",
                        .kind = SafetyRule::Kind::kGating,
                        .controls = {"c"},
                        .gates = {"gate"},
                        .on = 1};

Status Check(std::vector<ControlChange> changes,
             std::vector<std::string> overridden = {},
             const ControlStates& states = kStates) {
  const std::vector<SafetyRule> rules{kOneOn, kGated};
  return CheckSafety(states, changes, rules, overridden);
}

TEST(Safety, LetsPassWhatNoRuleForbids) {
  EXPECT_TRUE(Check({{"b", true}}));
  EXPECT_TRUE(Check({{"a", false}, {"b", true}}));  // all at once
  EXPECT_TRUE(Check({{"gate", true}}));
  EXPECT_TRUE(Check({{"gate", true}, {"c", false}}));
  EXPECT_TRUE(Check({{"c", true}})) << "is On already";
}

TEST(Safety, NamesEveryRuleThatForbidsIt) {
  const auto refused = Check({{"a", false}, {"c", false}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_EQ(refused.error().message,
            "rule 'one': at least 1 of its 2 controls must be On, 0 are\n"
            "rule 'gated': at least 1 of its 1 gates must be On, 0 are");
  EXPECT_EQ(Check({{"a", false}, {"c", false}}, {"one"}).error().message,
            "rule 'gated': at least 1 of its 1 gates must be On, 0 are");
  EXPECT_TRUE(Check({{"a", false}, {"c", false}}, {"one", "gated"}));
}

TEST(Safety, DoesNotHinderTheWayOutOfABrokenRule) {
  SafetyRule both = kOneOn;
  both.on = 2;
  const std::vector<SafetyRule> rules{both};
  const ControlStates off{{"a", false}, {"b", false}};
  const std::vector<ControlChange> on{{"a", true}};
  EXPECT_TRUE(CheckSafety(off, on, rules, {}));
}

TEST(Safety, RefusesWhatIsNotThere) {
  EXPECT_EQ(Check({}).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(Check({{"x", true}}).error().message, "routing control 'x' does not exist");
  EXPECT_EQ(Check({{"a", true}, {"a", false}}).error().message,
            "routing control 'a' is named twice, expected once");
  EXPECT_EQ(Check({{"b", true}}, {"none"}).error().message, "safety rule 'none' does not exist");
}

class Switches : public ::testing::Test {
 protected:
  Switches() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-rc-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    config_.controls = {{.name = "a", .initial_on = true}, {.name = "b", .initial_on = false}};
    config_.rules = {kOneOn};
  }
  ~Switches() override { std::filesystem::remove_all(folder_); }
  std::string Path() const { return (folder_ / "state.db").string(); }
  std::unique_ptr<Store> Open() { return *Store::Open(Path(), {.busy_ms = 20'000}); }

  std::filesystem::path folder_;
  RecoveryConfig config_;
};

TEST_F(Switches, AreRememberedWithWhoMovedThemAndWhatWasRefused) {
  {
    const auto store = Open();
    RoutingControls controls;
    ASSERT_TRUE(controls.Restore(*store));
    controls.Configure(config_);
    EXPECT_EQ(controls.states(), (ControlStates{{"a", true}, {"b", false}}));
    EXPECT_FALSE(controls.Switch({.changes = {{"a", false}}, .who = "uid 7"}, *store));
    EXPECT_EQ(controls.states(), (ControlStates{{"a", true}, {"b", false}}));
    const auto moved = controls.Switch(
        {.changes = {{"a", false}, {"b", true}}, .who = "uid 7", .reason = "drill"}, *store);
    ASSERT_TRUE(moved);
    EXPECT_EQ(*moved, (ControlStates{{"a", false}, {"b", true}}));
  }
  const auto store = Open();
  RoutingControls controls;
  ASSERT_TRUE(controls.Restore(*store));
  config_.controls.push_back({.name = "new", .initial_on = true});
  controls.Configure(config_);
  EXPECT_EQ(controls.states(), (ControlStates{{"a", false}, {"b", true}, {"new", true}}));
  const auto log = store->ControlLog(10).value();
  ASSERT_EQ(log.size(), 2U);
  EXPECT_EQ(log[0].changes, "a Off, b On");
  EXPECT_EQ(log[0].reason, "drill");
  EXPECT_EQ(log[0].who, "uid 7");
  EXPECT_EQ(log[0].refused, "");
  EXPECT_EQ(log[1].refused, "rule 'one': at least 1 of its 2 controls must be On, 0 are");
}

// A disk that takes its time: as long as this lives, the store waits.
class SlowDisk {
 public:
  explicit SlowDisk(const std::string& path) {
    EXPECT_EQ(sqlite3_open(path.c_str(), &database_), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  }
  ~SlowDisk() { sqlite3_close(database_); }
  SlowDisk(const SlowDisk&) = delete;
  SlowDisk& operator=(const SlowDisk&) = delete;

 private:
  sqlite3* database_ = nullptr;
};

constexpr std::chrono::milliseconds kSlow{300};

TEST_F(Switches, HoldUpNobodyWhileTheDiskWrites) {
  const auto store = Open();
  RoutingControls controls;
  controls.Configure(config_);
  auto disk = std::make_unique<SlowDisk>(Path());
  auto order = std::async(std::launch::async, [&] {
    return controls.Switch({.changes = {{"a", false}, {"b", true}}, .who = "uid 7"}, *store);
  });
  // Each call would wait for the order, and that for this loop, if they waited.
  const auto until = std::chrono::steady_clock::now() + kSlow;
  while (std::chrono::steady_clock::now() < until) {
    ASSERT_EQ(controls.states(), (ControlStates{{"a", true}, {"b", false}})) << "not on the disk";
    ASSERT_EQ(controls.config().controls.size(), 2U);
    controls.Configure(config_);
  }
  ASSERT_EQ(order.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  disk.reset();
  ASSERT_TRUE(order.get());
  EXPECT_EQ(controls.states(), (ControlStates{{"a", false}, {"b", true}}));
}

TEST_F(Switches, OfTwoAtOnceTheSecondIsJudgedByWhatTheFirstLeft) {
  const auto store = Open();
  RoutingControls controls;
  config_.controls = {{.name = "a", .initial_on = true}, {.name = "b", .initial_on = true}};
  controls.Configure(config_);
  auto disk = std::make_unique<SlowDisk>(Path());
  const auto off = [&](const char* name) {
    return std::async(std::launch::async, [&, name] {
      return controls.Switch({.changes = {{name, false}}, .who = "uid 7"}, *store);
    });
  };
  auto first = off("a");
  auto second = off("b");
  std::this_thread::sleep_for(kSlow);  // both are on their way
  disk.reset();
  const auto done = first.get();
  const auto other = second.get();
  ASSERT_NE(done.has_value(), other.has_value()) << "one of them must stay On";
  EXPECT_EQ((done ? other : done).error().code, ErrorCode::kConflict);
  const ControlStates states = controls.states();
  EXPECT_NE(states.at("a"), states.at("b"));
  EXPECT_EQ(store->ControlLog(10)->size(), 2U);
}

TEST_F(Switches, OfWhatALoadTakesOutMeanwhileAreOnlyRemembered) {
  const auto store = Open();
  RoutingControls controls;
  controls.Configure(config_);
  auto disk = std::make_unique<SlowDisk>(Path());
  auto order = std::async(std::launch::async, [&] {
    return controls.Switch({.changes = {{"b", true}}, .who = "uid 7"}, *store);
  });
  std::this_thread::sleep_for(kSlow);
  RecoveryConfig without = config_;
  without.controls.pop_back();
  without.rules.clear();
  controls.Configure(without);
  disk.reset();
  EXPECT_EQ(order.get().value(), (ControlStates{{"a", true}}));
  controls.Configure(config_);
  EXPECT_EQ(controls.states(), (ControlStates{{"a", true}, {"b", true}}));
}

TEST_F(Switches, ComeBackAsTheyWereLeftWhenTheConfigurationNamesThemAgain) {
  const auto store = Open();
  RoutingControls controls;
  controls.Configure(config_);
  ASSERT_TRUE(controls.Switch({.changes = {{"b", true}}}, *store));
  controls.Configure({});
  EXPECT_TRUE(controls.states().empty());
  EXPECT_FALSE(controls.Switch({.changes = {{"b", false}}}, *store));
  controls.Configure(config_);
  EXPECT_TRUE(controls.states().at("b"));
}

// ---- the file -----------------------------------------------------------------------------------

Result<NodeConfig> Parsed(const std::string& tables) {
  return ParseNode("[[listen]]\naddress = \"192.0.2.1\"\n" + tables, "n.toml");
}

TEST(RecoveryTables, ReadEveryKey) {
  const auto node = Parsed(
      "[routing_control.\"eu/web\"]\ninitial = \"On\"\n[routing_control.b]\n"
      "[[safety_rule]]\nname = \"one\"\nkind = \"at_least\"\ncontrols = [\"eu/web\", \"b\"]\non = "
      "2\n"
      "[[safety_rule]]\nname = \"g\"\nkind = \"gating\"\ncontrols = [\"b\"]\ngates = "
      "[\"eu/web\"]\n");
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(node->recovery.controls,
            (std::vector<RoutingControlConfig>{{"eu/web", true}, {"b", false}}));
  EXPECT_EQ(node->recovery.rules,
            (std::vector<SafetyRule>{{.name = "one", .controls = {"eu/web", "b"}, .on = 2},
                                     {.name = "g",
                                      .kind = SafetyRule::Kind::kGating,
                                      .controls = {"b"},
                                      .gates = {"eu/web"}}}));
}

TEST(RecoveryTables, RefuseWithPlaceValueAndExpectation) {
  const std::string a = "[routing_control.a]\n";
  const std::string rule = a + "[[safety_rule]]\nname = \"r\"\nkind = \"at_least\"\n";
  const std::vector<std::pair<std::string, const char*>> table{
      {"[routing_control.a]\ninitial = \"on\"", "key 'initial' is \"on\"; expected"},
      {"[routing_control.a]\nstate = \"On\"", "key 'state' is not known"},
      {"[routing_control.\"\"]", "its name has 0 characters; expected 1..255"},
      {"[routing_control]\na = 1", "expected tables written as [routing_control.\"NAME\"]"},
      {a + "[[safety_rule]]\nkind = \"gating\"",
       "key 'name' is missing; expected 1..64 characters"},
      {a + "[[safety_rule]]\nname = \"r\"\ncontrols = [\"a\"]", "key 'kind' is missing; expected"},
      {rule, "key 'controls' is missing or empty"},
      {rule + "controls = [\"x\"]", "names 'x', which no [routing_control] is"},
      {rule + "controls = [\"a\", \"a\"]", "names 'a' twice; expected each once"},
      {rule + "controls = [\"a\"]\non = 2", "key 'on' is 2; expected 1..1"},
      {rule + "controls = [\"a\"]\non = 0", "key 'on' is 0; expected 1..1"},
      {rule + "controls = [\"a\"]\ngates = [\"a\"]", "expected none unless the kind is \"gating\""},
      {a + "[[safety_rule]]\nname = \"r\"\nkind = \"gating\"\ncontrols = [\"a\"]",
       "key 'gates' is missing or empty"},
      {rule + "controls = [\"a\"]\n[[safety_rule]]\nname = \"r\"\nkind = \"at_least\"\n"
              "controls = [\"a\"]",
       "key 'name' is \"r\", which another [[safety_rule]] has already"}};
  for (const auto& [text, part] : table) {
    const auto node = Parsed(text);
    ASSERT_FALSE(node) << text;
    EXPECT_THAT(node.error().message, HasSubstr(part)) << text;
    EXPECT_THAT(node.error().message, HasSubstr("n.toml:")) << text;
  }
}

}  // namespace
}  // namespace holdfast::control
