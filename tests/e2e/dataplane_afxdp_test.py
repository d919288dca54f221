"""holdfast-dataplane over AF_XDP and AF_PACKET on a veth pair: answers, steering, start, stop, and
every way in which the ground is taken from under it. Real tables, no control process. Root.
"""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "lib"))
import netpair  # noqa: E402

BUILD = Path(os.environ.get("HOLDFAST_BUILD", ROOT / "build"))
DATAPLANE = BUILD / "tools" / "holdfast-dataplane"
PUBLISH = BUILD / "tests" / "e2e" / "publish_tables"
PATIENCE_SECONDS = 15
SOL_PACKET, PACKET_AUXDATA, ETH_P_ALL = 263, 8, 3  # of <linux/if_packet.h>, not in socket

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root"),
    pytest.mark.skipif(not DATAPLANE.exists(), reason="holdfast-dataplane is not built"),
]

FOREIGN_PROGRAM = """
#include <linux/bpf.h>
__attribute__((section("xdp"), used)) int somebodys(struct xdp_md* ctx) { return XDP_PASS; }
"""


class NoJournal:
    """The pair is taken down by the fixture; there is nothing to write down."""

    @staticmethod
    def add(_kind, **_parameters):
        return None


@pytest.fixture
def pair():
    made = netpair.Pair(f"dp{os.getpid()}")
    try:
        made.create(NoJournal)
        yield made
    finally:
        for namespace in (made.server, made.client):
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)


