"""tools/nic: what it reads from /sys and /proc of machines of other kinds, whom it refuses to take,
and what it says on this machine. Nothing here binds anything.
"""

import json
import subprocess
from pathlib import Path

import nicdoctor
import nicinfo
import pytest

NIC = Path(__file__).resolve().parents[2] / "tools" / "nic"


class Site:
    """A /sys and /proc made for a test, and what `ip -j` would say there."""

    def __init__(self, root):
        self.root, self.routes, self.addresses, self.route_to = root, [], [], {}
        self.write("sys/bus/pci/devices/.keep", "")
        (root / "sys/bus/pci/devices/.keep").unlink()

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text + "\n")

    def link(self, path, target):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).symlink_to(target)

    def port(self, address="0000:3b:00.0", interface="ens1", driver="ixgbe", group="7", node=0,
             up=False, carrier=False, kind="0x020000"):
        device = f"sys/bus/pci/devices/{address}"
        self.write(f"{device}/class", kind)
        self.write(f"{device}/vendor", "0x8086")
        self.write(f"{device}/device", "0x10fb")
        self.write(f"{device}/numa_node", str(node))
        if driver:
            self.link(f"{device}/driver", f"../../../../bus/pci/drivers/{driver}")
        if group:
            self.link(f"{device}/iommu_group", f"../../../../kernel/iommu_groups/{group}")
            self.write(f"sys/kernel/iommu_groups/{group}/devices/{address}/here", "")
        if interface:
            self.write(f"{device}/net/{interface}/here", "")
            self.write(f"sys/class/net/{interface}/flags", "0x1003" if up else "0x1002")
            self.write(f"sys/class/net/{interface}/carrier", "1" if carrier else "0")
            self.write(f"sys/class/net/{interface}/speed", "10000" if carrier else "-1")
        return address

    def vfio(self):
        self.write("sys/bus/pci/drivers/vfio-pci/here", "")

    def pages(self, total, free, place="sys/kernel/mm"):
        self.write(f"{place}/hugepages/hugepages-2048kB/nr_hugepages", str(total))
        self.write(f"{place}/hugepages/hugepages-2048kB/free_hugepages", str(free))

    def machine(self, **environment):
        def ip(*words):
            if words[:2] == ("route", "get"):
                return [{"dev": self.route_to[words[2]]}] if words[2] in self.route_to else []
            if words[0] == "address":
                return self.addresses
            return [route for route in self.routes
                    if ("gateway" in route and ":" in route["gateway"]) == (words[0] == "-6")]
        return nicinfo.Machine(self.root, ip, environment)


@pytest.fixture(name="site")
def fixture_site(tmp_path):
    return Site(tmp_path)


def refusal(site, driver="vfio-pci", **environment):
    machine = site.machine(**environment)
    return nicinfo.refusal(machine, machine.nics()[0], driver)


def test_only_network_ports_are_listed_and_found_by_any_name(site):
    site.port()
    site.port("0000:00:02.0", None, "nvme", kind="0x010802")
    machine = site.machine()
    nic, = machine.nics()
    assert nic == nicinfo.Nic("0000:3b:00.0", "8086:10fb", "ixgbe", ["ens1"], 0, "7", False, False,
                              None)
    for name in ("0000:3b:00.0", "3b:00.0", "ens1"):
        assert machine.find(name) == nic
    assert machine.find("ens2") is None


def test_a_port_of_virtio_shows_its_interface_through_the_virtio_bus(site):
    address = site.port(interface=None, driver="virtio-pci", node=-1)
    site.write(f"sys/bus/pci/devices/{address}/virtio2/net/eth0/here", "")
    nic, = site.machine().nics()
    assert (nic.interfaces, nic.numa_node) == (["eth0"], None)


def test_a_free_port_may_be_bound(site):
    site.port()
    site.vfio()
    assert refusal(site) is None


