"""The replies of answers_test.py over AF_XDP in a network of its own (tools/lab), and a generated
set of queries whose static answers must be the same on both ways in: the poll process's and the
kernel sockets'.
"""

import contextlib
import os
import random
import signal
import socket
from collections import Counter
from types import SimpleNamespace

import answer_zone
import dns.message
import endpoints
import fast_client
import pytest
from answer_zone import ROWS
from holdfast_node import Check, Node, needs_programs, until
from lab_site import ADDRESS4, ADDRESS6, CLIENT, DATAPLANE, lab, needs_lab
from watch import Watch, report

pytestmark = [needs_programs, *needs_lab]

HOSTS = 2000
QUERIES = 20_000
KINDS = ("hit", "wildcard", "empty_non_terminal", "cut", "nodata", "nxdomain")


def many_zone():
    lines = ["$ORIGIN many.test.", "$TTL 300", "@ IN SOA ns1 h 1 7200 900 1209600 120",
             "@ IN NS ns1", "ns1 IN A 192.0.2.53"]
    for n in range(HOSTS):
        lines += [f"h{n} IN A 10.{n >> 8}.{n & 255}.1", f"h{n} IN AAAA 2001:db8::{n:x}"]
        if n % 10 == 0:
            lines += [f"*.w{n} IN A 10.{n >> 8}.{n & 255}.2", f"leaf.e{n} IN TXT \"e{n}\"",
                      f"c{n} IN NS ns.c{n}", f"ns.c{n} IN A 10.{n >> 8}.{n & 255}.3"]
    return "\n".join(lines) + "\n"


def many_queries():
    """((kind, packet), ...), equally many of each kind, half with EDNS, always the same ones."""
    chance = random.Random(20)
    made = []
    for number in range(QUERIES):
        kind = KINDS[number % len(KINDS)]
        n = chance.randrange(HOSTS)
        tenth = n - n % 10
        name, rrtype = {
            "hit": (f"h{n}", chance.choice(("A", "AAAA"))),
            "wildcard": (f"x{chance.randrange(10**6)}.w{tenth}", "A"),
            "empty_non_terminal": (f"e{tenth}", chance.choice(("A", "TXT"))),
            "cut": (f"y{chance.randrange(10**6)}.c{tenth}", chance.choice(("A", "NS"))),
            "nodata": (f"h{n}", chance.choice(("MX", "TXT"))),
            "nxdomain": (f"z{chance.randrange(10**6)}", "A"),
        }[kind]
        options = {"use_edns": 0, "payload": 1232} if chance.random() < 0.5 else {}
        made.append((kind, fast_client.packet(f"{name}.many.test", rrtype, **options)))
    return made


@pytest.fixture(name="site", scope="module")
def fixture_site(tmp_path_factory):
    """A lab over AF_XDP whose endpoints live at the client's end, and how to ask there."""
    # The ports are known before the network is: nothing else listens in a new namespace.
    ends = {"up": SimpleNamespace(address=CLIENT, port=8081),
            "down": SimpleNamespace(address=CLIENT, port=8082)}
    node = Node(tmp_path_factory.mktemp("lab"),
                {**answer_zone.ZONES, "many.test": (many_zone(), [])},
                [Check("up", ends["up"], fall=40), Check("down", ends["down"], fall=2)],
                tail=DATAPLANE)
    with lab(node.config) as site, contextlib.ExitStack() as stack:
        for mode, port in (("pass", 8081), ("fail", 8082)):
            end = site.inside(lambda m=mode, p=port: endpoints.Endpoint(CLIENT, m, port=p))
            stack.callback(end.close)
        site.asker = answer_zone.Asker(site.make_socket, 53, ADDRESS4, ADDRESS6)
        until(lambda: [str(one) for one in site.asker.row("failover_moved").answer[0]] ==
              ["198.51.100.4"])
        until(lambda: [str(one) for one in site.asker.row("failover").answer[0]] ==
              ["198.51.100.1"])
        yield site


@pytest.mark.parametrize("row", ROWS)
def test_the_reply_is_whole_over_af_xdp_and_tcp(site, row):
    answer_zone.hold_every_way(site.asker, row)


