"""tools/bench compile: runs recompile_bench for each shape of model and makes rates of its sums."""

import json
from collections import namedtuple

import benchreport
from benchreport import BenchError

# `words` choose the model; `dependents` 0 where the model says itself what depends on the endpoint.
Shape = namedtuple("Shape", "name words dependents nested")


def dependents(name, number):
    return [Shape(f"{kind}/{name}", ["--shape", kind], number, False)
            for kind in ("shared", "private")]


SHAPES = (*dependents("1", 1), *dependents("1k", 1000), *dependents("100k", 100_000),
          Shape("location/250", ["--shape", "location"], 0, False),
          Shape("nested/location", ["--shape", "nested-location"], 0, True),
          Shape("nested/weighted", ["--shape", "nested-weighted"], 0, True))
AIMS = {"private/1k/recompile/pools": ">= 5 M", "private/100k/recompile/pools": ">= 5 M",
        "private/1/octets_per_name": "<= 128"}
MIB = 1 << 20


def rows_of(shape, report):
    """Rates of both parts of a transition, and what the tables cost."""
    rows = []

    def add(name, samples, unit):
        whole = f"{shape.name}/{name}"
        rows.append(benchreport.row(whole, samples, unit, AIMS.get(whole, "")))

    parts = {"recompile": lambda run: run["recompile_s"],
             "stored": lambda run: run["stored_s"],
             "published": lambda run: run["recompile_s"] + run["publish_s"]}
    for part, seconds in parts.items():
        runs = [run for run in report["runs"] if seconds(run) > 0]
        add(part, [run["transitions"] / seconds(run) for run in runs], "transitions/s")
        if report["pools"] > 1:
            add(f"{part}/pools", [run["pools"] / seconds(run) for run in runs], "pools/s")
    add("load", [report["compile_s"] + report["publish_s"]], "s")
    add("peak", [report["peak_octets"] / MIB], "MiB")
    add("octets_per_name", [report["name_octets"] / report["names"]], "octets")
    add("octets_per_pool", [report["pool_octets"] / report["pools"]], "octets")
    return rows


def note_of(shape, report):
    each = sum(run["pools"] for run in report["runs"]) / sum(
        run["transitions"] for run in report["runs"])
    return (f"{shape.name}: {report['names']:,} names, {report['pools']:,} pools with"
            f" {report['outcomes']:,} outcomes in {report['pool_octets']:,} octets; compiled in"
            f" {report['compile_s']:.2f} s, put in {report['publish_s']:.2f} s; {each:,.0f} pools a"
            " transition")


def run(options):
    if options.names < 1:
        raise BenchError("--names must be at least 1")
    where = benchreport.machine()
    program = benchreport.program_of(options, "recompile_bench")
    runs, seconds, names, breadth = (1, 0.02, 10_000, 10) if options.quick else (
        5, 0.5, options.names, 100)
    rows = []
    notes = [f"core {options.core}, one thread, no reader; recompile: Evaluation::Recompile alone;"
             " stored: with PutPools, PutHealthOf and Commit until readers get it; published:"
             " all of Commit",
             "peak: VmHWM of a process that holds the model, the compiled rules and the tables"]
    for shape in SHAPES:
        if shape.dependents > names:
            notes.append(f"{shape.name}: left out, it has more dependents than there are names")
            continue
        # What is nested brings names of its own.
        words = ["--names", min(names, 1000) if shape.nested else names]
        words += ["--breadth", breadth] if shape.nested else []
        words += ["--dependents", shape.dependents] if shape.dependents else []
        report = json.loads(benchreport.call([
            *benchreport.pinned(options.core), program, *shape.words, *words, "--seconds", seconds,
            "--runs", runs, "--directory", options.directory]))
        rows += rows_of(shape, report)
        notes.append(note_of(shape, report))
    benchreport.show(rows, options.json, where, notes)
    return 0
