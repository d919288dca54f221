"""Programs of others that judge signed zones, over AF_XDP in a lab whose address is that of the
zones' name servers. dnsviz probes them as a resolver would and finds nothing to warn of. And each
zone is put together again from replies alone, by a walk along its NSEC chain or by its names: it is
record by record what was signed, and dnssec-verify and ldns-verify-zone find it whole.
"""

import json
import socket
import struct
import subprocess

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.zone
import pytest
from conftest import open_folder
from holdfast_node import Node, needs_programs
from lab_site import ADDRESS4, ADDRESS6, DATAPLANE, lab, needs_lab
from reference_servers import found
from signing import BIND, LDNS, SOURCE, sign_by_bind, sign_by_ldns

NEEDED = ("dnssec-signzone", "dnssec-keygen", "dnssec-verify", "ldns-signzone", "ldns-keygen",
          "ldns-verify-zone", "dnsviz")
TEXT = SOURCE.read_text().replace("A 192.0.2.1\n", f"A {ADDRESS4}\nns1 AAAA {ADDRESS6}\n").replace(
    "A 192.0.2.2\n", f"A {ADDRESS4}\n")
ORIGINS = [*BIND, *LDNS]
BROKEN = "broken.test"  # with a signature that is wrong
# What dnsviz asks for: answers, a wildcard, an alias, an empty non-terminal, what is not there.
PROBED = ("", "www.", "x.w.", "alias.", "ent.", "nope.")
# dnsviz grok of Debian 12 looks for a module that its pygraphviz no longer has.
GROK = """
import sys, types, pygraphviz
release = types.ModuleType("pygraphviz.release")
release.version = pygraphviz.__version__
sys.modules["pygraphviz.release"] = pygraphviz.release = release
from dnsviz.commands import grok
grok.main(sys.argv[1:])
"""
MISSING, UNKNOWN = 300, dns.rdatatype.from_text("TYPE65534")
META = {dns.rdatatype.RRSIG, dns.rdatatype.NSEC, dns.rdatatype.NSEC3}

pytestmark = [needs_programs, *needs_lab,
              pytest.mark.skipif(not all(found(name) for name in NEEDED),
                                 reason="needs " + ", ".join(NEEDED))]


@pytest.fixture(name="site", scope="module")
def fixture_site():
    """A lab with the zones; .files has their signed files, .keys their keys."""
    with open_folder() as folder:
        keys = {origin: sign_by_bind(folder, origin, options, TEXT)
                for origin, options in (BIND | {BROKEN: []}).items()}
        keys |= {origin: sign_by_ldns(folder, origin, options, TEXT)
                 for origin, options in LDNS.items()}
        files = {origin: folder / f"{origin}.signed" for origin in keys}
        zones = {origin: (file.read_text(), ()) for origin, file in files.items()}
        wrong, at = zones[BROKEN][0], zones[BROKEN][0].index(f"www.{BROKEN}.")
        assert "A\t192.0.2.10" in wrong
        zones[BROKEN] = wrong[:at] + wrong[at:].replace("A\t192.0.2.10", "A\t192.0.2.12", 1), ()
        node = Node(folder, zones, tail=DATAPLANE)
        with lab(node.config) as site:
            site.files, site.keys, site.folder = files, keys, folder
            yield site


# ---- dnsviz -------------------------------------------------------------------------------------

def judged(site, origin):
    """{name: what dnsviz warns of}."""
    server = f"{origin}+:ns1.{origin}={ADDRESS4},ns1.{origin}=[{ADDRESS6}]"
    probe = subprocess.run(
        [*site.enter(), found("dnsviz"), "probe", "-A", "-a", origin, "-x", server, "-t", "4",
         *(f"{name}{origin}" for name in PROBED)],
        capture_output=True, text=True, timeout=120, check=True).stdout
    assert {f"{name}{origin}." for name in PROBED} <= set(json.loads(probe))
    grok = subprocess.run(
        ["/usr/bin/python3", "-c", GROK, "grok", "-t", site.keys[origin], "-l", "warning",
         "--allow-private"], input=probe, capture_output=True, text=True, timeout=60, check=True)
    assert not grok.stderr, grok.stderr
    return json.loads(grok.stdout) if grok.stdout.strip() else {}


@pytest.mark.parametrize("origin", ORIGINS)
def test_dnsviz_finds_nothing_to_warn_of(site, origin):
    assert judged(site, origin) == {}


def test_dnsviz_would_see_a_wrong_signature(site):
    """What the test above rests on."""
    assert "SIGNATURE_INVALID" in json.dumps(judged(site, BROKEN))


# ---- the zone, put together from what is served -------------------------------------------------

