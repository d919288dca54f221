"""What processes have used, from /proc: processor time, how long threads waited for a core, memory.
Used by `tools/bench peers`; reads only.
"""

import contextlib
import os
import re
from collections import namedtuple
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
POLLING = "rte-worker"  # DPDK's name of a polling thread
GONE = (FileNotFoundError, ProcessLookupError)

# user, system: processor seconds of all processes together. threads: (pid, tid) -> (ns it ran, ns
# it was ready and waited for a core).
Usage = namedtuple("Usage", "user system threads")
# A time in which a server was asked: the parts (0..1) of it in which the busiest thread of client
# and server waited for a core, the server's processor seconds a second, and the part in which the
# host of a virtual machine had a core, where that is known.
Span = namedtuple("Span", "client_waited server_waited user system stolen", defaults=(0.0,))


def stat_times(text):
    """User and system seconds from the text of /proc/PID/stat."""
    # The second field may hold spaces and parentheses; what follows the last one is regular.
    fields = text.rpartition(")")[2].split()
    return int(fields[11]) / TICKS, int(fields[12]) / TICKS


def usage(pids):
    """The Usage of these processes so far; one that is gone counts nothing."""
    user = system = 0.0
    threads = {}
    for pid in pids:
        with contextlib.suppress(*GONE):
            times = stat_times(Path(f"/proc/{pid}/stat").read_text())
            user, system = user + times[0], system + times[1]
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(*GONE):
                    ran, waited, _ = map(int, (task / "schedstat").read_text().split())
                    threads[pid, int(task.name)] = ran, waited
    return Usage(user, system, threads)


def waited(before, after, seconds):
    """Which part (0..1) of a time the thread that ran most in it waited for its core."""
    spent = [(ran - before.threads.get(thread, (0, 0))[0],
              delay - before.threads.get(thread, (0, 0))[1])
             for thread, (ran, delay) in after.threads.items()]
    return max(spent, default=(0, 0))[1] / 1e9 / seconds


def span(client, server, seconds):
    """The Span between two looks. @param client, server  (Usage before, Usage after)."""
    before, after = server
    return Span(waited(*client, seconds), waited(*server, seconds),
                (after.user - before.user) / seconds, (after.system - before.system) / seconds)


def huge_octets(text):
    """(mapping, octets) of the hugepages in the text of /proc/PID/smaps. The mapping is a file's
    device and inode, so that one which several processes share is known again."""
    found, mapping = {}, None
    for line in text.splitlines():
        head = re.match(r"([0-9a-f]+)-[0-9a-f]+ \S+ \S+ (\S+) (\d+)", line)
        if head:
            mapping = (head[2], head[3]) if head[3] != "0" else (head[1], "")
        elif line.startswith(("Shared_Hugetlb:", "Private_Hugetlb:")):
            octets = int(line.split()[1]) << 10
            if octets:
                found[mapping] = found.get(mapping, 0) + octets
    return found


def memory(pids):
    """Octets that processes hold: proportional set size, and the hugepages they have touched, each
    shared file once."""
    proportional, huge = 0, {}
    for pid in pids:
        with contextlib.suppress(*GONE):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            proportional += int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1]) << 10
            for mapping, octets in huge_octets(Path(f"/proc/{pid}/smaps").read_text()).items():
                key = mapping if mapping[1] else (pid, *mapping)
                huge[key] = max(huge.get(key, 0), octets)
    return proportional + sum(huge.values())


def calm(pids):
    """Gives each thread of Holdfast but those that poll the lowest priority. They run on the core
    of the clients, as on a core that nobody else needs: at nice 0 they took 2 to 4 % of it."""
    for pid in pids:
        with contextlib.suppress(*GONE):
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(*GONE):
                    if not (task / "comm").read_text().startswith(POLLING):
                        os.setpriority(os.PRIO_PROCESS, int(task.name), 19)


def pin(pids, core):
    """Moves every thread of these processes to one core."""
    for pid in pids:
        with contextlib.suppress(*GONE):
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(*GONE):
                    os.sched_setaffinity(int(task.name), {core})
