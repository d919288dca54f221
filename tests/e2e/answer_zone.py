"""Two zones with every form of answer, and the whole reply to each of a list of queries, section by
section. Asked over every way in: sockets (answers_test.py) and AF_XDP (afxdp_answers_test.py).
"""

import socket
from collections import Counter

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

ORIGIN = "ans.test"
SHORT = "short.test"  # its SOA's TTL is below its minimum

ZONE = """$ORIGIN ans.test.
$TTL 300
@       3600 IN SOA ns1 hostmaster 7 7200 900 1209600 120
@       IN NS    ns1
@       IN NS    ns2
ns1     IN A     192.0.2.53
ns1     IN AAAA  2001:db8::53
ns2     IN A     192.0.2.54
www     IN A     192.0.2.80
www     IN AAAA  2001:db8::80
multi   IN A     192.0.2.1
multi   IN A     192.0.2.2
multi   IN A     192.0.2.3
mx      IN MX    10 mail
mail    60 IN A  192.0.2.25
text    IN TXT   "hello world" "two"
*.wild  IN A     192.0.2.99
*.wild  IN TXT   "any"
here.wild IN A   192.0.2.98
a.b.deep IN A    192.0.2.70
alias   60 IN CNAME www
alias2  30 IN CNAME alias
out     IN CNAME www.example.net.
lost    IN CNAME nothere
empty   IN CNAME deep
torout  IN CNAME f
sub     IN NS    ns1.sub
sub     IN NS    ns.example.net.
ns1.sub IN A     192.0.2.60
ns1.sub IN AAAA  2001:db8::60
""" + "".join(f'big     IN TXT   "{number:02} {"x" * 60}"\n' for number in range(24))

SHORT_ZONE = """$ORIGIN short.test.
@ 60 IN SOA ns.example.net. hostmaster.example.net. 1 7200 900 1209600 900
@ 60 IN NS ns.example.net.
"""


def _set(name, identifier, values, check=None, **more):
    made = {"Name": f"{name}.{ORIGIN}.", "Type": "A", "SetIdentifier": identifier, "TTL": 20,
            "ResourceRecords": [{"Value": value} for value in values], **more}
    if check:
        made["HealthCheckId"] = check
    return made


RECORD_SETS = [
    _set("f", "p", ["198.51.100.1"], "up", Failover="PRIMARY"),
    _set("f", "s", ["198.51.100.2"], None, Failover="SECONDARY"),
    _set("g", "p", ["198.51.100.3"], "down", Failover="PRIMARY"),
    _set("g", "s", ["198.51.100.4"], None, Failover="SECONDARY"),
    _set("w", "1", ["198.51.100.11"], "up", Weight=1),
    _set("w", "2", ["198.51.100.12"], "down", Weight=1),
    _set("mv", "1", ["198.51.100.21"], "up", MultiValueAnswer=True),
    _set("mv", "2", ["198.51.100.22"], None, MultiValueAnswer=True),
    _set("*.rw", "p", ["198.51.100.31"], "down", Failover="PRIMARY"),
    _set("*.rw", "s", ["198.51.100.32"], None, Failover="SECONDARY"),
]

ZONES = {ORIGIN: (ZONE, RECORD_SETS), SHORT: (SHORT_ZONE, [])}

SOA = ["@ 120 SOA ns1.ans.test. hostmaster.ans.test. 7 7200 900 1209600 120"]
SHORT_SOA = ["short.test. 60 SOA ns.example.net. hostmaster.example.net. 1 7200 900 1209600 900"]
CUT = ["sub 300 NS ns1.sub.ans.test.", "sub 300 NS ns.example.net."]
GLUE = ["ns1.sub 300 A 192.0.2.60", "ns1.sub 300 AAAA 2001:db8::60"]
NS_GLUE = ["ns1 300 A 192.0.2.53", "ns1 300 AAAA 2001:db8::53", "ns2 300 A 192.0.2.54"]


def _row(name, rrtype, answer=(), authority=(), additional=(), rcode="NOERROR", authoritative=True):
    return name, rrtype, rcode, authoritative, answer, authority, additional


