"""tools/bench peers --instructions: what an answer takes in user space, counted by callgrind as the
difference of two numbers of queries, so that starting and ending cancel out.

The others run as they are, in a namespace of the bench's own, and are asked one query at a time.
Knot in XDP mode is left out: valgrind knows no AF_XDP. A loop that polls would count its empty
polls, so of Holdfast the loop of a polling core answers a pcap file and ends
(bench/e2e/pcap_count.cc).
"""

import shutil
import struct

import benchreport
import peerzone
from benchguard import counted
from benchreport import BenchError
from peerservers import SERVERS

TARGETS = ["bench/pcap_count"]
QUERIES = 2000      # and twice as many
# Of Holdfast: within what the loop answers once it is told to stop (kDrainRounds).
PCAP_QUERIES = 4000
REPEATS = 3
VALGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
COUNTED = [name for name, server in SERVERS.items() if not server.xdp]
PCAP_MAC = bytes.fromhex("027063617000")  # of DPDK's first port for pcap files
CLIENT_MAC = bytes.fromhex("020000000902")


def checksum(octets):
    """Of the Internet (RFC 1071), not complemented."""
    octets += b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def frame(message, source, target):
    """Ethernet, IPv4 and UDP around a query, with their checksums."""
    addresses = bytes(int(part) for part in f"{source}.{target}".split("."))
    length = 8 + len(message)
    udp = struct.pack("!HHHH", 40_000, 53, length, 0) + message
    total = checksum(addresses + struct.pack("!HH", 17, length) + udp)
    udp = udp[:6] + struct.pack("!H", (0xFFFF - total) or 0xFFFF) + message
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, 17, 0) + addresses
    ip = ip[:10] + struct.pack("!H", 0xFFFF - checksum(ip)) + ip[12:]
    return PCAP_MAC + CLIENT_MAC + b"\x08\x00" + ip + udp


def pcap(frames):
    """A capture file (version 2.4, microseconds, Ethernet)."""
    packets = [struct.pack("<IIII", number // 1_000_000, number % 1_000_000, len(one), len(one))
               + one for number, one in enumerate(frames)]
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1) + b"".join(packets)


def labels_asked(zone, count):
    """Names that exist, each as often as the others."""
    return [zone.labels[number * 7 % len(zone.labels)] for number in range(count)]


def collected(folder):
    """Instructions of all processes that wrote a log into `folder`."""
    texts = [path.read_text(errors="replace") for path in folder.glob("callgrind.*")]
    if not texts:
        raise BenchError("callgrind wrote no log")
    return sum(counted(text) for text in texts)


def of_server(lab, server, queries):
    """Instructions of all processes of a server from its start to its end, with so many queries."""
    log = lab.place(server).folder / "callgrind.%p"
    with lab.serve(server, [*VALGRIND, f"--log-file={log}"]) as running:
        with lab.asking(timeout=5.0, tries=1, namespace=lab.pair.server) as ask:
            for label in labels_asked(lab.zone, queries):
                wanted = (peerzone.NOERROR, [lab.zone.addresses[label]])
                if ask(label) != wanted:
                    raise BenchError(f"{server.name} under callgrind: no right answer to {label}")
        folder = running.place.folder
    return collected(folder)


def per_answer(count, queries):
    """@param count  of a number of queries: instructions."""
    return (count(2 * queries) - count(queries)) / queries


def of_holdfast(lab, program, queries, more=()):
    """Instructions inside the loop, or inside the driver alone."""
    file, log = lab.folder / "queries.pcap", lab.folder / "pcap_count.log"
    messages = (peerzone.question(label, number & 0xFFFF)
                for number, label in enumerate(labels_asked(lab.zone, queries)))
    file.write_bytes(pcap(frame(message, lab.pair.client4, lab.pair.server4)
                          for message in messages))
    inside = "*DriverAlone*" if more else "*RunLcore*"
    benchreport.call([*VALGRIND, f"--toggle-collect={inside}", f"--log-file={log}", program,
                      lab.folder / "zone.records", file, lab.pair.server4, queries, *more])
    return counted(log.read_text())


def measure(lab, options):
    """(rows, notes)."""
    if shutil.which("valgrind") is None:
        raise BenchError("valgrind is not installed: apt-get install valgrind")
    repeats = 1 if options.quick else REPEATS
    program = options.build / TARGETS[0]
    both, driver = [], []
    for _ in range(repeats):
        both.append(per_answer(lambda n: of_holdfast(lab, program, n), PCAP_QUERIES))
        driver.append(per_answer(lambda n: of_holdfast(lab, program, n, ["driver-alone"]),
                                 PCAP_QUERIES))
    unit = "instructions"
    rows = [benchreport.row("instructions/holdfast", [a - b for a, b in zip(both, driver)], unit,
                            "<= 400"),
            benchreport.row("instructions/holdfast-with-driver", both, unit)]
    names = [name for name in COUNTED if not options.only or name in options.only]
    for name in names:
        benchreport.say(f"instructions: {name}")
        rows.append(benchreport.row(f"instructions/{name}", [
            per_answer(lambda n, name=name: of_server(lab, SERVERS[name], n), QUERIES)
            for _ in range(repeats)], unit))
    return rows, [
        f"user space, an answer: {QUERIES} and {2 * QUERIES} queries, one at a time, for names that"
        " exist among 1,000; what the kernel does is not in it",
        "holdfast: the loop of a polling core in bursts of 32, without empty polls and without the"
        " driver; holdfast-with-driver: with DPDK's for pcap files, which copies each frame"]
