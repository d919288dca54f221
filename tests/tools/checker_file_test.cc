// The file of holdfast-checker: what it means, and how each bad key is refused.
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <tuple>
#include <vector>

#include "control/config/text_file.h"
#include "tests/health/link_certificates.h"
#include "tools/checker/config.h"

namespace holdfast::tools {
namespace {

using ::testing::HasSubstr;

const std::string kTop = "name = \"a\"\ncertificate = \"a.pem\"\nkey = \"/k\"\nca = \"ca.pem\"\n";
const std::string kControl = "[[control]]\naddress = \"192.0.2.1:9443\"\n";

TEST(CheckerFile, ReadsEveryKey) {
  const auto file = ParseCheckerFile(kTop + kControl +
                                         "[[control]]\naddress = \"ns2.test:1\"\nname = \"ns2\"\n"
                                         "[[control]]\naddress = \"[2001:db8::1]:65535\"\n"
                                         "[health]\nmax_in_flight = 7\nallow_exec = true\n"
                                         "resolvers = [\"192.0.2.53\", \"192.0.2.54:5353\"]\n"
                                         "control_targets = [\"192.0.2.1:80\"]\n",
                                     "/etc/hf/c.toml");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->name, "a");
  const auto& options = file->options;
  EXPECT_EQ(options.identity.certificate, "/etc/hf/a.pem");
  EXPECT_EQ(options.identity.key, "/k");
  ASSERT_EQ(options.controls.size(), 3U);
  EXPECT_EQ(options.controls[0].name, "192.0.2.1");
  EXPECT_EQ(options.controls[1].host, "ns2.test");
  EXPECT_EQ(options.controls[1].name, "ns2");
  EXPECT_EQ(options.controls[2].host, "2001:db8::1");
  EXPECT_EQ(options.controls[2].port, 65535);
  EXPECT_EQ(options.checker.max_in_flight, 7U);
  EXPECT_EQ(options.checker.resolvers, "192.0.2.53,192.0.2.54:5353");
  EXPECT_TRUE(options.allow_exec);
  const auto plain = ParseCheckerFile(kTop + kControl, "/c.toml");
  ASSERT_TRUE(plain);
  EXPECT_FALSE(plain->options.allow_exec);
  EXPECT_EQ(plain->options.checker.max_in_flight, 4096U);
}

TEST(CheckerFile, RefusesEachBadKey) {
  std::string many = kTop;
  for (int i = 1; i <= 65; ++i) {
    many += "[[control]]\naddress = \"192.0.2.1:" + std::to_string(i) + "\"\n";
  }
  const auto control = [](const std::string& address) {
    return kTop + "[[control]]\naddress = \"" + address + "\"\n";
  };
  for (const auto& [text, expected] : std::vector<std::tuple<std::string, std::string>>{
           {kControl, "key 'name' is missing"},
           {"name = \"a\"\n" + kControl, "key 'certificate' is missing"},
           {kTop, "has 0 tables; expected 1..64 [[control]]"},
           {many, "has 65 tables"},
           {control("192.0.2.1"), "key 'address' is \"192.0.2.1\"; expected a name or an address"},
           {control("192.0.2.1:0"), "with a port"},
           {control("192.0.2.1:65536"), "with a port"},
           {control("2001:db8::1:9443"), "with a port"},
           {control(":9443"), "with a port"},
           {control("a b:9443"), "with a port"},
           {kTop + kControl + kControl, "which another [[control]] has already"},
           {kTop + kControl + "[health]\nmax_in_flight = 0\n", "expected 1..1000000"},
           {kTop + kControl + "[health]\nmax_in_flight = 1000001\n", "expected 1..1000000"},
           {kTop + kControl + "[health]\nallow_exec = 1\n", "key 'allow_exec' is 1"},
           {kTop + kControl + "[health]\nresolvers = [\"x\"]\n", "key 'resolvers' cannot be used"},
           {kTop + kControl + "[health]\ncontrol_targets = [\"x\"]\n",
            "key 'control_targets' cannot be used"},
           {kTop + kControl + "[health]\nchecks = \"x\"\n", "'checks'"}}) {
    const auto file = ParseCheckerFile(text, "/c.toml");
    ASSERT_FALSE(file) << text;
    EXPECT_THAT(file.error().message, HasSubstr(expected)) << text;
  }
}

TEST(CheckerFile, IsForTheNameInItsCertificate) {
  health::testing::Certificates certificates;
  const auto identity = certificates.Issue({.name = "paris"});
  const std::string path = identity.certificate + ".toml";
  const auto load = [&](const std::string& name, const std::string& key) {
    std::ofstream(path) << "name = \"" + name + "\"\ncertificate = \"" + identity.certificate +
                               "\"\nkey = \"" + key + "\"\nca = \"" + identity.ca + "\"\n" +
                               kControl;
    const auto file = LoadCheckerFile(path);
    return file ? std::string("taken") : file.error().message;
  };
  EXPECT_EQ(load("paris", identity.key), "taken");
  EXPECT_THAT(load("lima", identity.key), HasSubstr("name is \"lima\"; expected one that"));
  EXPECT_THAT(load("lima", identity.key), HasSubstr("is for: paris"));
  EXPECT_THAT(load("paris", "/nonexistent"), HasSubstr("/nonexistent: No such file"));
}

TEST(CheckerFile, TheExampleIsOne) {
  const auto text = control::ReadFile(HOLDFAST_EXAMPLES "/checker.toml", 65536);
  ASSERT_TRUE(text);
  const auto file = ParseCheckerFile(*text, "/c.toml");
  EXPECT_TRUE(file) << file.error().message;
}

}  // namespace
}  // namespace holdfast::tools
