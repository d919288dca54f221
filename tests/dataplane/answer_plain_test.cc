// A plain reply is what the general way would have written: same octets, same counts.
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "dataplane/answer/cookie.h"
#include "dataplane/answer/stages.h"
#include "tests/dataplane/answer_client.h"
#include "tests/dataplane/example_zone.h"
#include "tests/dataplane/test_tables.h"

namespace holdfast::answer {
namespace {

using test::PacketBuilder;

constexpr std::size_t kRoom = 4096;

class Plain : public testing::Test {
 protected:
  struct Answered {
    bool plain = false;  // whether the plain way took it
    std::string octets;
    std::array<std::uint64_t, kCounterCount> counters{};
  };

  // One query by one of the two ways.
  Answered By(bool plainly, const std::string& message) {
    Answered answered;
    const auto scratch = MakeScratch({.seed = 7}, answered.counters);
    const auto buffer = std::make_unique<std::byte[]>(kRoom);
    std::memcpy(buffer.get(), message.data(), message.size());
    Job job;
    job.message = buffer.get();
    job.query_octets = static_cast<std::uint32_t>(message.size());
    job.room_octets = kRoom;
    const table::Snapshot snapshot = tables_.snapshot();
    const std::span<Query> queries(scratch->query.data(), 1);
    ParseAll(snapshot, {&job, 1}, true, queries.data());
    PrefetchRecords(snapshot, queries);
    Query& query = queries[0];
    if ((query.asked & kAskedCookie) != 0) {
      const std::span sent(buffer.get() + query.cookie_at, query.cookie_octets);
      const std::array<std::byte, 4> client{};
      query.cookie_valid = CheckCookie(*snapshot.settings(), sent, client, 1000, query.cookie);
    }
    if (FindAll(snapshot, queries) != 0) {
      DecideAll(snapshot, queries, scratch->random);
    }
    answered.plain = RespondPlainly(snapshot, job, query, 1232, scratch->tally) ||
                     RespondPlainlyAbsent(snapshot, job, query, encloser_, 1232, scratch->tally);
    if (!plainly) {
      std::memcpy(buffer.get(), message.data(), message.size());
      scratch->tally.FlushTo({});
      Respond(snapshot, job, query, 1232, *scratch);
    }
    answered.octets.assign(reinterpret_cast<const char*>(buffer.get()), job.reply_octets);
    scratch->tally.FlushTo(scratch->counters);
    return answered;
  }

  // @return whether the plain way took it.
  bool IsPlain(const PacketBuilder& packet) {
    const std::string message = packet.Build();
    const Answered plain = By(true, message);
    if (plain.plain) {
      const Answered general = By(false, message);
      EXPECT_EQ(plain.octets, general.octets);
      EXPECT_EQ(plain.counters, general.counters);
      EXPECT_TRUE(test::ReadMessage(plain.octets));
    }
    return plain.plain;
  }

  static PacketBuilder Question(const std::string& name, wire::Type type = wire::Type::kA) {
    return PacketBuilder().Question(name, type);
  }

  static control::Model Model() {
    control::Model model = test::ExampleModel();
    test::TestZone more("more.test.");
    more.Add(std::string(40, 'l'), wire::Type::kA, {test::A("192.0.2.40")});
    model.zones.push_back(more.zone());
    return model;
  }

