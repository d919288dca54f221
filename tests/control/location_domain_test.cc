// The join of sources against a slow oracle that asks each source alone.
#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "control/location/cidr.h"
#include "control/location/domain.h"

namespace holdfast::control {
namespace {

struct Tables {
  std::vector<PrefixRow> geo, cell, latency;
  std::vector<std::vector<CidrRow>> collections;
};

// Prefixes of both families that nest and touch often: a few address bits at either end.
class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}
  std::uint32_t Below(std::uint32_t end) { return static_cast<std::uint32_t>(random_() % end); }

  Prefix Client() {
    Prefix client;
    client.v6 = Below(2) == 0;
    const unsigned width = client.Width();
    client.length = static_cast<std::uint8_t>(Below(3) == 0 ? width : Below(width + 1));
    client.bits = Bits(client.v6) & Mask(client);
    return client;
  }
  Prefix Any(int longest_v4, int longest_v6, int shortest) {
    Prefix prefix;
    prefix.v6 = Below(2) == 0;
    const int longest = prefix.v6 ? longest_v6 : longest_v4;
    prefix.length = static_cast<std::uint8_t>(shortest + Below(longest - shortest + 1));
    prefix.bits = Bits(prefix.v6) & Mask(prefix);
    return prefix;
  }
  template <class Row, class Make>
  std::vector<Row> Rows(std::size_t count, Make make) {
    std::map<Prefix, Row> rows;
    for (std::size_t i = 0; i < count; ++i) {
      const Row row = make();
      rows.emplace(row.prefix, row);
    }
    std::vector<Row> sorted;
    for (const auto& [prefix, row] : rows) {
      sorted.push_back(row);
    }
    return sorted;
  }
  Tables MakeTables() {
    Tables tables;
    const auto some = [this] { return PrefixRow{Any(32, 64, 0), Below(4), 0}; };
    tables.geo = Rows<PrefixRow>(Below(30), some);
    tables.cell = Rows<PrefixRow>(Below(30), some);
    tables.latency = Rows<PrefixRow>(Below(30), some);
    for (std::uint32_t i = Below(4); i > 0; --i) {
      tables.collections.push_back(Rows<CidrRow>(Below(40), [this] {
        return CidrRow{Any(24, 48, 1), std::string(Below(2) == 0 ? "a" : "b")};
      }));
    }
    return tables;
  }

 private:
  std::uint64_t Bits(bool v6) {
    const int width = v6 ? 64 : 32;
    std::uint64_t bits = static_cast<std::uint64_t>(Below(16)) << (width - 4);
    bits |= static_cast<std::uint64_t>(Below(8)) << (width - (v6 ? 48 : 24));
    return bits | Below(4);
  }
  static std::uint64_t Mask(const Prefix& prefix) {
    const std::uint64_t all = prefix.v6 ? ~std::uint64_t{0} : 0xffffffff;
    return prefix.length == 0 ? 0 : all << (prefix.Width() - prefix.length) & all;
  }
  std::mt19937 random_;
};

LocationData DataOf(const Tables& tables) {
  LocationData data;
  data.geo = MakePrefixMap(tables.geo);
  data.cell = MakePrefixMap(tables.cell);
  data.latency = MakePrefixMap(tables.latency);
  for (const auto& rows : tables.collections) {
    SetBlocks(rows, data.collections.emplace_back());
  }
  return data;
}

// The value of the longest prefix around the client's first address.
std::uint32_t Ask(const std::vector<PrefixRow>& rows, const Prefix& client) {
  Prefix address = client;
  address.length = static_cast<std::uint8_t>(client.Width());
  std::uint32_t value = 0;
  int longest = -1;
  for (const PrefixRow& row : rows) {
    if (row.prefix.v6 == client.v6 && row.prefix.Contains(address) && row.prefix.length > longest) {
      longest = row.prefix.length;
      value = row.value;
    }
  }
  return value;
}

// The longest block around the whole of the client's prefix.
std::uint32_t Ask(const std::vector<CidrRow>& rows, const Prefix& client) {
  std::uint32_t block = 0;
  int longest = -1;
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    const Prefix& prefix = rows[i].prefix;
    if (prefix.v6 == client.v6 && prefix.Contains(client) && prefix.length > longest) {
      longest = prefix.length;
      block = i + 1;
    }
  }
  return block;
}

std::uint32_t RecordAt(const Domain& domain, const Prefix& client) {
  return client.v6 ? domain.records.v6.At(client.bits)
                   : domain.records.v4.At(static_cast<std::uint32_t>(client.bits));
}

std::uint8_t ScopeAt(const Domain& domain, const Prefix& client) {
  return client.v6 ? ScopeOf(domain.records.v6, client.bits)
                   : ScopeOf(domain.records.v4, static_cast<std::uint32_t>(client.bits));
}

DomainSources SomeSources(Generator& random, const Tables& tables) {
  DomainSources sources{random.Below(2) == 0, random.Below(2) == 0, random.Below(2) == 0, {}};
  for (std::uint32_t i = 0; i < tables.collections.size(); ++i) {
    if (random.Below(2) == 0) {
      sources.collections.push_back(i);
    }
  }
  return sources;
}

