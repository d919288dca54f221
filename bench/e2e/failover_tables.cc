// See failover_tables.h.
#include "bench/e2e/failover_tables.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <type_traits>
#include <utility>

#include "dataplane/wire/name.h"

namespace holdfast::bench {
namespace {

constexpr std::size_t kQueries = 1U << 14U;

template <class T>
T Must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "failover bench: %s\n", result.error().message.c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) {
    return std::move(*result);
  }
}

std::string Name(const std::string& text) {
  return Must(wire::FromText(text));
}

std::string Address(std::size_t n, unsigned char last) {
  return {static_cast<char>(10 + (n >> 16U)),
          static_cast<char>(n >> 8U),
          static_cast<char>(n),
          static_cast<char>(last)};
}

std::string FlippingName(std::size_t n) {
  return Name("host-" + std::to_string(n) + ".bench.test.");
}

control::Model MakeModel(const FailoverShape& shape) {
  control::Model model{.zones = {{.origin = Name("bench.test."), .id = "Z1"}},
                       .checks = {{.id = kFailoverCheck}}};
  auto& zone = model.zones[0];
  zone.rrsets.push_back(
      {.owner = zone.origin,
       .type = 6,
       .ttl = 3600,
       .rdata = {Name("ns.bench.test.") + Name("h.bench.test.") + std::string(20, '\1')}});
  for (std::size_t i = 0; i < shape.others; ++i) {
    zone.rrsets.push_back({.owner = Name("other-" + std::to_string(i) + ".bench.test."),
                           .type = 1,
                           .ttl = 60,
                           .rdata = {Address(i, 3)}});
  }
  for (std::size_t i = 0; i < shape.names; ++i) {
    for (const bool primary : {true, false}) {
      zone.record_sets.push_back(
          {.name = FlippingName(i),
           .type = 1,
           .set_identifier = primary ? "p" : "s",
           .policy = control::Policy::kFailover,
           .primary = primary,
           .ttl = 30,
           .rdata = {Address(shape.own_rules ? i : 0, primary ? kPrimaryOctet : kSecondaryOctet)},
           .health_check_id = primary ? kFailoverCheck : ""});
    }
  }
  return model;
}

}  // namespace

FailoverTables::FailoverTables(const FailoverShape& shape) {
  folder_ = shape.directory + "/holdfast-failover-XXXXXX";
  if (::mkdtemp(folder_.data()) == nullptr) {
    std::fprintf(stderr, "failover bench: cannot make a folder in %s\n", shape.directory.c_str());
    std::exit(1);
  }
  control::PublisherOptions options;
  options.run_dir = folder_;
  options.image = {.directory = folder_,
                   .octets = (64U << 20U) + ((shape.names + shape.others) * 512),
                   .stem = "bench"};
  std::vector<std::string> notes;
  publisher_ = Must(control::Publisher::Open(options, notes));
  auto compiled = Must(control::Compile(MakeModel(shape), {}, 0));
  for (const auto& pool : compiled.pools) {
    Must(publisher_->PutPool(pool));
  }
  for (const auto& zone : compiled.zones) {
    Must(publisher_->PutZone(zone));
  }
  Must(publisher_->PutHealth(compiled.health));
  Must(publisher_->Commit());
  evaluation_ = std::move(compiled.evaluation);
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < kQueries; ++i) {
    const std::string header("\0\0\0\0\0\1\0\0\0\0\0\0", 12);
    queries_.push_back(header + FlippingName(random() % shape.names) + std::string("\0\1\0\1", 4));
  }
}

FailoverTables::~FailoverTables() {
  publisher_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

control::Committed FailoverTables::Publish(const std::vector<health::Transition>& transitions) {
  std::vector<control::CompiledHealth> changed;
  changed.reserve(transitions.size());
  for (const auto& transition : transitions) {
    changed.push_back({transition.check_id,
                       static_cast<std::uint8_t>(transition.raw),
                       transition.healthy,
                       0,
                       transition.since_ms});
  }
  for (const auto& pool : evaluation_->Recompile(changed)) {
    Must(publisher_->PutPool(pool));
  }
  Must(publisher_->PutHealthOf(changed));
  return Must(publisher_->Commit());
}

}  // namespace holdfast::bench
