"""Two network namespaces, server and client, joined by one veth pair of one queue each, as DPDK's
AF_XDP driver wants it. Used by tools/lab, tools/quickstart and the end-to-end tests; root.

Names are made from the pair's name, so that several stand side by side. Addresses are the same in
each: the namespaces of different pairs cannot reach each other, and a configuration that names an
endpoint in the block then works in every pair.
"""

import ctypes
import os
import subprocess
import threading

SERVER_INTERFACE, CLIENT_INTERFACE = "s0", "c0"
CLONE_NEWNET = 0x40000000


class Pair:
    """The names and addresses of one pair; create() makes it."""

    server_mac, client_mac = "02:00:00:00:09:01", "02:00:00:00:09:02"

    def __init__(self, name):
        self.name = name
        self.server, self.client = f"hf-{name}-srv", f"hf-{name}-cli"
        self.server4, self.client4 = self.address4(1), self.address4(2)
        self.server6, self.client6 = self.address6(1), self.address6(2)

    @staticmethod
    def address4(host):
        """IPv4 address number `host` (1..254) of the block 10.9.0.0/24."""
        return f"10.9.0.{host}"

    @staticmethod
    def address6(host):
        """IPv6 address number `host` (1..65535) of the block fd09::/64."""
        return f"fd09::{host:x}"

    def create(self, journal, server_hosts=(1,), client_hosts=(2,)):
        """Makes namespaces, interfaces and addresses. Each side gets one address of either family
        for every number in its hosts. Everything is in the journal before it is made."""
        for namespace in (self.server, self.client):
            journal.add("namespace", name=namespace)
            ip("netns", "add", namespace)
        ip("link", "add", SERVER_INTERFACE, "netns", self.server, "numrxqueues", "1",
           "numtxqueues", "1", "type", "veth", "peer", "name", CLIENT_INTERFACE,
           "netns", self.client, "numrxqueues", "1", "numtxqueues", "1")
        self.set_up(self.server, SERVER_INTERFACE, self.server_mac, server_hosts)
        self.set_up(self.client, CLIENT_INTERFACE, self.client_mac, client_hosts)
        # Nothing may depend on ARP or ND: load generators want an entry that is there and stays.
        for host in server_hosts:
            self.set_neighbour(self.client, CLIENT_INTERFACE, self.server_mac, host)
        for host in client_hosts:
            self.set_neighbour(self.server, SERVER_INTERFACE, self.client_mac, host)

    def set_up(self, namespace, interface, mac, hosts):
        ip("-n", namespace, "link", "set", "lo", "up")
        ip("-n", namespace, "link", "set", interface, "address", mac)
        for host in hosts:
            ip("-n", namespace, "addr", "add", f"{self.address4(host)}/24", "dev", interface)
            ip("-n", namespace, "addr", "add", f"{self.address6(host)}/64", "dev", interface,
               "nodad")
        ip("-n", namespace, "link", "set", interface, "up")
        # Without transmit offload a frame on the veth carries its whole checksum, as on a wire;
        # gro at the peer lets XDP programs send on kernels before 6.x.
        call("nsenter", f"--net=/run/netns/{namespace}", "ethtool", "-K", interface,
             "tx", "off", "gro", "on")

    def set_neighbour(self, namespace, interface, mac, host):
        for address in (self.address4(host), self.address6(host)):
            ip("-n", namespace, "neigh", "replace", address, "lladdr", mac, "dev", interface,
               "nud", "permanent")

    def hide_udp53_from_server_kernel(self):
        """For a port that sees every frame beside the kernel (AF_PACKET): the kernel's own stack
        drops UDP to port 53 without a word instead of answering "port unreachable". Packet sockets
        see the frames before this, and ARP, ICMP and TCP stay with the kernel."""
        for family in ("-4", "-6"):
            rule = (family, "-n", self.server, "rule")
            ip(*rule, "add", "pref", "10", "iif", SERVER_INTERFACE, "ipproto", "udp", "dport", "53",
               "type", "blackhole")
            # The rule must come before the one that delivers to local addresses.
            ip(*rule, "add", "pref", "100", "table", "local")
            ip(*rule, "del", "pref", "0")


def call(*command):
    """Runs a command; on failure raises OSError with its own words."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(done.returncode, f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def ip(*arguments):
    return call("ip", *arguments)


def enter_command(namespace):
    """The words before a command that is to run in the namespace. Not `ip netns exec`, which mounts
    another /sys and so hides bpffs."""
    return ["nsenter", f"--net=/run/netns/{namespace}"]


def inside(namespace, function):
    """Calls `function` in a thread that lives in the namespace; sockets it makes stay there."""
    result = []

    def body():
        try:
            with open(f"/run/netns/{namespace}", "rb") as file:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
                    number = ctypes.get_errno()
                    raise OSError(number, f"cannot enter {namespace}: {os.strerror(number)}")
            result.append((function(), None))
        except Exception as error:  # handed to the caller's thread
            result.append((None, error))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    value, error = result[0]
    if error is not None:
        raise error
    return value
