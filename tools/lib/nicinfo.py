"""What network devices this machine has on PCI, who uses them, and whether one may be taken away
from the kernel. Used by tools/nic. Reads /sys and /proc below `root`, so that tests can show it
other machines; changes nothing.
"""

import ipaddress
import json
import os
import re
import subprocess
from collections import namedtuple
from pathlib import Path

PCI_ADDRESS = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
# Drivers that hand a device to user space, in the order of preference.
USER_DRIVERS = ("vfio-pci", "uio_pci_generic", "igb_uio")
# Kernel drivers that DPDK works beside: the device stays bound to them.
BIFURCATED = ("mlx4_core", "mlx5_core")

# driver, numa_node, iommu_group: None where there is none; speed in Mbit/s, None when not known.
Nic = namedtuple("Nic", "address name driver interfaces numa_node iommu_group up carrier speed")


class Machine:
    """One machine's devices, routes and logins.
    @param root  where its /sys and /proc begin.
    @param ip    called with the words after `ip -j`; returns what that prints, parsed.
    @param environment  of this process, for SSH_CONNECTION.
    """

    def __init__(self, root="/", ip=None, environment=None):
        self.root = Path(root)
        self.ip = ip or ip_json
        self.environment = os.environ if environment is None else environment

    def text(self, path, default=None):
        """The content of a small file of /sys or /proc; `default` when it cannot be read."""
        try:
            return (self.root / path).read_text(errors="replace").strip()
        except OSError:
            return default

    def link_name(self, path):
        """The last part of where a symbolic link leads; None without one."""
        path = self.root / path
        return Path(os.readlink(path)).name if path.is_symlink() else None

    def nics(self):
        """Every network device on PCI (class 0x02....)."""
        folder = self.root / "sys/bus/pci/devices"
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return [self.nic(path.name) for path in found
                if (self.text(f"sys/bus/pci/devices/{path.name}/class") or "").startswith("0x02")]

    def nic(self, address):
        device = f"sys/bus/pci/devices/{address}"
        # virtio puts a device of its own bus between the PCI device and its interface.
        interfaces = sorted({path.name for pattern in ("net/*", "virtio*/net/*")
                             for path in (self.root / device).glob(pattern)})
        first = f"sys/class/net/{interfaces[0]}" if interfaces else None
        node = int(self.text(f"{device}/numa_node", "-1"))
        speed = int(self.text(f"{first}/speed", "-1") or -1) if first else -1
        return Nic(address, self.pci_name(device), self.link_name(f"{device}/driver"), interfaces,
                   node if node >= 0 else None, self.link_name(f"{device}/iommu_group"),
                   any(int(self.text(f"sys/class/net/{one}/flags", "0x0"), 16) & 1
                       for one in interfaces),
                   any(self.text(f"sys/class/net/{one}/carrier", "0") == "1" for one in interfaces),
                   speed if speed > 0 else None)

    def pci_name(self, device):
        ids = [self.text(f"{device}/{part}", "0x????")[2:] for part in ("vendor", "device")]
        return ":".join(ids)

    def find(self, wanted):
        """The device with this PCI address (with or without the domain) or interface; None."""
        for nic in self.nics():
            if wanted in (nic.address, nic.address.removeprefix("0000:")) or (
                    wanted in nic.interfaces):
                return nic
        return None

    def stacked_on(self, interfaces):
        """The interfaces and all that stand on them: bonds, bridges, VLANs, in any depth."""
        found, waiting = set(), list(interfaces)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                folder = self.root / "sys/class/net" / name
                waiting += [path.name.removeprefix("upper_") for path in folder.glob("upper_*")]
        return found

    def default_route_interfaces(self):
        """Interfaces that a default route of any table or family leads out of."""
        found = set()
        for family in ("-4", "-6"):
            for route in self.ip(family, "route", "show", "default", "table", "all"):
                if route.get("type", "unicast") == "unicast":
                    hops = [route, *route.get("nexthops", [])]
                    found |= {hop["dev"] for hop in hops if "dev" in hop}
        return found

    def login_addresses(self):
        """(local, remote) addresses of the login that this process belongs to, and of every other
        SSH connection to this machine: losing a colleague's is no better."""
        found = set()
        for connection in (self.environment.get("SSH_CONNECTION"),
                           self.environment.get("SSH_CLIENT")):
            words = (connection or "").split()
            if len(words) == 4:
                found.add((words[2], words[0]))
            elif words:
                found.add((None, words[0]))
        for table in ("proc/net/tcp", "proc/net/tcp6"):
            for line in (self.text(table) or "").splitlines()[1:]:
                words = line.split()
                local, remote, state = words[1], words[2], words[3]
                if state == "01" and int(local.rpartition(":")[2], 16) == 22:  # ESTABLISHED
                    found.add((address_of(local), address_of(remote)))
        return found

    def login_interfaces(self):
        """Interfaces that carry those connections: by the local address, or by the route back."""
        owners = {}
        for link in self.ip("address"):
            for address in link.get("addr_info", []):
                owners.setdefault(address.get("local"), link.get("ifname"))
        found = set()
        for local, remote in self.login_addresses():
            if local in owners:
                found.add(owners[local])
            for route in self.ip("route", "get", remote):
                found.add(route.get("dev"))
        return found - {None, "lo"}

    def user_driver_loaded(self, driver):
        return (self.root / "sys/bus/pci/drivers" / driver).is_dir()

    def iommu_works(self):
        folder = self.root / "sys/kernel/iommu_groups"
        return folder.is_dir() and any(folder.iterdir())

    def vfio_without_iommu(self):
        return self.text("sys/module/vfio/parameters/enable_unsafe_noiommu_mode") == "Y"

    def group_neighbours(self, nic):
        """Other devices of its IOMMU group that a kernel driver holds; bridges do not count."""
        if nic.iommu_group is None:
            return []
        folder = self.root / "sys/kernel/iommu_groups" / nic.iommu_group / "devices"
        found = []
        for path in sorted(folder.glob("*")):
            driver = self.link_name(f"sys/bus/pci/devices/{path.name}/driver")
            kind = self.text(f"sys/bus/pci/devices/{path.name}/class") or ""
            if path.name != nic.address and driver and driver not in USER_DRIVERS and (
                    not kind.startswith("0x06")):
                found.append(f"{path.name} ({driver})")
        return found


