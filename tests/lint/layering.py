#!/usr/bin/python3
"""Reads the #include lines of every source file and refuses an arrow that the house does not have.

Run by meson (suite lint) with the project's root. The rooms and their arrows are those of
dataplane/DESIGN.md: what a room may include is its own folder plus the list below, nothing else.
Inside control and health the parts may stand in any order, but two of them never include each
other, directly or in a circle.
"""

import re
import sys
from pathlib import Path

BASE, WIRE, TABLE, ANSWER = ("dataplane/" + room for room in ("base", "wire", "table", "answer"))
IO, STEER, LISTEN = ("dataplane/" + room for room in ("io", "steer", "listen"))
ROOMS = (BASE, WIRE, TABLE, ANSWER, IO, STEER, LISTEN,
         "control", "health", "tools", "tests", "bench")
EVERY_ROOM = frozenset(ROOMS)

# room -> the rooms it may include, besides itself.
ARROWS = {
    BASE: frozenset(),
    WIRE: frozenset({BASE}),
    TABLE: frozenset({WIRE, BASE}),
    ANSWER: frozenset({TABLE, WIRE, BASE}),
    STEER: frozenset({BASE}),
    IO: frozenset({ANSWER, STEER, TABLE, WIRE, BASE}),
    LISTEN: frozenset({ANSWER, TABLE, WIRE, BASE}),
    "health": frozenset({WIRE, BASE}),
    "control": frozenset({"health", TABLE, WIRE, BASE}),
    "tools": EVERY_ROOM - {"tests", "bench"},
    "tests": EVERY_ROOM,
    "bench": EVERY_ROOM - {"tests"},
}

# Foreign headers that only some rooms may see: the packet path stays testable without an EAL, and
# no process but the data plane becomes a DPDK process.
OUTER_ROOMS = frozenset({"tools", "tests", "bench"})
FOREIGN = (
    ("DPDK", re.compile(r"^rte_"), frozenset({IO}) | OUTER_ROOMS),
    ("libbpf", re.compile(r"^(bpf|xdp)/"), frozenset({IO, STEER}) | OUTER_ROOMS),
)

# Rooms that are divided further, and whose parts must not include each other in a circle.
DIVIDED = ("control", "health")

SOURCE_SUFFIXES = {".h", ".hh", ".hpp", ".c", ".cc", ".cpp", ".inc"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def room_of(path):
    """The room that `path` (relative to the root, with slashes) lies in, or None."""
    parts = path.split("/")
    if parts[0] == "dataplane":
        room = "/".join(parts[:2])
        return room if room in EVERY_ROOM and len(parts) > 2 else None
    return parts[0] if parts[0] in EVERY_ROOM and len(parts) > 1 else None


def part_of(path):
    """The part of a divided room: a folder, or one header with its source (health/check)."""
    parts = path.split("/")
    return "/".join(parts[:2]) if len(parts) > 2 else path.split(".")[0]


def includes(text):
    """Yields (line number, target, is quoted); a comment or a string never starts with #include."""
    in_comment = False
    for number, line in enumerate(text.splitlines(), 1):
        if in_comment:
            in_comment = "*/" not in line
            continue
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) or match.group(2), match.group(1) is not None
        in_comment = "/*" in line and "*/" not in line.split("/*", 1)[1]


def target_path(root, source, target):
    """Where a quoted include leads, relative to the root; None when it leads to no file of ours."""
    if room_of(target):
        return target
    beside = (source.parent / target).resolve()
    if beside.is_file() and beside.is_relative_to(root):
        return beside.relative_to(root).as_posix()
    return None


def source_files(root):
    for top in sorted({room.split("/")[0] for room in ROOMS}):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in SOURCE_SUFFIXES and path.is_file():
                yield path


def check_include(room, where, target, leads_to, quoted):
    """One line of complaint, or None. `leads_to` is None for a header that is not ours."""
    if leads_to is None:
        for library, pattern, allowed in FOREIGN:
            if pattern.match(target) and room not in allowed:
                return f"{where}: {room} must not include {library} (<{target}>)"
        # What a build step generates (bpftool's skeletons) is in no source folder.
        if quoted and not target.endswith(".skel.h"):
            return (f'{where}: "{target}" names no file from the root; '
                    "write quoted includes from the root, foreign headers in <>")
        return None
    to = room_of(leads_to)
    if to is None:
        return f"{where}: {leads_to} lies in no room (rooms: {', '.join(ROOMS)})"
    if to == room or to in ARROWS[room]:
        return None
    return f"{where}: {room} -> {to} is not allowed ({room} may include: {allowed_text(room)})"


def allowed_text(room):
    return ", ".join(sorted(ARROWS[room])) or "nothing of ours"


def find_circle(edges):
    """A list of parts a, b, ..., a that include each other, or None."""
    done = set()

    def visit(part, path):
        if part in path:
            return path[path.index(part):] + [part]
        if part in done:
            return None
        for following in sorted(edges.get(part, {})):
            circle = visit(following, path + [part])
            if circle:
                return circle
        done.add(part)
        return None

    for part in sorted(edges):
        circle = visit(part, [])
        if circle:
            return circle
    return None


def check_tree(root):
    """Returns (complaints, number of files read) for the tree below `root`."""
    root = root.resolve()
    complaints, files = [], 0
    edges = {room: {} for room in DIVIDED}  # room -> part -> included part -> first place
    for source in source_files(root):
        files += 1
        path = source.relative_to(root).as_posix()
        room = room_of(path)
        if room is None:
            complaints.append(f"{path}:1: lies in no room (rooms: {', '.join(ROOMS)})")
            continue
        for number, target, quoted in includes(source.read_text(errors="replace")):
            where = f"{path}:{number}"
            # <dataplane/...> would reach the same file: brackets are no way around an arrow.
            leads_to = target_path(root, source, target) if quoted or room_of(target) else None
            complaint = check_include(room, where, target, leads_to, quoted)
            if complaint:
                complaints.append(complaint)
            elif room in DIVIDED and leads_to and room_of(leads_to) == room:
                here, there = part_of(path), part_of(leads_to)
                if here != there:
                    edges[room].setdefault(here, {}).setdefault(there, where)
    for room in DIVIDED:
        circle = find_circle(edges[room])
        if circle:
            steps = [f"{edges[room][a][b]}: {a} -> {b}" for a, b in zip(circle, circle[1:])]
            complaints.append(f"{steps[0].split(': ')[0]}: parts of {room} include each other in a "
                              f"circle: " + "; ".join(steps))
    return complaints, files


def main(arguments):
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: layering.py ROOT", file=sys.stderr)
        return 2
    complaints, files = check_tree(Path(arguments[0]))
    if files == 0:
        complaints.append(f"{arguments[0]}: no source files found below it")
    for complaint in complaints:
        print(complaint)
    print(f"layering: {files} files, {len(complaints)} arrows that are not allowed")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
