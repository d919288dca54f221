// The test zone of the conformance list, static and routed names, with a child zone, a zone without
// data and what only damaged-image tests need. Shared by unit tests and the fuzzer.
#pragma once

#include <string>

#include "tests/dataplane/test_zone.h"

namespace holdfast::test {

inline control::RecordSet Member(const char* id, std::string rdata, const char* check = "") {
  control::RecordSet set;
  set.type = N(wire::Type::kA);
  set.set_identifier = id;
  set.ttl = 30;
  set.rdata = {std::move(rdata)};
  set.health_check_id = check;
  return set;
}

inline void AddRouted(TestZone& zone) {
  using control::Policy;
  for (const bool primary : {true, false}) {
    auto set = Member(primary ? "p" : "s",
                      A(primary ? "192.0.2.10" : "192.0.2.20"),
                      primary ? "check-p" : "check-s");
    set.policy = Policy::kFailover;
    set.primary = primary;
    zone.Add(set, "f2");
  }
  const std::uint8_t weights[] = {1, 2, 7};
  for (int i = 0; i < 3; ++i) {
    auto set = Member(std::to_string(i).c_str(), A(("192.0.2." + std::to_string(31 + i)).c_str()));
    set.policy = Policy::kWeighted;
    set.weight = weights[i];
    zone.Add(set, "w3");
  }
  for (int i = 0; i < 12; ++i) {
    auto set = Member(std::to_string(i).c_str(),
                      A(("192.0.2." + std::to_string(40 + i)).c_str()),
                      i == 0 ? "check-p" : "");
    set.policy = Policy::kMultivalue;
    zone.Add(set, "mv");
  }
  for (int i = 0; i < 20; ++i) {
    auto set = Member(std::to_string(i).c_str(), A(("192.0.2." + std::to_string(100 + i)).c_str()));
    set.policy = Policy::kMultivalue;
    zone.Add(set, "mv20");
  }
  for (const bool primary : {true, false}) {
    auto set = Member(primary ? "p" : "s",
                      Wire(zone.Absolute(primary ? "www" : "multi")),
                      primary ? "check-p" : "");
    set.type = N(wire::Type::kCname);
    set.policy = Policy::kFailover;
    set.primary = primary;
    zone.Add(set, "fc");
  }
}

inline TestZone ExampleZone() {
  using wire::Type;
  TestZone zone("example.test.");
  zone.Add("ns1", Type::kA, {A("192.0.2.1")}).Add("ns1", Type::kAaaa, {Aaaa("2001:db8::1")});
  zone.Add("ns2", Type::kA, {A("192.0.2.2")}).Add("ns2", Type::kAaaa, {Aaaa("2001:db8::2")});
  zone.Add("www", Type::kA, {A("192.0.2.3")}, 300);
  zone.Add("www", Type::kAaaa, {Aaaa("2001:db8::3")}, 300);
  zone.Add("www", Type::kHttps, {Be16Octets(1) + Wire(".")}, 300);
  std::vector<std::string> eight;
  for (int i = 0; i < 8; ++i) {
    eight.push_back(A(("198.51.100." + std::to_string(i + 1)).c_str()));
  }
  zone.Add("multi", Type::kA, eight);
  zone.Cname("alias", "www").Cname("c1", "c2").Cname("c2", "c3").Cname("c3", "www");
  zone.Cname("ext", "host.other.invalid.").Cname("dangling", "gone");
  zone.Cname("loop1", "loop2").Cname("loop2", "loop1").Cname("self", "self");
  zone.Cname("tosub", "host.sub").Cname("tochild", "www.child").Cname("todead", "x.dead.test.");
  for (int i = 0; i < 30; ++i) {
    zone.Cname("step" + std::to_string(i), "step" + std::to_string(i + 1));
  }
  zone.Add("step30", Type::kA, {A("192.0.2.30")});
  zone.Add("dn", Type::kDname, {Wire("target.example.test.")}, 500);
  zone.Add("host.target", Type::kA, {A("192.0.2.4")});
  zone.Add("dnloop", Type::kDname, {Wire("dnloop.example.test.")});
  zone.Add("*.w", Type::kA, {A("192.0.2.5")}).Add("*.w", Type::kTxt, {Txt("wild")});
  zone.Add("host.w", Type::kTxt, {Txt("host")});
  zone.Cname("*.cw", "www");
  zone.Add("x.*.ew", Type::kA, {A("192.0.2.6")});
  zone.Add("*.*.nw", Type::kA, {A("192.0.2.7")});
  zone.Add("a.ent", Type::kA, {A("192.0.2.8")});
  zone.Add("sub", Type::kNs, {Wire("ns1.sub.example.test."), Wire("ns.other.invalid.")}, 1800);
  zone.Add("ns1.sub", Type::kA, {A("192.0.2.9")}).Add("hidden.sub", Type::kTxt, {Txt("hidden")});
  zone.Add("signedsub", Type::kNs, {Wire("ns1.example.test.")});
  zone.Add("signedsub", Type::kDs, {std::string("\0\1\15\2", 4) + std::string(32, 'd')});
  zone.Add("child", Type::kNs, {Wire("ns1.example.test.")});
  zone.Add("child", Type::kDs, {std::string("\0\2\15\2", 4) + std::string(32, 'e')});
  zone.Add("big", Type::kTxt, {Txt(std::string(3000, 'b'))});
  zone.Add("mail", Type::kMx, {Mx(10, "www.example.test."), Mx(20, "multi.example.test.")});
  zone.Add("mail", Type::kTxt, {Txt("mail")});
  zone.Add("_sip._tcp", Type::kSrv, {Srv(5060, "www.example.test.")});
  zone.Add("mxf", Type::kMx, {Mx(10, "f2.example.test.")});
  zone.Add("x*y", Type::kTxt, {Txt("no wildcard")});
  zone.AddWire(std::string("\3\0.\xFF", 4) + Wire("example.test."), N(Type::kTxt), {Txt("any")});
  zone.AddWire("\3a.b" + Wire("example.test."), N(Type::kTxt), {Txt("one label")});
  zone.AddWire(Wire("unknown.example.test."), 65280, {"\x0a\x0b\x0c"});
  std::vector<std::string> servers;
  for (int i = 0; i < 13; ++i) {
    const std::string host = "ns" + std::to_string(i) + ".many";
    servers.push_back(Wire(zone.Absolute(host)));
    zone.Add(host, Type::kA, {A(("203.0.113." + std::to_string(i)).c_str())});
    zone.Add(host, Type::kAaaa, {Aaaa(("2001:db8:1::" + std::to_string(i)).c_str())});
  }
  zone.Add("many", Type::kNs, servers);
  AddRouted(zone);
  return zone;
}

inline control::Model ExampleModel() {
  using wire::Type;
  control::Model model;
  model.zones.push_back(ExampleZone().zone());
  TestZone child("child.example.test.", 3600, 30);
  child.Add("www", Type::kA, {A("192.0.2.77")}).Add("ns1", Type::kA, {A("192.0.2.78")});
  child.Add("ns2", Type::kA, {A("192.0.2.79")});
  model.zones.push_back(child.zone());
  model.zones.push_back(UnloadedZone("dead.test."));
  for (const char* id : {"check-p", "check-s"}) {
    health::CheckConfig check;
    check.id = id;
    model.checks.push_back(check);
  }
  return model;
}

}  // namespace holdfast::test
