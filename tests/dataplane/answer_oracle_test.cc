// Answer against the oracle: random zones full of wildcards, empty non-terminals, cuts, CNAMEs and
// DNAMEs, and queries at, below, beside and above what they hold.
#include "tests/dataplane/answer_oracle.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/dataplane/answer_client.h"
#include "tests/dataplane/test_tables.h"
#include "tests/dataplane/test_zone.h"

namespace holdfast::answer {
namespace {

using test::N;
using test::ReadRecord;
using wire::Type;

class RandomZones {
 public:
  explicit RandomZones(unsigned seed) : random_(seed) {}

  control::Model Make() {
    control::Model model;
    test::TestZone child("c.z.test.", 100, 50);
    Fill(child, "c.z.test.", 6);
    test::TestZone parent("z.test.", 900, 1000);
    Fill(parent, "z.test.", 24);
    // The delegation of the child; whatever else the parent has there was not taken.
    parent.Add("c", Type::kNs, {test::Wire("ns1.c.z.test."), test::Wire("a.z.test.")});
    if (Chance(50)) {
      parent.Add("c", Type::kDs, {std::string(36, 'd')});
    }
    model.zones.push_back(parent.zone());
    if (Chance(70)) {
      model.zones.push_back(child.zone());
    }
    if (Chance(30)) {
      model.zones.push_back(test::UnloadedZone("dead.test."));
    }
    return model;
  }

  /// A name at, below or near the zones, in mixed case.
  std::string Name() {
    std::string text;
    const unsigned depth = Below(5);
    for (unsigned i = 0; i < depth; ++i) {
      text += Label() + ".";
    }
    const char* origins[] = {"z.test.", "z.test.", "z.test.", "c.z.test.", "dead.test.", "test."};
    text += origins[Below(6)];
    for (char& c : text) {
      if (Chance(20)) {
        c = static_cast<char>(std::toupper(c));
      }
    }
    return test::Wire(text);
  }
  unsigned Below(unsigned n) { return std::uniform_int_distribution<unsigned>(0, n - 1)(random_); }
  bool Chance(unsigned percent) { return Below(100) < percent; }

 private:
  std::string Label() {
    const char* labels[] = {"a", "b", "d", "*", "ns1", "ee", "c"};
    return labels[Below(7)];
  }

  std::string Target(const std::string& origin) {
    std::string text;
    for (unsigned i = Below(3); i > 0; --i) {
      text += Label() + ".";
    }
    const char* ends[] = {"", "", "c.z.test.", "z.test.", "other.invalid."};
    const char* end = ends[Below(5)];
    return text + (*end == '\0' ? origin : end);
  }

  void Fill(test::TestZone& zone, const std::string& origin, unsigned names) {
    zone.Add("ns1", Type::kA, {test::A("192.0.2.1")});
    taken_ = {"c", "ns1"};
    for (unsigned i = 0; i < names; ++i) {
      std::string name = Label();
      for (unsigned depth = Below(3); depth > 0; --depth) {
        name += "." + Label();
      }
      if (name.ends_with(".c") || !taken_.insert(name).second) {
        continue;
      }
      AddNode(zone, name, origin);
    }
  }

  void AddNode(test::TestZone& zone, const std::string& name, const std::string& origin) {
    const unsigned kind = Below(100);
    if (kind < 15 && !name.starts_with("*")) {
      zone.Add(
          name, Type::kNs, {test::Wire("ns1." + name + "." + origin), test::Wire(Target(origin))});
      if (Chance(40)) {
        zone.Add(name, Type::kDs, {std::string(36, 's')});
      }
      if (taken_.insert("ns1." + name).second) {
        zone.Add("ns1." + name, Type::kA, {test::A("192.0.2.53")});
      }
    } else if (kind < 35) {
      zone.Add(name, Type::kCname, {test::Wire(Target(origin))});
    } else if (kind < 42 && !name.starts_with("*")) {
      zone.Add(name, Type::kDname, {test::Wire(Target(origin))});
    } else {
      AddData(zone, name, origin);
    }
  }

  void AddData(test::TestZone& zone, const std::string& name, const std::string& origin) {
    bool any = false;
    if (Chance(60)) {
      std::vector<std::string> addresses;
      for (unsigned i = 0; i <= Below(4); ++i) {
        addresses.push_back(test::A(("192.0.2." + std::to_string(100 + i)).c_str()));
      }
      zone.Add(name, Type::kA, addresses, 60 + Below(1000));
      any = true;
    }
    if (Chance(30)) {
      zone.Add(name, Type::kAaaa, {test::Aaaa("2001:db8::7")});
      any = true;
    }
    if (Chance(20)) {
      zone.Add(name, Type::kMx, {test::Mx(1, Target(origin)), test::Mx(2, Target(origin))});
      any = true;
    }
    if (Chance(30) || !any) {
      zone.Add(name, Type::kTxt, {test::Txt(name)});
    }
  }

