"""One configuration and one corpus (corpus.py) on each way in: DPDK on AF_XDP; DPDK on a packet
socket, with TCP through the exception path; kernel sockets. Each in a network of its own with the
same addresses, one after another. What is asked gets the same octets on all of them, or no reply on
any, by UDP and TCP, over IPv4 and IPv6; and the same by UDP and TCP where UDP has room for it.

Two things are passed over: the time and hash of a server cookie, and the order of records in a set
of several, which begins at a random one (A20): such a reply has the same records with the same
letters in each section, the same header, question and OPT, and the same length.
"""

import contextlib
import os
import re
import socket
import struct
import time
from collections import Counter

import dns.exception
import dns.message
import dns.rrset
import pytest
from conftest import open_folder
from corpus import DNS, Corpus, zones
from holdfast_node import Node, needs_programs
from lab_site import ADDRESS4, ADDRESS6, DATAPLANE, lab, needs_lab
from metal_site import MetalNode, metal_pair, netpair
from watch import tell

SEED = 20261123
MESSAGES = int(os.environ.get("HOLDFAST_SAME_OCTETS", "12000"))
SEEDS = range(MESSAGES // 300)  # of random zones, sixty questions and more of each
SIZE = "64M"
SOCKETS = "[sockets]\nthreads = 1\n"  # replies of a thread come in the order of the queries
WINDOW = 32
CONNECTION = 100 * WINDOW  # queries of one, which lasts a minute at most
SENTINEL, SENTINEL_ID = struct.pack(">5H", 0x0100, 1, 0, 0, 0) + b"\4last\0\0\2\0\1", b"\xff\xff"
COOKIE = re.compile(rb"(\0\x0a\0\x18.{12}).{12}", re.DOTALL)  # option 10, what is no time or hash
SHOWN = 5

pytestmark = [needs_programs, *needs_lab]


def with_id(message, number):
    return struct.pack(">H", number) + message[2:] if len(message) >= 2 else message


def by_udp(make_socket, address, messages):
    """The replies without their ids, None where none came: behind each few messages a good one is
    asked, and whatever was not answered before that one never is."""
    found = [None] * len(messages)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with make_socket(family, socket.SOCK_DGRAM) as way:
        way.settimeout(5)
        way.connect((address, 53))
        # While the client looks for its neighbour, what it sends first may leave last.
        way.send(SENTINEL_ID + SENTINEL)
        assert way.recv(65535)[:2] == SENTINEL_ID
        for start in range(0, len(messages), WINDOW):
            for number, message in enumerate(messages[start:start + WINDOW]):
                way.send(with_id(message, number))
            way.send(SENTINEL_ID + SENTINEL)
            while (got := way.recv(65535))[:2] != SENTINEL_ID:
                number = start + struct.unpack_from(">H", got)[0]
                assert found[number] is None, (messages[number], got)
                found[number] = got[2:]
    return found


def by_tcp(make_socket, address, messages):
    """Like by_udp; of None in `messages` nothing is asked."""
    found = [None] * len(messages)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def frame(message):
        return struct.pack(">H", len(message)) + message

    for first in range(0, len(messages), CONNECTION):
        with make_socket(family, socket.SOCK_STREAM) as way:
            way.settimeout(20)
            way.connect((address, 53))
            with way.makefile("rb") as stream:
                for start in range(first, min(first + CONNECTION, len(messages)), WINDOW):
                    way.sendall(b"".join(
                        frame(with_id(message, number)) for number, message in
                        enumerate(messages[start:start + WINDOW]) if message is not None) +
                        frame(SENTINEL_ID + SENTINEL))
                    while (got := stream.read(struct.unpack(">H", stream.read(2))[0]))[:2] != \
                            SENTINEL_ID:
                        number = start + struct.unpack_from(">H", got)[0]
                        assert found[number] is None, (messages[number], got)
                        found[number] = got[2:]
    return found


def ask_everything(make_socket, corpus):
    """{(transport, family): replies}."""
    datagrams = [one.wire for one in corpus]
    # A length below a header's ends the connection (conf_C07), which is asked elsewhere.
    frames = [wire if len(wire) >= 12 else None for wire in datagrams]
    return {(name, family): ask(make_socket, address, messages)
            for name, ask, messages in (("udp", by_udp, datagrams), ("tcp", by_tcp, frames))
            for family, address in ((4, ADDRESS4), (6, ADDRESS6))}


@contextlib.contextmanager
def over_lab(io, texts):
    with open_folder() as folder:
        node = Node(folder, texts, size=SIZE, tail=DNS + SOCKETS + DATAPLANE)
        with lab(node.config, io) as site:
            yield site.make_socket, site.counted if io != "sockets" else None


@contextlib.contextmanager
def over_packets(texts):
    with metal_pair() as pair, open_folder() as folder:
        node = MetalNode(pair, folder, texts, size=SIZE, tail=DNS + SOCKETS)
        assert (pair.server4, pair.server6) == (ADDRESS4, ADDRESS6)
        try:
            node.start()
            yield lambda family, kind: netpair.inside(
                pair.client, lambda: socket.socket(family, kind)), node.counted
        finally:
            node.close()


@pytest.fixture(name="corpus", scope="module")
def fixture_corpus():
    return Corpus(SEED, SEEDS).messages(MESSAGES)


@pytest.fixture(name="ways", scope="module")
def fixture_ways(corpus):
    """{way in: {(transport, family): replies}}; each way in is up while it is asked."""
    texts = {origin: (text, []) for origin, text in zones(SEEDS).items()}
    found = {}
    for name, opened in (("af_xdp", over_lab("af_xdp", texts)),
                         ("af_packet", over_packets(texts)),
                         ("sockets", over_lab("sockets", texts))):
        with opened as (make_socket, counted):
            before, began = counted and counted(), time.monotonic()
            found[name] = ask_everything(make_socket, corpus)
            spent = time.monotonic() - began
            if counted:  # the poll process had every datagram, the sockets none of them
                after = counted()
                sentinels = 1 - (-len(corpus) // WINDOW)
                assert after["queries"] - before["queries"] == 2 * (len(corpus) + sentinels), (
                    before, after)
            tell(f"SAME OCTETS {name}: {len(corpus)} messages by UDP and TCP over both families "
                 f"in {spent:.1f} s")
    return found


def canonical(reply):
    """Everything but the order of records in a section; and whether some set has several."""
    message = dns.message.from_wire(b"\0\0" + reply, one_rr_per_rrset=True)
    sections = [sorted((rrset.name.labels, rrset.rdclass, rrset.rdtype, rrset.ttl,
                        item.to_wire()) for rrset in section for item in rrset)
                for section in (message.answer, message.authority, message.additional)]
    several = any(most > 1 for section in sections
                  for most in Counter((one[0], one[2]) for one in section).values())
    edns = (message.edns, message.ednsflags, message.payload,
            [(option.otype, option.to_wire()) for option in message.options])
    return (reply[:10], [one.to_text() for one in message.question], edns, sections,
            len(reply)), several


def without_cookie(reply):
    return reply and COOKIE.sub(lambda found: found[1] + bytes(12), reply)


def are_alike(one, other, kinds):
    """@param kinds  counts what was found."""
    one, other = without_cookie(one), without_cookie(other)
    if one == other:
        kinds["no reply" if one is None else "same octets"] += 1
        return True
    if one is None or other is None:
        return False
    try:
        (first, several), (second, _) = canonical(one), canonical(other)
    except (dns.exception.DNSException, ValueError):  # one of them is malformed
        return False
    kinds["same but for the order of records"] += 1
    return several and first == second


def test_the_comparison_sees_each_bit():
    """What the tests below rest on; of a set of two records, whose order it does not see."""
    made = dns.message.make_response(dns.message.make_query("a.test", "MX", use_edns=0))
    made.answer = [dns.rrset.from_text("a.test.", 300, "IN", "MX", value)
                   for value in ("1 x.a.test.", "2 y.a.test.")]
    wire = made.to_wire()[2:]
    made.answer.reverse()
    other = made.to_wire()[2:]
    assert wire != other and are_alike(wire, other, Counter())
    for bit in range(len(wire) * 8):
        changed = bytearray(wire)
        changed[bit // 8] ^= 1 << bit % 8
        assert not are_alike(bytes(changed), other, Counter()), (bit, changed)


def hold(corpus, pairs):
    """@param pairs  ((message, one reply, the other), ...). @return the figures, as text."""
    kinds = Counter()
    different = [f"{message.kind} {message.wire.hex()}:\n  {one and one.hex()}\n"
                 f"  {other and other.hex()}"
                 for message, one, other in pairs if not are_alike(one, other, kinds)]
    assert not different, f"{len(different)} of {len(corpus)}:\n" + "\n".join(different[:SHOWN])
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())


@pytest.mark.parametrize("way", ["af_packet", "sockets"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("family", [4, 6])
def test_every_message_gets_the_same_octets_as_over_af_xdp(corpus, ways, way, transport, family):
    said = hold(corpus, zip(corpus, ways["af_xdp"][transport, family],
                            ways[way][transport, family]))
    tell(f"SAME OCTETS {way} as af_xdp, {transport} over IPv{family}: {said}")


@pytest.mark.parametrize("way", ["af_xdp", "af_packet", "sockets"])
def test_both_families_get_the_same_octets(corpus, ways, way):
    for transport in ("udp", "tcp"):
        hold(corpus, zip(corpus, ways[way][transport, 4], ways[way][transport, 6]))


@pytest.mark.parametrize("way", ["af_xdp", "af_packet", "sockets"])
def test_conf_C01_what_fits_is_the_same_by_udp_and_tcp(corpus, ways, way):
    pairs = [(message, udp, tcp) for message, udp, tcp in
             zip(corpus, ways[way]["udp", 4], ways[way]["tcp", 4])
             if message.udp_octets and len(tcp) + 2 <= message.udp_octets]
    assert len(pairs) > len(corpus) / 4
    tell(f"SAME OCTETS {way}, TCP as UDP: {hold(corpus, pairs)}")


def test_the_corpus_has_what_it_claims_to_have(corpus, ways):
    """All rcodes, replies that were cut, messages without a reply, cookies, proofs."""
    replies = ways["sockets"]["udp", 4]
    rcodes = Counter(reply[1] & 15 for reply in replies if reply)
    assert set(rcodes) >= {0, 1, 3, 4, 5}, rcodes
    kinds = Counter((message.kind, "none" if reply is None else
                     "cut" if reply[0] & 2 else "whole") for message, reply in zip(corpus, replies))
    assert min(kinds["question", "cut"], kinds["broken", "none"], kinds["server name", "whole"],
               kinds["broken", "whole"]) > 50, kinds
    assert kinds["question", "none"] == 0
    assert sum(bool(reply and COOKIE.search(reply)) for reply in replies) > 100
    for kind in (46, 47, 50):  # RRSIG, NSEC, NSEC3
        assert sum(struct.pack(">2H", kind, 1) in (reply or b"") for reply in replies) > 50
