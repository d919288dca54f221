"""Rows of the fault matrix about checks (group D): what flaps, and what changes under way."""

import os
import time

from answer_zone import ZONES
from holdfast_node import ADDRESSES, Check, needs_programs, until
from watch import Watch, report

pytestmark = needs_programs

INTERVAL = 100
THRESHOLD = 2
STRETCH = 1.5  # seconds of each square wave
CHANGES = int(os.environ.get("HOLDFAST_CHECK_CHANGES", "12"))  # `tools/test --long`: 200


class Held(Check):
    """A check that stays down for so long."""

    def __init__(self, *words, hold_down_ms, **options):
        super().__init__(*words, **options)
        self.hold_down_ms = hold_down_ms

    def toml(self):
        return super().toml() + f"hold_down_ms = {self.hold_down_ms}\n"


def transitions(node, check, state=""):
    return node.log().count(f"transition {check} {state}")


def check_of(node, name):
    return next(one for one in node.status()["checks"] if one["id"] == name)


def test_D5_a_square_wave_turns_no_check_more_often_than_its_threshold_allows(make_one):
    endpoint = make_one.endpoint(mode="pass")
    node = make_one.node(ZONES, [
        Check("up", endpoint, interval_ms=INTERVAL, rise=THRESHOLD, fall=THRESHOLD),
        Held("down", endpoint, interval_ms=INTERVAL, rise=THRESHOLD, fall=THRESHOLD,
             hold_down_ms=600_000)])
    node.start()
    node.await_checks(up="healthy", down="healthy")
    turned, held = transitions(node, "up"), transitions(node, "down")
    generation = node.status()["generation"]
    before = check_of(node, "up")
    for intervals in (0.1, 0.5, 1, 2, 3):
        half = intervals * INTERVAL / 2 / 1e3
        until_s = time.monotonic() + STRETCH
        while time.monotonic() < until_s:
            endpoint.set("fail")
            time.sleep(half)
            endpoint.set("pass")
            time.sleep(half)
    # What the threshold is for: a wave as slow as it turns the check each time.
    for mode in ("fail", "pass", "fail", "pass"):
        endpoint.set(mode)
        node.await_checks(up="unhealthy" if mode == "fail" else "healthy")
    after = check_of(node, "up")
    seen = {what: after[what] - before[what] for what in ("passes", "failures")}
    turned = transitions(node, "up") - turned
    held = transitions(node, "down") - held
    published = node.status()["generation"] - generation
    assert min(seen.values()) > 10, seen
    assert 4 <= turned <= (seen["passes"] + seen["failures"]) / THRESHOLD
    assert held == 1, "it fell once, and is held down"
    assert published <= turned + held
    report("D5", turned, "transitions",
           f"of {sum(seen.values())} observations with threshold {THRESHOLD}, {published} "
           f"publishes; {held} with hold-down")


def test_D17_what_was_seen_of_settings_that_changed_under_way_counts_for_nothing(make_one):
    hangs, well = make_one.endpoint(mode="hang"), make_one.endpoint(mode="pass")
    other = Check("down", make_one.endpoint(mode="fail"), fall=2)

    def web(endpoint):
        # One result turns it, and a probe of what hangs takes two seconds to become one.
        return Check("up", endpoint, interval_ms=2000, timeout_ms=1900)

    node = make_one.node(ZONES, [web(well), other])
    node.start()
    node.await_checks(up="healthy", down="unhealthy")

    def change(*checks):
        node.checks = checks
        node.write_config()
        node.request(op="reload")

    with Watch(ADDRESSES[0], node.port) as watch:
        watch.mark("changes")
        for number in range(CHANGES):
            taken = hangs.taken
            change(web(hangs), other)
            until(lambda seen=taken: hangs.taken > seen)
            # Deleted every other time: the record then counts as unchecked.
            change(*([web(well)] if number % 2 else []), other)
        change(web(well), other)
        time.sleep(2)  # the last of them would have failed by now
        node.await_checks(up="healthy")
    stale = transitions(node, "up", "unhealthy")
    assert stale == 0, node.log()
    assert check_of(node, "up")["failures"] == 0
    report("D17", stale, "stale applications",
           f"in {CHANGES} changes and deletions of a check while it was probed; "
           f"{watch.total('answered')} answers, none wrong")
