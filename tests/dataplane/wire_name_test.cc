// Names outside the packet path: text to wire and back, folding, parents, types.
#include <gtest/gtest.h>
#include <string>

#include "dataplane/wire/name.h"

namespace holdfast::wire {
namespace {

std::string Octets(std::initializer_list<int> octets) {
  std::string s;
  for (const int o : octets) {
    s.push_back(static_cast<char>(o));
  }
  return s;
}

TEST(NameText, RoundTripsWithAndWithoutTheFinalDot) {
  const auto name = FromText("www.Example.test");
  ASSERT_TRUE(name);
  EXPECT_EQ(*name, std::string("\3www\7Example\4test\0", 18));
  EXPECT_EQ(ToText(*name), "www.Example.test.");
  EXPECT_EQ(FromText("www.Example.test.").value(), *name);
  EXPECT_EQ(ToText(FromText(".").value()), ".");
}

TEST(NameText, KeepsEveryOctetThroughEscapes) {
  EXPECT_EQ(FromText("a\\.b\\000\\255.").value(), Octets({5, 'a', '.', 'b', 0, 255, 0}));
  EXPECT_EQ(ToText(Octets({5, 'a', '.', 'b', 0, 255, 0})), "a\\.b\\000\\255.");
  EXPECT_EQ(FromRoute53Text("\\052.a.").value(), Octets({1, '*', 1, 'a', 0}));
}

TEST(NameText, RefusesWhatIsNoName) {
  const std::string label64(64, 'a');
  std::string long_name;
  for (int i = 0; i < 128; ++i) {
    long_name += "a.";
  }
  for (const std::string& text : {std::string(),
                                  std::string("a..b"),
                                  std::string(".a"),
                                  label64,
                                  long_name,
                                  std::string("a\\"),
                                  std::string("a\\25"),
                                  std::string("a\\256")}) {
    const auto result = FromText(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalid);
    EXPECT_FALSE(result.error().message.empty());
  }
  EXPECT_FALSE(FromRoute53Text("\\089"));
}

TEST(NameText, AcceptsExactly255OctetsAnd127Labels) {
  std::string text;
  for (int i = 0; i < 127; ++i) {
    text += "a.";
  }
  const auto name = FromText(text);
  ASSERT_TRUE(name);
  EXPECT_EQ(name->size(), 255U);
  EXPECT_EQ(Labels(*name), 127U);
  EXPECT_TRUE(IsWellFormed(*name));
  EXPECT_FALSE(IsWellFormed(name->substr(0, 254)));
}

TEST(Name, FoldsAsciiLettersOnly) {
  EXPECT_EQ(Fold(Octets({3, 'A', 0xC9, 'z', 0})), Octets({3, 'a', 0xC9, 'z', 0}));
}

TEST(Name, KnowsParentsAndAncestors) {
  const auto name = FromText("a.b.c.").value();
  EXPECT_EQ(ToText(Parent(name)), "b.c.");
  EXPECT_TRUE(IsAtOrBelow(name, FromText("b.c.").value()));
  EXPECT_TRUE(IsAtOrBelow(name, name));
  EXPECT_FALSE(IsAtOrBelow(name, FromText("xb.c.").value()));
  EXPECT_TRUE(IsAtOrBelow(name, FromText(".").value()));
  EXPECT_EQ(WildcardOf(FromText("b.c.").value()), FromText("*.b.c.").value());
}

TEST(TypeText, KnowsNamesAndNumbers) {
  EXPECT_EQ(TypeText(28), "AAAA");
  EXPECT_EQ(TypeText(65280), "TYPE65280");
  EXPECT_EQ(TypeFromText("https").value(), 65);
  EXPECT_EQ(TypeFromText("TYPE1").value(), 1);
  for (const char* text : {"", "TYPE", "TYPE65536", "TYPE1x", "NOPE"}) {
    EXPECT_FALSE(TypeFromText(text)) << text;
  }
}

}  // namespace
}  // namespace holdfast::wire
