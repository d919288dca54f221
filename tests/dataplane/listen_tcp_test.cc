// TCP over real sockets of loopback: framing, order, deadlines, limits, and clients that misbehave.
#include <functional>
#include <sys/socket.h>

#include "tests/dataplane/listen_live.h"

namespace holdfast::listen {
namespace {

class ListenTcp : public ListenLive {
 protected:
  void SetUp() override {
    ListenLive::SetUp();
    to_ = sockets_.Add(SOCK_STREAM, "127.0.0.1");
  }
  [[nodiscard]] Client Connect(const std::string& from = "") const {
    return {SOCK_STREAM, to_, from};
  }
  // Whether the server serves a new client.
  void ExpectServing() {
    Client client = Connect();
    ASSERT_TRUE(client.ok());
    ASSERT_TRUE(client.Send(Framed(Query(99, "www"))));
    EXPECT_TRUE(IsAddress(client.ReceiveMessage(), 99));
  }

  Address to_;
};

TEST_F(ListenTcp, AnswersAHundredPipelinedQueriesInTheirOrder) {
  ASSERT_NO_FATAL_FAILURE(Start());
  Client client = Connect();
  std::string queries;
  for (std::uint16_t id = 0; id < 100; ++id) {
    queries += Framed(Query(id, "h" + std::to_string(id)));
  }
  ASSERT_TRUE(client.Send(queries));
  for (std::uint16_t id = 0; id < 100; ++id) {
    ASSERT_TRUE(IsAddress(client.ReceiveMessage(), id));
  }
  EXPECT_TRUE(Settles(Counter::kTcpMessages, 100));
}

// What a client that asks is told of the time that it may be idle, in 100 ms; -1: nothing.
int KeepaliveTold(Client& client) {
  std::string query = Query(7, "www");
  query[11] = 1;  // ARCOUNT
  query += std::string("\0\0\x29\x04\xd0\0\0\0\0\0\4\0\x0b\0\0", 15);
  EXPECT_TRUE(client.Send(Framed(query)));
  const std::string reply = client.ReceiveMessage();
  const std::size_t at = reply.size() - 6;
  EXPECT_TRUE(IsAddress(reply, 7));
  return reply.size() < 6 || reply.compare(at, 4, std::string("\0\x0b\0\2", 4)) != 0
             ? -1
             : (static_cast<unsigned char>(reply[at + 4]) << 8) |
                   static_cast<unsigned char>(reply[at + 5]);
}

TEST_F(ListenTcp, conf_C09_C10_SaysHowLongAConnectionMayBeIdleAndNoneAtTheLimit) {
  struct Case {
    TcpOptions options;
    int least, most;  // of what is told, in 100 ms
  };
  const Case cases[] = {{{.idle_ms = 2'000}, 20, 20},
                        {{.idle_ms = 10'000, .total_ms = 5'000}, 1, 50},
                        {{.idle_ms = 3'600'000, .total_ms = 86'400'000}, 36'000, 36'000},
                        {{.max_connections = 1}, 0, 0}};
  for (const Case& c : cases) {
    ASSERT_NO_FATAL_FAILURE(Start({.tcp = c.options}));
    Client client = Connect();
    const int told = KeepaliveTold(client);
    EXPECT_GE(told, c.least);
    EXPECT_LE(told, c.most);
    Stop();
  }
}

TEST_F(ListenTcp, AnswersOverIpv6AndToMappedClients) {
  const std::uint16_t port = sockets_.Add(SOCK_STREAM, "::").port();
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const char* address : {"::1", "127.0.0.1"}) {
    Client client(SOCK_STREAM, Address::Of(address, port));
    ASSERT_TRUE(client.Send(Framed(Query(1, "www")))) << address;
    EXPECT_TRUE(IsAddress(client.ReceiveMessage(), 1)) << address;
  }
}

TEST_F(ListenTcp, AnswersQueriesThatComeOctetByOctet) {
  ASSERT_NO_FATAL_FAILURE(Start());
  Client client = Connect();
  const int one = 1;
  setsockopt(client.fd(), IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one));
  for (std::uint16_t id = 0; id < 3; ++id) {
    for (const char octet : Framed(Query(id, "www"))) {
      ASSERT_TRUE(client.Send(std::string(1, octet)));
    }
    ASSERT_TRUE(IsAddress(client.ReceiveMessage(), id));
  }
  EXPECT_TRUE(Settles(Counter::kTcpHeldOctets, 0));
}

TEST_F(ListenTcp, SendsTheLongestMessagesWhole) {
  ASSERT_NO_FATAL_FAILURE(Start());
  Client client = Connect();
  ASSERT_TRUE(client.Send(Framed(Query(1, "big", kTypeTxt)) + Framed(Query(2, "www"))));
  const auto big = client.ReceiveMessage();
  ASSERT_FALSE(big.empty());
  EXPECT_GT(big.size(), kBigOctets);
  EXPECT_FALSE(Truncated(big));
  EXPECT_TRUE(IsAddress(client.ReceiveMessage(), 2));
}

TEST_F(ListenTcp, ReadsTheLongestMessage) {
  ASSERT_NO_FATAL_FAILURE(Start());
  Client client = Connect();
  // What stands behind the question is no DNS: whatever is said to it, the stream stays in step.
  std::string longest = Query(1, "www");
  longest.resize(kMaxMessageOctets, '\0');
  ASSERT_TRUE(client.Send(Framed(longest) + Framed(Query(2, "www"))));
  std::string reply = client.ReceiveMessage();
  if (!reply.empty() && IdOf(reply) == 1) {
    reply = client.ReceiveMessage();
  }
  EXPECT_TRUE(IsAddress(reply, 2));
}

TEST_F(ListenTcp, AnswersAClientThatIsDoneSendingAndThenCloses) {
  ASSERT_NO_FATAL_FAILURE(Start());
  Client client = Connect();
  ASSERT_TRUE(client.Send(Framed(Query(1, "www")) + Framed(Query(2, "big", kTypeTxt)) +
                          Framed(Query(3, "www")).substr(0, 9)));
  client.FinishSending();
  EXPECT_TRUE(IsAddress(client.ReceiveMessage(), 1));
  EXPECT_FALSE(client.ReceiveMessage().empty());
  EXPECT_TRUE(client.SeesEnd());
  EXPECT_TRUE(Reaches(Counter::kTcpClosedByClient, 1));
  EXPECT_TRUE(Settles(Counter::kTcpOpen, 0));
  EXPECT_TRUE(Settles(Counter::kTcpHeldOctets, 0));
}

TEST_F(ListenTcp, ClosesAtALengthThatNoMessageHasAfterAnsweringWhatCameBefore) {
  ASSERT_NO_FATAL_FAILURE(Start());
  std::uint64_t closed = 0;
  for (const char length : {'\0', '\x01', '\x0B'}) {
    Client client = Connect();
    ASSERT_TRUE(client.Send(Framed(Query(1, "www")) + '\0' + length + "whatever"));
    EXPECT_TRUE(IsAddress(client.ReceiveMessage(), 1));
    EXPECT_TRUE(client.SeesEnd());
    EXPECT_TRUE(Reaches(Counter::kTcpBadLength, ++closed));
  }
  ExpectServing();
}

TEST_F(ListenTcp, StaysSilentToAResponseAndGoesOn) {
  ASSERT_NO_FATAL_FAILURE(Start());
  Client client = Connect();
  std::string response = Query(1, "www");
  response[2] = static_cast<char>(0x81);  // QR and RD
  ASSERT_TRUE(client.Send(Framed(response) + Framed(Query(2, "www"))));
  EXPECT_TRUE(IsAddress(client.ReceiveMessage(), 2));
}

TEST_F(ListenTcp, SurvivesResets) {
  ASSERT_NO_FATAL_FAILURE(Start());
  for (int i = 0; i < 20; ++i) {
    Client client = Connect();
    ASSERT_TRUE(client.ok());
    for (int query = 0; query < i; ++query) {
      client.Send(Framed(Query(1, "big", kTypeTxt)));
    }
    client.Reset();
  }
  ExpectServing();
  EXPECT_TRUE(Reaches(Counter::kTcpClosedByClient, 21));
  EXPECT_TRUE(Settles(Counter::kTcpHeldOctets, 0));
}

TEST_F(ListenTcp, conf_C06_ClosesIdleConnectionsAlsoThoseInsideAMessage) {
  ASSERT_NO_FATAL_FAILURE(Start({.tcp = {.idle_ms = 300}}));
  Client silent = Connect();
  Client partial = Connect();
  Client served = Connect();
  ASSERT_TRUE(partial.Send("\x01\x02half"));
  ASSERT_TRUE(served.Send(Framed(Query(1, "www"))));
  EXPECT_TRUE(IsAddress(served.ReceiveMessage(), 1));
  EXPECT_TRUE(silent.SeesEnd());
  EXPECT_TRUE(partial.SeesEnd());
  EXPECT_TRUE(served.SeesEnd());
  EXPECT_TRUE(Settles(Counter::kTcpClosedIdle, 3));
  EXPECT_TRUE(Settles(Counter::kTcpOpen, 0));
}

TEST_F(ListenTcp, ClosesABusyConnectionAtItsTotalDeadline) {
  ASSERT_NO_FATAL_FAILURE(Start({.tcp = {.idle_ms = 5'000, .total_ms = 400}}));
  Client client = Connect();
  std::uint16_t id = 0;
  while (client.Send(Framed(Query(id, "www")))) {
    const auto reply = client.ReceiveMessage();
    if (reply.empty()) {
      break;
    }
    ASSERT_TRUE(IsAddress(reply, id));
    ++id;
  }
  EXPECT_GT(id, 1U);
  EXPECT_TRUE(Settles(Counter::kTcpClosedTotal, 1));
  EXPECT_EQ(Count(Counter::kTcpClosedIdle), 0U);
}

TEST_F(ListenTcp, RefusesAClientThatHasItsShareAndServesOthers) {
  ASSERT_NO_FATAL_FAILURE(Start({.tcp = {.max_per_client = 2}}));
  Client first = Connect();
  Client second = Connect();
  ASSERT_TRUE(second.Send(Framed(Query(2, "www"))));
  EXPECT_TRUE(IsAddress(second.ReceiveMessage(), 2));
  Client third = Connect();
  EXPECT_TRUE(!third.ok() || third.SeesEnd());
  EXPECT_TRUE(Reaches(Counter::kTcpRefusedClient, 1));
  Client other = Connect("127.0.0.2");
  ASSERT_TRUE(other.Send(Framed(Query(3, "www"))));
  EXPECT_TRUE(IsAddress(other.ReceiveMessage(), 3));
  ASSERT_TRUE(first.Send(Framed(Query(1, "www"))));
  EXPECT_TRUE(IsAddress(first.ReceiveMessage(), 1));
  // One that goes makes room for one.
  first.Reset();
  EXPECT_TRUE(Reaches(Counter::kTcpClosedByClient, 1));
  ExpectServing();
}

TEST_F(ListenTcp, RefusesANewConnectionWhenFullOfYoungOnes) {
  ASSERT_NO_FATAL_FAILURE(Start({.tcp = {.max_connections = 2, .protect_ms = 60'000}}));
  Client first = Connect();
  Client second = Connect();
  EXPECT_TRUE(Reaches(Counter::kTcpAccepted, 2));
  Client third = Connect();
  EXPECT_TRUE(!third.ok() || third.SeesEnd());
  EXPECT_TRUE(Reaches(Counter::kTcpRefusedTotal, 1));
  ASSERT_TRUE(first.Send(Framed(Query(1, "www"))));
  EXPECT_TRUE(IsAddress(first.ReceiveMessage(), 1));
}

TEST_F(ListenTcp, LetsTheLongestIdleConnectionGiveWayWhenFull) {
  ASSERT_NO_FATAL_FAILURE(Start({.tcp = {.max_connections = 2, .protect_ms = 0}}));
  Client first = Connect();
  EXPECT_TRUE(Reaches(Counter::kTcpAccepted, 1));
  Client second = Connect();
  EXPECT_TRUE(Reaches(Counter::kTcpAccepted, 2));
  // Younger as a connection, but longer without a query now.
  ASSERT_TRUE(first.Send(Framed(Query(1, "www"))));
  EXPECT_TRUE(IsAddress(first.ReceiveMessage(), 1));
  Client third = Connect();
  ASSERT_TRUE(third.Send(Framed(Query(3, "www"))));
  EXPECT_TRUE(IsAddress(third.ReceiveMessage(), 3));
  EXPECT_TRUE(second.SeesEnd());
  EXPECT_TRUE(Settles(Counter::kTcpClosedLimit, 1));
  ASSERT_TRUE(first.Send(Framed(Query(1, "www"))));
  EXPECT_TRUE(IsAddress(first.ReceiveMessage(), 1));
}

// Sends queries for large replies, reading nothing, until the server stops taking them.
std::uint16_t Stuff(Client& client) {
  std::uint16_t sent = 0;
  const std::string query = Framed(Query(0, "big", kTypeTxt));
  std::string ahead;
  for (std::uint16_t id = 0; id < 2'000; ++id) {
    ahead += Framed(Query(id, "big", kTypeTxt));
  }
  const std::size_t went = client.SendSome(ahead);
  sent = static_cast<std::uint16_t>(went / query.size());
  return sent;
}

TEST_F(ListenTcp, conf_C08_AnswersASlowReaderCompletelyAndInOrderOnceItReads) {
  ASSERT_NO_FATAL_FAILURE(Start());
  Client client = Connect();
  const std::uint16_t queries = Stuff(client);
  ASSERT_GT(queries, 200U);
  EXPECT_TRUE(Reaches(Counter::kTcpPartialWrites, 1));
  // Held: what one read and one burst can make, not what was asked. Before that the kernel took
  // what its send buffer (256 KiB) and the client's receive buffer have room for, and no megabytes.
  EXPECT_LT(Count(Counter::kTcpMessages), queries);
  EXPECT_LE(Count(Counter::kTcpMessages), 40U);
  EXPECT_LE(Count(Counter::kTcpHeldOctets), (17U << 16U) + (16U << 10U));
  for (std::uint16_t id = 0; id < queries; ++id) {
    const auto reply = client.ReceiveMessage();
    ASSERT_FALSE(reply.empty()) << id;
    ASSERT_EQ(IdOf(reply), id);
    ASSERT_GT(reply.size(), kBigOctets);
  }
  ASSERT_TRUE(client.Send(""));
  EXPECT_TRUE(Reaches(Counter::kTcpMessages, queries));
}

TEST_F(ListenTcp, ClosesAReaderThatNeverReadsAtItsDeadlineWhileOthersAreServed) {
  ASSERT_NO_FATAL_FAILURE(Start({.tcp = {.idle_ms = 500}}));
  Client client = Connect();
  Stuff(client);
  EXPECT_TRUE(Reaches(Counter::kTcpPartialWrites, 1));
  ExpectServing();
  EXPECT_TRUE(Reaches(Counter::kTcpClosedIdle, 1));
  EXPECT_TRUE(Reaches(Counter::kTcpClosedByClient, 1));
  EXPECT_TRUE(Settles(Counter::kTcpHeldOctets, 0));
}

TEST_F(ListenTcp, GivesUpTheLongestHolderWhenTooMuchIsHeld) {
  ASSERT_NO_FATAL_FAILURE(Start({.tcp = {.held_octets = 1U << 20U}}));
  std::vector<Client> slow;
  for (int i = 0; i < 8; ++i) {
    slow.push_back(Connect());
    Stuff(slow.back());
  }
  EXPECT_TRUE(Reaches(Counter::kTcpClosedMemory, 1));
  EXPECT_LE(Count(Counter::kTcpHeldOctets), 1U << 20U);
  ExpectServing();
}

TEST_F(ListenTcp, AnswersAtTheEndWhatCameWholeAndLeavesTheQueueToTheNextServer) {
  ASSERT_NO_FATAL_FAILURE(Start());
  Client client = Connect();
  ASSERT_TRUE(client.Send(Framed(Query(1, "www"))));
  ASSERT_TRUE(IsAddress(client.ReceiveMessage(), 1));
  ASSERT_TRUE(client.Send(Framed(Query(2, "www"))));
  Stop();
  EXPECT_TRUE(IsAddress(client.ReceiveMessage(), 2));
  EXPECT_TRUE(client.SeesEnd());

  Client waiting = Connect();
  ASSERT_TRUE(waiting.ok());
  ASSERT_TRUE(waiting.Send(Framed(Query(3, "www"))));
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_TRUE(IsAddress(waiting.ReceiveMessage(), 3));
}

TEST_F(ListenTcp, ServesManyConnectionsOnSeveralThreads) {
  ASSERT_NO_FATAL_FAILURE(Start({.threads = 2, .tcp = {.max_per_client = 300}}));
  std::vector<Client> clients;
  for (std::uint16_t i = 0; i < 200; ++i) {
    clients.push_back(Connect());
    ASSERT_TRUE(clients.back().ok());
  }
  for (int round = 0; round < 3; ++round) {
    std::uint16_t id = 0;
    for (Client& client : clients) {
      ASSERT_TRUE(client.Send(Framed(Query(id++, "www"))));
    }
    id = 0;
    for (Client& client : clients) {
      ASSERT_TRUE(IsAddress(client.ReceiveMessage(), id++));
    }
  }
  EXPECT_EQ(Count(Counter::kTcpOpen), clients.size());
}

}  // namespace
}  // namespace holdfast::listen
