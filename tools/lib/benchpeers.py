"""tools/bench peers: Holdfast and others in the same lab, with the same zone and clients, in turn,
and what is made of it: rows, a table and a plot. What is not limited by the veth pair and the
clients, instructions, is in peerinstructions.py; failover in peerfailover.py.
"""

import subprocess
from collections import namedtuple

import benchreport
import peerclients
import peerfailover
import peerinstructions
import peerlab
import peerplot
import peerusage
import peerzone
import quiet
from benchreport import BenchError
from peerservers import HOLDFAST, SERVERS

REFLECTOR = "reflector"
NAMES = (*SERVERS, REFLECTOR)
PEERS = set(SERVERS) - {HOLDFAST.name}
FIXED = {"20k": 20_000, "50k": 50_000}
DISTURBED = 0.02   # part of a run that a busy thread may be without its core
CALM = 0.005       # likewise of one whose p99 is sought; a tick of the kernel is 10 ms of it
SAMPLE = 200       # names that each server must answer rightly before it is measured
TARGETS = ["tools/holdfast", "tools/holdfast-control", "tools/holdfast-dataplane",
           "tools/holdfast-sockets"]

# What is run: queries/s offered above every server's capacity, the better of which counts; seconds
# of such a burst, of one of `clean`, of dnsperf; halvings of `clean`; rounds; patience with a
# machine that is not quiet, in seconds.
Lengths = namedtuple("Lengths", "offered burst probe fixed steps rounds patience")
FULL = Lengths((400_000, 1_500_000), 2, 1, 3, 4, 3, quiet.PATIENCE)
QUICK = Lengths((1_500_000,), 1, 0.5, 1, 2, 1, 0)


def words_of_burst(lab, rate, seconds):
    return peerclients.kxdpgun(lab.pair.server4, lab.folder / "queries", rate, seconds)


# What a client printed, the Span of its sending, and what the server did meanwhile (see work()).
Measured = namedtuple("Measured", "text span work")


class Meter:
    """Runs clients against the server of the moment; again when something disturbed the run."""

    def __init__(self, lab, lengths):
        self.lab, self.lengths = lab, lengths
        self.patient = quiet.Patient(lengths.patience)
        self.name = self.running = None

    def turn(self, name, running=None):
        """Whose turn it is. @param running  a server (peerlab.Running); None for a reflector."""
        self.name, self.running = name, running
        self.patient.turn()

    def busy(self):
        return self.running and self.lab.busy(self.running)

    def run(self, words, seconds, pids, alone, most=DISTURBED):
        """A client's run: Measured. @param alone  one thread of the client is busy: of threads that
        share a core it says nothing that they wait."""
        def once():
            before = self.busy()
            text, span = self.lab.client(words, seconds, pids)
            return (max(span.server_waited, span.client_waited * alone, span.stolen),
                    Measured(text, span, work(before, self.busy())))

        return self.patient.run(once, most, f"{self.name}: {words[0]}")

    def burst(self, rate, seconds, pids):
        """(Burst, Measured)"""
        run = self.run(words_of_burst(self.lab, rate, seconds), seconds, pids, True)
        return peerclients.burst(run.text), run

    def dnsperf(self, rate, pids):
        seconds = self.lengths.fixed
        return self.run(peerclients.dnsperf(
            self.lab.pair.server4, self.lab.folder / "queries", seconds, rate), seconds, pids,
            False, DISTURBED if rate is None else CALM)

    def throughput(self, pids):
        """answered, clean, best-dnsperf, and what an answer costs at saturation."""
        bursts = [self.burst(rate, self.lengths.burst, pids) for rate in self.lengths.offered]
        one, run = max(bursts, key=lambda pair: pair[0].answered / pair[0].seconds)
        found = {"answered": one.answered / one.seconds} | run.work
        found |= costs("", run.span, found["answered"])
        found["clean"] = peerclients.clean_rate(
            lambda rate: self.burst(rate, self.lengths.probe, pids)[0],
            1.1 * found["answered"], self.lengths.steps)
        found["best-dnsperf"] = peerclients.dnsperf_rate(self.dnsperf(None, pids).text)
        return found

    def latency(self, pids):
        """p50, p99, loss and the cost of an answer at each fixed rate. Behind throughput(): kxdpgun
        leaves its XDP program on the client's interface, without which replies sent by XDP_TX do
        not come through to a socket there."""
        found = {}
        for name, rate in FIXED.items():
            run = self.dnsperf(rate, pids)
            (p50, p99), replies, lost = peerclients.latencies(run.text)
            found |= {f"p50-{name}": p50, f"p99-{name}": p99, f"lost-{name}": 100 * lost}
            found |= costs(f"-{name}", run.span, replies / self.lengths.fixed)
        return found

    def server(self, server):
        """All figures of one server in one round."""
        with self.lab.serve(server) as running:
            with self.lab.asking() as ask:
                peerzone.check(server.name, self.lab.zone.sample(SAMPLE), ask)
            pids = self.lab.settle(running)
            if server.ours:
                peerusage.calm(pids)
            self.turn(server.name, running)
            found = {"load": running.first_answer} | self.throughput(pids) | self.latency(pids)
            self.lab.alive(running, "the end of its round")
            return found | {"memory": peerusage.memory(pids) / (1 << 20)}

    def reflector(self, program):
        with self.lab.reflecting(program):
            self.turn(REFLECTOR)
            found = self.throughput([]) | self.latency([])
            return {name: value for name, value in found.items() if not name.startswith("cpu-")}


