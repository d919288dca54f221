#!/usr/bin/python3
"""Builds, runs every test and counts what the runners themselves recorded.

Started by tools/test, which has installed the packages. The parts, in this order:

  build     meson and ninja, g++, in build/
  lint      layering, hot symbols, scripts; with their self-tests        (meson, suite lint)
  unit      GoogleTest                                                   (meson, suite unit)
  fuzz      every target over its seed corpus                            (meson, suite fuzz)
  format    clang-format
  e2e       real servers in network namespaces, as root                  (pytest, tests/e2e)
  fuzzing   each target under libFuzzer with sanitizers, bounded         (clang, build-fuzz/)
  sanitize  unit again, tables damaged while they serve and hostile messages, all of it
            under ASan and UBSan                                         (if asked, build-fuzz/)
  guard     instructions per query beside the base line's                (if asked, tools/bench)
  tidy      clang-tidy                                                   (if asked)

The last line is "N passed, N failed"; the exit status is 0 only if something passed and nothing
failed. A part that cannot be built or run counts as one failed test.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"
MESON_SUITES = ("lint", "unit", "fuzz")
E2E = ROOT / "tests" / "e2e"
OPTIONS = ("-Dtests=enabled", "-Dbenchmarks=enabled")  # auto would leave out what is not found
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
STYLE = ROOT / "tools" / "lib" / "style_check.py"
E2E_LIMIT_SECONDS = 20 * 60
# What tests take their lengths from.
LONG = {"HOLDFAST_LOAD_SECONDS": "60", "HOLDFAST_FLIPS": "100000", "HOLDFAST_SEEDS": "10000",
        "HOLDFAST_TREES": "20000", "HOLDFAST_ROUTING_QUERIES": "100000",
        "HOLDFAST_KILLS": "500", "HOLDFAST_RESTARTS": "100", "HOLDFAST_CHECK_CHANGES": "200",
        "HOLDFAST_TLS_FAULTS": "100000", "HOLDFAST_DIFFERENTIAL_ZONES": "2000",
        "HOLDFAST_HOSTILE_MESSAGES": "1000000", "HOLDFAST_LOADS": "1000",
        "HOLDFAST_SAME_OCTETS": "100000", "HOLDFAST_LARGE": "1"}
E2E_LONG_LIMIT_SECONDS = 60 * 60
# Sanitizers stop at the first report, else a program could end with status 0 in spite of it.
SANITIZER_OPTIONS = {"ASAN_OPTIONS": "halt_on_error=1:abort_on_error=1",
                     "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1"}

# outcome: "passed", "failed" or "skipped"
Case = namedtuple("Case", "name outcome detail", defaults=("",))


ending = threading.Event()  # set when this process was told to end


class PartFailed(Exception):
    """A part could not be built or run at all; the sentence says why."""


def run(command, limit=None, quiet=False, **options):
    """Runs a command in the project's root; returns its exit status. Past `limit` seconds, or when
    this process is told to end, it and its children get SIGTERM, so that they can take down what
    they set up, and then SIGKILL. Any thread."""
    if ending.is_set():
        sys.exit(143)
    if not quiet:
        print("+ " + " ".join(str(word) for word in command), flush=True)
    deadline = time.monotonic() + limit if limit else None
    output = subprocess.DEVNULL if quiet else None
    with subprocess.Popen([str(word) for word in command], cwd=ROOT, start_new_session=True,
                          stdout=options.pop("stdout", output), **options) as process:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(0.2)
            if ending.is_set():
                stop_group(process)
                sys.exit(143)
            if deadline and time.monotonic() > deadline:
                print(f"stopped after {limit} seconds: {command[0]}", flush=True)
                stop_group(process)
                return 124


def end_on_signals():
    """A signal only leaves a mark, which run() sees: an exception could come between the start of a
    child and the moment from which it is watched."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.set())


