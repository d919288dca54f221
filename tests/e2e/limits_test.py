"""Rates, access rules and sizes without a cookie, on every way in: what a flood gets, what an
honest client beside it gets, and what a reload changes.
"""

import socket
import subprocess
import time

import dns.message
import dns.query
import dns.rcode
import pytest
from holdfast_node import ADDRESSES, Node, needs_programs, until
from lab_site import ADDRESS4, ADDRESS6, DATAPLANE, lab, needs_lab

pytestmark = needs_programs

ORIGIN = "limit.test"
TEXT = " ".join(f'"{"t" * 200}"' for _ in range(4))
ZONE = f"""$ORIGIN {ORIGIN}.
@   3600 IN SOA ns1 hostmaster 7 7200 900 1209600 120
@   300  IN NS  ns1
ns1 300  IN A   192.0.2.53
www 300  IN A   192.0.2.80
big 300  IN TXT {TEXT}
"""
ZONES = {ORIGIN: (ZONE, [])}
RATE = "[rate_limit]\nanswers_per_second = 20\nburst = 50\nipv6_prefix = 64\n"
WWW = f"www.{ORIGIN}"
FLOOD = 2000
OTHER = "10.9.0.77"  # a second address of the lab's client


@pytest.fixture(name="node")
def fixture_node(make_one):
    node = make_one.node(ZONES)
    node.start()
    return node


def reload(node, tail):
    node.tail = tail
    node.write_config()
    return node.call("reload")


def counted(status, name):
    return sum(reader["counters"].get(name, 0) for reader in status["readers"])


