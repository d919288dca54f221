// A model compiled and published into tables of its own, and kept up to date as control::Core does
// it: what the benches of answers, failover and recompiling stand on.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "control/compile/compile.h"
#include "control/publish/publisher.h"

namespace holdfast::bench {

class PublishedTables {
 public:
  /// What making them took, and what became of the model. Octets are those of the image.
  struct Made {
    double compile_seconds = 0;
    double publish_seconds = 0;
    std::uint64_t pools = 0;
    std::uint64_t outcomes = 0;     // of all pools
    std::uint64_t pool_octets = 0;  // pools, their decisions and the records they lead to
    std::uint64_t names = 0;
    std::uint64_t name_octets = 0;  // names, their part of the index and their static records
  };

  /// Stops the program with a sentence when the tables cannot be made.
  /// @param directory  where a folder for the image is made; it goes with this object, or with the
  ///                   program where that gives up before.
  /// @param octets     of the image.
  PublishedTables(const control::Model& model, const std::string& directory, std::uint64_t octets);
  ~PublishedTables();
  PublishedTables(const PublishedTables&) = delete;
  PublishedTables& operator=(const PublishedTables&) = delete;

  /// What a transition was, and what it took.
  struct Transition {
    control::Committed committed;
    std::uint64_t pools = 0;
    double recompile_seconds = 0;
    double publish_seconds = 0;
    double stored_seconds = 0;  // both, until readers get the new generation
  };
  /// Recompiles what the changed checks lead to and publishes once.
  Transition Publish(std::span<const control::CompiledHealth> changed);
  [[nodiscard]] control::Evaluation& evaluation() noexcept { return *evaluation_; }
  [[nodiscard]] control::Publisher& publisher() noexcept { return *publisher_; }
  [[nodiscard]] const std::string& run_dir() const noexcept { return folder_; }
  [[nodiscard]] const Made& made() const noexcept { return made_; }

 private:
  std::string folder_;
  std::unique_ptr<control::Publisher> publisher_;
  std::unique_ptr<control::Evaluation> evaluation_;
  Made made_;
};

}  // namespace holdfast::bench