def stop_group(process):
    """Ends a process and its children, which have a session of their own."""
    for sent, patience in ((signal.SIGTERM, 30), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return


def build(folder, options=(), targets=(), quiet=False, **environment):
    """Configures the folder, unless it is configured with these options already, and builds."""
    env = {**os.environ, **environment}
    stdout = sys.stderr if quiet else None
    if not (folder / "build.ninja").is_file():
        if run(["meson", "setup", *options, folder, ROOT], stdout=stdout, env=env):
            raise PartFailed(f"meson could not configure {folder.name}")
    elif not has_options(folder, options):
        # Somebody else's folder, such as quickstart's, which has no tests.
        if run(["meson", "configure", *options, folder], stdout=stdout, env=env):
            raise PartFailed(f"meson could not configure {folder.name}")
    if run(["ninja", "-C", folder, *targets], stdout=stdout, env=env):
        raise PartFailed(f"the build in {folder.name} failed")


def has_options(folder, options):
    """Whether a configured folder has these -Dname=value options."""
    listed = subprocess.run(["meson", "introspect", "--buildoptions", str(folder)], check=False,
                            capture_output=True, text=True)
    try:
        values = {one["name"]: one["value"] for one in json.loads(listed.stdout)}
    except json.JSONDecodeError:
        return False
    wanted = dict(option.removeprefix("-D").split("=", 1) for option in options)
    return all(str(values.get(name)).lower() == value for name, value in wanted.items())


def meson_tests(folder):
    """The tests that meson knows of: (suite, name, command)."""
    listed = subprocess.run(["meson", "introspect", "--tests", str(folder)], check=True,
                            capture_output=True, text=True)
    for test in json.loads(listed.stdout):
        suites = [suite.split(":")[-1] for suite in test["suite"]]
        for suite in MESON_SUITES:
            if suite in suites:
                yield suite, test["name"], test["cmd"]


def run_meson(folder, suites, label="", long=False):
    """Runs meson's suites; a GoogleTest program counts case by case, anything else as one test."""
    records = folder / "gtest-xml"
    records.mkdir(exist_ok=True)
    for old in records.glob("*.xml"):
        old.unlink()
    log = folder / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    command = ["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs",
               "--timeout-multiplier", "20" if long else "3"]
    for suite in suites:
        command += ["--suite", suite]
    run(command, env={**os.environ, **SANITIZER_OPTIONS, **(LONG if long else {}),
                      "GTEST_OUTPUT": f"xml:{records}/"})
    if not log.is_file():
        raise PartFailed(f"meson test left no record in {log.relative_to(ROOT)}")
    cases = []
    for line in log.read_text().splitlines():
        test = json.loads(line)
        cases += meson_cases(test, records, label)
        for said in test.get("stdout", "").splitlines():
            if said.startswith("FAULT "):  # a fault test's figure
                print(said)
    if not cases:
        raise PartFailed(f"{folder.name} has no tests in the suites {', '.join(suites)}")
    return cases


def meson_cases(test, records, label):
    """The cases of one entry of meson's testlog.json."""
    project_suite, _, name = test["name"].rpartition(" / ")
    name = f"{label}{project_suite.split(':')[-1] or 'unit'}/{name}"
    outcome = {"OK": "passed", "SKIP": "skipped"}.get(test["result"], "failed")
    detail = "" if outcome == "passed" else test["result"].lower()
    program = Path(test["command"][0]).name
    cases = []
    for record in sorted(records.glob(f"{program}.xml")) + sorted(records.glob(f"{program}_*.xml")):
        if re.fullmatch(re.escape(program) + r"(_\d+)?\.xml", record.name):
            cases += junit_cases(record, name + "/", gtest=True)
            record.unlink()
    if not cases:
        return [Case(name, outcome, detail)]
    # A crash, a leak or a time-out after the record was begun is a failure that no case speaks of.
    if outcome == "failed" and all(case.outcome != "failed" for case in cases):
        cases.append(Case(name, "failed", f"{detail}, though no case of it failed"))
    return cases


def junit_cases(record, prefix, gtest=False):
    """The cases of one JUnit file, as GoogleTest or pytest writes it."""
    try:
        tree = ElementTree.parse(record)
    except ElementTree.ParseError as error:
        return [Case(f"{prefix}{record.name}", "failed", f"unreadable record: {error}")]
    cases = []
    for case in tree.iter("testcase"):
        outcome, detail = "passed", ""
        for kind in ("failure", "error", "skipped"):
            found = case.find(kind)
            if found is not None:
                outcome = "skipped" if kind == "skipped" else "failed"
                detail = (found.get("message") or "").strip().splitlines()[:1]
                detail = detail[0] if detail else kind
                break
        if outcome == "passed" and case.get("status") == "notrun":
            outcome, detail = "skipped", "disabled"
        middle = "." if gtest else "::"
        cases.append(Case(f"{prefix}{case.get('classname')}{middle}{case.get('name')}",
                          outcome, detail))
    return cases


def run_e2e(folder, long=False):
    if not any(E2E.glob("*_test.py")) and not any(E2E.glob("test_*.py")):
        return []
    return run_pytest(folder, "e2e/", [E2E],
                      E2E_LONG_LIMIT_SECONDS if long else E2E_LIMIT_SECONDS,
                      **(LONG if long else {}))


def run_pytest(folder, label, words, limit, **environment):
    """Tests of tests/e2e on the programs of a build folder."""
    record = folder / "e2e.xml"
    record.unlink(missing_ok=True)
    status = run([PYTHON, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "-ra",
                  f"--junitxml={record}", *words], limit=limit,
                 env={**os.environ, "HOLDFAST_BUILD": str(folder), "PYTHONDONTWRITEBYTECODE": "1",
                      **environment})
    if not record.is_file():
        raise PartFailed(f"pytest ended with status {status} and left no record")
    cases = junit_cases(record, label)
    if status not in (0, 1) or (status == 1 and all(case.outcome != "failed" for case in cases)):
        cases.append(Case(f"{label}pytest", "failed", f"ended with status {status}"))
    return cases


def fuzz_targets():
    """Names of the targets: each has a file of its own."""
    return sorted(path.name.removesuffix("_fuzz.cc")
                  for path in (ROOT / "tests" / "fuzz").glob("*_fuzz.cc"))


def sanitized_build(targets=()):
    """Everything under clang's sanitizers, which libFuzzer needs; or some targets of it. Compiling
    is most of what that takes, so it optimizes less than g++ does."""
    folder = ROOT / "build-fuzz"
    build(folder, ["-Dfuzzers=true", "-Dtests=enabled", "-Dbenchmarks=disabled",
                   "-Doptimization=1"], targets, CXX="clang++-19", CC="clang-19")
    return folder


def run_fuzzing(seconds):
    """Each target under libFuzzer for `seconds`, as many at a time as there are cores."""
    names = fuzz_targets()
    folder = sanitized_build([f"tests/fuzz/{name}_fuzz" for name in names])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda name: fuzz(folder, name, seconds), names))