class Walker:
    def __init__(self, site, origin):
        self.way = site.make_socket(socket.AF_INET, socket.SOCK_STREAM)
        self.way.connect((ADDRESS4, 53))
        self.origin, self.found = dns.name.from_text(origin), set()

    def ask(self, name, kind):
        query = dns.message.make_query(name, kind, want_dnssec=True).to_wire()
        self.way.sendall(struct.pack(">H", len(query)) + query)
        octets = b""
        while len(octets) < 2 or len(octets) < 2 + struct.unpack_from(">H", octets)[0]:
            octets += self.way.recv(65535)
        return dns.message.from_wire(octets[2:])

    def take(self, rrsets):
        self.found |= {(rrset.name, rrset.rdtype, rrset.covers, rrset.ttl, item)
                       for rrset in rrsets for item in rrset}

    def take_name(self, name, kinds):
        """What stands there of those types, and what proves the rest."""
        for kind in kinds - META:
            reply = self.ask(name, kind)
            if reply.flags & dns.flags.AA:
                self.take(rrset for rrset in reply.answer if rrset.name == name and
                          kind in (rrset.rdtype, rrset.covers))
            else:  # the NS of a cut, with its glue
                self.take(rrset for rrset in reply.authority
                          if rrset.name == name and rrset.rdtype == kind)
                self.take(reply.additional)

    def nsec_of(self, name):
        """Of a cut with DS it is in the denial of the name behind it and all that is below it."""
        asked = [name]
        if name != self.origin:
            asked.append(dns.name.Name((name.labels[0] + b"\0", *name.labels[1:])))
        for one in asked:
            reply = self.ask(one, dns.rdatatype.NSEC)
            found = [rrset for rrset in (*reply.answer, *reply.authority) if rrset.name == name and
                     dns.rdatatype.NSEC in (rrset.rdtype, rrset.covers)]
            if found:
                self.take(found)
                return next(rrset[0] for rrset in found if rrset.rdtype == dns.rdatatype.NSEC)
        raise AssertionError(f"no NSEC of {name}")

    def walk(self):
        """Along the NSEC records, from the apex until it comes back."""
        name = None
        while name != self.origin:
            name = name or self.origin
            record = self.nsec_of(name)
            self.take_name(name, types_of(record))
            name = record.next

    def visit(self, owners):
        """The names {name: its types}, and the NSEC3 records of denials: those of aliases are met
        below them, those of cuts with DS only where other names are missing."""
        for name, kinds in owners.items():
            self.take_name(name, kinds)
        missing = [dns.name.from_text(f"missing{number}", self.origin) for number in range(MISSING)]
        missing += [dns.name.from_text("missing", name) for name in owners]
        for name in (*owners, *missing):
            for kind in (dns.rdatatype.DS, UNKNOWN):
                self.take(rrset for rrset in self.ask(name, kind).authority
                          if dns.rdatatype.NSEC3 in (rrset.rdtype, rrset.covers))


def types_of(record):
    return {window * 256 + octet * 8 + bit for window, bitmap in record.windows
            for octet, value in enumerate(bitmap) for bit in range(8) if value & 0x80 >> bit}


def records_of(zone):
    return {(name, dataset.rdtype, dataset.covers, dataset.ttl, item)
            for name, node in zone.nodes.items() for dataset in node for item in dataset}


@pytest.mark.parametrize("origin", ORIGINS)
def test_what_is_served_is_the_zone_that_was_signed(site, origin):
    zone = dns.zone.from_file(str(site.files[origin]), origin, relativize=False)
    walker = Walker(site, origin)
    if zone.get_rdataset(zone.origin, "NSEC3PARAM"):
        owners = {name: {dataset.rdtype for dataset in node} for name, node in zone.nodes.items()}
        for name in list(owners):  # and the empty non-terminals
            while (name := name.parent()).is_subdomain(zone.origin):
                owners.setdefault(name, set())
        walker.visit({name: kinds for name, kinds in owners.items()
                      if dns.rdatatype.NSEC3 not in kinds})
    else:
        walker.walk()
    walker.way.close()
    signed = records_of(zone)
    assert not signed ^ walker.found, (signed - walker.found, walker.found - signed)
    served = site.folder / f"{origin}.served"
    served.write_text("".join(
        f"{name} {ttl} IN {dns.rdatatype.to_text(kind)} {item.to_text()}\n"
        for name, kind, _, ttl, item in
        sorted(walker.found, key=lambda one: (one[0], one[1] != dns.rdatatype.SOA))))
    for words in ((found("dnssec-verify"), "-z", "-q", "-o", origin),
                  (found("ldns-verify-zone"), "-k", site.keys[origin])):
        done = subprocess.run([*words, served], capture_output=True, text=True, timeout=60,
                              check=False)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
