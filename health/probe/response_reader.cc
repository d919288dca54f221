// Beast's parser, fed octet by octet if need be, with our own bounds around it. The only place that
// includes Beast. What the parser throws or refuses ends as a failure with a reason.
#include "health/probe/response_reader.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "health/probe/inflate.h"

namespace holdfast::health {

namespace {

namespace http = boost::beast::http;
using ErrorCodeOf = boost::beast::error_code;
using Text = boost::beast::string_view;

constexpr std::size_t kMaxPhraseOctets = 64;
constexpr std::size_t kPieceOctets = 4096;
// "0", and two line ends: less never ends a chunked body. Beast 1.81 takes the first line alone and
// then asserts that it sees no less than all of this.
constexpr std::size_t kLastChunkOctets = 5;

bool IsCoding(Text value, Text name) {
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) {
    value.remove_prefix(1);
  }
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) {
    value.remove_suffix(1);
  }
  return boost::beast::iequals(value, name);
}

// What a stranger's server says, fit for a log line.
std::string Phrase(int status, Text sent) {
  if (sent.empty()) {
    sent = http::obsolete_reason(static_cast<http::status>(status));
  }
  std::string phrase;
  for (const char c : sent.substr(0, kMaxPhraseOctets)) {
    phrase += c >= 0x20 && c < 0x7F ? c : '?';
  }
  return phrase;
}

}  // namespace

class ResponseReader::State {
 public:
  State(Pattern pattern, bool to_reuse, ExpectedResponse expected);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void Feed(std::span<const std::byte> octets);
  void Finish();

  Progress progress = Progress::kHeader;
  Outcome outcome = Outcome::kFail;
  std::string reason;
  bool reusable = false;

 private:
  class Parser;

  std::size_t Advance(std::string_view octets);
  void Bound();
  void EndRest(bool whole);
  void OnHeaderEnd();
  bool OpenSearch();
  void OnMessageEnd();
  bool OnStatus(int status, Text phrase);
  void OnCoding(Text value);
  void OnBody(std::span<const std::byte> octets);
  bool OnPlain(std::span<const std::byte> octets);
  void EndBody(bool whole);
  [[nodiscard]] bool IsExpected() const;
  void End(Outcome how, std::string why);

  Pattern pattern_;
  ExpectedResponse expected_;
  bool to_reuse_;  // once there is a header: whether that allows it
  std::optional<PatternSearch> search_;
  std::unique_ptr<Inflate> inflate_;
  std::unique_ptr<Parser> parser_;
  std::string pending_;  // octets the parser wants to see again, with more behind them
  std::size_t header_octets_ = 0;
  std::size_t body_octets_ = 0;
  std::size_t plain_octets_ = 0;
  int status_ = 0;
  std::string status_text_;
  std::size_t codings_ = 0;
  std::optional<Inflate::Coding> coding_;
};

class ResponseReader::State::Parser final : public http::basic_parser<false> {
 public:
  explicit Parser(State& owner) : owner_(owner) {
    // Our own bound counts interim responses too and is checked after each call; a body is bounded
    // by what we read of it, not by what it announces.
    header_limit(static_cast<std::uint32_t>(2 * kMaxHeaderOctets));
    body_limit(boost::none);
    skip(owner.expected_.to_head);
  }

 private:
  void on_request_impl(http::verb /*method*/,
                       Text /*text*/,
                       Text /*target*/,
                       int /*version*/,
                       ErrorCodeOf& /*ec*/) override {}
  void on_response_impl(int code, Text phrase, int /*version*/, ErrorCodeOf& /*ec*/) override {
    owner_.status_ = code;
    owner_.status_text_ = Phrase(code, phrase);
    owner_.codings_ = 0;
    owner_.coding_.reset();
  }
  void on_field_impl(http::field name, Text /*as_sent*/, Text value, ErrorCodeOf& /*ec*/) override {
    if (name == http::field::content_encoding) {
      owner_.OnCoding(value);
    }
  }
  void on_header_impl(ErrorCodeOf& /*ec*/) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const& /*octets*/,
                         ErrorCodeOf& /*ec*/) override {}
  std::size_t on_body_impl(Text body, ErrorCodeOf& /*ec*/) override {
    owner_.OnBody(std::as_bytes(std::span(body.data(), body.size())));
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t /*octets*/,
                            Text /*extensions*/,
                            ErrorCodeOf& /*ec*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*remain*/,
                                 Text body,
                                 ErrorCodeOf& /*ec*/) override {
    owner_.OnBody(std::as_bytes(std::span(body.data(), body.size())));
    return body.size();
  }
  void on_finish_impl(ErrorCodeOf& /*ec*/) override {}

  State& owner_;
};

