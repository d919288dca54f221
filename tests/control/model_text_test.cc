// Text of outside hands in messages, and the lists of messages themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "control/model/findings.h"
#include "control/model/text.h"

namespace holdfast::control {
namespace {

using ::testing::ElementsAre;
using namespace std::string_literals;

TEST(ModelText, ShowsControlCharactersAndLeavesAllElse) {
  EXPECT_EQ(Printable("\x1b[2Ja\n\0\x7f"s), "\\x1b[2Ja\\x0a\\x00\\x7f");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");
  for (const char* text : {"\xc3\xa9", "\xc2\xa0", "\xc2", "\xe2\x80\x93", "plain \\x1b"}) {
    EXPECT_EQ(Printable(text), text);
    EXPECT_FALSE(HasControls(text)) << text;
  }
  EXPECT_TRUE(HasControls("a\x7f"));
  EXPECT_TRUE(HasControls("a\xc2\x80"));
}

TEST(ModelText, WritesMoments) {
  EXPECT_EQ(TimeText(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(TimeText(1'795'356'187'023), "2026-11-22T14:03:07.023Z");
}

TEST(ModelText, CountsCharactersOfUtf8) {
  EXPECT_EQ(Characters(""), 0U);
  EXPECT_EQ(Characters("a\xc3\xa9\xf0\x9f\x98\x80"), 3U);
}

TEST(Findings, KeepALineEachWhateverIsQuotedThere) {
  Findings findings;
  findings.AddError("a\x1b.zone:1", "rule 'x\ny' is no rule");
  EXPECT_EQ(findings.ToError().message, "a\\x1b.zone:1: rule 'x\\x0ay' is no rule");
}

TEST(Findings, ReplaceWarningsOfOneOrigin) {
  Findings all;
  Findings was;
  Findings now;
  for (const char* text : {"one", "two", "two"}) {
    all.AddWarning("a", text);
  }
  was.AddWarning("a", "two");
  was.AddWarning("a", "never there");
  now.AddWarning("b", "three");
  all.ReplaceWarnings(was, now);
  EXPECT_THAT(all.Warnings(), ElementsAre("a: one", "a: two", "b: three"));
}

TEST(Findings, CountWarningsThatAreReplacedPastThoseThatAreKept) {
  Findings all;
  Findings was;
  all.AddWarning("", "first");
  for (std::size_t i = 0; i < Findings::kKept + 20; ++i) {
    all.AddWarning("", std::to_string(i));
    was.AddWarning("", std::to_string(i));
  }
  all.AddWarning("", "last");
  all.ReplaceWarnings(was, {});
  EXPECT_THAT(all.Warnings(), ElementsAre("first", "... and 1 more warnings"));
}

}  // namespace
}  // namespace holdfast::control
