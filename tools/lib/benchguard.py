"""tools/bench guard: instructions per query of two commits, counted by callgrind. Both are measured
with this tree's bench programs, so that only what lies below them differs.
"""

import re
import shutil
import tempfile
from pathlib import Path

import benchreport
from benchreport import BenchError

LIMIT = 1.05
BASE_LINE = "bench/BASELINE.md"
FIGURE = "instructions/query"  # the word in the line of BASE_LINE that this compares with
BELOW = ("dataplane", "control", "bench", "meson.build")  # what the figure depends on
REPEATS = 3
TARGET = "bench/micro/answer_count"


def counted(text):
    """Instructions from what callgrind says at its end."""
    found = re.search(r"Collected : (\d+)", text)
    if found is None:
        raise BenchError("callgrind printed no 'Collected'")
    return int(found[1])


def instructions(program, queries):
    log = program.parent / "callgrind.log"
    benchreport.call(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                      "--toggle-collect=*AnswerBurst*", f"--log-file={log}", program, queries])
    return counted(log.read_text())


def per_query(program, queries):
    """The difference of two counts: what happens once, whatever the number, cancels out."""
    return (instructions(program, 2 * queries) - instructions(program, queries)) / queries


def measure(name, commit, folder, options):
    """Checks a commit out beside this tree, builds the counter there and counts."""
    tree = folder / name
    benchreport.call(["git", "-C", benchreport.ROOT, "worktree", "add", "--detach", tree, commit])
    try:
        shutil.rmtree(tree / "bench", ignore_errors=True)
        shutil.copytree(benchreport.ROOT / "bench", tree / "bench")
        # The other benches may need what the commit does not have.
        (tree / "bench" / "meson.build").write_text("subdir('micro')\n")
        benchreport.say(f"building {name}: {commit}")
        benchreport.build(tree / "build", [TARGET], source=tree, more=["-Dtests=disabled"])
        return [per_query(tree / "build" / TARGET, options.queries)
                for _ in range(1 if options.quick else REPEATS)]
    finally:
        benchreport.call(["git", "-C", benchreport.ROOT, "worktree", "remove", "--force", tree])


def git(*words):
    return benchreport.call(["git", "-C", benchreport.ROOT, *words]).strip()


def resolve(text):
    try:
        return git("rev-parse", "--verify", "--quiet", f"{text}^{{commit}}")
    except BenchError:
        raise BenchError(f"'{text}' is no commit here") from None


def base_line_commit():
    """The last commit that wrote this figure down: others of the file are taken anew at other
    times, and would let this one grow unseen."""
    found = git("log", "-1", "--format=%H", f"-G{FIGURE}", "--", BASE_LINE)
    if not found:
        raise BenchError(f"no commit here has written '{FIGURE}' in {BASE_LINE}; name two commits")
    return found


def reason_between(before, after):
    """What the commits after `before` up to `after` give as the reason for more instructions."""
    text = git("log", "--format=%(trailers:key=Guard,valueonly)", f"{before}..{after}")
    return "; ".join(line for line in text.splitlines() if line)


def run(options):
    if options.queries < 32:
        raise BenchError("--queries must be at least 32, a burst")
    if shutil.which("valgrind") is None:
        raise BenchError("valgrind is not installed: apt-get install valgrind")
    where = benchreport.machine()
    commits = {"before": resolve(options.before or base_line_commit()),
               "after": resolve(options.after)}
    if not git("diff", "--name-only", *commits.values(), "--", *BELOW):
        benchreport.say(f"{' '.join(BELOW)}: the same in both commits, nothing to measure")
        return 0
    with tempfile.TemporaryDirectory(prefix="holdfast-guard-") as folder:
        counts = {name: measure(name, commit, Path(folder), options)
                  for name, commit in commits.items()}
    rows = [benchreport.row(f"instructions/{name}", counts[name], FIGURE, "<= 400")
            for name in commits]
    ratio = rows[1].value / rows[0].value
    rows.append(benchreport.row("instructions/ratio", [ratio], "x", f"<= {LIMIT}"))
    notes = [f"{name}: {commit[:12]}" for name, commit in commits.items()]
    benchreport.show(rows, options.json, where, notes)
    if ratio <= LIMIT:
        return 0
    allowed = options.allow or reason_between(*commits.values())
    benchreport.say(f"{(ratio - 1) * 100:+.1f} % instructions per query"
                    + (f", allowed: {allowed}" if allowed else
                       "; --allow REASON, or a line 'Guard: REASON' in a commit, lets it pass"))
    return 0 if allowed else 1
