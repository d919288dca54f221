"""The same random zones on Holdfast, NSD and Knot DNS, and the same questions to each. What
Holdfast says is what both say, or what one of them says where they differ. Left out of it:
additional records but glue, which servers may add or not (RFC 9471, 1034). A third of the zones is
signed by dnssec-signzone; questions of all of them come with DO and without. Four classes of
questions are held to something else, since servers have ways of their own there:

* A chain of CNAMEs that leads into another zone served here: Knot DNS stops at the cut, NSD goes on
  but keeps the first name's rcode (RFC 6604 wants the last one's), or finds nothing behind a DNAME.
  What we say of its end is what one of them says when it is asked for that name (a name of the
  parent's glue exists for NSD in the child, too).
* A DNAME whose target lies below itself: every server gives up somewhere. What both say is the
  beginning of what we say.
* Type ANY: each server chooses its set and follows a DNAME or not (RFC 8482). What we say is what
  both, or one of them, say when they are asked for the type of the set that we chose.
* Type RRSIG: we give the signatures over one type, NSD those over all, Knot DNS those over another.
"""

import contextlib
import os
import shutil
import socket
import struct
import subprocess
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
from signing import BIND, sign_by_bind
from zone_maker import Zone

ZONES = int(os.environ.get("HOLDFAST_DIFFERENTIAL_ZONES", "40"))
FIRST = int(os.environ.get("HOLDFAST_DIFFERENTIAL_SEED", "0"))  # each zone has the next one
QUESTIONS = 60  # of each zone
WINDOW = 32  # questions under way at a time
SHOWN = 20

NEEDED = ("nsd", "knotd", "dnssec-signzone", "dnssec-keygen")

pytestmark = [needs_programs,
              pytest.mark.skipif(not all(found(name) for name in NEEDED),
                                 reason="needs " + ", ".join(NEEDED))]

Reply = namedtuple("Reply", "rcode flags tc edns question answer authority additional")
Question = namedtuple("Question", "name kind size do")


def section(rrsets):
    return frozenset((rrset.name.to_text().lower(), dns.rdatatype.to_text(rrset.rdtype), rrset.ttl,
                      item.to_text().lower()) for rrset in rrsets for item in rrset)


def read(wire):
    reply = dns.message.from_wire(wire)
    return Reply(dns.rcode.to_text(reply.rcode()), dns.flags.to_text(reply.flags & ~dns.flags.TC),
                 bool(reply.flags & dns.flags.TC), (reply.edns, reply.ednsflags),
                 [one.to_text() for one in reply.question],
                 section(reply.answer), section(reply.authority), section(reply.additional))


class Asker:
    """One server, by UDP, and by TCP where a reply was cut."""

    def __init__(self, port):
        self.port = port
        self.way = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.way.settimeout(5)
        self.way.connect((ADDRESSES[0], port))

    def ask(self, wires):
        """The replies in the order of the queries, of which few are under way at a time."""
        found = {}
        for start in range(0, len(wires), WINDOW):
            some = wires[start:start + WINDOW]
            for number, wire in enumerate(some, start):
                self.way.send(struct.pack(">H", number) + wire[2:])
            while len(found) < start + len(some):
                reply = self.way.recv(65535)
                found[struct.unpack_from(">H", reply)[0]] = reply
        return [read(found[number]) for number in range(len(wires))]

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


