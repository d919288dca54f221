"""Whether a client counts by the subnet that its query carries: [location] client_subnet, as the
supervisor hands it to the processes that answer.
"""

import pytest
from asking import ZONE, packet
from fast_client import Client, message
from holdfast_node import ADDRESSES, Node, needs_programs
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
    node.stop()
    start(node, True)
    value, scope = answers(node, subnet)
    assert value == (3 if subnet == "192.0.2.0/24" else 2) and scope > 0
    assert answers(node, None) == (1, None)
