#!/usr/bin/python3
"""Writes a MaxMind DB out of a locations.csv, for tests: Debian has no library that writes one.

usage: write_mmdb.py CSV MMDB [--ip-version 4|6] [--record-size 24|28|32] [--aliases]

The format is that of https://maxmind.github.io/MaxMind-DB/, version 2. Each record has the members
of a City database that places are read from, beside others that readers must skip; maps of
countries are shared through pointers, as in the files of MaxMind.
"""

import argparse
import csv
import ipaddress
import struct
from pathlib import Path

DOUBLE, STRING, UINT16, UINT32, MAP, UINT64, ARRAY = 3, 2, 5, 6, 7, 9, 11
MARK = b"\xab\xcd\xefMaxMind.com"
ALIASES = ("::ffff:0:0/96", "2001::/32", "2002::/16")


def control(kind, size):
    """The octets before a payload: type and size."""
    extended = bytes([kind - 7]) if kind > 7 else b""
    first = (kind if kind <= 7 else 0) << 5
    for low, bits, octets in ((0, 0, 0), (29, 29, 1), (285, 30, 2), (65821, 31, 3)):
        if size < (29, 285, 65821, 65821 + (1 << 24))[octets]:
            if octets == 0:
                return bytes([first | size]) + extended
            return bytes([first | bits]) + extended + (size - low).to_bytes(octets, "big")
    raise ValueError(size)


def pointer(offset):
    for size, base in enumerate((0, 2048, 526336)):
        if offset - base < 1 << (11 + 8 * size):
            value = offset - base
            return bytes([0x20 | size << 3 | value >> (8 * (size + 1))]) + \
                (value & (1 << (8 * (size + 1))) - 1).to_bytes(size + 1, "big")
    return b"\x38" + offset.to_bytes(4, "big")


class Pointer(int):
    """An offset of the data section, written as a pointer."""


class Unsigned(int):
    """An int that is written as the type of `kind`."""

    def __new__(cls, value, kind):
        number = super().__new__(cls, value)
        number.kind = kind
        return number


def encode(value):
    if isinstance(value, Pointer):
        return pointer(value)
    if isinstance(value, Unsigned):
        octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
        return control(value.kind, len(octets)) + octets
    if isinstance(value, str):
        return control(STRING, len(value.encode())) + value.encode()
    if isinstance(value, float):
        return control(DOUBLE, 8) + struct.pack(">d", value)
    if isinstance(value, dict):
        members = b"".join(encode(key) + encode(member) for key, member in value.items())
        return control(MAP, len(value)) + members
    return control(ARRAY, len(value)) + b"".join(encode(item) for item in value)


class Database:
    def __init__(self, ip_version, record_size):
        self.ip_version = ip_version
        self.record_size = record_size
        self.root = [None, None]
        self.data = bytearray()
        self.offsets = {}  # of what is in the data section, by its octets

    def put(self, value):
        octets = encode(value)
        if octets not in self.offsets:
            self.offsets[octets] = len(self.data)
            self.data += octets
        return self.offsets[octets]

    def bits(self, network):
        number, length = int(network.network_address), network.prefixlen
        if network.version == 4 and self.ip_version == 6:
            length += 96
        width = 32 if self.ip_version == 4 else 128
        return [number >> (width - 1 - i) & 1 for i in range(length)]

    def node_at(self, bits):
        """The node that `bits` lead to; what is a leaf on the way is divided."""
        node = self.root
        for bit in bits:
            if not isinstance(node[bit], list):
                node[bit] = [node[bit], node[bit]]
            node = node[bit]
        return node

    def insert(self, network, value):
        bits = self.bits(network)
        if not bits:
            self.root = [value, value]
        else:
            self.node_at(bits[:-1])[bits[-1]] = value

    def alias(self):
        ipv4 = self.node_at([0] * 96)
        for text in ALIASES:
            bits = self.bits(ipaddress.ip_network(text))
            self.node_at(bits[:-1])[bits[-1]] = ipv4

    def tree(self):
        """(how many nodes, their octets); an aliased node is written once."""
        numbers, order, pending = {}, [], [self.root]
        while pending:
            node = pending.pop()
            if id(node) not in numbers:
                numbers[id(node)] = len(order)
                order.append(node)
                pending += [child for child in reversed(node) if isinstance(child, list)]
        octets = bytearray()
        for node in order:
            left, right = (numbers[id(child)] if isinstance(child, list) else
                           len(order) if child is None else len(order) + 16 + child
                           for child in node)
            if self.record_size == 28:
                middle = left >> 24 << 4 | right >> 24
                octets += (left & 0xffffff).to_bytes(3, "big") + bytes([middle])
                octets += (right & 0xffffff).to_bytes(3, "big")
            else:
                octets += left.to_bytes(self.record_size // 8, "big")
                octets += right.to_bytes(self.record_size // 8, "big")
        return len(order), bytes(octets)

    def write(self, path):
        nodes, octets = self.tree()
        metadata = {
            "node_count": Unsigned(nodes, UINT32),
            "record_size": Unsigned(self.record_size, UINT16),
            "ip_version": Unsigned(self.ip_version, UINT16),
            "database_type": "Holdfast-Test-City",
            "languages": ["en"],
            "binary_format_major_version": Unsigned(2, UINT16),
            "binary_format_minor_version": Unsigned(0, UINT16),
            "build_epoch": Unsigned(1_700_000_000, UINT64),
            "description": {"en": "written by a test"},
        }
        path.write_bytes(octets + bytes(16) + bytes(self.data) + MARK + encode(metadata))


def record_of(database, row):
    record = {"names": {"en": "a place", "ja": "\u5834\u6240"}}
    if row["continent"]:
        record["continent"] = {"code": row["continent"], "geoname_id": Unsigned(7, UINT32)}
    if row["country"]:
        country = {"names": {"en": "a" * 300}, "iso_code": row["country"]}
        record["country"] = Pointer(database.put(country))
    if row["subdivision"]:
        record["subdivisions"] = [{"iso_code": row["subdivision"]}, {"iso_code": "ZZZ"}]
    if row["latitude"]:
        record["location"] = {"accuracy_radius": Unsigned(20, UINT16),
                              "latitude": float(row["latitude"]),
                              "longitude": float(row["longitude"])}
    return record


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        lines = (line for line in file if line.strip() and not line.startswith("#"))
        for row in csv.DictReader(lines):
            yield ipaddress.ip_network(row["network"]), row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=Path)
    parser.add_argument("mmdb", type=Path)
    parser.add_argument("--ip-version", type=int, choices=(4, 6), default=6)
    parser.add_argument("--record-size", type=int, choices=(24, 28, 32), default=28)
    parser.add_argument("--aliases", action="store_true")
    options = parser.parse_args()
    database = Database(options.ip_version, options.record_size)
    # A longer network divides the leaf that a shorter one has left.
    for network, row in sorted(rows_of(options.csv), key=lambda item: item[0].prefixlen +
                               (96 if item[0].version == 4 and options.ip_version == 6 else 0)):
        if network.version <= options.ip_version:
            database.insert(network, database.put(record_of(database, row)))
    if options.aliases:
        database.alias()
    database.write(options.mmdb)


if __name__ == "__main__":
    main()