def plain_socket(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.socket(family, socket.SOCK_DGRAM)


def flood(client, address, port, message, times=FLOOD):
    """Sends so many at a pace that no buffer on the way overflows; gives the replies."""
    client.settimeout(0.3)
    replies = []
    for at in range(0, times, 50):
        for _ in range(min(50, times - at)):
            client.sendto(message, (address, port))
        deadline = time.monotonic() + 0.002
        client.setblocking(False)
        while time.monotonic() < deadline:
            try:
                replies.append(client.recv(4096))
            except BlockingIOError:
                pass
        client.settimeout(0.3)
    try:
        while len(replies) <= times:
            replies.append(client.recv(4096))
    except TimeoutError:
        pass
    return [dns.message.from_wire(reply) for reply in replies]


def is_slipped(reply):
    return bool(reply.flags & dns.flags.TC) and not reply.answer and not reply.authority


def hold_rate(client, address, port):
    """Row B01: a burst and what the rate gives meanwhile; of the rest half goes as TC."""
    query = dns.message.make_query(WWW, "A", use_edns=False)
    started = time.monotonic()
    replies = flood(client, address, port, query.to_wire())
    took = time.monotonic() - started
    whole = [reply for reply in replies if reply.answer]
    slipped = [reply for reply in replies if is_slipped(reply)]
    assert len(whole) + len(slipped) == len(replies)
    assert 50 <= len(whole) <= 50 + 20 * (took + 0.5)
    over = FLOOD - len(whole)
    assert 0.4 * over < len(slipped) < 0.6 * over
    # Octets out are no more than octets in: what slips is as long as the query.
    assert all(len(reply.to_wire()) <= len(query.to_wire()) for reply in slipped)
    return len(whole), len(slipped)


def test_conf_B01_conf_B03_over_sockets(node):
    reload(node, RATE)
    for address in ADDRESSES:
        with plain_socket(address) as client:
            whole, slipped = hold_rate(client, address, node.port)
        status = node.status()
        assert counted(status, "rate_slipped") >= slipped
        assert counted(status, "dropped_limited") >= 0.4 * (FLOOD - whole)
        query = dns.message.make_query(WWW, "A")
        # TCP is not limited, nor who shows a cookie that he was given meanwhile.
        for _ in range(30):
            assert dns.query.tcp(query, address, port=node.port, timeout=5).answer
        cookie = learn_cookie(address, node.port)
        shown = dns.message.make_query(WWW, "A", options=[cookie])
        for _ in range(200):
            assert dns.query.udp(shown, address, port=node.port, timeout=5).answer


def learn_cookie(address, port):
    """Over TCP, which is always answered."""
    first = dns.edns.GenericOption(10, b"8octets!")
    query = dns.message.make_query(WWW, "A", options=[first])
    reply = dns.query.tcp(query, address, port=port, timeout=5)
    return next(option for option in reply.options if option.otype == 10)


@needs_lab[0]
@needs_lab[1]
def test_conf_B01_over_af_xdp(tmp_path):
    node = Node(tmp_path, ZONES, tail=RATE + DATAPLANE)
    with lab(node.config) as site:
        for address in (ADDRESS4, ADDRESS6):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with site.make_socket(family, socket.SOCK_DGRAM) as client:
                whole, slipped = hold_rate(client, address, 53)
            counters = site.counted()
            assert counters["rate_slipped"] >= slipped and whole
            assert counters["dropped_limited"] > 0


def test_conf_B04_a_cap_without_a_cookie(node):
    address = ADDRESSES[0]
    query = dns.message.make_query(f"big.{ORIGIN}", "TXT", use_edns=0, payload=1232)

    def truncated(message):
        reply = dns.query.udp(message, address, port=node.port, timeout=5)
        return bool(reply.flags & dns.flags.TC)

    assert not truncated(query)
    reload(node, "[dns]\nudp_octets_without_cookie = 512\n")
    assert truncated(query)
    shown = dns.message.make_query(f"big.{ORIGIN}", "TXT", use_edns=0, payload=1232,
                                   options=[learn_cookie(address, node.port)])
    assert not truncated(shown)
    reload(node, "[dns]\nudp_octets_without_cookie = 512\n[access]\n"
                 'trust = ["127.0.0.0/8"]\n')
    assert not truncated(query)


def test_conf_B06_access_rules(node):
    address = ADDRESSES[0]
    query = dns.message.make_query(WWW, "A", use_edns=0)
    reload(node, '[access]\nrefuse = ["127.0.0.0/8"]\n')
    for ask in (dns.query.udp, dns.query.tcp):
        reply = ask(query, address, port=node.port, timeout=5)
        assert reply.rcode() == dns.rcode.REFUSED and not reply.answer
        reasons = [option for option in reply.options if option.otype == 15]
        assert reasons and reasons[0].code == 18
    assert counted(node.status(), "access_refused") == 2
    if len(ADDRESSES) > 1:
        assert dns.query.udp(query, ADDRESSES[1], port=node.port, timeout=5).answer
    reload(node, '[access]\ndrop = ["127.0.0.0/8"]\n')
    with pytest.raises(dns.exception.Timeout):
        dns.query.udp(query, address, port=node.port, timeout=0.5)
    with pytest.raises((EOFError, ConnectionResetError)):
        dns.query.tcp(query, address, port=node.port, timeout=5)
    until(lambda: counted(node.status(), "tcp_refused_denied") == 1)
    assert counted(node.status(), "dropped_denied") == 1
    assert "access drop 1 networks" in node.call("status").stdout
    explained = node.call("explain", WWW, "A", "--client", address).stdout
    assert "[access] drop has 127.0.0.0/8" in explained
    reload(node, "")
    assert dns.query.udp(query, address, port=node.port, timeout=5).answer


def test_conf_B06_a_rule_that_comes_later_closes_what_is_open(node):
    wire = dns.message.make_query(WWW, "A").to_wire()
    with socket.create_connection((ADDRESSES[0], node.port), timeout=5) as way:
        way.sendall(len(wire).to_bytes(2, "big") + wire)
        assert way.recv(65535)
        reload(node, '[access]\ndrop = ["127.0.0.0/8"]\n')
        way.sendall(len(wire).to_bytes(2, "big") + wire)
        with pytest.raises(ConnectionResetError):
            assert not way.recv(65535), "an answer"
            raise ConnectionResetError
    until(lambda: counted(node.status(), "tcp_closed_denied") == 1)


@needs_lab[0]
@needs_lab[1]
def test_a_burst_of_one_gives_the_rate_over_af_xdp(tmp_path):
    """Time passes between two queries on a polling core too."""
    node = Node(tmp_path, ZONES, tail="[rate_limit]\nanswers_per_second = 1000\nburst = 1\n"
                                      "slip = 0\n" + DATAPLANE)
    query = dns.message.make_query(WWW, "A", use_edns=False).to_wire()
    with lab(node.config) as site, site.make_socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        answered = 0
        for _ in range(100):
            client.sendto(query, (ADDRESS4, 53))
            try:
                answered += bool(client.recv(4096))
            except TimeoutError:
                pass
            time.sleep(0.01)
    assert answered >= 95


def test_status_says_what_is_in_force_and_a_dry_run_only_counts(node):
    reload(node, RATE + "dry_run = true\n")
    query = dns.message.make_query(WWW, "A", use_edns=False)
    with plain_socket(ADDRESSES[0]) as client:
        replies = flood(client, ADDRESSES[0], node.port, query.to_wire(), 500)
    assert len(replies) == 500 and all(reply.answer for reply in replies)
    assert counted(node.status(), "rate_over") >= 400
    assert "rate limit 20/s to each IPv4 /24 and IPv6 /64, 50 at once, dry run: counted alone" in \
        node.call("status").stdout


@needs_lab[0]
@needs_lab[1]
def test_conf_B06_over_af_xdp(tmp_path):
    node = Node(tmp_path, ZONES,
                tail=f'[access]\ndrop = ["{OTHER}"]\nrefuse = ["::/0"]\n' + DATAPLANE)
    query = dns.message.make_query(WWW, "A", use_edns=0)
    with lab(node.config) as site:
        subprocess.run([*site.enter(), "ip", "address", "add", f"{OTHER}/24", "dev", "c0"],
                       check=True, timeout=30)
        assert site.inside(lambda: dns.query.udp(query, ADDRESS4, timeout=5)).answer
        with pytest.raises(dns.exception.Timeout):
            site.inside(lambda: dns.query.udp(query, ADDRESS4, timeout=0.5, source=OTHER))
        refused = site.inside(lambda: dns.query.udp(query, ADDRESS6, timeout=5))
        assert refused.rcode() == dns.rcode.REFUSED
        until(lambda: site.counted()["dropped_denied"] == 1)
        assert site.counted()["access_refused"] >= 1


def test_what_is_refused_leaves_what_is_served(node):
    node.tail = '[access]\nrefuse = ["127.0.0.1/8"]\n'
    node.write_config()
    refused = node.run("reload")
    assert refused.returncode != 0
    assert 'key \'refuse\' has "127.0.0.1/8"' in refused.stderr
    assert dns.query.udp(dns.message.make_query(WWW, "A"), ADDRESSES[0], port=node.port,
                         timeout=5).answer
