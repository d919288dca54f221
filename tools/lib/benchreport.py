"""What every part of tools/bench shares: building, the rows, the table and the JSON object."""

import json
import math
import os
import platform
import statistics
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# One line of a report. `value` is the median of the runs; `aim` is for people, not in the JSON.
Row = namedtuple("Row", "name value unit min max runs aim", defaults=("",))


class BenchError(Exception):
    """What went wrong, in one sentence."""


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def row(name, samples, unit, aim=""):
    """A row of the figures of several runs; BenchError when there is none."""
    if not samples:
        raise BenchError(f"{name}: no run was good")
    return Row(name, statistics.median(samples), unit, min(samples), max(samples), len(samples),
               aim)


def percentile(samples, percent):
    """The least sample that `percent` % of them do not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def call(words, **options):
    """Runs a program and returns what it printed; BenchError with its last words when it fails."""
    words = [str(word) for word in words]
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False, **options)
    except OSError as error:
        raise BenchError(f"{words[0]}: {error.strerror}") from error
    if done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).splitlines()[-15:])
        raise BenchError(f"{' '.join(words)} ended with status {done.returncode}\n{tail}")
    return done.stdout


def set_up(folder, source=ROOT, more=()):
    """Makes a release folder when it is not there. g++ 12 warns wrongly at -O3 (of std::string),
    so warnings are left to the ordinary build."""
    if not (folder / "build.ninja").is_file():
        call(["meson", "setup", folder, source, "-Dbuildtype=release", "-Dwerror=false", *more])


def build(folder, targets, source=ROOT, more=()):
    """Builds targets in a release folder."""
    set_up(folder, source, more)
    call(["ninja", "-C", folder, *targets])


def has_target(folder, target):
    set_up(folder)
    return f"\n{target}: " in call(["ninja", "-C", folder, "-t", "targets", "all"])


def program_of(options, name):
    """The program of bench/ that was given, else built in the release folder."""
    if options.program is not None:
        return options.program
    build(options.build, [f"bench/{name}"])
    return options.build / "bench" / name


def first():
    """Words before a command that let it run, for root, before everything else."""
    return ["nice", "-n", "-20"] if os.geteuid() == 0 else []


def pinned(core):
    """Words before a command that keep it on one core, and first there."""
    return [*first(), *(["taskset", "-c", str(core)] if core < (os.cpu_count() or 1) else [])]


def machine():
    model = next((line.split(":", 1)[1].strip() for line in
                  Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
                 platform.machine())
    load = Path("/proc/loadavg").read_text().split()[0]
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, load {load}"


def commit():
    try:
        short = call(["git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"]).strip()
        changed = call(["git", "-C", ROOT, "status", "--porcelain", "-uno"]).strip()
    except BenchError:
        return "unknown"
    return short + ("+changes" if changed else "")


def figure(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.1f}" if abs(value) >= 10 else (
        f"{value:,.3f}")


def show(rows, as_json, where, notes=()):
    """Prints the report. @param where  machine() from before the load began."""
    if as_json:
        fields = ("name", "value", "unit", "min", "max", "runs")
        print(json.dumps({"machine": where, "commit": commit(),
                          "rows": [{key: getattr(one, key) for key in fields} for one in rows]}))
        return
    print(f"machine  {where}\ncommit   {commit()}")
    for note in notes:
        print(f"note     {note}")
    cells = [("", "median", "min", "max", "unit", "runs", "aim")]
    cells += [(one.name, figure(one.value), figure(one.min), figure(one.max), one.unit,
               str(one.runs), one.aim) for one in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    print()
    for line in cells:
        left = {0, 4, 6}
        print("  ".join(text.ljust(width) if i in left else text.rjust(width)
                        for i, (text, width) in enumerate(zip(line, widths))).rstrip())
