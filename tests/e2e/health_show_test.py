"""What `holdfast health` shows and orders: history, damping and its end by hand, counters that
survive a crash, and an own uplink that is gone."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

import pytest
from holdfast_node import Check, free_port, needs_programs, until
from monitoring import get

pytestmark = needs_programs

ZONE = {"a.test": ("$ORIGIN a.test.\n$TTL 60\n@ SOA ns1 host 1 7200 900 1209600 60\n@ NS ns1\n"
                   "ns1 A 192.0.2.53\n", [])}


class Keyed(Check):
    """A check with more keys in its table."""

    def __init__(self, name, endpoint, keys="", **options):
        super().__init__(name, endpoint, **options)
        self.keys = keys

    def toml(self):
        return super().toml() + self.keys


def shown(node, name, *words):
    return json.loads(node.call("health", "show", name, "--json", *words).stdout)


def test_history_traces_a_verdict_back_to_what_was_seen(make_one):
    web = make_one.endpoint(mode="pass")
    node = make_one.node(ZONE, [Keyed("web", web, rise=2, fall=3)])
    node.start()
    node.await_checks(web="healthy")
    web.set("fail")
    node.await_checks(web="unhealthy")
    lines = shown(node, "web", "--history")["history"]
    change, = [line for line in lines if line.get("change", {}).get("healthy") is False]
    before = lines[:lines.index(change)]
    deciding = [line["seen"] for line in before if "seen" in line][-1]
    assert deciding["checker"] == "local" and deciding["outcome"] == "fail"
    assert change["reason"].startswith("Failure: HTTP Status Code")
    counted = sum(line["seen"]["times"] for line in before
                  if line.get("seen", {}).get("outcome") == "fail")
    assert counted == 3, "no more and no fewer than the threshold"
    text = node.call("health", "show", "web", "--history").stdout
    assert "web HTTP: unhealthy" in text and "local: fail" in text and "became unhealthy" in text
    assert "last failure" in text and "1 times within the last hour" in text
    assert "nothing" in node.call("health", "show", "nothing", status=1).stderr


def test_the_settings_in_force_are_shown_defaults_too(make_one):
    web = make_one.endpoint(mode="pass")
    node = make_one.node(ZONE, [
        Keyed("set", web, "hold_down_ms = 1234\nmax_flaps_per_hour = 7\nmanual_failback = true\n"
              "min_reporters = 3\nquorum_percent = 40\nreport_ttl_ms = 5000\n"
              'on_stale = "unhealthy"\njitter_percent = 5\n', rise=2, fall=4),
        Check("usual", web, native=False)])
    node.start()
    given = shown(node, "set")["settings"]
    assert given == {
        "interval_ms": 50, "healthy_threshold": 2, "unhealthy_threshold": 4, "jitter_percent": 5,
        "fixed_rate": False, "source_address": None, "interface": None, "namespace": None,
        "method": "GET", "expected_status": ["200-399"], "headers": [], "body_regex": "",
        "connect_timeout_ms": 195, "response_timeout_ms": 195, "measure_latency": False,
        "keep_alive": False, "quorum_percent": 40, "min_reporters": 3, "report_ttl_ms": 5000,
        "on_stale": "unhealthy", "regions": [], "hold_down_ms": 1234, "max_flaps_per_hour": 7,
        "manual_failback": True}
    usual = shown(node, "usual")["settings"]
    for name, value in {"interval_ms": 30000, "healthy_threshold": 1, "unhealthy_threshold": 1,
                        "quorum_percent": 18, "min_reporters": 1, "on_stale": "keep",
                        "hold_down_ms": 0, "max_flaps_per_hour": None, "manual_failback": False,
                        "jitter_percent": 10, "connect_timeout_ms": 4000}.items():
        assert usual[name] == value, name
    assert usual["report_ttl_ms"] >= 90_000  # three intervals and a probe
    assert {one["id"]: one["settings"] for one in node.status()["checks"]} == {
        "set": given, "usual": usual}
    text = node.call("health", "show", "set").stdout
    assert "settings in force" in text
    for words in ("hold_down_ms 1234", "on_stale unhealthy", "regions -"):
        assert words.split() in [line.split() for line in text.splitlines()], text


def test_what_is_held_down_comes_back_when_it_is_released(make_one):
    web = make_one.endpoint(mode="pass")
    node = make_one.node(ZONE, [Keyed("web", web, "manual_failback = true\n")])
    node.start()
    node.await_checks(web="healthy")
    web.set("fail")
    node.await_checks(web="unhealthy")
    passes = shown(node, "web")["passes"]
    web.set("pass")
    until(lambda: shown(node, "web")["passes"] > passes + 5)
    state = shown(node, "web")
    assert state["state"] == "unhealthy" and state["held"] == "until it is released by hand"
    assert "held down until it is released by hand" in node.call("health", "show", "web").stdout
    assert "done, generation" in node.call("health", "release", "web").stdout
    assert shown(node, "web")["state"] == "healthy"


def test_counters_and_the_last_failure_survive_a_crash(make_one):
    web = make_one.endpoint(mode="fail")
    node = make_one.node(ZONE, [Keyed("web", web)])
    node.start()
    node.await_checks(web="unhealthy")
    web.set("pass")
    node.await_checks(web="healthy")
    saved = shown(node, "web")
    time.sleep(10.5)  # counters go to the disk every 10 s
    before = node.pid("control")
    node.kill("control", signal.SIGKILL)
    until(lambda: node.pid("control") not in (None, before) and
          node.run("health", "show", "web").returncode == 0)
    until(lambda: shown(node, "web")["passes"] > saved["passes"])
    after = shown(node, "web")
    assert after["failures"] == saved["failures"] >= 1
    assert (after["last_failure"], after["last_failure_ms"]) == (
        saved["last_failure"], saved["last_failure_ms"])


def test_the_failure_that_turned_a_check_survives_a_crash_right_behind_it(make_one):
    web = make_one.endpoint(mode="pass")
    node = make_one.node(ZONE, [Keyed("web", web)])
    node.start()
    node.await_checks(web="healthy")
    assert shown(node, "web")["last_failure"] == ""
    began = time.time() * 1e3
    web.set("fail")
    node.await_checks(web="unhealthy")

    def stored():
        with contextlib.closing(sqlite3.connect(node.folder / "state" / "holdfast.db")) as store:
            return store.execute("SELECT reason FROM health_check WHERE id = 'web' "
                                 "AND reason LIKE 'Failure%'").fetchall()
    until(stored)
    before = node.kill("control", signal.SIGKILL)
    web.set("pass")
    killed = time.time() * 1e3
    until(lambda: node.pid("control") not in (0, before) and
          node.run("health", "show", "web").returncode == 0)
    after = shown(node, "web")
    assert after["last_failure"].startswith("Failure: HTTP Status Code 503"), after
    assert began <= after["last_failure_ms"] <= killed
    assert after["failures"] >= 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a folder with little room")
def test_an_order_that_the_disk_does_not_take_is_in_force_and_says_that_it_is_not_stored(make_one):
    node = make_one.node(ZONE, [Keyed("web", make_one.endpoint(mode="pass"))])
    state = node.folder / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2M,mode=700", "none", state], check=True)
    try:
        node.start()
        node.await_checks(web="healthy")
        until(lambda: "transition" not in node.log() or stored_override(state) is not None)
        with (state / "filler").open("wb", buffering=0) as filler, \
                contextlib.suppress(OSError):
            while True:
                filler.write(bytes(4096))
        told = node.call("health", "set", "web", "unhealthy", status=1).stderr
        assert re.search("in force from generation [0-9]+ on, but not stored, so a restart may "
                         "undo it; .* every 10 s: .*disk is full", told), told
        assert shown(node, "web")["state"] == "unhealthy"
        assert stored_override(state) in (None, AUTO)
        # Nor is it forgotten that it is not stored: the same order again says the same.
        assert "not stored" in node.call("health", "set", "web", "unhealthy", status=1).stderr
        (state / "filler").unlink()
        assert "done, generation" in node.call("health", "set", "web", "unhealthy").stdout
        assert stored_override(state) == UNHEALTHY
    finally:
        node.stop()
        subprocess.run(["umount", state], check=True)


AUTO, UNHEALTHY = 0, 2  # override_state of the store


def stored_override(state):
    with contextlib.closing(sqlite3.connect(state / "holdfast.db")) as store:
        row = store.execute("SELECT override_state FROM health_check WHERE id = 'web'").fetchone()
    return row and row[0]


def test_nothing_goes_down_while_this_node_has_no_uplink(make_one):
    """D7: 0 false transitions."""
    with socket.create_server(("127.0.0.1", 0)) as control:
        address = f"127.0.0.1:{control.getsockname()[1]}"
        web = make_one.endpoint(mode="pass")
        node = make_one.node(ZONE, [Keyed("web", web)])
        text = node.config.read_text(encoding="utf-8")
        node.config.write_text(text.replace("[health]\n", "[health]\ncontrol_targets = "
                                            f'["{address}"]\n'), encoding="utf-8")
        node.start()
        node.await_checks(web="healthy")
        published = node.status()["transitions"]["published"]
        control.close()
        web.close()
        until(lambda: shown(node, "web")["unknowns"] >= 5)
        state = shown(node, "web")
        assert state["state"] == "healthy"
        assert "no uplink" in state["reason"]
        assert node.status()["transitions"]["published"] == published
        print(f"D7: 0 false transitions in {state['unknowns']} failed probes")
        with socket.create_server(("127.0.0.1", int(address.rsplit(":", 1)[1]))):
            node.await_checks(web="unhealthy")  # now it is known to be the endpoint


class Measured(Keyed):
    def json(self):
        made = super().json()
        made["HealthCheckConfig"]["MeasureLatency"] = True
        return made


def test_latencies_are_shown_and_scraped_for_checks_that_measure_them(make_one):
    port = free_port()
    web = make_one.endpoint(mode="pass")
    kept = make_one.endpoint(mode="pass")
    node = make_one.node(ZONE, [Measured("web", web), Keyed("other", web),
                                Measured("kept", kept, "keep_alive = true\n")],
                         tail=f'[http]\nlisten = ["127.0.0.1:{port}"]\n')
    node.start()
    node.await_checks(web="healthy", kept="healthy")
    took = until(lambda: (shown(node, "web")["views"][0]["latency"] or {}).get("connect"))
    assert took["count"] >= 1 and 0 < took["mean_ms"] < 1000
    assert 0 < took["p50_ms"] <= took["p99_ms"]
    latency = shown(node, "web")["views"][0]["latency"]
    assert set(latency) == {"connect", "first_byte"}
    assert shown(node, "other")["views"][0]["latency"] is None
    text = node.call("health", "show", "web").stdout
    assert "latency of probes that passed" in text and "first_byte" in text

    def page():
        return get(f"http://127.0.0.1:{port}/metrics")[1]

    series = 'holdfast_health_check_first_byte_seconds_count{id="web",type="HTTP",checker="local"} '
    until(lambda: series in page())
    assert 'connect_seconds_bucket{id="web",type="HTTP",checker="local",le="+Inf"}' in page()
    assert 'connect_seconds_count{id="other"' not in page() and "tls_seconds" not in page()
    if shutil.which("promtool"):
        checked = subprocess.run(["promtool", "check", "metrics"], input=page(), text=True,
                                 capture_output=True, timeout=60, check=False)
        assert "histogram" not in checked.stdout + checked.stderr, checked.stdout + checked.stderr
        assert "error" not in checked.stderr, checked.stderr
    # A gap while probes fail.
    web.set("fail")
    node.await_checks(web="unhealthy")
    before = shown(node, "web")
    until(lambda: shown(node, "web")["failures"] >= before["failures"] + 5)
    assert shown(node, "web")["views"][0]["latency"] == before["views"][0]["latency"]
