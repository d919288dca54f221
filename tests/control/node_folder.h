// A folder with a node's files, gone at the end; for tests that load what a node file names.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>

#include "control/config/load.h"
#include "control/config/node.h"

namespace holdfast::control {

class NodeFolder : public ::testing::Test {
 protected:
  NodeFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-load-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~NodeFolder() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }
  Result<Loaded> Load(const std::string& toml) {
    Write("n.toml", "[[listen]]\naddress = \"192.0.2.53\"\n" + toml);
    const auto node = LoadNode((folder_ / "n.toml").string());
    return node ? LoadAll(*node) : std::unexpected(node.error());
  }

  std::filesystem::path folder_;
};

}  // namespace holdfast::control
