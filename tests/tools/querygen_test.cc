// The parts of querygen that need no DPDK port: what is asked, the frames of it, percentiles. What
// it says of replies, right and wrong, is in exchange_test.cc and tests/e2e/querygen_test.py.
#include <gtest/gtest.h>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "dataplane/wire/name.h"
#include "tests/dataplane/frame_builder.h"
#include "tools/querygen/corpus.h"
#include "tools/querygen/histogram.h"
#include "tools/querygen/options.h"
#include "tools/querygen/pace.h"
#include "tools/querygen/questions.h"
#include "tools/querygen/watch.h"

namespace holdfast::querygen {
namespace {

std::string ErrorOf(const std::string& text) {
  const auto parsed = ParseQuestions(text, "q");
  return parsed ? "no error" : parsed.error().message;
}

TEST(Questions, HaveADefaultForEachThingThatIsLeftOut) {
  const auto all = ParseQuestions(
      "a.test A\n; said\n\n# said\nB.test. TYPE65280 NXDOMAIN\nc.test A NOERROR 192.0.2.1\n"
      "d.test AAAA NOERROR 2001:db8::1\ne.test MX 5\n",
      "q");
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 5U);
  EXPECT_EQ((*all)[0].owner, std::string("\1a\4test\0", 8));
  EXPECT_EQ((*all)[0].rcodes, kNoError | kNxDomain);
  EXPECT_EQ((*all)[0].least_answers, 0);
  EXPECT_EQ((*all)[1].type, 65280);
  EXPECT_EQ((*all)[1].rcodes, kNxDomain);
  EXPECT_EQ((*all)[2].address, test::Ip("192.0.2.1"));
  EXPECT_EQ((*all)[2].least_answers, 1);
  EXPECT_EQ((*all)[3].address, test::Ip("2001:db8::1"));
  EXPECT_EQ((*all)[4].rcodes, 1U << 5U);
  EXPECT_EQ((*all)[4].most_answers, 0);
}

TEST(Questions, AWrongLineIsNamedWithWhatWasExpected) {
  EXPECT_EQ(ErrorOf("a.test A\nb.test\n"), "q:2: 1 words; expected NAME TYPE [RCODE [ADDRESS]]");
  EXPECT_EQ(ErrorOf("a.test A NOPE"),
            "q:1: response code 'NOPE'; expected NOERROR, NXDOMAIN, ... or 0..15");
  EXPECT_EQ(ErrorOf("a.test A 16"),
            "q:1: response code '16'; expected NOERROR, NXDOMAIN, ... or 0..15");
  for (const char* line : {"a.test A NOERROR 2001:db8::1",
                           "a.test AAAA NOERROR 192.0.2.1",
                           "a.test MX NOERROR 192.0.2.1",
                           "a.test A NXDOMAIN 192.0.2.1",
                           "a.test A NOERROR x"}) {
    EXPECT_NE(ErrorOf(line).find("expected an IPv4 address behind A NOERROR"), std::string::npos)
        << line;
  }
  EXPECT_NE(ErrorOf("a..test A").find("q:1: "), std::string::npos);
  EXPECT_NE(ErrorOf("a.test NOTYPE").find("q:1: "), std::string::npos);
  EXPECT_EQ(ErrorOf("# nothing\n"), "q: no question; expected lines NAME TYPE");
  EXPECT_EQ(ReadQuestions("/nowhere").error().code, ErrorCode::kIo);
}

TEST(GeneratedZone, NamesAreDifferentAndWellFormed) {
  std::set<std::string> names;
  std::set<std::size_t> lengths;
  for (std::size_t i = 0; i < 100'000; ++i) {
    const std::string owner = GeneratedOwner(i);
    ASSERT_TRUE(wire::IsWellFormed(owner));
    ASSERT_TRUE(wire::IsAtOrBelow(owner, *wire::FromText(kGeneratedZone)));
    lengths.insert(owner.size());
    names.insert(owner);
  }
  EXPECT_EQ(names.size(), 100'000U);
  EXPECT_EQ(lengths.size(), 11U);
  EXPECT_EQ(GeneratedQuestion(258).address, test::Ip("10.0.1.2"));
}

Ends MakeEnds(const char* from, const char* to) {
  return {.from_mac = {},
          .to_mac = {std::byte{2}},
          .from = *io::ParseAddress(from),
          .to = *io::ParseAddress(to)};
}

TEST(Corpus, AsksEachQuestionEquallyOften) {
  const auto corpus = Corpus::Create(1000, GeneratedQuestion, MakeEnds("192.0.2.1", "192.0.2.53"));
  ASSERT_TRUE(corpus);
  ASSERT_EQ(corpus->size(), 8000U);
  std::multiset<std::string> asked;
  for (std::size_t i = 0; i < corpus->size(); ++i) {
    const Entry& entry = corpus->At(i);
    asked.insert(test::TextOf(entry.Question(), entry.question_octets));
    ASSERT_EQ(entry.address_octets, 4);
  }
  for (const std::string& one : asked) {
    ASSERT_EQ(asked.count(one), 8U);
  }
  EXPECT_EQ(corpus->stride(), 64U);
}

TEST(Corpus, IsASampleWithoutRepeatsOfMoreThanItHolds) {
  const std::size_t population = Corpus::kMaxEntries + 1;
  const auto corpus =
      Corpus::Create(population, GeneratedQuestion, MakeEnds("2001:db8::1", "2001:db8::53"));
  ASSERT_TRUE(corpus);
  ASSERT_EQ(corpus->size(), Corpus::kMaxEntries);
  std::vector<bool> asked(population);
  for (std::size_t i = 0; i < corpus->size(); ++i) {
    const std::size_t number = LoadBe32(corpus->At(i).Address()) - GeneratedAddress(0);
    ASSERT_LT(number, population);
    ASSERT_FALSE(asked[number]);
    asked[number] = true;
  }
}

TEST(Corpus, RefusesNothingToAskAndTwoFamilies) {
  EXPECT_FALSE(Corpus::Create(0, GeneratedQuestion, MakeEnds("192.0.2.1", "192.0.2.53")));
  const auto mixed = Corpus::Create(1, GeneratedQuestion, MakeEnds("192.0.2.1", "2001:db8::53"));
  ASSERT_FALSE(mixed);
  EXPECT_EQ(mixed.error().message,
            "queries from 192.0.2.1 to 2001:db8::53; expected two addresses of one family");
}

TEST(Pace, EachQueryIsDueAnEqualTimeAfterTheOneBefore) {
  const Pace pace(1000, 2'000'000'000);
  EXPECT_EQ(pace.DueAt(0), 2'000'000U);
  EXPECT_EQ(pace.DueAt(1), 4'000'000U);
  EXPECT_EQ(pace.DueAt(86'400'000'000U - 1), 172'800'000'000'000'000U);  // after 1,000 days
  EXPECT_EQ(pace.Due(1'999'999), 0U);
  EXPECT_EQ(pace.Due(4'000'001), 2U);
  EXPECT_EQ(Pace(0, 2'000'000'000).Due(~0U), 0U);
}

TEST(Pace, NothingIsSentBeforeItIsDueOrMuchAfter) {
  for (const std::uint64_t rate : {1U, 7U, 333'333U, 100'000'000U}) {
    for (const std::uint64_t hz : {1'000'000'000U, 2'112'345'679U}) {
      const Pace pace(rate, hz);
      for (std::uint64_t cycles = 1; cycles < hz * 3600; cycles = (cycles * 3) + 1) {
        const std::uint64_t due = pace.Due(cycles);
        if (due != 0) {
          ASSERT_LE(pace.DueAt(due - 1), cycles) << rate << " " << hz;
        }
        ASSERT_GT(pace.DueAt(due) + 8 + (cycles >> 30U), cycles) << rate << " " << hz;
      }
    }
  }
}

TEST(Histogram, PercentilesAreAtMostAStepTooGreat) {
  Histogram histogram;
  EXPECT_EQ(histogram.Percentile(50), 0U);
  for (std::uint64_t value = 1; value <= 100'000; ++value) {
    histogram.Add(value);
  }
  EXPECT_EQ(histogram.total(), 100'000U);
  EXPECT_EQ(histogram.max(), 100'000U);
  EXPECT_EQ(histogram.Percentile(0.01), 10U);
  EXPECT_EQ(histogram.Percentile(100), 100'000U);
  for (const double percent : {0.1, 1.0, 50.0, 90.0, 99.0}) {
    const double right = percent * 1000;
    const auto found = static_cast<double>(histogram.Percentile(percent));
    EXPECT_GE(found, right) << percent;
    EXPECT_LE(found, right * 1.032) << percent;
  }
}

TEST(Histogram, TakesWhatIsBeyondItsLastStep) {
  Histogram histogram;
  histogram.Add(0);
  histogram.Add(~std::uint64_t{0});
  EXPECT_EQ(histogram.Percentile(50), 0U);
  EXPECT_EQ(histogram.max(), ~std::uint64_t{0});
  EXPECT_GT(histogram.Percentile(100), std::uint64_t{1} << 50U);
}

TEST(RunDelays, StealIsReadForEachProcessor) {
  std::istringstream stat(
      "cpu  10 0 20 300 0 0 1 700 0 0\ncpu0 5 0 10 150 0 0 0 250 0 0\n"
      "cpu1 5 0 10 150 0 0 1 450 0 0\nintr 99 1 2 3 4 5 6 7 8 9\n");
  EXPECT_EQ(RunDelays::StolenIn(stat), (RunDelays::Ticks{{0, 250}, {1, 450}}));
}

TEST(RunDelays, LinesThatAreNotAsExpectedArePassedOver) {
  std::istringstream stat(
      "cpu0 1 2 x\ncpu1 1 2 3\ncpux 1 1 1 1 1 1 1 1\ncpu\n\ncpu3 5 0 10 150 0 0 1 450\n");
  EXPECT_EQ(RunDelays::StolenIn(stat), (RunDelays::Ticks{{3, 450}}));
}

TEST(RunDelays, OnlyStealFromTheGivenProcessorsCounts) {
  const RunDelays::Ticks before{{0, 5}, {1, 5}, {2, 5}};
  const RunDelays::Ticks after{{0, 9}, {1, 25}, {2, 4}, {3, 100}};
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  EXPECT_EQ(RunDelays::MostStolen(before, after, cpus), 0U);
  CPU_SET(0, &cpus);
  EXPECT_EQ(RunDelays::MostStolen(before, after, cpus), 4U);
  for (const int cpu : {1, 2, 3}) {  // of the last it is not known what was before
    CPU_SET(cpu, &cpus);
  }
  EXPECT_EQ(RunDelays::MostStolen(before, after, cpus), 20U);
}

TEST(Options, AMacAddressHasSixOctets) {
  const auto mac = ParseMac("02:00:00:00:0a:Ff");
  ASSERT_TRUE(mac);
  EXPECT_EQ((*mac)[5], std::byte{0xFF});
  for (const char* text : {"", "02:00:00:00:00", "02:00:00:00:00:01:", "2:0:0:0:0:1", "02-00"}) {
    EXPECT_FALSE(ParseMac(text)) << text;
  }
}

}  // namespace
}  // namespace holdfast::querygen
