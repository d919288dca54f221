// Groups whose records lead to where the client is asked, and others: health and draws choose among
// them. Shared by the tests of the rules and of the answer path.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>

#include "control/model/model.h"
#include "tests/dataplane/located_zone.h"

namespace holdfast::test {

/// Primary under `check`, and secondary; of `type`.
inline void AddFailover(control::Zone& zone,
                        const std::string& name,
                        wire::Type type,
                        const std::string& check,
                        const std::string& primary,
                        const std::string& secondary) {
  for (const bool first : {true, false}) {
    auto set = Member(first ? "p" : "s", first ? primary : secondary, first ? check.c_str() : "");
    set.name = Wire(name + ".example.test.");
    set.type = N(type);
    set.policy = control::Policy::kFailover;
    set.primary = first;
    zone.record_sets.push_back(std::move(set));
  }
}

inline void AddWeighted(control::Zone& zone,
                        const std::string& name,
                        wire::Type type,
                        std::initializer_list<std::string> rdata) {
  std::string id = "a";
  for (const std::string& one : rdata) {
    auto set = Member(id.c_str(), one);
    ++id[0];
    set.name = Wire(name + ".example.test.");
    set.type = N(type);
    set.policy = control::Policy::kWeighted;
    set.weight = 1;
    zone.record_sets.push_back(std::move(set));
  }
}

/// LocatedModel with checks k1 and k2, and groups that lead to its `geo` and `cidr` by way of a
/// CNAME, of two, round in a loop, through another zone, a wildcard, a DNAME, an alias, addresses
/// beside, of the server of a delegation `cut`; of services whose owner has their addresses `ssvc`
/// (from `geo`), `asvc` (an alias to that, addresses from `cidr`) and `osvc` (a group of aliases to
/// `asvc`, addresses from `cidr`). `calm`, `calmmail`, `calmtext` and `calmsvc` (an alias to `ssvc`
/// with a plain address) lead to `plain` alone.
inline control::Model LeadingGroups() {
  using wire::Type;
  const auto at = [](const char* name) { return Wire(std::string(name) + ".example.test."); };
  const auto mx = [](const char* name) { return Mx(1, std::string(name) + ".example.test."); };
  control::Model model = LocatedModel();
  model.checks.emplace_back().id = "k1";
  model.checks.emplace_back().id = "k2";
  control::Zone& zone = model.zones[0];
  const auto add = [&zone](const std::string& owner, Type type, const std::string& rdata) {
    zone.rrsets.push_back(
        {.owner = owner, .type = N(type), .ttl = 60, .rdata = {rdata}, .source = {}});
  };
  AddFailover(zone, "fc", Type::kCname, "k1", at("plain"), at("geo"));
  AddFailover(zone, "chain", Type::kCname, "k1", at("plain"), at("chain2"));
  AddFailover(zone, "chain2", Type::kCname, "k2", at("cidr"), at("geo"));
  AddFailover(zone, "loop", Type::kCname, "k1", at("plain"), at("loop2"));
  AddFailover(zone, "loop2", Type::kCname, "k2", at("cidr"), at("loop"));
  AddFailover(zone, "over", Type::kCname, "k1", at("plain"), Wire("www.other.test."));
  AddFailover(zone, "wild", Type::kCname, "k1", at("plain"), at("x.any"));
  AddFailover(zone, "renamed", Type::kCname, "k1", at("plain"), at("x.old"));
  AddFailover(zone, "fmx", Type::kMx, "k1", mx("plain"), mx("cidr"));
  AddWeighted(zone, "wmx", Type::kMx, {mx("plain"), mx("geo")});
  AddWeighted(
      zone, "wsrv", Type::kSrv, {Srv(1, "plain.example.test."), Srv(2, "geo.example.test.")});
  AddWeighted(zone, "cmx", Type::kCname, {at("plain"), at("mail")});
  AddFailover(zone, "amx", Type::kMx, "k2", mx("plain"), "");
  zone.record_sets.back().rdata.clear();
  zone.record_sets.back().alias =
      control::AliasTarget{.hosted_zone_id = zone.id, .name = at("fmx")};
  AddFailover(zone, "calm", Type::kCname, "k1", at("plain"), at("absent"));
  AddWeighted(zone, "calmmail", Type::kMx, {mx("plain"), mx("absent")});
  AddFailover(zone, "calmtext", Type::kTxt, "k1", Txt("up"), Txt("down"));
  AddFailover(zone, "cutoff", Type::kCname, "k1", at("plain"), at("x.cut"));
  AddFailover(zone, "ns.cut", Type::kA, "k2", "", A("192.0.2.66"));
  zone.record_sets[zone.record_sets.size() - 2].rdata.clear();
  zone.record_sets[zone.record_sets.size() - 2].alias =
      control::AliasTarget{.hosted_zone_id = zone.id, .name = at("geo")};
  const auto alias = [&zone, &at](const char* name, Type type, const char* target) {
    auto set = Member("", "");
    set.name = at(name);
    set.type = N(type);
    set.policy = control::Policy::kSimple;
    set.rdata.clear();
    set.alias = control::AliasTarget{.hosted_zone_id = zone.id, .name = at(target)};
    zone.record_sets.push_back(std::move(set));
  };
  AddWeighted(zone, "ssvc", Type::kHttps, {Svc(1, "plain.example.test."), Svc(2, ".")});
  alias("ssvc", Type::kA, "geo");
  alias("asvc", Type::kHttps, "ssvc");
  alias("asvc", Type::kA, "cidr");
  AddFailover(zone, "osvc", Type::kHttps, "k1", "", Svc(3, "plain.example.test."));
  zone.record_sets[zone.record_sets.size() - 2].rdata.clear();
  zone.record_sets[zone.record_sets.size() - 2].alias =
      control::AliasTarget{.hosted_zone_id = zone.id, .name = at("asvc")};
  alias("osvc", Type::kA, "cidr");
  alias("calmsvc", Type::kHttps, "ssvc");
  add(at("calmsvc"), Type::kA, A("192.0.2.77"));
  add(at("cut"), Type::kNs, at("ns.cut"));
  add(at("first"), Type::kCname, at("chain"));
  add(at("*.any"), Type::kCname, at("cidr"));
  add(at("old"), Type::kDname, at("new"));
  add(at("x.new"), Type::kCname, at("geo"));
  TestZone other("other.test.");
  other.Cname("www", "geo.example.test.");
  model.zones.push_back(other.zone());
  return model;
}

}  // namespace holdfast::test
