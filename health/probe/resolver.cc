// The cache of names: what is known of each, who waits for it, and the queue of questions that
// keeps the resolvers from being asked too often.
#include "health/probe/resolver.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "health/probe/name_channel.h"
#include "health/probe/name_reply.h"

namespace holdfast::health {

namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr seconds kTtlFloor{1};
constexpr seconds kTtlCeiling{300};
constexpr seconds kNegativeTtl{5};  // without an SOA that says so
constexpr seconds kNegativeCeiling{60};
constexpr seconds kAskAgain{1};  // after no answer
constexpr seconds kHostsTtl{10};
// How long probes wait for an answer rather than use the last one, once that has run out.
constexpr std::chrono::milliseconds kPatience{250};
constexpr int kTries = 2;
constexpr std::size_t kAtATime = 64;
// What a loop that was late may catch up with at once.
constexpr std::chrono::milliseconds kCatchUp{10};
// A longer reply came over TCP, after a truncated one: two queries were sent.
constexpr std::size_t kMaxDatagram = 512;

std::string KeyOf(const std::string& name, AddressFamily family) {
  std::string key = name;
  std::ranges::transform(key, key.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  if (key.ends_with('.')) {
    key.pop_back();
  }
  return key + " " + AddressFamilyText(family);
}

// Of a reply that could be read, so its header is there.
bool IsNxdomain(std::span<const std::byte> reply) noexcept {
  constexpr unsigned kNxdomain = 3;
  return (std::to_integer<unsigned>(reply[3]) & 0xFU) == kNxdomain;
}

}  // namespace

class Resolver::State {
 public:
  State(asio::io_context& io, const ResolverOptions& options, std::unique_ptr<NameChannel> channel)
      : options_(options),
        gap_(std::chrono::nanoseconds(seconds(1)) / options.queries_per_second),
        channel_(std::move(channel)),
        pace_(io) {}

  void Resolve(const std::string& name, AddressFamily family, Callback callback);
  [[nodiscard]] NameCounters& counters() noexcept { return *options_.counters; }

 private:
  /// One name in one family.
  struct Entry {
    std::string name;
    AddressFamily family = AddressFamily::kV4;
    ResolveOutcome outcome = ResolveOutcome::kUnavailable;  // of what was learnt last
    std::vector<IpAddress> addresses;                       // the last good ones
    std::size_t turn = 0;
    Clock::time_point expires;     // nobody is asked before
    Clock::time_point good_until;  // for `addresses`, when there is no answer
    Clock::time_point used;
    std::vector<Callback> waiting;
    // While it is asked for, what came so far; "any" asks two questions.
    int open = 0;  // questions without an end; 0: it is not asked for
    Clock::time_point asked;
    std::vector<IpAddress> found;
    std::optional<seconds> ttl;
    bool silent = false;
  };
  struct Question {
    Entry* entry;  // stays where it is as long as it is asked for
    bool v6 = false;
    int tries = 0;
  };

  Entry* Find(const std::string& name, AddressFamily family);
  bool MakeRoom();
  static bool HasGood(const Entry& entry, Clock::time_point now) {
    return !entry.addresses.empty() && now < entry.good_until;
  }
  /// No resolver answered, but the last addresses are good enough.
  static bool LeansOnLastGood(const Entry& entry, Clock::time_point now) {
    return entry.outcome == ResolveOutcome::kUnavailable && HasGood(entry, now);
  }
  Resolved Next(Entry& entry, Clock::time_point now);
  void Want(Entry& entry);
  bool TakeFromHosts(Entry& entry);
  void Pump();
  void OnAnswer(Question question, NameAnswer answer, std::span<const std::byte> reply);
  void Gather(Question question, NameAnswer answer, std::span<const std::byte> reply);
  void Settle(Entry& entry);

