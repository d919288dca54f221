"""tools/bench afxdp: what the settings of an AF_XDP port are worth, each against the default in the
same lab as `tools/bench peers`, and where the time of the polling core goes."""

from collections import Counter, namedtuple

import benchpeers
import benchreport
import netpair
import peerclients
import peerlab
import peerservers
import peerusage
import peerzone
from benchreport import BenchError

# One way to set up a port. `port`: more of its table in the node's file; `dataplane`: likewise of
# the data plane's; `interface`: files of the server's interface below /sys/class/net.
Variant = namedtuple("Variant", "name port dataplane interface", defaults=({}, {}, {}))


def device(arguments):
    """The port's table with more arguments of the driver."""
    return {"device": f"net_af_xdp0,iface={netpair.SERVER_INTERFACE},{arguments}"}


VARIANTS = (
    Variant("default"),
    Variant("no-busy-poll", port=device("busy_budget=0")),
    Variant("busy-budget-256", port=device("busy_budget=256")),
    Variant("forced-copy", port=device("force_copy=1")),
    Variant("burst-8", dataplane={"burst": 8}),
    Variant("burst-16", dataplane={"burst": 16}),
    Variant("descriptors-256", port={"descriptors": 256}),
    Variant("descriptors-4096", port={"descriptors": 4096}),
    Variant("ordinary-pages", dataplane={"hugepages": False}),
    # What documentation of AF_XDP advises beside busy polling: interrupts wait, a timer polls.
    Variant("deferred", interface={"napi_defer_hard_irqs": 2, "gro_flush_timeout": 200_000}),
    Variant("threaded", interface={"threaded": 1}))  # a kernel thread receives
BURST_RATE, CLEAN_RATE = 1_500_000, 400_000  # queries/s, above what is answered and below it
BURST_SECONDS = 2
UNITS = {"answered": "answers/s", "lost-400k": "%", "work": "cycles", "work-400k": "cycles",
         "p50-20k": "us", "p99-20k": "us", "p50-50k": "us", "p99-50k": "us"}
PROFILE_SECONDS = 4
# Where a sample belongs: the first of these that has a function of its stack, from outside in.
KERNEL = (("receive at the other end", ("net_rx_action", "__napi_poll")),
          ("send", ("__sys_sendto", "xsk_sendmsg")),
          ("poll", ("__sys_recvfrom", "xsk_recvmsg", "__x64_sys_poll")))
LIBRARIES = (("holdfast-dataplane", "Holdfast"), ("librte_net_af_xdp", "driver"),
             ("libxdp", "driver"), ("librte_", "DPDK"), ("libc", "C library around system calls"))


def server_of(variant):
    def change(config):
        config["dataplane"] |= variant.dataplane
        config["dataplane"]["port"] = [dict(variant.port)]

    return peerservers.holdfast(variant.name, change)


class Interface:
    """Files of the server's interface, set while it is held and set back then."""

    def __init__(self, pair, values):
        self.pair, self.values, self.before = pair, values, {}

    def file(self, name, words):
        # `ip netns exec` mounts the namespace's own /sys.
        return netpair.ip("netns", "exec", self.pair.server, "sh", "-c",
                          f"{words} /sys/class/net/{netpair.SERVER_INTERFACE}/{name}")

    def __enter__(self):
        for name, value in self.values.items():
            self.before[name] = self.file(name, "cat").strip()
            self.file(name, f"echo {value} >")

    def __exit__(self, *_):
        for name, value in self.before.items():
            self.file(name, f"echo {value} >")


def figures(lab, meter, variant):
    """All figures of one variant in one round."""
    with Interface(lab.pair, variant.interface), lab.serve(server_of(variant)) as running:
        with lab.asking() as ask:
            peerzone.check(variant.name, lab.zone.sample(benchpeers.SAMPLE), ask)
        pids = lab.settle(running)
        peerusage.calm(pids)
        meter.turn(variant.name, running)
        high, high_run = meter.burst(BURST_RATE, BURST_SECONDS, pids)
        low, low_run = meter.burst(CLEAN_RATE, BURST_SECONDS, pids)
        found = meter.latency(pids) | high_run.work
        lab.alive(running, "the end of its round")
    found |= {"answered": high.answered / high.seconds,
              "lost-400k": 100 * (1 - low.answered / low.sent)}
    found |= {f"{name}-400k": value for name, value in low_run.work.items()}
    return {name: found[name] for name in UNITS if name in found}


