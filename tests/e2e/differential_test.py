"""The same random zones on Holdfast, NSD and Knot DNS, and the same questions to each. What
Holdfast says is what both say, or what one of them says where they differ. Left out of it:
additional records but glue, which servers may add or not (RFC 9471, 1034). Two classes of questions
are held to something else, since both servers have ways of their own there:

* A chain of CNAMEs that leads into another zone served here: Knot DNS stops at the cut, NSD goes on
  but keeps the first name's rcode (RFC 6604 wants the last one's), or finds nothing behind a DNAME.
  What we say of its end is what one of them says when it is asked for that name (a name of the
  parent's glue exists for NSD in the child, too).
* A DNAME whose target lies below itself: every server gives up somewhere. What both say is the
  beginning of what we say.
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


def essence(reply):
    """Without what servers may add or leave out."""
    return reply._replace(tc=False,
                          additional=reply.additional if is_referral(reply) else frozenset())


def links(reply):
    """{name: where its CNAME leads} of an answer."""
    return {owner: value for owner, kind, _, value in reply.answer if kind == "CNAME"}


def end_of_chain(question, reply):
    """The name that the CNAMEs lead to; the question's own if there are none."""
    name, left = question.name.lower(), links(reply)
    while name in left:
        name = left.pop(name)
    return name


def grows(reply):
    """Whether a DNAME of the answer leads below itself."""
    return any(value.endswith("." + owner) for owner, kind, _, value in reply.answer
               if kind == "DNAME")


class Comparison:
    def __init__(self, origins, ask):
        """@param ask  what NSD and Knot DNS say to a question."""
        self.counts, self.differences = Counter(), []
        self.origins = {dns.name.from_text(origin).canonicalize() for origin in origins}
        self.ask = ask

    def take(self, question, ours, nsd, knot):
        one, two, three = (essence(reply) for reply in (ours, nsd, knot))
        if one == two == three:
            kind = "as both"
        elif one in (two, three):
            kind = "as NSD, not as Knot" if one == two else "as Knot, not as NSD"
        elif self.is_as_said_of_its_end(question, one):
            kind = "a chain into another zone, its end as one of them"
        elif grows(one) and two.answer < one.answer and three.answer < one.answer:
            kind = "a DNAME below itself, longer than both"
        else:
            kind = "different"
            self.differences.append(f"{question}:\n  ours {ours}\n  nsd  {nsd}\n  knot {knot}")
        self.counts[kind] += 1

    def zone_of(self, name):
        name = dns.name.from_text(name).canonicalize()
        return max((one for one in self.origins if name.is_subdomain(one)), key=len, default=None)

    def is_as_said_of_its_end(self, question, ours):
        end = end_of_chain(question, ours)
        zone = self.zone_of(end)
        if zone is None or zone == self.zone_of(question.name):
            return False
        chain = frozenset(item for item in ours.answer
                          if item[0] in links(ours) or item[1] == "DNAME")
        rest = ours._replace(answer=ours.answer - chain, question=None)
        return any(essence(reply)._replace(question=None) == rest
                   for reply in self.ask(question._replace(name=end)))


def copied(files, folder):
    return {origin: shutil.copy(file, folder) for origin, file in files.items()}


def query(question):
    made = dns.message.make_query(question.name, question.kind, use_edns=0 if question.size else -1,
                                  payload=question.size or 512)
    made.flags &= ~dns.flags.RD
    return made.to_wire()


def answers(question, askers):
    """Of each of them, and whether one at least was cut: then all are by TCP."""
    wire = query(question)
    replies = [asker.ask(wire) for asker in askers]
    truncated = any(reply.tc for reply in replies)
    return [asker.ask_tcp(wire) for asker in askers] if truncated else replies, truncated


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
    with reference_servers(elsewhere, copied(files, elsewhere), is_up) as (nsd, knot):
        try:
            node.start()
            askers = [Asker(port) for port in (node.port, nsd.port, knot.port)]
            comparison = Comparison(files, lambda question: answers(question, askers[1:])[0])
            for question in (Question(*each) for top in zones for zone in top.all()
                             for each in zone.questions(QUESTIONS)):
                replies, truncated = answers(question, askers)
                comparison.counts["truncated by one at least"] += truncated
                comparison.take(question, *replies)
            for asker in askers:
                asker.close()
        finally:
            node.close()
    watch.FIGURES.append(
        f"DIFFERENTIAL {ZONES} zones and {len(files) - ZONES} below them: " +
        ", ".join(f"{count} {kind}" for kind, count in comparison.counts.most_common()))
    assert not comparison.differences, "\n".join(comparison.differences[:SHOWN])
