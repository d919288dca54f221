"""The worked cases of the routing spec against running processes, by their numbers. One node serves
a zone for each; health comes from checks that ask real endpoints. All cases are asked in the state
of health that they are written for, after each of their checks recovered or failed, one more at a
time, and as written again: what `explain` permits with exact shares, what the wire answers, how far
that holds.

HOLDFAST_ROUTING_QUERIES says by how many queries shares are told; tools/test --long takes 100,000.
"""

import os
from collections import Counter, defaultdict
from fractions import Fraction
from typing import NamedTuple

import fast_client
import pytest
from asking import ZONE, Control, client_text, explained, packet
from draws import drawn_as, hold_to_share
from evaluator import Answer, AnyOf, own_answers
from holdfast_node import ADDRESSES, Check, Node, needs_programs
from json_zone import record_set
from locations import Client
from replies import Judge, Question, read
from routing_cases import Permitted, record_sets
from routing_cases_all import ALL, FILES, subnets
from scope import some_snapshots
from watch import tell
from zone import Zone

pytestmark = needs_programs

SHARED = int(os.environ.get("HOLDFAST_ROUTING_QUERIES", "2000"))  # of an answer with shares
QUERIES, MANY = 24, 20_000
LOCATIONS = FILES.locations()
# The first healthy check of a case is up-0, and so on: so many of them change one after the other.
EACH = 4
UP, DOWN = ([f"{name}-{number}" for number in range(EACH)] for name in ("up", "down"))
WRITTEN = {check: True for check in UP} | {check: False for check in (*DOWN, "flip")}
CHANGES = [{}, {"flip": True}, *({check: True} for check in DOWN),
           *({check: False} for check in UP), WRITTEN]


class Seen(NamedTuple):
    """What a question of a case was answered in a state of health."""
    question: Question
    health: dict
    said: dict        # by explain
    replies: Counter  # by the wire


def origin_of(number):
    return f"r{number:03}.test"


def name_of(number):
    label = ALL[number].query.split()[0]
    return f"{label}.{origin_of(number)}"


def json_of(number):
    """Its record sets, their checks numbered."""
    used = Counter()

    def check_of(letter):
        used[letter] += 1
        at = (used[letter] - 1) % EACH
        return {"H": UP[at], "U": DOWN[at], "F": "flip", "X": "deleted"}[letter]
    origin = origin_of(number)
    return record_sets(ALL[number].groups, origin, Node.zone_id(origin), check_of)


def zone_of(number):
    origin = origin_of(number)
    return Zone(origin, tuple(map(record_set, json_of(number))), Node.zone_id(origin))


@pytest.fixture(name="node", scope="module")
def fixture_node(make):
    ends = {check: make.endpoint(mode="pass" if healthy else "fail")
            for check, healthy in WRITTEN.items()}
    zones = {origin_of(number): (ZONE.format(origin=origin_of(number)), json_of(number))
             for number in ALL}
    node = make.node(zones, [Check(check, end, fall=16) for check, end in ends.items()])
    node.tail = FILES.write(node.folder)
    node.write_config()
    node.ends = ends
    node.start()
    return node


@pytest.fixture(name="client", scope="module")
def fixture_client(node):
    with fast_client.Client(ADDRESSES[0], node.port) as client:
        yield client


def become(node, health):
    """Lets endpoints pass and fail until the checks say so."""
    for check, healthy in health.items():
        node.ends[check].set("pass" if healthy else "refuse" if check == DOWN[0] else "fail")
    node.await_checks(**{check: "healthy" if healthy else "unhealthy"
                         for check, healthy in health.items()})


def questions(number):
    rrtype = ALL[number].query.split()[1]
    return [Question(name_of(number), rrtype, Client(ADDRESSES[0], subnet, LOCATIONS))
            for subnet in subnets(ALL[number].client)]


@pytest.fixture(name="seen", scope="module")
def fixture_seen(node, client):
    """{case: [Seen]}, state by state."""
    found, health = defaultdict(list), WRITTEN
    with Control(node) as control:
        for at, change in enumerate(CHANGES):
            health = health | change
            become(node, health)
            for number in ALL:
                for which, question in enumerate(questions(number)):
                    said = control.ask(op="explain", name=question.name, type=question.type,
                                       client=client_text(question.client))
                    drawn = len(said["answers"]) > 1 and at == which == 0
                    replies = Counter(reply for _, reply in client.ask(
                        [packet(question)] * (SHARED if drawn else QUERIES)))
                    found[number].append(Seen(question, health, said, replies))
    asked = [one for seen in found.values() for one in seen]
    tell(f"ROUTING {len(found)} cases, {len(CHANGES)} states of health, {len(asked)} explains, "
         f"{sum(one.replies.total() for one in asked)} queries, up to {SHARED} a share")
    return found


