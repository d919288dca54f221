// The octets of a response, whole and in pieces: status, form and size of the header, codings, the
// window of the search, and how little of an endless body is taken.
#include "health/probe/response_reader.h"

#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "tests/health/probe_run.h"

namespace holdfast::health {
namespace {

using testing::Compress;
using testing::Squeeze;
using Progress = ResponseReader::Progress;

Pattern Wanted(const std::string& text) {
  return {PatternSet::Compile({text}).value(), text};
}

struct Judged {
  Outcome outcome;
  std::string reason;
  bool operator==(const Judged&) const = default;
};

Judged Read(const std::string& octets,
            const Pattern& pattern = {},
            std::size_t piece = std::string::npos) {
  ResponseReader reader(pattern);
  for (std::string_view rest = octets; !rest.empty() && reader.progress() != Progress::kDone;) {
    const std::string_view now = rest.substr(0, piece);
    rest.remove_prefix(now.size());
    reader.Feed(std::as_bytes(std::span(now)));
  }
  reader.Finish();
  EXPECT_EQ(reader.progress(), Progress::kDone);
  return {reader.outcome(), reader.reason()};
}

const std::string kHead = "HTTP/1.1 200 OK\r\n";

std::string Chunked(const std::string& body, std::size_t size) {
  std::string text = kHead + "Transfer-Encoding: chunked\r\n\r\n";
  for (std::size_t at = 0; at < body.size(); at += size) {
    const std::string part = body.substr(at, size);
    char length[32];
    std::snprintf(length, sizeof(length), "%zx;ext=1\r\n", part.size());
    text += length + part + "\r\n";
  }
  return text + "0\r\n\r\n";
}

TEST(ResponseReader, JudgesTheStatusAlone) {
  const struct {
    const char* response;
    Outcome outcome;
    const char* reason;
  } cases[] = {
      {"HTTP/1.1 200 OK\r\n\r\n", Outcome::kPass, "Success: HTTP Status Code 200, OK"},
      {"HTTP/1.0 204 No Content\r\n\r\n",
       Outcome::kPass,
       "Success: HTTP Status Code 204, No Content"},
      {"HTTP/1.1 399 Odd\r\n\r\n", Outcome::kPass, "Success: HTTP Status Code 399, Odd"},
      {"HTTP/1.1 400 \r\n\r\n", Outcome::kFail, "Failure: HTTP Status Code 400, Bad Request"},
      {"HTTP/1.1 503 Service Unavailable\r\nX: y\r\n\r\n",
       Outcome::kFail,
       "Failure: HTTP Status Code 503, Service Unavailable"},
      {"HTTP/1.1 999 No\r\n\r\n", Outcome::kFail, "Failure: HTTP Status Code 999, No"},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
       Outcome::kPass,
       "Success: HTTP Status Code 200, OK"},
      {"HTTP/1.1 100 Continue\r\n\r\n",
       Outcome::kFail,
       "Failure: The endpoint closed the connection before a complete response."},
      {"",
       Outcome::kFail,
       "Failure: The endpoint closed the connection before a complete response."},
      {"HTTP/1.1 200 OK\r\nX: y\r\n",
       Outcome::kFail,
       "Failure: The endpoint closed the connection before a complete response."},
  };
  for (const auto& c : cases) {
    for (const std::size_t piece : {std::string::npos, std::size_t{1}, std::size_t{7}}) {
      EXPECT_EQ(Read(c.response, {}, piece), (Judged{c.outcome, c.reason})) << c.response;
    }
  }
}

TEST(ResponseReader, RefusesMalformedHeaders) {
  for (const char* response : {
           "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
           "HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n",
           "HTTP/1.1 200 OK\r\nSpace : x\r\n\r\n",
           "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
           "HTTP/1.1 200 OK\r\nX: a\x01z\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
           "HTTP/1.1 20 OK\r\n\r\n",
           "HTTP/1.1 2000 OK\r\n\r\n",
           "HTTP/2 200 OK\r\n\r\n",
           "SSH-2.0-OpenSSH_9.2\r\n\r\n",
           "<html>hello</html>\r\n\r\n",
       }) {
    const Judged judged = Read(response);
    EXPECT_EQ(judged.outcome, Outcome::kFail) << response;
    EXPECT_TRUE(judged.reason.starts_with("Failure: The response is malformed")) << judged.reason;
    EXPECT_EQ(Read(response, {}, 1).outcome, Outcome::kFail) << response;
  }
}

TEST(ResponseReader, ShowsNoControlCharactersOfTheEndpoint) {
  EXPECT_EQ(Read("HTTP/1.1 500 \x80\xFF\tx\r\n\r\n").reason, "Failure: HTTP Status Code 500, ???x");
  EXPECT_LT(Read("HTTP/1.1 500 " + std::string(5000, 'x') + "\r\n\r\n").reason.size(), 120U);
}

TEST(ResponseReader, TakesAHeaderOfTheLimitAndRefusesOneOctetMore) {
  for (const std::size_t total : {kMaxHeaderOctets, kMaxHeaderOctets + 1}) {
    std::string one_field = kHead + "X: ";
    one_field += std::string(total - one_field.size() - 4, 'x') + "\r\n\r\n";
    std::string many_fields = kHead;
    while (many_fields.size() + 40 < total) {
      many_fields += "X-Field: 0123456789\r\n";
    }
    many_fields += "Y: ";
    many_fields += std::string(total - many_fields.size() - 4, 'y') + "\r\n\r\n";
    std::string interim;
    while (interim.size() + 100 < total) {
      interim += "HTTP/1.1 100 Continue\r\n\r\n";
    }
    interim += kHead + "Z: ";
    interim += std::string(total - interim.size() - 4, 'z') + "\r\n\r\n";
    for (const std::string& response : {one_field, many_fields, interim}) {
      ASSERT_EQ(response.size(), total);
      for (const std::size_t piece : {std::string::npos, std::size_t{1}, std::size_t{1000}}) {
        const Judged judged = Read(response + "body", {}, piece);
        if (total <= kMaxHeaderOctets) {
          EXPECT_EQ(judged.outcome, Outcome::kPass) << judged.reason;
        } else {
          EXPECT_EQ(judged.reason, "Failure: The response header is longer than 16384 octets.");
        }
      }
    }
  }
}

TEST(ResponseReader, StopsAnEndlessHeaderAtTheLimit) {
  ResponseReader reader({});
  const std::string field = "X-Endless: 0123456789abcdef\r\n";
  reader.Feed(std::as_bytes(std::span(kHead)));
  std::size_t fed = kHead.size();
  while (reader.progress() != Progress::kDone && fed < 1'000'000) {
    reader.Feed(std::as_bytes(std::span(field)));
    fed += field.size();
  }
  EXPECT_EQ(reader.outcome(), Outcome::kFail);
  EXPECT_LE(fed, kMaxHeaderOctets + field.size());
}

TEST(ResponseReader, FindsAStringOnlyIfItLiesWhollyInTheWindow) {
  const std::string word = "abc";
  for (const std::size_t ends_at : {std::size_t{3}, kBodyWindowOctets, kBodyWindowOctets + 1}) {
    const std::string body = std::string(ends_at - word.size(), 'x') + word + "tail";
    const Outcome expected = ends_at <= kBodyWindowOctets ? Outcome::kPass : Outcome::kFail;
    const std::string responses[] = {
        kHead + "\r\n" + body,
        kHead + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
        Chunked(body, 7),
        Chunked(body, 100'000),
        kHead + "Content-Encoding: gzip\r\n\r\n" + Compress(body, Squeeze::kGzip),
        kHead + "Content-Encoding:  X-GZIP \r\n\r\n" + Compress(body, Squeeze::kGzip),
        kHead + "Content-Encoding: deflate\r\n\r\n" + Compress(body, Squeeze::kZlib),
        kHead + "Content-Encoding: deflate\r\n\r\n" + Compress(body, Squeeze::kRaw),
        kHead + "Content-Encoding: gzip\r\n\r\n" +
            Compress(body.substr(0, ends_at - 1), Squeeze::kGzip) +
            Compress(body.substr(ends_at - 1), Squeeze::kGzip),
    };
    for (const std::string& response : responses) {
      for (const std::size_t piece : {std::string::npos, std::size_t{1}, std::size_t{13}}) {
        const Judged judged = Read(response, Wanted(word), piece);
        EXPECT_EQ(judged.outcome, expected)
            << ends_at << " in pieces of " << piece << ": " << judged.reason << "\n"
            << response.substr(0, 80);
      }
    }
  }
}

TEST(ResponseReader, SearchesOctetsOfAnyValueAndOfAnyLength) {
  std::string all;
  for (int octet = 255; octet >= 1; --octet) {
    all += static_cast<char>(octet);
  }
  const std::string zeros("\0\0x\0", 4);
  const std::string response = kHead + "\r\n" + "...." + all + "..." + zeros;
  EXPECT_EQ(Read(response, Wanted(all)).outcome, Outcome::kPass);
  EXPECT_EQ(Read(response, Wanted(all), 1).outcome, Outcome::kPass);
  EXPECT_EQ(Read(response, Wanted(zeros), 3).outcome, Outcome::kPass);
  EXPECT_EQ(Read(response, Wanted(".*x")).outcome, Outcome::kFail);  // no pattern language
  EXPECT_EQ(Read(response, Wanted("x")).outcome, Outcome::kPass);
  EXPECT_EQ(Read(kHead + "\r\nHOLDFAST", Wanted("holdfast")).outcome, Outcome::kFail);
}

TEST(ResponseReader, RefusesPatternsItCannotSearch) {
  for (const std::size_t octets : {std::size_t{0}, std::size_t{1021}}) {
    const auto pattern = PatternSet::Compile({std::string(octets, 'x')});
    ASSERT_FALSE(pattern.has_value());
    EXPECT_EQ(pattern.error().code, ErrorCode::kInvalid);
  }
}

TEST(ResponseReader, SearchesAnUnknownOrDoubleCodingAsItIs) {
  const std::string packed = Compress("holdfast holdfast holdfast", Squeeze::kGzip);
  for (const char* coding : {"br", "gzip, gzip", "gzip\r\nContent-Encoding: identity", "zstd"}) {
    const std::string head = kHead + "Content-Encoding: " + coding + "\r\n\r\n";
    EXPECT_EQ(Read(head + "holdfast", Wanted("holdfast")).outcome, Outcome::kPass) << coding;
    EXPECT_EQ(Read(head + packed, Wanted("fast hold")).outcome, Outcome::kFail) << coding;
  }
}

TEST(ResponseReader, FailsABodyThatIsNotWhatItsCodingSays) {
  for (const char* coding : {"gzip", "deflate"}) {
    const Judged judged = Read(kHead + "Content-Encoding: " + coding + "\r\n\r\n\xFF\xFFholdfast",
                               Wanted("holdfast"));
    EXPECT_EQ(judged.outcome, Outcome::kFail);
    EXPECT_EQ(judged.reason, "Failure: The body cannot be decompressed.");
  }
}

TEST(ResponseReader, TakesOnlyTheWindowOfABodyThatInflatesWithoutEnd) {
  std::string zeros;
  zeros.resize(50'000'000, '0');
  const std::string bomb = Compress(zeros, Squeeze::kGzip);
  const Judged judged = Read(kHead + "Content-Encoding: gzip\r\n\r\n" + bomb, Wanted("holdfast"));
  EXPECT_EQ(judged.reason,
            "Failure: The search string is not within the first 5120 octets of the body.");
}

TEST(ResponseReader, GivesUpOnFramingWithoutContent) {
  // Empty stored blocks of deflate, and a chunk extension: both bring no body, for ever.
  const std::string empty_block("\x00\x00\x00\xFF\xFF", 5);
  const struct {
    std::string head;
    std::string endless;
  } cases[] = {{kHead + "Content-Encoding: deflate\r\n\r\n\x78\x9C", empty_block},
               {kHead + "Transfer-Encoding: chunked\r\n\r\n5;x=", "yyyyyyyyyyyyyyyyyyyyyyy"}};
  for (const auto& c : cases) {
    ResponseReader reader(Wanted("holdfast"));
    reader.Feed(std::as_bytes(std::span(c.head)));
    EXPECT_EQ(reader.progress(), Progress::kBody);
    std::size_t fed = 0;
    while (reader.progress() != Progress::kDone && fed < 4 * kMaxBodyOctets) {
      reader.Feed(std::as_bytes(std::span(c.endless)));
      fed += c.endless.size();
    }
    EXPECT_EQ(reader.outcome(), Outcome::kFail);
    EXPECT_LT(fed, kMaxBodyOctets + 10'000);
  }
}

TEST(ResponseReader, SaysAtOnceWhenTheStringWasSeenThoughTheBodyGoesOn) {
  ResponseReader reader(Wanted("holdfast"));
  const std::string start = kHead + "Content-Length: 104857600\r\n\r\n...hold";
  EXPECT_EQ(reader.Feed(std::as_bytes(std::span(start))), Progress::kBody);
  EXPECT_EQ(reader.Feed(std::as_bytes(std::span(std::string_view("fast")))), Progress::kDone);
  EXPECT_EQ(reader.outcome(), Outcome::kPass);
  EXPECT_EQ(reader.reason(), "Success: HTTP Status Code 200, OK");
}

TEST(ResponseReader, SaysWhetherTheConnectionCanBeUsedAgain) {
  const std::string of_ten = "Content-Length: 10\r\n\r\n";
  const struct {
    std::string response;
    bool reusable;
  } cases[] = {
      {kHead + of_ten + "..holdfast", true},
      {kHead + of_ten + "holdfast..", true},
      {kHead + of_ten + "holdfast.", false},    // the last octet is missing
      {kHead + of_ten + "holdfast...", false},  // one too many
      {Chunked("..holdfast..", 3), true},
      {Chunked("holdfast", 3) + "x", false},
      {kHead + "Connection: close\r\n" + of_ten + "..holdfast", false},
      {"HTTP/1.0 200 OK\r\n" + of_ten + "..holdfast", false},
      {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + of_ten + "..holdfast", true},
      {kHead + "\r\nholdfast", false},
      {"HTTP/1.1 100 Continue\r\n\r\n" + kHead + of_ten + "..holdfast", true},
      {Chunked("holdfast" + std::string(kMaxReuseOctets + 8192, '.'), 1000), false},
  };
  for (const auto& c : cases) {
    for (const bool search : {false, true}) {
      for (const std::size_t piece : {std::string::npos, std::size_t{1}, std::size_t{7}}) {
        ResponseReader reader(search ? Wanted("holdfast") : Pattern(), true);
        for (std::string_view rest = c.response; !rest.empty();) {
          const std::string_view now = rest.substr(0, piece);
          rest.remove_prefix(now.size());
          reader.Feed(std::as_bytes(std::span(now)));
        }
        reader.Finish();
        EXPECT_EQ(reader.outcome(), Outcome::kPass) << c.response;
        EXPECT_EQ(reader.reusable(), c.reusable) << c.response << search << piece;
      }
    }
  }
  ResponseReader silent({}, true);
  const std::string none = "HTTP/1.1 204 No\r\n\r\n";
  EXPECT_EQ(silent.Feed(std::as_bytes(std::span(none))), Progress::kDone);
  EXPECT_TRUE(silent.reusable());
}

TEST(ResponseReader, TellsItsOutcomeBeforeTheRestIsThere) {
  ResponseReader reader({}, true);
  const std::string start = kHead + "Content-Length: 5\r\n\r\n";
  EXPECT_EQ(reader.Feed(std::as_bytes(std::span(start))), Progress::kRest);
  EXPECT_EQ(reader.outcome(), Outcome::kPass);
  EXPECT_FALSE(reader.reusable());
  EXPECT_EQ(reader.Feed(std::as_bytes(std::span(std::string_view("12345")))), Progress::kDone);
  EXPECT_TRUE(reader.reusable());
}

TEST(ResponseReader, FindsNothingWhereThereIsNoBody) {
  for (const char* response :
       {"HTTP/1.1 204 No\r\n\r\nholdfast",
        "HTTP/1.1 304 No\r\n\r\nholdfast",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nholdfast",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nholdfast"}) {
    EXPECT_EQ(Read(response, Wanted("holdfast")).outcome, Outcome::kFail) << response;
  }
}

// Where the search ends with the message, the message has ended too.
TEST(ResponseReader, AMatchAtTheVeryEndLeavesTheConnectionToTheNextRequest) {
  const SearchTerm term("hold$", true);
  const Pattern pattern(PatternSet::Compile({term}).value(), term);
  for (const std::string& response :
       {kHead + "Content-Length: 4\r\n\r\nhold", Chunked("hold", 3)}) {
    ResponseReader reader(pattern, true);
    EXPECT_EQ(reader.Feed(std::as_bytes(std::span(response))), Progress::kDone);
    EXPECT_EQ(reader.outcome(), Outcome::kPass) << reader.reason();
    EXPECT_TRUE(reader.reusable());
    const std::string more = response + "\r\n";
    ResponseReader other(pattern, true);
    EXPECT_EQ(other.Feed(std::as_bytes(std::span(more))), Progress::kDone);
    EXPECT_EQ(other.outcome(), Outcome::kPass);
    EXPECT_FALSE(other.reusable());
  }
}

// Octet by octet, as an endpoint may send it: found by fuzzing, where it ended the process.
TEST(ResponseReader, ALastChunkThatIsTheFirstMayComeInAnyPieces) {
  const std::string response = kHead + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n";
  for (const std::size_t piece : {1, 2, 3, 4, 5}) {
    EXPECT_EQ(Read(response, Wanted("a"), piece).outcome, Outcome::kFail) << piece;
    EXPECT_EQ(
        Read(kHead + "Transfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n", Wanted("a"), piece)
            .outcome,
        Outcome::kFail)
        << piece;
  }
}

}  // namespace
}  // namespace holdfast::health
