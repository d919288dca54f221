// UDP over real sockets of loopback: bursts, both families, and the address a reply leaves from.
#include <cerrno>
#include <cstring>
#include <netinet/udp.h>
#include <set>
#include <sys/socket.h>

#include "tests/dataplane/listen_live.h"

namespace holdfast::listen {
namespace {

class ListenUdp : public ListenLive {};

TEST_F(ListenUdp, AnswersOverIpv4AndIpv6) {
  for (const char* address : {"127.0.0.1", "::1"}) {
    const Address to = sockets_.Add(SOCK_DGRAM, address);
    ASSERT_NO_FATAL_FAILURE(Start());
    Client client(SOCK_DGRAM, to);
    ASSERT_TRUE(client.Send(Query(7, "www")));
    EXPECT_TRUE(IsAddress(client.ReceiveDatagram(), 7)) << address;
    ASSERT_TRUE(client.Send(Query(8, "nowhere")));
    const auto reply = client.ReceiveDatagram();
    ASSERT_FALSE(reply.empty());
    EXPECT_EQ(RcodeOf(reply), 3U);
    Stop();
  }
}

TEST_F(ListenUdp, AnswersEveryQueryOfABurstOnceOnAnyNumberOfThreads) {
  const Address to = sockets_.Add(SOCK_DGRAM, "127.0.0.1");
  for (const unsigned threads : {1U, 3U}) {
    ASSERT_NO_FATAL_FAILURE(Start({.threads = threads}));
    Client client(SOCK_DGRAM, to);
    constexpr std::uint16_t kQueries = 150;
    for (std::uint16_t id = 0; id < kQueries; ++id) {
      ASSERT_TRUE(client.Send(Query(id, "h" + std::to_string(id % 100))));
    }
    std::set<std::uint16_t> answered;
    for (unsigned i = 0; i < kQueries; ++i) {
      const auto reply = client.ReceiveDatagram();
      ASSERT_FALSE(reply.empty()) << i << " of " << kQueries;
      EXPECT_TRUE(IsAddress(reply, IdOf(reply)));
      answered.insert(IdOf(reply));
    }
    EXPECT_EQ(answered.size(), kQueries);
    EXPECT_TRUE(Reaches(Counter::kUdpSent, kQueries));
    EXPECT_EQ(Count(Counter::kUdpReceived), kQueries);
    Stop();
  }
}

TEST_F(ListenUdp, CutsAReplyThatDoesNotFitAndTellsSo) {
  const Address to = sockets_.Add(SOCK_DGRAM, "127.0.0.1");
  ASSERT_NO_FATAL_FAILURE(Start());
  Client client(SOCK_DGRAM, to);
  ASSERT_TRUE(client.Send(Query(9, "big", kTypeTxt)));
  const auto reply = client.ReceiveDatagram();
  ASSERT_FALSE(reply.empty());
  EXPECT_TRUE(Truncated(reply));
  EXPECT_LE(reply.size(), 512U);
}

TEST_F(ListenUdp, RepliesFromTheAddressThatWasAskedOnAWildcardSocket) {
  struct Case {
    const char* bound;
    const char* asked;
  };
  for (const Case& c : {Case{"0.0.0.0", "127.0.0.1"},
                        {"0.0.0.0", "127.0.0.2"},
                        {"0.0.0.0", "127.9.8.7"},
                        {"::", "::1"},
                        {"::", "::ffff:127.0.0.1"},
                        {"::", "::ffff:127.0.0.2"}}) {
    SCOPED_TRACE(std::string(c.bound) + " asked at " + c.asked);
    Sockets sockets;
    const std::uint16_t port = sockets.Add(SOCK_DGRAM, c.bound).port();
    auto attachment = table::Attachment::Open(tables_.run_dir(), "sockets", 1);
    ASSERT_TRUE(attachment.has_value());
    const auto server = Server::Start(**attachment, sockets.listeners(), {});
    ASSERT_TRUE(server.has_value());
    // Not connected, so that a reply from anywhere would be seen.
    Client client(SOCK_DGRAM, Address::Of(c.asked, port), "", false);
    ASSERT_TRUE(client.Send(Query(1, "www")));
    std::string from;
    EXPECT_TRUE(IsAddress(client.ReceiveDatagram(&from), 1));
    EXPECT_EQ(from, c.asked);
  }
}

TEST_F(ListenUdp, RepliesFromTheAddressThatWasAskedBeforeTheSocketWasPrepared) {
  for (const auto& [bound, asked] :
       {std::pair{"0.0.0.0", "127.0.0.2"}, {"::", "::ffff:127.0.0.2"}}) {
    const int fd = BindListener(SOCK_DGRAM, bound);
    Client client(SOCK_DGRAM, Address::Of(asked, AddressOf(fd).port()), "", false);
    ASSERT_TRUE(client.Send(Query(1, "www")));
    auto attachment = table::Attachment::Open(tables_.run_dir(), "sockets", 1);
    ASSERT_TRUE(attachment.has_value());
    const auto listener = PrepareListener(fd, bound);
    ASSERT_TRUE(listener.has_value());
    auto server = Server::Start(**attachment, {*listener}, {});
    ASSERT_TRUE(server.has_value());
    std::string from;
    EXPECT_TRUE(IsAddress(client.ReceiveDatagram(&from), 1)) << bound;
    EXPECT_EQ(from, asked);
    (*server)->Stop();
    close(fd);
  }
}

TEST_F(ListenUdp, DropsWhatCameFromPortsThatTakeNoReply) {
  const Address to = sockets_.Add(SOCK_DGRAM, "127.0.0.1");
  ASSERT_NO_FATAL_FAILURE(Start());
  const int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
  if (raw < 0 && errno == EPERM) {
    GTEST_SKIP() << "making such a datagram needs CAP_NET_RAW";
  }
  ASSERT_GE(raw, 0);
  const std::string query = Query(3, "www");
  udphdr header{};
  header.dest = htons(to.port());
  header.len = htons(static_cast<std::uint16_t>(sizeof(header) + query.size()));
  const std::uint16_t ports[] = {0, 7, 19};  // nobody, echo, chargen
  for (const std::uint16_t port : ports) {
    header.source = htons(port);
    std::string datagram(sizeof(header), '\0');
    std::memcpy(datagram.data(), &header, sizeof(header));
    datagram += query;
    EXPECT_EQ(sendto(raw,
                     datagram.data(),
                     datagram.size(),
                     0,
                     reinterpret_cast<const sockaddr*>(&to.storage),
                     to.octets),
              static_cast<ssize_t>(datagram.size()));
  }
  close(raw);
  EXPECT_TRUE(Reaches(Counter::kUdpSourcePort, std::size(ports)));
  EXPECT_EQ(Count(Counter::kUdpSent), 0U);
}

TEST_F(ListenUdp, SurvivesTheLongestDatagramAndTheShortest) {
  const Address to = sockets_.Add(SOCK_DGRAM, "127.0.0.1");
  ASSERT_NO_FATAL_FAILURE(Start());
  Client client(SOCK_DGRAM, to);
  ASSERT_TRUE(client.Send(std::string(65'507, '\xFF')));
  EXPECT_EQ(send(client.fd(), "", 0, 0), 0);
  ASSERT_TRUE(client.Send(std::string(11, 'x')));
  ASSERT_TRUE(client.Send(Query(4, "www")));
  EXPECT_TRUE(IsAddress(client.ReceiveDatagram(), 4));
  EXPECT_TRUE(Settles(Counter::kUdpReceived, 4));
}

TEST_F(ListenUdp, LeavesWhatWaitsToTheNextServer) {
  const Address to = sockets_.Add(SOCK_DGRAM, "127.0.0.1");
  ASSERT_NO_FATAL_FAILURE(Start());
  Stop();
  Client client(SOCK_DGRAM, to);
  ASSERT_TRUE(client.Send(Query(5, "www")));
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_TRUE(IsAddress(client.ReceiveDatagram(), 5));
}

}  // namespace
}  // namespace holdfast::listen
