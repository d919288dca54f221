"""Replies from the wire, held to the evaluator: the records of every section, and how far the reply
says that it holds. A whole reply must be permitted by one state of health.
"""

from fractions import Fraction
from typing import NamedTuple

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
from draws import drawn_as, is_drawn
from evaluator import NODATA, NXDOMAIN, answers, own_answers
from locations import Client
from scope import clients_inside
from zone import labels, name_text, rdata_text

MOST_ADDITIONAL = 8  # rrsets that the server puts beside one answer
LARGE_OCTETS = 900   # from here on an rrset of addresses may have had no room


class Question(NamedTuple):
    name: str
    type: str
    client: Client


class Reply(NamedTuple):
    """links and end are a draw (draws.py); scope is None without EDNS Client Subnet."""
    links: tuple
    end: object
    additional: dict  # {(owner, type): (TTL, values)}
    scope: int
    octets: int


def read(wire, question):
    """@param wire  without its id. ValueError for what no state of health excuses."""
    message = dns.message.from_wire(b"\0\0" + wire)
    flags = dns.flags.to_text(message.flags)
    if "TC" in flags or "AA" not in flags:
        raise ValueError(f"flags {flags}")
    records = [int.from_bytes(wire[at:at + 2], "big") for at in (4, 8)]
    if [sum(map(len, section)) for section in (message.answer, message.additional)] != \
            [records[0], records[1] - (message.edns >= 0)]:
        raise ValueError(f"a record stands twice: {message}")
    name, links, rest = name_text(labels(question.name)), [], rrsets(message.answer)
    while rest and rest[0][1] == "CNAME" != question.type:
        owner, _, (ttl, (target,)) = rest.pop(0)
        if owner != name:
            raise ValueError(f"a CNAME of {owner}, expected one of {name}")
        links.append((name, ttl, target))
        name = target
    if len(rest) > 1 or (rest and rest[0][:2] != (name, question.type)):
        raise ValueError(f"after {len(links)} CNAMEs {rest}, expected {question.type} of {name}")
    return Reply(tuple(links), end_of(message, rest),
                 {(owner, rrtype): what for owner, rrtype, what in rrsets(message.additional)},
                 scope_of(message, question.client), len(wire) + 2)


def end_of(message, rest):
    negative = [rrset for rrset in message.authority if rrset.rdtype == dns.rdatatype.SOA]
    if message.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise ValueError(dns.rcode.to_text(message.rcode()))
    if rest:
        if negative or message.rcode():
            raise ValueError(f"an answer with {dns.rcode.to_text(message.rcode())} and {negative}")
        return rest[0][2]
    if message.rcode() == dns.rcode.NXDOMAIN:
        return NXDOMAIN
    return NODATA if negative else "LEFT"


def rrsets(section):
    """[(owner, type, (TTL, values))]."""
    return [(name_text(labels(rrset.name.to_text())), rrtype,
             (rrset.ttl, frozenset(rdata_text(rrtype, one.to_text()) for one in rrset)))
            for rrset in section for rrtype in [dns.rdatatype.to_text(rrset.rdtype)]]


def scope_of(message, client):
    found = [option for option in message.options if option.otype == dns.edns.ECS]
    if len(found) != (client.ecs is not None):
        raise ValueError(f"{len(found)} EDNS Client Subnet options")
    if not found:
        return None
    if f"{found[0].address}/{found[0].srclen}" != client.ecs:
        raise ValueError(f"of subnet {found[0].to_text()}, asked from {client.ecs}")
    return found[0].scopelen


class Judge:
    """Of the replies of one zone. What the evaluator said is kept."""

    def __init__(self, zone):
        self.zone, self.known = zone, {}

    def ask(self, how, question, health):
        """{answer: share} by answers() or own_answers()."""
        key = how, question.name, question.type, question.client.ecs, question.client.address, \
            tuple(health.get(check, True) for check in self.zone.checks)
        if key not in self.known:
            said = how(self.zone, question.name, question.type, question.client, health)
            self.known[key] = {said: Fraction(1)} if isinstance(said, str) else said
        return self.known[key]

    def own(self, question, health):
        return self.ask(own_answers, question, health)

    def outcome(self, question, health):
        return self.ask(answers, question, health)

    def fault(self, question, reply, health):
        """What is wrong with a reply in this state of health; None when it is permitted."""
        outcome = self.outcome(question, health)
        if drawn_as(outcome, (reply.links, reply.end)) is None:
            return f"{reply.links, reply.end} is none of {list(outcome)}"
        for (owner, rrtype), what in reply.additional.items():
            if (owner, rrtype) not in self.beside(question, reply):
                return f"{owner} {rrtype} beside {reply.end}"
            if not any(is_drawn(one, what)
                       for one in self.own(Question(owner, rrtype, question.client), health)):
                return f"additional {owner} {rrtype} {what}"
        return self.missing(question, reply, health)

    def beside(self, question, reply):
        """Addresses of this zone that the answer's records lead to, (owner, type)."""
        if question.type != "MX" or isinstance(reply.end, str):
            return []
        targets = {labels(value.split(" ")[1]) for value in reply.end[1]}
        return [(name_text(name), rrtype) for name in sorted(targets) for rrtype in ("A", "AAAA")
                if (name, rrtype) in self.zone.groups]

    def missing(self, question, reply, health):
        """Addresses that there is room for and that a name has for certain."""
        if reply.octets >= LARGE_OCTETS or not self.has_all_beside(question, reply):
            return None
        for name, rrtype in self.beside(question, reply):
            if (name, rrtype) not in reply.additional and \
                    NODATA not in self.own(Question(name, rrtype, question.client), health):
                return f"{name} {rrtype} is not beside {reply.end}"
        return None

    def asked_beside(self, question, reply):
        """Of the addresses beside an answer those that it was certainly made from, be it that they
        are not there."""
        return self.beside(question, reply) if self.has_all_beside(question, reply) else \
            sorted(reply.additional)

    def has_all_beside(self, question, reply):
        """Whether all those addresses were looked up: the server takes so many of a group, and its
        answer may be drawn from more than are seen."""
        return len(self.beside(question, reply)) <= MOST_ADDITIONAL and \
            (isinstance(reply.end, str) or len(reply.end[1]) < MOST_ADDITIONAL)

    def scope_fault(self, question, reply, snapshots, most=6):
        """Somebody to whom a cache may give this reply and who would be told otherwise, at any name
        that the reply was made from.
        @param most  so many others are tried."""
        if reply.scope is None:
            return None
        if question.client.prefix is None:  # kept for those alone who do not tell either
            return f"scope {reply.scope} of nobody" if reply.scope else None
        about = [Question(name, question.type, question.client)
                 for name in (question.name, *(target for *_, target in reply.links))]
        about += [Question(*one, question.client) for one in self.asked_beside(question, reply)]
        apex = labels(self.zone.origin)
        others = clients_inside(question.client, reply.scope, 2, most)
        for one in about:
            if labels(one.name)[-len(apex):] != apex:
                continue
            for health in snapshots:
                mine = self.own(one, health)
                for other in others:
                    if own_answers(self.zone, one.name, one.type, other, health) != mine:
                        return f"scope {reply.scope}, but {other.prefix} gets another {one.name}"
        return None
