"""One port with two queues, each polled by a core of its own: whichever a query comes by, the
answer is the same. Over AF_PACKET, whose fanout spreads by addresses and ports as a NIC's hash
does. Root.
"""

import os
import socket
import struct

import dataplane_afxdp_test
import dns.message
import netpair
import pytest
from dataplane_afxdp_test import dataplane

pytestmark = [*dataplane_afxdp_test.pytestmark,
              pytest.mark.skipif(os.cpu_count() < 2, reason="needs two processors")]
pair, run_dir = dataplane_afxdp_test.pair, dataplane_afxdp_test.run_dir

PORT = "net_af_packet0,iface=s0,qpairs=2,qdisc_bypass=1"
PORTS = range(20_000, 30_000)
AT_ONCE = 100
PAGE_OCTETS, COUNTERS = 4096, 128  # of a reader file; its first counter is that of queries


def queries_of_cores(folder):
    """How many queries each polling core has answered, from its reader file."""
    file, = (folder / "readers").glob("dataplane.*")
    octets = file.read_bytes()
    threads, = struct.unpack_from("<I", octets, 12)
    return [struct.unpack_from("<Q", octets, PAGE_OCTETS + thread * COUNTERS * 8)[0]
            for thread in range(threads)]


def ask_from(address, own, ports, question):
    """The replies to the question, each from a source port of its own; without their ids."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    ways, replies = [], []
    for port in ports:
        # Not connected: what the server's kernel thinks of that port does not matter.
        way = socket.socket(family, socket.SOCK_DGRAM)
        way.settimeout(5)
        way.bind((own, port))
        way.sendto(struct.pack("!H", port) + question[2:], (address, 53))
        ways.append((port, way))
    for port, way in ways:
        with way:
            reply = way.recv(4096)
            assert reply[:2] == struct.pack("!H", port)
            replies.append(reply[2:])
    return replies


def test_conf_L20_all_queues_give_one_answer(pair, run_dir):
    question = dns.message.make_query("a.test.", "A").to_wire()
    pair.hide_udp53_from_server_kernel()
    with dataplane(pair, run_dir, "--queues", "net_af_packet0=2", port=PORT, lcores="0,1"):
        for address, own in ((pair.server4, pair.client4), (pair.server6, pair.client6)):
            before = queries_of_cores(run_dir)
            assert len(before) == 2
            given = set()
            for first in range(0, len(PORTS), AT_ONCE):
                ports = PORTS[first:first + AT_ONCE]
                given.update(netpair.inside(
                    pair.client, lambda ports=ports: ask_from(address, own, ports, question)))
            assert len(given) == 1, given
            answer, = dns.message.from_wire(b"\0\0" + given.pop()).answer
            assert [item.to_text() for item in answer] == ["192.0.2.101"]
            counted = [now - was for now, was in zip(queries_of_cores(run_dir), before)]
            assert sum(counted) == len(PORTS), counted
            assert min(counted) > len(PORTS) // 4, counted
