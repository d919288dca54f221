"""Hugepages of 2 MB: how many there are, reserving more, giving back just those. Used by tools/lab,
tools/quickstart and tools/nic; changing anything needs root.

The number of reserved pages belongs to the whole machine, and several scripts may change it at a
time: nobody restores an old number, each takes off again what it has added.
"""

import contextlib
import fcntl
import os
import subprocess
from pathlib import Path

PAGE_OCTETS = 2 << 20
SIZES = Path("/sys/kernel/mm/hugepages")
NODES = Path("/sys/devices/system/node")


def counter(name, folder=None):
    """One of nr_hugepages, free_hugepages, ... of 2 MB pages; 0 where the kernel has none."""
    folder = folder or SIZES / "hugepages-2048kB"
    try:
        return int((folder / name).read_text())
    except FileNotFoundError:
        return 0


def total():
    return counter("nr_hugepages")


def free():
    """Pages that nobody uses or has been promised."""
    return counter("free_hugepages") - counter("resv_hugepages")


@contextlib.contextmanager
def locked():
    """Held around each read and change of the number, by every script of ours."""
    # The folder of the counters itself is what is locked: no lock file to leave behind.
    folder = os.open(SIZES, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def set_total(pages):
    """Asks the kernel for `pages` in all; returns how many there are then, which may be fewer."""
    (SIZES / "hugepages-2048kB" / "nr_hugepages").write_text(str(pages))
    return total()


def reserve(pages, journal, say=print):
    """Sees to it that `pages` pages are free. Says so when it has to reserve any, and writes that
    into the journal first, whose undo gives them back.
    @return whether they are free; False leaves the machine as it was.
    """
    with locked():
        before, missing = total(), pages - free()
        if missing <= 0:
            return True
        if not (SIZES / "hugepages-2048kB").is_dir():
            say("hugepages: this kernel has none of 2 MB")
            return False
        step = journal.add("hugepages", before=before, added=missing, made=False)
        try:
            step["added"] = set_total(before + missing) - before
        except OSError as error:
            say(f"hugepages: cannot reserve any: {error}")
            step["added"] = 0
        step["made"] = True
        journal.save()
        if step["added"] < missing:
            say(f"hugepages: {missing} of 2 MB were asked for, the kernel gave {step['added']}")
            set_total(before)
            journal.steps.remove(step)
            journal.save()
            return False
    say(f"hugepages: reserved {missing} of 2 MB (before: {before}); they are given back at the end")
    return True


def give_back(step):
    """Takes off what reserve() added. Where a crash left open whether it did, the total tells: it
    is as high as it would have become, or it never rose."""
    with locked():
        now = total()
        if step["made"] or now >= step["before"] + step["added"]:
            set_total(max(0, now - step["added"]))


def mount(path, journal):
    """Mounts a private hugetlbfs at `path`, which is made; its files vanish with the mount."""
    path = Path(path)
    journal.add("mount", path=str(path), keep_folder=path.is_dir())
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "hugetlbfs", "-o", "pagesize=2M,mode=0755", "none", path],
                   check=True, capture_output=True, text=True)
    return path
