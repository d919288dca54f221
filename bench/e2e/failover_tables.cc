// See failover_tables.h.
#include "bench/e2e/failover_tables.h"

#include <random>
#include <utility>

#include "bench/tables/must.h"
#include "dataplane/wire/name.h"

namespace holdfast::bench {
namespace {

constexpr std::size_t kQueries = 1U << 14U;

std::string Name(const std::string& text) {
  return Must(wire::FromText(text));
}

std::string Address(std::size_t n, unsigned char last) {
  return {static_cast<char>(10 + (n >> 16U)),
          static_cast<char>(n >> 8U),
          static_cast<char>(n),
          static_cast<char>(last)};
}

// One rrset of an answer: addresses that differ in their first octet alone.
std::vector<std::string> Addresses(std::size_t count, std::size_t n, unsigned char last) {
  std::vector<std::string> all(count, Address(n, last));
  for (std::size_t i = 1; i < count; ++i) {
    all[i][0] = static_cast<char>(all[i][0] + 100);
  }
  return all;
}

}  // namespace

std::string FailoverCheckOf(std::size_t number) {
  return number == 0 ? kFailoverCheck : kFailoverCheck + ("-" + std::to_string(number));
}

std::string FailoverOwner(std::size_t n) {
  return Name("host-" + std::to_string(n) + ".bench.test.");
}

control::Model StaticModel(std::size_t names) {
  control::Model model{.zones = {{.origin = Name("bench.test."), .id = "Z1"}},
                       .checks = {{.id = kFailoverCheck}}};
  auto& zone = model.zones[0];
  zone.rrsets.push_back(
      {.owner = zone.origin,
       .type = 6,
       .ttl = 3600,
       .rdata = {Name("ns.bench.test.") + Name("h.bench.test.") + std::string(20, '\1')}});
  for (std::size_t i = 0; i < names; ++i) {
    zone.rrsets.push_back({.owner = Name("other-" + std::to_string(i) + ".bench.test."),
                           .type = 1,
                           .ttl = 60,
                           .rdata = {Address(i, 3)}});
  }
  return model;
}

control::Model FailoverModel(const FailoverShape& shape) {
  control::Model model = StaticModel(shape.others);
  for (std::size_t i = 1; i < shape.checks; ++i) {
    model.checks.push_back({.id = FailoverCheckOf(i)});
  }
  for (std::size_t i = 0; i < shape.names; ++i) {
    for (const bool primary : {true, false}) {
      model.zones[0].record_sets.push_back(
          {.name = FailoverOwner(i),
           .type = 1,
           .set_identifier = primary ? "p" : "s",
           .policy = control::Policy::kFailover,
           .primary = primary,
           .ttl = 30,
           .rdata = Addresses(
               shape.addresses, shape.own_rules ? i : 0, primary ? kPrimaryOctet : kSecondaryOctet),
           .health_check_id = primary ? FailoverCheckOf(i % shape.checks) : ""});
    }
  }
  return model;
}

FailoverTables::FailoverTables(const FailoverShape& shape)
    : PublishedTables(FailoverModel(shape), shape.directory, shape.ImageOctets()) {
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < kQueries; ++i) {
    const std::string header("\0\0\0\0\0\1\0\0\0\0\0\0", 12);
    queries_.push_back(header + FailoverOwner(random() % shape.names) + std::string("\0\1\0\1", 4));
  }
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
  return PublishedTables::Publish(changed).committed;
}

}  // namespace holdfast::bench
