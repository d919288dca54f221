// The command line, what is printed for people, and the client against every kind of peer.
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "control/place.h"
#include "tools/command/client.h"
#include "tools/command/explain.h"
#include "tools/command/health.h"
#include "tools/command/machine.h"
#include "tools/command/options.h"
#include "tools/command/status.h"
#include "tools/command/tables.h"
#include "tools/command/text.h"

namespace holdfast::tools {
namespace {

using nlohmann::json;

std::variant<CommandLine, Finished> Parse(std::vector<const char*> words) {
  words.insert(words.begin(), "holdfast");
  return ParseCommandLine(static_cast<int>(words.size()), words.data());
}

TEST(CommandLine, IsReadIntoVerbAndFields) {
  struct Case {
    std::vector<const char*> words;
    std::function<bool(const CommandLine&)> holds;
  };
  const std::vector<Case> cases = {
      {{"run", "--config", "a.toml"},
       [](const CommandLine& l) { return l.verb == Verb::kRun && l.config == "a.toml"; }},
      {{"run"}, [](const CommandLine& l) { return l.config == "/etc/holdfast/holdfast.toml"; }},
      {{"check", "-c", "a.toml"},
       [](const CommandLine& l) { return l.verb == Verb::kCheck && l.config == "a.toml"; }},
      {{"reload", "--run-dir", "/r"},
       [](const CommandLine& l) {
         return l.verb == Verb::kReload && l.run_dir == "/r" && l.config.empty();
       }},
      {{"status", "--json", "--timeout", "3"},
       [](const CommandLine& l) {
         return l.verb == Verb::kStatus && l.json && l.patience == std::chrono::seconds(3);
       }},
      {{"explain", "www.a.test", "A", "--client", "192.0.2.1"},
       [](const CommandLine& l) {
         return l.verb == Verb::kExplain && l.name == "www.a.test" && l.type == "A" &&
                l.client == "192.0.2.1";
       }},
      {{"explain", "www.a.test", "AAAA", "--client", "2001:db8::1"},
       [](const CommandLine& l) { return l.client == "2001:db8::1"; }},
      {{"zone", "load", "a.test", "/dev/null"},
       [](const CommandLine& l) {
         return l.verb == Verb::kZoneLoad && l.origin == "a.test" && l.file == "/dev/null";
       }},
      {{"zone", "drop", "a.test"},
       [](const CommandLine& l) { return l.verb == Verb::kZoneDrop && l.origin == "a.test"; }},
      {{"health", "set", "c1", "auto"},
       [](const CommandLine& l) {
         return l.verb == Verb::kHealthSet && l.check == "c1" && l.to == "auto" &&
                l.for_seconds.empty();
       }},
      {{"health", "set", "c1", "healthy", "--for", "1"},
       [](const CommandLine& l) { return l.to == "healthy" && l.for_seconds == "1"; }},
      {{"health", "set", "c1", "unhealthy", "--for", "31536000"},
       [](const CommandLine& l) { return l.to == "unhealthy" && l.for_seconds == "31536000"; }},
      {{"tables", "dump", "--image", "/i", "--generation", "7"},
       [](const CommandLine& l) {
         return l.verb == Verb::kTablesDump && l.image == "/i" && l.generation == 7;
       }},
      {{"tables", "remove", "--run-dir", "/r"},
       [](const CommandLine& l) { return l.verb == Verb::kTablesRemove && l.run_dir == "/r"; }},
      {{"tables", "verify", "--run-dir", "/r"},
       [](const CommandLine& l) { return l.verb == Verb::kTablesVerify && l.run_dir == "/r"; }},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto parsed = Parse(cases[i].words);
    ASSERT_TRUE(std::holds_alternative<CommandLine>(parsed)) << i;
    EXPECT_TRUE(cases[i].holds(std::get<CommandLine>(parsed))) << i;
  }
}

TEST(CommandLine, ThatIsWrongEndsWithStatus2) {
  const std::vector<std::vector<const char*>> wrong = {
      {},
      {"fly"},
      {"run", "extra"},
      {"run", "--run-dir", "/r"},
      {"reload", "--run-dir", "/r", "--config", "a"},
      {"status", "--timeout", "0"},
      {"status", "--timeout", "soon"},
      {"explain", "www.a.test"},
      {"explain", "www.a.test", "A", "--client", "nobody"},
      {"zone"},
      {"zone", "load", "a.test"},
      {"zone", "load", "a.test", "/no/such/file"},
      {"health", "set", "c1"},
      {"health", "set", "c1", "sick"},
      {"tables", "dump", "--image", "/i"},
      {"tables", "dump", "--generation", "7"},
      {"tables", "remove", "--image", "/i"},
      {"tables", "dump", "--image", "/i", "--generation", "-1"},
      {"tables", "dump", "--image", "/i", "--generation", "0"},
      {"tables", "dump", "--image", "/i", "--generation", "7x"},
      {"tables", "dump", "--image", "/i", "--generation", "18446744073709551616"},
  };
  for (const auto& words : wrong) {
    testing::internal::CaptureStderr();
    const auto parsed = Parse(words);
    const std::string said = testing::internal::GetCapturedStderr();
    ASSERT_TRUE(std::holds_alternative<Finished>(parsed)) << words.size();
    EXPECT_EQ(std::get<Finished>(parsed).status, 2);
    EXPECT_FALSE(said.empty());
  }
}

TEST(CommandLine, SaysHowLongAnOrderMayLast) {
  for (const char* text :
       {"0", "-1", "31536001", "99999999999999999999", "1.5", "1m", "soon", ""}) {
    testing::internal::CaptureStderr();
    const auto parsed = Parse({"health", "set", "c1", "healthy", "--for", text});
    const std::string said = testing::internal::GetCapturedStderr();
    ASSERT_TRUE(std::holds_alternative<Finished>(parsed)) << text;
    EXPECT_EQ(std::get<Finished>(parsed).status, 2);
    EXPECT_NE(said.find("--for: the time is " + std::string(text) + "; expected 1..31536000"),
              std::string::npos)
        << said;
  }
}

TEST(CommandLine, SaysWhatIsWrongWithAnAddress) {
  for (const char* text : {"nobody", "192.0.2.1/24", "192.0.2", "2001:db8::1::2", ""}) {
    testing::internal::CaptureStderr();
    const auto parsed = Parse({"explain", "www.a.test", "A", "--client", text});
    const std::string said = testing::internal::GetCapturedStderr();
    ASSERT_TRUE(std::holds_alternative<Finished>(parsed)) << text;
    EXPECT_NE(said.find(std::string("'") + text + "' "), std::string::npos) << said;
    EXPECT_NE(said.find("; expected "), std::string::npos) << said;
  }
}

TEST(CommandLine, NamesACommandThatThereIsNot) {
  const std::vector<std::pair<std::vector<const char*>, std::string>> cases = {
      {{"fly"}, "no command 'fly'; expected one of run, check, reload, status, explain"},
      {{"--json", "fly"}, "no command 'fly'"},
      {{"zone", "fly"}, "no command 'zone fly'; expected one of load, drop\n"},
      {{"tables", "fly", "--run-dir", "/r"}, "no command 'tables fly'"},
      {{"health"}, "A subcommand is required"},
      {{"status", "fly"}, "not expected: fly"},
  };
  for (const auto& [words, expected] : cases) {
    testing::internal::CaptureStderr();
    const auto parsed = Parse(words);
    const std::string said = testing::internal::GetCapturedStderr();
    ASSERT_TRUE(std::holds_alternative<Finished>(parsed)) << expected;
    EXPECT_EQ(std::get<Finished>(parsed).status, 2);
    EXPECT_NE(said.find(expected), std::string::npos) << said;
  }
}

TEST(CommandLine, SaysTheVersionWithStatus0) {
  testing::internal::CaptureStdout();
  const auto parsed = Parse({"--version"});
  EXPECT_TRUE(testing::internal::GetCapturedStdout().starts_with("holdfast "));
  ASSERT_TRUE(std::holds_alternative<Finished>(parsed));
  EXPECT_EQ(std::get<Finished>(parsed).status, 0);
}

TEST(CommandLine, GivesHelpWithStatus0) {
  testing::internal::CaptureStdout();
  const auto parsed = Parse({"zone", "load", "--help"});
  EXPECT_NE(testing::internal::GetCapturedStdout().find("Zone file"), std::string::npos);
  ASSERT_TRUE(std::holds_alternative<Finished>(parsed));
  EXPECT_EQ(std::get<Finished>(parsed).status, 0);
}

TEST(Text, SaysDurationsAndSizesForPeople) {
  const std::vector<std::pair<std::int64_t, std::string>> durations = {{-5, "0 ms"},
                                                                       {0, "0 ms"},
                                                                       {9999, "9999 ms"},
                                                                       {10'000, "10 s"},
                                                                       {59'999, "59 s"},
                                                                       {60'000, "1 m"},
                                                                       {200'000, "3 m 20 s"},
                                                                       {3'600'000, "1 h"},
                                                                       {7'380'000, "2 h 3 m"},
                                                                       {86'400'000, "1 d"},
                                                                       {180'000'000, "2 d 2 h"}};
  for (const auto& [ms, text] : durations) {
    EXPECT_EQ(Duration(ms), text);
  }
  EXPECT_EQ(Octets(0), "0 B");
  EXPECT_EQ(Octets(1023), "1023 B");
  EXPECT_EQ(Octets(1536), "1.5 KiB");
  EXPECT_EQ(Octets(std::uint64_t{256} << 20U), "256.0 MiB");
}

TEST(Text, KeepsControlCharactersFromTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[2J\n\x7f"
                      "é"),
            "a\\x1b[2J\\x0a\\x7f"
            "é");
}

TEST(Text, AlignsColumns) {
  EXPECT_EQ(Columns({{"a", "b"}, {"long", "c"}, {"x"}}), "  a     b\n  long  c\n  x\n");
}

json GoodStatus() {
  return json::parse(R"json({"node": "ns1", "version": "0.1.0", "generation": 7, "uptime_s": 61,
    "tables": {"path": "/h/t", "total_octets": 1048576, "free_octets": 524288, "names": 3,
               "pools": 1, "blobs": 9, "waiting": 0},
    "transitions": {"published": 9, "enqueued_to_published_us":
                    {"last": 31.26, "p50": 20, "p99": 99.5, "max": 1200.04}},
    "zones": [{"origin": "a.test.", "id": "Z1", "serial": 42, "names": 3, "source": "a.zone"}],
    "checks": [{"id": "c1", "type": "HTTP", "target": "192.0.2.1:80", "state": "unhealthy",
                "override": "auto", "since_ms": 1000000, "reason": "Failure: refused",
                "age_ms": 40, "verified": true},
               {"id": "c2", "type": "TCP", "target": "192.0.2.2:80", "state": "healthy",
                "override": "healthy", "since_ms": 0, "reason": "", "age_ms": null,
                "verified": false}],
    "ports": [{"device": "net_af_xdp0,iface=eth0", "addresses": ["192.0.2.53", "2001:db8::53"],
               "xdp": {"to_poll_core": 34, "to_kernel_not_udp": 5, "to_kernel_not_ip": 0}},
              {"device": "net_af_xdp1,iface=eth1", "addresses": ["192.0.2.54"], "xdp": null,
               "xdp_problem": "interface eth1 has no XDP program"},
              {"device": "0000:3b:00.0", "addresses": ["192.0.2.55"], "xdp": null}],
    "readers": [{"role": "dataplane", "pid": 5, "threads": [{"passed": 7, "beat": 99}],
                 "counters": {"answered": 12, "dropped": 0}}],
    "last_reload": {"ok": false, "message": "a.toml:1: no", "at_ms": 5},
    "warnings": ["beware"]})json");
}

json Local() {
  return json::parse(R"json({"supervisor": {"pid": 3, "running": true},
    "processes": [{"name": "control", "pid": 4, "running": true, "started_ms": 1000000,
                   "restarts": 2, "last_exit": "signal 9 (Killed)"},
                  {"name": "sockets", "pid": 0, "running": false, "started_ms": 1,
                   "restarts": 0, "last_exit": ""}],
    "readers": [{"role": "sockets", "pid": 6, "threads": [{"passed": null, "beat": 1}]}],
    "health_data": {"generation": 7, "age_ms": 125000}
})json");
}

TEST(StatusText, ShowsEachPart) {
  const std::string text = StatusText(Local(), GoodStatus(), 1'012'000);
  for (const char* part : {"node ns1, version 0.1.0, generation 7, control up 1 m 1 s",
                           "512.0 KiB free of 1.0 MiB",
                           "transitions 9, from queue to answers: last 31.3 us, p50 20.0 us, ",
                           ", p99 99.5 us, max 1200.0 us\n",
                           "processes (supervisor 3)",
                           "control  4    12 s  2         signal 9 (Killed)",
                           "sockets  -    down  0         -",
                           "a.test.  42      3      Z1  a.zone",
                           "unhealthy ",
                           "Failure: refused",
                           "healthy (set by command)",
                           "never",
                           "generation 7",
                           "answered  12",
                           "\nports\n"
                           "  net_af_xdp0,iface=eth0 answers for 192.0.2.53, 2001:db8::53; frames "
                           "that its XDP program gave\n"
                           "    to_kernel_not_udp  5\n"
                           "    to_poll_core       34\n"
                           "  net_af_xdp1,iface=eth1 answers for 192.0.2.54\n"
                           "    interface eth1 has no XDP program\n"
                           "  0000:3b:00.0 answers for 192.0.2.55\n",
                           "a.toml:1: no",
                           "beware"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
  EXPECT_EQ(text.find("dropped"), std::string::npos);  // counters at zero are left out
}

TEST(StatusText, SaysWhenAnOverrideEnds) {
  json control = GoodStatus();
  control["checks"][1]["override_until"] = "2026-11-22T14:03:07.123Z";
  EXPECT_NE(StatusText(Local(), control, 1'012'000)
                .find("healthy (set by command until 2026-11-22T14:03:07.123Z)"),
            std::string::npos);
  json check = control["checks"][1];
  EXPECT_TRUE(HealthText(check, 0).starts_with(
      "c2 TCP: healthy, set by command until 2026-11-22T14:03:07.123Z\n"));
  check["override_until"] = nullptr;
  EXPECT_TRUE(HealthText(check, 0).starts_with("c2 TCP: healthy, set by command\n"));
}

TEST(StatusText, ShowsCheckersInOtherProcesses) {
  json control = GoodStatus();
  control["checkers"] = json::parse(R"json({"listen": ["192.0.2.1:9443"], "problem": null,
    "list": [{"name": "paris", "region": "eu", "connected": true, "since_ms": 1000000,
              "problem": null, "uplink": true, "assigned": 5, "reports": 70,
              "report_age_ms": 40, "dropped": {"late": 0, "repeated": 6}},
             {"name": "lima", "region": "sa", "connected": false, "since_ms": 1001000,
              "problem": "nothing was heard", "uplink": true, "assigned": 5, "reports": 7,
              "report_age_ms": null, "dropped": {}},
             {"name": "oslo", "region": "", "connected": true, "since_ms": 1000000,
              "problem": null, "uplink": false, "assigned": 0, "reports": 0,
              "report_age_ms": null, "dropped": {}}]})json");
  const std::string text = StatusText(Local(), control, 1'012'000);
  for (const char* part :
       {"checkers in other processes\n",
        "paris    eu      up    12 s  5       70       40 ms ago  6 repeated  -\n",
        "lima     sa      GONE  11 s  5       7        never      -           nothing was heard\n",
        "has lost its uplink\n"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
  control["checkers"]["problem"] = "address in use";
  EXPECT_NE(StatusText(Local(), control, 1'012'000).find("NO CHECKER CAN CONNECT: address in use"),
            std::string::npos);
}

TEST(StatusText, SaysWhetherTheTablesAreWhole) {
  json control = GoodStatus();
  control["scrub"] = {{"every_s", 60}, {"percent", 12}, {"passes", 0}, {"defects", 0}};
  const auto text = [&control] { return StatusText(Local(), control, 1'012'000); };
  EXPECT_NE(text().find("scrub: first pass 12% done, no damage found\n"), std::string::npos);
  control["scrub"]["passes"] = 3;
  control["scrub"]["last_pass_ms"] = 1'000'000;
  EXPECT_NE(text().find("scrub: 3 passes, the last 12 s ago, no damage found\n"),
            std::string::npos);
  control["scrub"].update({{"defects", 2},
                           {"rebuilt", 1},
                           {"last_defect", "octet 4096 (a.test.): wrong"},
                           {"last_defect_ms", 1'011'000},
                           {"problem", "no room"}});
  EXPECT_NE(text().find("DAMAGE FOUND 2 times, the last 1 s ago: octet 4096 (a.test.): wrong\n"
                        "  tables built anew 1 times; NOT THE LAST TIME: no room\n"),
            std::string::npos)
      << text();
}

TEST(StatusText, ShowsProcessesAndReadersWithoutControl) {
  const std::string text = StatusText(Local(), json(), 1'012'000);
  EXPECT_NE(text.find("control has not answered"), std::string::npos);
  EXPECT_NE(text.find("sockets (pid 6): idle"), std::string::npos) << text;
  EXPECT_NE(text.find("control  4"), std::string::npos) << text;
  EXPECT_NE(text.find("ANSWERS GO BY THE HEALTH OF 2 m 5 s AGO, when control last lived "
                      "(generation 7)\n"),
            std::string::npos)
      << text;
  json nothing = Local();
  nothing["health_data"] = json();
  EXPECT_NE(StatusText(nothing, json(), 1'012'000).find("no published tables are found"),
            std::string::npos);
}

TEST(StatusText, TakesAnythingForAStatus) {
  for (const char* odd : {"{}",
                          R"({"checks": 7, "zones": {"a": 1}, "readers": [1, null]})",
                          R"({"checks": [null, {"age_ms": "x"}], "tables": [], "warnings": [{}]})",
                          R"({"scrub": {"defects": "x", "passes": [], "last_defect": 7}})",
                          R"({"ports": [7, {"xdp": {"a": "b"}, "addresses": {}}, {"xdp": 3}]})",
                          R"({"readers": [{"threads": [5], "counters": {"a": "b", "c": -1}}]})"}) {
    EXPECT_FALSE(StatusText(json::object(), json::parse(odd), 0).empty()) << odd;
  }
}

TEST(ExplainText, IndentsTheTreeAndSaysWhatWasDroppedAndWhy) {
  const std::string text = ExplainText(json::parse(R"json({
    "name": "www.a.test.", "type": "A", "outcome": "answer", "zone": "a.test.",
    "owner": "www.a.test.", "answered_by_type": "A", "generation": 9, "last_resort": false,
    "answers": [{"share": "1", "ttl": 60, "records": ["192.0.2.72"]}],
    "tree": {"name": "www.a.test.", "type": "A", "policy": "failover", "last_resort": false,
      "members": [
        {"healthy": false, "chosen": false, "source": "r:1", "set_identifier": "main",
         "check": {"id": "c1", "known": true, "healthy": false, "override": "unhealthy"}, "ttl": 60,
         "values": ["192.0.2.71"], "weight": 0, "primary": true, "dropped_by": "it is unhealthy"},
        {"healthy": true, "chosen": true, "source": "r:9", "set_identifier": "spare",
         "alias": {"target": "b.a.test.", "evaluate_target_health": true, "found": true,
                   "healthy": true}, "weight": 0, "primary": false, "share": "1",
         "target": {"name": "b.a.test.", "type": "A", "policy": "simple", "last_resort": false,
           "members": [{"healthy": true, "chosen": true, "ttl": 60, "values": ["192.0.2.72"],
                        "weight": 0, "primary": false, "share": "1"}]}}]}})json"));
  EXPECT_EQ(text,
            "www.a.test. A: answer\n"
            "  zone a.test.\n"
            "  generation 9\n"
            "\n"
            "www.a.test. A, failover\n"
            "  - 'main' primary 192.0.2.71 ttl 60\n"
            "      unhealthy (check c1 unhealthy, set by command); dropped: it is unhealthy\n"
            "  + 'spare' secondary -> b.a.test.\n"
            "      healthy (target healthy); answers, share 1\n"
            "    b.a.test. A, simple\n"
            "      + record 192.0.2.72 ttl 60\n"
            "          healthy (nothing checks it); answers, share 1\n"
            "\n"
            "permitted answers\n"
            "  share  ttl  records\n"
            "  1      60   192.0.2.72\n");
}

TEST(ExplainText, SaysWhatTheClientHasToDoWithIt) {
  const std::string text = ExplainText(json::parse(R"json({
    "name": "a.test.", "type": "A", "outcome": "nodata", "owner": "a.test.",
    "answered_by_type": "A",
    "client": {"address": "192.0.2.7", "scope": 0, "note": "nothing at all"}})json"));
  EXPECT_EQ(text, "a.test. A: nodata\n  client 192.0.2.7, scope /0: nothing at all\n");
}

TEST(MachineFaults, NameProcessorsAndUsersThatAreNotHere) {
  control::NodeConfig node;
  node.path = "n.toml";
  node.user = "no-such-user";
  node.control_core = 1022;
  node.dataplane.enabled = true;
  node.dataplane.lcores = {1023};
  const auto faults = MachineFaults(node, true);
  ASSERT_EQ(faults.size(), 3U);
  EXPECT_TRUE(
      faults[0].starts_with("n.toml: [node] control_core names CPU 1022; expected one of "));
  EXPECT_TRUE(faults[1].starts_with("n.toml: [dataplane] lcores names CPU 1023; "));
  EXPECT_TRUE(faults[2].starts_with("n.toml: [node] user 'no-such-user': there is no such user"));
  EXPECT_EQ(MachineFaults(node, false).size(), 2U);
  node.control_core.reset();
  node.dataplane.enabled = false;
  node.sockets.enabled = false;
  EXPECT_TRUE(MachineFaults(node, true).empty());
}

TEST(FolderFaults, NameWhatKeepsTheUserOut) {
  std::string folder = (std::filesystem::temp_directory_path() / "hf-folder-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  control::NodeConfig node;
  node.path = "n.toml";
  node.user = "nobody";
  node.sockets.enabled = true;
  node.run_dir = "/";
  node.tables.directory = folder + "/later";  // what is not there yet is no fault
  ASSERT_EQ(chmod(folder.c_str(), 0755), 0);
  EXPECT_TRUE(FolderFaults(node, true).empty());
  ASSERT_EQ(chmod(folder.c_str(), 0700), 0);
  const auto faults = FolderFaults(node, true);
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_TRUE(faults[0].starts_with("n.toml: [tables] directory = \"" + folder +
                                    "/later\": the "
                                    "[node] user 'nobody' cannot enter " +
                                    folder + ";"))
      << faults[0];
  EXPECT_TRUE(FolderFaults(node, false).empty());
  std::filesystem::remove_all(folder);
}

TEST(Place, IsNamedByTheRunFolderHoweverItIsTyped) {
  const auto stem = [](const std::string& run_dir) {
    control::NodeConfig node;
    node.run_dir = run_dir;
    return control::PlaceOf(node).stem;
  };
  const std::string here = std::filesystem::current_path().string();
  for (const std::string& typed : {here + "/no/run/", here + "/no/./run", std::string("no/run/")}) {
    EXPECT_EQ(control::WholeRunDir(typed), here + "/no/run") << typed;
    EXPECT_EQ(stem(typed), stem(here + "/no/run")) << typed;
  }
  EXPECT_NE(stem("/no/run"), stem("/no/other"));
}

TEST(Place, SaysWhatThisMachineHasNoRoomFor) {
  control::TablesConfig tables;
  tables.hugepages = control::Hugepages::kNone;
  EXPECT_TRUE(control::CheckRoom(tables));
  tables.directory = "/no/such/folder";
  ASSERT_FALSE(control::CheckRoom(tables));
  EXPECT_TRUE(control::CheckRoom(tables).error().message.starts_with(
      "[tables] directory /no/such/folder is no folder here"));
  tables.directory.clear();
  tables.hugepages = control::Hugepages::k1G;
  tables.size_octets = std::uint64_t{1} << 50U;
  ASSERT_FALSE(control::CheckRoom(tables));
  EXPECT_NE(control::CheckRoom(tables).error().message.find("of 1 GiB pages"), std::string::npos);
}

TEST(Tables, RefusesWhatIsNoImage) {
  std::string folder = (std::filesystem::temp_directory_path() / "hf-admin-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  EXPECT_FALSE(OpenPublished(folder));  // nothing there
  for (const std::size_t octets : {std::size_t{0}, std::size_t{100}, std::size_t{8192}}) {
    std::ofstream(folder + "/root") << std::string(octets, 'x');
    EXPECT_FALSE(OpenPublished(folder)) << octets;
    const auto image = OpenImageFile(folder + "/root", 7);
    ASSERT_FALSE(image) << octets;
    EXPECT_NE(image.error().message.find(folder), std::string::npos) << image.error().message;
  }
  std::filesystem::remove_all(folder);
}

// A peer on a unix socket that takes one connection and does what the case says.
class Peer {
 public:
  explicit Peer(std::function<void(int)> behave) {
    std::string name = (std::filesystem::temp_directory_path() / "hf-admin-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = ControlSocketPath(folder_);
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
    thread_ = std::thread([this, behave = std::move(behave)] {
      const int client = accept(fd_, nullptr, nullptr);
      behave(client);
      close(client);
    });
  }
  ~Peer() {
    thread_.join();
    close(fd_);
    std::filesystem::remove_all(folder_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  int fd_ = -1;
  std::thread thread_;
};

std::string ReadLine(int fd) {
  std::string line;
  char c = 0;
  while (read(fd, &c, 1) == 1 && c != '\n') {
    line += c;
  }
  return line;
}

void WriteAll(int fd, const std::string& text) {
  ASSERT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

constexpr auto kLong = std::chrono::seconds(30);

TEST(ControlClient, SendsALineAndTakesTheRepliesOneByOne) {
  const Peer peer([](int fd) {
    EXPECT_EQ(json::parse(ReadLine(fd)), json::object({{"op", "ping"}}));
    // In pieces, and the second reply already behind the first.
    WriteAll(fd, R"({"ok": true, "re)");
    WriteAll(fd, "sult\": 1}\n{\"ok\": false}\n");
    ReadLine(fd);
  });
  auto client = ControlClient::Connect(peer.folder(), kLong);
  ASSERT_TRUE(client) << client.error().message;
  const auto first = client->Call({{"op", "ping"}});
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ((*first)["result"], 1);
  const auto second = client->Call({{"op", "ping"}});
  ASSERT_TRUE(second);
  EXPECT_EQ((*second)["ok"], false);
}

TEST(ControlClient, SaysWhatIsWrongWithAPeer) {
  struct Case {
    std::string reply;  // then the peer closes
    std::string said;
  };
  for (const Case& one : std::vector<Case>{{"", "went away before it replied"},
                                           {R"({"ok": true})", "went away before it replied"},
                                           {"hello\n", "no reply of control: hello"},
                                           {"[]\n", "no reply of control"},
                                           {"{\"ok\": 1}\n", "no reply of control"}}) {
    const Peer peer([&one](int fd) {
      ReadLine(fd);
      WriteAll(fd, one.reply);
    });
    auto client = ControlClient::Connect(peer.folder(), kLong);
    ASSERT_TRUE(client);
    const auto reply = client->Call({{"op", "ping"}});
    ASSERT_FALSE(reply) << one.reply;
    EXPECT_EQ(reply.error().code, ErrorCode::kUnavailable);
    EXPECT_NE(reply.error().message.find(one.said), std::string::npos) << reply.error().message;
  }
}

TEST(ControlClient, GivesUpOnASilentPeerInTime) {
  const Peer peer([](int fd) {
    ReadLine(fd);
    ReadLine(fd);  // returns when the client has gone
  });
  auto client = ControlClient::Connect(peer.folder(), std::chrono::milliseconds(20));
  ASSERT_TRUE(client);
  const auto reply = client->Call({{"op", "ping"}});
  ASSERT_FALSE(reply);
  EXPECT_NE(reply.error().message.find("within 20 ms"), std::string::npos);
}

TEST(ControlClient, SaysWhereNobodyListens) {
  const auto none = ControlClient::Connect("/no/such/folder", kLong);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kUnavailable);
  const auto lengthy = ControlClient::Connect("/" + std::string(120, 'x'), kLong);
  ASSERT_FALSE(lengthy);
  EXPECT_EQ(lengthy.error().code, ErrorCode::kInvalid);
}

TEST(ControlClient, RefusesToSendWhatIsNotUtf8) {
  const Peer peer([](int fd) { ReadLine(fd); });
  auto client = ControlClient::Connect(peer.folder(), kLong);
  ASSERT_TRUE(client);
  const auto reply = client->Call({{"op", "explain"}, {"name", "\xff"}});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace holdfast::tools
