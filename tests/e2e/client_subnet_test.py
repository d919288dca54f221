"""Whether a client counts by the subnet that its query carries: [location] client_subnet, as the
supervisor hands it to the processes that answer; and how far the answer is said to hold then.
"""

import json
from collections import defaultdict

import pytest
from asking import ZONE, packet
from fast_client import Client, message
from holdfast_node import ADDRESSES, Check, Node, needs_programs
from location_files import GEO_HEADER, LocationFiles
from locations import Client as Who
from replies import Question, scope_of
from routing_cases import record_sets

pytestmark = needs_programs

ORIGIN = "subnet.test"
GROUPS = {"www": "geo DE .1 [-], geo JP .2 [-], geo * .3 [-]"}
GEO = f"{GEO_HEADER}\n127.0.0.0/8,,DE,,,\n198.51.100.0/24,,JP,,,\n2001:db8::/32,,JP,,,\n"


def start(node, client_subnet):
    files = LocationFiles(GEO, settings={"client_subnet": client_subnet})
    node.tail = files.write(node.folder)
    node.write_config()
    node.start()


def answers(node, subnet):
    """(last octet, scope or None) over IPv4, from 127.0.0.1."""
    question = Question(f"www.{ORIGIN}", "A", Who(ADDRESSES[0], subnet))
    with Client(ADDRESSES[0], node.port) as way:
        (_, reply), = way.ask([packet(question)])
    read = message(reply)
    assert read.edns == 0
    value, = [item.address for rrset in read.answer for item in rrset]
    asked = question.client if read.options else Who(ADDRESSES[0])
    return int(value.rsplit(".", 1)[1]), scope_of(read, asked)


@pytest.mark.parametrize("subnet", ["198.51.100.0/24", "2001:db8::/48", "192.0.2.0/24"])
def test_a_subnet_counts_unless_the_file_says_no(make_one, subnet):
    node = make_one.node({ORIGIN: (ZONE.format(origin=ORIGIN),
                                   record_sets(GROUPS, ORIGIN, Node.zone_id(ORIGIN)))})
    start(node, False)
    assert answers(node, subnet) == answers(node, None) == (1, None)
    said = json.loads(node.call("explain", f"www.{ORIGIN}", "A", "--client", subnet,
                                "--json").stdout)["client"]
    assert said["scope"] == 0 and "client_subnet is false" in said["note"]
    node.stop()
    start(node, True)
    value, scope = answers(node, subnet)
    assert value == (3 if subnet == "192.0.2.0/24" else 2) and scope > 0
    assert answers(node, None) == (1, None)


LED = {"www": GROUPS["www"], "fixed": ".9 [-]",
       "name CNAME": f"PRI fixed.{ORIGIN}. [F], SEC www.{ORIGIN}. [-]",
       "two CNAME": f"PRI fixed.{ORIGIN}. [F], SEC name.{ORIGIN}. [-]",
       "loop CNAME": f"PRI two.{ORIGIN}. [F], SEC loop.{ORIGIN}. [-]",
       "calm CNAME": f"PRI fixed.{ORIGIN}. [F], SEC none.{ORIGIN}. [-]"}
MAIL = [{"Name": f"mail.{ORIGIN}.", "Type": "MX", "SetIdentifier": target, "Weight": 1, "TTL": 30,
         "ResourceRecords": [{"Value": f"10 {target}.{ORIGIN}."}]} for target in ("fixed", "www")]


@pytest.mark.parametrize("subnet", ["198.51.100.0/24", "2001:db8::/48", "192.0.2.0/24"])
def test_the_scope_is_the_same_whatever_health_and_draws_lead_to(make_one, subnet):
    sets = record_sets(LED, ORIGIN, Node.zone_id(ORIGIN), lambda _: "k") + MAIL
    node = make_one.node({ORIGIN: (ZONE.format(origin=ORIGIN), sets)},
                         [Check("k", make_one.endpoint(mode="pass"))])
    start(node, True)
    seen = defaultdict(set)  # name: (scope, what it was led to)
    for health in ("healthy", "unhealthy", "healthy"):
        node.call("health", "set", "k", health)
        with Client(ADDRESSES[0], node.port) as way:
            for name, rrtype in [*((one.split()[0], "A") for one in LED), ("mail", "MX")]:
                question = Question(f"{name}.{ORIGIN}", rrtype, Who(ADDRESSES[0], subnet))
                for _, reply in way.ask([packet(question)] * 200):
                    read = message(reply)
                    seen[name].add((scope_of(read, question.client),
                                    str(read.answer[-1]), str(read.additional)))
                said = json.loads(node.call("explain", question.name, rrtype, "--client", subnet,
                                            "--json").stdout)["client"]["scope"]
                assert {scope for scope, *_ in seen[name]} == {said}, (name, seen[name])
    assert len({scope for name, found in seen.items() for scope, *_ in found}) == 2
    assert {scope for scope, *_ in seen["calm"] | seen["fixed"]} == {0}
    assert all(len(seen[name]) > 1 for name in ("name", "two", "loop", "calm", "mail")), seen
