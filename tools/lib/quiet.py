"""Runs that nothing else on the machine disturbed: a run is repeated when a thread that should be
busy had no core for too much of it, because this kernel ran something else there (schedstat) or
because the host of this virtual machine did (`steal` of /proc/stat, see proc(5)).
"""

import os
import time
from pathlib import Path

import benchreport

TICKS = os.sysconf("SC_CLK_TCK")
STEAL = 8             # the column of /proc/stat
LONGEST_PAUSE = 16.0  # seconds between two tries: what disturbs comes in bursts
LEAST_TRIES = 3
PATIENCE = 90.0       # seconds


def stolen(text=None):
    """Seconds that the host has taken from each core so far: name -> seconds.
    @param text  of /proc/stat; what it has now by default.
    """
    lines = (line.split() for line in (text or Path("/proc/stat").read_text()).splitlines())
    return {words[0]: int(words[STEAL]) / TICKS for words in lines
            if words and words[0].startswith("cpu") and words[0] != "cpu" and len(words) > STEAL}


def stolen_share(before, after, seconds, cores):
    """The greatest part (0..1) of a time that was stolen between two looks from one of the cores,
    which are numbers."""
    names = [f"cpu{core}" for core in cores]
    return max((after[name] - before[name] for name in names if name in before and name in after),
               default=0) / seconds


class Patient:
    """Repeats runs that were disturbed, and counts. Of each run there are LEAST_TRIES, and more
    while there is patience; then the least disturbed of them counts, and is named in the note.
    @param patience  seconds that the runs of one turn together may take longer for it.
    """

    def __init__(self, patience):
        self.most = patience
        self.runs = self.repeated = 0
        self.kept = []  # (what, share) of each run that counts although it was disturbed
        self.turn()

    def turn(self):
        """Begins a turn: what is compared with others has as much patience as they have."""
        self.left = self.most

    def run(self, call, most, what):
        """@param call  one run: (the part of its time, 0..1, that was lost, what it gave).
        @param most   what may be lost.
        @param what   its name, for people.
        @return what the run gave that counts.
        """
        seen = []
        while len(seen) < LEAST_TRIES or self.left > 0:
            if seen:
                self.repeated += 1
                pause = min(LONGEST_PAUSE, len(seen), max(0, self.left))
                self.left -= pause
                time.sleep(pause)
            began = time.monotonic()
            self.runs += 1
            share, given = call()
            if share <= most:
                return given
            self.left -= time.monotonic() - began
            benchreport.say(f"disturbed: {what}: {share:.1%} of the time without a core")
            seen.append((share, len(seen), given))
        self.kept.append((what, min(seen)[0]))
        return min(seen)[2]

    def note(self, most):
        """For a report. @param most  in words, what may be lost of a run."""
        kept = "; ".join(f"{what} {share:.1%}" for what, share in self.kept)
        return (f"{self.runs} runs, {self.repeated} of them repeated because a busy thread had no"
                f" core for more than {most} of the time (it waited for one, or the host of the"
                " machine took it); kept although that was so, the least disturbed of its tries:"
                f" {kept or 'none'}")
