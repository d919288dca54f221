"""tools/bench wire: a lab with a generated zone, and dnsperf at its client's end."""

import os
import random
import re
import string
import tempfile
from pathlib import Path

import benchreport
from benchreport import BenchError

NAME = "bench"
ASKED = 200_000  # lines of the query file; dnsperf goes round
# dnsperf -v: one line for each reply, its last word the latency in seconds.
REPLY = re.compile(r"^> (\S+) \S+ \S+ (\d+\.\d+)$", re.MULTILINE)


def write_zone(folder, names):
    """A zone with that many names, a node that serves it, and queries for all of them."""
    draw = random.Random(1)
    labels = set()
    while len(labels) < names:
        labels.add("".join(draw.choices(string.ascii_lowercase, k=draw.randint(6, 16))))
    labels = sorted(labels)
    lines = ["$ORIGIN bench.test.", "$TTL 60",
             "@ IN SOA ns h 1 7200 900 1209600 60", "@ IN NS ns", "ns IN A 192.0.2.1"]
    lines += [f"{label} IN A 10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"
              for n, label in enumerate(labels)]
    (folder / "zone").write_text("\n".join(lines) + "\n")
    size = max(64, names // 1000)
    (folder / "node.toml").write_text(
        f'[node]\ncontrol_core = 0\n[tables]\nsize = "{size}M"\n'
        '[dataplane]\nlcores = [0]\n'
        '[[zone]]\norigin = "bench.test"\nfile = "zone"\n'
        '[health]\nchecks = "checks.json"\n')
    (folder / "checks.json").write_text('{"HealthChecks": []}')
    (folder / "queries").write_text("".join(
        f"{draw.choice(labels)}.bench.test A\n" for _ in range(ASKED)))


def summary(text):
    """Queries sent and answered, answers per second and latencies (us) of one dnsperf run."""
    def number(label):
        found = re.search(rf"{label}:\s+(\d+(?:\.\d+)?)", text)
        if found is None:
            raise BenchError(f"dnsperf printed no '{label}'")
        return float(found[1])

    replies = REPLY.findall(text)
    wrong = sorted({code for code, _ in replies if code != "NOERROR"})
    if wrong:
        raise BenchError(f"replies with {', '.join(wrong)} for names that exist")
    if not replies:
        raise BenchError("not one reply came")
    return {"sent": number("Queries sent"), "answered": number("Queries completed"),
            "rate": number("Queries per second"),
            "latency": [float(seconds) * 1e6 for _, seconds in replies]}


def dnsperf(folder, address, seconds, more):
    lab = [benchreport.ROOT / "tools" / "lab", "exec", "--name", NAME, "--"]
    return summary(benchreport.call([
        *lab, *benchreport.pinned(1), "dnsperf", "-s", address, "-d", folder / "queries", "-l",
        seconds, "-t", 1, "-v", "-O", "suppress=timeout,congestion", *more]))


def rows_of(name, runs):
    lost = [100 * (1 - one["answered"] / one["sent"]) for one in runs]
    rows = [benchreport.row(f"{name}/answered", [one["rate"] for one in runs], "answers/s"),
            benchreport.row(f"{name}/lost", lost, "%", "0" if name.startswith("fixed") else "")]
    for point, percent in (("p50", 50), ("p99", 99)):
        rows.append(benchreport.row(
            f"{name}/{point}", [benchreport.percentile(one["latency"], percent) for one in runs],
            "us"))
    return rows


def way_in(options):
    """The lab's --io and the programs that it needs."""
    targets = ["tools/holdfast", "tools/holdfast-control", "tools/holdfast-sockets"]
    dataplane = benchreport.has_target(options.build, "tools/holdfast-dataplane")
    io = options.io or ("af_xdp" if dataplane else "sockets")
    if io != "sockets":
        if not dataplane:
            raise BenchError(f"--io {io} needs holdfast-dataplane, which this tree does not build")
        targets.append("tools/holdfast-dataplane")
    return io, targets


def run(options):
    if os.geteuid() != 0:
        raise BenchError("wire needs root: it makes network namespaces")
    where = benchreport.machine()
    io, targets = way_in(options)
    benchreport.build(options.build, targets)
    repeats, seconds, names = (1, 1, 1000) if options.quick else (
        3, options.seconds, options.names)
    lab = benchreport.ROOT / "tools" / "lab"
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as made:
        folder = Path(made)
        write_zone(folder, names)
        benchreport.call([*(["nice", "-n", "-20"]), lab, "up", "--name", NAME, "--io", io,
                          "--config", folder / "node.toml", "--binary", options.build / "tools"])
        try:
            address = benchreport.call([lab, "address", "--name", NAME]).strip()
            fixed = [dnsperf(folder, address, seconds, ["-q", 1000, "-Q", options.rate])
                     for _ in range(repeats)]
            best = [dnsperf(folder, address, seconds, ["-q", 200, "-c", 2])
                    for _ in range(repeats)]
        finally:
            benchreport.call([lab, "down", "--name", NAME])
    rows = rows_of(f"fixed-{options.rate // 1000}k/{io}", fixed) + rows_of(f"best/{io}", best)
    benchreport.show(rows, options.json, where, [
        f"{io}, {names:,} names, uniform; Holdfast pinned to core 0 where it pins, dnsperf to core"
        f" 1; {seconds:g} s a run; `best` is as fast as 200 queries in flight go"])
    return 0
