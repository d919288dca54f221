// Random trees under random health against an evaluator of the test's own, written straight from
// the pseudocode of spec/routing.md section 6: no folding, no sharing, no order, exact fractions.
// Loops, missing targets, repeated values and shared checks included.
#include <gtest/gtest.h>
#include <numeric>
#include <optional>
#include <random>

#include "tests/control/compile_trees.h"

namespace holdfast::control {
namespace {

using namespace kit;  // NOLINT(google-build-using-namespace)

__extension__ using Wide = __int128;

struct Fraction {
  Wide top = 0;
  Wide bottom = 1;
  static Wide Gcd(Wide a, Wide b) {
    while (b != 0) {
      const Wide rest = a % b;
      a = b;
      b = rest;
    }
    return a;
  }
  [[nodiscard]] Fraction Times(Wide t, Wide b) const {
    const Wide up = Gcd(top, b);
    const Wide down = Gcd(t, bottom);
    return {.top = (top / up) * (t / down), .bottom = (bottom / down) * (b / up)};
  }
  void Add(const Fraction& other) {
    const Wide common = bottom / Gcd(bottom, other.bottom) * other.bottom;
    top = (top * (common / bottom)) + (other.top * (common / other.bottom));
    bottom = common;
    const Wide gcd = Gcd(top, bottom);
    top /= gcd;
    bottom /= gcd;
  }
  [[nodiscard]] std::string Text() const {
    const auto decimal = [](Wide v) {
      std::string out;
      do {
        out.insert(out.begin(), static_cast<char>('0' + static_cast<int>(v % 10)));
        v /= 10;
      } while (v > 0);
      return out;
    };
    return bottom == 1 ? decimal(top) : decimal(top) + "/" + decimal(bottom);
  }
  [[nodiscard]] double Value() const {
    return static_cast<double>(top) / static_cast<double>(bottom);
  }
};
using Shares = std::map<std::string, Fraction>;

class Naive {
 public:
  Naive(const Zone& zone, const std::map<std::string, bool>& health)
      : zone_(zone), health_(health) {}

  Shares Select(const std::string& name, std::set<std::string> path) {
    const auto group = Group(name);
    if (group.empty() || path.contains(name)) {
      return {{"NODATA", {.top = 1}}};
    }
    path.insert(name);
    std::vector<const RecordSet*> pool;
    for (const auto* r : group) {
      if (H(*r, path)) {
        pool.push_back(r);
      }
    }
    if (pool.empty()) {
      pool = group;
    }
    switch (group[0]->policy) {
      case Policy::kSimple:
        return Enter(*pool[0], path);
      case Policy::kFailover: {
        const auto primary = std::ranges::find_if(pool, [](const auto* r) { return r->primary; });
        return Enter(primary != pool.end() ? **primary : *pool[0], path);
      }
      case Policy::kWeighted:
        return Weighted(pool, path);
      default:  // multivalue; policies that ask the client are not made here
        break;
    }
    std::set<std::string> values;
    std::uint32_t ttl = ~0U;
    for (const auto* r : pool) {
      ttl = std::min(ttl, r->ttl);
      for (const auto& rdata : r->rdata) {
        values.insert(RdataText(r->type, rdata));
      }
    }
    const unsigned take = pool.size() > 8 && values.size() > 8 ? 8 : 0;
    return {{AnswerText({values.begin(), values.end()}, take, ttl), {.top = 1}}};
  }

 private:
  std::vector<const RecordSet*> Group(const std::string& name) {
    std::vector<const RecordSet*> out;
    for (const auto& set : zone_.record_sets) {
      if (set.name == name) {
        out.push_back(&set);
      }
    }
    return out;
  }
  bool H(const RecordSet& r, const std::set<std::string>& path) {
    if (!r.health_check_id.empty() && !health_.at(r.health_check_id)) {
      return false;
    }
    if (r.alias && r.alias->evaluate_target_health) {
      if (path.contains(r.alias->name)) {
        return false;
      }
      auto deeper = path;
      deeper.insert(r.alias->name);
      return std::ranges::any_of(Group(r.alias->name),
                                 [&](const auto* c) { return H(*c, deeper); });
    }
    return true;
  }
  Shares Enter(const RecordSet& r, const std::set<std::string>& path) {
    if (r.alias) {
      return Select(r.alias->name, path);
    }
    std::vector<std::string> values;
    for (const auto& rdata : r.rdata) {
      values.push_back(RdataText(r.type, rdata));
    }
    return {{AnswerText(values, 0, r.ttl), {.top = 1}}};
  }
  Shares Weighted(const std::vector<const RecordSet*>& pool, const std::set<std::string>& path) {
    int sum = 0;
    for (const auto* r : pool) {
      sum += r->weight;
    }
    Shares out;
    for (const auto* r : pool) {
      const int weight = sum == 0 ? 1 : r->weight;
      if (weight > 0) {
        const int of = sum == 0 ? static_cast<int>(pool.size()) : sum;
        for (const auto& [answer, share] : Enter(*r, path)) {
          out[answer].Add(share.Times(weight, of));
        }
      }
    }
    return out;
  }