ROWS = {
    "a": _row("www", "A", ["www 300 A 192.0.2.80"]),
    "aaaa": _row("www", "AAAA", ["www 300 AAAA 2001:db8::80"]),
    "letter_case": _row("wWw", "A", ["www 300 A 192.0.2.80"]),
    "three": _row("multi", "A", [f"multi 300 A 192.0.2.{n}" for n in (1, 2, 3)]),
    "text": _row("text", "TXT", ['text 300 TXT "hello world" "two"']),
    "mail": _row("mx", "MX", ["mx 300 MX 10 mail.ans.test."], (), ["mail 60 A 192.0.2.25"]),
    "apex_ns": _row("@", "NS", ["@ 300 NS ns1.ans.test.", "@ 300 NS ns2.ans.test."], (), NS_GLUE),
    "apex_soa": _row("@", "SOA", [SOA[0].replace("@ 120", "@ 3600")]),
    "nxdomain": _row("nothere", "A", (), SOA, rcode="NXDOMAIN"),
    "nxdomain_deep": _row("x.y.z.www", "A", (), SOA, rcode="NXDOMAIN"),
    "nodata": _row("www", "MX", (), SOA),
    "apex_nodata": _row("@", "TXT", (), SOA),
    "negative_ttl_of_the_record": _row("no.short.test.", "A", (), SHORT_SOA, rcode="NXDOMAIN"),
    "negative_ttl_of_the_record_nodata": _row("short.test.", "A", (), SHORT_SOA),
    "empty_non_terminal": _row("deep", "A", (), SOA),
    "empty_non_terminal_below": _row("b.deep", "A", (), SOA),
    "below_an_empty_non_terminal": _row("a.b.deep", "A", ["a.b.deep 300 A 192.0.2.70"]),
    "beside_an_empty_non_terminal": _row("c.deep", "A", (), SOA, rcode="NXDOMAIN"),
    "wildcard": _row("one.wild", "A", ["one.wild 300 A 192.0.2.99"]),
    "wildcard_deep": _row("two.one.wild", "TXT", ['two.one.wild 300 TXT "any"']),
    "wildcard_nodata": _row("one.wild", "AAAA", (), SOA),
    "wildcard_itself": _row("*.wild", "A", ["*.wild 300 A 192.0.2.99"]),
    "wildcard_parent": _row("wild", "A", (), SOA),
    "wildcard_beaten": _row("here.wild", "A", ["here.wild 300 A 192.0.2.98"]),
    "wildcard_blocked": _row("x.here.wild", "A", (), SOA, rcode="NXDOMAIN"),
    "cname": _row("alias", "CNAME", ["alias 60 CNAME www.ans.test."]),
    "cname_chased": _row("alias", "A", ["alias 60 CNAME www.ans.test.", "www 300 A 192.0.2.80"]),
    "cname_chain": _row("alias2", "AAAA", [
        "alias2 30 CNAME alias.ans.test.", "alias 60 CNAME www.ans.test.",
        "www 300 AAAA 2001:db8::80"]),
    "cname_out": _row("out", "A", ["out 300 CNAME www.example.net."]),
    "cname_to_nothing": _row("lost", "A", ["lost 300 CNAME nothere.ans.test."], SOA,
                             rcode="NXDOMAIN"),
    "cname_to_nodata": _row("empty", "A", ["empty 300 CNAME deep.ans.test."], SOA),
    "cname_to_routed": _row("torout", "A", ["torout 300 CNAME f.ans.test.",
                                            "f 20 A 198.51.100.1"]),
    "cut": _row("sub", "A", (), CUT, GLUE, authoritative=False),
    "below_a_cut": _row("x.sub", "A", (), CUT, GLUE, authoritative=False),
    "glue_is_not_ours": _row("ns1.sub", "A", (), CUT, GLUE, authoritative=False),
    "not_served": _row("www.example.org.", "A", rcode="REFUSED", authoritative=False),
    "failover": _row("f", "A", ["f 20 A 198.51.100.1"]),
    "failover_moved": _row("g", "A", ["g 20 A 198.51.100.4"]),
    "failover_nodata": _row("f", "AAAA", (), SOA),
    "weighted": _row("w", "A", ["w 20 A 198.51.100.11"]),
    "multivalue": _row("mv", "A", ["mv 20 A 198.51.100.21", "mv 20 A 198.51.100.22"]),
    "routed_wildcard": _row("x.rw", "A", ["x.rw 20 A 198.51.100.32"]),
}


