"""Rows K of the conformance list: what health decides, as the wire shows it. One node, endpoints
that pass, and orders that say which of them count as failed.
"""

import contextlib
import socket
import subprocess
from collections import Counter

import fast_client
import pytest
from conftest import open_folder
from endpoints import Endpoint
from holdfast_node import ADDRESSES, BINARIES, Check, Node, needs_programs, until

pytestmark = needs_programs

ORIGIN = "k.test"
MANY = 10_000
ZONE = f"""$ORIGIN {ORIGIN}.
$TTL 300
@ IN SOA ns h 1 7200 900 1209600 60
@ IN NS ns
ns IN A 192.0.2.53
"""


def record(name, identifier, value, check=None, kind="A", ttl=20, **more):
    made = {"Name": f"{name}.{ORIGIN}.", "Type": kind, "SetIdentifier": identifier, "TTL": ttl,
            "ResourceRecords": [{"Value": value}], **more}
    return {**made, "HealthCheckId": check} if check else made


def alias(name, identifier, target, **more):
    return {"Name": f"{name}.{ORIGIN}.", "Type": "A", "SetIdentifier": identifier,
            "AliasTarget": {"HostedZoneId": Node.zone_id(ORIGIN), "DNSName": f"{target}.{ORIGIN}.",
                            "EvaluateTargetHealth": True}, **more}


RECORD_SETS = [
    *(record("all", str(n), f"198.51.100.{n}", check, MultiValueAnswer=True)
      for n, check in ((1, "a"), (2, "b"), (3, "c"))),
    record("f2", "p", "198.51.100.11", "a", Failover="PRIMARY", ttl=30),
    record("f2", "s", "198.51.100.12", Failover="SECONDARY", ttl=40),
    record("f2", "p6", "2001:db8::11", "b", kind="AAAA", Failover="PRIMARY"),
    record("f2", "s6", "2001:db8::12", kind="AAAA", Failover="SECONDARY"),
    record("z0", "1", "198.51.100.21", "a", Weight=1),
    record("z0", "2", "198.51.100.22", "b", Weight=1),
    record("z0", "3", "198.51.100.23", Weight=0),
    record("one", "1", "198.51.100.31", "a", Weight=1),
    record("one", "2", "198.51.100.32", "b", Weight=1),
    record("two", "1", "198.51.100.41", "c", Weight=1),
    alias("tree", "p", "one", Failover="PRIMARY"),
    alias("tree", "s", "two", Failover="SECONDARY"),
    record("p2", "1", "198.51.100.51", "a", Weight=1),
    record("p2", "2", "198.51.100.52", "b", Weight=1),
    record("slow", "p", "198.51.100.61", "late", Failover="PRIMARY"),
    record("slow", "s", "198.51.100.62", Failover="SECONDARY"),
]


class Silent:
    """Accepts connections by way of the kernel and never says a word."""

    def __init__(self):
        self.way = socket.create_server(("127.0.0.1", 0))
        self.address, self.port = self.way.getsockname()

    def close(self):
        self.way.close()


@pytest.fixture(name="site", scope="module")
def fixture_site():
    with open_folder() as folder, contextlib.ExitStack() as stack:
        endpoint, silent = Endpoint(mode="pass"), Silent()
        stack.callback(endpoint.close)
        stack.callback(silent.close)
        node = Node(folder, {ORIGIN: (ZONE, RECORD_SETS)},
                    [*(Check(name, endpoint, fall=40) for name in "abc"),
                     Check("late", silent, interval_ms=60_000, timeout_ms=59_000)])
        stack.callback(node.close)
        node.start()
        node.await_checks(a="healthy", b="healthy", c="healthy")
        yield node


@pytest.fixture(name="node")
def fixture_node(site):
    yield site
    for check in "abc":
        site.call("health", "set", check, "auto")


def down(node, *checks):
    """These count as failed and no others."""
    for check in "abc":
        node.call("health", "set", check, "unhealthy" if check in checks else "auto")


def drawn(node, name, count=2000):
    with fast_client.Client(ADDRESSES[0], node.port) as client:
        return Counter(address for _, reply in client.ask([fast_client.packet(
            f"{name}.{ORIGIN}")] * count) for address in fast_client.a_records(reply))


def test_conf_K01_no_unhealthy_member_while_one_is_healthy(node):
    assert set(drawn(node, "all", MANY)) == {1, 2, 3}
    down(node, "a")
    assert set(drawn(node, "all", MANY)) == {2, 3}
    down(node, "a", "b")
    assert set(drawn(node, "all", MANY)) == {3}


def test_conf_K02_the_secondary_while_the_primary_is_down(node):
    assert set(drawn(node, "f2")) == {11}
    down(node, "a")
    assert set(drawn(node, "f2")) == {12}
    down(node)
    assert set(drawn(node, "f2")) == {11}


def test_conf_K03_weight_0_only_when_all_others_are_down(node):
    assert set(drawn(node, "z0", MANY)) == {21, 22}
    down(node, "a")
    assert set(drawn(node, "z0", MANY)) == {22}
    down(node, "a", "b")
    assert set(drawn(node, "z0", MANY)) == {23}


def test_conf_K04_a_branch_is_healthy_while_one_of_its_leaves_is(node):
    assert set(drawn(node, "tree")) == {31, 32}
    down(node, "a")
    assert set(drawn(node, "tree")) == {32}
    down(node, "a", "b")
    assert set(drawn(node, "tree")) == {41}


def test_conf_K05_all_down_counts_as_all_healthy_and_says_so(node):
    def last_resorts():
        return sum(reader["counters"]["last_resort"] for reader in node.status()["readers"])

    down(node, "a")
    assert set(drawn(node, "p2")) == {52}
    before = last_resorts()
    down(node, "a", "b")
    assert set(drawn(node, "p2")) == {51, 52}
    until(lambda: last_resorts() >= before + 2000)


def test_conf_K06_each_type_decides_for_itself(node):
    down(node, "a")
    assert node.addresses(f"f2.{ORIGIN}") == ["198.51.100.12"]
    assert node.ask(f"f2.{ORIGIN}", "AAAA").answer[0][0].address == "2001:db8::11"
    down(node, "b")
    assert node.addresses(f"f2.{ORIGIN}") == ["198.51.100.11"]
    assert node.ask(f"f2.{ORIGIN}", "AAAA").answer[0][0].address == "2001:db8::12"


def test_conf_K09_the_ttl_is_the_chosen_records(node, tmp_path):
    assert node.ask(f"f2.{ORIGIN}").answer[0].ttl == 30
    down(node, "a")
    assert node.ask(f"f2.{ORIGIN}").answer[0].ttl == 40
    slow = [record("f", "p", "198.51.100.1", "a", Failover="PRIMARY", ttl=300),
            record("f", "s", "198.51.100.2", Failover="SECONDARY", ttl=300)]
    other = Node(tmp_path, {ORIGIN: (ZONE, slow)},
                 [Check("a", Silent())])
    done = subprocess.run([BINARIES / "holdfast", "check", "--config", other.config],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0 and "TTL" in done.stderr and "300" in done.stderr, done


def test_conf_K11_a_check_without_a_verdict_counts_healthy_and_is_not_verified(node):
    shown = {one["id"]: one for one in node.status()["checks"]}["late"]
    assert not shown["verified"]
    assert node.addresses(f"slow.{ORIGIN}") == ["198.51.100.61"]
    assert "unknown" in node.call("health", "show", "late").stdout