  const ResolverOptions options_;
  const std::chrono::nanoseconds gap_;  // between two questions
  std::unordered_map<std::string, Entry> names_;
  std::deque<Question> queue_;
  std::size_t in_flight_ = 0;
  bool pumping_ = false;
  Clock::time_point next_;  // when the next question may be asked
  std::unique_ptr<NameChannel> channel_;
  asio::steady_timer pace_;
};

void Resolver::State::Resolve(const std::string& name, AddressFamily family, Callback callback) {
  if (const auto literal = IpAddress::FromText(name)) {
    const bool fits =
        family == AddressFamily::kAny || literal->v6 == (family == AddressFamily::kV6);
    callback({fits ? ResolveOutcome::kFound : ResolveOutcome::kNoAddress, *literal});
    return;
  }
  Entry* entry = Find(name, family);
  if (entry == nullptr) {
    callback({});
    return;
  }
  const auto now = Clock::now();
  entry->used = now;
  if (now < entry->expires) {
    if (!LeansOnLastGood(*entry, now)) {
      counters().Add(NameCount::kCacheHits);
    }
    callback(Next(*entry, now));
    return;
  }
  // Who is asked has not answered last time, or takes too long now: the probe does not wait for it.
  const bool late = entry->open != 0 && now - entry->asked >= kPatience;
  if (HasGood(*entry, now) && (late || entry->outcome == ResolveOutcome::kUnavailable)) {
    if (!LeansOnLastGood(*entry, now)) {  // else Next counts it
      counters().Add(NameCount::kLastGood);
    }
    const Resolved good = Next(*entry, now);
    Want(*entry);
    callback(good);
    return;
  }
  entry->waiting.push_back(std::move(callback));
  Want(*entry);
}

// @return null when the cache is full of names that are being asked for.
Resolver::State::Entry* Resolver::State::Find(const std::string& name, AddressFamily family) {
  std::string key = KeyOf(name, family);
  if (const auto known = names_.find(key); known != names_.end()) {
    return &known->second;
  }
  if (names_.size() >= options_.max_names && !MakeRoom()) {
    return nullptr;
  }
  Entry& entry = names_[std::move(key)];
  entry.name = name;
  entry.family = family;
  counters().SetNames(names_.size());
  return &entry;
}

// The one that nobody has asked for longest goes.
bool Resolver::State::MakeRoom() {
  auto oldest = names_.end();
  for (auto at = names_.begin(); at != names_.end(); ++at) {
    if (at->second.open == 0 && (oldest == names_.end() || at->second.used < oldest->second.used)) {
      oldest = at;
    }
  }
  if (oldest == names_.end()) {
    return false;
  }
  names_.erase(oldest);
  return true;
}

Resolved Resolver::State::Next(Entry& entry, Clock::time_point now) {
  const bool leans = LeansOnLastGood(entry, now);
  if (entry.outcome != ResolveOutcome::kFound && !leans) {
    return {.outcome = entry.outcome, .address = {}};
  }
  if (leans) {
    counters().Add(NameCount::kLastGood);
  }
  return {.outcome = ResolveOutcome::kFound,
          .address = entry.addresses[entry.turn++ % entry.addresses.size()]};
}

void Resolver::State::Want(Entry& entry) {
  if (entry.open != 0) {
    return;
  }
  entry.asked = Clock::now();
  entry.found.clear();
  entry.ttl.reset();
  entry.silent = false;
  entry.open = entry.family == AddressFamily::kAny ? 2 : 1;
  if (TakeFromHosts(entry)) {
    return;
  }
  for (const bool v6 : {false, true}) {
    if (entry.family == AddressFamily::kAny || v6 == (entry.family == AddressFamily::kV6)) {
      queue_.push_back({.entry = &entry, .v6 = v6});
    }
  }
  Pump();
}

bool Resolver::State::TakeFromHosts(Entry& entry) {
  for (const bool v6 : {false, true}) {
    if (entry.family == AddressFamily::kAny || v6 == (entry.family == AddressFamily::kV6)) {
      for (const IpAddress& address : channel_->InHostsFile(entry.name, v6)) {
        entry.found.push_back(address);
      }
    }
  }
  if (entry.found.empty()) {
    return false;
  }
  entry.ttl = kHostsTtl;
  entry.open = 0;
  Settle(entry);
  return true;
}

// Asks what may be asked now. Questions may end before Ask returns.
void Resolver::State::Pump() {
  if (std::exchange(pumping_, true)) {
    return;
  }
  while (!queue_.empty() && in_flight_ < kAtATime) {
    const auto now = Clock::now();
    if (now < next_) {
      pace_.expires_at(next_);
      pace_.async_wait([this](auto error) {
        if (!error) {
          Pump();
        }
      });
      break;
    }
    next_ = std::max(next_, now - kCatchUp) + gap_;
    const Question question = queue_.front();
    queue_.pop_front();
    ++in_flight_;
    counters().Add(NameCount::kQueries);
    channel_->Ask(question.entry->name,
                  question.v6,
                  [this, question](NameAnswer answer, std::span<const std::byte> reply) {
                    OnAnswer(question, answer, reply);
                  });
  }
  pumping_ = false;
}

void Resolver::State::OnAnswer(Question question,
                               NameAnswer answer,
                               std::span<const std::byte> reply) {
  --in_flight_;
  if (answer == NameAnswer::kTimeout) {
    counters().Add(NameCount::kTimeout);
  } else if (answer == NameAnswer::kNone) {
    counters().Add(NameCount::kServfail);
  }
  if (reply.size() > kMaxDatagram) {
    next_ += gap_;
  }
  if (answer == NameAnswer::kTimeout && ++question.tries < kTries) {
    queue_.push_back(question);
  } else {
    Gather(question, answer, reply);
    if (--question.entry->open == 0) {
      Settle(*question.entry);
    }
  }
  Pump();
}

void Resolver::State::Gather(Question question,
                             NameAnswer answer,
                             std::span<const std::byte> reply) {
  Entry& entry = *question.entry;
  if (answer == NameAnswer::kNoSuchName) {
    counters().Add(NameCount::kNxdomain);
    return;
  }
  if (answer != NameAnswer::kReply) {
    entry.silent = true;
    return;
  }
  const auto read = ReadNameReply(reply, question.v6);
  if (!read) {
    counters().Add(NameCount::kMalformed);
    entry.silent = true;
    return;
  }
  counters().Add(NameCount::kAnswers);
  if (read->addresses.empty()) {
    counters().Add(IsNxdomain(reply) ? NameCount::kNxdomain : NameCount::kNoAddress);
  }
  // Of addresses the least TTL; of their lack too, but addresses that there are go before.
  if (entry.found.empty() && !read->addresses.empty()) {
    entry.ttl.reset();
  }
  if (read->ttl && (entry.found.empty() || !read->addresses.empty())) {
    entry.ttl = std::min(entry.ttl.value_or(seconds(*read->ttl)), seconds(*read->ttl));
  }
  entry.found.insert(entry.found.end(), read->addresses.begin(), read->addresses.end());
}

void Resolver::State::Settle(Entry& entry) {
  const auto now = Clock::now();
  if (!entry.found.empty()) {
    entry.outcome = ResolveOutcome::kFound;
    entry.addresses = std::exchange(entry.found, {});
    entry.expires = now + std::clamp(entry.ttl.value_or(kTtlFloor), kTtlFloor, kTtlCeiling);
    entry.good_until = entry.expires + options_.max_stale;
  } else if (entry.silent) {
    entry.outcome = ResolveOutcome::kUnavailable;
    entry.expires = now + kAskAgain;
  } else {
    entry.outcome = ResolveOutcome::kNoAddress;
    entry.addresses.clear();
    entry.expires = now + std::clamp(entry.ttl.value_or(kNegativeTtl), kTtlFloor, kNegativeCeiling);
  }
  // A callback may resolve again and move the cache about: nothing of it is held across the calls.
  std::vector<std::pair<Callback, Resolved>> told;
  for (Callback& callback : std::exchange(entry.waiting, {})) {
    told.emplace_back(std::move(callback), Next(entry, now));
  }
  for (const auto& [callback, resolved] : told) {
    callback(resolved);
  }
}

Resolver::Resolver(std::unique_ptr<State> state) : state_(std::move(state)) {}
Resolver::~Resolver() = default;

Result<std::unique_ptr<Resolver>> Resolver::Create(asio::io_context& io,
                                                   const ResolverOptions& options) {
  auto channel = NameChannel::Create(io, options.servers);
  if (!channel) {
    return std::unexpected(std::move(channel.error()));
  }
  return std::unique_ptr<Resolver>(
      new Resolver(std::make_unique<State>(io, options, std::move(*channel))));
}

NameCounters& Resolver::counters() noexcept {
  return state_->counters();
}

void Resolver::Resolve(const std::string& name, AddressFamily family, Callback callback) {
  state_->Resolve(name, family, std::move(callback));
}

}  // namespace holdfast::health
