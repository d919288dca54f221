"""tools/bench failover: runs failover_bench for each shape and makes percentiles of its samples."""

import json
import os
from collections import namedtuple

import benchreport
from benchreport import BenchError

Shape = namedtuple("Shape", "name names own_rules aims")

SHAPES = (Shape("1k", 1000, False, {}),
          Shape("100k", 100_000, False, {"p50": "<= 20", "p99": "<= 100"}),
          Shape("1k-own-rules", 1000, True, {"p50": "<= 300"}))
POINTS = {"p50": 50, "p99": 99, "max": 100}


def rows_of(shape, report):
    rows = []
    for kind in ("first_changed", "last_passed"):
        for point, percent in POINTS.items():
            samples = [benchreport.percentile(run[f"{kind}_us"], percent) for run in report["runs"]]
            aim = shape.aims.get(point, "") if kind == "first_changed" else ""
            rows.append(benchreport.row(f"{kind}/{shape.name}/{point}", samples, "us", aim))
    return rows


def run(options):
    if options.transitions < 1:
        raise BenchError("--transitions must be at least 1")
    where = benchreport.machine()
    benchreport.build(options.build, ["bench/failover_bench"])
    cores = (0, 1) if (os.cpu_count() or 1) > 1 else (-1, -1)
    runs, transitions, names = (1, 20, 2000) if options.quick else (
        3, options.transitions, options.names)
    before = ["nice", "-n", "-20"] if os.geteuid() == 0 else []
    rows, notes = [], []
    for shape in SHAPES:
        if options.quick and shape.names > names:
            continue
        report = json.loads(benchreport.call([
            *before, options.build / "bench" / "failover_bench", "--names", shape.names,
            "--own-rules", int(shape.own_rules), "--others", max(0, names - shape.names),
            "--transitions", transitions, "--runs", runs, "--control-core", cores[0],
            "--reader-core", cores[1], "--directory", options.directory]))
        rows += rows_of(shape, report)
        good = sum(len(one["first_changed_us"]) for one in report["runs"]) // report["stretch"]
        bad = sum(one["disturbed"] for one in report["runs"])
        load = min(one["answers_per_s"] for one in report["runs"]) / 1e6
        notes.append(f"{shape.name}: {bad} of {good + bad} stretches of {report['stretch']}"
                     f" transitions thrown away as disturbed (run-delay above 2 %); load"
                     f" {load:.1f} M answers/s")
    notes.insert(0, f"health and control on core {cores[0]}, generator and answers on core"
                    f" {cores[1]} (-1: not pinned); {names:,} names; {transitions} transitions a"
                    " run; median, min and max are over the runs")
    benchreport.show(rows, options.json, where, notes)
    return 0
