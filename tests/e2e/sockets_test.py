"""holdfast-sockets over loopback as a client sees it: both transports, both families, EDNS.

The sockets are bound here and passed as descriptors, as the supervisor does; the tables are
published by tests/dataplane/listen_fixture.
"""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("HOLDFAST_BUILD", ROOT / "build"))
ADDRESSES = ("127.0.0.1", "::1")
HOSTS = 300
TIMEOUT = 5


def listeners():
    """UDP and TCP on one port of both loopback addresses."""
    for _ in range(50):
        bound = []
        port = 0
        try:
            for address in ADDRESSES:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    sock = socket.socket(family, kind)
                    bound.append(sock)
                    sock.bind((address, port))
                    port = sock.getsockname()[1]
                    if kind == socket.SOCK_STREAM:
                        sock.listen(256)
            return port, bound
        except OSError:  # somebody else has the port on another address: take a new one
            for sock in bound:
                sock.close()
    raise RuntimeError("no port is free on all loopback addresses")


def start(run_dir, socks, *arguments):
    """holdfast-sockets with `socks` from descriptor 3 on; its pid."""
    high = [os.dup(sock.fileno()) for sock in socks]
    # Through numbers that no passed one lands on.
    first = max(high) + len(high) + 3
    actions = []
    for i, fd in enumerate(high):
        actions.append((os.POSIX_SPAWN_DUP2, fd, first + i))
    for i in range(len(high)):
        actions.append((os.POSIX_SPAWN_DUP2, first + i, 3 + i))
        actions.append((os.POSIX_SPAWN_CLOSE, first + i))
    program = str(BUILD / "tools" / "holdfast-sockets")
    pid = os.posix_spawn(program, [program, "--run-dir", run_dir, *arguments],
                         {"LISTEN_FDS": str(len(high))}, file_actions=actions)
    for fd in high:
        os.close(fd)
    return pid


def wait_exit(pid, seconds=TIMEOUT):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError("did not end")


@pytest.fixture(scope="module")
def tables():
    fixture = subprocess.Popen([BUILD / "tests" / "dataplane" / "listen_fixture", str(HOSTS)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield fixture.stdout.readline().strip()
    fixture.stdin.close()
    assert fixture.wait(TIMEOUT) == 0


@pytest.fixture(scope="module")
def server(tables):
    port, socks = listeners()
    pid = start(tables, socks, "--threads", "2")
    yield port
    os.kill(pid, signal.SIGTERM)
    assert wait_exit(pid) == 0
    for sock in socks:
        sock.close()


def ask(port, address, transport, name, rdtype="A", edns_version=None, **options):
    query = dns.message.make_query(name, rdtype, **options)
    if edns_version is not None:
        query.use_edns(edns_version)
    way = {"udp": dns.query.udp, "tcp": dns.query.tcp}[transport]
    return way(query, address, port=port, timeout=TIMEOUT)


def octets(port, address, transport, query):
    """The reply as it came."""
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as sock:
        sock.settimeout(TIMEOUT)
        sock.connect((address, port))
        if transport == "udp":
            sock.sendall(query)
            return sock.recv(65535)
        sock.sendall(len(query).to_bytes(2, "big") + query)
        with sock.makefile("rb") as stream:
            return stream.read(int.from_bytes(stream.read(2), "big"))


ways = pytest.mark.parametrize("transport", ["udp", "tcp"])
addresses = pytest.mark.parametrize("address", ADDRESSES)


@ways
@addresses
def test_answers_addresses_with_authority(server, address, transport):
    for rdtype, text in (("A", "192.0.2.1"), ("AAAA", "2001:db8::1")):
        reply = ask(server, address, transport, "www.listen.test", rdtype)
        assert reply.rcode() == dns.rcode.NOERROR
        assert reply.flags & dns.flags.AA
        assert [rdata.to_text() for rdata in reply.answer[0]] == [text]


@ways
@addresses
@pytest.mark.parametrize("name, rdtype, rcode", [
    ("no.listen.test", "A", dns.rcode.NXDOMAIN),
    ("www.listen.test", "MX", dns.rcode.NOERROR),
])
def test_answers_what_is_not_there_with_the_soa(server, address, transport, name, rdtype, rcode):
    reply = ask(server, address, transport, name, rdtype)
    assert reply.rcode() == rcode
    assert not reply.answer
    assert [(rrset.name.to_text(), rrset.rdtype) for rrset in reply.authority] == [
        ("listen.test.", dns.rdatatype.SOA)]


@ways
@addresses
def test_refuses_names_of_others(server, address, transport):
    assert ask(server, address, transport, "www.example").rcode() == dns.rcode.REFUSED


@ways
@addresses
def test_speaks_edns_only_to_who_does(server, address, transport):
    plain = ask(server, address, transport, "www.listen.test", use_edns=False)
    assert plain.edns == -1
    edns = ask(server, address, transport, "www.listen.test", use_edns=0, payload=4096)
    assert (edns.edns, edns.payload) == (0, 1232)
    future = ask(server, address, transport, "www.listen.test", edns_version=1)
    assert future.rcode() == dns.rcode.BADVERS


@addresses
@pytest.mark.parametrize("payload", [None, 512, 1232, 65535])
def test_sends_a_long_answer_whole_over_tcp_and_says_so_over_udp(server, address, payload):
    options = {"use_edns": False} if payload is None else {"use_edns": 0, "payload": payload}
    short = ask(server, address, "udp", "big.listen.test", "TXT", **options)
    assert short.flags & dns.flags.TC
    assert len(short.to_wire()) <= min(payload or 512, 1232)
    whole = ask(server, address, "tcp", "big.listen.test", "TXT", **options)
    assert not whole.flags & dns.flags.TC
    assert sum(len(rdata.to_digestable()) for rdata in whole.answer[0]) == 60_000


def test_gives_the_same_octets_on_every_way_in(server):
    names = [f"h{i}.listen.test" for i in range(HOSTS)] + ["no.listen.test", "www.example"]
    for i, name in enumerate(names):
        query = dns.message.make_query(name, "A", use_edns=0 if i % 2 else False)
        replies = set()
        for address in ADDRESSES:
            for transport in ("udp", "tcp"):
                replies.add(octets(server, address, transport, query.to_wire()))
        assert len(replies) == 1, name


@addresses
def test_answers_pipelined_queries_on_one_connection(server, address):
    queries = [dns.message.make_query(f"h{i}.listen.test", "A", id=i) for i in range(HOSTS)]
    with socket.create_connection((address, server), timeout=TIMEOUT) as connection:
        wire = b"".join(len(q.to_wire()).to_bytes(2, "big") + q.to_wire() for q in queries)
        connection.sendall(wire)
        for query in queries:
            reply, _ = dns.query.receive_tcp(connection, time.time() + TIMEOUT)
            assert query.is_response(reply)
            assert reply.answer[0][0].address == f"192.0.{query.id >> 8}.{query.id & 255}"


def test_ends_with_zero_and_hands_the_sockets_on(tables):
    port, socks = listeners()
    for _ in range(3):
        pid = start(tables, socks)
        assert ask(port, "127.0.0.1", "udp", "www.listen.test").answer
        assert ask(port, "127.0.0.1", "tcp", "www.listen.test").answer
        os.kill(pid, signal.SIGTERM)
        assert wait_exit(pid) == 0
    for sock in socks:
        sock.close()
