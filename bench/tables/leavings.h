// Files and folders that a bench must not leave behind, also where it gives up: std::exit destroys
// what is static, and nothing else. Not so where a signal ends it. Main thread.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <system_error>

namespace holdfast::bench {

class Leavings {
 public:
  /// Removes `path`, with all that is in it, when the program ends.
  static void Add(const std::string& path) { All().paths_.insert(path); }
  /// Leaves it where it is after all.
  static void Keep(const std::string& path) { All().paths_.erase(path); }
  /// Removes it now.
  static void Remove(const std::string& path) {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
    Keep(path);
  }

  ~Leavings() {
    std::error_code ignored;
    for (const std::string& path : paths_) {
      std::filesystem::remove_all(path, ignored);
    }
  }
  Leavings(const Leavings&) = delete;
  Leavings& operator=(const Leavings&) = delete;

 private:
  Leavings() = default;
  static Leavings& All() {
    static Leavings all;
    return all;
  }

  std::set<std::string> paths_;
};

}  // namespace holdfast::bench