def absolute(name):
    return name if name.endswith(".") else f"{ORIGIN}." if name == "@" else f"{name}.{ORIGIN}."


def _wanted(lines):
    lines = [line.split(" ", 1) for line in lines]
    return Counter(f"{absolute(owner)} {rest}" for owner, rest in lines)


def _found(section):
    return Counter(f"{rrset.name.to_text().lower()} {rrset.ttl} "
                   f"{dns.rdatatype.to_text(rrset.rdtype)} {item.to_text().lower()}"
                   for rrset in section for item in rrset)


def hold(row, reply):
    """The whole reply, orders aside."""
    name, _, rcode, authoritative, *sections = ROWS[row]
    assert dns.rcode.to_text(reply.rcode()) == rcode, reply
    assert bool(reply.flags & dns.flags.AA) is authoritative, reply
    assert not reply.flags & (dns.flags.TC | dns.flags.RA), reply
    assert reply.question[0].name.to_text() == absolute(name)  # as it was spelled
    for wanted, found in zip(sections, (reply.answer, reply.authority, reply.additional)):
        assert _found(found) == _wanted(wanted), reply


class Asker:
    """Asks one server over any transport; `make_socket(family, kind)` says from where."""

    def __init__(self, make_socket, port, address4, address6):
        self.make_socket, self.port = make_socket, port
        self.address = {4: address4, 6: address6}

    def ask(self, query, family=4, tcp=False):
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        with self.make_socket(socket.AF_INET if family == 4 else socket.AF_INET6, kind) as way:
            way.settimeout(5)
            way.connect((self.address[family], self.port))
            if tcp:
                dns.query.send_tcp(way, query)
                return dns.query.receive_tcp(way)[0]
            way.send(query.to_wire())
            return dns.message.from_wire(way.recv(65535))

    def row(self, row, family=4, tcp=False, **options):
        name, rrtype, *_ = ROWS[row]
        query = dns.message.make_query(absolute(name), rrtype, **options)
        reply = self.ask(query, family, tcp)
        assert reply.id == query.id
        return reply


def hold_every_way(asker, row):
    for family in (4, 6):
        for tcp in (False, True):
            reply = asker.row(row, family, tcp)
            hold(row, reply)
            assert reply.edns == -1  # nobody asked for it
            reply = asker.row(row, family, tcp, use_edns=0, payload=1232)
            hold(row, reply)
            assert reply.edns == 0 and reply.payload >= 512 and not reply.ednsflags


def hold_sizes(asker):
    """What does not fit is cut off over UDP, whole over TCP."""
    query = {"qname": absolute("big"), "rdtype": "TXT"}
    for family in (4, 6):
        for options in ({}, {"use_edns": 0, "payload": 600}, {"use_edns": 0, "payload": 1232}):
            cut = asker.ask(dns.message.make_query(**query, **options), family)
            assert cut.flags & dns.flags.TC and len(cut.to_wire()) <= options.get("payload", 512)
        whole = asker.ask(dns.message.make_query(**query), family, tcp=True)
        assert not whole.flags & dns.flags.TC
        assert sum(len(rrset) for rrset in whole.answer) == 24


def hold_edns(asker):
    for family in (4, 6):
        for tcp in (False, True):
            query = dns.message.make_query(absolute("www"), "A")
            query.use_edns(edns=1)
            new = asker.ask(query, family, tcp)
            assert new.rcode() == dns.rcode.BADVERS and new.edns == 0 and not new.answer
            unknown = [dns.edns.GenericOption(65001, b"abc")]
            reply = asker.row("a", family, tcp, use_edns=0, options=unknown)
            hold("a", reply)
            assert not reply.options
