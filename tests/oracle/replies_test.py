"""The judge of replies on replies made by hand: what is right passes, everything else is told."""

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from json_zone import record_set
from location_files import GEO_HEADER, LocationFiles
from locations import Client
from replies import Judge, Question, read
from routing_cases import record_sets
from zone import Zone

ORIGIN = "case.test"
UP = {"up": True, "down": False}
DOWN = {"up": False, "down": True}
SUBNET = "10.1.0.0/16"
LOCATIONS = LocationFiles(f"{GEO_HEADER}\n10.1.0.0/16,,DE,,,\n10.2.0.0/16,,JP,,,\n").locations()
GROUPS = {"www CNAME": "W1 one.case.test. [H], W1 two.case.test. [U]",
          "one": "PRI .1 [H], SEC .2 [-]", "two": "PRI .3 [U], SEC .4 [-]",
          "geo": "geo DE .5 [-], geo * .6 [-]", "many": "MV .1 [H], MV .2 [-]"}
MX = [{"Name": f"mx.{ORIGIN}.", "Type": "MX", "TTL": 30,
       "ResourceRecords": [{"Value": f"10 one.{ORIGIN}."}, {"Value": "20 out.example.net."}]}]
ZONE = Zone(ORIGIN, tuple(map(record_set, record_sets(GROUPS, ORIGIN, "Z") + MX)), "Z")
SOA = ("case.test. 60 IN SOA", "ns.example.net. host.example.net. 1 7200 900 1209600 60")


def records(lines):
    """Of "name ttl IN TYPE": values, apart by commas."""
    for head, values in lines:
        name, ttl, rrclass, rrtype = head.split()
        yield dns.rrset.from_text(name, int(ttl), rrclass, rrtype, *values.split(", "))


def fault(query, answer, additional=(), negative=False, health=None, scope=0, rcode="NOERROR",
          copies=1):
    """What is wrong with a reply, in either of its parts; None when nothing is."""
    label, rrtype = query.split()
    question = Question(f"{label}.{ORIGIN}", rrtype, Client("192.0.2.1", SUBNET, LOCATIONS))
    asked = dns.message.make_query(question.name, rrtype, use_edns=0)
    message = dns.message.make_response(asked)
    message.flags |= dns.flags.AA
    message.set_rcode(dns.rcode.from_text(rcode))
    message.use_edns(0, options=[dns.edns.ECSOption("10.1.0.0", 16, scope)])
    message.answer += [*records(answer)] * copies
    message.additional += records(additional)
    message.authority += records([SOA] if negative else [])
    judge = Judge(ZONE)
    try:
        reply = read(message.to_wire()[2:], question)
    except ValueError as error:
        return str(error)
    return judge.fault(question, reply, health or UP) or \
        judge.scope_fault(question, reply, [UP, DOWN])


ONE = ("one.case.test. 30 IN A", "192.0.2.1")
TO_ONE = ("www.case.test. 30 IN CNAME", "one.case.test.")
MX_RECORDS = ("mx.case.test. 30 IN MX", "10 one.case.test., 20 out.example.net.")


@pytest.mark.parametrize("query, answer, options", [
    ("one A", [ONE], {}), ("www A", [TO_ONE, ONE], {}),
    ("www TXT", [TO_ONE], {"negative": True}), ("one TXT", [], {"negative": True}),
    ("none A", [], {"negative": True, "rcode": "NXDOMAIN"}),
    ("mx MX", [MX_RECORDS], {"additional": [ONE]}),
    ("many A", [("many.case.test. 30 IN A", "192.0.2.2, 192.0.2.1")], {}),
    ("geo A", [("geo.case.test. 30 IN A", "192.0.2.5")], {"scope": 16})])
def test_what_is_right_passes(query, answer, options):
    assert fault(query, answer, **options) is None


@pytest.mark.parametrize("query, answer, options, told", [
    ("one A", [ONE], {"health": DOWN}, "none of"),
    ("one A", [("one.case.test. 31 IN A", "192.0.2.1")], {}, "none of"),
    ("one A", [("two.case.test. 30 IN A", "192.0.2.1")], {}, "expected A of one.case.test."),
    ("one A", [ONE], {"copies": 2}, "twice"),
    ("one A", [], {"negative": True}, "none of"),
    ("one A", [ONE], {"negative": True}, "an answer with"),
    ("one A", [ONE], {"rcode": "SERVFAIL"}, "SERVFAIL"),
    ("none A", [], {"negative": True}, "none of"),
    # Parts of two states: the CNAME of one with the target of the other.
    ("www A", [TO_ONE, ("one.case.test. 30 IN A", "192.0.2.2")], {}, "none of"),
    ("www A", [("www.case.test. 30 IN CNAME", "two.case.test."),
               ("two.case.test. 30 IN A", "192.0.2.3")], {}, "none of"),
    ("www A", [TO_ONE], {"negative": True}, "none of"), ("www A", [TO_ONE], {}, "none of"),
    ("mx MX", [MX_RECORDS], {}, "is not beside"),
    ("mx MX", [MX_RECORDS], {"additional": [("one.case.test. 30 IN A", "192.0.2.2")]},
     "additional one"),
    ("mx MX", [MX_RECORDS], {"additional": [ONE, ("two.case.test. 30 IN A", "192.0.2.4")]},
     "two.case.test. A beside"),
    ("many A", [("many.case.test. 30 IN A", "192.0.2.1")], {}, "none of"),
    ("geo A", [("geo.case.test. 30 IN A", "192.0.2.5")], {"scope": 14}, "scope 14"),
    ("geo A", [("geo.case.test. 30 IN A", "192.0.2.6")], {"scope": 16}, "none of")])
def test_what_is_wrong_is_told(query, answer, options, told):
    found = fault(query, answer, **options)
    assert found is not None and told in found, found