TEST(Domain, SaysWhatEachSourceSaysAlone) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    Generator random(seed);
    const Tables tables = random.MakeTables();
    const LocationData data = DataOf(tables);
    const DomainSources sources = SomeSources(random, tables);
    const Domain domain = MakeDomain(data, sources);
    for (int i = 0; i < 300; ++i) {
      const Prefix client = random.Client();
      DomainClass expected;
      expected.geo = sources.geo ? Ask(tables.geo, client) : 0;
      expected.cell = sources.cell ? Ask(tables.cell, client) : 0;
      expected.latency = sources.latency ? Ask(tables.latency, client) : 0;
      for (const std::uint32_t collection : sources.collections) {
        expected.blocks.push_back(Ask(tables.collections[collection], client));
      }
      const DomainRecord& record = RecordFor(domain, RecordAt(domain, client), client.length);
      ASSERT_EQ(domain.classes.at(record.class_at), expected)
          << "seed " << seed << " client " << ToText(client);
    }
  }
}

TEST(Domain, HasScopesThatAreDisjointAndOfOneRecord) {
  for (unsigned seed = 1000; seed < 1200; ++seed) {
    Generator random(seed);
    const Tables tables = random.MakeTables();
    const LocationData data = DataOf(tables);
    const Domain domain = MakeDomain(data, SomeSources(random, tables));
    std::vector<Prefix> scopes;
    for (int i = 0; i < 60; ++i) {
      Prefix scope = random.Client();
      const std::uint64_t address = scope.bits;
      const std::uint32_t record = RecordAt(domain, scope);
      scope.length = ScopeAt(domain, scope);
      const auto widen = [](Prefix prefix) {
        const std::uint64_t host = Prefix{prefix.v6, 0, prefix.length}.Last();
        prefix.bits &= ~host;
        return prefix;
      };
      scope = widen(scope);
      Prefix last = scope;
      last.bits = scope.Last();
      EXPECT_EQ(RecordAt(domain, scope), record);
      EXPECT_EQ(RecordAt(domain, last), record);
      const auto same_range = [&](const Prefix& prefix) {
        return prefix.v6 ? domain.records.v6.IndexOf(prefix.bits) ==
                               domain.records.v6.IndexOf(prefix.Last())
                         : domain.records.v4.IndexOf(static_cast<std::uint32_t>(prefix.bits)) ==
                               domain.records.v4.IndexOf(static_cast<std::uint32_t>(prefix.Last()));
      };
      EXPECT_TRUE(same_range(scope));
      if (scope.length > 0) {
        const Prefix shorter{scope.v6, address, static_cast<std::uint8_t>(scope.length - 1)};
        EXPECT_FALSE(same_range(widen(shorter))) << "a shorter scope would do";
      }
      scopes.push_back(scope);
    }
    for (const Prefix& a : scopes) {
      for (const Prefix& b : scopes) {
        EXPECT_TRUE(a == b || a.v6 != b.v6 || (!a.Contains(b) && !b.Contains(a)))
            << ToText(a) << " " << ToText(b);
      }
    }
  }
}

TEST(Domain, HasNoClassTwiceAndNoEndlessParents) {
  for (unsigned seed = 2000; seed < 2100; ++seed) {
    Generator random(seed);
    const Tables tables = random.MakeTables();
    const LocationData data = DataOf(tables);
    Domain domain = MakeDomain(data, SomeSources(random, tables));
    for (const DomainRecord& record : domain.record) {
      const DomainRecord& parent = domain.record.at(record.parent);
      EXPECT_TRUE(record.length == 0 ? &parent == &record : parent.length < record.length);
    }
    std::ranges::sort(domain.classes);
    EXPECT_EQ(std::ranges::adjacent_find(domain.classes), domain.classes.end());
  }
}

// Routing cases 70-75 and 93.
TEST(Domain, MatchesABlockOnlyWhenItIsNotLongerThanTheClientsPrefix) {
  LocationData data;
  SetBlocks({{{false, 0xc6330000, 16}, "isp1"}, {{false, 0xc6336400, 24}, "isp2"}},
            data.collections.emplace_back());
  const Domain domain = MakeDomain(data, {false, false, false, {0}});
  const auto block = [&](std::uint32_t address, std::uint8_t length) {
    const auto& record = RecordFor(domain, domain.records.v4.At(address), length);
    return domain.classes[record.class_at].blocks.at(0);
  };
  EXPECT_EQ(block(0xc6330700, 24), 1U);
  EXPECT_EQ(block(0xc6336400, 24), 2U);
  EXPECT_EQ(block(0xc6336400, 23), 1U);
  EXPECT_EQ(block(0xc6336407, 32), 2U);
  EXPECT_EQ(block(0xc6336400, 16), 1U);
  EXPECT_EQ(block(0xc6336400, 15), 0U);
  EXPECT_EQ(block(0xcb007105, 32), 0U);
  EXPECT_EQ(ScopeOf(domain.records.v4, 0xc6336407), 24);
  EXPECT_EQ(ScopeOf(domain.records.v4, 0xc6336507), 24);
  EXPECT_EQ(ScopeOf(domain.records.v4, 0xc6330000), 18);
  EXPECT_EQ(ScopeOf(domain.records.v6, 0), 0);
}

TEST(Domain, IsOneRecordWhenNothingIsAsked) {
  LocationData data;
  data.geo = MakePrefixMap(std::vector<PrefixRow>{{{false, 0, 1}, 1, 0}});
  const Domain domain = MakeDomain(data, {});
  EXPECT_EQ(domain.records, PrefixMap{});
  EXPECT_EQ(domain.record.size(), 1U);
  EXPECT_EQ(domain.classes, std::vector<DomainClass>(1));
}

}  // namespace
}  // namespace holdfast::control
