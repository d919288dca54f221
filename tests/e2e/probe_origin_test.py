"""From where checks look: endpoints that only a namespace, a source address or an interface leads
to, and what becomes of a check when that is taken away. Everything is in namespaces of the test's
own, the node too.
"""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from endpoints import Endpoint
from holdfast_node import BINARIES, ROOT, Check, Node, needs_programs, until

sys.path.insert(0, str(ROOT / "tools" / "lib"))
import netpair  # noqa: E402

pytestmark = [needs_programs, pytest.mark.skipif(os.geteuid() != 0, reason="needs namespaces")]

ZONE = {"a.test": ("$ORIGIN a.test.\n$TTL 60\n@ SOA ns1 host 1 7200 900 1209600 60\n@ NS ns1\n"
                   "ns1 A 192.0.2.53\n", [])}
NODE, FAR, TWIN, BLUE = (f"hf{os.getpid()}o{what}" for what in ("node", "far", "twin", "blue"))
INSIDE, THERE = "198.18.78.1", "198.18.79.2"  # of blue's loopback; of far, and of twin as well
USUAL, WELCOME, OTHER = "198.18.79.1", "198.18.79.5", "198.18.79.9"  # the node's
FAR_MAC, TWIN_MAC = "02:00:00:00:79:02", "02:00:00:00:79:03"
TIMES = ("interval_ms = 100\nconnect_timeout_ms = 150\nresponse_timeout_ms = 150\n"
         "healthy_threshold = 1\nunhealthy_threshold = 2\n")
AT_FIRST = {"inside": "healthy", "not-inside": "unhealthy", "ping": "healthy",
            "source": "healthy", "other-source": "unhealthy",
            "interface": "healthy", "other-interface": "unhealthy", "no-interface": "unhealthy"}


class Keyed(Check):
    def __init__(self, name, endpoint, keys=""):
        super().__init__(name, endpoint, interval_ms=100, fall=2, timeout_ms=150)
        self.keys = keys

    def toml(self):
        return super().toml() + self.keys


class NodeInside(Node):
    def launch(self):
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*netpair.enter_command(NODE), BINARIES / "holdfast", "run", "--config",
                 self.config], stdout=log, stderr=log)


def ip(namespace, words):
    netpair.ip("-n", namespace, *words.split())


def link(namespace, name, address, mac):
    """A veth of the node to a namespace whose end is at THERE."""
    ip(NODE, f"link add {name} type veth peer name v0 netns {namespace}")
    ip(namespace, f"link set v0 address {mac}")
    ip(namespace, f"addr add {THERE}/24 dev v0")
    ip(namespace, "link set v0 up")
    ip(NODE, f"addr add {address}/24 dev {name}")
    ip(NODE, f"link set {name} up")
    ip(NODE, f"neigh replace {THERE} lladdr {mac} dev {name} nud permanent")


def refuse_silently(namespace, source):
    """What comes from there is dropped, before what is addressed to the namespace is delivered."""
    for words in (f"rule add pref 10 from {source} iif v0 type blackhole",
                  "rule add pref 100 table local", "rule del pref 0"):
        ip(namespace, words)


def accept_any_way():
    """Replies may come by another interface than the first route says."""
    for name in ("all", "twin0"):
        Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter").write_text("0")


def make_blue():
    netpair.ip("netns", "add", BLUE)
    ip(BLUE, "link set lo up")
    ip(BLUE, f"addr add {INSIDE}/32 dev lo")


@contextlib.contextmanager
def network():
    try:
        for name in (NODE, FAR, TWIN):
            netpair.ip("netns", "add", name)
            ip(name, "link set lo up")
        make_blue()
        link(FAR, "far0", USUAL, FAR_MAC)
        ip(NODE, f"addr add {WELCOME}/32 dev far0")
        refuse_silently(FAR, USUAL)
        link(TWIN, "twin0", OTHER, TWIN_MAC)
        netpair.inside(NODE, accept_any_way)
        yield
    finally:
        for name in (NODE, FAR, TWIN, BLUE):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@pytest.fixture(name="ends")
