"""Rows of the conformance list that are about whole replies, each by its id, over kernel sockets
(UDP and TCP) and over AF_XDP; and rows about what a zone file may hold, by `holdfast check`.
"""

import contextlib
import socket
import struct
import subprocess
import time

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
from conformance_zone import CHILD, CHILD_ZONE, LONGEST, ORIGIN, ZONE
from conftest import open_folder
from holdfast_node import ADDRESSES, BINARIES, Node, needs_programs
from lab_site import ADDRESS4, DATAPLANE, lab, needs_lab

pytestmark = needs_programs


class Way:
    def __init__(self, make_socket, address, port, tcp):
        self.make_socket, self.where, self.tcp = make_socket, (address, port), tcp

    def open(self, kind=None):
        way = self.make_socket(socket.AF_INET, kind or (
            socket.SOCK_STREAM if self.tcp else socket.SOCK_DGRAM))
        way.settimeout(5)
        way.connect(self.where)
        return way

    def raw(self, wire):
        with self.open() as way:
            if not self.tcp:
                way.send(wire)
                return way.recv(65535)
            way.sendall(struct.pack(">H", len(wire)) + wire)
            return self.received(way)

    @staticmethod
    def received(way):
        with way.makefile("rb") as stream:
            return stream.read(struct.unpack(">H", stream.read(2))[0])

    def ask(self, name, kind="A", **options):
        full = name if name.endswith(".") else f"{name}.{ORIGIN}."
        query = dns.message.make_query(full, kind, **options)
        reply = dns.message.from_wire(self.raw(query.to_wire()), ignore_trailing=False)
        assert reply.id == query.id
        return reply


@pytest.fixture(name="ways", scope="module")
def fixture_ways():
    """{"udp", "tcp": kernel sockets, "af_xdp": in a lab}; those that this machine has."""
    zones = {ORIGIN: (ZONE, []), CHILD: (CHILD_ZONE, [])}
    with open_folder() as one, open_folder() as other, contextlib.ExitStack() as stack:
        node = Node(one, zones)
        stack.callback(node.close)
        node.start()
        found = {kind: Way(socket.socket, ADDRESSES[0], node.port, kind == "tcp")
                 for kind in ("udp", "tcp")}
        if not any(mark.args[0] for mark in needs_lab):
            site = stack.enter_context(lab(Node(other, zones, tail=DATAPLANE).config))
            found["af_xdp"] = Way(site.make_socket, ADDRESS4, 53, False)
        yield found


@pytest.fixture(name="way", params=["udp", "tcp", "af_xdp"])
def fixture_way(ways, request):
    if request.param not in ways:
        pytest.skip("needs a lab")
    return ways[request.param]


def items(section):
    return sorted((rrset.name.to_text(), dns.rdatatype.to_text(rrset.rdtype), rrset.ttl,
                   item.to_text()) for rrset in section for item in rrset)


def soa(reply):
    (one,) = reply.authority
    assert one.rdtype == dns.rdatatype.SOA
    return one.name.to_text(), one.ttl


def is_nodata(reply):
    return reply.rcode() == dns.rcode.NOERROR and not reply.answer and soa(reply)


def is_referral(reply):
    return (not reply.flags & dns.flags.AA and not reply.answer and
            [one.rdtype for one in reply.authority] == [dns.rdatatype.NS])


# ---- header, names ------------------------------------------------------------------------------

def test_conf_H12_no_aa_on_a_referral(way):
    assert is_referral(way.ask("host.sub"))


def test_conf_H22_conf_E07_the_extended_rcode_needs_an_opt(way):
    query = dns.message.make_query(f"www.{ORIGIN}", "A", use_edns=0).to_wire()
    wire = way.raw(query[:-5] + b"\1" + query[-4:])  # version 1
    assert wire[3] & 15 == 0  # low bits of 16
    reply = dns.message.from_wire(wire)
    assert reply.rcode() == dns.rcode.BADVERS and reply.ednsflags >> 24 == 1 and reply.edns == 0
    assert not reply.answer


