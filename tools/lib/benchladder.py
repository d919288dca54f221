"""tools/bench ladder: runs ladder_bench for each table and says what each stage costs."""

import json
import statistics

import benchreport
from benchreport import BenchError, Row

RUNGS = ("receive-send", "headers", "verify", "parse", "look-up", "decide", "write", "checksums",
         "counters")
# Name, names in the tables, whether they are weighted pools.
TABLES = (("1k", 1000, False), ("weighted/1k", 1000, True), ("1M", 1_000_000, False),
          ("weighted/1M", 1_000_000, True), ("10M", 10_000_000, False),
          ("30M", 30_000_000, False))
MEMORY_BOUND = 1.25  # a stage that costs so many times what it costs on tables that fit the caches


def median(report, name):
    return statistics.median(report[name])


def spread(values):
    """The least and the greatest of the medians of ten parts of a run: how far it moved."""
    part = max(1, len(values) // 10)
    medians = [statistics.median(values[at:at + part]) for at in range(0, len(values), part)]
    return min(medians), max(medians)


def rows_of(table, report):
    """One row for each rung: what it adds. Then their sum, the product, and how they agree."""
    rows, before = [], 0.0
    for rung in RUNGS:
        if rung not in report:
            raise BenchError(f"ladder_bench has no row '{rung}'")
        low, high = spread(report[rung])
        here = median(report, rung)
        rows.append(Row(f"{table}/+{rung}", here - before, "cycles/packet", low - before,
                        high - before, len(report[rung])))
        before = here
    for name, key in (("sum", "counters"), ("product", "product"), ("random-line", "random-line"),
                      ("clock", "clock")):
        low, high = spread(report[key])
        rows.append(Row(f"{table}/{name}", median(report, key), "cycles/packet", low, high,
                        len(report[key])))
    return rows


def remarks(figures):
    """@param figures  {table: {row: cycles}}."""
    notes = []
    for table, rows in figures.items():
        ratio = rows["sum"] / rows["product"]
        notes.append(f"{table}: the stages add up to {ratio:.3f} of the product's own calls")
        small = figures.get("weighted/1k" if table.startswith("weighted") else "1k")
        if small is None or small is rows:
            continue
        bound = [f"{rung} ({rows['+' + rung]:.0f} of {small['+' + rung]:.0f})" for rung in RUNGS
                 if rows["+" + rung] > MEMORY_BOUND * max(small["+" + rung], 4)]
        notes.append(f"{table}: bound by memory, since they cost more than among a thousand names:"
                     f" {', '.join(bound) or 'none'}; a random line of as much memory, as many"
                     f" under way as the core can, costs {rows['random-line']:.0f}")
    return notes


def run(options):
    where = benchreport.machine()
    program = benchreport.program_of(options, "ladder_bench")
    tables = [one for one in TABLES if one[1] <= options.names]
    if not tables:
        raise BenchError(f"--names is {options.names}; expected at least {TABLES[0][1]}")
    rows, figures = [], {}
    for table, names, weighted in tables[:2] if options.quick else tables:
        benchreport.say(f"{table}: making tables of {names:,} names")
        report = json.loads(benchreport.call([
            *benchreport.pinned(options.core), program, "--names", names, "--core", options.core,
            "--stretches", 20 if options.quick else 4000, *(["--weighted"] if weighted else []),
            *(["--hugepages"] if options.hugepages else [])]))
        made = rows_of(table, report)
        figures[table] = {one.name[len(table) + 1:]: one.value for one in made}
        rows += made
    notes = [f"core {options.core}; bursts of 32, uniform, half with EDNS, 512 packets a stretch;"
             " each rung does all that the rung before does, and what it is named by; product: its"
             " own calls, but for the look at the generation, the clock, the check against the MTU"
             " and the reader's slot; min and max are the medians of tenths of the run",
             *remarks(figures)]
    benchreport.show(rows, options.json, where, notes)
    return 0
