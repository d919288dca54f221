"""From the death of an endpoint to the changed answer on the wire: real processes are killed, a
client behind AF_XDP asks all the time.

HOLDFAST_KILLS says how many die; `tools/test --long` kills 500.
"""

import os
import random
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from answer_zone import SHORT_ZONE
from fast_client import a_records, packet
from holdfast_node import Check, Node, needs_programs
from lab_site import ADDRESS4, CLIENT, DATAPLANE, lab, needs_lab
from watch import report

pytestmark = [needs_programs, *needs_lab]

KILLS = int(os.environ.get("HOLDFAST_KILLS", "24"))
SEED = 11
ORIGIN = "d.test"
NAMES = 4  # each with an endpoint of its own; they die independently
INTERVAL, TIMEOUT, FALL = 100, 50, 2
PORT = 9000
UP, DOWN = 1, 2  # last octets of the answers
PATIENCE = 10.0


class Victim:
    """One endpoint, a process at the client's end."""

    def __init__(self, site, number):
        self.site, self.address, self.port = site, CLIENT, PORT + number
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [*self.site.enter(), sys.executable, Path(__file__).with_name("accepting.py"),
             self.address, str(self.port)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def kill(self):
        """@return time.monotonic() before it."""
        now = time.monotonic()
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        return now


class Watcher(threading.Thread):
    """Kills one endpoint again and again and asks for its name meanwhile."""

    def __init__(self, site, number, kills):
        super().__init__()
        self.victim, self.kills = Victim(site, number), kills
        self.random = random.Random(SEED + number)
        self.way = site.make_socket(2, 2)  # AF_INET, SOCK_DGRAM
        self.way.settimeout(0.2)
        self.way.connect((ADDRESS4, 53))
        self.query = packet(f"n{number}.{ORIGIN}")
        self.asked, self.found, self.problem = 0, [], None

    def answer(self):
        self.asked = (self.asked + 1) & 0xffff
        ident = self.asked.to_bytes(2, "big")
        self.way.send(ident + self.query)
        while True:
            got = self.way.recv(512)
            if got[:2] == ident:
                return a_records(got[2:])[0]

    def await_answer(self, wanted):
        """@return time.monotonic() of it."""
        latest = time.monotonic() + PATIENCE
        while time.monotonic() < latest:
            try:
                if self.answer() == wanted:
                    return time.monotonic()
            except TimeoutError:
                continue
            time.sleep(0.001)
        raise AssertionError(f"no answer {wanted} within {PATIENCE} s")

    def run(self):
        try:
            for _ in range(self.kills):
                self.victim.start()
                self.await_answer(UP)
                time.sleep(self.random.uniform(0.05, 0.05 + 2 * INTERVAL / 1e3))
                killed = self.victim.kill()
                self.found.append((self.await_answer(DOWN) - killed) * 1e3)
        except AssertionError as problem:
            self.problem = problem
        finally:
            self.victim.kill()
            self.way.close()


def test_a_killed_endpoint_changes_the_answer_on_the_wire(tmp_path):
    class At:
        def __init__(self, number):
            self.address, self.port = CLIENT, PORT + number

    records = []
    for n in range(NAMES):
        common = {"Name": f"n{n}.{ORIGIN}", "Type": "A", "TTL": 5}
        records += [{**common, "SetIdentifier": "p", "Failover": "PRIMARY",
                     "ResourceRecords": [{"Value": f"192.0.2.{UP}"}], "HealthCheckId": f"k{n}"},
                    {**common, "SetIdentifier": "s", "Failover": "SECONDARY",
                     "ResourceRecords": [{"Value": f"192.0.2.{DOWN}"}]}]
    checks = [Check(f"k{n}", At(n), "TCP", interval_ms=INTERVAL, rise=FALL, fall=FALL,
                    timeout_ms=TIMEOUT) for n in range(NAMES)]
    node = Node(tmp_path, {ORIGIN: (SHORT_ZONE.replace("short", "d"), records)}, checks,
                tail=DATAPLANE)
    with lab(node.config) as site:
        watchers = [Watcher(site, n, KILLS // NAMES) for n in range(NAMES)]
        for watcher in watchers:
            watcher.start()
        for watcher in watchers:
            watcher.join()
        falls = sum(one["flaps"] for one in site.status()["checks"])
    assert not any(watcher.problem for watcher in watchers), [w.problem for w in watchers]
    found = sorted(one for watcher in watchers for one in watcher.found)
    assert len(found) == KILLS // NAMES * NAMES
    # Two failures in a row: one probe may fail at once, the next an interval later.
    assert found[0] >= INTERVAL * 0.9
    # One fall a kill, and the one before the first start.
    false = falls - NAMES - len(found)
    p99 = found[min(len(found) - 1, int(len(found) * 0.99))]
    report("killed-endpoint", round(p99), "ms",
           f"p99 to the changed answer of {len(found)} kills, p50 {statistics.median(found):.0f}, "
           f"max {found[-1]:.0f}, {FALL} x {INTERVAL} ms; {max(0, false)} falls that nobody caused")
