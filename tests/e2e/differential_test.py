"""The same random zones on Holdfast, NSD and Knot DNS, and the same questions to each. What
Holdfast says is what both say, or what one of them says where they differ. Left out of it: NS
records beside a positive answer and additional records but glue, which servers may add or not (RFC
9471, 1034).
"""

import os
import shutil
import socket
import struct
from collections import Counter, namedtuple

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import pytest
import watch
from conftest import open_folder
from holdfast_node import ADDRESSES, Node, needs_programs
from reference_servers import found, reference_servers
from zone_maker import Zone

ZONES = int(os.environ.get("HOLDFAST_DIFFERENTIAL_ZONES", "40"))
QUESTIONS = 60  # of each zone
SHOWN = 20

pytestmark = [needs_programs,
              pytest.mark.skipif(not (found("nsd") and found("knotd")),
                                 reason="needs NSD and Knot DNS")]

Reply = namedtuple("Reply", "rcode flags tc edns question answer authority additional")
Question = namedtuple("Question", "name kind size")


def section(rrsets):
    return frozenset((rrset.name.to_text().lower(), dns.rdatatype.to_text(rrset.rdtype), rrset.ttl,
                      item.to_text().lower()) for rrset in rrsets for item in rrset)


def read(wire):
    reply = dns.message.from_wire(wire)
    return Reply(dns.rcode.to_text(reply.rcode()), dns.flags.to_text(reply.flags & ~dns.flags.TC),
                 bool(reply.flags & dns.flags.TC), reply.edns, [one.to_text() for one in
                                                                reply.question],
                 section(reply.answer), section(reply.authority), section(reply.additional))


class Asker:
    """One server, by UDP, and by TCP where a reply was cut."""

    def __init__(self, port):
        self.port = port
        self.way = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.way.settimeout(5)
        self.way.connect((ADDRESSES[0], port))

    def ask(self, wire):
        self.way.send(wire)
        while True:
            reply = self.way.recv(65535)
            if reply[:2] == wire[:2]:
                return read(reply)

    def ask_tcp(self, wire):
        with socket.create_connection((ADDRESSES[0], self.port), timeout=5) as way:
            way.sendall(struct.pack(">H", len(wire)) + wire)
            with way.makefile("rb") as stream:
                return read(stream.read(struct.unpack(">H", stream.read(2))[0]))

    def close(self):
        self.way.close()


def is_up(port):
    try:
        with socket.create_connection((ADDRESSES[0], port), timeout=1):
            return True
    except OSError:
        return False


def is_referral(reply):
    return "AA" not in reply.flags and not reply.answer and any(kind == "NS"
                                                     for _, kind, _, _ in reply.authority)


def essence(reply, origins):
    """Without what servers may add or leave out. Behind a CNAME, the NS records of a cut stay."""
    is_positive = reply.answer and reply.rcode == "NOERROR"
    authority = frozenset((owner, kind, ttl, value) for owner, kind, ttl, value in reply.authority
                          if not (is_positive and kind == "NS" and owner in origins))
    return reply._replace(tc=False, authority=authority,
                          additional=reply.additional if is_referral(reply) else frozenset())


class Comparison:
    def __init__(self, origins):
        self.counts, self.differences = Counter(), []
        self.origins = {f"{origin.lower()}." for origin in origins}

    def take(self, question, ours, nsd, knot):
        one, two, three = (essence(reply, self.origins) for reply in (ours, nsd, knot))
        if one == two == three:
            kind = "as both"
        elif one in (two, three):
            kind = "as NSD, not as Knot" if one == two else "as Knot, not as NSD"
        else:
            kind = "different"
            self.differences.append(f"{question}:\n  ours {ours}\n  nsd  {nsd}\n  knot {knot}")
        self.counts[kind] += 1


def copied(files, folder):
    return {origin: shutil.copy(file, folder) for origin, file in files.items()}


def query(question):
    made = dns.message.make_query(question.name, question.kind, use_edns=0 if question.size else -1,
                                  payload=question.size or 512)
    made.flags &= ~dns.flags.RD
    return made.to_wire()


def test_holdfast_says_what_nsd_and_knot_say(tmp_path):
    with open_folder() as elsewhere:  # whatever runs in its own folder, a node ends
        compare_all(tmp_path, elsewhere)


def compare_all(tmp_path, elsewhere):
    zones = [Zone(seed, f"z{seed}.test") for seed in range(ZONES)]
    texts = {zone.origin: zone.text() for top in zones for zone in top.all()}
    files = {}
    for number, (origin, text) in enumerate(texts.items()):
        files[origin] = tmp_path / f"{number}.zone"
        files[origin].write_text(text)
    node = Node(tmp_path, {}, size="256M", tail="".join(
        f'[[zone]]\norigin = "{origin}"\nid = "Z{number}"\nfile = "{files[origin].name}"\n'
        for number, origin in enumerate(files)))
    comparison = Comparison(files)
    with reference_servers(elsewhere, copied(files, elsewhere), is_up) as (nsd, knot):
        try:
            node.start()
            askers = [Asker(port) for port in (node.port, nsd.port, knot.port)]
            for question in (Question(*each) for top in zones for zone in top.all()
                             for each in zone.questions(QUESTIONS)):
                wire = query(question)
                replies = [asker.ask(wire) for asker in askers]
                if any(reply.tc for reply in replies):
                    comparison.counts["truncated by one at least"] += 1
                    replies = [asker.ask_tcp(wire) for asker in askers]
                comparison.take(question, *replies)
            for asker in askers:
                asker.close()
        finally:
            node.close()
    watch.FIGURES.append(
        f"DIFFERENTIAL {ZONES} zones and {len(files) - ZONES} below them: " +
        ", ".join(f"{count} {kind}" for kind, count in comparison.counts.most_common()))
    assert not comparison.differences, "\n".join(comparison.differences[:SHOWN])
