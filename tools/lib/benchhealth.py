"""tools/bench health: the checker on core 0 against endpoints in a network namespace on core 1."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import tempfile
from collections import namedtuple
from pathlib import Path

import benchreport
import netpair
from benchreport import BenchError
from journal import Journal

NAME = "bench-health"
CLIENT_CORE, SERVER_CORE = 0, 1
PORT, PORTS, TLS_PORT, SILENT_PORT = 8000, 4, 8443, 9000
DESCRIPTORS = min(200_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
SOURCES = (2, 3, 4, 5)

# `checks` are as many as keep the checker's core busy at an interval of 50 ms.
Kind = namedtuple("Kind", "name checks port aim", defaults=(PORT, ""))
KINDS = (Kind("tcp", 6000, PORT, ">= 80 k"), Kind("http_new", 3000), Kind("http_keepalive", 8000,
         PORT, ">= 100 k"), Kind("https_new", 500, TLS_PORT), Kind("https_resumed", 800, TLS_PORT),
         Kind("https_keepalive", 1000, TLS_PORT), Kind("str_match", 3000))
BARE = ("tcp", "http_keepalive")  # kinds that a bare loop stands beside


class Lab:
    """Two namespaces; every address of 10.10.0.0/16 is the server's, asked from several of the
    client's. The server runs in one, each client in the other."""

    def __init__(self, folder, binaries):
        self.binaries = binaries
        self.journal = Journal.create(folder / "journal")
        self.pair = netpair.Pair(NAME)
        self.server = None

    def set_up(self):
        pair = self.pair
        pair.create(self.journal, client_hosts=SOURCES)
        netpair.ip("-n", pair.server, "route", "add", "local", "10.10.0.0/16", "dev", "lo")
        for n, host in enumerate(SOURCES):
            netpair.ip("-n", pair.client, "route", "add", f"10.10.{64 * n}.0/18", "via",
                       pair.server4, "dev", netpair.CLIENT_INTERFACE, "src", pair.address4(host))
        for namespace, interface in ((pair.server, netpair.SERVER_INTERFACE),
                                     (pair.client, netpair.CLIENT_INTERFACE)):
            # Checksums are as cheap as with a NIC.
            netpair.call(*netpair.enter_command(namespace), "ethtool", "-K", interface, "tx", "on")
            netpair.call("ip", "netns", "exec", namespace, "sh", "-c",
                         "echo 65535 > /proc/sys/net/core/somaxconn; "
                         "echo 1024 65535 > /proc/sys/net/ipv4/ip_local_port_range")
        words = [*netpair.enter_command(pair.server), *benchreport.pinned(SERVER_CORE), "prlimit",
                 f"--nofile={DESCRIPTORS}", str(self.binaries / "health_server"), str(PORT),
                 str(PORTS), str(TLS_PORT), str(SILENT_PORT)]
        self.server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        if self.server.stdout.readline() != "ready\n":
            raise BenchError("the health server did not start")

    def take_down(self):
        if self.server is not None:
            self.server.send_signal(signal.SIGKILL)
            self.server.wait()
        for complaint in self.journal.undo_all():
            benchreport.say(complaint)

    def client(self, mode, **options):
        words = [*netpair.enter_command(self.pair.client), *benchreport.pinned(CLIENT_CORE),
                 "prlimit", f"--nofile={DESCRIPTORS}", self.binaries / "health_bench", mode,
                 "--core", CLIENT_CORE, "--server-core", SERVER_CORE,
                 "--server-pid", self.server.pid]
        for name, value in options.items():
            words += [f"--{name}", value]
        return json.loads(benchreport.call(words))


def rate_rows(kind, runs):
    """Of one kind: what was done, and what it cost either side."""
    def per(key):
        return [one["passed"] / max(one[key], 0.01) for one in runs]

    for one in runs:
        bad = one["failed"] + one["unknown"]
        if bad > one["passed"] / 100:
            raise BenchError(f"{kind.name}: {bad} of {bad + one['passed']} probes did not pass:"
                             f" {one['reason']}")
    return [benchreport.row(kind.name, per("seconds"), "checks/s", kind.aim),
            benchreport.row(f"{kind.name}/client", per("client_cpu_s"), "checks/cpu s"),
            benchreport.row(f"{kind.name}/client_core",
                            [100 * one["client_core_s"] / one["seconds"] for one in runs], "%"),
            benchreport.row(f"{kind.name}/server_core",
                            [100 * one["server_core_s"] / one["seconds"] for one in runs], "%")]


def floor_rows(kind, runs, bare):
    """What this machine alone lets through, and what part of that the checker reaches."""
    floors = [one["passed"] / one["seconds"] for one in bare]
    rates = [one["passed"] / one["seconds"] for one in runs]
    return [benchreport.row(f"{kind.name}/bare", floors, "/s"),
            benchreport.row(f"{kind.name}/of_bare",
                            [100 * rate / floor for rate, floor in zip(rates, floors)], "%")]