  const Zone& zone_;
  const std::map<std::string, bool>& health_;
};

class RandomTrees {
 public:
  explicit RandomTrees(unsigned seed) : random_(seed) {}

  unsigned Below(unsigned n) { return std::uniform_int_distribution<unsigned>(0, n - 1)(random_); }

  void Fill(Trees& trees) {
    const unsigned checks = 1 + Below(6);
    for (unsigned i = 0; i < checks; ++i) {
      trees.AddCheck(true);
    }
    groups_ = 2 + Below(5);
    for (unsigned g = 0; g < groups_; ++g) {
      AddGroup(trees, g, checks);
    }
  }
  [[nodiscard]] unsigned groups() const { return groups_; }

 private:
  void AddGroup(Trees& trees, unsigned g, unsigned checks) {
    const auto policy = static_cast<Policy>(Below(4));
    const unsigned members = policy == Policy::kSimple     ? 1
                             : policy == Policy::kFailover ? 1 + Below(2)
                             : policy == Policy::kWeighted ? 1 + Below(4)
                                                           : 1 + Below(12);
    const bool second_first = Below(2) == 0;
    for (unsigned m = 0; m < members; ++m) {
      RecordSet set{.name = trees.text.Name("g" + std::to_string(g)), .type = 1, .policy = policy};
      set.weight = static_cast<std::uint8_t>(Below(4));
      set.primary = (m == 0) != second_first;
      set.ttl = 10 + Below(2);
      if (policy != Policy::kMultivalue && Below(2) == 0) {
        // Mostly onward; sometimes back into a loop, or to nothing.
        const unsigned target = Below(8) == 0 ? Below(groups_ + 1) : g + 1 + Below(2);
        set.alias = AliasTarget{.hosted_zone_id = trees.text.zone.id,
                                .name = trees.text.Name("g" + std::to_string(target)),
                                .evaluate_target_health = Below(3) != 0};
      } else {
        for (unsigned v = 0; v <= Below(2); ++v) {
          set.rdata.push_back(V4("192.0.2." + std::to_string(Below(20))));
        }
        std::ranges::sort(set.rdata);
        set.rdata.erase(std::ranges::unique(set.rdata).begin(), set.rdata.end());
      }
      if (Below(3) != 0) {
        set.health_check_id = "check" + std::to_string(Below(checks));
      }
      trees.text.zone.record_sets.push_back(set);
    }
  }

  std::mt19937 random_;
  unsigned groups_ = 0;
};

std::map<std::string, std::string> Texts(const Shares& shares) {
  std::map<std::string, std::string> out;
  for (const auto& [answer, share] : shares) {
    out[answer] = share.Text();
  }
  return out;
}

TEST(RandomTree, AnswersAsThePseudocodeInEveryStateOfHealth) {
  constexpr unsigned kTrees = 5000;
  constexpr unsigned kStates = 4;
  unsigned compared = 0;
  for (unsigned seed = 0; seed < kTrees && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomTrees random(seed);
    Trees trees;
    random.Fill(trees);
    auto compiled = Compile(trees.Finish(), trees.health, 0);
    ASSERT_TRUE(compiled) << compiled.error().message;
    Served served(compiled->zones[0], compiled->pools);
    std::map<std::string, bool> health;
    for (const auto& status : trees.health) {
      health[status.id] = true;
    }
    for (unsigned state = 0; state < kStates; ++state) {
      std::vector<CompiledHealth> changed;
      for (auto& [id, healthy] : health) {
        if (random.Below(2) == 0) {
          healthy = !healthy;
          changed.push_back({.id = id, .healthy = healthy});
        }
      }
      served.Take(Recompiled(*compiled->evaluation, changed));
      const unsigned explained = random.Below(random.groups());
      for (unsigned g = 0; g < random.groups(); ++g) {
        const auto name = trees.text.Name("g" + std::to_string(g));
        const Shares expected = Naive(trees.text.zone, health).Select(name, {});
        const auto answers = served.Answers(name, "A");
        ASSERT_EQ(answers.size(), expected.size()) << "group " << g;
        for (const auto& [answer, share] : expected) {
          ASSERT_TRUE(answers.contains(answer)) << "group " << g << ": " << answer;
          ASSERT_NEAR(answers.at(answer), share.Value(), 1e-8) << "group " << g << ": " << answer;
        }
        if (g == explained) {
          const auto explanation =
              Explain(trees.model, compiled->evaluation->health(), name, TypeOf("A"));
          ASSERT_TRUE(explanation) << explanation.error().message;
          ASSERT_EQ(Explained(*explanation), Texts(expected)) << "group " << g;
        }
        ++compared;
      }
    }
  }
  EXPECT_GE(compared, 20000U);
}

}  // namespace
}  // namespace holdfast::control