def written(text):
    """What a row of the spec permits, as the evaluator tells it."""
    permitted = Permitted(text)
    if permitted.outcome != "answer":
        return {permitted.outcome.upper(): Fraction(1)}
    return {AnyOf(take, values, ttl) if take else Answer(ttl, values): share
            for values, ttl, take, share in permitted.answers}


def expected(case, zone, one):
    """By hand where the spec says it, else by the evaluator."""
    if one.health | {"flip": False} == WRITTEN:
        return written(case.recovered if one.health["flip"] and case.recovered else case.permitted)
    return own_answers(zone, one.question.name, one.question.type, one.question.client, one.health)


@pytest.mark.parametrize("number", ALL, ids=lambda number: f"routing_{number:03}")
def test_case(seen, number):
    zone = zone_of(number)
    judge = Judge(zone)
    assert len(seen[number]) == len(CHANGES) * len(subnets(ALL[number].client))
    for one in seen[number]:
        outcome = expected(ALL[number], zone, one)
        assert explained(one.said) == outcome, one
        draws = Counter()
        for wire, count in one.replies.items():
            reply = read(wire, one.question)
            draws[drawn_as(outcome, (reply.links, reply.end))] += count
            assert None not in draws, (reply, outcome)
            scope = one.said.get("client", {"scope": 0})["scope"]
            assert reply.scope == (None if one.question.client.ecs is None else scope)
            assert judge.scope_fault(one.question, reply, some_snapshots(zone, 3)) is None
        for answer, share in outcome.items():
            hold_to_share(draws[answer], one.replies.total(), float(share), answer)


def hold_to_wire(client, number, permitted, count):
    outcome, draws = written(permitted), Counter()
    question, = questions(number)[:1]
    for _, wire in client.ask([packet(question)] * count):
        reply = read(wire, question)
        draws[drawn_as(outcome, (reply.links, reply.end))] += 1
    assert sum(draws[answer] for answer in outcome) == count, draws
    for answer, share in outcome.items():
        hold_to_share(draws[answer], count, float(share), answer)


def test_routing_086_a_recovered_endpoint_gets_its_share_again(node, client):
    for mode, state in (("fail", "unhealthy"), ("pass", "healthy"), ("refuse", "unhealthy"),
                        ("pass", "healthy")):
        node.ends["flip"].set(mode)
        node.await_checks(flip=state)
        hold_to_wire(client, 86, ALL[86].recovered if mode == "pass" else ALL[86].permitted, 2000)


def test_routing_089_every_value_is_in_eight_of_ten_answers(node, client):
    become(node, WRITTEN)
    seen, subsets = Counter(), set()
    for _, reply in client.ask([fast_client.packet(name_of(89))] * MANY):
        values = fast_client.a_records(reply)
        assert len(set(values)) == len(values) == 8
        seen.update(values)
        subsets.add(frozenset(values))
    assert set(seen) == set(range(1, 11))
    assert len(subsets) == 45  # each of them comes 444 times on average
    for value, count in seen.items():
        hold_to_share(count, MANY, float(ALL[89].value_share), value)


def test_routing_090_every_value_is_first_in_a_third(client):
    first = Counter()
    for _, reply in client.ask([fast_client.packet(name_of(90))] * MANY):
        values = fast_client.a_records(reply)
        assert sorted(values) == [1, 2, 3]
        first[values[0]] += 1
    for value in (1, 2, 3):
        hold_to_share(first[value], MANY, float(ALL[90].first_share), value)


def test_routing_092_a_check_that_is_not_there_is_warned_about(node):
    warnings = [one for one in node.status()["warnings"] if "deleted" in one]
    assert warnings and all("r092.test" in one for one in warnings), node.status()["warnings"]


def test_routing_093_scope_is_the_length_that_decided(client):
    for query, bits in ALL[93].scopes:
        label, rrtype = query.split()
        question = Question(f"{label}.{origin_of(93)}", rrtype, questions(93)[0].client)
        for _, wire in client.ask([packet(question)] * QUERIES):
            assert read(wire, question).scope == bits


def test_routing_094_each_answer_is_of_one_health_state(node, client):
    """While health flips, every answer fits the state before or the one after."""
    question, = questions(94)[:1]
    replies, third = set(), []
    for mode in ("pass", "fail", "pass", "fail"):
        node.ends["flip"].set(mode)
        wanted = "healthy" if mode == "pass" else "unhealthy"
        while node.check_states().get("flip") != wanted:
            replies |= {reply for _, reply in client.ask([packet(question)] * 200)}
        after = Counter(reply for _, reply in client.ask([packet(question)] * 500))
        replies |= set(after)
        third.append(sum(count for reply, count in after.items()
                         if read(reply, question).end == (30, frozenset(["192.0.2.3"]))))
    both = written(ALL[94].recovered)
    for reply in replies:
        found = read(reply, question)
        assert drawn_as(both, (found.links, found.end)) is not None, found
    # Once the state has changed, what it forbids does not come again.
    assert [count > 0 for count in third] == [True, False, True, False], third
