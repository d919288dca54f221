#!/usr/bin/python3
"""Asks a zone of many names at a fixed rate and holds every reply, octet by octet, to the one that
is right: a process of its own.

  steady.py ADDRESS PORT RATE SECONDS NAMES PATIENCE

It asks for h0.many.test to h{NAMES - 1}.many.test in an order by chance, always the same, every
other time with EDNS. The rate is kept whatever comes back: a query without its reply after PATIENCE
seconds is lost. It prints one line of JSON: {"asked", "answered", "lost", "late", "wrong",
"examples", "rate", "longest_ms"}; `late` came after its patience and counts as lost too.
"""

import contextlib
import json
import random
import socket
import struct
import sys
import time

BURST = 32  # at most, after this process itself was held up
RECEIVE_OCTETS = 8 << 20
OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"  # 1,232 octets, both ways


def address_of(number):
    return bytes((10, number >> 16, number >> 8 & 255, number & 255))


def zone(names):
    """The zone's text."""
    return "\n".join(
        ["$ORIGIN many.test.", "$TTL 300", "@ IN SOA ns h 1 7200 900 1209600 120", "@ IN NS ns",
         "ns IN A 192.0.2.53"] +
        [f"h{n} IN A {'.'.join(map(str, address_of(n)))}" for n in range(names)]) + "\n"


def exchange(number, edns):
    """Query and right reply, each without its id."""
    label = b"h%d" % number
    question = bytes((len(label),)) + label + b"\4many\4test\0\0\1\0\1"
    query = struct.pack(">5H", 0x0100, 1, 0, 0, edns) + question
    reply = struct.pack(">5H", 0x8500, 1, 1, 0, edns) + question + \
        b"\xc0\x0c\0\1\0\1" + struct.pack(">IH", 300, 4) + address_of(number)
    return (query + OPT, reply + OPT) if edns else (query, reply)


class Steady:
    def __init__(self, address, port, names):
        self.way = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                                 socket.SOCK_DGRAM)
        with contextlib.suppress(PermissionError):
            self.way.setsockopt(socket.SOL_SOCKET, 33, RECEIVE_OCTETS)  # SO_RCVBUFFORCE
        self.way.connect((address, port))
        self.way.setblocking(False)
        order = list(range(names))
        random.Random(3).shuffle(order)
        self.exchanges = [exchange(number, at & 1) for at, number in enumerate(order)]
        self.open = {}  # id: (right reply, when asked)
        self.asked = self.answered = self.late = self.wrong = 0
        self.examples, self.longest = [], 0.0

    def send(self, count):
        pack, exchanges, names = struct.pack, self.exchanges, len(self.exchanges)
        for at in range(self.asked, self.asked + count):
            query, right = exchanges[at % names]
            ident = at & 0xffff
            self.open[ident] = right, time.monotonic()
            self.way.send(pack(">H", ident) + query)
        self.asked += count

    def receive(self, patience):
        while True:
            try:
                got = self.way.recv(2048)
            except BlockingIOError:
                return
            right, sent = self.open.pop(int.from_bytes(got[:2], "big"), (None, 0.0))
            if got[2:] != right:
                self.wrong += 1
                self.examples = self.examples[:4] + [got.hex()]
                continue
            took = time.monotonic() - sent
            self.longest = max(self.longest, took)
            if took > patience:
                self.late += 1
            else:
                self.answered += 1

    def run(self, rate, seconds, patience):
        begun = time.monotonic()
        total = int(rate * seconds)
        # An id comes again after 65,536 queries: none may still be open then.
        assert 65536 / rate > 2 * patience
        ended = None
        while ended is None or (self.open and time.monotonic() - ended < patience):
            elapsed = time.monotonic() - begun
            due = min(total, int(elapsed * rate)) - self.asked
            if due > 0:
                self.send(min(due, BURST))
            elif self.asked == total and ended is None:
                ended = time.monotonic()
            self.receive(patience)
            if due < 4:
                time.sleep(0.0002)
        return {"asked": self.asked, "answered": self.answered,
                "lost": self.asked - self.answered - self.wrong, "late": self.late,
                "wrong": self.wrong, "examples": self.examples,
                "rate": round(self.asked / (ended - begun)),
                "longest_ms": round(self.longest * 1e3, 2)}


if __name__ == "__main__":
    STEADY = Steady(sys.argv[1], int(sys.argv[2]), int(sys.argv[5]))
    print(json.dumps(STEADY.run(int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[6]))))
