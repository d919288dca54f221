// [checkers] of the node's file: what it means, and how each bad key is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <tuple>
#include <vector>

#include "control/config/node.h"
#include "tests/control/node_folder.h"

namespace holdfast::control {
namespace {

using ::testing::HasSubstr;

constexpr const char* kFiles = "certificate = \"c.pem\"\nkey = \"/abs/c.key\"\nca = \"ca.pem\"\n";

Result<NodeConfig> Parsed(const std::string& tables) {
  return ParseNode("[[listen]]\naddress = \"192.0.2.53\"\n" + tables, "/etc/hf/n.toml");
}

TEST(CheckersTable, ReadsEveryKey) {
  const auto node =
      Parsed(std::string("[checkers]\nlisten = [\"192.0.2.1:9443\", \"[::1]:1\"]\n") + kFiles +
             "local = false\n"
             "[[checkers.checker]]\nname = \"paris-1\"\nregion = \"eu\"\n"
             "[[checkers.checker]]\nname = \"lima\"\n");
  ASSERT_TRUE(node) << node.error().message;
  const CheckersConfig& checkers = node->checkers;
  ASSERT_EQ(checkers.listen.size(), 2U);
  EXPECT_EQ(checkers.listen[1].Text(), "[::1]:1");
  EXPECT_EQ(checkers.identity.certificate, "/etc/hf/c.pem");
  EXPECT_EQ(checkers.identity.key, "/abs/c.key");
  EXPECT_EQ(checkers.identity.ca, "/etc/hf/ca.pem");
  EXPECT_FALSE(checkers.local);
  EXPECT_EQ(checkers.checkers, (std::vector<health::CheckerName>{{"paris-1", "eu"}, {"lima", ""}}));
}

TEST(CheckersTable, IsNotThereByDefault) {
  const auto node = Parsed("");
  ASSERT_TRUE(node);
  EXPECT_TRUE(node->checkers.listen.empty());
  EXPECT_TRUE(node->checkers.local);
}

TEST(CheckersTable, RefusesEachBadKey) {
  const std::string listen = "[checkers]\nlisten = [\"192.0.2.1:9443\"]\n";
  const std::string good = listen + kFiles;
  std::string many = good;
  for (int i = 0; i < 64; ++i) {
    many += "[[checkers.checker]]\nname = \"n" + std::to_string(i) + "\"\n";
  }
  for (const auto& [tables, expected] : std::vector<std::tuple<std::string, std::string>>{
           {"[checkers]\n" + std::string(kFiles), "key 'listen' is missing"},
           {"[checkers]\nlisten = []\n" + std::string(kFiles), "has no address"},
           {"[checkers]\nlisten = [\"ns1:9443\"]\n" + std::string(kFiles),
            "n.toml:4:11: key 'listen' is \"ns1:9443\"; expected addresses with ports"},
           {listen, "key 'certificate' is missing; expected a file in PEM"},
           {good + "local = 1\n", "key 'local' is 1"},
           {good + "local = false\n", "nobody would probe"},
           {good + "colour = 1\n", "'colour'"},
           {good + "[[checkers.checker]]\nregion = \"eu\"\n", "key 'name' is missing"},
           {good + "[[checkers.checker]]\nname = \"\"\n", "key 'name'"},
           {good + "[[checkers.checker]]\nname = \"a b\"\n",
            "expected the name in its certificate"},
           {good + "[[checkers.checker]]\nname = \"local\"\n", "this node's own checker"},
           {good + "[[checkers.checker]]\nname = \"a\"\n[[checkers.checker]]\nname = \"a\"\n",
            "which another [[checkers.checker]] has already"},
           {good + "[[checkers.checker]]\nname = \"a\"\nregion = \"" + std::string(65, 'x') +
                "\"\n",
            "key 'region'"},
           {many, "has 64 tables; expected at most 63"}}) {
    const auto node = Parsed(tables);
    ASSERT_FALSE(node) << tables;
    EXPECT_THAT(node.error().message, HasSubstr(expected)) << tables;
  }
}

TEST(CheckersTable, SaysWhatAReloadCannotChange) {
  const std::string good = std::string("[checkers]\nlisten = [\"192.0.2.1:9443\"]\n") + kFiles;
  const auto running = Parsed(good);
  const auto more = Parsed(good + "[[checkers.checker]]\nname = \"a\"\n");
  const auto moved = Parsed(std::string("[checkers]\nlisten = [\"192.0.2.1:9444\"]\n") + kFiles);
  ASSERT_TRUE(running && more && moved);
  EXPECT_TRUE(NeedsRestart(*running, *more).empty());
  const auto said = NeedsRestart(*running, *moved);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_THAT(said[0], HasSubstr("[checkers] listen, certificate, key or ca is not what"));
}

using CheckersFiles = NodeFolder;

TEST_F(CheckersFiles, AreLookedAtByALoad) {
  const auto loaded = Load(std::string("[checkers]\nlisten = [\"192.0.2.1:9443\"]\n") + kFiles);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr("[checkers]: "));
  EXPECT_THAT(loaded.error().message, HasSubstr("/c.pem: No such file or directory"));
}

}  // namespace
}  // namespace holdfast::control