  test::TestTables tables_{Model()};
  const table::NameRecord* encloser_ = nullptr;  // of the query before, as in a burst
};

TEST_F(Plain, IsWhatTheGeneralWayWouldHaveWritten) {
  // In an image, in the record, of a name that is not in the record.
  const std::string lengthy = std::string(40, 'l') + ".more.test";
  for (const std::string& name : {std::string("www.example.test"),
                                  std::string("WwW.eXample.TEST"),
                                  std::string("StEp30.example.test"),
                                  lengthy}) {
    EXPECT_TRUE(IsPlain(Question(name))) << name;
    EXPECT_TRUE(IsPlain(Question(name).Edns())) << name;
    EXPECT_TRUE(IsPlain(Question(name).Edns({.size = 100}))) << name;
    EXPECT_TRUE(IsPlain(Question(name).Edns({.size = 65535}))) << name;
  }
  EXPECT_TRUE(IsPlain(Question("www.example.test", wire::Type::kAaaa)));
  for (const char* name : {"f2.example.test", "w3.example.test"}) {
    EXPECT_TRUE(IsPlain(Question(name).Edns())) << name;
  }
}

TEST_F(Plain, GivesACookieBack) {
  const auto ask = [](const std::string& options) {
    return Question("www.example.test").Edns({.options = options});
  };
  const std::string client = test::Option(10, "12345678");
  const std::string whole = test::Option(10, "123456781234567812345678");
  const std::string foreign = test::Option(10, "1234567812345678");
  EXPECT_TRUE(IsPlain(ask(client)));  // an unknown option as long as none are given
  control::CompiledSettings settings;
  settings.cookies = table::CookieMode::kOn;
  settings.cookie_secrets = {std::string(table::kCookieSecretOctets, 's')};
  tables_.SetSettings(settings);
  for (const std::string& options : {client, whole, foreign, client + test::Option(65001, "x")}) {
    EXPECT_TRUE(IsPlain(ask(options)));
  }
  EXPECT_FALSE(IsPlain(ask(client + test::Option(3, ""))));
}

TEST_F(Plain, SaysWhatIsNotThere) {
  // One after another: each may find the encloser of the one before.
  const std::string lengthy = std::string(40, 'm') + ".more.test";
  for (const std::string& name : {std::string("nothere.example.test"),
                                  std::string("NotHere.eXample.TEST"),
                                  std::string("nor.nothere.example.test"),
                                  std::string("below.www.example.test"),
                                  std::string("nothere.example.test"),
                                  lengthy,
                                  std::string("more.more.test"),
                                  std::string("again.more.test"),
                                  std::string("x.example.test")}) {
    EXPECT_TRUE(IsPlain(Question(name))) << name;
    EXPECT_TRUE(IsPlain(Question(name).Edns())) << name;
    EXPECT_TRUE(IsPlain(Question(name, wire::Type::kAny).Edns({.size = 100}))) << name;
    EXPECT_TRUE(IsPlain(Question(name, wire::Type::kDs))) << name;
  }
  EXPECT_TRUE(IsPlain(Question("www.example.test", wire::Type::kMx)));
  EXPECT_TRUE(IsPlain(Question("www.example.test", wire::Type::kMx).Edns()));
  EXPECT_TRUE(IsPlain(Question("multi.example.test", wire::Type::kMx)));
  EXPECT_TRUE(IsPlain(Question("example.test")));
}

TEST_F(Plain, LeavesToTheGeneralWayWhatWantsMore) {
  for (const char* name : {"multi.example.test",
                           "mv.example.test",
                           "alias.example.test",
                           "any.w.example.test",
                           "host.sub.example.test",
                           "other.invalid"}) {
    EXPECT_FALSE(IsPlain(Question(name))) << name;
  }
  EXPECT_FALSE(IsPlain(Question("www.example.test", wire::Type::kAny)));
  EXPECT_FALSE(IsPlain(Question("www.example.test", wire::Type::kDs)));
  EXPECT_FALSE(IsPlain(Question("example.test", wire::Type::kDs)));
  EXPECT_FALSE(IsPlain(Question("nothere.example.test").Edns({.flags = 0x8000})));
  EXPECT_FALSE(IsPlain(Question("www.example.test", wire::Type::kRrsig)));
  EXPECT_FALSE(IsPlain(Question("www.example.test").Edns({.flags = 0x8000})));
  EXPECT_FALSE(IsPlain(Question("www.example.test").Edns({.version = 1})));
  EXPECT_FALSE(IsPlain(Question("www.example.test").Opcode(2)));
}

// RD and CD as asked or not; what a query may not carry is not sent back.
TEST_F(Plain, SendsBackTheFlagsThatAReplyHas) {
  for (unsigned flags = 0; flags < 0x800; flags += 0x10) {
    EXPECT_TRUE(IsPlain(Question("www.example.test").Flags(flags))) << flags;
  }
}

}  // namespace
}  // namespace holdfast::answer