def test_conf_N02_the_questions_case_comes_back(way):
    for name in (f"wWw.{ORIGIN}", "WWW.ExAmPlE.TeSt", f"nOtHiNg.{ORIGIN}"):
        wire = dns.message.make_query(name, "A").to_wire()
        assert way.raw(wire)[12:12 + len(name) + 2] == wire[12:12 + len(name) + 2]


def test_conf_N03_owners_as_asked_and_targets_as_stored(way):
    reply = way.ask("TOCASE")
    assert [rrset.name.to_text() for rrset in reply.answer] == [
        f"TOCASE.{ORIGIN}.", f"Case.{ORIGIN}."]
    assert reply.answer[0][0].target.to_text() == f"Case.{ORIGIN}."


def test_conf_N13_a_dot_in_a_label_is_no_end_of_it(way):
    assert items(way.ask("a\\.b").answer)[0][3] == "192.0.2.82"
    assert way.ask("a.b").rcode() == dns.rcode.NXDOMAIN


def test_conf_Q16_what_could_be_read_comes_back_with_formerr(way):
    wire = struct.pack(">6H", 0x4321, 0x0100, 1, 0, 0, 0) + b"\x41bad"
    reply = way.raw(wire)
    ident, flags = struct.unpack_from(">2H", reply)
    assert ident == 0x4321 and flags & 0x8100 == 0x8100 and flags & 15 == dns.rcode.FORMERR


# ---- answers ------------------------------------------------------------------------------------

def test_conf_A05_the_type_cname_gives_the_cname_alone(way):
    assert items(way.ask("alias", "CNAME").answer) == [
        (f"alias.{ORIGIN}.", "CNAME", 300, f"www.{ORIGIN}.")]


def test_conf_A17_cname_below_a_dname_is_redirected(way):
    found = items(way.ask("www.dn", "CNAME").answer)
    assert [(owner, kind) for owner, kind, _, _ in found] == [
        (f"dn.{ORIGIN}.", "DNAME"), (f"www.dn.{ORIGIN}.", "CNAME")]


def test_conf_A20_conf_A22_the_whole_set_in_any_order(way):
    firsts = set()
    for _ in range(60):
        reply = way.ask("multi")
        assert [item[3] for item in items(reply.answer)] == [f"198.51.100.{n}" for n in range(1, 9)]
        firsts.add(reply.answer[0][0].address)
    assert len(firsts) > 1


def test_conf_A21_soa_and_ns_of_the_apex_are_answers(way):
    for kind in ("SOA", "NS"):
        reply = way.ask(f"{ORIGIN}.", kind)
        assert reply.flags & dns.flags.AA and reply.answer and not reply.authority


def test_conf_W02_a_wildcard_covers_several_labels(way):
    assert items(way.ask("a.b.w").answer) == [(f"a.b.w.{ORIGIN}.", "A", 300, "192.0.2.84")]


def test_conf_W04_conf_W14_an_empty_non_terminal_is_there(way):
    assert is_nodata(way.ask("ent"))
    assert way.ask("b.ent").rcode() == dns.rcode.NXDOMAIN


def test_conf_W05_a_name_that_is_there_is_the_closest_encloser(way):
    assert is_nodata(way.ask("host.w"))
    assert way.ask("x.host.w").rcode() == dns.rcode.NXDOMAIN


def test_conf_W08_no_wildcard_below_a_cut(way):
    assert is_referral(way.ask("x.cut.below"))
    assert way.ask("x.below").answer


def test_conf_D04_glue_is_no_answer(way):
    reply = way.ask("ns1.sub")
    assert is_referral(reply) and items(reply.additional)[0][3] == "192.0.2.88"


def test_conf_D05_ns_of_the_cut_is_a_referral(way):
    assert is_referral(way.ask("sub", "NS"))
    assert is_referral(way.ask("sub", "TXT"))  # what lies beside it is hidden