def is_part_of(ours, theirs):
    """Whether it is the same but for signatures over other types, of which we give one's alone
    (S01 of dataplane/answer/DECISIONS.md)."""
    covered = {value.split()[0] for _, kind, _, value in ours.answer if kind == "RRSIG"}
    return len(covered) == 1 and ours.answer < theirs.answer and all(
        value.split()[0] not in covered for _, _, _, value in theirs.answer - ours.answer) and \
        ours._replace(answer=None) == theirs._replace(answer=None)


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
        elif question.kind == "ANY" and (same := self.sets_as_said(question, one)):
            kind = f"ANY, a set as {'both have' if same == 2 else 'one of them has'} it"
        elif question.kind == "RRSIG" and is_part_of(one, two):
            kind = "RRSIG, those over one of the types"
        elif grows(one) and two.answer < one.answer and three.answer < one.answer:
            kind = "a DNAME below itself, longer than both"
        else:
            kind = "different"
            self.differences.append(f"{question}:\n  ours {ours}\n  nsd  {nsd}\n  knot {knot}")
        self.counts[kind] += 1

    def sets_as_said(self, question, ours):
        """How many of them say the same when they are asked for the one type of which all records
        are that stand at the name (RFC 8482 4.1 lets a server choose)."""
        kinds = {kind for owner, kind, _, _ in ours.answer
                 if owner == question.name.lower() and kind != "RRSIG"}
        return len(kinds) == 1 and sum(
            essence(reply)._replace(question=None) == ours._replace(question=None)
            for reply in self.ask(question._replace(kind=kinds.pop())))

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


def zone_file(folder, number, seed, zone):
    """Every third of them is signed, with NSEC, NSEC3, or NSEC3 that leaves delegations out; not
    what dnssec-signzone refuses."""
    plain = folder / f"{number}.zone"
    if seed % 3 == 0:
        with contextlib.suppress(subprocess.CalledProcessError):
            sign_by_bind(folder, zone.origin, list(BIND.values())[seed // 3 % len(BIND)],
                         zone.text() + "$TTL 3600\n")
            return (folder / f"{zone.origin}.signed").rename(folder / f"{number}.signed")
    plain.write_text(zone.text())
    return plain


def copied(files, folder):
    return {origin: shutil.copy(file, folder) for origin, file in files.items()}


def query(question):
    made = dns.message.make_query(question.name, question.kind, use_edns=0 if question.size else -1,
                                  payload=question.size or 512,
                                  ednsflags=dns.flags.DO if question.do else 0)
    made.flags &= ~dns.flags.RD
    return made.to_wire()


def answers(questions, askers):
    """Of each question what each of them says, and whether one at least was cut: then all are by
    TCP."""
    wires = [query(question) for question in questions]
    for wire, replies in zip(wires, zip(*(asker.ask(wires) for asker in askers))):
        truncated = any(reply.tc for reply in replies)
        yield [asker.ask_tcp(wire) for asker in askers] if truncated else replies, truncated


def test_holdfast_says_what_nsd_and_knot_say(tmp_path):
    with open_folder() as elsewhere:  # whatever runs in its own folder, a node ends
        compare_all(tmp_path, elsewhere)


def compare_all(tmp_path, elsewhere):
    zones = {seed: Zone(seed, f"z{seed}.test") for seed in range(FIRST, FIRST + ZONES)}
    files = {zone.origin: zone_file(tmp_path, number, seed, zone) for number, (seed, zone) in
             enumerate((seed, zone) for seed, top in zones.items() for zone in top.all())}
    signed = sum(file.suffix == ".signed" for file in files.values())
    node = Node(tmp_path, {}, size="256M", tail="".join(
        f'[[zone]]\norigin = "{origin}"\nid = "Z{number}"\nfile = "{files[origin].name}"\n'
        for number, origin in enumerate(files)))
    with reference_servers(elsewhere, copied(files, elsewhere), is_up) as (nsd, knot):
        try:
            node.start()
            askers = [Asker(port) for port in (node.port, nsd.port, knot.port)]
            comparison = Comparison(files, lambda one: next(answers([one], askers[1:]))[0])
            for zone in (zone for top in zones.values() for zone in top.all()):
                questions = [Question(*each) for each in zone.questions(QUESTIONS)]
                for question, (replies, truncated) in zip(questions, answers(questions, askers)):
                    comparison.counts["truncated by one at least"] += truncated
                    comparison.take(question, *replies)
            for asker in askers:
                asker.close()
        finally:
            node.close()
    watch.FIGURES.append(
        f"DIFFERENTIAL {ZONES} zones and {len(files) - ZONES} below them, {signed} signed: " +
        ", ".join(f"{count} {kind}" for kind, count in comparison.counts.most_common()))
    assert not comparison.differences, "\n".join(comparison.differences[:SHOWN])
