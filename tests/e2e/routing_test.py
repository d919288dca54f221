"""The worked cases of the routing spec against running processes. One node serves a zone for each
case; health comes from checks that ask real endpoints: one that answers 200, one that answers 503,
and one that flips. Each case is held twice: what `explain` permits, with exact shares, and what
the wire answers.
"""

import json
import math
from collections import Counter
from fractions import Fraction

import fast_client
import pytest
from holdfast_node import ADDRESSES, Check, Node, needs_programs
from routing_cases import CASES, Permitted, record_sets

pytestmark = needs_programs

ZONE = """$ORIGIN {origin}.
$TTL 30
@   IN SOA ns.example.net. hostmaster.example.net. 1 7200 900 1209600 60
@   IN NS  ns.example.net.
"""
FLIP_CASE = {"www": "W10 .1 [H], W20 .2 [H], W20 .3 [F]"}
STATIC = {"www": ".1+.2+.3 [-]"}
QUERIES = 240
MANY = 20_000


def origin_of(number):
    return f"r{number:03}.test"


@pytest.fixture(name="node", scope="module")
def fixture_node(make):
    ends = {name: make.endpoint(mode=mode)
            for name, mode in (("up", "pass"), ("down", "fail"), ("flip", "fail"))}
    checks = [Check("up", ends["up"], fall=40), Check("down", ends["down"], fall=2),
              Check("flip", ends["flip"], fall=10)]
    groups = {number: case[0] for number, case in CASES.items()}
    groups |= {86: FLIP_CASE, 90: STATIC}
    zones = {}
    for number, group in groups.items():
        origin = origin_of(number)
        zones[origin] = (ZONE.format(origin=origin),
                         record_sets(group, origin, Node.zone_id(origin)))
    node = make.node(zones, checks)
    node.ends = ends
    node.start()
    node.await_checks(up="healthy", down="unhealthy", flip="unhealthy")
    return node


@pytest.fixture(name="client", scope="module")
def fixture_client(node):
    with fast_client.Client(ADDRESSES[0], node.port) as client:
        yield client


def explained(node, name, rrtype):
    """(outcome, {(records, ttl, take): share}) as `holdfast explain` says."""
    said = json.loads(node.call("explain", name, rrtype, "--json").stdout)
    shares = Counter()
    for answer in said["answers"]:
        if answer["records"]:
            values = frozenset(record.lower() for record in answer["records"])
            shares[values, answer["ttl"], answer.get("take", 0)] += Fraction(answer["share"])
    return said["outcome"], dict(shares)


def hold_to_explain(node, name, rrtype, permitted):
    outcome, shares = explained(node, name, rrtype)
    expected = {(values, ttl, take): share for values, ttl, take, share in permitted.answers}
    # A CNAME that leaves the zone is an answer that sends the client on.
    assert outcome in (permitted.outcome, "redirected"), outcome
    assert shares == expected


def hold_to_wire(client, name, rrtype, permitted, count=QUERIES):
    """@return how often each permitted answer came."""
    seen, known = Counter(), {}
    for _, reply in client.ask([fast_client.packet(name, rrtype)] * count):
        if reply not in known:
            known[reply] = judge(reply, name, permitted)
        seen[known[reply]] += 1
    return seen


def judge(reply, name, permitted):
    rcode, answer = fast_client.meaning(reply)
    if permitted.outcome != "answer":
        expected = "NXDOMAIN" if permitted.outcome == "nxdomain" else "NOERROR"
        assert (rcode, answer) == (expected, ())
        return 0
    assert rcode == "NOERROR"
    assert {owner for owner, *_ in answer} == {f"{name}."}
    index = permitted.fits([value for *_, value in answer], {ttl for _, _, ttl, _ in answer})
    assert index is not None, answer
    return index


def hold_to_share(seen, total, share):
    """Within 6 sigma of a binomial."""
    sigma = math.sqrt(total * share * (1 - share))
    assert abs(seen - total * share) <= 6 * sigma, (seen, total, share)


