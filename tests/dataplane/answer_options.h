// What the tests of EDNS options share: the example zone under settings with everything on, a
// client whose time stands still, and the options of what it is told.
#pragma once

#include <gtest/gtest.h>
#include <map>
#include <string>

#include "dataplane/base/bytes.h"
#include "tests/dataplane/answer_reply.h"

namespace holdfast::answer {

using test::Option;

inline constexpr unsigned kNsid = 3;
inline constexpr unsigned kCookieOption = 10;
inline constexpr unsigned kKeepalive = 11;
inline constexpr unsigned kPadding = 12;
inline constexpr unsigned kError = 15;
inline constexpr std::uint32_t kNow = 1'700'000'000;
inline const std::string kClientCookie = "8octets!";

inline control::CompiledSettings AllOn() {
  control::CompiledSettings settings;
  settings.cookies = table::CookieMode::kOn;
  settings.cookie_secrets = {"0123456789abcdef"};
  settings.nsid = std::string("node\0one", 8);
  settings.version = "Holdfast of tests";
  settings.identity = "ns1.test";
  settings.extended_errors = true;
  return settings;
}

// The options of a reply by code; fails the test when one comes twice.
inline std::map<unsigned, std::string> OptionsOf(const ReadReply& reply) {
  std::map<unsigned, std::string> options;
  for (std::size_t at = 0; at + 4 <= reply.opt_rdata.size();) {
    const unsigned code = LoadBe16(&reply.opt_rdata[at]);
    const std::size_t octets = LoadBe16(&reply.opt_rdata[at + 2]);
    EXPECT_TRUE(options.emplace(code, reply.opt_rdata.substr(at + 4, octets)).second) << code;
    at += 4 + octets;
  }
  return options;
}

class EdnsOptions : public testing::Test {
 protected:
  explicit EdnsOptions(const Options& options = {.seed = 1}) : client_(options) { Switch(AllOn()); }
  static void SetUpTestSuite() { tables_ = new test::TestTables(test::ExampleModel()); }
  static void TearDownTestSuite() {
    delete tables_;
    tables_ = nullptr;
  }
  void Switch(const control::CompiledSettings& settings) {
    tables_->SetSettings(settings);
    SetTime(client_.scratch(), {.wall_seconds = kNow});
  }
  void SwitchCookies(table::CookieMode mode) {
    auto settings = AllOn();
    settings.cookies = mode;
    Switch(settings);
  }
  ReadReply Ask(const PacketBuilder& message, Transport transport = Transport::kUdp) {
    return client_.Ask(tables_->snapshot(), message, transport);
  }
  ReadReply AskWith(const std::string& options, Transport transport = Transport::kUdp) {
    return Ask(Www().Edns({.options = options}), transport);
  }
  std::map<unsigned, std::string> Told(const std::string& options,
                                       Transport transport = Transport::kUdp) {
    return OptionsOf(AskWith(options, transport));
  }
  // A cookie of this client, client part first, from the server that is asked.
  std::string Learnt() { return Told(Option(kCookieOption, kClientCookie))[kCookieOption]; }
  static PacketBuilder Www() { return PacketBuilder().Question("www.example.test", Type::kA); }

  static inline test::TestTables* tables_ = nullptr;
  test::AnswerClient client_;
};

}  // namespace holdfast::answer
