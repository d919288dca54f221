"""TCP at its limits (RFC 9210 4.1): thousands of idle connections, readers and writers that are
slow or stop, resets, floods of half-open connections. The memory of holdfast-sockets stays bounded,
and a client that asks by UDP all the while gets every answer.
"""

import contextlib
import re
import resource
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import dns.message
import dns.query
import pytest
from holdfast_node import ADDRESSES, Node, needs_programs
from lab_site import ADDRESS4, DATAPLANE, lab, needs_lab, netpair
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from watch import Watch, report

CONNECTIONS = 10_000
CLIENTS = 200  # addresses, of which each may have 100 connections
IDLE_MB = 100  # what so many idle ones may cost
THREADS, HELD_MB = 2, 64  # of a thread, in what clients do not read
BASE_MB = 48
RATE, PATIENCE = 1000, 5.0  # of the client that asks by UDP
DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
SPOOFED = range(100, 200)  # hosts that send a SYN and nothing more
SYNS, PORTS = 50_000, 100
ZONE = ("$ORIGIN a.test.\n$TTL 300\n@ IN SOA ns1 h 1 7200 900 1209600 60\n@ IN NS ns1\n"
        "ns1 IN A 192.0.2.53\nwww IN A 192.0.2.1\n" +
        "".join(f"huge IN TXT \"{n:03} {'x' * 246}\"\n" for n in range(230)))
HUGE_OCTETS = 58_000
SOCKETS = (f"[sockets]\nthreads = {THREADS}\ntcp_max_connections = {CONNECTIONS}\n"
           "tcp_idle_ms = 300000\ntcp_total_ms = 600000\n")
PLAN = {"www.a.test": [["192.0.2.1"]]}

pytestmark = needs_programs


def framed(name, kind="A", ident=7):
    query = dns.message.make_query(f"{name}.a.test.", kind)
    query.id = ident
    wire = query.to_wire()
    return struct.pack(">H", len(wire)) + wire


def received(way):
    """One reply; b"" when the connection ended."""
    octets = b""
    while len(octets) < 2 or len(octets) < 2 + struct.unpack_from(">H", octets)[0]:
        piece = way.recv(65536)
        if not piece:
            return b""
        octets += piece
    return octets[2:]


def resident_mb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) >> 10


def kernel_mb():
    """What the kernel has for sockets: slabs of TCP connections and of files, and buffers."""
    caches = dict.fromkeys(("TCP", "sock_inode_cache", "filp", "dentry"), 0)
    for line in Path("/proc/slabinfo").read_text().splitlines()[2:]:
        name, active, _, octets, *_ = line.split()
        if name in caches:
            caches[name] = int(active) * int(octets)
    pages = re.search(r"TCP: .* mem (\d+)", Path("/proc/net/sockstat").read_text())[1]
    return (sum(caches.values()) + int(pages) * resource.getpagesize()) >> 20


class Crowd:
    """TCP connections from many addresses of loopback."""

    def __init__(self, port):
        self.port, self.ways = port, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for way in self.ways:
            way.close()

    def connect(self, receive_octets=0):
        way = socket.socket()
        if receive_octets:
            way.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_octets)
        way.settimeout(30)
        number = len(self.ways) % CLIENTS
        way.bind((f"127.1.{number >> 7}.{number % 128 + 1}", 0))
        way.connect((ADDRESSES[0], self.port))
        self.ways.append(way)
        return way


@pytest.fixture(name="node")
def fixture_node(make_one):
    return make_one.node({"a.test": (ZONE, [])}, tail=SOCKETS).start()


@contextlib.contextmanager
def watched(address, port, inside=(), lost_percent=0):
    """By UDP nothing is lost while it lasts, or no more than that."""
    with Watch(address, port, PLAN, RATE, PATIENCE, inside) as watch:
        yield watch
    assert watch.total("lost") * 100 <= lost_percent * watch.total("asked"), watch.figures


def counters(node):
    return next(reader["counters"] for reader in node.status()["readers"]
                if reader["role"] == "sockets")


