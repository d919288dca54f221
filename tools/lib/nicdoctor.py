"""The findings of `tools/nic doctor`: IOMMU, driver, link, NUMA node, hugepages. Each that hinders
DPDK on a real port comes with its remedy. Reads only, through a nicinfo.Machine.
"""

from collections import namedtuple

import nicinfo

# level: "ok", "note" (works, could be better) or "bad" (will not work); remedy: empty when ok.
Finding = namedtuple("Finding", "level topic text remedy", defaults=("",))

PAGES_WANTED = 256  # 512 MB: packet memory and tables of Holdfast's defaults


def examine(machine, wanted=None):
    """All findings on the machine and on one device, or on each."""
    found = [*iommu(machine), *drivers(machine), *memory(machine)]
    nics = [wanted] if wanted else machine.nics()
    if not nics:
        found.append(Finding("bad", "device", "no network device on PCI",
                             "use net_af_xdp on a kernel interface, or sockets"))
    for nic in nics:
        found += device(machine, nic)
    if not wanted and nics and all(nicinfo.marks(machine, nic) for nic in nics):
        found.append(Finding("note", "device", "no device can be taken from the kernel",
                             "use net_af_xdp on the kernel interface: the other traffic stays"))
    return found


def iommu(machine):
    if machine.iommu_works():
        yield Finding("ok", "iommu", "works")
    elif machine.vfio_without_iommu():
        yield Finding("note", "iommu", "off; vfio goes on without it, devices can write anywhere",
                      "switch it on: firmware, then intel_iommu=on or amd_iommu=on, and iommu=pt")
    else:
        yield Finding("bad", "iommu", "off: vfio-pci will take no device",
                      "firmware (VT-d, AMD-Vi), then the kernel arguments intel_iommu=on or "
                      "amd_iommu=on, and iommu=pt; in a virtual machine: echo 1 > "
                      "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode")


def drivers(machine):
    loaded = [driver for driver in nicinfo.USER_DRIVERS if machine.user_driver_loaded(driver)]
    if "vfio-pci" in loaded:
        yield Finding("ok", "driver", "vfio-pci is loaded")
    elif loaded:
        yield Finding("note", "driver", f"{', '.join(loaded)} loaded, without IOMMU protection",
                      "modprobe vfio-pci")
    else:
        yield Finding("bad", "driver", "no driver for user space is loaded",
                      "modprobe vfio-pci (a kernel built with CONFIG_VFIO_PCI)")


def pages_of(machine, node=None):
    """(total, free) of 2 MB pages on the machine or one NUMA node; None without that size."""
    place = "sys/kernel/mm" if node is None else f"sys/devices/system/node/node{node}"
    counts = [machine.text(f"{place}/hugepages/hugepages-2048kB/{kind}_hugepages")
              for kind in ("nr", "free")]
    return None if None in counts else tuple(int(count) for count in counts)


def memory(machine):
    pages = pages_of(machine)
    if pages is None:
        yield Finding("bad", "hugepages", "the kernel has none of 2 MB",
                      "a kernel with CONFIG_HUGETLBFS")
    elif pages[1] < PAGES_WANTED:
        yield Finding("bad", "hugepages",
                      f"{pages[1]} of 2 MB are free, {PAGES_WANTED} are wanted",
                      f"tools/nic bind reserves them, or: echo {pages[0] - pages[1] + PAGES_WANTED}"
                      " > /proc/sys/vm/nr_hugepages (at boot: hugepages=N)")
    else:
        yield Finding("ok", "hugepages", f"{pages[1]} of 2 MB are free")
    mounts = [line.split() for line in (machine.text("proc/mounts") or "").splitlines()]
    places = [words[1] for words in mounts if len(words) > 2 and words[2] == "hugetlbfs"]
    if places:
        yield Finding("ok", "hugetlbfs", f"mounted at {', '.join(places)}")
    else:
        yield Finding("bad", "hugetlbfs", "is not mounted",
                      "mkdir -p /dev/hugepages && mount -t hugetlbfs none /dev/hugepages")


def device(machine, nic):
    topic = nic.address
    kept = nicinfo.marks(machine, nic)
    if kept:
        yield Finding("note", topic, f"stays with the kernel: {' and '.join(kept)}",
                      "another port, or net_af_xdp on this one")
    if nic.driver in nicinfo.USER_DRIVERS:
        yield Finding("ok", topic, f"bound to {nic.driver}, ready for DPDK")
    elif nic.driver in nicinfo.BIFURCATED:
        yield Finding("ok", topic, f"driven by DPDK beside {nic.driver}, needs no binding")
    elif not kept:
        yield Finding("note", topic, f"bound to {nic.driver or 'no driver'}",
                      f"tools/nic bind {nic.address}")
    neighbours = machine.group_neighbours(nic)
    if neighbours and not kept:
        yield Finding("bad", topic,
                      f"shares IOMMU group {nic.iommu_group} with {', '.join(neighbours)}",
                      "bind these to vfio-pci too, or move the card to another slot")
    yield from link(nic)
    yield from numa(machine, nic)


def link(nic):
    if not nic.interfaces:
        # A device bound to user space shows its link to its user alone.
        if nic.driver not in nicinfo.USER_DRIVERS:
            yield Finding("note", nic.address, "no interface, so its link is not known",
                          "bind it to its kernel driver to look: tools/nic unbind")
        return
    name = nic.interfaces[0]
    if nic.carrier:
        speed = f", {nic.speed} Mbit/s" if nic.speed else ""
        yield Finding("ok", nic.address, f"{name}: link is up{speed}")
    elif nic.up:
        yield Finding("bad", nic.address, f"{name}: no link",
                      f"cable, transceiver, switch port: ethtool {name}")
    else:
        yield Finding("note", nic.address, f"{name} is down, so its link is not known",
                      f"ip link set {name} up; ethtool {name}")


def numa(machine, nic):
    if nic.numa_node is None:
        yield Finding("ok", nic.address, "the machine has one NUMA node for it")
        return
    cores = machine.text(f"sys/devices/system/node/node{nic.numa_node}/cpulist") or "none"
    pages = pages_of(machine, nic.numa_node)
    yield Finding("ok", nic.address, f"on NUMA node {nic.numa_node}; cores there: {cores}")
    if pages is not None and pages[1] < PAGES_WANTED:
        path = (f"/sys/devices/system/node/node{nic.numa_node}/hugepages/hugepages-2048kB/"
                "nr_hugepages")
        yield Finding("bad", nic.address,
                      f"{pages[1]} hugepages are free on its node {nic.numa_node}, "
                      f"{PAGES_WANTED} are wanted",
                      f"echo {pages[0] - pages[1] + PAGES_WANTED} > {path}")
