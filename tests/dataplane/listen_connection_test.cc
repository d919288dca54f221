// What orders and bounds TCP connections: the deadline lists and the limits, without sockets.
#include <arpa/inet.h>
#include <array>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "dataplane/listen/connection.h"
#include "dataplane/listen/counters.h"

namespace holdfast::listen {
namespace {

ClientAddress Client(const char* text) {
  ClientAddress client;
  client.is_v6 = inet_pton(AF_INET6, text, client.octets.data()) == 1;
  if (!client.is_v6) {
    EXPECT_EQ(inet_pton(AF_INET, text, client.octets.data()), 1);
  }
  return client;
}

TEST(DeadlineList, KeepsConnectionsInTheOrderTheyStarted) {
  std::array<Connection, 4> connection;
  DeadlineList idle(Deadline::kIdle);
  DeadlineList total(Deadline::kTotal);
  for (std::uint64_t i = 0; i < connection.size(); ++i) {
    idle.Start(connection[i], 10 + i);
    total.Start(connection[i], 10 + i);
  }
  idle.Start(connection[0], 20);  // was served: now the last to go
  idle.Start(connection[2], 21);
  idle.Start(connection[2], 22);
  std::vector<const Connection*> order;
  for (Connection* at = idle.Oldest(); at != nullptr; at = idle.After(*at)) {
    order.push_back(at);
  }
  EXPECT_EQ(order,
            (std::vector<const Connection*>{
                &connection[1], &connection[3], &connection[0], &connection[2]}));
  EXPECT_EQ(idle.SinceNs(connection[2]), 22U);
  EXPECT_EQ(total.Oldest(), &connection[0]);

  idle.Remove(connection[1]);
  idle.Remove(connection[1]);  // in no list any more: nothing happens
  idle.Remove(connection[2]);
  EXPECT_EQ(idle.Oldest(), &connection[3]);
  EXPECT_EQ(idle.After(connection[3]), &connection[0]);
  EXPECT_EQ(idle.After(connection[0]), nullptr);
  idle.Remove(connection[0]);
  idle.Remove(connection[3]);
  EXPECT_EQ(idle.Oldest(), nullptr);
  EXPECT_EQ(total.Oldest(), &connection[0]);
}

using Verdict = ConnectionLimits::Verdict;

TEST(ConnectionLimits, BoundConnectionsInAllAndGiveThemBack) {
  ConnectionLimits limits(2, 2, {1, 2});
  std::array<ConnectionLimits::Ticket, 3> ticket;
  EXPECT_EQ(limits.Take(Client("192.0.2.1"), ticket[0]), Verdict::kTaken);
  EXPECT_EQ(limits.Take(Client("192.0.2.2"), ticket[1]), Verdict::kTaken);
  EXPECT_EQ(limits.Take(Client("192.0.2.3"), ticket[2]), Verdict::kFull);
  EXPECT_EQ(limits.open(), 2U);
  limits.Release(ticket[0]);
  EXPECT_EQ(limits.Take(Client("192.0.2.3"), ticket[2]), Verdict::kTaken);
  EXPECT_EQ(limits.open(), 2U);
}

TEST(ConnectionLimits, TellAClientWithItsShareUsedUpSoEvenWhenAllIsFull) {
  ConnectionLimits limits(2, 2, {1, 2});
  std::array<ConnectionLimits::Ticket, 3> ticket;
  EXPECT_EQ(limits.Take(Client("192.0.2.1"), ticket[0]), Verdict::kTaken);
  EXPECT_EQ(limits.Take(Client("192.0.2.1"), ticket[1]), Verdict::kTaken);
  EXPECT_EQ(limits.Take(Client("192.0.2.1"), ticket[2]), Verdict::kClientFull);
}

TEST(ConnectionLimits, CountAnIpv6ClientByItsNetwork) {
  ConnectionLimits limits(100, 1, {3, 4});
  ConnectionLimits::Ticket ticket;
  EXPECT_EQ(limits.Take(Client("2001:db8:1:2::1"), ticket), Verdict::kTaken);
  EXPECT_EQ(limits.Take(Client("2001:db8:1:2:ffff::9"), ticket), Verdict::kClientFull);
  EXPECT_EQ(limits.Take(Client("2001:db8:1:3::1"), ticket), Verdict::kTaken);
}

TEST(ConnectionLimits, KeepManyClientsApart) {
  constexpr std::uint32_t kClients = 10'000;
  ConnectionLimits limits(100'000, 5, {0x0123456789ABCDEF, 0xFEDCBA9876543210});
  ConnectionLimits::Ticket ticket;
  unsigned refused = 0;
  for (std::uint32_t i = 0; i < kClients; ++i) {
    const std::string text = "10.1." + std::to_string(i >> 8U) + "." + std::to_string(i & 0xFFU);
    for (int again = 0; again < 5; ++again) {
      refused += limits.Take(Client(text.c_str()), ticket) == Verdict::kTaken ? 0U : 1U;
    }
  }
  // Refused by mistake only where both counters are shared: about (10,000 / 65,536)^2 of clients
  // that come last; the bound is far above what chance gives and far below a broken hash.
  EXPECT_LT(refused, kClients * 5 / 20);
}

TEST(Client, OfAnIpv4AddressMappedIntoIpv6IsAnIpv4Client) {
  sockaddr_in6 from{};
  from.sin6_family = AF_INET6;
  inet_pton(AF_INET6, "::ffff:192.0.2.7", &from.sin6_addr);
  EXPECT_FALSE(ClientOf(from).is_v6);
  EXPECT_EQ(ClientOf(from).octets, Client("192.0.2.7").octets);
  inet_pton(AF_INET6, "2001:db8::1", &from.sin6_addr);
  EXPECT_TRUE(ClientOf(from).is_v6);
}

TEST(ListenCounters, AllHaveANameOfTheirOwn) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < static_cast<unsigned>(Counter::kCount); ++i) {
    const std::string name = CounterText(static_cast<Counter>(i));
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 0) << name;
    names.push_back(name);
  }
  EXPECT_STREQ(CounterText(Counter::kTcpHeldOctets), "tcp_held_octets");
  EXPECT_STREQ(CounterText(Counter::kCount), "unknown");
}

}  // namespace
}  // namespace holdfast::listen
