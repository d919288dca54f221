// Tables for tests, made the way production makes them: model -> compile -> publish into a folder
// of their own, mapped read-only. Also frozen copies of an image in memory of exactly its size, for
// what is to be damaged.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "control/compile/compile.h"
#include "control/model/model.h"
#include "control/publish/publisher.h"
#include "dataplane/table/readers.h"
#include "dataplane/table/view.h"

namespace holdfast::test {

/// An image on the heap, cut off behind the last octet in use, and the generation to read it at.
class FrozenImage {
 public:
  FrozenImage(const table::View& view, Generation generation, std::size_t octets);
  [[nodiscard]] table::Snapshot snapshot() const {
    return {table::View(octets_.get(), size_), generation_};
  }
  [[nodiscard]] std::span<std::byte> octets() const { return {octets_.get(), size_}; }

 private:
  struct Freed {
    void operator()(std::byte* octets) const noexcept;
  };
  std::size_t size_;
  Generation generation_;
  std::unique_ptr<std::byte, Freed> octets_;
};

class TestTables {
 public:
  /// Compiles and publishes; stops the test program when that fails.
  /// @param image_octets  size of the image file.
  explicit TestTables(const control::Model& model, std::uint64_t image_octets = 8U << 20U);
  ~TestTables();
  TestTables(const TestTables&) = delete;
  TestTables& operator=(const TestTables&) = delete;

  /// The published state.
  [[nodiscard]] table::Snapshot snapshot() const;
  /// Takes over the status of one check and publishes what it changes.
  void SetHealth(const std::string& check, bool healthy);
  /// Publishes what replies are made by; nothing of it is on until then.
  void SetSettings(const control::CompiledSettings& settings);
  /// Compiles another model in place of the one before and publishes the difference.
  void Replace(const control::Model& model);
  [[nodiscard]] FrozenImage Freeze() const;
  /// A reader process of one thread, as io and listen are.
  [[nodiscard]] std::unique_ptr<table::Attachment> Attach() const;

 private:
  void Publish(const control::Model& model);

  std::string folder_;
  std::unique_ptr<control::Publisher> publisher_;
  std::unique_ptr<control::Evaluation> evaluation_;
  std::vector<std::string> origins_;
  table::Mapping root_;
  table::Mapping image_;
};

}  // namespace holdfast::test