def test_conf_X02_conf_X03_nodata_has_the_soa_with_the_lower_ttl(way):
    assert is_nodata(way.ask("www", "MX")) == (f"{ORIGIN}.", 60)
    assert soa(way.ask("missing")) == (f"{ORIGIN}.", 60)


def test_conf_X04_the_soa_is_the_deepest_zones(way):
    assert soa(way.ask("missing.child")) == (f"{CHILD}.", 30)
    assert soa(way.ask("other.missing")) == (f"{ORIGIN}.", 60)


def test_conf_Y03_conf_Y05_any_is_small_and_alike_on_every_way(ways):
    for name, kinds in (("www", 1), ("alias", 1)):
        replies = [items(way.ask(name, "ANY").answer) for way in ways.values()]
        assert all(reply == replies[0] for reply in replies)
        assert len({kind for _, kind, _, _ in replies[0]}) == kinds
    assert replies[0][0][1] == "CNAME" and len(replies[0]) == 1


# ---- EDNS and sizes -----------------------------------------------------------------------------

@pytest.mark.parametrize("name, kind, rcode", [
    ("www", "A", dns.rcode.NOERROR), ("missing", "A", dns.rcode.NXDOMAIN),
    ("www.example.invalid.", "A", dns.rcode.REFUSED), ("www", "MAILA", dns.rcode.NOTIMP),
    ("www", "OPT", dns.rcode.FORMERR)])
def test_conf_E02_an_opt_has_an_opt_back(way, name, kind, rcode):
    reply = way.ask(name, kind, use_edns=0, payload=4096)
    assert reply.rcode() == rcode and reply.edns == 0 and reply.payload == 1232


def test_conf_E11_do_comes_back(way):
    assert way.ask("www", want_dnssec=True).ednsflags == dns.flags.DO
    assert way.ask("www", use_edns=0).ednsflags == 0


def sized(way, name, kind, payload):
    return way.raw(dns.message.make_query(f"{name}.{ORIGIN}", kind, use_edns=0,
                                          payload=payload).to_wire())


def test_conf_E04_conf_E05_conf_T03_sizes_of_udp(ways):
    for name, way in ways.items():
        if name == "tcp":
            continue
        for payload in (512, 700, 1232, 4096):
            wire = sized(way, "big", "TXT", payload)
            reply = dns.message.from_wire(wire)
            assert reply.flags & dns.flags.TC and not reply.answer and not reply.authority
            assert len(wire) <= min(payload, 1232)


def test_conf_T01_additional_data_that_does_not_fit_is_left_out(ways):
    reply = ways["udp"].ask("many", "MX")
    assert len(reply.answer[0]) == 8 and not reply.flags & dns.flags.TC
    whole = ways["tcp"].ask("many", "MX")
    assert len(whole.additional) > len(reply.additional)
    assert ways["udp"].ask("rows", "MX").flags & dns.flags.TC  # required data does not fit


def test_conf_T04_sizes_step_exactly(ways):
    """Of a set whose reply grows by an octet with each octet of the name that is asked for."""
    query = f"{{}}.step.{ORIGIN}"
    whole = len(ways["tcp"].raw(dns.message.make_query(query.format("m"), "TXT").to_wire()))
    missing = 512 - whole
    assert 0 < missing < 62
    for name, way in ways.items():
        for octets, is_cut in ((missing + 1, False), (missing + 2, True)):
            wire = way.raw(dns.message.make_query(query.format("m" * octets), "TXT").to_wire())
            assert bool(wire[2] & 2) is (is_cut and name != "tcp"), (name, len(wire))
            assert is_cut or len(wire) == 512


def test_conf_T06_conf_R02_names_are_compressed_in_old_types_alone(way):
    name = dns.name.from_text(f"www.{ORIGIN}").to_wire()
    for owner, kind in (("mx", "MX"), ("ptr", "PTR")):
        assert name not in way.raw(dns.message.make_query(f"{owner}.{ORIGIN}", kind).to_wire())
    for owner, kind in (("srv", "SRV"), ("other", "HTTPS")):
        assert name in way.raw(dns.message.make_query(f"{owner}.{ORIGIN}", kind).to_wire())