def make_case(number):
    _, query, text = CASES[number]

    def case(node, client):
        label, rrtype = query.split()
        name, permitted = f"{label}.{origin_of(number)}", Permitted(text)
        hold_to_explain(node, name, rrtype, permitted)
        seen = hold_to_wire(client, name, rrtype, permitted)
        assert sum(seen.values()) == QUERIES
        for index, (*_, share) in enumerate(permitted.answers):
            if share >= Fraction(1, 10):  # missed by chance once in 10^11
                assert seen[index] > 0, (index, seen)
                hold_to_share(seen[index], QUERIES, share)

    case.__doc__ = f"{query}: {text}"
    return case


for _number in CASES:
    globals()[f"test_routing_{_number:03}"] = make_case(_number)


@pytest.mark.parametrize("number", [3, 4, 7])
def test_weights_are_met_over_many_queries(client, number):
    permitted = Permitted(CASES[number][2])
    seen = hold_to_wire(client, f"www.{origin_of(number)}", "A", permitted, MANY)
    for index, (*_, share) in enumerate(permitted.answers):
        hold_to_share(seen[index], MANY, share)


def test_routing_089_every_value_is_in_eight_of_ten_answers(client):
    seen, subsets = Counter(), set()
    for _, reply in client.ask([fast_client.packet(f"www.{origin_of(52)}")] * MANY):
        values = fast_client.a_records(reply)
        assert len(set(values)) == len(values) == 8
        seen.update(values)
        subsets.add(frozenset(values))
    assert set(seen) == set(range(1, 11))
    assert len(subsets) == 45  # each of them comes 444 times on average
    for count in seen.values():
        hold_to_share(count, MANY, Fraction(8, 10))


def test_routing_090_every_value_is_first_in_a_third(client):
    first = Counter()
    for _, reply in client.ask([fast_client.packet(f"www.{origin_of(90)}")] * MANY):
        values = fast_client.a_records(reply)
        assert sorted(values) == [1, 2, 3]
        first[values[0]] += 1
    for value in (1, 2, 3):
        hold_to_share(first[value], MANY, Fraction(1, 3))


def test_routing_086_a_recovered_endpoint_gets_its_share_again(node, client):
    name = f"www.{origin_of(86)}"
    without, whole = Permitted(".1 1/3; .2 2/3"), Permitted(".1 1/5; .2 2/5; .3 2/5")
    for mode, state, permitted in (("fail", "unhealthy", without), ("pass", "healthy", whole),
                                   ("refuse", "unhealthy", without), ("pass", "healthy", whole)):
        node.ends["flip"].set(mode)
        node.await_checks(flip=state)
        hold_to_explain(node, name, "A", permitted)
        seen = hold_to_wire(client, name, "A", permitted, 2000)
        for index, (*_, share) in enumerate(permitted.answers):
            hold_to_share(seen[index], 2000, share)


def test_routing_092_a_check_that_is_not_there_is_warned_about(node):
    warnings = [one for one in node.status()["warnings"] if "deleted" in one]
    assert warnings and all("r092.test" in one for one in warnings), node.status()["warnings"]


def test_routing_094_each_answer_is_of_one_health_state(node, client):
    """While health flips, every answer fits the state before or the one after."""
    name, asked = f"www.{origin_of(86)}", fast_client.packet(f"www.{origin_of(86)}")
    both = Permitted(".1 1/5; .2 2/5; .3 2/5")
    known, third = {}, []
    for mode in ("pass", "fail", "pass", "fail"):
        node.ends["flip"].set(mode)
        wanted = "healthy" if mode == "pass" else "unhealthy"
        while node.check_states().get("flip") != wanted:
            for _, reply in client.ask([asked] * 200):
                known.setdefault(reply, None)
        third.append(0)
        for _, reply in client.ask([asked] * 500):
            known.setdefault(reply, None)
            third[-1] += fast_client.a_records(reply) == (3,)
    for reply in known:
        judge(reply, name, both)
    # Once the state has changed, what it forbids does not come again.
    assert [count > 0 for count in third] == [True, False, True, False], third