def costs(suffix, span, rate):
    """Processor time of an answer at so many answers a second, in ns."""
    return {f"cpu-user{suffix}": 1e9 * span.user / max(1, rate),
            f"cpu-system{suffix}": 1e9 * span.system / max(1, rate)}


def work(before, after):
    """TSC cycles of a polling core for an answer, polls that gave nothing apart; nothing where they
    are not counted."""
    if before is None or after is None or after[1] == before[1]:
        return {}
    return {"work": (after[0] - before[0]) / (after[1] - before[1])}


UNITS = {"answered": "answers/s", "clean": "answers/s", "best-dnsperf": "answers/s",
         "p50-20k": "us", "p99-20k": "us", "p50-50k": "us", "p99-50k": "us",
         "lost-20k": "%", "lost-50k": "%", "cpu-user": "ns", "cpu-system": "ns",
         "cpu-user-20k": "ns", "cpu-system-20k": "ns", "cpu-user-50k": "ns",
         "cpu-system-50k": "ns", "work": "cycles", "memory": "MiB", "load": "s"}
AIMS = {"knot-xdp": ">= 2", "nsd": ">= 4", "gdnsd": ">= 3", REFLECTOR: ">= 1"}


def rows_of(rounds):
    """@param rounds  for each one: server -> figure -> value, or None where there was none."""
    rows = []
    names = [name for name in NAMES if any(name in one for one in rounds)]
    for figure, unit in UNITS.items():
        for name in names:
            samples = [one[name][figure] for one in rounds
                       if one.get(name, {}).get(figure) is not None]
            if samples:
                rows.append(benchreport.row(f"{figure}/{name}", samples, unit))
    for name in names:
        ratios = [one[HOLDFAST.name]["answered"] / one[name]["answered"] for one in rounds
                  if HOLDFAST.name in one and name in one and one[name]["answered"]]
        if ratios and name != HOLDFAST.name:
            rows.append(benchreport.row(f"ratio/{name}", ratios, "x", AIMS.get(name, "")))
    return rows + best_peer(rounds)


def best_peer(rounds):
    """Holdfast's latency over that of the best other server of each round."""
    rows = []
    for figure in ("p50-20k", "p99-20k"):
        ratios = []
        for one in rounds:
            others = [one[name][figure] for name in one if name in PEERS]
            if HOLDFAST.name in one and others:
                ratios.append(one[HOLDFAST.name][figure] / min(others))
        if ratios:
            rows.append(benchreport.row(f"ratio-{figure}/best", ratios, "x", "<= 0.333"))
    return rows


