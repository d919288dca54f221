#!/usr/bin/python3
"""Reads every script: shellcheck for shell, pyflakes for Python, 100 columns for both.

Run by meson (suite lint) with the project's root. A script is known by its suffix or first line.
"""

import subprocess
import sys
from pathlib import Path

FOLDERS = (".ci", "bench", "control", "dataplane", "health", "tests", "tools")
COLUMNS = 100


def kind_of(path):
    """'shell', 'python' or None."""
    if path.suffix in (".sh", ".py"):
        return "shell" if path.suffix == ".sh" else "python"
    if path.suffix:
        return None
    with path.open("rb") as file:
        first = file.readline(80)
    if not first.startswith(b"#!"):
        return None
    return "python" if b"python" in first else "shell" if b"sh" in first else None


def scripts_in(root):
    found = {"shell": [], "python": []}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            # A fuzz corpus is data, whatever its files begin with.
            if path.is_file() and "corpus" not in path.parts and "__pycache__" not in path.parts:
                kind = kind_of(path)
                if kind:
                    found[kind].append(path.relative_to(root))
    return found


def check_tree(root):
    """Returns (complaints, number of scripts read)."""
    found = scripts_in(root)
    complaints = []
    for kind, command in (("shell", ["shellcheck", "-x", "-f", "gcc"]), ("python", ["pyflakes3"])):
        if found[kind]:
            run = subprocess.run([*command, *found[kind]], cwd=root, capture_output=True, text=True,
                                 check=False)
            complaints += (run.stdout + run.stderr).splitlines()
        for path in found[kind]:
            for number, line in enumerate((root / path).read_text().splitlines(), 1):
                if len(line) > COLUMNS:
                    complaints.append(f"{path}:{number}: {len(line)} columns, at most {COLUMNS}")
    return complaints, len(found["shell"]) + len(found["python"])


def main(arguments):
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: scripts.py ROOT", file=sys.stderr)
        return 2
    complaints, scripts = check_tree(Path(arguments[0]))
    if scripts == 0:
        complaints.append(f"{arguments[0]}: no scripts found below it")
    for complaint in complaints:
        print(complaint)
    print(f"scripts: {scripts} read, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
