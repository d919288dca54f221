"""A validating resolver in front of a node that serves signed zones: unbound with everything hard
that it knows, asked twice for all that is there and much that is not. It says what the node says,
validated, and answers from the NSEC and NSEC3 records that it has seen (RFC 8198).
"""

import contextlib

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.zone
import pytest
from conftest import open_folder
from holdfast_node import ADDRESSES, Node, needs_programs
from reference_servers import found, unbound
from signing import BIND, LDNS, sign_by_bind, sign_by_ldns

NEEDED = ("dnssec-signzone", "dnssec-keygen", "ldns-signzone", "ldns-keygen", "unbound")
HARD = (' module-config: "validator iterator"\n aggressive-nsec: yes\n harden-glue: yes\n'
        " harden-below-nxdomain: yes\n harden-algo-downgrade: yes\n harden-dnssec-stripped: yes\n"
        " qname-minimisation-strict: yes\n val-bogus-ttl: 1\n")
TYPES = ("A", "MX", "TXT", "DS", "NS")
CUTS = ("sub", "secure", "child", "deep.lone", "tocut")  # and what leads there
MISSING = [f"missing{number}" for number in range(20)] + ["a.b.missing", "q.www", "q.ent", "q.w2"]
NSEC_ZONES = ("bind-nsec.test", "ldns-nsec.test")
SERVED_FROM_CACHE = 0.5  # of denials in a zone with NSEC, at least

pytestmark = [needs_programs,
              pytest.mark.skipif(not all(found(name) for name in NEEDED),
                                 reason="needs " + ", ".join(NEEDED))]


@pytest.fixture(name="site", scope="module")
def fixture_site():
    """The node, its signed files and the port of the resolver."""
    with open_folder() as folder, contextlib.ExitStack() as stack:
        keys = {origin: sign_by_bind(folder, origin, options) for origin, options in BIND.items()}
        keys |= {origin: sign_by_ldns(folder, origin, options) for origin, options in LDNS.items()}
        files = {origin: folder / f"{origin}.signed" for origin in keys}
        node = Node(folder, {origin: (file.read_text(), ()) for origin, file in files.items()})
        stack.callback(node.close)
        node.start()
        anchors = "".join(f' trust-anchor-file: "{key}"\n' for key in keys.values())
        port = stack.enter_context(unbound(list(keys), f"{ADDRESSES[0]}@{node.port}",
                                           HARD + anchors))
        yield node, files, port


def ask(port, name, kind):
    query = dns.message.make_query(name, kind, want_dnssec=True)
    query.flags |= dns.flags.AD
    return dns.query.udp_with_fallback(query, ADDRESSES[0], port=port, timeout=10)[0]


def answered(reply):
    """(rcode, records): without TTLs, which a cache counts down."""
    return dns.rcode.to_text(reply.rcode()), {
        (rrset.name, rrset.rdtype, item) for rrset in reply.answer for item in rrset}


def names_in(file, origin):
    """All of the zone that has data or lies above it, and some that are not there."""
    top = dns.name.from_text(origin)
    found_names = {dns.name.from_text(name, top) for name in MISSING}
    for name, node in dns.zone.from_file(str(file), top, relativize=False).nodes.items():
        if not node.get_rdataset(1, "NSEC3"):
            while name != top:
                found_names.add(name)
                name = name.parent()
    cuts = [dns.name.from_text(name, top) for name in CUTS]
    return sorted(name for name in found_names | {top}
                  if not any(name.is_subdomain(cut) for cut in cuts))


def queries(node):
    return sum(reader["counters"]["queries"] for reader in node.status()["readers"])


@pytest.mark.parametrize("origin", [*BIND, *LDNS])
def test_a_validating_resolver_says_what_the_node_says(site, origin):
    node, files, port = site
    questions = [(name, kind) for name in names_in(files[origin], origin) for kind in TYPES
                 if (name, kind) != (dns.name.from_text(origin), "DS")]  # which is the parent's
    direct = [answered(ask(node.port, *question)) for question in questions]
    wrong, before = [], queries(node)
    for turn in range(2):
        for question, said in zip(questions, direct):
            reply = ask(port, *question)
            # Where delegations are left out, it stays open whether a name is there.
            by_denial = any(rrset.rdtype == dns.rdatatype.NSEC3 for rrset in reply.authority)
            secure = reply.flags & dns.flags.AD or "optout" in origin and by_denial
            if answered(reply) != said or not secure:
                wrong.append((turn, question, said, reply))
    assert not wrong, (len(wrong), [str(one) for one in wrong[:3]])
    denials = sum(not records for _, records in direct)
    asked = queries(node) - before
    if origin in NSEC_ZONES:
        assert asked <= len(questions) - SERVED_FROM_CACHE * denials, (asked, denials)
