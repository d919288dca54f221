// Real tables for tests of the data plane: one small zone, compiled and published into a folder.
// Used by the ring test in its process and, through tests/e2e/publish_tables.cc, by others.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/compile/compile.h"
#include "control/publish/publisher.h"
#include "tests/control/compile_kit.h"

namespace holdfast::test {

/// "test." with: a (A and AAAA), b (A), big (TXT of 1,500 octets), www (CNAME to a). Publishes into
/// `run_dir`, where the image comes to lie too. The result holds the folder's lock.
inline Result<std::unique_ptr<control::Publisher>> PublishSmallTables(
    const std::string& run_dir, const std::string& address_of_a = "192.0.2.101") {
  namespace kit = control::kit;
  kit::ZoneText zone("test.");
  zone.Add("a", "A", {kit::V4(address_of_a)}, 60);
  zone.Add("a", "AAAA", {kit::V6("2001:db8::101")}, 60);
  zone.Add("b", "A", {kit::V4("192.0.2.102")}, 60);
  std::vector<std::string> texts;
  for (const char letter : {'a', 'b', 'c', 'd', 'e', 'f'}) {
    texts.push_back(std::string(1, '\xF9') + std::string(249, letter));
  }
  zone.Add("big", "TXT", texts);
  zone.Add("www", "CNAME", {zone.Name("a")});
  control::Model model;
  model.zones.push_back(zone.zone);
  auto compiled = control::Compile(model, {}, 0);
  if (!compiled) {
    return std::unexpected(compiled.error());
  }
  std::vector<std::string> notes;
  auto publisher = control::Publisher::Open(
      {.run_dir = run_dir, .image = {run_dir, 4U << 20U, "holdfast-test"}}, notes);
  if (!publisher) {
    return publisher;
  }
  for (const auto& pool : compiled->pools) {
    HF_TRY((*publisher)->PutPool(pool));
  }
  for (const auto& put : compiled->zones) {
    HF_TRY((*publisher)->PutZone(put));
  }
  if (const auto committed = (*publisher)->Commit(); !committed) {
    return std::unexpected(committed.error());
  }
  return publisher;
}

}  // namespace holdfast::test