@pytest.mark.parametrize("route", [
    {"dst": "default", "gateway": "192.0.2.1", "dev": "ens1"},
    {"dst": "default", "gateway": "fe80::1", "dev": "ens1"},
    {"dst": "default", "nexthops": [{"dev": "ens9"}, {"dev": "ens1"}]},
    {"dst": "default", "dev": "ens1", "table": "200"},
])
def test_the_port_with_a_default_route_is_refused(site, route):
    site.port()
    site.vfio()
    site.routes = [route]
    assert "ens1 has the default route" in refusal(site)


def test_a_default_route_that_drops_is_none(site):
    site.port()
    site.vfio()
    site.routes = [{"dst": "default", "type": "unreachable", "dev": "ens1"}]
    assert refusal(site) is None


def test_the_port_below_the_interface_with_the_default_route_is_refused(site):
    site.port()
    site.vfio()
    site.write("sys/class/net/ens1/upper_bond0/here", "")
    site.write("sys/class/net/bond0/upper_bond0.5/here", "")
    site.write("sys/class/net/bond0.5/upper_br0/here", "")
    site.routes = [{"dst": "default", "gateway": "192.0.2.1", "dev": "br0"}]
    assert "br0 has the default route" in refusal(site)


LOGIN = "198.51.100.7 50000 192.0.2.2 22"
TCP = "  sl  local_address rem_address   st\n   0: {} {} {} 00000000:00000000\n"


TCP6 = TCP.format("0000000000000000FFFF0000020200C0:0016",
                  "0000000000000000FFFF0000076433C6:C350", "01")
BY_ADDRESS = {"addresses": [{"ifname": "ens1", "addr_info": [{"local": "192.0.2.2"}]}]}
BY_ROUTE = {"route_to": {"198.51.100.7": "ens1"}}


@pytest.mark.parametrize("environment, table, text, network", [
    ({"SSH_CONNECTION": LOGIN}, "tcp", "", BY_ADDRESS),
    ({"SSH_CONNECTION": LOGIN}, "tcp", "", BY_ROUTE),
    ({"SSH_CLIENT": "198.51.100.7 50000 22"}, "tcp", "", BY_ROUTE),
    ({}, "tcp", TCP.format("020200C0:0016", "076433C6:C350", "01"), BY_ADDRESS),
    ({}, "tcp", TCP.format("020200C0:0016", "076433C6:C350", "01"), BY_ROUTE),
    ({}, "tcp6", TCP6, BY_ADDRESS),
])
def test_the_port_with_an_ssh_login_is_refused(site, environment, table, text, network):
    site.port()
    site.vfio()
    assert refusal(site, **environment) is None
    vars(site).update(network)
    site.write(f"proc/net/{table}", text)
    assert "ens1 carries an SSH login" in refusal(site, **environment)


def test_sockets_that_are_no_login_keep_no_port(site):
    site.port()
    site.vfio()
    site.addresses = [{"ifname": "ens1", "addr_info": [{"local": "192.0.2.2"}]}]
    site.write("proc/net/tcp", TCP.format("020200C0:0016", "076433C6:C350", "0A")
               + "   1: 020200C0:0035 076433C6:C350 01 00000000:00000000\n")
    assert refusal(site) is None


@pytest.mark.parametrize("text, address", [
    ("0100007F:0016", "127.0.0.1"), ("B80D0120000000000000000001000000:0016", "2001:db8::1"),
    ("0000000000000000FFFF00000100007F:0016", "127.0.0.1"),
])
def test_addresses_of_proc_are_read_in_their_order(text, address):
    assert nicinfo.address_of(text) == address


def test_each_other_hindrance_is_refused_with_its_remedy(site):
    address = site.port(up=True)
    assert "bring it down first: ip link set ens1 down" in refusal(site)
    site.write("sys/class/net/ens1/flags", "0x1002")
    assert "modprobe vfio-pci" in refusal(site)
    site.vfio()
    site.port("0000:3b:00.1", None, "ixgbe")
    assert "shares IOMMU group 7 with 0000:3b:00.1 (ixgbe)" in refusal(site)
    (site.root / "sys/bus/pci/devices/0000:3b:00.1/driver").unlink()
    assert refusal(site) is None
    (site.root / f"sys/bus/pci/devices/{address}/iommu_group").unlink()
    assert "is in no IOMMU group" in refusal(site)
    site.write("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y")
    assert refusal(site) is None


