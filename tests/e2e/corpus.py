"""Thousands of messages for zones whose answers never change: questions that the zones make
interesting with EDNS of every kind, the names of class CH, and broken messages made of good ones.
The same seed gives the same. Octets 0 and 1 of a message are its id, which whoever asks chooses.
"""

import random
import struct
from collections import namedtuple
from pathlib import Path

import answer_zone
import conformance_zone
import dns.edns
import dns.message
import dns.name
import dns.zone
import zone_maker

SIGNED = Path(__file__).parents[1] / "dataplane" / "signed"
SIGNED_FILES = {"signed.test": "nsec.zone", "n3.test": "nsec3.zone", "optout.test": "optout.zone",
                "child.signed.test": "child.zone"}
TYPES = (*zone_maker.TYPES, *zone_maker.COMMON, "AXFR", "NSEC3", "TYPE0", "TYPE128", "MAILB")
SERVER_NAMES = ("version.bind", "version.server", "hostname.bind", "id.server", "authors.bind",
                "VeRsIoN.BiNd", f"www.{conformance_zone.ORIGIN}", ".")
CLIENT_COOKIE = b"8 octets"
DNS = ('[dns]\nnsid = "one name"\nversion = "Holdfast of a test"\nidentity = "the same node"\n'
       'cookie_secrets = ["0f1e2d3c4b5a69788796a5b4c3d2e1f0"]\n')
LONGEST_UDP = 1400  # octets of a message: no way in needs fragments for it

# udp_octets: what a reply over UDP may have at most; 0 where nothing is known of it, or where UDP
# and TCP have different rules.
Message = namedtuple("Message", "kind wire udp_octets")


def zones(seeds):
    """{origin: text} of all of them; the random ones have those seeds."""
    made = {conformance_zone.ORIGIN: conformance_zone.ZONE,
            conformance_zone.CHILD: conformance_zone.CHILD_ZONE,
            answer_zone.ORIGIN: answer_zone.ZONE, answer_zone.SHORT: answer_zone.SHORT_ZONE}
    made |= {origin: (SIGNED / file).read_text() for origin, file in SIGNED_FILES.items()}
    return made | {zone.origin: zone.text() for zone in random_zones(seeds)}


def random_zones(seeds):
    return [zone for seed in seeds for zone in zone_maker.Zone(seed, f"r{seed}.test").all()]


def names_of(origin, text):
    """Its owners, what lies above, below and beside them."""
    top = dns.name.from_text(origin)
    found = {top}
    for owner in dns.zone.from_text(text, top, relativize=False, check_origin=False).nodes:
        found |= {owner, dns.name.Name((b"*",)).concatenate(owner.parent())}
        if len(owner.to_wire()) < 240:
            found |= {dns.name.Name(labels).concatenate(owner) for labels in ((b"q",),
                                                                              (b"a.b", b"q"))}
        while owner != top:
            owner = owner.parent()
            found.add(owner)
    return sorted(found)