def rows_of(rounds):
    """@param rounds  for each one: variant -> figure -> value."""
    return [benchreport.row(f"{figure}/{variant}", [one[variant][figure] for one in rounds], unit)
            for figure, unit in UNITS.items() for variant in rounds[0]
            if all(figure in one[variant] for one in rounds)]


def stacks(text):
    """(function, library) of each frame from the innermost out, of each sample of `perf script`."""
    stack = []
    for line in [*text.splitlines(), ""]:
        words = line.split()
        if len(words) >= 3 and words[-1].startswith("("):
            stack.append((words[1].partition("+")[0], words[-1].strip("()")))
        elif not words and stack:
            yield stack
            stack = []


def place_of(stack):
    """Which part of the work a sample's stack shows."""
    functions = {function for function, _ in stack}
    for name, ours in KERNEL:
        if functions.intersection(ours):
            return name
    library = stack[0][1].rpartition("/")[2]
    return next((name for start, name in LIBRARIES if library.startswith(start)),
                "system calls' entry, others")


def profile(lab, pids):
    """ns of the polling core for an answer at saturation, by place; the sum is its whole time."""
    data = lab.folder / "perf.data"

    def sample():
        # Nothing that asks control: it runs at nice 19 on the client's core, and would answer late.
        benchreport.call(["perf", "record", "-q", "-g", "-e", "cpu-clock", "-F", "5000", "-C",
                          peerlab.SERVER_CORE, "-o", data, "--", "sleep", PROFILE_SECONDS - 2])

    one = peerclients.burst(lab.client(
        benchpeers.words_of_burst(lab, BURST_RATE, PROFILE_SECONDS), PROFILE_SECONDS, pids,
        meanwhile=sample)[0])
    text = benchreport.call(["perf", "script", "-i", data, "-F", "ip,sym,dso"])
    counts = Counter(place_of(stack) for stack in stacks(text))
    if not counts or not one.answered:
        raise BenchError("nothing was answered or no sample was taken at saturation")
    total = sum(counts.values())
    return {name: 1e9 * one.seconds / one.answered * count / total
            for name, count in counts.items()}


def profile_rows(rounds):
    names = sorted({name for one in rounds for name in one})
    return [benchreport.row(f"ns/{name}", [one.get(name, 0.0) for one in rounds], "ns/answer")
            for name in names]


def chosen(only):
    return [one for one in VARIANTS if not only or one.name in only]


def measure(options, lab):
    """(rows, notes)"""
    meter = benchpeers.Meter(lab, benchpeers.QUICK if options.quick else benchpeers.FULL)
    number_of_rounds = 1 if options.quick else options.rounds
    rounds, profiles = [], []
    for number in range(number_of_rounds):
        rounds.append({})
        for variant in chosen(options.only):
            benchreport.say(f"round {number + 1} of {number_of_rounds}: {variant.name}")
            rounds[-1][variant.name] = figures(lab, meter, variant)
        if options.profile:
            with lab.serve(server_of(VARIANTS[0])) as running:
                pids = lab.settle(running)
                peerusage.calm(pids)
                profiles.append(profile(lab, pids))
    notes = [
        f"{len(lab.zone.labels):,} names, {number_of_rounds} round(s), the variants in turn; core"
        f" {peerlab.SERVER_CORE} polls, core {peerlab.CLIENT_CORE} asks",
        f"answered: kxdpgun at {BURST_RATE:,} q/s; lost-400k and work-400k at {CLEAN_RATE:,}; p50"
        " and p99: dnsperf at 20,000 and 50,000 q/s; work: TSC cycles an answer in polls that gave"
        " frames, system calls among them",
        "clients: " + meter.patient.note(f"{benchpeers.DISTURBED:.0%} (where latency is taken"
                                       f" {benchpeers.CALM:.1%})")]
    if profiles:
        notes.append("ns: of the polling core's time, by perf's samples of the default at"
                     " saturation; polls that gave nothing are in `poll` and the driver")
    return rows_of(rounds) + profile_rows(profiles), notes


def run(options):
    if not 1 <= options.rounds <= 100:
        raise BenchError(f"--rounds is {options.rounds}; expected 1..100")
    peerlab.must_be_root()
    where = benchreport.machine()
    benchpeers.install()
    benchreport.build(options.build, benchpeers.TARGETS)
    names = 1000 if options.quick else 100_000
    with peerlab.lab(names, options.build / "tools") as lab, lab.listener(peerzone.PRIMARY):
        lab.make_hugepages()
        rows, notes = measure(options, lab)
    benchreport.show(rows, options.json, where, notes)
    return 0