def percentile_rows(name, runs, points, unit, aims):
    return [benchreport.row(f"{name}/{point}",
                            [benchreport.percentile(one, percent) for one in runs], unit,
                            aims.get(point, ""))
            for point, percent in points]


def memory_rows(lab, checks):
    rows = []
    for kind, aim in (("tcp", "<= 512"), ("http_new", "<= 512"), ("http_own_page", "")):
        idle = lab.client("idle", kind=kind, checks=checks, port=PORT, ports=PORTS,
                          interval=300_000, seconds=2)
        rows.append(benchreport.row(f"memory/idle/{kind}", [idle["octets"]], "octets", aim))
    for kind, aim in (("http_new", "<= 2 k"), ("https_new", "<= 40 k")):
        flying = lab.client("in_flight", kind=kind, checks=min(checks, 3000), port=SILENT_PORT,
                            interval=50, seconds=1)
        if flying["ended"]:
            raise BenchError(f"memory of {kind}: {flying['ended']} probes ended on their own")
        rows.append(benchreport.row(f"memory/in_flight/{kind}", [flying["octets"]], "octets", aim))
    return rows


def jitter_rows(lab, checks, interval_ms):
    found = lab.client("jitter", kind="tcp", checks=checks, port=PORT, ports=PORTS,
                       interval=interval_ms, seconds=2.5 * interval_ms / 1000)
    if found["failed"] or found["unknown"]:
        raise BenchError(f"jitter: {found['failed']} probes failed, {found['unknown']} unknown")
    begun = found["begun_per_100_ms"][:interval_ms // 100]
    return [*percentile_rows("jitter", [found["late_ms"]], (("p50", 50), ("p99", 99), ("max", 100)),
                             "ms", {}),
            benchreport.row("start/max_to_mean", [max(begun) * len(begun) / sum(begun)], "",
                            "<= 1.3"),
            benchreport.row("jitter/client_cpu", [100 * found["client_cpu_s"] / found["seconds"]],
                            "%")]


@contextlib.contextmanager
def made_lab(binaries):
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as made:
        lab = Lab(Path(made), binaries)
        try:
            lab.set_up()
            yield lab
        finally:
            lab.take_down()


def run(options):
    if os.geteuid() != 0:
        raise BenchError("health needs root: it makes network namespaces")
    if (os.cpu_count() or 1) < 2:
        raise BenchError("health needs two cores, one for the checker and one for its endpoints")
    where = benchreport.machine()
    binaries = options.programs
    if binaries is None:
        benchreport.build(options.build, ["bench/health_bench", "bench/health_server"])
        binaries = options.build / "bench"
    runs, seconds, checks, interval_ms, kills = (1, 1, 2000, 1000, 20) if options.quick else (
        3, 5, 100_000, 10_000, 500)
    kinds = [kind for kind in KINDS if not options.only or kind.name in options.only]
    rows = []
    with made_lab(binaries) as lab:
        for kind in kinds:
            found, bare = [], []
            for _ in range(runs):  # in turns: what disturbs one disturbs the other
                options_of = {"kind": kind.name, "checks": kind.checks, "port": kind.port,
                              "seconds": seconds}
                found.append(lab.client("rate", **options_of))
                if kind.name in BARE:
                    bare.append(lab.client("bare", **options_of))
            rows += rate_rows(kind, found)
            if bare:
                rows += floor_rows(kind, found, bare)
        if not options.only:
            rows += memory_rows(lab, checks)
            rows += jitter_rows(lab, checks, interval_ms)
            found = [lab.client("detect", interval=100, kills=kills) for _ in range(runs)]
            rows += percentile_rows("detect", [one["detect_ms"] for one in found],
                                    (("p50", 50), ("p99", 99), ("max", 100)), "ms",
                                    {"p99": "<= 300"})
    benchreport.show(rows, options.json, where, [
        f"checker on core {CLIENT_CORE}, endpoints on core {SERVER_CORE}, veth with several source"
        " addresses; what one side sends is received on its own core, so a TCP handshake is nearly"
        " all the checker's; .../bare: a loop of the system calls that cannot be done without, and"
        " nothing else, run in turns with the checker; of_bare: the checker's part of that",
        "client_core and server_core: all that the core did, other processes too; checks/cpu s: by"
        " the checker's own processor time",
        f"str_match: bodies of 5,000 octets, 1,000 search strings in one database; jitter:"
        f" {checks:,} checks at {interval_ms / 1000:g} s; detect: 100 ms interval, threshold 2,"
        f" {kills} deaths a run"])
    return 0
