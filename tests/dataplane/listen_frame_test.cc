// The framing of DNS over TCP as a table of streams, each cut in every way that matters.
#include <cstddef>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "dataplane/listen/frame.h"

namespace holdfast::listen {
namespace {

using Step = FrameReader::Step;

// A message of `octets` octets whose content tells which one it is, behind its length.
std::string Framed(std::size_t octets, char fill) {
  std::string framed;
  framed += static_cast<char>(octets >> 8U);
  framed += static_cast<char>(octets & 0xFFU);
  framed += std::string(octets, fill);
  return framed;
}

struct Outcome {
  std::vector<std::string> messages;
  bool bad = false;
  bool partial = false;
};

// Feeds `stream` in segments of `segment` octets, each in memory of its own.
Outcome Feed(const std::string& stream, std::size_t segment) {
  FrameReader reader;
  Outcome outcome;
  for (std::size_t at = 0; at < stream.size() && !outcome.bad; at += segment) {
    const std::string piece = stream.substr(at, segment);
    ByteSpan rest = std::as_bytes(std::span(piece));
    ByteSpan message;
    Step step = Step::kMessage;
    while ((step = reader.Next(rest, message)) == Step::kMessage) {
      outcome.messages.emplace_back(reinterpret_cast<const char*>(message.data()), message.size());
    }
    outcome.bad = step == Step::kBadLength;
    EXPECT_TRUE(outcome.bad || rest.empty());
  }
  outcome.partial = reader.Partial();
  return outcome;
}

struct Case {
  const char* name;
  std::string stream;
  std::vector<std::size_t> messages;  // their lengths
  bool bad = false;
  bool partial = false;
};

std::vector<Case> Cases() {
  return {
      {"nothing", "", {}},
      {"one", Framed(12, 'a'), {12}},
      {"two", Framed(12, 'a') + Framed(40, 'b'), {12, 40}},
      {"longest", Framed(65'535, 'a') + Framed(12, 'b'), {65'535, 12}},
      {"half a length", std::string(1, '\0'), {}, false, true},
      {"a length alone", std::string("\0\x20", 2), {}, false, true},
      {"cut message", Framed(30, 'a') + Framed(30, 'b').substr(0, 31), {30}, false, true},
      {"length 0", std::string(2, '\0'), {}, true, true},
      {"length 11", Framed(11, 'a') + Framed(12, 'b'), {}, true, true},
      {"length 1 behind a message", Framed(50, 'a') + Framed(1, 'b'), {50}, true, true},
  };
}

TEST(TcpFrame, CutsTheSameMessagesHoweverTheStreamIsSegmented) {
  for (const Case& c : Cases()) {
    for (const std::size_t segment : {1U, 2U, 3U, 5U, 13U, 14U, 15U, 64U, 1000U, 70'000U}) {
      SCOPED_TRACE(std::string(c.name) + ", segments of " + std::to_string(segment));
      const Outcome outcome = Feed(c.stream, segment);
      ASSERT_EQ(outcome.messages.size(), c.messages.size());
      char fill = 'a';
      for (std::size_t i = 0; i < c.messages.size(); ++i, ++fill) {
        EXPECT_EQ(outcome.messages[i], std::string(c.messages[i], fill));
      }
      EXPECT_EQ(outcome.bad, c.bad);
      EXPECT_EQ(outcome.partial, c.partial);
    }
  }
}

TEST(TcpFrame, StaysBadOnceALengthWasBad) {
  FrameReader reader;
  const std::string bad(2, '\0');
  const std::string good = Framed(12, 'a');
  ByteSpan message;
  ByteSpan stream = std::as_bytes(std::span(bad));
  EXPECT_EQ(reader.Next(stream, message), Step::kBadLength);
  stream = std::as_bytes(std::span(good));
  EXPECT_EQ(reader.Next(stream, message), Step::kBadLength);
  EXPECT_EQ(stream.size(), good.size());
}

TEST(TcpFrame, HoldsNoMemoryBetweenMessages) {
  FrameReader reader;
  const std::string whole = Framed(600, 'a');
  ByteSpan message;
  ByteSpan stream = std::as_bytes(std::span(whole));
  ASSERT_EQ(reader.Next(stream, message), Step::kMessage);
  EXPECT_EQ(reader.HeldOctets(), 0U);

  stream = std::as_bytes(std::span(whole)).first(300);
  ASSERT_EQ(reader.Next(stream, message), Step::kNeedMore);
  EXPECT_GT(reader.HeldOctets(), 0U);
  stream = std::as_bytes(std::span(whole)).subspan(300);
  ASSERT_EQ(reader.Next(stream, message), Step::kMessage);
  ASSERT_EQ(reader.Next(stream, message), Step::kNeedMore);
  EXPECT_EQ(reader.HeldOctets(), 0U);
}

TEST(TcpFrame, DoesNotPayForAnAnnouncedLengthBeforeItsOctetsCome) {
  FrameReader reader;
  const std::string start = Framed(65'535, 'a').substr(0, 1'002);
  ByteSpan message;
  for (std::size_t i = 0; i < start.size(); ++i) {
    ByteSpan stream = std::as_bytes(std::span(start)).subspan(i, 1);
    ASSERT_EQ(reader.Next(stream, message), Step::kNeedMore);
    ASSERT_LE(reader.HeldOctets(), std::max<std::size_t>(512, 2 * i));
  }
}

}  // namespace
}  // namespace holdfast::listen