def ip_json(*words):
    """What `ip -j` prints. A question that fails raises OSError: no answer is no permission. Only a
    route that does not exist, and IPv6 where the kernel has none, are answers in themselves."""
    done = subprocess.run(["ip", "-j", *words], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return json.loads(done.stdout or "[]")
    if words[:2] == ("route", "get") or (
            words[0] == "-6" and not Path("/proc/net/if_inet6").exists()):
        return []
    raise OSError(done.returncode, f"ip {' '.join(words)}: {done.stderr.strip()}")


def address_of(text):
    """The address in an entry of /proc/net/tcp or tcp6: host-order words in hexadecimal."""
    octets = bytes.fromhex(text.rpartition(":")[0])
    words = b"".join(octets[at:at + 4][::-1] for at in range(0, len(octets), 4))
    if len(words) == 16 and words.startswith(bytes(10) + b"\xff\xff"):
        words = words[12:]  # an IPv4 client of an IPv6 socket
    if len(words) == 4:
        return str(ipaddress.IPv4Address(words))
    return str(ipaddress.IPv6Address(words))


def marks(machine, nic):
    """Why the device must stay with the kernel: short sentences, none when it need not."""
    above = machine.stacked_on(nic.interfaces)
    found = []
    for interface in sorted(above & machine.default_route_interfaces()):
        found.append(f"{interface} has the default route")
    for interface in sorted(above & machine.login_interfaces()):
        found.append(f"{interface} carries an SSH login")
    return found


def refusal(machine, nic, driver):
    """Why `nic` cannot be bound to `driver` now, with the remedy; None when it can."""
    found = marks(machine, nic)
    if found:
        return (f"{nic.address}: {' and '.join(found)}: the machine would be cut off; take another "
                "port, or use net_af_xdp, which leaves the rest of the traffic to the kernel")
    if nic.driver == driver:
        return f"{nic.address} is bound to {driver} already"
    if nic.driver in BIFURCATED:
        return (f"{nic.address} needs no binding: DPDK drives it beside {nic.driver}; "
                f"write device = \"{nic.address}\" in [[dataplane.port]]")
    if nic.driver and nic.driver not in USER_DRIVERS and not nic.interfaces:
        return (f"{nic.address}: {nic.driver} drives it, but its interface is not to be seen here; "
                "another network namespace may use it: take it back from there first")
    if nic.up:
        names = ", ".join(nic.interfaces)
        return f"{nic.address}: {names} is up; bring it down first: ip link set {names} down"
    if not machine.user_driver_loaded(driver):
        return f"the driver {driver} is not loaded; load it: modprobe {driver}"
    if driver == "vfio-pci" and nic.iommu_group is None and not machine.vfio_without_iommu():
        return (f"{nic.address} is in no IOMMU group: switch the IOMMU on (firmware, and the kernel"
                " argument intel_iommu=on or amd_iommu=on, with iommu=pt), or where there is none "
                "accept a device that can write to all memory: "
                "echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode")
    neighbours = machine.group_neighbours(nic)
    if driver == "vfio-pci" and neighbours:
        return (f"{nic.address} shares IOMMU group {nic.iommu_group} with {', '.join(neighbours)}: "
                "bind these to vfio-pci too, or move the card to another slot")
    return None