def holds(node, pid, condition, seconds=30.0):
    """Waits for a condition of the counters; the most memory that was resident meanwhile."""
    most, deadline = 0, time.monotonic() + seconds
    while not condition(now := counters(node)):
        most = max(most, resident_mb(pid))
        assert time.monotonic() < deadline, now
        time.sleep(0.05)
    return max(most, resident_mb(pid))


@needs_lab[0]  # root: what the kernel has is for its eyes
@pytest.mark.skipif(DESCRIPTORS < CONNECTIONS + 500, reason="needs 10,500 descriptors")
def test_conf_C08_ten_thousand_idle_connections_cost_little_and_answer_on(node):
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    pid, query = node.pid("sockets"), framed("www")
    before, kernel_before = resident_mb(pid), kernel_mb()
    with watched(ADDRESSES[0], node.port) as watch, Crowd(node.port) as crowd:
        for _ in range(CONNECTIONS):
            crowd.connect().sendall(query)
        replies = {received(way) for way in crowd.ways}
        watch.mark("idle", 2)
        idle, kernel = resident_mb(pid), kernel_mb()
        found = counters(node)
        assert found["tcp_open"] == CONNECTIONS and not found["tcp_held_octets"], found
        assert found["tcp_refused_total"] == found["tcp_closed_limit"] == 0, found
        for way in crowd.ways:
            way.sendall(query)
        assert {received(way) for way in crowd.ways} == replies and len(replies) == 1
    assert idle - before <= IDLE_MB, (before, idle)
    report("tcp-idle", idle - before, "MB",
           f"resident for {CONNECTIONS:,} idle connections of holdfast-sockets "
           f"({before} MB without them), {kernel - kernel_before} MB in the kernel for both ends; "
           f"all answered again, {watch.total('answered')} answers by UDP meanwhile, none lost")


@needs_lab[0]
def test_conf_C08_slow_readers_slow_writers_and_resets_bound_memory_and_leave_udp_alone(node):
    pid = node.pid("sockets")
    before, kernel, most = resident_mb(pid), kernel_mb(), {}
    with watched(ADDRESSES[0], node.port) as watch:
        watch.mark("alone", 1)
        # Each asks for 6 MB in all and reads none of it.
        watch.mark("readers")
        with Crowd(node.port) as crowd:
            query = b"".join(framed("huge", "TXT", number) for number in range(100))
            for _ in range(400):
                crowd.connect(receive_octets=4096).sendall(query)
            most["slow readers"] = holds(node, pid,
                                         lambda now: now["tcp_closed_memory"] > 0)
            kernel = kernel_mb() - kernel
            # Who reads at last gets what was sent whole; who was given up sees the end.
            whole = sum(len(read_slowly(way)) >= HUGE_OCTETS for way in crowd.ways)
            assert 0 < whole < len(crowd.ways)
        watch.mark("writers")
        with Crowd(node.port) as crowd:
            for _ in range(2000):
                crowd.connect().sendall(b"\xff\xff" + framed("www")[2:])
            for _ in range(5):
                for way in crowd.ways:
                    with contextlib.suppress(OSError):
                        way.sendall(b"\0" * 1000)
            most["slow writers"] = holds(node, pid,
                                         lambda now: now["tcp_held_octets"] > 2000 * 3000)
        watch.mark("resets")
        resets = counters(node)["tcp_closed_by_client"]
        for turn in range(5):
            with Crowd(node.port) as crowd:
                for _ in range(400):
                    way = crowd.connect()
                    way.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    way.sendall(framed("huge", "TXT")[:None if turn % 2 else 9])
        most["resets"] = holds(node, pid, lambda now:
                               now["tcp_closed_by_client"] - resets >= 2000 and
                               now["tcp_open"] == 0 and now["tcp_held_octets"] == 0)
        with Crowd(node.port) as crowd:
            crowd.connect().sendall(framed("huge", "TXT"))
            assert len(received(crowd.ways[0])) > HUGE_OCTETS
    assert max(most.values()) <= BASE_MB + THREADS * HELD_MB, (before, most)
    report("tcp-slow", max(most.values()), "MB",
           f"resident at most ({before} before): {most}, {kernel} MB in the kernel for the slow "
           f"readers; {watch.total('answered')} answers by UDP meanwhile, none lost, longest "
           f"silence {watch.figures['readers']['longest_ms']} ms beside slow readers, "
           f"{watch.figures['alone']['longest_ms']} ms alone")


