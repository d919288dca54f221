"""A zone is loaded again and again while all ways in are asked for it: no reply mixes two versions,
and no query that was sent after a load returned, or after a newer answer came to anybody, gets an
older one. And very many zones.

HOLDFAST_LOADS says how many loads; `tools/test --long` takes 1,000.
"""

import contextlib
import os
import random
import socket
import subprocess
import threading
import time

import dns.message
import dns.rdatatype
import pytest
from holdfast_node import ADDRESSES, BINARIES, Node, needs_programs
from lab_site import ADDRESS4, ADDRESS6, DATAPLANE, lab, needs_lab
from watch import report

pytestmark = needs_programs

LOADS = int(os.environ.get("HOLDFAST_LOADS", "60"))
ORIGIN = "load.test"
HOSTS = 40  # a version takes some time to compile and to write
ZONES, NAMES = 10_000, 10
QUESTIONS = (("www", "A"), ("mx", "MX"), ("alias", "A"), ("x.wild", "A"), ("nothing", "A"),
             ("www", "TXT"), ("@", "SOA"), ("big", "TXT"))


def zone(version):
    """Every answer says its version: addresses, the SOA of what is not there, texts."""
    address = f"10.0.{version >> 8}.{version & 255}"
    lines = [f"$ORIGIN {ORIGIN}.", "$TTL 60", f"@ IN SOA ns h {version} 7200 900 1209600 60",
             "@ IN NS ns", f"ns IN A {address}", f"www IN A {address}", "alias IN CNAME www",
             f"*.wild IN A {address}"]
    lines += [f"mx IN MX {n} m{n}\nm{n} IN A {address}" for n in range(4)]
    lines += [f'big IN TXT "{version} {n} {"x" * 40}"' for n in range(10)]
    lines += [f"h{n} IN A {address}" for n in range(HOSTS)]
    return "\n".join(lines) + "\n"


def versions(reply):
    """All that a reply speaks of."""
    found = set()
    for rrset in (*reply.answer, *reply.authority, *reply.additional):
        for item in rrset:
            if rrset.rdtype == dns.rdatatype.A:
                octets = item.address.split(".")
                found.add(int(octets[2]) << 8 | int(octets[3]))
            elif rrset.rdtype == dns.rdatatype.SOA:
                found.add(item.serial)
            elif rrset.rdtype == dns.rdatatype.TXT:
                found.add(int(item.strings[0].split(b" ")[0]))
    return found


class Floor:
    """The oldest version that a query may get if it is sent now."""

    def __init__(self):
        self.version, self.lock = 1, threading.Lock()

    def rise(self, version):
        with self.lock:
            self.version = max(self.version, version)


class Asker:
    """Asks all the time over one way and remembers what was wrong."""

    def __init__(self, floor, make_socket, address, port, tcp):
        self.floor, self.wrong, self.asked, self.tcp = floor, [], 0, tcp
        self.dice = random.Random(port + tcp)
        self.way = make_socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                               socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        self.way.settimeout(5)
        self.where = address, port
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            self.way.connect(self.where)
            while not self.stopped.is_set():
                self.ask()
        except (OSError, ValueError) as error:
            self.wrong.append(repr(error))
        self.way.close()

    def ask(self):
        name, kind = self.dice.choice(QUESTIONS)
        full = f"{ORIGIN}." if name == "@" else f"{name}.{ORIGIN}."
        wire = dns.message.make_query(full, kind, use_edns=0, payload=1232).to_wire()
        floor = self.floor.version
        self.way.sendall(len(wire).to_bytes(2) + wire if self.tcp else wire)
        got = self.way.recv(65535)
        reply = dns.message.from_wire(got[2:] if self.tcp else got)
        found = versions(reply)
        self.asked += 1
        if len(found) != 1 or min(found) < floor:
            self.wrong.append((name, kind, found, floor))
        self.floor.rise(max(found, default=0))

    def stop(self):
        self.stopped.set()
        self.thread.join(10)
        assert not self.thread.is_alive()


