"""What a node without its control, or without anybody who reads its log, does and says."""

import contextlib
import json
import os
import signal
import subprocess
import time

import pytest
from answer_zone import ORIGIN, ZONES
from holdfast_node import BINARIES, Check, needs_programs, until

pytestmark = needs_programs

FAILOVER = f"f.{ORIGIN}"


@pytest.fixture(name="node")
def fixture_node(make_one):
    checks = [Check("up", make_one.endpoint(mode="pass"), fall=40),
              Check("down", make_one.endpoint(mode="fail"), fall=2)]
    node = make_one.node(ZONES, checks)
    node.start()
    node.await_checks(up="healthy", down="unhealthy")
    return node


def health_data(node):
    """How `status --json` without control says it; its exit status is that of a silent control."""
    told = json.loads(node.call("status", "--json", "--timeout", "1", status=3).stdout)
    assert told["control"] is False
    return told["health_data"]


def test_conf_K10_answers_go_on_and_the_age_of_the_health_is_shown(node):
    """Killed for good: its supervisor, which would start another one, is held meanwhile."""
    published = node.status()["generation"]
    answers = node.addresses(FAILOVER)
    while_it_lives = json.loads(node.call("status", "--json").stdout)["health_data"]
    assert while_it_lives["generation"] == published and while_it_lives["age_ms"] < 1000
    os.kill(node.process.pid, signal.SIGSTOP)
    try:
        node.kill("control")
        killed = time.monotonic()
        first = health_data(node)
        assert first["generation"] == published and first["age_ms"] >= 0
        time.sleep(1.5)
        later = health_data(node)
        since_ms = (time.monotonic() - killed) * 1000
        assert 1500 <= later["age_ms"] <= since_ms + 1000, (first, later)
        assert later["age_ms"] - first["age_ms"] >= 1500
        for _ in range(50):
            assert node.addresses(FAILOVER) == answers
        text = node.call("status", "--timeout", "1", status=3).stdout
        assert "control has not answered" in text
        assert "ANSWERS GO BY THE HEALTH OF " in text
        assert f"AGO, when control last lived (generation {published})" in text
    finally:
        os.kill(node.process.pid, signal.SIGCONT)

    def young_again():
        with contextlib.suppress(AssertionError, ValueError):
            return json.loads(node.call("status", "--json").stdout)["health_data"]["age_ms"] < 1000
    until(young_again)
    assert node.addresses(FAILOVER) == answers


def test_conf_K10_a_control_that_stands_still_ages_as_one_that_is_gone(node):
    pid = node.kill("control", signal.SIGSTOP)
    first = health_data(node)["age_ms"]
    assert health_data(node)["age_ms"] >= first + 900  # it waited a second for the reply
    os.kill(pid, signal.SIGCONT)


def test_a_node_without_tables_claims_no_age(tmp_path):
    done = subprocess.run([BINARIES / "holdfast", "status", "--json", "--run-dir", tmp_path],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3 and json.loads(done.stdout)["health_data"] is None


def test_a_node_outlives_the_reader_of_its_log(make_one):
    """`holdfast run 2>&1 | less`, then q."""
    node = make_one.node(ZONES, [Check("up", make_one.endpoint(mode="pass")),
                                 Check("down", make_one.endpoint(mode="fail"))])
    node.process = subprocess.Popen([BINARIES / "holdfast", "run", "--config", node.config],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = b""
    while b"holdfast: ready" not in said:
        said += os.read(node.process.stdout.fileno(), 4096)
    control = node.pid("control")
    node.process.stdout.close()
    node.request(op="health_set", check="up", to="unhealthy")  # control logs it
    before = node.kill("sockets")  # the supervisor logs it
    until(lambda: node.pid("sockets") not in (0, before))
    until(lambda: node.addresses(FAILOVER))
    node.request(op="reload")
    assert node.pid("control") == control and node.process.poll() is None
