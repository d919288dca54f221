"""Zones that dnssec-signzone and ldns-signzone signed, served by a node: a validator finds each of
their answers and proofs good, and NSD and Knot DNS, with the same files, say the same.
"""

import shutil
import socket
import struct
import subprocess

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from conftest import open_folder
from holdfast_node import ADDRESSES, Node, needs_programs
from reference_servers import found, reference_servers
from signing import BIND, LDNS, sign_by_bind, sign_by_ldns

NEEDED = ("dnssec-signzone", "dnssec-keygen", "ldns-signzone", "ldns-keygen", "delv", "nsd",
          "knotd")

pytestmark = [needs_programs,
              pytest.mark.skipif(not all(found(name) for name in NEEDED),
                                 reason="needs " + ", ".join(NEEDED))]

# Relative names; what delv says of each.
POSITIVE, NEGATIVE = "; fully validated", "; negative response, fully validated"
MISSING = ";-$NX"  # at the end of a chain that is answered with its CNAMEs
INSECURE = "; unsigned answer"
QUESTIONS = [
    ("@", "SOA", POSITIVE), ("@", "DNSKEY", POSITIVE), ("@", "NS", POSITIVE),
    ("www", "A", POSITIVE), ("www", "AAAA", POSITIVE), ("mx", "MX", POSITIVE),
    ("big", "TXT", POSITIVE), ("alias", "A", POSITIVE), ("x.dn", "A", POSITIVE),
    ("x.w", "A", POSITIVE), ("a.b.w", "TXT", POSITIVE), ("towild", "A", POSITIVE),
    ("secure", "DS", POSITIVE), ("@", "CDS", POSITIVE), ("@", "CDNSKEY", POSITIVE),
    ("www", "MX", NEGATIVE), ("@", "MX", NEGATIVE), ("ent", "A", NEGATIVE),
    ("nope", "A", NEGATIVE), ("a.b.nope", "A", NEGATIVE), ("x.www", "A", NEGATIVE),
    ("zzz", "A", NEGATIVE), ("foo.w", "MX", NEGATIVE), ("!.w", "MX", NEGATIVE),
    ("alias", "MX", MISSING), ("gone", "A", MISSING), ("towildgone", "A", MISSING),
    ("sub", "DS", NEGATIVE), ("deep.lone", "DS", NEGATIVE), ("lone", "A", NEGATIVE),
    ("x.lone", "A", NEGATIVE), ("x.ent", "A", NEGATIVE), ("*.w", "A", POSITIVE),
    ("*.w", "MX", NEGATIVE)]
REFERRALS = [("host.sub", "A"), ("sub", "NS"), ("host.secure", "A"), ("x.deep.lone", "A"),
             ("child", "A"), ("tocut", "A")]


def anchor_of(key):
    line = next(line for line in key.read_text().splitlines() if "DNSKEY" in line.split())
    fields = line.split(";")[0].split()
    at = fields.index("DNSKEY")
    return (f'"{fields[0]}" static-key {" ".join(fields[at + 1:at + 4])} '
            f'"{"".join(fields[at + 4:])}";')


def query(name, kind, size=1232):
    made = dns.message.make_query(name, kind, use_edns=0, payload=size, want_dnssec=True)
    made.flags &= ~dns.flags.RD
    return made.to_wire()


class Asker:
    def __init__(self, port):
        self.port = port

    def ask(self, wire):
        with socket.create_connection((ADDRESSES[0], self.port), timeout=5) as way:
            way.sendall(struct.pack(">H", len(wire)) + wire)
            with way.makefile("rb") as stream:
                return dns.message.from_wire(stream.read(struct.unpack(">H", stream.read(2))[0]))


def lines(section):
    return frozenset((rrset.name.to_text().lower(), dns.rdatatype.to_text(rrset.rdtype),
                      dns.rdatatype.to_text(rrset.covers), rrset.ttl, item.to_text().lower())
                     for rrset in section for item in rrset)


def said(reply):
    """Without the NS of the apex beside a positive answer, which servers may add."""
    positive = reply.answer and reply.rcode() == dns.rcode.NOERROR
    authority = frozenset(line for line in lines(reply.authority)
                          if not (positive and "NS" in line[1:3]))
    return (dns.rcode.to_text(reply.rcode()), bool(reply.flags & dns.flags.AA),
            lines(reply.answer), authority)


def differences(questions, askers):
    """What the first says that neither of the others does."""
    wrong = []
    for name, kind in questions:
        wire = query(name, kind)
        ours, *others = (said(asker.ask(wire)) for asker in askers)
        if ours not in others:
            wrong.append(f"{name} {kind}:\n  ours {ours}\n  nsd  {others[0]}\n"
                         f"  knot {others[1]}")
    return wrong


def is_up(port):
    try:
        with socket.create_connection((ADDRESSES[0], port), timeout=1):
            return True
    except OSError:
        return False


@pytest.fixture(name="site", scope="module")
def fixture_site():
    with open_folder() as folder:
        keys = {origin: sign_by_bind(folder, origin, options) for origin, options in BIND.items()}
        keys |= {origin: sign_by_ldns(folder, origin, options) for origin, options in LDNS.items()}
        zones = {origin: ((folder / f"{origin}.signed").read_text(), ()) for origin in keys}
        node = Node(folder, zones)
        try:
            node.start()
            yield folder, node, keys
        finally:
            node.close()


def absolute(name, origin):
    return f"{origin}." if name == "@" else f"{name}.{origin}."


def validated(site, origin, name, kind):
    folder, node, keys = site
    anchors = folder / f"{origin}.anchors"
    anchors.write_text("trust-anchors { " + anchor_of(keys[origin]) + " };\n")
    return subprocess.run(
        [found("delv"), f"@{ADDRESSES[0]}", "-p", str(node.port), "-a", anchors,
         f"+root={origin}", absolute(name, origin), kind],
        capture_output=True, text=True, timeout=30, check=False).stdout


@pytest.mark.parametrize("origin", [*BIND, *LDNS])
def test_a_validator_finds_each_answer_good(site, origin):
    wrong = []
    for name, kind, expected in QUESTIONS:
        out = validated(site, origin, name, kind)
        # Of what opt-out leaves open, that it is open is all there is to prove.
        good = expected in out and (expected != MISSING or POSITIVE in out)
        if not good and not ("optout" in origin and INSECURE in out):
            wrong.append(f"{name} {kind}: expected '{expected}', got:\n{out}")
    assert not wrong, "\n".join(wrong)


def test_the_validator_would_see_a_wrong_signature(site):
    """What the test above rests on."""
    folder, _, _ = site
    origin = next(iter(BIND))
    other = sign_by_bind(folder, "other.test", [])
    broken = site[0], site[1], {origin: other}
    text = other.read_text().replace("other.test", origin)
    other.write_text(text)
    assert POSITIVE not in validated(broken, origin, "www", "A")


@pytest.mark.parametrize("origin", [*BIND, *LDNS])
def test_nsd_and_knot_say_the_same(site, origin, tmp_path):
    _, node, _ = site
    file = site[0] / f"{origin}.signed"
    with open_folder() as elsewhere:
        copy = shutil.copy(file, elsewhere)
        with reference_servers(elsewhere, {origin: copy}, is_up) as (nsd, knot):
            wrong = differences([(absolute(name, origin), kind) for name, kind in
                                 [question[:2] for question in QUESTIONS] + REFERRALS],
                                [Asker(port) for port in (node.port, nsd.port, knot.port)])
            assert not wrong, "\n".join(wrong)
