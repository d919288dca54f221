// See port_keys.h. Control core.
#include "control/config/port_keys.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <netinet/in.h>
#include <string_view>
#include <utility>

#include "dataplane/wire/ports.h"
#include "health/origin.h"

namespace holdfast::control {

namespace {

// "0000:3b:00.0", with or without the domain.
bool IsPciAddress(std::string_view device) {
  std::string_view shape = "hhhh:hh:hh.h";
  if (device.size() == 7) {
    shape = shape.substr(5);
  }
  return device.size() == shape.size() &&
         std::ranges::equal(device, shape, [](char c, char wanted) {
           return wanted == 'h' ? std::isxdigit(static_cast<unsigned char>(c)) != 0 : c == wanted;
         });
}

// A driver of DPDK 22.11 that a port may be made with, then its arguments.
bool IsVdev(std::string_view device) {
  return device.starts_with("net_") && device.size() > 4 &&
         std::ranges::none_of(device, [](unsigned char c) { return std::isspace(c) != 0; });
}

void ReadKernelInterface(Fields& fields, const DataplaneConfig& dataplane, PortConfig& port) {
  const auto name = fields.String("kernel_interface");
  if (!name) {
    return;
  }
  port.kernel_interface = *name;
  if (!health::IsInterfaceName(*name)) {
    fields.Expected(
        "kernel_interface",
        *fields.Find("kernel_interface"),
        "the name of a tap interface, 1 to 15 characters without a space, \"/\" or \":\"");
  } else if (!port.XdpInterface().empty()) {
    fields.Refuse("kernel_interface",
                  "is " + *name + "; expected none, since AF_XDP leaves to the kernel of " +
                      port.XdpInterface() + " what is no query");
  }
  for (const PortConfig& other : dataplane.ports) {
    if (other.kernel_interface == *name) {
      fields.Refuse("kernel_interface", "is " + *name + ", which port " + other.Name() + " has");
    }
  }
}

void ReadDescriptors(Fields& fields, PortConfig& port) {
  const auto descriptors = fields.Integer("descriptors", {kMinDescriptors, kMaxDescriptors});
  if (descriptors && !AreDescriptors(*descriptors)) {
    fields.Expected("descriptors", *fields.Find("descriptors"), "a power of two");
  }
  port.descriptors = static_cast<std::uint16_t>(descriptors.value_or(port.descriptors));
}

}  // namespace

std::optional<std::string> ReadAddress(Fields& fields, std::string_view name, const Value& value) {
  std::array<unsigned char, 16> octets{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (value.kind == Value::Kind::kString &&
        inet_pton(family, value.text.c_str(), octets.data()) == 1) {
      return inet_ntop(family, octets.data(), text.data(), text.size());
    }
  }
  fields.Expected(name, value, "an IPv4 or IPv6 address");
  return std::nullopt;
}

void ReadPortTable(Fields& fields,
                   const std::vector<ListenConfig>& listens,
                   DataplaneConfig& dataplane) {
  PortConfig port;
  if (const auto device = fields.String("device")) {
    port.device = IsPciAddress(*device) && device->size() == 7 ? "0000:" + *device : *device;
    if (!IsPciAddress(*device) && !IsVdev(*device)) {
      fields.Expected("device",
                      *fields.Find("device"),
                      "a PCI address such as \"0000:3b:00.0\" or a vdev such as "
                      "\"net_af_xdp0,iface=eth0\"");
    }
    for (const PortConfig& other : dataplane.ports) {
      if (other.Name() == port.Name()) {
        fields.Refuse("device",
                      "is " + *device + "; another [[dataplane.port]] has the name " + port.Name() +
                          " already");
      }
    }
  } else {
    fields.Require("device", "a PCI address or a vdev");
  }
  port.queues = static_cast<std::uint16_t>(fields.Integer("queues", {1, kMaxQueues}).value_or(1));
  ReadDescriptors(fields, port);
  port.verify_udp_checksum = fields.Bool("verify_udp_checksum").value_or(true);
  ReadKernelInterface(fields, dataplane, port);
  std::vector<std::string> served;
  for (const ListenConfig& listen : listens) {
    if (listen.port == wire::kDnsPort) {
      served.push_back(listen.address);
    }
  }
  for (const Value& item : fields.Array("addresses")) {
    if (const auto address = ReadAddress(fields, "addresses", item)) {
      if (std::ranges::find(served, *address) == served.end()) {
        fields.Expected("addresses", item, "addresses that a [[listen]] with port 53 has");
      } else if (std::ranges::find(port.addresses, *address) != port.addresses.end()) {
        fields.Refuse("addresses", "names " + *address + " twice");
      }
      port.addresses.push_back(*address);
    }
  }
  if (!fields.Has("addresses")) {
    port.addresses = served;
  }
  if (dataplane.enabled && port.addresses.empty()) {
    fields.Refuse("addresses", "is empty; expected addresses that a [[listen]] with port 53 has");
  }
  dataplane.ports.push_back(std::move(port));
}

std::string PortConfig::XdpInterface() const {
  const std::string_view key = ",iface=";
  const std::size_t at = device.starts_with("net_af_xdp") ? device.find(key) : std::string::npos;
  if (at == std::string::npos) {
    return {};
  }
  const std::size_t begin = at + key.size();
  return device.substr(begin, device.find(',', begin) - begin);
}

}  // namespace holdfast::control
