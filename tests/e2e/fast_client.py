"""Thousands of queries a second from Python: packets are made once, many are under way at a time,
equal replies are read once.
"""

import socket
import struct
import time

import dns.message
import dns.rcode

WINDOW = 64


def packet(name, rrtype="A", **options):
    """The query without its id."""
    return dns.message.make_query(name, rrtype, **options).to_wire()[2:]


def message(reply):
    """A reply without its id, read."""
    return dns.message.from_wire(b"\0\0" + reply)


def meaning(reply):
    """(rcode, ((owner, type, ttl, value), ...) in their order) of a reply without its id."""
    read = message(reply)
    answer = tuple((rrset.name.to_text(), dns.rdatatype.to_text(rrset.rdtype), rrset.ttl,
                    item.to_text()) for rrset in read.answer for item in rrset)
    return dns.rcode.to_text(read.rcode()), answer


def a_records(reply):
    """The last octets of the addresses in their order, of a reply with A records alone."""
    counts = struct.unpack_from(">4H", reply, 2)
    at = 10
    while reply[at]:
        at += reply[at] + 1
    at += 5
    found = []
    for _ in range(counts[1]):
        assert reply[at:at + 4] == b"\xc0\x0c\0\1" and reply[at + 10:at + 12] == b"\0\4", reply
        found.append(reply[at + 15])
        at += 16
    return tuple(found)


class Client:
    """One connected UDP socket; `make_socket` says where it lives."""

    def __init__(self, address, port, make_socket=socket.socket):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.way = make_socket(family, socket.SOCK_DGRAM)
        self.way.settimeout(5)
        self.way.connect((address, port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.way.close()

    def ask(self, packets):
        """Asks every packet, at most WINDOW at a time; gives (index, reply without its id) as they
        come. A query without a reply after 5 s is an error: nothing is lost on loopback."""
        sent, open_ids = 0, {}
        packets = list(packets)
        while sent < len(packets) or open_ids:
            while sent < len(packets) and len(open_ids) < WINDOW:
                self.way.send(struct.pack(">H", sent & 0xffff) + packets[sent])
                open_ids[sent & 0xffff] = sent
                sent += 1
            got = self.way.recv(65535)
            yield open_ids.pop(struct.unpack_from(">H", got)[0]), got[2:]

    def wait_for(self, what, asked, seconds=20.0):
        """Asks until what(reply) holds."""
        deadline = time.monotonic() + seconds
        while True:
            for _, reply in self.ask([asked]):
                if what(reply):
                    return
            assert time.monotonic() < deadline, meaning(reply)