def load_again_and_again(load, ways):
    """@param load  gives a version to the server. @param ways  arguments of Asker."""
    floor = Floor()
    with contextlib.ExitStack() as stack:
        askers = [Asker(floor, *way) for way in ways]
        for asker in askers:
            stack.callback(asker.stop)
        began = time.monotonic()
        for version in range(2, LOADS + 2):
            load(version)
            floor.rise(version)
        took = time.monotonic() - began
        time.sleep(0.2)
    assert [asker.wrong[:3] for asker in askers] == [[]] * len(askers)
    assert all(asker.asked > 2 * min(LOADS, 100) for asker in askers)
    return sum(asker.asked for asker in askers), round(took * 1000 / LOADS, 1)


def loader(node):
    def load(version):
        file = node.folder / f"{ORIGIN}.zone"
        file.write_text(zone(version))
        node.request(op="zone_load", origin=ORIGIN, file=str(file))
    return load


def test_no_load_is_seen_half_and_none_is_taken_back(make_one):
    node = make_one.node({ORIGIN: (zone(1), [])}).start()
    asked, ms = load_again_and_again(loader(node), [
        (socket.socket, address, node.port, tcp) for address in ADDRESSES for tcp in (False, True)])
    report("loads-sockets", asked, "answers", f"none old, none mixed; {LOADS} loads, {ms} ms each")


@pytest.mark.skipif(any(mark.args[0] for mark in needs_lab), reason="needs a lab")
def test_no_load_is_seen_half_over_af_xdp_and_tcp(tmp_path):
    node = Node(tmp_path, {ORIGIN: (zone(1), [])}, tail=DATAPLANE)
    with lab(node.config) as site:
        def load(version):
            file = tmp_path / f"{ORIGIN}.zone"
            file.write_text(zone(version))
            subprocess.run([BINARIES / "holdfast", "zone", "load", ORIGIN, file, "--run-dir",
                            f"{site.folder}/run"], check=True, capture_output=True, timeout=30)

        asked, ms = load_again_and_again(load, [
            (site.make_socket, address, 53, tcp)
            for address, tcp in ((ADDRESS4, False), (ADDRESS4, False), (ADDRESS6, False),
                                 (ADDRESS4, True))])
    report("loads-af_xdp", asked, "answers", f"none old, none mixed; {LOADS} loads, {ms} ms each")


def test_ten_thousand_zones_of_ten_names(tmp_path, make_one):
    """Each with the same names as the others and addresses of its own; a third lie below others."""
    origins = []
    for number in range(ZONES):
        below = number >= ZONES * 2 // 3
        origins.append(f"sub.{origins[number - ZONES * 2 // 3]}" if below else f"z{number}.test")
    tail = []
    for number, origin in enumerate(origins):
        address = f"10.{number >> 8}.{number & 255}"
        lines = [f"$ORIGIN {origin}.", "$TTL 60",
                 f"@ IN SOA ns h {number + 1} 7200 900 1209600 60", "@ IN NS ns",
                 f"ns IN A {address}.53"]
        if not origin.startswith("sub."):
            lines += ["sub IN NS ns.sub", f"ns.sub IN A {address}.54"]
        lines += [f"h{n} IN A {address}.{n}" for n in range(NAMES - 2)]
        (tmp_path / f"{number}.zone").write_text("\n".join(lines) + "\n")
        tail.append(f'[[zone]]\norigin = "{origin}"\nid = "Z{number}"\n'
                    f'file = "{tmp_path}/{number}.zone"\n')
    node = make_one.node({}, size="256M", tail="".join(tail))
    began = time.monotonic()
    node.start()
    took = time.monotonic() - began
    dice = random.Random(5)
    for number in dice.sample(range(ZONES), 500):
        n = dice.randrange(NAMES - 2)
        reply = node.ask(f"h{n}.{origins[number]}")
        assert [str(item) for item in reply.answer[0]] == \
            [f"10.{number >> 8}.{number & 255}.{n}"], origins[number]
        missing = node.ask(f"nothing.{origins[number]}")
        assert [(str(one.name), one[0].serial) for one in missing.authority] == \
            [(f"{origins[number]}.", number + 1)]
    zones = {one["origin"].rstrip("."): one for one in node.status()["zones"]}
    assert len(zones) == ZONES and zones[origins[777]]["serial"] == 778
    report("many-zones", ZONES, "zones", f"of {NAMES} names, ready after {took:.1f} s")