def test_what_does_not_fit_is_cut_over_af_xdp_and_whole_over_tcp(site):
    answer_zone.hold_sizes(site.asker)


def test_edns_is_answered_by_its_rules_over_af_xdp(site):
    answer_zone.hold_edns(site.asker)


def test_status_says_what_the_xdp_program_did_with_each_frame(site):
    def xdp():
        (port,) = site.status()["ports"]
        assert port["device"].startswith("net_af_xdp0,iface=s0")
        assert port["addresses"] == [ADDRESS4, ADDRESS6]
        return port["xdp"]

    before = xdp()
    assert sorted(before) == ["to_kernel_fragment", "to_kernel_malformed", "to_kernel_no_socket",
                              "to_kernel_not_ip", "to_kernel_not_udp", "to_kernel_other_address",
                              "to_kernel_other_port", "to_poll_core"]
    queries = [fast_client.packet("h1.many.test", "A")] * 10
    replies(ADDRESS4, 53, [("hit", query) for query in queries], site.make_socket)
    with site.make_socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.sendto(b"?", (ADDRESS4, 54))
    after = until(lambda: (now := xdp())["to_kernel_other_port"] > before["to_kernel_other_port"]
                  and now)
    assert after["to_poll_core"] - before["to_poll_core"] >= 10


def replies(address, port, queries, make_socket):
    with fast_client.Client(address, port, make_socket) as client:
        found = [None] * len(queries)
        for index, reply in client.ask([packet for _, packet in queries]):
            found[index] = reply
    return found


def whole(reply):
    """Everything of a reply that is no order of records."""
    message = dns.message.from_wire(b"\0\0" + reply)
    sections = tuple(frozenset((rrset.name.to_text(), rrset.rdtype, rrset.ttl, item.to_text())
                               for rrset in section for item in rrset)
                     for section in (message.answer, message.authority, message.additional))
    return message.flags, message.edns, message.payload, message.question, sections


def test_generated_queries_get_the_same_static_answers_on_both_ways_in(site, make_one):
    queries = many_queries()
    kinds = Counter(kind for kind, _ in queries)
    assert all(kinds[kind] >= QUERIES // 20 for kind in KINDS)
    before = site.counted()["queries"]
    over_xdp = replies(ADDRESS4, 53, queries, site.make_socket)
    assert site.counted()["queries"] - before == QUERIES  # none of them came by the kernel
    node = make_one.node({"many.test": (many_zone(), [])}).start()
    over_sockets = replies("127.0.0.1", node.port, queries, socket.socket)
    different = [(kind, one, other) for (kind, _), one, other in
                 zip(queries, over_xdp, over_sockets)
                 if one != other and whole(one) != whole(other)]
    assert not different, (len(different), different[:3])
    rcodes = Counter((kind, reply[1] & 15) for (kind, _), reply in zip(queries, over_xdp))
    assert rcodes == {(kind, 3 if kind == "nxdomain" else 0): kinds[kind] for kind in KINDS}
    report("same-answers", len(queries), "queries")


@pytest.mark.parametrize("without_control", [False, True])
def test_B1_while_the_poll_process_is_away_sockets_answer(site, without_control):
    """It starts again from the tables that are there, with control stopped as well."""
    control, killed = site.pid("control"), site.pid("dataplane")
    if without_control:
        os.kill(control, signal.SIGSTOP)
    try:
        with Watch(ADDRESS4, 53, patience=0.1, rate=2000,
                   inside=site.enter()) as watch:
            watch.mark("before", 1)
            watch.mark("killed")
            os.kill(killed, signal.SIGKILL)
            until(lambda: site.pid("dataplane") not in (0, killed))
            until(lambda: any(reader["pid"] == site.pid("dataplane")
                              for reader in site.status()["readers"]))
            watch.mark("after", 1)
    finally:
        os.kill(control, signal.SIGCONT)
    assert site.counted()["queries"] > 500  # all of them before control went on
    assert watch.figures["killed"]["longest_ms"] <= 1500
    report("B1-without-control" if without_control else "B1",
           watch.figures["killed"]["longest_ms"], "ms",
           f"gap, {watch.figures['killed']['lost']} queries lost, "
           f"{watch.figures['before']['longest_ms']} ms longest silence before")
