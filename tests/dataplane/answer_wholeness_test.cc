// Answers are whole: from one generation while control publishes beside the reader, and nothing
// outside the image is read, nothing is sent malformed in size, whatever its octets say.
#include <atomic>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/dataplane/answer_client.h"
#include "tests/dataplane/example_zone.h"
#include "tests/dataplane/test_tables.h"

namespace holdfast::answer {
namespace {

using test::A;
using test::PacketBuilder;
using test::Wire;
using wire::Type;

// Two states of one zone. In each, CNAME, its target, MX and the address beside it name the state.
control::Model State(char state) {
  const std::string name(1, state);
  const std::string address = A(state == 'a' ? "192.0.2.1" : "192.0.2.2");
  test::TestZone zone("whole.test.");
  zone.Cname("pair", name).Add(name, Type::kA, {address});
  zone.Add("mail", Type::kMx, {test::Mx(1, name + ".whole.test.")});
  zone.Add("*.wild", Type::kTxt, {test::Txt(name)});
  control::Model model;
  model.zones.push_back(zone.zone());
  return model;
}

// Which state a reply speaks of, '?' when it mixes them or is none.
char StateOf(const test::ReadReply& reply) {
  std::string seen;
  for (const auto* section : {&reply.answer, &reply.additional}) {
    for (const auto& record : *section) {
      const bool a = record.rdata == A("192.0.2.1") || record.rdata == Wire("a.whole.test") ||
                     record.rdata == test::Mx(1, "a.whole.test") || record.rdata == test::Txt("a");
      seen += a ? 'a' : 'b';
    }
  }
  const bool whole = seen.find_first_not_of(seen.empty() ? 'x' : seen[0]) == std::string::npos;
  return !whole || seen.empty() ? '?' : seen[0];
}

const std::vector<PacketBuilder>& Questions() {
  static const std::vector<PacketBuilder> kQuestions{
      PacketBuilder().Question("pair.whole.test", Type::kA),
      PacketBuilder().Question("mail.whole.test", Type::kMx),
      PacketBuilder().Question("x.wild.whole.test", Type::kTxt)};
  return kQuestions;
}

TEST(Wholeness, AReaderKeepsItsGenerationUntilItTakesTheNext) {
  test::TestTables tables(State('a'));
  const auto reader = tables.Attach();
  auto slot = reader->Slot(0);
  slot.Online();
  table::Snapshot cache;
  std::uint64_t word = 0;
  const table::Snapshot before = reader->Take(cache, word);
  ASSERT_TRUE(before.ok());
  slot.Passed(before.generation());
  for (int i = 0; i < 20; ++i) {
    tables.Replace(State(i % 2 == 0 ? 'b' : 'a'));
  }
  tables.Replace(State('b'));
  test::AnswerClient client;
  for (const auto& question : Questions()) {
    EXPECT_EQ(StateOf(client.Ask(before, question)), 'a');
    EXPECT_EQ(StateOf(client.Ask(reader->Take(cache, word), question)), 'b');
  }
  slot.Offline();
}

TEST(Wholeness, NoReplyMixesStatesWhileControlPublishes) {
  test::TestTables tables(State('a'));
  const auto reader = tables.Attach();
  std::atomic<bool> stop{false};
  std::atomic<int> mixed{0};
  std::atomic<int> seen[2]{};
  std::thread answering([&] {
    test::AnswerClient client;
    auto slot = reader->Slot(0);
    slot.Online();
    table::Snapshot cache;
    std::uint64_t word = 0;
    for (int i = 0; i < 2'000'000 && !stop.load(std::memory_order_relaxed); ++i) {
      const table::Snapshot& now = reader->Take(cache, word);
      const char first = StateOf(client.Ask(now, Questions()[0]));
      for (const auto& question : Questions()) {
        // One snapshot, one state: over the names of a burst too.
        mixed += StateOf(client.Ask(now, question)) != first || first == '?' ? 1 : 0;
      }
      seen[first == 'a' ? 0 : 1] += 1;
      slot.Passed(now.generation());
    }
    slot.Offline();
  });
  // As many publishes as it takes for the reader to have seen enough of both, on a busy machine
  // too.
  for (int i = 0; i < 300 || (i < 20000 && (seen[0] < 20 || seen[1] < 20)); ++i) {
    tables.Replace(State(i % 2 == 0 ? 'b' : 'a'));
  }
  stop = true;
  answering.join();
  EXPECT_EQ(mixed, 0);
  EXPECT_GT(seen[0], 0);
  EXPECT_GT(seen[1], 0);
}

const std::vector<std::string>& Hostile() {
  static const std::vector<std::string> kMessages = [] {
    std::vector<std::string> out;
    const char* names[] = {"www",    "multi",       "alias",   "c1",        "loop1",
                           "x.dn",   "foo.w",       "a.b.w",   "q.cw",      "host.sub",
                           "x.many", "x.signedsub", "mail",    "mxf",       "f2",
                           "w3",     "mv",          "fc",      "nope",      "ent",
                           "big",    "step0",       "x.child", "www.child", "child"};
    for (const char* name : names) {
      for (const Type type : {Type::kA, Type::kMx, Type::kDs, Type::kAny}) {
        PacketBuilder message;
        message.Question(std::string(name) + ".example.test", type);
        out.push_back(type == Type::kA ? message.Edns().Build() : message.Build());
      }
    }
    for (const Type type : {Type::kNs, Type::kSoa}) {
      out.push_back(PacketBuilder().Question("example.test", type).Build());
    }
    return out;
  }();
  return kMessages;
}

void Damage(const test::FrozenImage& image, std::mt19937& random) {
  const auto octets = image.octets();
  const unsigned flips = 1U << (random() % 8);
  for (unsigned i = 0; i < flips; ++i) {
    // Mostly behind the header's reserved part, where the structures are.
    const std::size_t low = random() % 8 == 0 ? 0 : sizeof(table::ImageHeader);
    const std::size_t at = low + (random() % (octets.size() - low));
    octets[at] ^= static_cast<std::byte>(1U << (random() % 8));
  }
}

TEST(DamagedImage, IsNeverReadOutsideAndAnswersStayInTheirLimits) {
  const test::TestTables tables(test::ExampleModel());
  const test::FrozenImage good = tables.Freeze();
  test::AnswerClient client;
  std::mt19937 random(5);
  int differing = 0;
  std::vector<std::string> right;
  for (const auto& message : Hostile()) {
    right.push_back(client.Raw(good.snapshot(), message).value());
  }
  for (int seed = 0; seed < 3000; ++seed) {
    const test::FrozenImage image = tables.Freeze();
    Damage(image, random);
    const table::Snapshot snapshot = image.snapshot();
    for (std::size_t i = 0; i < Hostile().size(); ++i) {
      const std::string& message = Hostile()[i];
      const auto raw = client.Raw(snapshot, message);
      if (!raw) {
        EXPECT_FALSE(snapshot.ok());
        continue;
      }
      differing += *raw != right[i] ? 1 : 0;
      ASSERT_GE(raw->size(), wire::kHeaderOctets);
      ASSERT_LE(raw->size(), 1232U);
      ASSERT_EQ(raw->substr(0, 2), message.substr(0, 2));
      ASSERT_NE(static_cast<unsigned char>((*raw)[2]) & 0x80, 0);
    }
  }
  EXPECT_GT(differing, 1000) << "the damage was where it is read";
  EXPECT_GT(client.Count(Counter::kUnreadableTable), 100U);
}

// Every reference of the image led astray at once: each 32-bit word that names a place in it.
TEST(DamagedImage, AnswersServfailAndCountsWhenNothingLeadsAnywhere) {
  const test::TestTables tables(test::ExampleModel());
  const test::FrozenImage image = tables.Freeze();
  const auto snapshot = image.snapshot();
  test::AnswerClient client;
  const auto ask = [&] {
    return client.Ask(snapshot, PacketBuilder().Question("www.example.test", Type::kA).Edns());
  };
  EXPECT_EQ(ask().answer.size(), 1U);
  // The image of the rrset claims more octets than the file has.
  std::array<std::byte, 256 + table::kHashPadding> padded{};
  const std::string name = Wire("www.example.test");
  std::memcpy(padded.data(), name.data(), name.size());
  table::NameKey key{padded.data(), name.size(), 0};
  key.hash = HashName(key.name, key.octets, snapshot.key());
  const auto* record = snapshot.Find(key);
  ASSERT_NE(record, nullptr);
  const auto entries = snapshot.Rrsets(*record);
  ASSERT_FALSE(entries.empty());
  for (const auto& entry : entries) {
    const_cast<table::RrsetEntry&>(entry).at = 0xFFFFFFF0;
  }
  const auto reply = ask();
  EXPECT_EQ(reply.Rcode(), 2U);
  EXPECT_FALSE(reply.Aa());
  EXPECT_TRUE(reply.answer.empty());
  EXPECT_TRUE(reply.has_opt);
  EXPECT_EQ(client.Count(Counter::kUnreadableTable), 1U);
}

}  // namespace
}  // namespace holdfast::answer