// Both here, where Parser is complete.
ResponseReader::State::State(Pattern pattern, bool to_reuse, ExpectedResponse expected)
    : pattern_(std::move(pattern)), expected_(std::move(expected)), to_reuse_(to_reuse) {}
ResponseReader::State::~State() = default;

void ResponseReader::State::Feed(std::span<const std::byte> octets) {
  // A piece at a time, so that a large one costs no more memory than many small ones.
  while (progress != Progress::kDone && !octets.empty()) {
    const auto piece = octets.first(std::min(octets.size(), kPieceOctets));
    octets = octets.subspan(piece.size());
    const std::string_view text(reinterpret_cast<const char*>(piece.data()), piece.size());
    if (pending_.empty()) {
      pending_ = text.substr(Advance(text));
    } else {
      pending_ += text;
      if (progress == Progress::kHeader || pending_.size() >= kLastChunkOctets) {
        pending_.erase(0, Advance(pending_));
      }
    }
    Bound();
  }
  reusable = reusable && octets.empty() && pending_.empty();
}

// @return how many of `octets` are done with; the rest must come again, with more behind it.
std::size_t ResponseReader::State::Advance(std::string_view octets) {
  std::size_t used = 0;
  while (progress != Progress::kDone && used < octets.size()) {
    if (parser_ == nullptr) {
      parser_ = std::make_unique<Parser>(*this);
    }
    ErrorCodeOf ec;
    const std::size_t taken =
        parser_->put(boost::asio::const_buffer(octets.data() + used, octets.size() - used), ec);
    used += taken;
    if (progress == Progress::kDone) {
      break;  // the string was seen, or the window is full
    }
    if (progress == Progress::kHeader) {
      header_octets_ += taken;
      const bool complete = parser_->is_header_done();
      if (header_octets_ + (complete ? 0 : octets.size() - used) > kMaxHeaderOctets) {
        End(Outcome::kFail, "Failure: The response header is longer than 16384 octets.");
        break;
      }
      if (complete && (!ec || ec == http::error::need_more)) {
        OnHeaderEnd();
        continue;
      }
    } else {
      body_octets_ += taken;
    }
    if (ec == http::error::need_more) {
      break;
    }
    if (ec && progress == Progress::kRest) {
      EndRest(false);
    } else if (ec) {
      End(Outcome::kFail, "Failure: The response is malformed: " + ec.message() + ".");
    } else if (parser_->is_done()) {
      OnMessageEnd();
    } else if (taken == 0) {
      break;
    }
  }
  return used;
}

// A chunk header or trailer without an end; or framing without content; or a rest that is long.
void ResponseReader::State::Bound() {
  const bool endless = pending_.size() > kMaxHeaderOctets;
  if (progress == Progress::kBody && (endless || body_octets_ > kMaxBodyOctets)) {
    EndBody(false);
  } else if (progress == Progress::kRest && (endless || body_octets_ > kMaxReuseOctets)) {
    EndRest(false);
  }
}

void ResponseReader::State::OnHeaderEnd() {
  const std::string text =
      "HTTP Status Code " + std::to_string(status_) + ", " + std::exchange(status_text_, {});
  if (status_ >= 100 && status_ < 200) {
    parser_.reset();  // an interim response; the real one follows
    return;
  }
  if (!IsExpected()) {
    return End(Outcome::kFail, "Failure: " + text);
  }
  to_reuse_ = to_reuse_ && parser_->keep_alive() &&
              parser_->content_length().value_or(0) <= kMaxReuseOctets;
  parser_->eager(true);
  reason = "Success: " + text;
  if (!pattern_) {
    End(Outcome::kPass, std::move(reason));
  } else if (!OpenSearch()) {
    End(Outcome::kUnknown, "Unknown: The health checker has no memory for a search.");
  } else {
    progress = Progress::kBody;
  }
  if (parser_->is_done()) {
    OnMessageEnd();
  }
}

bool ResponseReader::State::IsExpected() const {
  const auto has = [this](StatusRange range) {
    return range.first <= status_ && status_ <= range.last;
  };
  return expected_.status.empty() ? has(StatusRange{}) : std::ranges::any_of(expected_.status, has);
}

