"""A port without a kernel below it: AF_PACKET on a veth end that has no addresses and whose kernel
hears nothing of it, and a tap that has them. ARP, neighbour discovery, ICMP, fragments and TCP go
through the tap, queries are answered by the poll process; neither disturbs the other. Root.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import threading
import time

import dns.flags
import dns.message
import dns.query
import fast_client
import pytest
from conftest import open_folder
from holdfast_node import needs_programs, until
from metal_site import TAP, MetalNode, metal_pair, netpair, tap_with_addresses
from scapy.layers.inet import ICMP, IP, UDP, fragment
from scapy.layers.l2 import Ether
from watch import report

pytestmark = [needs_programs, pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")]

ZONE = ("$ORIGIN a.test.\n$TTL 300\n@ IN SOA ns1 h 1 7200 900 1209600 60\n@ IN NS ns1\n"
        "ns1 IN A 192.0.2.53\nwww IN A 192.0.2.1\n" +
        "".join(f"mid IN TXT \"{n} {'x' * 200}\"\n" for n in range(5)) +
        "".join(f"big IN TXT \"{n} {'x' * 200}\"\n" for n in range(20)))
STREAM_OCTETS = 4 << 20
# Of the stream and of the queries together, less may be under way than the shortest ring on the way
# holds, so that nothing is lost however long a host keeps a core from us.
WINDOW_OCTETS = 32 << 10
QUERIES_AT_ONCE = 20_000
RATE, LOAD_SECONDS = 100_000, 5


class Site:
    def __init__(self, pair, node):
        self.pair, self.node = pair, node

    def client(self, function):
        return netpair.inside(self.pair.client, function)

    def server(self, function):
        return netpair.inside(self.pair.server, function)

    def make_socket(self, family, kind):
        return self.client(lambda: socket.socket(family, kind))

    def echo_stream(self, octets):
        """Whether they come back whole from an echo server behind the tap."""
        def limited():
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_OCTETS)
            made.settimeout(30)
            return made

        listener, way = self.server(limited), self.client(limited)
        listener.bind((self.pair.server4, 2222))
        listener.listen()
        sent, came = os.urandom(octets), bytearray()

        def echo():
            peer, _ = listener.accept()
            with peer:
                while piece := peer.recv(65536):
                    peer.sendall(piece)

        def write(way):
            way.sendall(sent)
            way.shutdown(socket.SHUT_WR)

        with listener:
            echoing = threading.Thread(target=echo)
            echoing.start()
            with way:
                way.connect((self.pair.server4, 2222))
                writing = threading.Thread(target=write, args=(way,))
                writing.start()
                while piece := way.recv(65536):
                    came.extend(piece)
                writing.join()
            echoing.join()
        return bytes(came) == sent

    def ping(self, address, count=3):
        return subprocess.run(
            [*netpair.enter_command(self.pair.client), "ping", "-n", "-c", str(count), "-i", "0.2",
             "-W", "2", address], capture_output=True, text=True, timeout=30, check=False)

    def ask(self, address, name="www.a.test.", kind="A", way=dns.query.udp):
        query = dns.message.make_query(name, kind)
        return self.client(lambda: way(query, address, timeout=5))


@pytest.fixture(name="site", scope="module")
def fixture_site():
    with open_folder() as folder, contextlib.ExitStack() as stack:
        pair = stack.enter_context(metal_pair())
        site = Site(pair, MetalNode(pair, folder, {"a.test": (ZONE, [])}))
        assert site.ping(pair.server4, 1).returncode != 0  # nobody is there yet
        stack.callback(site.node.close)
        site.node.start()
        until(lambda: site.ping(pair.server4, 1).returncode == 0)
        yield site


def test_conf_L16_conf_L17_arp_neighbour_discovery_and_ping(site):
    for address in (site.pair.server4, site.pair.server6):
        done = site.ping(address)
        assert done.returncode == 0 and " 0% packet loss" in done.stdout, done
        shown = netpair.ip("-n", site.pair.client, "neigh", "show", address)
        assert site.pair.server_mac in shown, shown


def test_queries_are_answered_by_the_poll_process_and_tcp_by_sockets(site):
    before = site.node.counted()
    for address in (site.pair.server4, site.pair.server6):
        for way in (dns.query.udp, dns.query.tcp):
            reply = site.ask(address, way=way)
            assert [str(one) for one in reply.answer[0]] == ["192.0.2.1"]
        assert len(site.ask(address, "big.a.test.", "TXT", dns.query.tcp).answer[0]) == 20
    after = site.node.counted()
    assert after["queries"] - before["queries"] == 2
    assert after["to_kernel"] > before["to_kernel"]
    assert after["from_kernel"] > before["from_kernel"]


def test_conf_L10_a_fragmented_query_is_put_together_by_the_kernel(site):
    query = dns.message.make_query("www.a.test.", "A", use_edns=0, pad=512)
    packet = (IP(src=site.pair.client4, dst=site.pair.server4, id=77) /
              UDP(sport=5353, dport=53) / query.to_wire())
    frames = [bytes(Ether(src=site.pair.client_mac, dst=site.pair.server_mac) / part)
              for part in fragment(packet, fragsize=256)]
    assert len(frames) > 1

    def ask():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard, \
                socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as way:
            heard.bind((site.pair.client4, 5353))
            heard.settimeout(5)
            way.bind((netpair.CLIENT_INTERFACE, 0))
            for frame in frames:
                way.send(frame)
            return dns.message.from_wire(heard.recv(4096))

    assert [str(one) for one in site.client(ask).answer[0]] == ["192.0.2.1"]


def test_conf_L18_a_closed_port_is_said_to_be_unreachable(site):
    def ask():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            way.settimeout(5)
            way.connect((site.pair.server4, 54))
            way.send(b"?")
            with pytest.raises(ConnectionRefusedError):
                way.recv(100)

    site.client(ask)


def test_a_stream_and_queries_do_not_disturb_each_other(site):
    """Both ways at once: an echoed stream beside queries as fast as they are answered."""
    whole = []
    thread = threading.Thread(target=lambda: whole.append(site.echo_stream(STREAM_OCTETS)))
    before = site.node.counted()
    began, asked = time.monotonic(), 0
    thread.start()
    with fast_client.Client(site.pair.server4, 53, site.make_socket) as client:
        query = fast_client.packet("www.a.test")
        while thread.is_alive() or asked < QUERIES_AT_ONCE:
            asked += sum(1 for _ in client.ask([query] * 1000))
            assert time.monotonic() - began < 60
    thread.join()
    assert whole == [True]
    after = site.node.counted()
    assert after["queries"] - before["queries"] == asked  # each of them once: none was repeated
    assert after["exception_full"] == before["exception_full"]
    report("exception-path", round(asked / (time.monotonic() - began)),
           "queries/s",
           f"all answered, beside a stream of {STREAM_OCTETS >> 20} MiB both ways, whole")


def test_conf_L13_a_forged_path_mtu_message_makes_no_fragments(site):
    """Replies over DPDK and from the sockets behind the tap are whole and marked "do not fragment",
    whatever an ICMP message says of the way back."""
    query = dns.message.make_query("mid.a.test.", "TXT", use_edns=0, payload=1232)
    back = IP(src=site.pair.server4, dst=site.pair.client4) / UDP(sport=53, dport=5353)
    forged = bytes(Ether(src=site.pair.client_mac, dst=site.pair.server_mac) /
                   IP(src=site.pair.client4, dst=site.pair.server4) /
                   ICMP(type=3, code=4, nexthopmtu=576) / (bytes(back) + b"x" * 600))

    def ask():
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)) as wire, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            wire.bind((netpair.CLIENT_INTERFACE, 0x0800))
            wire.settimeout(5)
            way.bind((site.pair.client4, 5353))
            way.settimeout(5)
            for _ in range(3):
                wire.send(forged)
            way.sendto(query.to_wire(), (site.pair.server4, 53))
            reply = dns.message.from_wire(way.recv(4096))
            seen = []
            while not seen:
                frame = Ether(wire.recv(4096))
                if IP in frame and frame[IP].src == site.pair.server4 and frame[IP].proto == 17:
                    seen.append((str(frame[IP].flags), frame[IP].frag, frame[IP].len))
            return reply, seen[0]

    reply, (flags, offset, octets) = site.client(ask)
    assert len(reply.answer[0]) == 5 and not reply.flags & dns.flags.TC
    assert flags == "DF" and offset == 0 and octets > 1000


@pytest.mark.skipif(shutil.which("dnsperf") is None, reason="needs dnsperf")
def test_everything_else_goes_on_beside_many_queries(site, tmp_path):
    """dnsperf at RATE queries a second, or what this machine makes of it."""
    (tmp_path / "queries").write_text("www.a.test A\n")
    load = subprocess.Popen(
        [*netpair.enter_command(site.pair.client), "dnsperf", "-s", site.pair.server4, "-d",
         tmp_path / "queries", "-l", str(LOAD_SECONDS), "-Q", str(RATE), "-q", "200"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    streams = tcp = pings = 0
    try:
        netpair.ip("-n", site.pair.client, "neigh", "flush", "all")
        while load.poll() is None:
            assert site.echo_stream(1 << 20)
            streams += 1
            assert len(site.ask(site.pair.server6, "big.a.test.", "TXT",
                                dns.query.tcp).answer[0]) == 20
            tcp += 1
            done = site.ping(site.pair.server6, 5)
            assert " 0% packet loss" in done.stdout, done
            pings += 5
    finally:
        said = load.communicate(timeout=30)[0]
    rate = float(re.search(r"Queries per second: +([0-9.]+)", said)[1])
    lost = int(re.search(r"Queries lost: +([0-9]+)", said)[1])
    assert streams > 1
    report("exception-path-load", round(rate), "queries/s",
           f"{lost} lost; beside them {streams} streams of 1 MiB both ways, {tcp} answers by TCP, "
           f"{pings} pings, none lost")


def test_a_kernel_interface_that_goes_is_noticed_and_taken_again(site):
    def reader():
        return next((one["pid"] for one in site.node.status()["readers"]
                     if one["role"] == "dataplane"), 0)

    killed = reader()
    netpair.ip("-n", site.pair.server, "link", "del", TAP)
    until(lambda: f"its kernel interface {TAP} is gone" in site.node.log())
    tap_with_addresses(site.pair)
    until(lambda: reader() not in (0, killed), seconds=60)
    until(lambda: site.ping(site.pair.server6, 1).returncode == 0)
    assert [str(one) for one in site.ask(site.pair.server6).answer[0]] == ["192.0.2.1"]