def read_slowly(way):
    """Its first reply, 4 kB at a time; less when the connection was reset."""
    octets = b""
    with contextlib.suppress(OSError):
        while len(octets) < HUGE_OCTETS and (piece := way.recv(4096)):
            octets += piece
    return octets


# ---- half-open connections ----------------------------------------------------------------------

def syn_frames():
    """SYNs of hosts that never answer, each from a port of its own."""
    for host in SPOOFED:
        frame = bytes(Ether(src=netpair.Pair.client_mac, dst=netpair.Pair.server_mac) /
                      IP(src=netpair.Pair.address4(host), dst=ADDRESS4) /
                      TCP(sport=0, dport=53, flags="S", seq=host))
        (checksum,) = struct.unpack_from(">H", frame, 50)
        for port in range(1024, 1024 + PORTS):
            total = (~checksum & 0xffff) + port  # RFC 1624
            total = ~((total & 0xffff) + (total >> 16)) & 0xffff
            yield frame[:34] + struct.pack(">H", port) + frame[36:50] + \
                struct.pack(">H", total) + frame[52:]


@pytest.mark.skipif(any(mark.args[0] for mark in needs_lab), reason="needs a lab")
@pytest.mark.parametrize("io", ["sockets", "af_xdp"])
def test_conf_C08_a_flood_of_half_open_connections_leaves_udp_and_tcp_alone(tmp_path, io):
    frames = list(syn_frames())
    node = Node(tmp_path, {"a.test": (ZONE, [])}, tail=SOCKETS + DATAPLANE)
    with lab(node.config, io) as site:
        pid = site.pid("sockets")
        for host in SPOOFED:  # where the kernel's replies go, and end
            netpair.ip("-n", site.client.replace("-cli", "-srv"), "neigh", "replace",
                       netpair.Pair.address4(host), "lladdr", netpair.Pair.client_mac, "dev",
                       netpair.SERVER_INTERFACE)
        before, asked, half_open = resident_mb(pid), 0, 0
        # The link has a queue of 1,000 frames, which the flood itself may fill on a busy machine.
        with watched(ADDRESS4, 53, site.enter(), lost_percent=1) as watch:
            watch.mark("alone", 1)
            watch.mark("flood")
            flood = threading.Thread(target=lambda: site.inside(lambda: send_all(frames)))
            flood.start()
            while flood.is_alive() or not asked:
                query = dns.message.make_query("huge.a.test.", "TXT")
                reply = site.inside(lambda q=query: dns.query.tcp(q, ADDRESS4, timeout=10))
                assert len(reply.answer[0]) == 230
                asked += 1
                half_open = max(half_open, count_half_open(site))
            flood.join()
            after = resident_mb(pid)
        assert half_open > 1000
        assert after - before <= 16, (before, after)
        report(f"tcp-half-open-{io}", SYNS, "SYNs",
               f"without an ACK, {half_open} half open at a time: {asked} answers by TCP and "
               f"{watch.total('answered')} by UDP meanwhile, {watch.total('lost')} lost; "
               f"{before} MB resident before, {after} after")


def send_all(frames):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((netpair.CLIENT_INTERFACE, 0))
        for number in range(SYNS):
            with contextlib.suppress(OSError):  # the queue is full
                wire.send(frames[number % len(frames)])


def count_half_open(site):
    done = subprocess.run(
        [*netpair.enter_command(site.client.replace("-cli", "-srv")), "ss", "-Hnt", "state",
         "syn-recv"], capture_output=True, text=True, timeout=30, check=True)
    return len(done.stdout.splitlines())
