// The loader's side of the XDP program: claims, finds, fills and removes. The AF_XDP driver itself
// loads and attaches. Cold; main thread.
#include "dataplane/steer/steer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <net/if.h>
#include <string_view>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "dataplane/steer/steer_object.h"

namespace holdfast::steer {
namespace {

// What the interface has: which program, and the flag that names its mode when it is taken off.
struct Attached {
  std::uint32_t program_id = 0;  // 0: none
  std::uint32_t flags = 0;
  bpf_prog_info info{};
  Fd program;
};

std::string Reason(int error) {
  return std::strerror(error < 0 ? -error : error);
}

Result<unsigned> IndexOf(const std::string& interface) {
  const unsigned ifindex = if_nametoindex(interface.c_str());
  if (ifindex == 0) {
    return Fail(ErrorCode::kNotFound, "no interface " + interface + " in this network namespace");
  }
  return ifindex;
}

Result<Attached> Query(const std::string& interface, unsigned ifindex) {
  LIBBPF_OPTS(bpf_xdp_query_opts, query);
  Attached attached;
  if (const int error = bpf_xdp_query(static_cast<int>(ifindex), 0, &query); error != 0) {
    return Fail(ErrorCode::kIo,
                "cannot ask for the XDP program of " + interface + ": " + Reason(error));
  }
  attached.flags = query.drv_prog_id != 0   ? XDP_FLAGS_DRV_MODE
                   : query.skb_prog_id != 0 ? XDP_FLAGS_SKB_MODE
                                            : XDP_FLAGS_HW_MODE;
  attached.program_id = query.drv_prog_id != 0   ? query.drv_prog_id
                        : query.skb_prog_id != 0 ? query.skb_prog_id
                                                 : query.hw_prog_id;
  if (attached.program_id == 0) {
    return attached;
  }
  attached.program = Fd(bpf_prog_get_fd_by_id(attached.program_id));
  std::uint32_t octets = sizeof(attached.info);
  if (!attached.program.ok() ||
      bpf_obj_get_info_by_fd(attached.program.get(), &attached.info, &octets) != 0) {
    return Fail(ErrorCode::kIo,
                "cannot read XDP program " + std::to_string(attached.program_id) + " of " +
                    interface + ": " + Reason(errno) +
                    "; this needs CAP_SYS_ADMIN (or run as root)");
  }
  return attached;
}

bool IsOurs(const Attached& attached) {
  return std::string_view(attached.info.name) == HF_STEER_PROGRAM;
}

std::unexpected<Error> Foreign(const std::string& interface, const Attached& attached) {
  const char* mode = attached.flags == XDP_FLAGS_SKB_MODE  ? "xdpgeneric"
                     : attached.flags == XDP_FLAGS_HW_MODE ? "xdpoffload"
                                                           : "xdp";
  return Fail(ErrorCode::kConflict,
              "interface " + interface + " has the XDP program '" + attached.info.name + "' (id " +
                  std::to_string(attached.program_id) +
                  "), which is not ours; if it may go: ip link set dev " + interface + " " + mode +
                  " off");
}

int TakeOff(unsigned ifindex, const Attached& attached) {
  // Only if it is still this program: another may have come in between.
  LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = attached.program.get());
  return bpf_xdp_detach(static_cast<int>(ifindex), attached.flags | XDP_FLAGS_REPLACE, &options);
}

// The program's map of that name.
Result<Fd> MapOf(const Attached& attached, std::string_view name) {
  std::vector<std::uint32_t> ids(attached.info.nr_map_ids);
  bpf_prog_info info{};
  info.nr_map_ids = static_cast<std::uint32_t>(ids.size());
  info.map_ids = reinterpret_cast<std::uintptr_t>(ids.data());
  std::uint32_t octets = sizeof(info);
  if (bpf_obj_get_info_by_fd(attached.program.get(), &info, &octets) != 0) {
    return Fail(ErrorCode::kIo, "cannot list the maps of the XDP program: " + Reason(errno));
  }
  for (const std::uint32_t id : ids) {
    Fd map(bpf_map_get_fd_by_id(id));
    bpf_map_info map_info{};
    std::uint32_t map_octets = sizeof(map_info);
    if (map.ok() && bpf_obj_get_info_by_fd(map.get(), &map_info, &map_octets) == 0 &&
        std::string_view(map_info.name) == name) {
      return map;
    }
  }
  return Fail(ErrorCode::kNotFound, "the XDP program has no map " + std::string(name));
}

}  // namespace

const char* CounterText(SteerCounter counter) noexcept {
  switch (counter) {
    case kSteerSteered:
      return "to_poll_core";
    case kSteerNoSocket:
      return "to_kernel_no_socket";
    case kSteerNotIp:
      return "to_kernel_not_ip";
    case kSteerNotUdp:
      return "to_kernel_not_udp";
    case kSteerFragment:
      return "to_kernel_fragment";
    case kSteerOtherPort:
      return "to_kernel_other_port";
    case kSteerOtherAddress:
      return "to_kernel_other_address";
    case kSteerMalformed:
      return "to_kernel_malformed";
    case kSteerCounterCount:
      break;
  }
  return "unknown";
}

