"""The zone that every server of `tools/bench peers` has, the queries for it, and whether a server's
answers are those of the zone. Pure, but for write().

One name more than the zone's own, SERVICE, follows a health check where a server can do that: it
is the PRIMARY address while that takes TCP connections on SERVICE_PORT, else the SECONDARY.
"""

import random
import string

from benchreport import BenchError

ORIGIN = "bench.test"
SERVICE, SERVICE_PORT = "service", 8080
PRIMARY, SECONDARY = "10.9.0.2", "10.9.0.3"
ASKED = 200_000  # lines of the query file; clients go round
ABSENT = 0.2     # of the queries: names that are not there
EVERY = 1000     # one query in so many is for SERVICE
NOERROR, NXDOMAIN = 0, 3
TYPE_A = 1

HEAD = ["$ORIGIN bench.test.", "$TTL 60", "@ IN SOA ns h 1 7200 900 1209600 60", "@ IN NS ns",
        "ns IN A 192.0.2.1"]
# What SERVICE is in the zone file of each kind of server; "": it is not in the file.
SERVICES = {"records": "", "static": f"{SERVICE} IN A {PRIMARY}",
            "dyna": f"{SERVICE} 60 DYNA simplefo!{SERVICE}",
            "lua": f"{SERVICE} IN LUA A \"ifportup({SERVICE_PORT}, {{'{PRIMARY}'}})\""}


class Zone:
    """`names` labels of 6 to 16 letters below ORIGIN with an A record each, the same at each call,
    and labels of the same form that are not there."""

    def __init__(self, names):
        self.draw = random.Random(1)
        self.addresses = {}
        while len(self.addresses) < names:
            number = len(self.addresses)
            self.addresses.setdefault(
                self.label(), f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
        self.labels = list(self.addresses)
        self.absent = [label for label in (self.label() for _ in range(min(names, ASKED)))
                       if label not in self.addresses]

    def label(self):
        return "".join(self.draw.choices(string.ascii_lowercase, k=self.draw.randint(6, 16)))

    def text(self, kind):
        """The zone file for a kind of server (SERVICES)."""
        lines = [*HEAD, *(f"{label} IN A {address}" for label, address in self.addresses.items())]
        return "\n".join([*lines, *filter(None, [SERVICES[kind]])]) + "\n"

    def queries(self):
        """The query file of dnsperf and kxdpgun: existing and absent names in random order."""
        lines = []
        for number in range(ASKED):
            label = SERVICE if number % EVERY == 0 else self.draw.choice(
                self.absent if self.draw.random() < ABSENT else self.labels)
            lines.append(f"{label}.{ORIGIN} A\n")
        return "".join(lines)

    def write(self, folder):
        for kind in SERVICES:
            (folder / f"zone.{kind}").write_text(self.text(kind))
        (folder / "queries").write_text(self.queries())

    def sample(self, names):
        """(label, rcode, addresses) that a server must answer: `names` that exist, a tenth as many
        that do not, and SERVICE while its primary lives."""
        draw = random.Random(2)
        there = [(label, NOERROR, [self.addresses[label]])
                 for label in draw.sample(self.labels, min(names, len(self.labels)))]
        absent = [(label, NXDOMAIN, []) for label in draw.sample(self.absent, names // 10)]
        return [*there, *absent, (SERVICE, NOERROR, [PRIMARY])]


def question(label, ident):
    """A query for the A records of a label below ORIGIN."""
    labels = [part.encode() for part in f"{label}.{ORIGIN}".split(".")]
    name = b"".join(bytes([len(part)]) + part for part in labels) + b"\0"
    return ident.to_bytes(2, "big") + bytes.fromhex("0000 0001 0000 0000 0000") + name + bytes(
        (0, TYPE_A, 0, 1))


def behind_name(message, at):
    """Where the name at `at` ends."""
    while message[at] & 0xC0 != 0xC0 and message[at] != 0:
        at += 1 + message[at]
    return at + (2 if message[at] else 1)


def read(message):
    """(id, rcode, addresses of the answer section) of a reply; ValueError when it is none."""
    try:
        if not message[2] & 0x80:
            raise ValueError("it is a query")
        at = behind_name(message, 12) + 4
        addresses = []
        for _ in range(int.from_bytes(message[6:8], "big")):
            at = behind_name(message, at) + 10
            octets = int.from_bytes(message[at - 2:at], "big")
            if message[at - 10:at - 8] == bytes((0, TYPE_A)) and octets == 4:
                addresses.append(".".join(map(str, message[at:at + 4])))
            at += octets
        return int.from_bytes(message[:2], "big"), message[3] & 15, addresses
    except IndexError as error:
        raise ValueError("it ends too early") from error


def check(server, sample, ask):
    """BenchError unless `server` answers each name of the sample as the zone has it.
    @param ask  of a label: (rcode, addresses), or None when no reply came.
    """
    for label, rcode, addresses in sample:
        found = ask(label)
        if found is None:
            raise BenchError(f"{server} does not answer {label}.{ORIGIN}")
        if (found[0], sorted(found[1])) != (rcode, addresses):
            raise BenchError(f"{server} answers {label}.{ORIGIN} with rcode {found[0]},"
                             f" {found[1]}; expected rcode {rcode}, {addresses}")