def fuzz(folder, name, seconds):
    """One target; prints its executions and coverage, and the end of its log if it failed."""
    # New inputs go to a folder of the build; the seeds in the source tree stay as they are.
    found, log = folder / "found" / name, folder / f"{name}_fuzz.log"
    found.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        status = run([folder / "tests" / "fuzz" / f"{name}_fuzz", f"-max_total_time={seconds}",
                      "-timeout=20", "-rss_limit_mb=4096", "-print_final_stats=1",
                      f"-artifact_prefix={folder}/{name}-", found, CORPUS / name],
                     limit=seconds + 120, stdout=output, stderr=subprocess.STDOUT, quiet=True)
    text = log.read_text(errors="replace")
    runs = re.search(r"number_of_executed_units: *(\d+)", text)
    coverage = re.findall(r"\bcov: (\d+)", text)
    end = "\n" + "\n".join(text.splitlines()[-40:]) if status != 0 else ""
    print(f"fuzzing {name}: {runs[1] if runs else 'no'} executions, "
          f"{coverage[-1] if coverage else 'no'} edges covered{end}", flush=True)
    if status != 0 or not runs or int(runs[1]) == 0:
        return Case(f"fuzzing/{name}", "failed",
                    f"status {status}, log {log.relative_to(ROOT)}")
    return Case(f"fuzzing/{name}", "passed")


def run_sanitize(long=False):
    folder = sanitized_build()
    damage = [E2E / "damaged_tables_test.py", E2E / "scrub_test.py", E2E / "hostile_test.py", "-k",
              "A8 or hostile"]
    return run_meson(folder, ("unit",), "sanitize-") + run_pytest(
        folder, "sanitize-e2e/", damage, E2E_LIMIT_SECONDS,
        HOLDFAST_BINARIES=str(folder / "tools"), **SANITIZER_OPTIONS,
        **(LONG if long else {}))


def run_guard():
    failed = run([ROOT / "tools" / "bench", "guard"]) != 0
    return [Case("guard/instructions", "failed" if failed else "passed")]


def run_style(folder, kind):
    command = [PYTHON, STYLE, kind, ROOT] + ([folder] if kind == "tidy" else [])
    failed = run(command) != 0
    return [Case(f"{kind}/clang-{kind}", "failed" if failed else "passed")]


def parts(options, folder):
    """The parts to run after the build: (name, function)."""
    yield "meson", lambda: run_meson(folder, MESON_SUITES, long=options.long)
    yield "format", lambda: run_style(folder, "format")
    if not options.quick:
        yield "e2e", lambda: run_e2e(folder, options.long)
        if options.fuzz:
            yield "fuzzing", lambda: run_fuzzing(options.fuzz)
    if options.sanitize:
        yield "sanitize", lambda: run_sanitize(options.long)
    if options.guard:
        yield "guard", run_guard
    if options.tidy:
        yield "tidy", lambda: run_style(folder, "tidy")