def test_conf_T07_a_reply_of_64_kilobytes_has_no_pointer_beyond_16383(ways):
    wire = ways["tcp"].raw(dns.message.make_query(f"huge.{ORIGIN}", "TXT").to_wire())
    assert len(wire) > 58_000 and len(dns.message.from_wire(wire).answer[0]) == 230
    wire = ways["tcp"].raw(dns.message.make_query(f"rows.{ORIGIN}", "MX").to_wire())
    assert len(wire) > 20_000 and len(dns.message.from_wire(wire).answer[0]) == 240


def test_conf_T08_the_longest_names(way):
    (alias,) = way.ask(LONGEST, "CNAME", use_edns=0, payload=1232).answer
    assert len(alias.name.to_wire()) == 255 == len(alias[0].target.to_wire())


def opt_octets(wire):
    message = dns.message.from_wire(wire)
    return 0 if message.edns < 0 else 11 + sum(4 + len(one.to_wire()) for one in message.options)


def test_conf_B05_errors_are_no_larger_than_the_query_plus_opt(way):
    """Nothing but the OPT comes back that was not asked, and that has a short reason (RFC 8914)."""
    for name in ("www.example.invalid", f"{'long-' * 12}.{'name-' * 12}.example.invalid"):
        for kind in ("A", "AXFR", "MAILA"):
            for edns in ({}, {"use_edns": 0}, {"use_edns": 0, "payload": 4096}):
                query = dns.message.make_query(name, kind, **edns).to_wire()
                wire = way.raw(query)
                assert len(wire) - opt_octets(wire) <= len(query) - opt_octets(query)
                assert opt_octets(wire) <= opt_octets(query) + 48
    broken = dns.message.make_query("www.example.invalid", "A", use_edns=0).to_wire()[:-1]
    wire = way.raw(broken)
    assert len(wire) - opt_octets(wire) <= len(broken)


# ---- types --------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, kind, value", [
    pytest.param("empty", "TXT", '""', id="conf_R04_an_empty_string"),
    pytest.param("caa", "CAA", '128 foo "bar"', id="conf_R09_an_unknown_tag"),
    pytest.param("none", "SRV", "0 0 0 .", id="conf_R11_no_service"),
    pytest.param("null", "MX", "0 .", id="conf_R12_no_mail"),
    pytest.param("www", "HTTPS", '1 . alpn="h2" ipv4hint="192.0.2.80"',
                 id="conf_R08_hints_are_the_zones")])
def test_rdata_is_served_as_it_is(way, name, kind, value):
    assert [item[3] for item in items(way.ask(name, kind).answer)] == [value]


def test_conf_R07_https_brings_the_addresses_of_its_target(way):
    for name in ("www", "other"):
        assert [item[1:] for item in items(way.ask(name, "HTTPS").additional)
                if item[1] in ("A", "AAAA")] == [
            ("A", 300, "192.0.2.80"), ("AAAA", 300, "2001:db8::80")]


# ---- what a zone file may hold ------------------------------------------------------------------

