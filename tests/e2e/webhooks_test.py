"""Webhooks of a running node: told in order and signed, through targets that hang and fail; and
fault D18, that none of it holds a publish back.
"""

import statistics

from answer_zone import SHORT_ZONE
from holdfast_node import Check, needs_programs, until
from monitoring import Target
from watch import report

pytestmark = needs_programs

ORIGIN = "h.test"
ZONE = SHORT_ZONE.replace("short", "h")
SECRET = "secret-of-the-test"
FLIPS = 150
QUOTED = '"transition"'


def made(make_one, *targets, checks=("web",), events=""):
    records = [{"Name": f"{name}.{ORIGIN}", "Type": "A", "TTL": 5, "SetIdentifier": role.lower(),
                "Failover": role, "ResourceRecords": [{"Value": value}], "HealthCheckId": name}
               for name in checks
               for role, value in (("PRIMARY", "192.0.2.1"), ("SECONDARY", "192.0.2.2"))]
    node = make_one.node(
        {ORIGIN: (ZONE, records)}, [Check(name, make_one.endpoint()) for name in checks],
        tail="".join(f'[[webhook]]\nurl = "{one.url}"\nsecret_file = "secret"\n'
                     f'events = [{events or QUOTED}]\n' for one in targets))
    secret = node.folder / "secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    node.start()
    node.await_checks(**{name: "healthy" for name in checks})
    return node


def flip(node, to):
    node.request(op="health_set", check="web", to=to)


def webhook(node, place=0):
    return node.status()["webhooks"][place]


def test_every_change_is_told_in_order_through_a_target_that_hangs_and_fails(make_one):
    target = Target(SECRET)
    try:
        node = made(make_one, target)
        assert target.taken == []  # the first verdict found it as it was thought to be
        flip(node, "unhealthy")
        until(lambda: len(target.taken) == 1)
        target.mode = "hang"
        flip(node, "healthy")
        until(lambda: target.asked == 2)
        target.mode = "fail"
        flip(node, "unhealthy")
        until(lambda: webhook(node)["failed_attempts"] >= 3, seconds=60)
        assert webhook(node)["problem"] == "HTTP status 500"
        assert "HTTP status 500" in node.call("status").stdout
        assert webhook(node)["waiting"] == 2
        target.mode = "take"
        until(lambda: len(target.taken) == 3, seconds=60)
        flip(node, "healthy")
        until(lambda: len(target.taken) == 4)
        assert [one["sequence"] for one in target.taken] == [1, 2, 3, 4]
        assert [one["new_status"] for one in target.taken] == ["unhealthy", "healthy"] * 2
        assert [one["old_status"] for one in target.taken] == ["healthy", "unhealthy"] * 2
        first = target.taken[0]
        assert (first["event"], first["node"], first["id"], first["type"], first["name"]) == (
            "transition", "e2e", "web", "HTTP", None)
        assert first["reason"].startswith("set by command; Success: HTTP Status Code 200")
        seen, = first["views"]
        assert (seen["checker"], seen["side"]) == ("local", "healthy") and seen["age_ms"] < 60_000
        assert seen["reason"].startswith("Success: HTTP Status Code 200")
        assert target.forged == [] and webhook(node)["dropped"] == 0
        until(lambda: webhook(node)["waiting"] == 0)
        assert SECRET not in node.log() and target.url not in node.log()
    finally:
        target.close()


def test_an_override_that_ends_by_itself_is_told_like_any_change(make_one):
    target = Target(SECRET)
    try:
        node = made(make_one, target)
        node.request(op="health_set", check="web", to="unhealthy", **{"for": "2"})
        until(lambda: len(target.taken) == 2)
        assert [one["new_status"] for one in target.taken] == ["unhealthy", "healthy"]
        began, ended = (one["reason"] for one in target.taken)
        assert began.startswith("set by command until 20") and "Z; Success: HTTP" in began
        assert ended.startswith("override ended; Success: HTTP Status Code 200")
    finally:
        target.close()


def test_a_reload_brings_and_takes_targets(make_one):
    first, second = Target(SECRET), Target(SECRET)
    try:
        node = made(make_one, first)
        node.config.write_text(node.config.read_text().replace(first.url, second.url))
        node.call("reload")
        flip(node, "unhealthy")
        until(lambda: len(second.taken) == 1)
        assert first.taken == [] and second.taken[0]["sequence"] == 1
        (node.folder / "secret").chmod(0o644)
        assert "everybody may read this secret" in node.call("reload", status=1).stderr
        flip(node, "healthy")
        until(lambda: len(second.taken) == 2)
    finally:
        first.close()
        second.close()


def test_a_rule_that_falls_to_its_last_resort_is_told(make_one):
    target = Target(SECRET)
    try:
        node = made(make_one, target, events='"last_resort"')
        flip(node, "unhealthy")  # primary and secondary hang on it
        until(lambda: len(target.taken) == 1)
        fired = target.taken[0]
        assert (fired["event"], fired["id"], fired["type"]) == (
            "last_resort", f"web.{ORIGIN}. A", "A")
        assert (fired["old_status"], fired["new_status"]) == ("normal", "last_resort")
        assert "nothing that could be answered is healthy" in fired["reason"]
        node.call("reload")  # nothing changes by it
        flip(node, "auto")
        until(lambda: len(target.taken) == 2)
        assert target.taken[1]["new_status"] == "normal"
        assert [one["sequence"] for one in target.taken] == [1, 2]
    finally:
        target.close()


def publish_us(node, rounds):
    """Median of what the transitions of so many flips took from the queue to the answers."""
    took = []
    for number in range(rounds):
        flip(node, "unhealthy" if number % 2 == 0 else "healthy")
        took.append(node.status()["transitions"]["enqueued_to_published_us"]["last"])
    return statistics.median(took)


def test_d18_a_target_that_hangs_or_fails_does_not_slow_a_publish(make_one):
    hangs, fails = Target(SECRET), Target(SECRET)
    try:
        node = made(make_one, hangs, fails)
        without = publish_us(node, FLIPS)
        hangs.mode, fails.mode = "hang", "fail"
        with_them = publish_us(node, FLIPS)
        assert with_them < 2 * without + 100, (without, with_them)
        # And more events than a queue holds: the oldest go, and that is counted.
        publish_us(node, 1100)
        until(lambda: webhook(node, 0)["dropped"] > 0 and webhook(node, 1)["dropped"] > 0)
        assert webhook(node, 0)["waiting"] == webhook(node, 1)["waiting"] == 1024
        assert publish_us(node, FLIPS) < 2 * without + 100
        assert node.addresses(f"web.{ORIGIN}") == ["192.0.2.1"]
        report("D18", f"{with_them:.1f}", "us to publish (median)",
               f"{without:.1f} with targets that answer; "
               f"{webhook(node, 0)['dropped']} events dropped at 1024 waiting")
    finally:
        hangs.close()
        fails.close()
