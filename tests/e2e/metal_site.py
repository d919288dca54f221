"""A node on a port without a kernel below it: AF_PACKET on a veth end that has no addresses and
whose kernel hears nothing of it, and a tap beside it that has them. Root.
"""

import contextlib
import os
import subprocess
import sys

from holdfast_node import BINARIES, ROOT, Node

sys.path.insert(0, str(ROOT / "tools" / "lib"))
import netpair  # noqa: E402

TAP = "dns0"
DATAPLANE = ("[dataplane]\nenabled = true\nlcores = [1]\nmemory_mb = 128\nhugepages = false\n"
             "[[dataplane.port]]\ndevice = \"net_af_packet0,iface=s0\"\n"
             f"kernel_interface = \"{TAP}\"\n")


class Journal:
    @staticmethod
    def add(_kind, **_parameters):
        return None


class MetalNode(Node):
    """A node in the pair's server namespace, for port 53 of the addresses there."""

    def __init__(self, pair, folder, zones, size="8M", tail=""):
        self.pair = pair
        super().__init__(folder, zones, size=size, tail=DATAPLANE + tail)
        listens = "".join(f'[[listen]]\naddress = "{address}"\nport = 53\n'
                          for address in (pair.server4, pair.server6))
        text = self.config.read_text()
        head, rest = text.split("[[listen]]", 1)
        self.config.write_text(head + listens + "[[zone]]" + rest.split("[[zone]]", 1)[1])

    def launch(self):
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*netpair.enter_command(self.pair.server), BINARIES / "holdfast", "run",
                 "--config", self.config], stdout=log, stderr=log)

    def counted(self):
        return next(reader["counters"] for reader in self.status()["readers"]
                    if reader["role"] == "dataplane")


def without_a_kernel_below(pair):
    """Nothing that comes to the server's end of the pair reaches its kernel: packet sockets alone
    see it."""
    inside = netpair.enter_command(pair.server)
    # A packet socket would see segments that the kernel has put together, longer than any frame.
    netpair.call(*inside, "ethtool", "-K", netpair.SERVER_INTERFACE, "gro", "off")
    netpair.ip("-n", pair.server, "link", "set", netpair.SERVER_INTERFACE, "arp", "off")
    netpair.call(*inside, "sysctl", "-q", "-w",
                 f"net.ipv6.conf.{netpair.SERVER_INTERFACE}.disable_ipv6=1")
    rule = ("-n", pair.server, "rule")
    netpair.ip("-4", *rule, "add", "pref", "10", "iif", netpair.SERVER_INTERFACE, "type",
               "blackhole")
    netpair.ip("-4", *rule, "add", "pref", "100", "table", "local")
    netpair.ip("-4", *rule, "del", "pref", "0")


def tap_with_addresses(pair):
    netpair.ip("-n", pair.server, "tuntap", "add", "dev", TAP, "mode", "tap")
    netpair.ip("-n", pair.server, "addr", "add", f"{pair.server4}/24", "dev", TAP)
    netpair.ip("-n", pair.server, "addr", "add", f"{pair.server6}/64", "dev", TAP, "nodad")
    netpair.ip("-n", pair.server, "link", "set", TAP, "up")


@contextlib.contextmanager
def metal_pair():
    """The pair of namespaces, with the tap; no node runs there yet."""
    pair = netpair.Pair(f"ex{os.getpid()}")
    with contextlib.ExitStack() as stack:
        for namespace in (pair.server, pair.client):
            stack.callback(subprocess.run, ["ip", "netns", "del", namespace], check=False,
                           capture_output=True)
        pair.create(Journal, server_hosts=(), client_hosts=(2,))
        without_a_kernel_below(pair)
        tap_with_addresses(pair)
        yield pair
