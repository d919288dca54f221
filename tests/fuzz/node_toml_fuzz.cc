// A node's TOML file from outside: what is kept of it holds together.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "control/config/node.h"
#include "dataplane/base/check.h"
#include "dataplane/wire/name.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const auto node = control::ParseNode(std::string_view(reinterpret_cast<const char*>(data), size),
                                       "/etc/node.toml");
  if (!node) {
    HF_CHECK(node.error().code == ErrorCode::kInvalid && !node.error().message.empty());
    return 0;
  }
  HF_CHECK(!node->listen.empty() && !node->id.empty());
  HF_CHECK(node->dataplane.enabled || node->sockets.enabled);
  HF_CHECK(!node->dataplane.enabled ||
           (!node->dataplane.ports.empty() && !node->dataplane.lcores.empty()));
  for (const control::ZoneConfig& zone : node->zones) {
    HF_CHECK(wire::IsWellFormed(zone.origin) && !zone.id.empty());
    HF_CHECK(!zone.file.empty() || !zone.records.empty());
  }
  for (const control::NativeCheck& native : node->native_checks) {
    HF_CHECK(health::ValidateCheck(native.check) && !native.place.empty());
    HF_CHECK(!health::TargetText(native.check).empty());
  }
  const control::LocationConfig& location = node->location;
  HF_CHECK(location.grid_degrees >= 0.05 && location.grid_degrees <= 10);
  for (const control::CidrCollectionConfig& collection : location.collections) {
    HF_CHECK(!collection.id.empty() && !collection.blocks.path.empty());
  }
  return 0;
}
