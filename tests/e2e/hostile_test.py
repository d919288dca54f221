"""Broken messages, made part by part (hostile_client.cc), against servers that run: over AF_XDP,
over kernel sockets by UDP and TCP. Nothing ends, each reply is well formed, replies get no reply.

HOLDFAST_HOSTILE_MESSAGES says how many for each way in; `tools/test --sanitize` runs this with
programs that end at the first fault.
"""

import json
import os
import subprocess

import pytest
from holdfast_node import ADDRESSES, BINARIES, Node, needs_programs
from lab_site import ADDRESS4, DATAPLANE, lab, needs_lab
from watch import report

CLIENT = BINARIES.parent / "tests" / "e2e" / "hostile_client"
MESSAGES = int(os.environ.get("HOLDFAST_HOSTILE_MESSAGES", "20000"))
SEED = 20261123
ZONE = ("$ORIGIN a.test.\n$TTL 300\n@ IN SOA ns1 h 1 7200 900 1209600 60\n@ IN NS ns1\n"
        "@ IN A 192.0.2.1\nns1 IN A 192.0.2.53\n*.w IN A 192.0.2.2\nwww IN CNAME q.w\n"
        "d IN DNAME w\nc IN NS ns.c\nns.c IN A 192.0.2.54\n" +
        "".join(f"big IN TXT \"{n} {'x' * 200}\"\n" for n in range(20)))

pytestmark = [needs_programs,
              pytest.mark.skipif(not CLIENT.exists(), reason="hostile_client is not built")]


def assault(way, address, port, transport, before=()):
    done = subprocess.run([*before, CLIENT, address, str(port), str(MESSAGES), str(SEED),
                           transport], capture_output=True, text=True, timeout=3600, check=False)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["messages"] >= MESSAGES
    assert set(counts["rcodes"]) >= {"0", "1", "3", "4", "5", "16"}, counts
    assert counts["silent"] > 0
    report(f"hostile-{way}", counts["messages"], "messages",
           f"{counts['replies']} replies, all well formed; {counts['silent']} rightly without; "
           f"rcodes {counts['rcodes']}")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_conf_Q15_kernel_sockets_survive_hostile_messages(make_one, transport):
    node = make_one.node({"a.test": (ZONE, [])}).start()
    before = node.status()["readers"][0]["pid"]
    assault(f"sockets-{transport}", ADDRESSES[0], node.port, transport)
    assert node.status()["readers"][0]["pid"] == before


@pytest.mark.skipif(any(mark.args[0] for mark in needs_lab), reason="needs a lab")
def test_conf_Q15_the_poll_process_survives_hostile_messages(tmp_path):
    node = Node(tmp_path, {"a.test": (ZONE, [])}, tail=DATAPLANE)
    with lab(node.config) as site:
        before = site.pid("dataplane")
        assault("af_xdp", ADDRESS4, 53, "udp", site.enter())
        assert site.pid("dataplane") == before