  std::mt19937 random_;
  std::set<std::string> taken_;  // names of the zone in the making, without its origin
};

std::vector<ReadRecord> Sorted(std::vector<ReadRecord> records) {
  for (auto& record : records) {
    record.owner = wire::Fold(record.owner);
    record.rdata = wire::Fold(record.rdata);
  }
  std::ranges::sort(records);
  return records;
}

bool Holds(const std::vector<ReadRecord>& all, const std::vector<ReadRecord>& part) {
  return std::ranges::all_of(
      part, [&](const ReadRecord& record) { return std::ranges::find(all, record) != all.end(); });
}

void ExpectSame(const test::ReadReply& reply, const test::Expected& expected) {
  EXPECT_EQ(reply.Rcode(), expected.rcode);
  EXPECT_EQ(reply.Aa(), expected.authoritative);
  if (expected.any) {
    // One whole rrset out of those that are there (RFC 8482 4.1).
    ASSERT_FALSE(reply.answer.empty());
    auto of_type = expected.answer;
    std::erase_if(of_type, [&](const ReadRecord& r) { return r.type != reply.answer[0].type; });
    EXPECT_EQ(Sorted(reply.answer), Sorted(of_type));
  } else {
    EXPECT_EQ(Sorted(reply.answer), Sorted(expected.answer));
  }
  EXPECT_EQ(Sorted(reply.authority), Sorted(expected.authority));
  const auto additional = Sorted(reply.additional);
  EXPECT_TRUE(Holds(additional, expected.glue)) << "required glue is missing";
  for (const auto& record : additional) {
    EXPECT_TRUE(Holds(expected.addresses, {record}))
        << wire::ToText(record.owner) << " is not an address of what the reply names";
  }
}

std::string What(unsigned seed, const std::string& qname, std::uint16_t qtype) {
  return "seed " + std::to_string(seed) + ": " + wire::ToText(qname) + " " + wire::TypeText(qtype);
}

TEST(Answer, AgreesWithTheOracleOnRandomZones) {
  constexpr unsigned kZones = 60;
  constexpr unsigned kQueries = 400;
  const Type types[] = {Type::kA,
                        Type::kAaaa,
                        Type::kTxt,
                        Type::kMx,
                        Type::kNs,
                        Type::kDs,
                        Type::kCname,
                        Type::kDname,
                        Type::kSoa,
                        Type::kAny,
                        Type::kSrv};
  test::AnswerClient client;
  std::map<unsigned, int> rcodes;
  int referrals = 0;
  for (unsigned seed = 1; seed <= kZones; ++seed) {
    RandomZones zones(seed);
    const control::Model model = zones.Make();
    const test::TestTables tables(model, 4U << 20U);
    for (unsigned i = 0; i < kQueries; ++i) {
      const std::string qname = zones.Name();
      const std::uint16_t qtype = N(types[zones.Below(std::size(types))]);
      SCOPED_TRACE(What(seed, qname, qtype));
      test::PacketBuilder message;
      message.RawQuestion(qname, qtype);
      const auto whole = client.Ask(tables.snapshot(), message, Transport::kTcp);
      const std::size_t octets = client.octets();
      const auto expected = test::AskOracle(model, qname, qtype);
      EXPECT_EQ(whole.qname, qname);
      EXPECT_FALSE(whole.Tc());
      ExpectSame(whole, expected);
      ++rcodes[expected.rcode];
      referrals += expected.referral ? 1 : 0;
      const auto small = client.Ask(tables.snapshot(), message);
      if (small.Tc()) {
        EXPECT_GT(octets, 512U);
        EXPECT_TRUE(small.answer.empty() && small.authority.empty() && small.additional.empty());
      } else {
        ExpectSame(small, expected);
      }
      if (testing::Test::HasFailure()) {
        return;  // one is enough to look at
      }
    }
  }
  EXPECT_GT(rcodes[0], 3000);
  EXPECT_GT(rcodes[3], 1000);
  EXPECT_GT(rcodes[5], 300);
  EXPECT_GT(referrals, 500);
  EXPECT_EQ(client.Count(Counter::kUnreadableTable), 0U);
}

}  // namespace
}  // namespace holdfast::answer
