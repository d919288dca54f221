// See test_tables.h.
#include "tests/dataplane/test_tables.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>

#include "dataplane/base/check.h"

namespace holdfast::test {
namespace {

template <class T>
T Must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "test tables: %s\n", result.error().message.c_str());
    std::abort();
  }
  if constexpr (!std::is_void_v<T>) {
    return std::move(*result);
  }
}

constexpr std::align_val_t kImageAlignment{64};

}  // namespace

FrozenImage::FrozenImage(const table::View& view, Generation generation, std::size_t octets)
    : size_(octets),
      generation_(generation),
      octets_(static_cast<std::byte*>(::operator new(octets, kImageAlignment))) {
  std::memcpy(octets_.get(), view.base(), octets);
}

void FrozenImage::Freed::operator()(std::byte* octets) const noexcept {
  ::operator delete(octets, kImageAlignment);
}

TestTables::TestTables(const control::Model& model, std::uint64_t image_octets) {
  std::string name = (std::filesystem::temp_directory_path() / "holdfast-tables-XXXXXX").string();
  HF_CHECK(::mkdtemp(name.data()) != nullptr);
  folder_ = name;
  control::PublisherOptions options;
  options.run_dir = folder_;
  options.image = {.directory = folder_, .octets = image_octets, .stem = "test"};
  std::vector<std::string> notes;
  publisher_ = Must(control::Publisher::Open(options, notes));
  Publish(model);
  root_ = Must(table::Mapping::Map(folder_ + "/root", false));
  image_ = Must(table::Mapping::Map(publisher_->image_path(), false));
}

TestTables::~TestTables() {
  publisher_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void TestTables::Publish(const control::Model& model) {
  auto compiled = Must(control::Compile(model, {}, 0));
  for (const auto& pool : compiled.pools) {
    Must(publisher_->PutPool(pool));
  }
  std::vector<std::string> origins;
  for (const auto& zone : compiled.zones) {
    Must(publisher_->PutZone(zone));
    origins.push_back(zone.origin);
  }
  for (const auto& origin : origins_) {
    if (std::ranges::find(origins, origin) == origins.end()) {
      Must(publisher_->DropZone(origin));
    }
  }
  origins_ = std::move(origins);
  Must(publisher_->PutHealth(compiled.health));
  Must(publisher_->Commit());
  evaluation_ = std::move(compiled.evaluation);
}

void TestTables::Replace(const control::Model& model) {
  Publish(model);
}

void TestTables::SetHealth(const std::string& check, bool healthy) {
  control::CompiledHealth status;
  status.id = check;
  status.healthy = healthy;
  Must(evaluation_->Recompile({&status, 1},
                              [this](auto pools) { return publisher_->PutPools(pools); }));
  const auto health = evaluation_->health();
  Must(publisher_->PutHealth({health.begin(), health.end()}));
  Must(publisher_->Commit());
}

void TestTables::SetSettings(const control::CompiledSettings& settings) {
  Must(publisher_->PutSettings(settings));
  Must(publisher_->Commit());
}

table::Snapshot TestTables::snapshot() const {
  const auto* root = reinterpret_cast<const table::RootBlock*>(root_.data());
  const table::Published published{root->published.load(std::memory_order_acquire)};
  return {table::View(image_.data(), image_.size()), published.generation()};
}

std::unique_ptr<table::Attachment> TestTables::Attach() const {
  return Must(table::Attachment::Open(folder_, "test", 1));
}

FrozenImage TestTables::Freeze() const {
  const auto now = snapshot();
  const auto used = now.view().header().used_units.load(std::memory_order_relaxed);
  return {now.view(), now.generation(), std::min<std::size_t>(image_.size(), used * kOffsetUnit)};
}

}  // namespace holdfast::test
