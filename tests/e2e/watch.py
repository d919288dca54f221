"""watcher.py beside a test, and the lines with the figures of fault tests."""

import json
import subprocess
import sys
import time
from pathlib import Path

from answer_zone import ORIGIN

RATE = 4000
# One name of each kind: static, wildcard, failover on either side, weighted, multivalue.
PLAN = {f"www.{ORIGIN}": [["192.0.2.80"]], f"x.wild.{ORIGIN}": [["192.0.2.99"]],
        f"f.{ORIGIN}": [["198.51.100.1"]], f"g.{ORIGIN}": [["198.51.100.4"]],
        f"w.{ORIGIN}": [["198.51.100.11"]], f"mv.{ORIGIN}": [["198.51.100.21", "198.51.100.22"]]}


class Watch:
    """watcher.py on a server, run by the command `inside`; its figures once `with` ended."""

    def __init__(self, address, port, plan=None, rate=RATE, patience=1.0, inside=()):
        self.words = [*inside, sys.executable, Path(__file__).with_name("watcher.py"), address,
                      str(port), str(rate), str(patience)]
        self.plan, self.figures = plan or PLAN, {}

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.tell(json.dumps(self.plan))
        return self

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "marked\n"

    def mark(self, name, seconds=0.0):
        self.tell(f"mark {name}")
        time.sleep(seconds)

    def __exit__(self, kind, *_):
        try:
            said = self.process.communicate(timeout=20)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        if kind is None:
            self.figures = json.loads(said)
            wrong = [one for stretch in self.figures.values() for one in stretch["wrong"]]
            assert not wrong, wrong
            assert self.total("answered") > 500, self.figures

    def total(self, what):
        return sum(stretch[what] for stretch in self.figures.values())


FIGURES = []  # conftest.py prints them at the end of the run


def report(fault, figure, unit, more=""):
    FIGURES.append(f"FAULT {fault} ok {figure} {unit}{' ' + more if more else ''}")


def tell(line):
    """A figure that is not of a fault."""
    FIGURES.append(line)