def notes_of(lengths, names, meter, rows):
    values = {row.name: row.value for row in rows}
    offered = " and ".join(f"{rate:,}" for rate in lengths.offered)
    notes = [
        f"{names:,} names and one that follows a health check; a fifth of the queries for absent"
        f" names; {lengths.rounds} round(s), the servers in turn; core {peerlab.SERVER_CORE}"
        f" serves, core {peerlab.CLIENT_CORE} asks, all at nice -20 (Holdfast: what polls; the"
        " rest of it runs on the clients' core when that is idle)",
        f"answered: kxdpgun, the best of {offered} q/s offered; clean:"
        f" at most {peerclients.LOSS:.1%} lost, by bisection; p50, p99 and cpu-*-20k, -50k:"
        " dnsperf at that rate; best-dnsperf: 200 queries in flight",
        "cpu: processor time of all processes of the server, an answer, at saturation without a"
        " suffix. What the kernel does to receive runs on the client's core. Holdfast polls: it"
        " keeps its core busy at any rate, so its time an answer is that of the rate, not of the"
        " work; the others wait in the kernel. work: its cycles in polls that gave frames, the"
        " driver's system calls among them",
        "load: start to the first answer, both cores free; memory: proportional set size and the"
        " hugepages in use",
        "clients: " + meter.patient.note(f"{DISTURBED:.0%} (where latency is taken {CALM:.1%})")]
    ceiling, ours = (values.get(f"answered/{name}") for name in (REFLECTOR, HOLDFAST.name))
    if ceiling and ours:
        notes.append(f"ceiling: an XDP program that only turns queries round gets"
                     f" {benchreport.figure(ceiling)} answers/s from the same client and veth pair,"
                     f" {ceiling / ours:.2f} x Holdfast: what is near it is limited by them")
    return notes


def install():
    """The Debian packages of the servers and clients, where they are missing."""
    script = f'source "{benchreport.ROOT}/tools/lib/bootstrap.sh"; packages_install build peers'
    if subprocess.run(["bash", "-euo", "pipefail", "-c", script], check=False).returncode != 0:
        raise BenchError("the packages of the other servers could not be installed")


def chosen(only):
    return [name for name in NAMES if not only or name in only]


def measure(options, lengths, names):
    """The rounds: (rows, notes)."""
    servers = chosen(options.only)
    rounds = []
    with peerlab.lab(names, options.build / "tools") as lab:
        lab.make_hugepages()
        meter = Meter(lab, lengths)
        with lab.listener(peerzone.PRIMARY):
            for number in range(lengths.rounds):
                rounds.append({})
                for name in servers:
                    benchreport.say(f"round {number + 1} of {lengths.rounds}: {name}")
                    rounds[-1][name] = (
                        meter.reflector(options.build / "bench" / "reflector.bpf.o")
                        if name == REFLECTOR else meter.server(SERVERS[name]))
        rows = rows_of(rounds)
        notes = notes_of(lengths, names, meter, rows)
        if not options.only:
            found = peerfailover.measure(lab, 1 if options.quick else peerfailover.DEATHS)
            rows, notes = rows + found[0], notes + found[1]
    return rows, notes


def part(options, lengths, names):
    """The part of the report that was asked for: (rows, notes)."""
    if options.instructions:
        with peerlab.lab(1000, options.build / "tools") as lab:
            return peerinstructions.measure(lab, options)
    if options.failover:
        with peerlab.lab(names, options.build / "tools") as lab:
            lab.make_hugepages()
            return peerfailover.measure(lab, 1 if options.quick else peerfailover.DEATHS)
    return measure(options, lengths, names)


def check(options):
    """BenchError for options that do not go together or are out of range."""
    if options.failover and options.only:
        raise BenchError("--only has no meaning for --failover: it is measured of two servers")
    if options.plot and (options.failover or options.instructions):
        raise BenchError("--plot draws throughput and latency, which --failover and --instructions"
                         " leave out")
    if options.rounds is not None and not 1 <= options.rounds <= 100:
        raise BenchError(f"--rounds is {options.rounds}; expected 1..100")


def run(options):
    check(options)
    names = options.names if options.names is not None else 1000 if options.quick else 100_000
    if not 1000 <= names <= 10_000_000:
        raise BenchError(f"--names is {names}; expected 1000..10000000")
    peerlab.must_be_root()
    where = benchreport.machine()
    install()
    targets = [*TARGETS, "bench/reflector.bpf.o"]
    benchreport.build(options.build, targets + peerinstructions.TARGETS * options.instructions)
    lengths = QUICK if options.quick else FULL
    lengths = lengths._replace(rounds=options.rounds or lengths.rounds)
    rows, notes = part(options, lengths, names)
    benchreport.show(rows, options.json, where, notes)
    if options.plot:
        options.plot.write_text(peerplot.plot(rows))
        benchreport.say(f"{options.plot}: written")
    return 0
