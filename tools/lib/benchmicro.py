"""tools/bench answer: runs answer_bench (Google Benchmark) and reads its counters."""

import json
import statistics

import benchreport
from benchreport import BenchError

# Row -> the project's aim in cycles, or so many times another row of the same run. "copy" is the
# bench's own part of every row.
AIMS = {"hit/1": "", "hit/1k": "<= 100", "hit/100k": "", "hit/1M": "<= 140",
        "nxdomain/1M": (1.5, "hit/1M"), "weighted/1k": (1.5, "hit/1k"),
        "multivalue/1k": (1.5, "hit/1k"), "geo/1k": (2, "hit/1k"), "latency/1k": (2, "hit/1k"),
        "cidr/1k": (2, "hit/1k"), "cookie/1k": (1.5, "hit/1k"), "limited/1k": "", "over/1k": ""}


def aim_of(name, samples):
    """The aim in words, beside a ratio what it is."""
    aim = AIMS[name]
    if isinstance(aim, str):
        return aim
    most, other = aim
    ratio = statistics.median(samples[name]) / statistics.median(samples[other])
    return f"<= {most} x {other}: {ratio:.2f} x"


def samples_of(report):
    """Cycles per query of every repetition, by row."""
    samples = {}
    for one in report["benchmarks"]:
        if one.get("error_occurred"):
            raise BenchError(f"answer_bench: {one['name']}: {one['error_message']}")
        if one.get("run_type") == "iteration":
            samples.setdefault(one["run_name"], []).append(one["cycles/query"])
    missing = [name for name in AIMS if name not in samples]
    if missing:
        raise BenchError(f"answer_bench has no row {', '.join(missing)}")
    return samples


def run(options):
    where = benchreport.machine()
    program = benchreport.program_of(options, "answer_bench")
    repetitions, seconds = (1, 0.01) if options.quick else (9, 0.2)
    text = benchreport.call([
        *benchreport.pinned(options.core), program, f"--benchmark_repetitions={repetitions}",
        f"--benchmark_min_time={seconds}", "--benchmark_enable_random_interleaving=true",
        "--benchmark_format=json"])
    samples = samples_of(json.loads(text))
    rows = [benchreport.row(name, samples[name], "cycles/query", aim_of(name, samples))
            for name in AIMS]
    notes = [f"core {options.core}; bursts of 32, uniform, half with EDNS, complete replies with"
             " UDP checksum; location rows: random clients in 100,000 IPv4 networks, 250 classes"]
    if "copy" in samples:
        copy = benchreport.figure(min(samples["copy"]))
        notes.append(f"each row holds the copy of the query into its buffer: {copy} cycles")
    benchreport.show(rows, options.json, where, notes)
    return 0