@pytest.fixture(name="check")
def fixture_check(tmp_path):
    """What `holdfast check` says of example.test with a line more: (its status, its words)."""
    def judge(lines):
        head = f"$ORIGIN {ORIGIN}.\n$TTL 300\n@ IN SOA ns h 1 7200 900 1209600 60\n@ IN NS ns\n" \
               "ns IN A 192.0.2.53\n"
        node = Node(tmp_path, {ORIGIN: (head + lines + "\n", [])})
        done = subprocess.run([BINARIES / "holdfast", "check", "--config", node.config],
                              capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stdout + done.stderr
    return judge


@pytest.mark.parametrize("lines, words", [
    pytest.param("a 4294967295 IN A 192.0.2.1", "TTL", id="conf_A03_a_ttl_above_2_to_the_31"),
    pytest.param("a IN CNAME b\na IN A 192.0.2.1", "CNAME", id="conf_A12_a_cname_beside_data"),
    pytest.param("a IN HTTPS 1 b port=443 alpn=h2 port=444", "port", id="conf_R05_a_key_twice"),
    pytest.param("a IN HTTPS 1 b mandatory=alpn port=443", "mandatory", id="conf_R06_not_there"),
    pytest.param("a IN HTTPS 1 b mandatory=mandatory,port port=443", "mandatory",
                 id="conf_R06_itself"),
    pytest.param("a IN AAAA \\# 4 c0000201", "AAAA", id="conf_R10_a_short_aaaa"),
    pytest.param("a IN A \\# 3 c00002", "", id="conf_R10_a_short_a"),
    pytest.param("a IN TXT \"" + "x" * 256 + "\"", "255", id="conf_R04_a_string_of_256"),
])
def test_a_zone_is_refused_with_file_and_line(check, lines, words):
    status, said = check(lines)
    assert status == 1 and f"{ORIGIN}.zone:" in said and words in said, said


@pytest.mark.parametrize("lines, words", [
    pytest.param("a 60 IN A 192.0.2.1\na 90 IN A 192.0.2.2", "TTL", id="conf_A02_two_ttls"),
    pytest.param("* IN NS ns", "wildcard", id="conf_W12_ns_at_a_wildcard"),
    pytest.param("a IN NS A.x.test.\na IN NS a.X.test.", "", id="conf_R03_letter_case"),
])
def test_a_zone_is_taken_with_a_warning(check, lines, words):
    status, said = check(lines)
    assert status == 0 and "warning" in said and f"{ORIGIN}.zone:" in said and words in said, said


# ---- TCP ----------------------------------------------------------------------------------------

def test_conf_C01_the_same_answers_by_tcp(ways):
    for name, kind in (("www", "A"), ("c1", "AAAA"), ("x.dn", "A"), ("x.sub", "A"), ("ent", "A"),
                       ("missing", "A"), ("mx", "MX"), ("a.b.w", "TXT"), ("www", "HTTPS")):
        shown = {(reply.rcode(), reply.flags, *(tuple(items(section)) for section in (
            reply.answer, reply.authority, reply.additional)))
            for reply in (way.ask(name, kind) for way in ways.values())}
        assert len(shown) == 1, (name, kind, shown)


def framed(name, ident):
    query = dns.message.make_query(f"{name}.{ORIGIN}", "A")
    query.id = ident
    wire = query.to_wire()
    return struct.pack(">H", len(wire)) + wire


def test_conf_C02_octet_by_octet(ways):
    with ways["tcp"].open() as way:
        way.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in framed("www", 7):
            way.send(bytes([octet]))
            time.sleep(0.001)
        assert dns.message.from_wire(Way.received(way)).answer


def test_conf_C03_length_and_message_in_one_segment(ways):
    with ways["tcp"].open() as way:
        way.sendall(framed("www", 7))
        got = way.recv(65535)
        assert len(got) == 2 + struct.unpack_from(">H", got)[0]


def test_conf_C04_conf_C05_a_hundred_queries_on_one_connection(ways):
    with ways["tcp"].open() as way:
        for turn in range(2):
            way.sendall(b"".join(framed("www", turn * 100 + n) for n in range(100)))
            with way.makefile("rb") as stream:
                found = [dns.message.from_wire(stream.read(struct.unpack(">H", stream.read(2))[0]))
                         for _ in range(100)]
            assert [reply.id for reply in found] == [turn * 100 + n for n in range(100)]


@pytest.mark.parametrize("wire", [b"\0\0", b"\0\x0b" + b"x" * 11])
def test_conf_C07_a_frame_without_a_header_ends_the_connection(ways, wire):
    with ways["tcp"].open() as way:
        way.sendall(wire)
        assert way.recv(100) == b""
    assert ways["tcp"].ask("www").answer
