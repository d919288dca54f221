"""Orders by hand that end by themselves: the answers of the wire, and what outlives control."""

import contextlib
import datetime
import json
import sqlite3
import time

import pytest
from answer_zone import ORIGIN, ZONES
from holdfast_node import Check, needs_programs, until

pytestmark = needs_programs

NAME = f"f.{ORIGIN}"
UP, DOWN = ["198.51.100.1"], ["198.51.100.2"]  # failover by the check "up"


@pytest.fixture(name="node")
def fixture_node(make_one):
    checks = [Check("up", make_one.endpoint(mode="pass"), fall=40),
              Check("down", make_one.endpoint(mode="fail"), fall=2)]
    node = make_one.node(ZONES, checks)
    node.start()
    node.await_checks(up="healthy", down="unhealthy")
    return node


def shown(node, *words):
    return json.loads(node.call("health", "show", "up", "--json", *words).stdout)


def moment(text):
    return datetime.datetime.fromisoformat(text).timestamp()


def stored(node):
    with contextlib.closing(sqlite3.connect(node.folder / "state" / "holdfast.db")) as store:
        return store.execute("SELECT override_state, override_until_ms FROM health_check "
                             "WHERE id = 'up'").fetchone()


def ready(node, before):
    """Waits for another control than `before` that answers."""
    until(lambda: node.pid("control") not in (0, before) and
          node.run("health", "show", "up").returncode == 0)


def ended(node):
    """The last line of the log about the check says that its order ended."""
    lines = [line for line in node.log().splitlines() if "transition up " in line]
    return lines and "override=auto" in lines[-1] and 'reason="override ended' in lines[-1]


def test_an_order_for_a_time_changes_the_answer_and_gives_it_back_by_itself(node):
    began = time.time()
    node.request(op="health_set", check="up", to="unhealthy", **{"for": "2"})
    assert node.addresses(NAME) == DOWN
    until(lambda: node.addresses(NAME) == UP)
    assert time.time() - began >= 1.9, "not before its time"
    until(lambda: stored(node) == (0, 0))
    state = shown(node, "--history")
    assert (state["state"], state["override"], state["override_until"]) == ("healthy", "auto", None)
    change = [line for line in state["history"] if "change" in line][-1]
    assert change["change"]["healthy"] and change["reason"].startswith("override ended; Success")
    assert ended(node), node.log()
    assert "transition up unhealthy override=unhealthy until 20" in node.log()


def test_how_long_it_holds_is_shown_and_the_next_order_replaces_it(node):
    node.call("health", "set", "up", "unhealthy", "--for", "3600")
    end = shown(node)["override_until"]
    assert 3500 < moment(end) - time.time() <= 3600
    assert f"unhealthy, set by command until {end}" in node.call("health", "show", "up").stdout
    assert f"unhealthy (set by command until {end})" in node.call("status").stdout
    assert {one["id"]: one["override_until"] for one in node.status()["checks"]} == {
        "up": end, "down": None}
    assert f"set by command until {end}" in node.call("explain", NAME, "A").stdout
    assert f"check up unhealthy (set by command until {end})" in node.call("tables", "dump").stdout
    # In force whatever else is changed.
    text = node.config.read_text(encoding="utf-8")
    assert "unhealthy_threshold = 40" in text
    node.config.write_text(text.replace("unhealthy_threshold = 40", "unhealthy_threshold = 41"),
                           encoding="utf-8")
    node.call("reload")
    assert shown(node)["settings"]["unhealthy_threshold"] == 41
    assert shown(node)["override_until"] == end and node.addresses(NAME) == DOWN
    # The same for good, and nothing.
    node.call("health", "set", "up", "unhealthy")
    assert shown(node)["override_until"] is None and stored(node) == (2, 0)
    assert "set by command\n" in node.call("health", "show", "up").stdout
    node.call("health", "set", "up", "unhealthy", "--for", "3600")
    node.call("health", "set", "up", "auto")
    assert shown(node)["override_until"] is None and stored(node) == (0, 0)
    assert node.addresses(NAME) == UP


@pytest.mark.parametrize("seconds", ["0", "-1", "31536001", "1.5", "soon", ""])
def test_a_time_out_of_range_is_refused_and_nothing_is_ordered(node, seconds):
    said = node.call("health", "set", "up", "unhealthy", "--for", seconds, status=2).stderr
    assert f"is {seconds}; expected 1..31536000" in said
    with pytest.raises(AssertionError, match=r"is .*; expected 1\.\.31536000"):
        node.request(op="health_set", check="up", to="unhealthy", **{"for": seconds})
    assert "expected none with" in node.call(
        "health", "set", "up", "auto", "--for", "5", status=1).stderr
    assert shown(node)["override"] == "auto"


def test_an_order_for_a_time_outlives_a_killed_control_and_ends_then(node):
    node.request(op="health_set", check="up", to="unhealthy", **{"for": "3600"})
    end, published = shown(node)["override_until"], node.status()["generation"]
    ready(node, node.kill("control"))
    assert shown(node)["override_until"] == end
    assert node.status()["generation"] == published and node.addresses(NAME) == DOWN
    node.request(op="health_set", check="up", to="unhealthy", **{"for": "2"})
    ready(node, node.kill("control"))
    until(lambda: node.addresses(NAME) == UP)
    until(lambda: ended(node))
    until(lambda: stored(node) == (0, 0))


@pytest.mark.parametrize("left", ["both", "the tables", "the store"])
def test_an_order_is_known_from_the_tables_and_from_the_store(node, left):
    node.request(op="health_set", check="up", to="unhealthy", **{"for": "3600"})
    end = shown(node)["override_until"]
    node.stop()
    if left == "the store":  # as after a boot
        node.call("tables", "remove")
    if left == "the tables":  # control died before it was stored
        with contextlib.closing(sqlite3.connect(node.folder / "state" / "holdfast.db")) as store:
            store.execute("UPDATE health_check SET override_state = 0, override_until_ms = 0")
            store.commit()
    node.start()
    assert node.addresses(NAME) == DOWN
    assert (shown(node)["override"], shown(node)["override_until"]) == ("unhealthy", end)


@pytest.mark.parametrize("booted", [False, True])
def test_an_order_that_ends_while_control_is_away_does_not_come_back(node, booted):
    node.request(op="health_set", check="up", to="unhealthy", **{"for": "1"})
    end = shown(node)["override_until"] or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    node.stop()
    if booted:
        node.call("tables", "remove")
    time.sleep(max(0.0, moment(end) + 0.1 - time.time()))
    node.start()
    assert (shown(node)["override"], shown(node)["override_until"]) == ("auto", None)
    assert node.addresses(NAME) == UP
    until(lambda: ended(node))
    until(lambda: stored(node) == (0, 0))