def fixture_ends():
    with network(), contextlib.ExitStack() as stack:
        made = {}
        for space, address, port in ((BLUE, INSIDE, 8078), (FAR, THERE, 8079), (TWIN, THERE, 8080)):
            made[space] = netpair.inside(space, lambda a=address, p=port: Endpoint(a, port=p))
            stack.callback(made[space].close)
        yield made


@pytest.fixture(name="node")
def fixture_node(tmp_path, ends):
    node = NodeInside(tmp_path, ZONE, [
        Keyed("inside", ends[BLUE], f'namespace = "{BLUE}"\nfixed_rate = true\n'),
        Keyed("not-inside", ends[BLUE]),
        Keyed("source", ends[FAR], f'source_address = "{WELCOME}"\n'),
        Keyed("other-source", ends[FAR], f'source_address = "{USUAL}"\n'),
        Keyed("interface", ends[TWIN], 'interface = "twin0"\n'),
        Keyed("other-interface", ends[TWIN], 'interface = "far0"\n'),
        Keyed("no-interface", ends[TWIN])],
        tail=f'[check."ping"]\ntype = "ICMP"\naddress = "{INSIDE}"\nnamespace = "{BLUE}"\n'
             + TIMES)
    try:
        yield node.start()
    finally:
        node.close()


def shown(node, name):
    return json.loads(node.call("health", "show", name, "--json").stdout)


def is_unknown(node, name, reason):
    """Probes go on and find out nothing, for the reason; the status is what it was."""
    until(lambda: shown(node, name)["reason"] == f"Unknown: {reason}")
    before = shown(node, name)
    until(lambda: shown(node, name)["unknowns"] >= before["unknowns"] + 5)
    after = shown(node, name)
    assert after["state"] == before["state"] == "healthy", after
    assert after["failures"] == before["failures"], after


def test_endpoints_are_reached_only_from_where_the_check_says(node):
    node.await_checks(**AT_FIRST)
    inside = shown(node, "inside")
    assert inside["target"].endswith(f" from netns {BLUE}")
    assert inside["settings"]["namespace"] == BLUE and inside["settings"]["fixed_rate"]
    assert shown(node, "source")["settings"]["source_address"] == WELCOME
    assert shown(node, "interface")["settings"]["interface"] == "twin0"
    text = node.call("health", "show", "inside").stdout
    for words in (f"namespace {BLUE}", "fixed_rate true", "interface -"):
        assert words.split() in [line.split() for line in text.splitlines()], text


def test_what_is_taken_away_on_our_own_side_turns_nothing_down(node, ends):
    node.await_checks(**AT_FIRST)
    until(lambda: node.status()["transitions"]["published"] >= len(AT_FIRST))
    published = node.status()["transitions"]["published"]
    netpair.ip("netns", "del", BLUE)
    for name in ("inside", "ping"):
        is_unknown(node, name, f'The network namespace "{BLUE}" cannot be entered: '
                               "No such file or directory.")
    ip(NODE, f"addr del {WELCOME}/32 dev far0")
    is_unknown(node, "source", f'The source address "{WELCOME}" cannot be bound: '
                               "Cannot assign requested address.")
    ip(NODE, "link set twin0 down")
    is_unknown(node, "interface", 'The interface "twin0" cannot be used: Network is down.')
    ip(NODE, "link del twin0")
    is_unknown(node, "interface", 'The interface "twin0" cannot be used: No such device.')
    assert node.status()["transitions"]["published"] == published

    # Another one of that name is entered as soon as it is there: nobody listens in it yet.
    make_blue()
    node.await_checks(inside="unhealthy", ping="healthy")
    again = netpair.inside(BLUE, lambda: Endpoint(INSIDE, port=ends[BLUE].port))
    try:
        node.await_checks(inside="healthy")
    finally:
        again.close()
