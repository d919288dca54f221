#!/usr/bin/python3
"""clang-format and clang-tidy over the project's own sources: the ninja targets clang-format-check
and clang-tidy, and the parts of tools/test of the same names.

usage: style_check.py format ROOT | tidy ROOT BUILD
"""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDERS = ("bench", "control", "dataplane", "health", "tests", "tools")
SUFFIXES = (".h", ".cc", ".c")
# The commands are g++'s: without what meson.build tells clang, and with what clang does not know.
CLANG_MINDS = [f"--extra-arg=-Wno-{name}" for name in (
    "unknown-warning-option", "c99-extensions", "deprecated-declarations",
    "gnu-statement-expression-from-macro-expansion")]
# Advice is for editors: it fails nothing here and would take as long as the rest.
ERRORS_ALONE = "--checks=" + ",".join(
    f"-{group}-*" for group in ("misc", "modernize", "portability", "google", "cppcoreguidelines"))
DIAGNOSTIC = re.compile(r"^\S+:\d+:\d+: (error|warning|note): ")


def own_sources(root, suffixes=SUFFIXES):
    return sorted(path for folder in FOLDERS for path in (root / folder).rglob("*")
                  if path.suffix in suffixes and path.is_file())


def check_format(root):
    files = own_sources(root)
    run = subprocess.run(["clang-format-19", "--dry-run", "--Werror", *files], check=False)
    print(f"clang-format: {len(files)} files" + (
        ", mend with: clang-format-19 -i FILE" if run.returncode else ", all formatted"))
    return run.returncode


def errors_in(output):
    """The diagnostics that fail the check, with their notes; advice would bury them."""
    wanted = False
    for line in output.splitlines(keepends=True):
        start = DIAGNOSTIC.match(line)
        if start and start.group(1) != "note":
            wanted = start.group(1) == "error"
        if wanted:
            yield line


def check_tidy(root, build):
    commands = json.loads((build / "compile_commands.json").read_text())
    compiled = {(Path(entry["directory"]) / entry["file"]).resolve() for entry in commands}
    files = [path for path in own_sources(root, (".cc",)) if path.resolve() in compiled]
    if not files:
        print(f"clang-tidy: no source of {root} is compiled in {build}")
        return 1

    def run_on(path):
        return subprocess.run(["clang-tidy-19", "-quiet", "-p", build, *CLANG_MINDS, ERRORS_ALONE,
                               path],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              check=False)

    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, run in zip(files, pool.map(run_on, files)):
            if run.returncode != 0:
                failed += 1
                print(f"clang-tidy: {path.relative_to(root)}")
                print("".join(errors_in(run.stdout)), end="", flush=True)
    print(f"clang-tidy: {len(files)} files, {failed} with errors")
    return 1 if failed else 0


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "format":
        return check_format(Path(arguments[1]))
    if len(arguments) == 3 and arguments[0] == "tidy":
        return check_tidy(Path(arguments[1]), Path(arguments[2]).resolve())
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
