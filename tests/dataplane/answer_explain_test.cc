// The scope that explain tells, held to the one on the wire: what a CNAME or DNAME leads to and the
// addresses beside an answer count for both.
#include <algorithm>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "control/compile/explain.h"
#include "dataplane/base/bytes.h"
#include "tests/dataplane/answer_reply.h"
#include "tests/dataplane/located_zone.h"

namespace holdfast::answer {
namespace {

using test::Be16Octets;

control::RecordSet AliasTo(const std::string& zone_id, const std::string& target) {
  control::RecordSet set{.name = {}, .type = N(Type::kA)};
  set.alias = control::AliasTarget{.hosted_zone_id = zone_id, .name = Wire(target)};
  return set;
}

// LocatedModel, and names that lead to its `geo` (countries) and `cidr` (blocks) in every way.
control::Model LeadingModel() {
  using namespace test;  // NOLINT(google-build-using-namespace)
  control::Model model = LocatedModel();
  TestZone zone("example.test.");
  zone.Add("srv", Type::kSrv, {Srv(1, zone.Absolute("cidr")), Srv(2, zone.Absolute("geo"))});
  zone.Cname("c1", "c2").Cname("c2", "cidr").Cname("loop", "loop").Cname("away", "o.test.");
  zone.Cname("cmail", "mail").Cname("deep", "x.moved").Cname("over", "www.other.test.");
  zone.Add("moved", Type::kDname, {Wire(zone.Absolute("target"))});
  zone.Cname("x.target", "geo");
  zone.Add("static", Type::kMx, {Mx(1, zone.Absolute("plain"))});
  zone.Add("mixed", Type::kMx, {Mx(1, zone.Absolute("plain")), Mx(2, zone.Absolute("alias"))});
  zone.Add(AliasTo(zone.zone().id, zone.Absolute("geo")), "alias");
  control::Zone& located = model.zones[0];
  for (const control::Rrset& rrset : zone.zone().rrsets) {
    if (rrset.owner != located.origin) {  // that has its own
      located.rrsets.push_back(rrset);
    }
  }
  std::ranges::copy(zone.zone().record_sets, std::back_inserter(located.record_sets));
  TestZone other("other.test.");
  other.Cname("www", "geo.example.test.");
  model.zones.push_back(other.zone());
  return model;
}

class ExplainedScope : public testing::Test {
 protected:
  // Of an IPv4 prefix of whole octets.
  int OnTheWire(const std::string& name, Type type, const std::string& octets) {
    const std::string data =
        Be16Octets(1) + static_cast<char>(octets.size() * 8) + std::string(1, '\0') + octets;
    const auto reply = client_.Ask(tables_.snapshot(),
                                   PacketBuilder()
                                       .Question(name + ".example.test", type)
                                       .Edns({.options = test::Option(8, data)}));
    return reply.opt_rdata.size() > 7 ? static_cast<unsigned char>(reply.opt_rdata[7]) : -1;
  }
  control::Explanation Told(const std::string& name, Type type, const std::string& octets) {
    std::string whole = octets;
    whole.resize(4);
    const auto told = control::Explain(model_,
                                       {},
                                       Wire(name + ".example.test"),
                                       N(type),
                                       {.address = LoadBe32(whole.data()),
                                        .length = static_cast<std::uint8_t>(octets.size() * 8),
                                        .v6 = false},
                                       &kept_);
    EXPECT_TRUE(told) << name << ": " << (told ? "" : told.error().message);
    return told ? *told : control::Explanation{};
  }

  control::Model model_ = LeadingModel();
  test::TestTables tables_{model_};
  test::AnswerClient client_;
  control::KeptRows kept_;
};

TEST_F(ExplainedScope, IsThatOfTheWire) {
  const std::vector<std::string> clients = {std::string("\x0a\x01\x02", 3),
                                            std::string("\x0a\x01\x03", 3),
                                            std::string("\x0a\x02", 2),
                                            std::string("\x0a\x01\x80", 3),
                                            std::string("\x0b", 1)};
  const std::vector<std::pair<const char*, Type>> names = {
      {"geo", Type::kA},      {"cidr", Type::kA},  {"plain", Type::kA},   {"absent", Type::kA},
      {"cg", Type::kA},       {"c1", Type::kA},    {"c1", Type::kAaaa},   {"cg", Type::kCname},
      {"mail", Type::kMx},    {"srv", Type::kSrv}, {"cmail", Type::kMx},  {"static", Type::kMx},
      {"mixed", Type::kMx},   {"loop", Type::kA},  {"away", Type::kA},    {"over", Type::kA},
      {"x.moved", Type::kA},  {"deep", Type::kA},  {"y.moved", Type::kA}, {"geoless", Type::kA},
      {"x.moved", Type::kMx}, {"moved", Type::kA}, {"alias", Type::kA}};
  int said = 0;
  for (const auto& [name, type] : names) {
    for (const std::string& octets : clients) {
      const int wire = OnTheWire(name, type, octets);
      EXPECT_EQ(Told(name, type, octets).scope, wire)
          << name << " " << wire::TypeText(N(type)) << " " << static_cast<int>(octets[0]) << "/"
          << octets.size() * 8;
      said += wire > 0 ? 1 : 0;
    }
  }
  EXPECT_GT(said, 60);
}

TEST_F(ExplainedScope, NamesWhatElseOfTheReplyDependsOnTheClient) {
  const std::string client("\x0a\x01\x03", 3);
  const auto chain = Told("c1", Type::kA, client);
  EXPECT_FALSE(chain.asks_client);
  ASSERT_EQ(chain.also.size(), 1U);
  EXPECT_EQ(chain.also[0].name, "cidr.example.test.");
  EXPECT_FALSE(chain.also[0].beside);
  EXPECT_EQ(chain.also[0].scope, 24);
  const auto service = Told("srv", Type::kSrv, client);
  ASSERT_EQ(service.also.size(), 2U);
  EXPECT_EQ(service.also[0].name, "cidr.example.test.");
  EXPECT_EQ(service.also[1].name, "geo.example.test.");
  EXPECT_TRUE(service.also[1].beside);
  EXPECT_TRUE(Told("static", Type::kMx, client).also.empty());
}

}  // namespace
}  // namespace holdfast::answer
