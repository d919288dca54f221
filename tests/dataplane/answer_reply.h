// What the reply tests share: the example zone's tables, a client, and words for what is expected.
#pragma once

#include <gtest/gtest.h>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/dataplane/answer_client.h"
#include "tests/dataplane/example_zone.h"
#include "tests/dataplane/test_tables.h"

namespace holdfast::answer {

using test::A;
using test::N;
using test::PacketBuilder;
using test::ReadReply;
using test::Wire;
using wire::Type;

class Reply : public testing::Test {
 protected:
  static void SetUpTestSuite() { tables_ = new test::TestTables(test::ExampleModel()); }
  static void TearDownTestSuite() {
    delete tables_;
    tables_ = nullptr;
  }
  ReadReply Ask(const PacketBuilder& message, Transport transport = Transport::kUdp) {
    return client_.Ask(tables_->snapshot(), message, transport);
  }
  ReadReply Ask(std::string_view name, Type type) {
    return Ask(PacketBuilder().Question(std::string(name) + ".example.test", type));
  }
  ReadReply AskTcp(std::string_view name, Type type) {
    return Ask(PacketBuilder().Question(std::string(name) + ".example.test", type),
               Transport::kTcp);
  }

  static inline test::TestTables* tables_ = nullptr;
  test::AnswerClient client_;
};

inline std::string Owner(std::string_view name) {
  return Wire(std::string(name) + ".example.test");
}

// "owner TYPE" of each record in its order.
inline std::vector<std::string> Shape(const std::vector<test::ReadRecord>& section) {
  std::vector<std::string> out;
  for (const auto& record : section) {
    out.push_back(wire::ToText(wire::Fold(record.owner)) + " " + wire::TypeText(record.type));
  }
  return out;
}
using Lines = std::vector<std::string>;

inline std::set<std::string> Rdata(const std::vector<test::ReadRecord>& section) {
  std::set<std::string> out;
  for (const auto& record : section) {
    out.insert(record.rdata);
  }
  return out;
}

inline void ExpectSoa(const ReadReply& reply, const char* origin, std::uint32_t ttl) {
  ASSERT_EQ(reply.authority.size(), 1U);
  EXPECT_EQ(wire::Fold(reply.authority[0].owner), Wire(origin));
  EXPECT_EQ(reply.authority[0].type, N(Type::kSoa));
  EXPECT_EQ(reply.authority[0].ttl, ttl);
}

inline void ExpectNodata(const ReadReply& reply) {
  EXPECT_EQ(reply.Rcode(), 0U);
  EXPECT_TRUE(reply.Aa());
  EXPECT_TRUE(reply.answer.empty());
  ExpectSoa(reply, "example.test", 60);
}

inline void ExpectNxDomain(const ReadReply& reply) {
  EXPECT_EQ(reply.Rcode(), 3U);
  EXPECT_TRUE(reply.Aa());
  EXPECT_TRUE(reply.answer.empty());
  ExpectSoa(reply, "example.test", 60);
}

}  // namespace holdfast::answer
