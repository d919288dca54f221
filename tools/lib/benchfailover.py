"""tools/bench failover: runs failover_bench (generator and answers in one thread) and
failover_ring_bench (the real poll loop on rings, the generator on another core) for each shape and
makes percentiles of their samples; and a storm of transitions over rings."""

import json
import os
from collections import namedtuple

import benchreport
import hugepages
from benchreport import BenchError

Shape = namedtuple("Shape", "name names own_rules aims")

SHAPES = (Shape("1k", 1000, False, {}),
          Shape("100k", 100_000, False, {"p50": "<= 20", "p99": "<= 100"}),
          Shape("1k-own-rules", 1000, True, {"p50": "<= 300"}))
RING_SHAPES = (Shape("1", 1, False, {}), *SHAPES[:2],
               Shape("1-own-rule", 1, True, {}), SHAPES[2],
               Shape("100k-own-rules", 100_000, True, {"p50": "<= 25,000"}))
RING_KINDS = ("published", "first_changed", "last_old", "last_passed")
POINTS = {"p50": 50, "p99": 99, "max": 100}
STORM_PER_SECOND, STORM_CHECKS = 100_000, 1000
PACKET_PAGES = (128 << 20) // hugepages.PAGE_OCTETS
RESPONDER_CORE, GENERATOR_CORE = 0, 1


def rows_of(shape, report, kinds=("first_changed", "last_passed"), prefix=""):
    rows = []
    for kind in kinds:
        for point, percent in POINTS.items():
            samples = [benchreport.percentile(run[f"{kind}_us"], percent) for run in report["runs"]]
            aim = shape.aims.get(point, "") if kind == "first_changed" else ""
            rows.append(benchreport.row(f"{prefix}{kind}/{shape.name}/{point}", samples, "us", aim))
    return rows


def storm_rows(reports):
    """Latency and loss before and during, and how often control published meanwhile."""
    storms = [report["storm"] for report in reports]

    def add(name, samples, unit):
        return benchreport.row(f"ring/storm/{name}", samples, unit)

    rows = [add(f"{point}_{phase}", [one[phase][f"{point}_us"] for one in storms], "us")
            for phase in ("before", "during") for point in ("p50", "p99")]
    rows.append(add("lost_before", [one["lost_before"] for one in storms], "queries"))
    rows.append(add("lost_during", [one["lost_during"] for one in storms], "queries"))
    rows.append(add("transitions", [one["offered"] / one["seconds"] for one in storms], "/s"))
    rows.append(add("publishes", [one["publishes"] / one["seconds"] for one in storms], "/s"))
    return rows


def over_rings(options, runs, transitions, names):
    """Rows and notes of the real poll loop. A torn, stale or wrong answer is a BenchError."""
    if (os.cpu_count() or 1) < 2:
        return [], ["ring: left out, it needs two cores"]
    words = [*benchreport.first(), options.build / "bench" / "failover_ring_bench", "--directory",
             options.directory, "--responder-core", RESPONDER_CORE, "--generator-core",
             GENERATOR_CORE, "--control-core", options.control_core]
    words += [] if hugepages.free() >= PACKET_PAGES else ["--no-huge"]
    rows, notes, bad = [], [], 0
    for shape in RING_SHAPES:
        if options.quick and shape.names > names:
            continue
        large = shape.own_rules and shape.names > 10_000
        report = json.loads(benchreport.call([
            *words, *(["--own-rules"] if shape.own_rules else []), "--names", shape.names,
            "--others", max(0, names - shape.names), "--runs", runs, "--transitions",
            min(transitions, 20) if large else transitions]))
        rows += rows_of(shape, report, RING_KINDS, "ring/")
        bad += sum(one["disturbed"] for one in report["runs"])
        first = all(one["real_time"] for one in report["runs"])
        load = min(one["answers_per_s"] for one in report["runs"]) / 1e6
        notes.append(f"ring/{shape.name}: load {load:.2f} M answers/s, control's pauses included;"
                     f" torn, stale and wrong answers: 0; {'' if first else 'not '}real-time")
    per_second, seconds = (10_000, 0.2) if options.quick else (STORM_PER_SECOND, 1)
    rows += storm_rows([json.loads(benchreport.call([
        *words, "--own-rules", "--names", STORM_CHECKS, "--checks", STORM_CHECKS, "--others",
        max(0, names - STORM_CHECKS), "--runs", 0, "--storm", per_second, "--storm-seconds",
        seconds])) for _ in range(runs)])
    shares = "responder's" if options.control_core == RESPONDER_CORE else "generator's"
    notes.insert(0, f"ring: poll loop on core {RESPONDER_CORE}, generator on core {GENERATOR_CORE},"
                    f" health and control on core {options.control_core}, the {shares}: they come"
                    " first (SCHED_FIFO), so that core's other thread stands still from the"
                    " transition until control sleeps again, behind what it does after the store"
                    f" that `published` is; {bad} stretches thrown away as disturbed")
    notes.append(f"ring/storm: {per_second:,} transitions/s of {STORM_CHECKS:,} checks with a rule"
                 " each; 32 queries are due each 200 us, and the generator comes first on its core:"
                 " it sends them, waits at most 1 ms for replies and rests 100 us or more; what was"
                 " due while it or the responder stood still is sent late and counts from when it"
                 " was due; torn and wrong answers: 0")
    return rows, notes


def run(options):
    if options.transitions < 1:
        raise BenchError("--transitions must be at least 1")
    where = benchreport.machine()
    benchreport.build(options.build, ["bench/failover_bench", "bench/failover_ring_bench"])
    cores = (0, 1) if (os.cpu_count() or 1) > 1 else (-1, -1)
    runs, transitions, names = (1, 20, 2000) if options.quick else (
        3, options.transitions, options.names)
    rows, notes = [], []
    for shape in SHAPES:
        if options.quick and shape.names > names:
            continue
        report = json.loads(benchreport.call([
            *benchreport.first(), options.build / "bench" / "failover_bench",
            "--names", shape.names, "--own-rules", int(shape.own_rules), "--others",
            max(0, names - shape.names), "--transitions", transitions, "--runs", runs,
            "--control-core", cores[0], "--reader-core", cores[1], "--directory",
            options.directory]))
        rows += rows_of(shape, report)
        good = sum(len(one["first_changed_us"]) for one in report["runs"]) // report["stretch"]
        bad = sum(one["disturbed"] for one in report["runs"])
        load = min(one["answers_per_s"] for one in report["runs"]) / 1e6
        notes.append(f"{shape.name}: {bad} of {good + bad} stretches of {report['stretch']}"
                     f" transitions thrown away as disturbed (run-delay above 2 %); load"
                     f" {load:.1f} M answers/s")
    ring_rows, ring_notes = over_rings(options, runs, transitions, names)
    rows, notes = rows + ring_rows, notes + ring_notes
    notes.insert(0, f"health and control on core {cores[0]}, generator and answers on core"
                    f" {cores[1]} (-1: not pinned); {names:,} names; {transitions} transitions a"
                    " run; median, min and max are over the runs")
    benchreport.show(rows, options.json, where, notes)
    return 0