def is_gtest(program):
    return program.is_file() and b"gtest_list_tests" in program.read_bytes()


def gtest_names(program):
    """Suite.Case of every case in a GoogleTest program, which lists them without running any."""
    listed = subprocess.run([program, "--gtest_list_tests"], capture_output=True, text=True,
                            timeout=60, check=True)
    suite = ""
    for line in listed.stdout.splitlines():
        name = line.split("#")[0].rstrip()
        if line.startswith("  "):
            yield f"{suite}{name.strip()}"
        elif name.endswith("."):
            suite = name


def list_tests(options, folder):
    """Prints the name of every test, one a line, to standard output; all else goes to the other."""
    build(folder, OPTIONS, quiet=True)
    for suite, name, command in meson_tests(folder):
        if is_gtest(Path(command[0])):
            for case in gtest_names(command[0]):
                print(f"{suite}/{name}/{case}")
        else:
            print(f"{suite}/{name}")
    print("format/clang-format")
    if any(E2E.glob("*_test.py")) or any(E2E.glob("test_*.py")):
        listed = subprocess.run(
            [PYTHON, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-q", str(E2E)],
            cwd=ROOT, capture_output=True, text=True, check=False,
            env={**os.environ, "HOLDFAST_BUILD": str(folder), "PYTHONDONTWRITEBYTECODE": "1"})
        if listed.returncode != 0:
            raise PartFailed(f"pytest cannot collect tests/e2e:\n{listed.stdout}{listed.stderr}")
        for line in listed.stdout.splitlines():
            if "::" in line:
                print("e2e/" + line.removeprefix("tests/e2e/"))
    if options.fuzz:
        for name in fuzz_targets():
            print(f"fuzzing/{name}")


def report(cases):
    """The runners' results in short, then the line that is counted. Returns the exit status."""
    print()
    for outcome in ("skipped", "failed"):
        for case in cases:
            if case.outcome == outcome:
                print(f"{outcome}: {case.name}" + (f" ({case.detail})" if case.detail else ""))
    suites = {}
    for case in cases:
        suites.setdefault(case.name.split("/")[0], []).append(case.outcome)
    for suite, outcomes in suites.items():
        print(f"{suite:14} " + ", ".join(f"{outcomes.count(outcome)} {outcome}"
                                         for outcome in ("passed", "failed", "skipped")
                                         if outcomes.count(outcome)))
    passed = sum(case.outcome == "passed" for case in cases)
    failed = sum(case.outcome == "failed" for case in cases)
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="tools/test", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="leave out e2e and fuzzing")
    parser.add_argument("--list", action="store_true", help="print every test's name, run none")
    parser.add_argument("--fuzz", type=int, default=10, metavar="SECONDS",
                        help="libFuzzer time of each target (default 10; 0: leave fuzzing out)")
    parser.add_argument("--sanitize", action="store_true", help="add the part sanitize")
    parser.add_argument("--guard", action="store_true", help="add the part guard")
    parser.add_argument("--tidy", action="store_true", help="add the part tidy (about an hour)")
    parser.add_argument("--long", action="store_true", help=(
        "every part, at its full length: steady load 60 s, 100,000 flips, 10,000 seeds\n"
        "of damage to the tables, fuzzing 120 s a target"))
    options = parser.parse_args(arguments)
    if options.long:
        options.fuzz = max(options.fuzz, 120)
        options.sanitize = options.guard = options.tidy = True
    if not 0 <= options.fuzz <= 3600:
        parser.error(f"--fuzz {options.fuzz}: expected 0 to 3600 seconds")
    return options


def main(arguments):
    options = parse(arguments)
    end_on_signals()
    folder = ROOT / "build"
    if options.list:
        try:
            list_tests(options, folder)
        except PartFailed as error:
            print(f"tools/test: {error}", file=sys.stderr)
            return 1
        return 0
    cases = []
    try:
        build(folder, OPTIONS)
    except PartFailed as error:
        return report([Case("build/g++", "failed", str(error))])
    for name, part in parts(options, folder):
        print(f"\n== {name}", flush=True)
        try:
            cases += part()
        except PartFailed as error:
            cases.append(Case(f"{name}/{name}", "failed", str(error)))
    return report(cases)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
