// What agents may post for PUSH checks.
#include "control/alarms/heartbeats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace holdfast::control {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

const std::string kToken = "0123456789abcdef";

NativeCheck Push(const std::string& id, const std::string& token) {
  NativeCheck native;
  native.check.id = id;
  native.check.type = health::CheckType::kPush;
  native.token = token;
  return native;
}

TEST(HeartbeatBody, SaysWhetherAndWhy) {
  const std::vector<std::tuple<std::string, bool, std::string>> table{
      {"", true, ""},
      {"{}", true, ""},
      {R"({"status": "pass"})", true, ""},
      {R"({"status": "fail", "reason": "disk full"})", false, "disk full"},
      {R"({"reason": "größer"})", true, "größer"},
      {R"({"reason": ")" + std::string(200, 'x') + "\"}", true, std::string(200, 'x')},
  };
  for (const auto& [body, pass, reason] : table) {
    const auto read = ReadHeartbeat(body);
    ASSERT_TRUE(read) << body << read.error().message;
    EXPECT_EQ(read->pass, pass) << body;
    EXPECT_EQ(read->reason, reason) << body;
  }
}

TEST(HeartbeatBody, IsRefusedWithWhatWasExpected) {
  const std::vector<std::pair<std::string, const char*>> table{
      {"fail", "body:1"},
      {"[]", "body: expected an object such as {\"status\": \"pass\""},
      {R"({"status": "down"})", "status is \"down\"; expected \"pass\" or \"fail\""},
      {R"({"status": 1})", "status is 1; expected"},
      {R"({"reason": 1})", "reason is 1; expected a string"},
      {R"({"reason": ")" + std::string(201, 'x') + "\"}",
       "reason has 201 characters; expected 0..200"},
      {R"({"reason": "a\nb"})", "reason has control characters; expected none"},
      {R"({"state": "fail"})", "state is not known"},
      {R"({"status": "pass", "status": "fail"})", "status"},
  };
  for (const auto& [body, part] : table) {
    const auto read = ReadHeartbeat(body);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(read.error().message, HasSubstr(part)) << body;
  }
}

class HeartbeatsTaken : public ::testing::Test {
 protected:
  std::vector<std::tuple<std::string, bool, std::string>> told_;
  Status answer_;
  Heartbeats heartbeats_{[this](const std::string& check, bool pass, std::string reason) {
    told_.emplace_back(check, pass, std::move(reason));
    return answer_;
  }};
};

TEST_F(HeartbeatsTaken, FromWhoeverKnowsTheTokenOfTheCheck) {
  NativeCheck probed = Push("udp", kToken);
  probed.check.type = health::CheckType::kUdp;
  heartbeats_.Configure({Push("a", kToken), Push("b", "another-token-of-b"), probed});
  EXPECT_TRUE(heartbeats_.Permits("a", kToken));
  EXPECT_TRUE(heartbeats_.Permits("b", "another-token-of-b"));
  for (const auto& [id, token] : {std::pair("a", "another-token-of-b"),
                                  std::pair("a", ""),
                                  std::pair("a", "0123456789abcdeF"),
                                  std::pair("a", "0123456789abcde"),
                                  std::pair("a", "0123456789abcdef0"),
                                  std::pair("c", "0123456789abcdef"),
                                  std::pair("", ""),
                                  std::pair("udp", "0123456789abcdef")}) {
    EXPECT_FALSE(heartbeats_.Permits(id, token)) << id << " " << token;
  }
  heartbeats_.Configure({Push("a", "the-new-token-of-a")});
  EXPECT_FALSE(heartbeats_.Permits("a", kToken));
  EXPECT_TRUE(heartbeats_.Permits("a", "the-new-token-of-a"));
}

TEST_F(HeartbeatsTaken, AreToldWithTheirReason) {
  heartbeats_.Configure({Push("a", kToken)});
  EXPECT_EQ(heartbeats_.Receive("a", "", {}).status, 200U);
  EXPECT_EQ(heartbeats_.Receive("a", R"({"status": "fail", "reason": "disk full"})", {}).status,
            200U);
  EXPECT_EQ(heartbeats_.Receive("a", R"({"reason": "12 GB"})", {}).status, 200U);
  EXPECT_EQ(heartbeats_.Receive("a", "nonsense", {}).status, 400U);
  ASSERT_EQ(told_.size(), 3U);
  EXPECT_EQ(told_[0], std::tuple("a", true, "Success: heartbeat"));
  EXPECT_EQ(told_[1], std::tuple("a", false, "Failure: heartbeat says fail: disk full"));
  EXPECT_EQ(told_[2], std::tuple("a", true, "Success: heartbeat: 12 GB"));
  answer_ = Fail(ErrorCode::kNotFound, "gone");
  EXPECT_EQ(heartbeats_.Receive("a", "", {}).status, 503U);
}

TEST_F(HeartbeatsTaken, AreBoundedInNumber) {
  heartbeats_.Configure({Push("a", kToken), Push("b", kToken)});
  Heartbeats::Time now{std::chrono::hours(1)};
  int taken = 0;
  for (int n = 0; n < 1000; ++n, now += milliseconds(1)) {
    taken += heartbeats_.Receive("a", "", now).status == 200 ? 1 : 0;
  }
  EXPECT_EQ(taken, Heartbeats::kMostPerSecond);
  EXPECT_EQ(told_.size(), static_cast<std::size_t>(Heartbeats::kMostPerSecond));
  EXPECT_EQ(heartbeats_.Receive("b", "", now).status, 200U);
  EXPECT_EQ(heartbeats_.Receive("a", "", now).status, 200U);  // a new second
}

}  // namespace
}  // namespace holdfast::control
