"""The worked cases of the routing spec that depend on where the client is, against running
processes: what `explain` permits a client, what the wire answers to its EDNS Client Subnet, and how
far the reply says that holds.
"""

import ipaddress
import json
import sys
from fractions import Fraction
from pathlib import Path

import dns.edns
import fast_client
import pytest
from holdfast_node import ADDRESSES, Check, Node, needs_programs
from routing_cases import Permitted, record_sets
from routing_test import ZONE, hold_to_share, judge

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))
from routing_cases_all import ALL, FILES, LOCATION_CASES, subnets  # noqa: E402

pytestmark = needs_programs

QUERIES = 240


def origin_of(number):
    return f"l{number:03}.test"


@pytest.fixture(name="node", scope="module")
def fixture_node(make):
    ends = {name: make.endpoint(mode=mode) for name, mode in (("up", "pass"), ("down", "fail"))}
    checks = [Check("up", ends["up"], fall=40), Check("down", ends["down"], fall=2)]
    zones = {}
    for number in LOCATION_CASES:
        origin = origin_of(number)
        zones[origin] = (ZONE.format(origin=origin),
                         record_sets(ALL[number].groups, origin, Node.zone_id(origin)))
    node = make.node(zones, checks)
    node.tail = FILES.write(node.folder)
    node.write_config()
    node.start()
    node.await_checks(up="healthy", down="unhealthy")
    return node


@pytest.fixture(name="client", scope="module")
def fixture_client(node):
    with fast_client.Client(ADDRESSES[0], node.port) as client:
        yield client


def explained(node, name, rrtype, subnet):
    asked = ["--client", subnet] if subnet else []
    said = json.loads(node.call("explain", name, rrtype, "--json", *asked).stdout)
    shares = {(frozenset(answer["records"]), answer["ttl"], answer.get("take", 0)):
              Fraction(answer["share"]) for answer in said["answers"] if answer["records"]}
    return shares, said


def with_subnet(name, rrtype, subnet):
    if subnet is None:
        return fast_client.packet(name, rrtype)
    network = ipaddress.ip_network(subnet)
    option = dns.edns.ECSOption(str(network.network_address), network.prefixlen)
    return fast_client.packet(name, rrtype, use_edns=0, options=[option])


def subnet_of(reply):
    return [option for option in reply.options if option.otype == dns.edns.ECS]


@pytest.mark.parametrize("number", LOCATION_CASES, ids=lambda n: f"routing_{n:03}")
def test_location(node, client, number):
    case = ALL[number]
    label, rrtype = case.query.split()
    name, permitted = f"{label}.{origin_of(number)}", Permitted(case.permitted)
    for subnet in subnets(case.client):
        shares, said = explained(node, name, rrtype, subnet)
        assert shares == {(values, ttl, take): share
                          for values, ttl, take, share in permitted.answers}, (subnet, said)
        seen = [0] * max(len(permitted.answers), 1)
        for _, reply in client.ask([with_subnet(name, rrtype, subnet)] * QUERIES):
            seen[judge(reply, name, permitted)] += 1
            if subnet is not None:
                option, = subnet_of(fast_client.message(reply))
                network = ipaddress.ip_network(subnet)
                assert option.srclen == network.prefixlen
                assert option.address == str(network.network_address)
                assert option.scopelen == said["client"]["scope"], (subnet, said)
        for count, (*_, share) in zip(seen, permitted.answers):
            if share >= Fraction(1, 10):
                hold_to_share(count, QUERIES, share)