bool ResponseReader::State::OpenSearch() {
  if (auto search = PatternSearch::Open(pattern_)) {
    search_.emplace(std::move(*search));
  }
  if (coding_ && codings_ == 1) {
    inflate_ = std::make_unique<Inflate>(*coding_);
  }
  return search_.has_value();
}

void ResponseReader::State::OnMessageEnd() {
  if (progress == Progress::kBody) {
    EndBody(true);  // which may be where what was searched for is found
  }
  if (progress == Progress::kRest) {
    EndRest(true);
  }
}

void ResponseReader::State::EndRest(bool whole) {
  progress = Progress::kDone;
  reusable = whole;
}

void ResponseReader::State::OnCoding(Text value) {
  // Several codings, or one we do not know: the body is searched as it is.
  ++codings_;
  if (IsCoding(value, "gzip") || IsCoding(value, "x-gzip")) {
    coding_ = Inflate::Coding::kGzip;
  } else if (IsCoding(value, "deflate")) {
    coding_ = Inflate::Coding::kDeflate;
  } else {
    coding_.reset();
  }
}

void ResponseReader::State::OnBody(std::span<const std::byte> octets) {
  if (progress != Progress::kBody) {
    return;
  }
  if (inflate_ == nullptr) {
    OnPlain(octets);
    return;
  }
  const auto how =
      inflate_->Feed(octets, [this](std::span<const std::byte> plain) { return OnPlain(plain); });
  if (progress != Progress::kBody) {
    return;  // the string was seen
  }
  if (how == Inflate::Progress::kDamaged) {
    End(Outcome::kFail, "Failure: The body cannot be decompressed.");
  } else if (how == Inflate::Progress::kEnd) {
    EndBody(true);
  }
}

bool ResponseReader::State::OnPlain(std::span<const std::byte> octets) {
  const auto inside = octets.first(std::min(octets.size(), kBodyWindowOctets - plain_octets_));
  plain_octets_ += inside.size();
  if (search_ && search_->Feed(inside)) {
    End(Outcome::kPass, std::move(reason));
  } else if (plain_octets_ == kBodyWindowOctets) {
    EndBody(false);
  }
  return progress == Progress::kBody;
}

// @param whole  all of the body was seen, so that its end is where a regular expression's may be.
void ResponseReader::State::EndBody(bool whole) {
  if (whole && search_ && search_->End()) {
    End(Outcome::kPass, std::move(reason));
  } else if (pattern_.is_regex()) {
    End(Outcome::kFail,
        "Failure: The first 5120 octets of the body do not match the regular expression.");
  } else {
    End(Outcome::kFail,
        "Failure: The search string is not within the first 5120 octets of the body.");
  }
}

void ResponseReader::State::Finish() {
  if (progress == Progress::kHeader) {
    End(Outcome::kFail, "Failure: The endpoint closed the connection before a complete response.");
  } else if (progress == Progress::kBody) {
    EndBody(parser_->need_eof());
  }
  progress = Progress::kDone;
}

void ResponseReader::State::End(Outcome how, std::string why) {
  progress = how == Outcome::kPass && to_reuse_ ? Progress::kRest : Progress::kDone;
  outcome = how;
  reason = std::move(why);
}

ResponseReader::ResponseReader(Pattern pattern, bool to_reuse, ExpectedResponse expected)
    : state_(std::make_unique<State>(std::move(pattern), to_reuse, std::move(expected))) {}

ResponseReader::~ResponseReader() = default;

ResponseReader::Progress ResponseReader::Feed(std::span<const std::byte> octets) {
  try {
    state_->Feed(octets);
  } catch (const std::exception& thrown) {
    state_->outcome = Outcome::kUnknown;
    state_->reason = std::string("Unknown: The health checker could not read the response: ") +
                     thrown.what() + ".";
    state_->progress = Progress::kDone;
  }
  return state_->progress;
}

void ResponseReader::Finish() {
  state_->Finish();
}

ResponseReader::Progress ResponseReader::progress() const noexcept {
  return state_->progress;
}

Outcome ResponseReader::outcome() const noexcept {
  return state_->outcome;
}

const std::string& ResponseReader::reason() const noexcept {
  return state_->reason;
}

bool ResponseReader::reusable() const noexcept {
  return state_->reusable;
}

}  // namespace holdfast::health
