// Stands in for steer.cc in a build without -Dsteer: AF_XDP ports are refused with the reason.
#include "dataplane/steer/steer.h"

namespace holdfast::steer {
namespace {

std::unexpected<Error> Absent() {
  return Fail(ErrorCode::kInvalid,
              "this build has no XDP program (meson -Dsteer=false), so it cannot use net_af_xdp");
}

}  // namespace

const char* CounterText(SteerCounter) noexcept {
  return "unknown";
}
Result<Claim> Claim::Take(const std::string&) {
  return Absent();
}
Result<ObjectFile> ObjectFile::Create() {
  return Absent();
}
std::string ObjectFile::Path() const {
  return {};
}
Result<bool> DetachStale(const std::string&) {
  return Absent();
}
Result<Steering> Steering::Find(const std::string&) {
  return Absent();
}
Status Steering::SetAddresses(std::span<const AddressKey>) {
  return Absent();
}
Result<Counters> Steering::Read() const {
  return Absent();
}
bool Steering::Attached() const {
  return false;
}
Status Steering::Detach() {
  return Absent();
}

}  // namespace holdfast::steer