class Corpus:
    def __init__(self, seed, seeds):
        """@param seeds  of the random zones."""
        self.dice, self.seeds = random.Random(seed), seeds

    def chance(self, one_in):
        return self.dice.randrange(one_in) == 0

    def messages(self, count):
        """Half of them questions of the zones that stay as they are, sixty of each random one, the
        server's own names, and for the rest broken messages."""
        every = [(name, kind) for origin, text in zones(()).items()
                 for name in names_of(origin, text) for kind in TYPES]
        made = [self.question(name, kind) for name, kind in self.dice.choices(every, k=count // 2)]
        for zone in random_zones(self.seeds):
            made += [self.question(dns.name.from_text(name), kind)
                     for name, kind, *_ in zone.questions(60)]
        for name in SERVER_NAMES:
            for kind in ("TXT", "ANY", "A"):
                made += [self.question(dns.name.from_text(name), kind, rdclass)
                         for rdclass in ("CH", "CH", "HS", "ANY", "NONE")]
        good = [one.wire for one in made if len(one.wire) < LONGEST_UDP]
        return made + [Message("broken", self.broken(self.dice.choice(good)), 0)
                       for _ in range(count - len(made))]

    # ---- questions ------------------------------------------------------------------------------

    def question(self, name, kind, rdclass="IN"):
        if self.chance(3):
            name = dns.name.Name([bytes(self.dice.choice((one, bytes((one,)).upper()[0]))
                                        for one in label) for label in name.labels])
        query = dns.message.make_query(name, kind, rdclass)
        query.flags = self.dice.choice((0, 0x0100, 0x0010, 0x0020, 0x0130))
        size = self.edns(query)
        same = kind != "AXFR" and not any(option.otype == 11 for option in query.options)
        return Message("server name" if rdclass != "IN" else "question", query.to_wire(),
                       size if same else 0)

    def edns(self, query):
        """What a reply over UDP may have."""
        if self.chance(3):
            return 512
        payload = self.dice.choice((0, 512, 1232, 1232, 4096, 65535))
        options = [self.option() for _ in range(self.dice.choice((0, 0, 1, 1, 2, 4)))]
        query.use_edns(edns=1 if self.chance(20) else 0, payload=payload, options=options,
                       ednsflags=self.dice.choice((0, 0, 0x8000, 0x8000, 0x4000, 0xffff)))
        return min(max(payload, 512), 1232)

    def option(self):
        dice = self.dice
        return dice.choice((
            lambda: dns.edns.GenericOption(3, b""),
            lambda: dns.edns.ECSOption("192.0.2.0", dice.choice((0, 1, 24, 32))),
            lambda: dns.edns.ECSOption("2001:db8::", dice.choice((0, 48, 56, 64, 128))),
            lambda: dns.edns.GenericOption(10, CLIENT_COOKIE + bytes(dice.choice((0, 0, 8, 16)))),
            lambda: dns.edns.GenericOption(11, b""),
            lambda: dns.edns.GenericOption(12, bytes(dice.randrange(64))),
            lambda: dns.edns.GenericOption(dice.choice((1, 5, 9, 14, 65001)),
                                           dice.randbytes(dice.randrange(20))),
            lambda: dns.edns.GenericOption(dice.choice((3, 8, 10, 11)),
                                           dice.randbytes(dice.randrange(45)))))()

    # ---- broken messages ------------------------------------------------------------------------

    def broken(self, wire):
        """A good message with one to three faults; some are harmless."""
        for _ in range(self.dice.choice((1, 1, 2, 3))):
            wire = self.dice.choice((self.cut, self.longer, self.other_octets, self.other_count,
                                     self.other_header, self.other_name, self.more_records,
                                     self.other_end, self.other_type))(wire)
        return wire[:LONGEST_UDP]

    def cut(self, wire):
        return wire[:self.dice.randrange(len(wire) + 1)]

    def longer(self, wire):
        return wire + self.dice.randbytes(self.dice.randrange(1, 20))

    def other_octets(self, wire):
        made = bytearray(wire)
        for _ in range(self.dice.randrange(1, 5) if len(wire) > 2 else 0):
            made[self.dice.randrange(2, len(wire))] = self.dice.randrange(256)
        return bytes(made)

    def other_count(self, wire):
        at = 4 + 2 * self.dice.randrange(4)
        return wire if len(wire) < 12 else \
            wire[:at] + struct.pack(">H", self.dice.choice((0, 1, 2, 3, 0xffff))) + wire[at + 2:]

    def other_header(self, wire):
        """Opcode, rcode, TC, QR: one in eight claims to be a reply."""
        flags = self.dice.randrange(0x10000) & (0xffff if self.chance(4) else 0x7fff)
        return wire if len(wire) < 12 else wire[:2] + struct.pack(">H", flags) + wire[4:]

    def other_name(self, wire):
        """In place of the question's name: pointers, labels of other kinds, too long a name."""
        name = self.dice.choice((b"\xc0\x0c", b"\xc0\x00", b"\xff\xff", b"\x41bad\0", b"\x80\0",
                                 b"\1a" * 127 + b"\0", b"\1a" * 128 + b"\0", b"\x3f" + b"x" * 62,
                                 (b"\x3f" + b"y" * 63) * 3 + b"\x3d" + b"z" * 61 + b"\0",
                                 (b"\x3f" + b"y" * 63) * 3 + b"\x3e" + b"z" * 62 + b"\0"))
        end = wire.find(b"\0", 12)
        return wire if end < 0 else wire[:12] + name + wire[end + 1:]

    def other_type(self, wire):
        at = wire.find(b"\0", 12)
        return wire if at < 0 else wire[:at + 1] + struct.pack(
            ">2H", self.dice.choice((self.dice.randrange(260), self.dice.randrange(0x10000))),
            self.dice.choice((0, 1, 1, 3, 4, 254, 255))) + wire[at + 5:]

    def more_records(self, wire):
        """Behind the rest, counted in one of the last three sections: OPT, TSIG, SIG(0), A."""
        if len(wire) < 12:
            return wire
        kind = self.dice.choice((41, 41, 250, 24, 1))
        data = self.dice.randbytes(self.dice.choice((0, 4, 12)))
        length = len(data) if self.chance(2) else self.dice.randrange(600)
        owner = self.dice.choice((b"\0", b"\0", b"\1a\0", b"\xc0\x0c", b"\xc0\xff"))
        at = self.dice.choice((6, 8, 10, 10, 10))
        count = (struct.unpack_from(">H", wire, at)[0] + 1) & 0xffff
        return wire[:at] + struct.pack(">H", count) + wire[at + 2:] + owner + struct.pack(
            ">2HIH", kind, 1232, 0, length) + data

    def other_end(self, wire):
        """The last octets are other lengths: of an OPT's data, or of one of its options."""
        return wire if len(wire) < 30 else \
            wire[:-2] + struct.pack(">H", self.dice.choice((0, 1, 4, 500, 0xffff)))
