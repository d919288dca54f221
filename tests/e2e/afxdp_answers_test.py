"""The replies of answers_test.py over AF_XDP in a network of its own (tools/lab), and who answers
while the poll process is away.
"""

import contextlib
import os
import signal
import socket
from types import SimpleNamespace

import answer_zone
import endpoints
import fast_client
import pytest
from answer_zone import ROWS
from holdfast_node import Check, Node, needs_programs, until
from lab_site import ADDRESS4, ADDRESS6, CLIENT, DATAPLANE, lab, needs_lab
from watch import Watch, report

pytestmark = [needs_programs, *needs_lab]


@pytest.fixture(name="site", scope="module")
def fixture_site(tmp_path_factory):
    """A lab over AF_XDP whose endpoints live at the client's end, and how to ask there."""
    # The ports are known before the network is: nothing else listens in a new namespace.
    ends = {"up": SimpleNamespace(address=CLIENT, port=8081),
            "down": SimpleNamespace(address=CLIENT, port=8082)}
    node = Node(tmp_path_factory.mktemp("lab"), answer_zone.ZONES,
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
    with fast_client.Client(ADDRESS4, 53, site.make_socket) as client:
        assert len(list(client.ask([fast_client.packet(f"www.{answer_zone.ORIGIN}", "A")] * 10))) \
            == 10
    with site.make_socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.sendto(b"?", (ADDRESS4, 54))
    after = until(lambda: (now := xdp())["to_kernel_other_port"] > before["to_kernel_other_port"]
                  and now)
    assert after["to_poll_core"] - before["to_poll_core"] >= 10


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
