// What is judged before anything is touched: devices, CPU lists, EAL's arguments, and the sentences
// that say what is missing and how to mend it.
#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>
#include <vector>

#include <rte_ethdev.h>

#include "dataplane/io/eal.h"
#include "dataplane/io/port.h"
#include "dataplane/io/remedy.h"

namespace holdfast::io {
namespace {

TEST(Remedy, NamesTheSubjectTheReasonAndTheCommand) {
  const struct {
    Missing missing;
    const char* command;
  } cases[] = {
      {Missing::kHugepages, "echo 512 > /proc/sys/vm/nr_hugepages"},
      {Missing::kPciDevice, "dpdk-devbind.py --status-dev net"},
      {Missing::kPciDriver, "dpdk-devbind.py --bind=vfio-pci SUBJECT"},
      {Missing::kInterface, "ip link show"},
      {Missing::kPacketRight, "setcap cap_net_raw"},
      {Missing::kSteerRight, "setcap cap_net_admin"},
      {Missing::kAfXdp, "net_af_packet"},
      {Missing::kPoolMemory, "--memory-mb"},
      {Missing::kQueues, "ethtool -l"},
      {Missing::kHash, "--queues 1"},
      {Missing::kMtu, "ip link set dev SUBJECT mtu 1500"},
  };
  EXPECT_EQ(std::size(cases), static_cast<std::size_t>(Missing::kMtu) + 1);
  for (const auto& c : cases) {
    const std::string text = Remedy(c.missing, "SUBJECT", "DETAIL");
    EXPECT_NE(text.find("SUBJECT"), std::string::npos) << text;
    EXPECT_NE(text.find(c.command), std::string::npos) << text;
    EXPECT_EQ(text.find('{'), std::string::npos) << text;
  }
}

TEST(Remedy, CountsFreeHugepagesInMegabytes) {
  const std::string meminfo =
      "MemTotal:       24683876 kB\nHugePages_Total:     512\nHugePages_Free:      100\n"
      "HugePages_Rsvd:        0\nHugepagesize:       2048 kB\n";
  EXPECT_TRUE(CheckHugepages(meminfo, 200));
  const auto more = CheckHugepages(meminfo, 201);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ErrorCode::kExhausted);
  EXPECT_NE(more.error().message.find("201 MB"), std::string::npos);
  EXPECT_NE(more.error().message.find("200 MB are free"), std::string::npos);
  EXPECT_NE(more.error().message.find("--no-huge"), std::string::npos);
  EXPECT_FALSE(CheckHugepages("", 1));  // a kernel without hugepages
}

TEST(Remedy, TellsWhichRightsAreLacking) {
  const std::string none = "Name:\tx\nCapEff:\t0000000000000000\n";
  const std::string raw = "CapEff:\t0000000000002000\n";
  const std::string all = "CapEff:\t000001ffffffffff\n";
  EXPECT_TRUE(CheckPacketRights(raw, "eth0"));
  EXPECT_TRUE(CheckSteerRights(all, "eth0"));
  const auto packet = CheckPacketRights(none, "eth0");
  ASSERT_FALSE(packet);
  EXPECT_NE(packet.error().message.find("eth0 (lacks CAP_NET_RAW)"), std::string::npos);
  const auto steer = CheckSteerRights(raw, "eth0");
  ASSERT_FALSE(steer);
  EXPECT_NE(steer.error().message.find("lacks CAP_NET_ADMIN, CAP_SYS_ADMIN"), std::string::npos);
  EXPECT_EQ(steer.error().message.find("CAP_NET_RAW,"), std::string::npos);
}

TEST(Remedy, LooksAtThePciDeviceAndItsDriver) {
  char folder[] = "/tmp/holdfast-sysfs-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::filesystem::path devices = std::filesystem::path(folder) / "bus/pci/devices";
  for (const char* device : {"0000:03:00.0", "0000:03:00.1", "0000:03:00.2"}) {
    std::filesystem::create_directories(devices / device);
  }
  std::filesystem::create_symlink("../drivers/vfio-pci", devices / "0000:03:00.0/driver");
  std::filesystem::create_symlink("../drivers/ixgbe", devices / "0000:03:00.1/driver");
  EXPECT_TRUE(CheckPciDevice(folder, "0000:03:00.0"));
  const auto kernel = CheckPciDevice(folder, "0000:03:00.1");
  ASSERT_FALSE(kernel);
  EXPECT_NE(kernel.error().message.find("its driver is ixgbe"), std::string::npos);
  const auto none = CheckPciDevice(folder, "0000:03:00.2");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("its driver is none"), std::string::npos);
  const auto absent = CheckPciDevice(folder, "0000:04:00.0");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::kNotFound);
  std::filesystem::remove_all(folder);
}

TEST(Remedy, AnAbsentInterfaceIsNamed) {
  const auto found = FindInterface("hf-nowhere0");
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message.find("hf-nowhere0"), std::string::npos);
}

