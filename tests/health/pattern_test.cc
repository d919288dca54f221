// Many search strings in one database: each search hears of its own alone, and what ended leaves
// its stream to the next.
#include "health/probe/pattern.h"

#include <algorithm>
#include <chrono>
#include <gtest/gtest.h>
#include <thread>

namespace holdfast::health {
namespace {

using Texts = std::vector<std::string>;

bool Finds(const std::shared_ptr<const PatternSet>& set,
           const std::string& text,
           const std::string& body,
           std::size_t piece = std::string::npos) {
  auto search = PatternSearch::Open(Pattern(set, text)).value();
  bool found = false;
  for (std::size_t at = 0; at < body.size() && !found; at += std::min(piece, body.size())) {
    found = search.Feed(
        std::as_bytes(std::span(body)).subspan(at).first(std::min(piece, body.size() - at)));
  }
  return found;
}

TEST(PatternSet, HoldsEachTextOnce) {
  const auto set = PatternSet::Compile({"b", "a", "b", "ab"}).value();
  EXPECT_EQ(set->terms(), (std::vector<SearchTerm>{"a", "ab", "b"}));
  EXPECT_TRUE(Pattern(set, "ab"));
  EXPECT_FALSE(Pattern(set, "c"));
  EXPECT_FALSE(Pattern(set, ""));
  EXPECT_FALSE(Pattern(nullptr, "a"));
}

TEST(PatternSearch, HearsOfItsOwnTextAlone) {
  const std::string zero("\0", 1);
  const std::string zeros("\0\xFF\0", 3);
  // Prefixes, suffixes and parts of each other, other case, octets of any value.
  const Texts texts{"hold", "holdfast", "fast", "old", "dfa", "HOLD", zero, zeros, "x.*y"};
  const auto set = PatternSet::Compile({texts.begin(), texts.end()}).value();
  const struct {
    std::string body;
    Texts found;
  } cases[] = {
      {"...hold...", {"hold", "old"}},
      {"holdfas", {"hold", "old", "dfa"}},
      {"holdfast", {"hold", "holdfast", "fast", "old", "dfa"}},
      {"HOLDfast", {"HOLD", "fast"}},
      {"holhold", {"hold", "old"}},
      {"xzzy", {}},
      {"x.*y", {"x.*y"}},
      {"a" + zero + "\xFF", {zero}},
      {zero + zeros, {zero, zeros}},
      {"", {}},
  };
  for (const auto& c : cases) {
    for (const std::string& text : texts) {
      const bool wanted = std::ranges::find(c.found, text) != c.found.end();
      for (const std::size_t piece : {std::string::npos, std::size_t{1}, std::size_t{3}}) {
        EXPECT_EQ(Finds(set, text, c.body, piece), wanted) << text << " in " << c.body;
      }
    }
  }
}

TEST(PatternSearch, RemembersNothingOfTheSearchesBefore) {
  const auto set = PatternSet::Compile({"holdfast", "other"}).value();
  for (int n = 0; n < 3; ++n) {
    EXPECT_FALSE(Finds(set, "holdfast", "...hold"));
    EXPECT_FALSE(Finds(set, "holdfast", "fast and other"));
    EXPECT_TRUE(Finds(set, "holdfast", "holdfast"));
    EXPECT_FALSE(Finds(set, "holdfast", "holdfas"));
  }
}

TEST(PatternSearch, RunsBesideOthersAndOnOtherThreads) {
  const auto set = PatternSet::Compile({"one", "two"}).value();
  std::vector<PatternSearch> open;
  for (int n = 0; n < 200; ++n) {  // more than are kept for reuse
    open.push_back(PatternSearch::Open(Pattern(set, n % 2 == 0 ? "one" : "two")).value());
  }
  const std::string body = "..one..";
  for (std::size_t n = 0; n < open.size(); ++n) {
    EXPECT_EQ(open[n].Feed(std::as_bytes(std::span(body))), n % 2 == 0);
  }
  open.clear();
  std::thread([&set] { EXPECT_TRUE(Finds(set, "two", "two")); }).join();
  auto outlives = PatternSearch::Open(Pattern(PatternSet::Compile({"x"}).value(), "x")).value();
  EXPECT_TRUE(outlives.Feed(std::as_bytes(std::span(std::string_view("x")))));
}

TEST(PatternSet, TakesAThousandTextsInShortTime) {
  Texts texts;
  for (int n = 0; n < 1000; ++n) {
    texts.push_back("all begin like this, and go on with " + std::to_string(n));
  }
  const auto from = std::chrono::steady_clock::now();
  const auto set = PatternSet::Compile({texts.begin(), texts.end()}).value();
  const auto took = std::chrono::steady_clock::now() - from;
  EXPECT_LT(took, std::chrono::seconds(20));  // sanitizers are slow
  std::printf("1,000 strings compiled in %.0f ms\n",
              std::chrono::duration<double, std::milli>(took).count());
  std::string body(4000, '.');
  body += texts[711];
  EXPECT_TRUE(Finds(set, texts[711], body, 1000));
  EXPECT_TRUE(Finds(set, texts[71], body));  // a prefix of it
  EXPECT_FALSE(Finds(set, texts[712], body));
}

TEST(PatternSet, HoldsRegularExpressionsBesideTexts) {
  const SearchTerm regex("h.ld", true);
  const SearchTerm literal("h.ld");
  const SearchTerm end("fast$", true);
  const auto set = PatternSet::Compile({regex, literal, end, "\\x41"}).value();
  ASSERT_EQ(set->terms().size(), 4U);
  const auto finds = [&set](const SearchTerm& term, std::string_view body) {
    auto search = PatternSearch::Open(Pattern(set, term)).value();
    const bool before = search.Feed(std::as_bytes(std::span(body)));
    return std::pair(before, search.End());
  };
  EXPECT_EQ(finds(regex, "a hold"), std::pair(true, true));
  EXPECT_EQ(finds(literal, "a hold"), std::pair(false, false));
  EXPECT_EQ(finds(literal, "a h.ld"), std::pair(true, true));
  EXPECT_EQ(finds("\\x41", "A"), std::pair(false, false));
  EXPECT_EQ(finds("\\x41", "\\x41"), std::pair(true, true));
  EXPECT_EQ(finds(end, "holdfast"), std::pair(false, true));
  EXPECT_EQ(finds(end, "holdfast."), std::pair(false, false));
  EXPECT_FALSE(Pattern(set, "fast$"));  // which nobody looks for as a text
}

TEST(PatternSet, SaysWhyARegularExpressionIsNone) {
  const auto said = [](std::string text) {
    return PatternSet::Compile({SearchTerm(std::move(text), true)}).error().message;
  };
  EXPECT_EQ(said("a*"), "it matches the empty body too");
  EXPECT_NE(said("(a").find("arenthes"), std::string::npos) << said("(a");
  EXPECT_NE(said("(a)\\1").find("ack"), std::string::npos) << said("(a)\\1");
  EXPECT_EQ(said(std::string(256, 'a')),
            "regular expression has 256 octets, expected 1 to 255, none of them NUL");
  EXPECT_EQ(said(std::string("a\0", 2)),
            "regular expression has 2 octets, expected 1 to 255, none of them NUL");
}

}  // namespace
}  // namespace holdfast::health
