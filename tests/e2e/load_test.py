"""A steady load over AF_XDP against 100,000 names: nothing lost, every answer checked.

HOLDFAST_LOAD_SECONDS says for how long; `tools/test --long` takes a minute, in which nothing at all
may be lost. In the short run a few queries may be: machines on which tests run at the same time as
other work hold processes up for longer than the rings are deep.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import steady
from holdfast_node import Node, needs_programs
from lab_site import ADDRESS4, DATAPLANE, lab, needs_lab
from watch import report

pytestmark = [needs_programs, *needs_lab]

NAMES, RATE, PATIENCE = 100_000, 20_000, 1.0
SECONDS = float(os.environ.get("HOLDFAST_LOAD_SECONDS", "3"))


@pytest.fixture(name="site", scope="module")
def fixture_site(tmp_path_factory):
    node = Node(tmp_path_factory.mktemp("load"), {"many.test": (steady.zone(NAMES), [])},
                size="100M", tail=DATAPLANE)
    with lab(node.config) as site:
        yield site


def test_a_steady_load_is_answered_whole(site):
    before = site.counted()
    run = subprocess.run(
        [*site.enter(), "nice", "-n", "-10", "taskset", "-c", "0", sys.executable,
         Path(__file__).with_name("steady.py"), ADDRESS4, "53", str(RATE), str(SECONDS),
         str(NAMES), str(PATIENCE)], capture_output=True, text=True, check=False,
        timeout=SECONDS + 60)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    after = site.counted()
    assert found["wrong"] == 0, found
    assert found["lost"] <= (0 if SECONDS >= 60 else found["asked"] // 20), (found, after)
    answered = after["queries"] - before["queries"]
    assert answered >= found["answered"], (found, after)  # by the poll process, not the sockets
    report("steady-load", found["answered"], "answers",
           f"of {found['asked']} at {found['rate']} q/s against {NAMES:,} names, "
           f"{found['lost']} lost, longest {found['longest_ms']} ms")