TEST(HashOfQueries, conf_L20_IsByPortsOfBothFamilies) {
  constexpr std::uint64_t kPorts = RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
  constexpr std::uint64_t kAddresses = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6;
  // What else a NIC can is not asked for.
  EXPECT_EQ(HashOfQueries("p", kPorts | kAddresses | RTE_ETH_RSS_NONFRAG_IPV4_TCP).value(),
            kPorts | kAddresses);
  EXPECT_EQ(HashOfQueries("p", kPorts).value(), kPorts);
  EXPECT_EQ(HashOfQueries("p", kAddresses).value(), kAddresses);
  const struct {
    std::uint64_t offered;
    const char* family;
  } cases[] = {{0, "any"},
               {RTE_ETH_RSS_NONFRAG_IPV4_TCP, "any"},
               {RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_IPV4, "IPv6"},
               {RTE_ETH_RSS_NONFRAG_IPV6_UDP, "IPv4"}};
  for (const auto& c : cases) {
    const auto refused = HashOfQueries("0000:03:00.0", c.offered);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message.find(std::string("port 0000:03:00.0 has no hash (RSS) that "
                                                       "spreads ") +
                                           c.family + " queries over several queues"),
              0U)
        << refused.error().message;
  }
}

TEST(ParseDevice, TakesPciAddressesAndVirtualDevices) {
  const auto pci = ParseDevice("0000:03:00.0");
  ASSERT_TRUE(pci);
  EXPECT_TRUE(pci->pci);
  const auto vdev = ParseDevice("net_af_xdp0,iface=eth0,start_queue=1");
  ASSERT_TRUE(vdev);
  EXPECT_FALSE(vdev->pci);
  EXPECT_TRUE(vdev->IsAfXdp());
  EXPECT_EQ(vdev->name, "net_af_xdp0");
  EXPECT_EQ(vdev->Argument("iface"), "eth0");
  EXPECT_EQ(vdev->Argument("start_queue"), "1");
  EXPECT_EQ(vdev->Argument("queue"), "");
  EXPECT_EQ(ParseDevice("net_null0")->arguments, "");
}

TEST(ParseDevice, RefusesEverythingElse) {
  for (const char* text : {"",
                           "eth0",
                           "net_",
                           "03:00.0",
                           "0000:03:00.g",
                           "0000:03:00.00",
                           "net_af_xdp0",
                           "net_af_xdp0,iface=",
                           "net_af_packet0,blocksz=4096"}) {
    const auto device = ParseDevice(text);
    ASSERT_FALSE(device) << text;
    EXPECT_EQ(device.error().code, ErrorCode::kInvalid);
    EXPECT_NE(device.error().message.find("'" + std::string(text) + "': expected"),
              std::string::npos)
        << device.error().message;
  }
}

TEST(ParseCpuList, ReadsNumbersAndRanges) {
  EXPECT_EQ(*ParseCpuList("3"), (std::vector{3U}));
  EXPECT_EQ(*ParseCpuList("4,0-2"), (std::vector{4U, 0U, 1U, 2U}));
}

TEST(ParseCpuList, RefusesEverythingElse) {
  for (const char* text : {"",
                           ",",
                           "1,",
                           "a",
                           "1-",
                           "3-2",
                           "1,1",
                           "0-2,1",
                           "1024",
                           "-1",
                           "1 2",
                           "99999999999",
                           "0-1023,1024"}) {
    const auto cpus = ParseCpuList(text);
    ASSERT_FALSE(cpus) << text;
    EXPECT_NE(cpus.error().message.find("expected numbers and ranges"), std::string::npos);
  }
}

TEST(EalArguments, AlwaysUseVirtualAddressesAndNoTelemetry) {
  EalOptions options;
  options.cpus = {1, 3};
  options.other_cpus = {0, 2};
  options.file_prefix = "p";
  const auto arguments = EalArguments(options);
  const auto has = [&](const std::vector<std::string>& words) {
    return !std::ranges::search(arguments, words).empty();
  };
  EXPECT_TRUE(has({"--lcores", "0@(0,2),1@1,2@3"}));
  EXPECT_TRUE(has({"--main-lcore", "0"}));
  EXPECT_TRUE(has({"--iova-mode=va"}));
  EXPECT_TRUE(has({"--no-telemetry"}));
  EXPECT_TRUE(has({"--no-pci"}));
  EXPECT_TRUE(has({"--in-memory"}));
  EXPECT_TRUE(has({"--file-prefix", "p"}));
  EXPECT_TRUE(has({"-m", "256"}));
  EXPECT_FALSE(has({"--no-huge"}));
}

TEST(EalArguments, FollowWhatWasAsked) {
  EalOptions options;
  options.cpus = {0};
  options.no_huge = true;
  options.memory_mb = 64;
  options.telemetry = true;
  options.pci = {"0000:03:00.0", "0000:03:00.1"};
  options.more = {"--single-file-segments"};
  const auto arguments = EalArguments(options);
  const auto has = [&](const std::vector<std::string>& words) {
    return !std::ranges::search(arguments, words).empty();
  };
  EXPECT_TRUE(has({"--lcores", "0@(0),1@0"}));  // no other CPU: the main thread shares it
  EXPECT_TRUE(has({"--no-huge", "--no-shconf"}));
  EXPECT_FALSE(has({"--in-memory"}));  // EAL refuses the two together
  EXPECT_FALSE(has({"--no-telemetry"}));
  EXPECT_FALSE(has({"--no-pci"}));
  EXPECT_TRUE(has({"-a", "0000:03:00.0", "-a", "0000:03:00.1"}));
  EXPECT_EQ(arguments.back(), "--single-file-segments");
}

}  // namespace
}  // namespace holdfast::io
