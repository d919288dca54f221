"""`holdfast explain` about clients on a running node: the scope that the wire says, the file that
located the client, and a second call that does not work it all out again.
"""

import ipaddress
import json
import time

import dns.edns
import dns.message
import dns.query
import pytest
from asking import ZONE
from holdfast_node import ADDRESSES, Node, needs_programs
from location_files import GEO_HEADER, LocationFiles
from routing_cases import record_sets

pytestmark = needs_programs

ORIGIN = "why.test"
GROUPS = {"www": "geo DE .1 [-], geo JP .2 [-], geo * .3 [-]"}
GEO = f"{GEO_HEADER}\n127.0.0.0/8,,DE,,,\n198.51.100.0/24,,JP,,,\n2001:db8::/32,,JP,,,\n"
RECORDS = """c1   IN CNAME c2
c2   IN CNAME www
mail IN MX 10 www
_sip._tcp IN SRV 0 0 5060 www
old  IN DNAME new
x.new IN CNAME www
still IN A 192.0.2.77
"""
ASKED = (("www", "A"), ("c1", "A"), ("mail", "MX"), ("_sip._tcp", "SRV"), ("x.old", "A"),
         ("still", "A"))


def located(make_one, geo, groups=None):
    node = make_one.node({ORIGIN: (ZONE.format(origin=ORIGIN) + RECORDS,
                                   record_sets(groups or GROUPS, ORIGIN, Node.zone_id(ORIGIN)))})
    node.tail = LocationFiles(geo).write(node.folder)
    node.write_config()
    return node.start()


def scope_on_the_wire(node, name, rrtype, subnet):
    network = ipaddress.ip_network(subnet)
    query = dns.message.make_query(f"{name}.{ORIGIN}", rrtype, use_edns=0, options=[
        dns.edns.ECSOption(str(network.network_address), network.prefixlen)])
    reply = dns.query.udp(query, ADDRESSES[0], port=node.port, timeout=5)
    option, = reply.options
    return option.scopelen


def explained(node, name, rrtype, subnet):
    return json.loads(node.call("explain", f"{name}.{ORIGIN}", rrtype, "--client", subnet,
                                "--json").stdout)["client"]


@pytest.mark.parametrize("subnet", ["198.51.100.0/24", "2001:db8:7::/48", "192.0.2.0/24"])
def test_the_scope_is_that_of_the_reply(make_one, subnet):
    node = located(make_one, GEO)
    for name, rrtype in ASKED:
        scope = scope_on_the_wire(node, name, rrtype, subnet)
        said = explained(node, name, rrtype, subnet)
        assert said["scope"] == scope, (name, said)
        assert (scope > 0) == (name != "still"), name
        assert ("note" in said) == (name == "still"), said
    text = node.call("explain", f"c1.{ORIGIN}", "A", "--client", subnet).stdout
    assert f"www.{ORIGIN}. A, which is gone on to, depends on the client too: scope /" in text
    text = node.call("explain", f"mail.{ORIGIN}", "MX", "--client", subnet).stdout
    assert f"www.{ORIGIN}. A, beside the answer, depends on the client too: scope /" in text


def test_the_file_that_located_the_client_is_named(make_one):
    node = located(make_one, GEO)
    path = str(node.folder / "locations.csv")
    said = explained(node, "www", "A", "198.51.100.0/24")
    assert said["known"] == {"geo": "AS JP"} and said["files"] == {"geo": [path]}
    text = node.call("explain", f"www.{ORIGIN}", "A", "--client", "198.51.100.0/24").stdout
    assert f"\n    geo: AS JP ({path})\n" in text


def test_a_second_call_does_not_locate_everybody_again(make_one):
    """150,000 prefixes in as many places: what a call works out for them is kept, until a load
    brings other ones."""
    rows = (f"{10 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/24,,,,{i % 500 * 0.25 - 60},"
            f"{i // 500 * 0.25 - 150}" for i in range(150_000))
    geo = "\n".join([GEO_HEADER, *rows]) + "\n"
    sets = [{"Name": f"near.{ORIGIN}.", "Type": "A", "SetIdentifier": str(i), "TTL": 30,
             "GeoProximityLocation": {"Coordinates": {"Latitude": str(i * 10 - 40),
                                                      "Longitude": str(i * 30 - 100)}},
             "ResourceRecords": [{"Value": f"192.0.2.{i + 1}"}]} for i in range(8)]
    node = make_one.node({ORIGIN: (ZONE.format(origin=ORIGIN), sets)})
    node.tail = LocationFiles(geo).write(node.folder)
    node.write_config("128M")
    node.start()

    def ask():
        begin = time.monotonic()
        said = node.request(op="explain", name=f"near.{ORIGIN}", type="A", client="10.9.9.0/24")
        return time.monotonic() - begin, said["client"]

    (first, said), again = ask(), [ask() for _ in range(5)]
    assert all(one == said for _, one in again)
    assert min(took for took, _ in again) < first / 10, (first, again)
    moved = geo.replace("\n10.9.9.0/24,,,,", "\n10.9.8.0/25,,,,")
    (node.folder / "locations.csv").write_text(moved)
    node.call("reload")
    assert ask()[1] != said