@pytest.mark.parametrize("driver, interface, says", [
    ("vfio-pci", None, "bound to vfio-pci already"),
    ("mlx5_core", "ens1", "needs no binding"),
    ("ixgbe", None, "another network namespace may use it"),
])
def test_a_port_that_must_not_or_need_not_be_bound(site, driver, interface, says):
    site.port(driver=driver, interface=interface)
    site.vfio()
    assert says in refusal(site)


def findings(site, level):
    return [f"{one.topic}: {one.text} -> {one.remedy}" for one in nicdoctor.examine(site.machine())
            if one.level == level]


def test_doctor_is_content_with_a_port_that_is_ready(site):
    site.port(driver="vfio-pci", interface=None)
    site.vfio()
    site.pages(512, 512)
    site.pages(512, 512, "sys/devices/system/node/node0")
    site.write("sys/devices/system/node/node0/cpulist", "0-7")
    site.write("proc/mounts", "none /dev/hugepages hugetlbfs rw 0 0")
    assert findings(site, "bad") == [] and findings(site, "note") == []
    good = " ".join(findings(site, "ok"))
    for words in ("iommu: works", "vfio-pci is loaded", "512 of 2 MB are free", "/dev/hugepages",
                  "ready for DPDK", "NUMA node 0; cores there: 0-7"):
        assert words in good


def test_doctor_names_each_fault_and_its_remedy(site):
    site.port(node=1, up=True)
    site.port("0000:3b:00.1", None, "tg3")
    site.pages(512, 10)
    site.pages(20, 5, "sys/devices/system/node/node1")
    bad = "\n".join(findings(site, "bad"))
    for words in ("no driver for user space is loaded -> modprobe vfio-pci",
                  "10 of 2 MB are free, 256 are wanted", "echo 758 > /proc/sys/vm/nr_hugepages",
                  "hugetlbfs: is not mounted -> mkdir", "ens1: no link -> cable",
                  "shares IOMMU group 7 with 0000:3b:00.1 (tg3)",
                  "5 hugepages are free on its node 1",
                  "echo 271 > /sys/devices/system/node/node1"):
        assert words in bad
    assert "0000:3b:00.0: bound to ixgbe -> tools/nic bind 0000:3b:00.0" in findings(site, "note")


def test_doctor_without_iommu_tells_the_two_ways_on(site):
    site.port(group=None)
    assert "iommu: off: vfio-pci will take no device" in "\n".join(findings(site, "bad"))
    site.write("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y")
    assert "devices can write anywhere" in "\n".join(findings(site, "note"))


def test_doctor_without_any_port_points_at_what_works(site):
    assert "use net_af_xdp on a kernel interface" in "\n".join(findings(site, "bad"))


def nic(*words):
    return subprocess.run([NIC, *words], capture_output=True, text=True, check=False, timeout=30)


def test_on_this_machine_list_and_doctor_speak_of_every_port():
    ports = json.loads(nic("list", "--json").stdout)
    assert [port["address"] for port in ports] == [one.address for one in nicinfo.Machine().nics()]
    assert all(port["address"] in nic("list").stdout for port in ports)
    told = json.loads(nic("doctor", "--json").stdout)
    assert {"iommu", "driver", "hugepages", "hugetlbfs"} <= {one["topic"] for one in told}
    assert all(one["remedy"] for one in told if one["level"] != "ok")
    status = 1 if any(one["level"] == "bad" for one in told) else 0
    assert nic("doctor").returncode == status


def test_on_this_machine_bind_refuses_what_must_stay():
    for port in json.loads(nic("list", "--json").stdout):
        if port["kept_by"]:
            done = nic("bind", "--dry-run", port["address"])
            assert done.returncode == 1 and port["kept_by"][0] in done.stderr
    for verb in ("bind", "unbind"):
        done = nic(verb, "--dry-run", "no-such-port")
        assert done.returncode == 1 and "'no-such-port' is no network port on PCI" in done.stderr
        assert nic(verb, "a b").returncode == 2
    assert nic("bind", "--hugepages", "-1", "x").returncode == 2