@pytest.fixture
def run_dir(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    publish(folder)
    return folder


def publish(folder, address="192.0.2.101"):
    subprocess.run([PUBLISH, folder, address], check=True, timeout=30)


def command(pair, run_dir, *more, port="net_af_xdp0,iface=s0", before=(), lcores="0"):
    return [*netpair.enter_command(pair.server), *before, DATAPLANE, "--run-dir", run_dir,
            "--port", port, "--address", pair.server4, "--address", pair.server6,
            "--lcores", lcores, "--no-huge", "--memory-mb", "128",
            "--file-prefix", f"hf-e2e-{os.getpid()}", *more]


@contextlib.contextmanager
def started(words):
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stderr.close()


@contextlib.contextmanager
def dataplane(pair, run_dir, *more, **options):
    """A data plane that answers."""
    with started(command(pair, run_dir, *more, **options)) as process:
        wait_for(lambda: process.poll() is not None or answers(pair), "the first answer")
        assert process.poll() is None, process.stderr.read()
        yield process


def refused(words, status=1):
    """Runs it to its end, which must be a failure with this status, and returns its words."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_SECONDS,
                          check=False)
    assert done.returncode == status, done
    return done.stderr


def wait_for(condition, what, seconds=PATIENCE_SECONDS):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come within {seconds} s")


def ask(pair, name="a.test.", rdtype="A", server=None, timeout=1.0, **options):
    """The reply, or None when none came in time or the port was refused."""
    query = dns.message.make_query(name, rdtype, **options)
    with contextlib.suppress(dns.exception.Timeout, ConnectionRefusedError):
        return netpair.inside(pair.client, lambda: dns.query.udp(
            query, server or pair.server4, timeout=timeout))
    return None


def answers(pair, **options):
    reply = ask(pair, timeout=0.2, **options)
    return reply is not None and bool(reply.answer)


def rdata(reply):
    return [item.to_text() for rrset in reply.answer for item in rrset]


def xdp_program(pair):
    """What `ip` says of the program on s0, or None."""
    (link,) = json.loads(netpair.ip("-j", "-d", "-n", pair.server, "link", "show", "s0"))
    return link.get("xdp", {}).get("prog")


def steer_counters(pair):
    """Sums over the processors, by place."""
    program = json.loads(netpair.call("bpftool", "-j", "prog", "show", "id",
                                      str(xdp_program(pair)["id"])))
    for number in program["map_ids"]:
        found = json.loads(netpair.call("bpftool", "-j", "map", "show", "id", str(number)))
        if found["name"] == "hf_counters":
            rows = json.loads(netpair.call("bpftool", "-j", "map", "dump", "id", str(number)))
            return [sum(int.from_bytes(bytes(int(octet, 16) for octet in one["value"]), "little")
                        for one in row["values"]) for row in rows]
    raise AssertionError("no counters")


@contextlib.contextmanager
def kernel_responder(pair):
    """Somebody behind a kernel socket on UDP 53 who answers NOTIMP, as Holdfast never does here."""
    stop = threading.Event()

    def serve():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.bind((pair.server4, 53))
            one.settimeout(0.05)
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    octets, client = one.recvfrom(512)
                    reply = dns.message.make_response(dns.message.from_wire(octets))
                    reply.set_rcode(dns.rcode.NOTIMP)
                    one.sendto(reply.to_wire(), client)

    thread = threading.Thread(target=lambda: netpair.inside(pair.server, serve))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def end(process, how=signal.SIGTERM):
    process.send_signal(how)
    status = process.wait(PATIENCE_SECONDS)
    return status, process.stderr.read()


def test_it_answers_over_both_families_and_leaves_the_rest_to_the_kernel(pair, run_dir):
    with dataplane(pair, run_dir) as process:
        # A query that asked whether it is up may have come before our addresses were in the map.
        before = steer_counters(pair)
        assert rdata(ask(pair, "a.test.", "A")) == ["192.0.2.101"]
        assert rdata(ask(pair, "www.test.", "AAAA", server=pair.server6)) == ["a.test.",
                                                                            "2001:db8::101"]
        edns = ask(pair, "a.test.", "A", use_edns=0, payload=1232)
        assert edns.edns == 0 and rdata(edns) == ["192.0.2.101"]
        missing = ask(pair, "missing.test.", "A")
        assert missing.rcode() == dns.rcode.NXDOMAIN and len(missing.authority) == 1
        assert ask(pair, "big.test.", "TXT").flags & dns.flags.TC
        # ICMP, TCP and other UDP ports are the kernel's, which has nobody listening.
        for address in (pair.server4, pair.server6):
            netpair.call(*netpair.enter_command(pair.client), "ping", "-c", "1", "-W", "2", address)

        def connect(kind, port):
            with socket.socket(socket.AF_INET, kind) as one:
                one.settimeout(2)
                one.connect((pair.server4, port))
                one.send(b"?")
                one.recv(1)

        for kind, port in ((socket.SOCK_STREAM, 53), (socket.SOCK_DGRAM, 54)):
            with pytest.raises(ConnectionRefusedError):
                netpair.inside(pair.client, lambda kind=kind, port=port: connect(kind, port))
        counted = [after - earlier for after, earlier in zip(steer_counters(pair), before)]
        steered, no_socket, _, not_udp, _, other_port, other_address, _ = counted
        assert steered >= 5 and not_udp >= 3 and other_port >= 1 and no_socket == 0
        assert other_address == 0
        status, words = end(process)
        assert (status, words) == (0, "")
    assert xdp_program(pair) is None


def test_other_addresses_of_the_interface_stay_with_the_kernel(pair, run_dir):
    netpair.ip("-n", pair.server, "addr", "add", "10.9.0.77/24", "dev", "s0")
    netpair.ip("-n", pair.client, "neigh", "replace", "10.9.0.77", "lladdr", pair.server_mac,
               "dev", "c0", "nud", "permanent")
    with dataplane(pair, run_dir):
        assert ask(pair, server="10.9.0.77") is None
        assert steer_counters(pair)[6] >= 1


def test_a_tagged_query_is_answered_on_its_vlan(pair, run_dir):
    query = dns.message.make_query("a.test.", "A")
    frame = bytes(Ether(dst=pair.server_mac, src=pair.client_mac) / Dot1Q(vlan=7, prio=3) /
                  IP(src=pair.client4, dst=pair.server4) / UDP(sport=5353, dport=53) /
                  query.to_wire())

    def exchange():
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as one:
            one.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            one.bind(("c0", 0))
            one.settimeout(PATIENCE_SECONDS)
            one.send(frame)
            while True:
                octets, control, _, sender = one.recvmsg(2048, 256)
                if sender[2] != socket.PACKET_OUTGOING and UDP in Ether(octets):
                    return octets, control

    with dataplane(pair, run_dir):
        octets, control = netpair.inside(pair.client, exchange)
    # The kernel takes the tag out of the frame and hands it over beside it.
    (tag,) = [struct.unpack_from("=HH", data, 16) for level, kind, data in control
              if (level, kind) == (SOL_PACKET, PACKET_AUXDATA)]
    assert tag == (3 << 13 | 7, 0x8100)
    reply = dns.message.from_wire(bytes(Ether(octets)[UDP].payload))
    assert reply.id == query.id and rdata(reply) == ["192.0.2.101"]


def test_partial_checksums_are_answered_only_where_the_port_trusts_them(pair, run_dir):
    netpair.call(*netpair.enter_command(pair.client), "ethtool", "-K", "c0", "tx", "on")
    with dataplane(pair, run_dir, "--trust-udp-checksum", "net_af_xdp0") as process:
        assert answers(pair) and answers(pair, server=pair.server6)
        assert end(process)[0] == 0
    with started(command(pair, run_dir)) as process:
        wait_for(lambda: xdp_program(pair), "the program")
        assert ask(pair) is None
        netpair.call(*netpair.enter_command(pair.client), "ethtool", "-K", "c0", "tx", "off")
        wait_for(lambda: answers(pair), "an answer to a whole checksum")
        assert process.poll() is None


def test_without_tables_it_neither_attaches_nor_answers(pair, tmp_path):
    words = refused(command(pair, tmp_path / "nowhere"), 3)
    assert "no tables to answer from" in words and "nowhere" in words
    assert xdp_program(pair) is None
    with started(command(pair, tmp_path, "--wait", "30")) as process:
        time.sleep(0.3)
        assert process.poll() is None and xdp_program(pair) is None
        publish(tmp_path)
        wait_for(lambda: answers(pair), "an answer")
    with started(command(pair, tmp_path / "nowhere", "--wait", "30")) as process:
        time.sleep(0.3)
        assert end(process) == (0, "")
    assert "after 1 s" in refused(command(pair, tmp_path / "nowhere", "--wait", "1"), 3)


def test_new_tables_are_answered_from_without_a_restart(pair, run_dir):
    with dataplane(pair, run_dir):
        publish(run_dir, "192.0.2.99")
        assert rdata(ask(pair)) == ["192.0.2.99"]


def test_after_a_kill_the_kernel_has_the_queries_and_a_restart_replaces_the_program(pair, run_dir):
    with dataplane(pair, run_dir) as process:
        end(process, signal.SIGKILL)
    stale = xdp_program(pair)
    assert stale["name"] == "hf_steer"
    with kernel_responder(pair):
        reply = wait_for(lambda: ask(pair), "an answer of the kernel's socket")
        assert reply.rcode() == dns.rcode.NOTIMP
        with dataplane(pair, run_dir):
            assert xdp_program(pair)["id"] != stale["id"]
            assert rdata(ask(pair)) == ["192.0.2.101"]


def test_anothers_program_is_named_and_left_alone(pair, run_dir, tmp_path):
    source, built = tmp_path / "other.c", tmp_path / "other.o"
    source.write_text(FOREIGN_PROGRAM)
    triplet = netpair.call("gcc", "-print-multiarch").strip()
    netpair.call("clang-19", "-O2", "-target", "bpf", f"-I/usr/include/{triplet}",
                 "-c", str(source), "-o", str(built))
    netpair.ip("-n", pair.server, "link", "set", "dev", "s0", "xdp", "obj", str(built),
               "section", "xdp")
    foreign = xdp_program(pair)
    words = refused(command(pair, run_dir))
    assert f"(id {foreign['id']})" in words and "not ours" in words
    assert "ip link set dev s0 xdp off" in words
    assert xdp_program(pair)["id"] == foreign["id"]


def test_a_second_process_on_the_interface_is_refused(pair, run_dir):
    with dataplane(pair, run_dir) as process:
        words = refused(command(pair, run_dir))
        assert "another process already steers interface s0" in words
        assert answers(pair) and process.poll() is None


def test_a_vanished_interface_ends_it_with_the_reason(pair, run_dir):
    with dataplane(pair, run_dir) as process:
        netpair.ip("-n", pair.server, "link", "del", "s0")
        assert process.wait(2) == 1
        assert "its interface s0 is gone" in process.stderr.read()


def test_a_program_taken_off_ends_it_with_the_reason(pair, run_dir):
    with dataplane(pair, run_dir) as process:
        netpair.ip("-n", pair.server, "link", "set", "dev", "s0", "xdp", "off")
        assert process.wait(2) == 1
        assert "XDP program was taken off s0" in process.stderr.read()


def test_a_stop_under_load_leaves_no_query_without_an_answer(pair, run_dir):
    """What is steered before the stop is answered, what comes later the kernel's socket has."""
    outcomes = []

    def load(stop):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.settimeout(1)
            one.connect((pair.server4, 53))
            query = dns.message.make_query("a.test.", "A").to_wire()
            while not stop.is_set():
                try:
                    one.send(query)
                    outcomes.append(dns.rcode.Rcode(one.recv(512)[3] & 15).name)
                except TimeoutError:
                    outcomes.append("silence")

    stop = threading.Event()
    thread = threading.Thread(target=lambda: netpair.inside(pair.client, lambda: load(stop)))
    with kernel_responder(pair), dataplane(pair, run_dir) as process:
        thread.start()
        wait_for(lambda: outcomes.count("NOERROR") > 200, "some load")
        assert end(process) == (0, "")
        wait_for(lambda: outcomes[-1] == "NOTIMP", "an answer of the kernel's socket")
        stop.set()
        thread.join()
    assert set(outcomes) == {"NOERROR", "NOTIMP"}
    assert outcomes.index("NOTIMP") == outcomes.count("NOERROR")  # one change, not a mixture


def test_a_port_answers_for_its_own_addresses_alone(pair, run_dir):
    """With two ports, of two queue counts, and the smallest burst."""
    words = [*netpair.enter_command(pair.server), DATAPLANE, "--run-dir", run_dir, "--lcores", "0",
             "--no-huge", "--memory-mb", "192", "--file-prefix", f"hf-e2e-{os.getpid()}",
             "--burst", "8",
             "--port", "net_af_xdp0,iface=s0", "--address", f"net_af_xdp0={pair.server4}",
             "--port", "net_null0,no-rx=1", "--address", f"net_null0={pair.server6}",
             "--queues", "net_null0=2"]
    with started(words) as process:
        wait_for(lambda: process.poll() is not None or answers(pair), "the first answer")
        assert process.poll() is None, process.stderr.read()
        assert ask(pair, server=pair.server6) is None
        assert steer_counters(pair)[6] >= 1  # other_address: the kernel's
        assert end(process) == (0, "")


def test_without_its_rights_it_says_which(pair, run_dir):
    drop = ("setpriv", "--bounding-set", "-net_admin,-net_raw,-sys_admin")
    words = refused(command(pair, run_dir, before=drop))
    assert "lacks CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN" in words and "setcap" in words
    words = refused(command(pair, run_dir, before=drop, port="net_af_packet0,iface=s0"))
    assert "lacks CAP_NET_RAW" in words and "setcap" in words


@pytest.mark.parametrize("arguments, status, reason", [
    (["--port", "net_af_xdp0,iface=nowhere"], 1, "no network interface nowhere"),
    (["--port", "0000:ff:1f.7"], 1, "no PCI device 0000:ff:1f.7"),
    (["--port", "net_af_xdp0,iface=s0,xdp_prog=/tmp/x.o"], 2, "Holdfast brings its own"),
    (["--port", "eth0"], 2, "expected a PCI address"),
    (["--port", "net_null0", "--queues", "64", "--memory-mb", "64"], 1, "--memory-mb"),
    (["--port", "net_nosuchdriver0"], 1, "net_nosuchdriver0"),
    (["--port", "net_null0", "--eal=--no-such-option"], 2, "DPDK does not start"),
    (["--port", "net_null0", "--lcores", "777"], 2, "CPU 777"),
    (["--port", "net_null0", "--lcores", "0,1"], 2, "2 polling cores for 1 queues"),
    (["--port", "net_null0", "--trust-udp-checksum", "net_null1"], 2, "no port has this name"),
    (["--port", "net_null0", "--kernel-interface", "net_null1=t0"], 2, "no port has the name"),
    (["--port", "net_null0", "--kernel-interface", "t0"], 2, "the name of a tap"),
    (["--port", "net_null0", "--kernel-interface", "net_null0="], 2, "the name of a tap"),
    (["--port", "net_null0", "--kernel-interface", "net_null0=nowhere"], 1,
     "no tap interface nowhere"),
    (["--port", "net_null0", "--kernel-interface", "net_null0=lo"], 2, "no tap interface lo"),
    (["--port", "net_af_xdp0,iface=s0", "--kernel-interface", "net_af_xdp0=t0"], 2,
     "AF_XDP leaves to the kernel"),
    (["--port", "net_null0", "--address", "192.0.2.0/24"], 2, "without a prefix"),
    (["--port", "net_null0", "--queues", "0"], 2, "--queues 0: expected a number from 1 to 64"),
    (["--port", "net_null0", "--queues", "net_null0=65"], 2, "expected a number from 1 to 64"),
    (["--port", "net_null0", "--queues", "net_null1=1"], 2, "no port has the name net_null1"),
    (["--port", "net_null0", "--descriptors", "1000"], 2,
     "--descriptors 1000: expected a power of two from 64 to 4096"),
    (["--port", "net_null0", "--address", "net_null1=192.0.2.1"], 2, "no port has the name"),
    (["--port", "net_null0", "--port", "net_null0,copy=1"], 2, "another port has the name"),
    (["--port", "net_null0", "--burst", "33"], 2, "--burst"),
    (["--port", "net_null0", "--memory-mb", "63"], 2, "--memory-mb"),
    (["--queues", "1"], 2, "--port is required"),
])
def test_a_wrong_start_gets_one_clear_sentence(pair, run_dir, arguments, status, reason):
    words = [*netpair.enter_command(pair.server), DATAPLANE, "--run-dir", run_dir, "--address",
             "192.0.2.53", "--no-huge", "--file-prefix", f"hf-e2e-{os.getpid()}", *arguments]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, done
    assert reason in done.stderr
    assert "--help" in done.stderr or done.stderr.startswith("holdfast-dataplane: ")


def test_without_hugepages_it_says_how_many_are_free(pair, run_dir):
    words = [word for word in command(pair, run_dir) if word != "--no-huge"]
    words[words.index("--memory-mb") + 1] = "1000000"
    assert "nr_hugepages" in refused(words)


def test_it_answers_over_af_packet_too(pair, run_dir):
    pair.hide_udp53_from_server_kernel()
    with dataplane(pair, run_dir, port="net_af_packet0,iface=s0,qdisc_bypass=1") as process:
        assert rdata(ask(pair)) == ["192.0.2.101"]
        assert rdata(ask(pair, "a.test.", "AAAA", server=pair.server6)) == ["2001:db8::101"]
        assert end(process) == (0, "")
