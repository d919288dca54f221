"""`holdfast plan` on a running node: which answers a file would change, and that nothing of it is
served or kept."""

import json
import threading
import time

import pytest
from answer_zone import SHORT_ZONE
from holdfast_node import Check, needs_programs

pytestmark = needs_programs

ORIGIN = "plan.test"
ZONE = SHORT_ZONE.replace("short", "plan") + "static 60 IN A 192.0.2.7\n"


def failover(primary, secondary, ttl=60, name=f"www.{ORIGIN}."):
    def one(side, address, **more):
        return {"Name": name, "Type": "A", "SetIdentifier": side, "Failover": side, "TTL": ttl,
                "ResourceRecords": [{"Value": address}], **more}
    return [one("PRIMARY", primary, HealthCheckId="main"), one("SECONDARY", secondary)]


def write(node, name, sets):
    path = node.folder / name
    path.write_text(json.dumps({"ResourceRecordSets": sets}))
    return path


@pytest.fixture(name="node")
def fixture_node(make_one):
    node = make_one.node({ORIGIN: (ZONE, failover("192.0.2.1", "192.0.2.2"))},
                         [Check("main", make_one.endpoint(mode="pass"))]).start()
    node.await_checks(main="healthy")
    return node


def plan(node, path, *words):
    done = node.run("plan", str(path), "--json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_file_that_changes_no_answer_says_so(node):
    path = write(node, "quiet.json", failover("192.0.2.1", "192.0.2.99"))
    done = node.run("plan", str(path))
    assert done.returncode == 0 and "no answer changes" in done.stdout, done.stdout
    # Once the primary has failed, the other record answers.
    node.call("health", "set", "main", "unhealthy")
    told = plan(node, path)
    assert [(one["name"], one["type"]) for one in told["changes"]] == [(f"www.{ORIGIN}.", "A")]
    (clients,) = told["changes"][0]["clients"]
    assert clients["before"]["answers"][0]["records"] == ["192.0.2.2"]
    assert clients["after"]["answers"][0]["records"] == ["192.0.2.99"]


def test_what_would_change_is_told_and_nothing_is_done(node):
    before = node.status()["generation"]
    path = write(node, "new.json", failover("192.0.2.10", "192.0.2.2", ttl=30) + [
        {"Name": f"more.{ORIGIN}.", "Type": "A", "TTL": 60,
         "ResourceRecords": [{"Value": "192.0.2.50"}]}])
    done = node.run("plan", str(path))
    assert done.returncode == 0, done.stderr
    assert f"more.{ORIGIN}. A: NXDOMAIN\n    -> 192.0.2.50 ttl 60\n" in done.stdout
    assert f"www.{ORIGIN}. A: 192.0.2.1 ttl 60\n    -> 192.0.2.10 ttl 30\n" in done.stdout
    assert "2 answers change, 1 names come, 0 go" in done.stdout
    assert node.addresses(f"www.{ORIGIN}") == ["192.0.2.1"]
    assert node.status()["generation"] == before
    node.call("reload")
    assert node.addresses(f"www.{ORIGIN}") == ["192.0.2.1"]


def test_a_zone_file_takes_the_place_of_the_static_records_alone(node):
    path = node.folder / "other.zone"
    changed = ZONE.replace("192.0.2.7", "192.0.2.8")
    path.write_text(changed)  # begins with its $ORIGIN
    told = plan(node, path)
    assert [one["name"] for one in told["changes"]] == [f"static.{ORIGIN}."]
    path.write_text(changed.split("\n", 1)[1])
    assert "name the zone with --zone" in node.run("plan", str(path)).stderr
    assert plan(node, path, "--zone", ORIGIN)["changes"] == told["changes"]


def test_a_bad_file_is_refused_as_a_load_refuses_it(node):
    path = node.folder / "bad.zone"
    path.write_text(ZONE + "www 60 IN CNAME elsewhere.example.net.\n")
    planned = node.run("plan", str(path), "--zone", ORIGIN)
    loaded = node.run("zone", "load", ORIGIN, str(path))
    assert planned.returncode == loaded.returncode == 1
    assert planned.stderr == loaded.stderr and "CNAME" in planned.stderr
    wrong = write(node, "wrong.json", failover("192.0.2.300", "192.0.2.2"))
    assert f"{wrong}:1:" in node.run("plan", str(wrong)).stderr
    away = write(node, "away.json", failover("192.0.2.3", "192.0.2.2", name="a.elsewhere."))
    assert "no zone served here holds all its names" in node.run("plan", str(away)).stderr


def test_a_dropped_zone_is_planned_as_its_load_would_bring_it_back(node):
    node.call("zone", "drop", ORIGIN)
    path = node.folder / f"{ORIGIN}.zone"
    told = {(one["name"], one["type"]): one["clients"][0] for one in plan(node, path)["changes"]}
    back = told[(f"www.{ORIGIN}.", "A")]
    assert back["before"]["outcome"] == "not served"
    assert back["after"]["answers"][0]["records"] == ["192.0.2.1"]
    # Other record sets wait with it.
    sets = write(node, "new.json", failover("192.0.2.10", "192.0.2.2"))
    quiet = plan(node, sets, "--zone", ORIGIN)
    assert not quiet["changes"] and "`zone drop` took it away" in quiet["warnings"][0]
    node.put_zone(ORIGIN, ZONE, failover("192.0.2.1", "192.0.2.2", name=f"static.{ORIGIN}."))
    planned = node.call("plan", path, status=1).stderr
    assert "the zone file has this name and type too" in planned
    assert planned == node.call("zone", "load", ORIGIN, path, status=1).stderr


def test_files_that_were_edited_and_not_loaded_are_part_of_the_load(node):
    node.put_zone(ORIGIN, ZONE, failover("192.0.2.88", "192.0.2.2"))
    for path in (node.folder / f"{ORIGIN}.zone", node.folder / "other.zone"):
        path.write_text(ZONE)
        (change,) = plan(node, path, "--zone", ORIGIN)["changes"]
        assert change["name"] == f"www.{ORIGIN}."
        assert change["clients"][0]["after"]["answers"][0]["records"] == ["192.0.2.88"]
    node.call("zone", "load", ORIGIN, path)
    assert node.addresses(f"www.{ORIGIN}") == ["192.0.2.88"]
    assert not plan(node, path, "--zone", ORIGIN)["changes"]


def test_other_zones_that_the_load_would_change_are_named(make_one):
    node = make_one.node({ORIGIN: (ZONE, ()), "beside.test": (ZONE.replace(ORIGIN, "beside.test"),
                                                              ())}).start()
    path = node.folder / f"{ORIGIN}.zone"
    assert not plan(node, path)["warnings"]
    node.put_zone("beside.test", ZONE.replace(ORIGIN, "beside.test").replace("2.7", "2.8"))
    told = plan(node, path)
    assert not told["changes"] and len(told["warnings"]) == 1
    assert "zone beside.test.: its files have changed" in told["warnings"][0]
    node.call("zone", "load", ORIGIN, path)
    assert node.addresses("static.beside.test") == ["192.0.2.8"]
    assert not plan(node, path)["warnings"]


def test_record_sets_of_a_zone_that_no_file_names_are_refused(node):
    path = node.folder / "away.zone"
    path.write_text(ZONE.replace(ORIGIN, "away.test"))
    node.call("zone", "load", "away.test", path)
    sets = write(node, "away.json", failover("192.0.2.1", "192.0.2.2", name="www.away.test."))
    told = node.call("plan", sets, status=1).stderr
    assert "zone away.test. is served by `zone load` alone" in told, told


def test_a_screenful_by_default_and_all_when_asked(node):
    path = node.folder / "many.zone"
    path.write_text(ZONE + "".join(f"n{i} 60 IN A 192.0.2.9\n" for i in range(50)))
    text = node.run("plan", str(path), "--zone", ORIGIN).stdout
    assert text.count("NXDOMAIN") == 20 and "... and 30 more; --all shows them" in text
    text = node.run("plan", str(path), "--zone", ORIGIN, "--all").stdout
    assert text.count("NXDOMAIN") == 50 and "more;" not in text


def plan_of_many(node, names):
    """A request for a plan that takes seconds."""
    path = write(node, "long.json", [
        {"Name": f"n{i}.{ORIGIN}.", "Type": "A", "SetIdentifier": side, "Weight": 1, "TTL": 60,
         "ResourceRecords": [{"Value": f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"}]}
        for i in range(names) for side in ("a", "b")])
    return {"op": "plan", "file": str(path), "zone": ORIGIN, "all": "yes"}


def test_a_long_plan_holds_up_neither_a_load_nor_an_explanation(node):
    request = plan_of_many(node, 40_000)
    replies = []
    asker = threading.Thread(target=lambda: replies.append(node.request(**request)))
    asker.start()
    try:
        for _ in range(2):
            node.call("reload")
            assert node.request(op="explain", name=f"www.{ORIGIN}", type="A")["answers"]
        assert not replies, "the plan was over first: make it longer"
    finally:
        asker.join(timeout=120)
    assert replies[0]["names_that_come"] == 40_000


def test_plans_wait_for_each_other_and_the_end_waits_for_none(node):
    request = plan_of_many(node, 15_000)
    outcomes = []

    def ask():
        try:
            node.request(**request)
            outcomes.append("replied")
        except (json.JSONDecodeError, ConnectionError):  # control ended first
            outcomes.append("ended")

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        assert node.request(op="ping") == {}
        begin = time.monotonic()
        node.stop()
        took = time.monotonic() - begin
        assert took < 5, f"three plans, and {took} s to end"
        assert "did not end within" not in node.log(), node.log()  # control was not killed
    finally:
        for asker in askers:
            asker.join(timeout=120)
    assert outcomes.count("ended") >= 2, outcomes