// An abstract socket's name belongs to the network namespace, as the interface's does, and goes
// with the process. A lock file would need a folder that all such processes share.
Result<Claim> Claim::Take(const std::string& interface) {
  Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const std::string name = "holdfast/steer/" + interface;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!fd.ok() || name.size() + 1 > sizeof(address.sun_path)) {
    return Fail(ErrorCode::kIo, "cannot claim interface " + interface);
  }
  name.copy(&address.sun_path[1], name.size());
  const auto octets = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), octets) != 0) {
    return Fail(errno == EADDRINUSE ? ErrorCode::kConflict : ErrorCode::kIo,
                errno == EADDRINUSE ? "another process already steers interface " + interface +
                                          "; see it with: ss -xap | grep " + name
                                    : "cannot claim interface " + interface + ": " + Reason(errno));
  }
  return Claim(std::move(fd));
}

Result<ObjectFile> ObjectFile::Create() {
  Fd fd(memfd_create("holdfast-steer", MFD_CLOEXEC));
  if (!fd.ok() || write(fd.get(), kSteerObject, kSteerObjectOctets) !=
                      static_cast<ssize_t>(kSteerObjectOctets)) {
    return Fail(ErrorCode::kIo, "cannot hold the XDP program in memory: " + Reason(errno));
  }
  return ObjectFile(std::move(fd));
}

std::string ObjectFile::Path() const {
  return "/proc/self/fd/" + std::to_string(fd_.get());
}

Result<bool> DetachStale(const std::string& interface) {
  const auto ifindex = IndexOf(interface);
  if (!ifindex) {
    return std::unexpected(ifindex.error());
  }
  const auto attached = Query(interface, *ifindex);
  if (!attached) {
    return std::unexpected(attached.error());
  }
  if (attached->program_id == 0) {
    return false;
  }
  if (!IsOurs(*attached)) {
    return Foreign(interface, *attached);
  }
  if (const int error = TakeOff(*ifindex, *attached); error != 0) {
    return Fail(ErrorCode::kIo,
                "cannot take the old XDP program off " + interface + ": " + Reason(error));
  }
  return true;
}

Result<Steering> Steering::Find(const std::string& interface) {
  const auto ifindex = IndexOf(interface);
  if (!ifindex) {
    return std::unexpected(ifindex.error());
  }
  auto attached = Query(interface, *ifindex);
  if (!attached) {
    return std::unexpected(attached.error());
  }
  if (attached->program_id == 0) {
    return Fail(ErrorCode::kNotFound, "interface " + interface + " has no XDP program");
  }
  if (!IsOurs(*attached)) {
    return Foreign(interface, *attached);
  }
  auto addresses = MapOf(*attached, HF_STEER_ADDRESSES);
  auto counters = MapOf(*attached, HF_STEER_COUNTERS);
  if (!addresses || !counters) {
    return std::unexpected(addresses ? counters.error() : addresses.error());
  }
  Steering steering;
  steering.interface_ = interface;
  steering.ifindex_ = *ifindex;
  steering.program_id_ = attached->program_id;
  steering.attach_flags_ = attached->flags;
  steering.program_ = std::move(attached->program);
  steering.addresses_ = std::move(*addresses);
  steering.counters_ = std::move(*counters);
  return steering;
}

Status Steering::SetAddresses(std::span<const AddressKey> addresses) {
  if (addresses.size() > kSteerMaxAddresses) {
    return Fail(ErrorCode::kExhausted,
                std::to_string(addresses.size()) + " addresses, expected " +
                    std::to_string(kSteerMaxAddresses) + " at most");
  }
  // What is no longer wanted goes first, so that the map's bound holds at each step. What stays is
  // never absent.
  std::vector<AddressKey> gone;
  AddressKey key{};
  const void* previous = nullptr;
  while (bpf_map_get_next_key(addresses_.get(), previous, &key) == 0 &&
         gone.size() < kSteerMaxAddresses) {
    if (std::ranges::find(addresses, key) == addresses.end()) {
      gone.push_back(key);
    }
    previous = &key;
  }
  for (const AddressKey& old : gone) {
    bpf_map_delete_elem(addresses_.get(), &old);
  }
  const std::uint32_t present = 1;
  for (const AddressKey& address : addresses) {
    if (bpf_map_update_elem(addresses_.get(), &address, &present, BPF_ANY) != 0) {
      return Fail(ErrorCode::kIo,
                  "cannot tell the XDP program of " + interface_ + " an address: " + Reason(errno));
    }
  }
  return {};
}

Result<Counters> Steering::Read() const {
  const int processors = libbpf_num_possible_cpus();
  if (processors <= 0) {
    return Fail(ErrorCode::kIo, "cannot count the processors: " + Reason(processors));
  }
  std::vector<std::uint64_t> each(static_cast<std::size_t>(processors));
  Counters sums{};
  for (std::uint32_t i = 0; i < kSteerCounterCount; ++i) {
    if (bpf_map_lookup_elem(counters_.get(), &i, each.data()) != 0) {
      return Fail(
          ErrorCode::kIo,
          "cannot read the counters of the XDP program of " + interface_ + ": " + Reason(errno));
    }
    for (const std::uint64_t count : each) {
      sums[i] += count;
    }
  }
  return sums;
}

bool Steering::Attached() const {
  std::uint32_t id = 0;
  return bpf_xdp_query_id(static_cast<int>(ifindex_), static_cast<int>(attach_flags_), &id) == 0 &&
         id == program_id_;
}

Status Steering::Detach() {
  if (!Attached()) {
    return {};
  }
  LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = program_.get());
  const int error =
      bpf_xdp_detach(static_cast<int>(ifindex_), attach_flags_ | XDP_FLAGS_REPLACE, &options);
  if (error != 0) {
    return Fail(ErrorCode::kIo,
                "cannot take the XDP program off " + interface_ + ": " + Reason(error));
  }
  return {};
}

}  // namespace holdfast::steer
