"""Traffic policies on a running node: versions are loaded, applied to a name, switched back and
forth under queries, survive a restart, and show nothing of their rules in DNS.
"""

import json
import os
import threading

import dns.rcode
import pytest
from holdfast_node import Node, needs_programs, until
from traffic_site import (FIRST, ORIGIN, SECOND, WEB, ZONE, alias, document, generation, listed,
                          load, seen, site, start)

pytestmark = needs_programs

@pytest.fixture(name="node")
def fixture_node(make_one):
    return start(make_one)


def test_a_version_is_applied_switched_and_rolled_back(node):
    assert node.ask(WEB).rcode() == dns.rcode.NXDOMAIN
    said = node.call("traffic", "apply", WEB, "web:1", "--ttl", "17")
    assert said.stdout.startswith("done, generation ")
    assert seen(node) == {(f"{FIRST}.1",), (f"{FIRST}.2",)}
    answer, = node.ask(WEB).answer
    assert (answer.ttl, answer.name.to_text()) == (17, f"{WEB}.")
    before = generation(node)
    node.call("traffic", "apply", WEB, "web")  # the newest, and the TTL stays
    assert generation(node) == before + 1
    assert seen(node) == {(f"{SECOND}.1",), (f"{SECOND}.2",)}
    assert node.ask(WEB).answer[0].ttl == 17
    node.call("traffic", "apply", WEB, "web:1")
    assert seen(node) == {(f"{FIRST}.1",), (f"{FIRST}.2",)}
    instance, = listed(node)["instances"]
    assert (instance["name"], instance["version"], instance["state"]) == (f"{WEB}.", 1, "Applied")
    node.call("traffic", "remove", WEB, "A")
    assert node.ask(WEB).rcode() == dns.rcode.NXDOMAIN
    assert listed(node)["instances"] == []


def test_switches_under_queries_never_answer_otherwise(node):
    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    # What may still be answered: a version leaves when the command for another has returned.
    current, lock, wrong, ended = {FIRST}, threading.Lock(), [], threading.Event()
    asked = [0, 0]

    def query(thread):
        while not ended.is_set():
            with lock:
                before = set(current)
            reply = node.ask(WEB)
            with lock:
                permitted = before | current
            values = [item.address for rrset in reply.answer for item in rrset]
            asked[thread] += 1
            if reply.rcode() or len(values) != 1 or \
                    values[0].rpartition(".")[0] not in permitted or values[0].endswith(".9"):
                wrong.append((reply.to_text(), permitted))

    threads = [threading.Thread(target=query, args=(thread,)) for thread in range(2)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(20):
            version, network = (2, SECOND) if turn % 2 == 0 else (1, FIRST)
            with lock:
                current.add(network)
            node.request(op="traffic_apply", owner=WEB, policy=f"web:{version}")
            with lock:
                current.intersection_update({network})
            seen_before = list(asked)
            until(lambda: all(now > before + 2 for now, before in zip(asked, seen_before)))
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not wrong, wrong[:3]


def test_an_endpoint_inside_the_tree_fails_over(node):
    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    node.ends["one"].set("fail")
    node.await_checks(one="unhealthy")
    assert seen(node) == {(f"{FIRST}.2",)}
    node.ends["two"].set("fail")
    node.await_checks(two="unhealthy")
    assert seen(node) == {(f"{FIRST}.9",)}
    said = node.call("explain", WEB, "A").stdout
    instance, = listed(node)["instances"]
    assert f"TrafficPolicyInstanceId {instance['id']}" in said
    assert "-> policy web v1 rule servers" in said
    assert "policy web v1 rule servers A, weighted" in said
    assert "\\000" not in said
    node.ends["two"].set("pass")
    node.await_checks(two="healthy")
    assert seen(node) == {(f"{FIRST}.2",)}


def hidden_name(instance, rule):
    """As control calls the group; nobody is told."""
    return rf"\000policy/{instance}/{rule}.{ORIGIN}."


def test_hidden_groups_are_not_in_dns(node):
    names = node.status()["tables"]["names"]
    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    assert node.status()["tables"]["names"] == names + 1
    instance, = listed(node)["instances"]
    for rule in (1, 2):
        name = hidden_name(instance["id"], rule)
        for asked in (name, "www." + name, "*." + name):
            assert node.ask(asked).rcode() == dns.rcode.NXDOMAIN, asked
        assert json.loads(node.call("explain", name, "A", "--json").stdout)["outcome"] == "nxdomain"
    assert "policy/" not in node.call("tables", "dump").stdout
    # Nor may a record set of a file lead there.
    node.put_zone(ORIGIN, ZONE, [alias(hidden_name(instance["id"], 2))])
    node.write_config()
    refused = node.call("reload", status=1).stderr
    assert "that target was not found" in refused


def test_another_name_may_be_an_alias_of_the_root(node):
    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    node.put_zone(ORIGIN, ZONE, [alias(f"{WEB}.")])
    node.write_config()
    node.call("reload")
    assert seen(node, f"other.{ORIGIN}") == {(f"{FIRST}.1",), (f"{FIRST}.2",)}
    before = generation(node)
    refused = node.call("traffic", "remove", WEB, "A", status=1).stderr
    assert "that target was not found" in refused
    assert generation(node) == before
    node.stop()
    node.start()
    assert seen(node, f"other.{ORIGIN}") == {(f"{FIRST}.1",), (f"{FIRST}.2",)}
    node.call("traffic", "apply", WEB, "web:2")
    assert seen(node, f"other.{ORIGIN}") == {(f"{SECOND}.1",), (f"{SECOND}.2",)}


def test_all_is_there_after_a_restart(node):
    load(node, "web", site(FIRST), comment="back to the first network")
    node.call("traffic", "apply", WEB, "web:3", "--ttl", "5")
    before, was = listed(node), generation(node)
    document_3 = node.call("traffic", "show", "web", "3").stdout
    assert document_3 == (node.folder / "policy.json").read_text()
    assert before["policies"][0]["versions"][2]["comment"] == "back to the first network"
    node.kill("control")  # while others answer; it starts again by itself
    assert node.addresses(WEB) in ([f"{FIRST}.1"], [f"{FIRST}.2"])
    node.stop()
    node.start()
    assert listed(node) == before
    assert node.call("traffic", "show", "web", "3").stdout == document_3
    assert generation(node) == was
    assert seen(node) == {(f"{FIRST}.1",), (f"{FIRST}.2",)}


def test_what_no_longer_fits_is_left_out_and_said(node):
    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    node.call("traffic", "apply", f"two.{ORIGIN}", "web:2", "--ttl", "5")
    node.stop()
    node.put_zone(ORIGIN, ZONE + "web IN A 192.0.2.7\n")
    node.start()
    assert node.addresses(WEB) == ["192.0.2.7"]
    assert seen(node, f"two.{ORIGIN}") == {(f"{SECOND}.1",), (f"{SECOND}.2",)}
    states = {one["name"]: one for one in listed(node)["instances"]}
    assert states[f"two.{ORIGIN}."]["state"] == "Applied"
    assert states[f"{WEB}."]["state"] == "Failed"
    assert "the zone file has this name and type too" in states[f"{WEB}."]["message"]
    warned = [text for text in node.status()["warnings"] if f"{WEB}. A: not served" in text]
    assert len(warned) == 1
    # The zone goes, and comes back.
    dropped = node.call("zone", "drop", ORIGIN)
    assert "is not served here" in dropped.stderr
    assert {one["state"] for one in listed(node)["instances"]} == {"Failed"}
    node.put_zone(ORIGIN, ZONE)
    node.call("zone", "load", ORIGIN, node.folder / f"{ORIGIN}.zone")
    assert {one["state"] for one in listed(node)["instances"]} == {"Applied"}
    assert seen(node) == {(f"{FIRST}.1",), (f"{FIRST}.2",)}


def test_a_zone_below_takes_the_name_until_it_is_applied_again(node):
    name = f"www.sub.{ORIGIN}"
    node.call("traffic", "apply", name, "web:1", "--ttl", "5")
    node.stop()
    node.put_zone(f"sub.{ORIGIN}", ZONE.replace(ORIGIN, f"sub.{ORIGIN}"))
    node.write_config()
    node.start()
    instance, = listed(node)["instances"]
    assert instance["state"] == "Failed"
    assert f"its name lies in zone sub.{ORIGIN}. now" in instance["message"]
    assert node.ask(name).rcode() == dns.rcode.NXDOMAIN
    node.call("reload")  # was so before
    node.call("traffic", "apply", name, "web:1")
    instance, = listed(node)["instances"]
    assert (instance["state"], instance["zone"]) == ("Applied", f"sub.{ORIGIN}.")
    assert seen(node, name) == {(f"{FIRST}.1",), (f"{FIRST}.2",)}
    before = generation(node)
    node.call("reload")
    assert generation(node) == before


def test_a_zone_that_is_loaded_by_command_keeps_its_instances(node):
    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    other = node.folder / "other.zone"
    other.write_text(ZONE.replace("192.0.2.1", "192.0.2.2"))
    node.call("zone", "load", ORIGIN, other)
    assert node.addresses(f"old.{ORIGIN}") == ["192.0.2.2"]
    assert seen(node) == {(f"{FIRST}.1",), (f"{FIRST}.2",)}


def test_bad_requests_change_nothing(node):
    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    ipv6 = document("only", {"only": {"RuleType": "weighted", "Items": [
        {"EndpointReference": "a", "Weight": 1}]}}, {"a": "2001:db8::1"}, "AAAA")
    load(node, "web", ipv6)
    before = generation(node)
    kept = listed(node)
    broken = site(FIRST)
    broken["Rules"]["servers"]["Items"][1]["EndpointReference"] = "c"
    refused = load(node, "web", broken, status=1).stderr
    assert "InvalidTrafficPolicyDocument: " in refused
    assert "rule 'servers' Items 2: EndpointReference is \"c\"" in refused
    assert "InvalidTrafficPolicyDocument" in load(node, "web", "{", status=1).stderr
    for words, status, expected in (
            (("apply", WEB, "none", "--ttl", "5"), 1, "NoSuchTrafficPolicy"),
            (("apply", WEB, "web:7"), 1, "NoSuchTrafficPolicy"),
            (("apply", WEB, "web:3"), 1, "ConflictingTypes"),
            (("apply", f"new.{ORIGIN}", "web:1"), 1, "TTL is missing"),
            (("apply", "www.elsewhere.test", "web:1", "--ttl", "5"), 1, "NoSuchHostedZone"),
            (("apply", f"old.{ORIGIN}", "web:1", "--ttl", "5"), 1,
             "the zone file has this name and type too"),
            (("apply", WEB, "web:1", "--ttl", "-1"), 2, "--ttl"),
            (("remove", WEB, "AAAA"), 1, "NoSuchTrafficPolicyInstance"),
            (("delete", "web", "1"), 2, "TrafficPolicyInUse"),
            (("delete", "web", "9"), 1, "NoSuchTrafficPolicy"),
            (("show", "none"), 1, "NoSuchTrafficPolicy")):
        assert expected in node.call("traffic", *words, status=status).stderr, words
    assert generation(node) == before
    assert listed(node) == kept
    # Another name may have the other type, and a version that nobody uses may go.
    node.call("traffic", "apply", f"six.{ORIGIN}", "web:3", "--ttl", "5")
    node.call("traffic", "delete", "web", "2")
    assert [one["version"] for one in listed(node)["policies"][0]["versions"]] == [1, 3]
    load(node, "web", site(SECOND))
    assert [one["version"] for one in listed(node)["policies"][0]["versions"]] == [1, 3, 4]


def test_plan_keeps_what_is_applied(node):
    def planned(*sets):
        path = node.folder / "planned.json"
        path.write_text(json.dumps({"ResourceRecordSets": sets}))
        told = json.loads(node.call("plan", path, "--zone", ORIGIN, "--json").stdout)
        return [change["name"] for change in told["changes"]], " ".join(told["warnings"])

    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    alias = {"Name": f"www.{ORIGIN}.", "Type": "A", "AliasTarget": {
        "HostedZoneId": Node.zone_id(ORIGIN), "DNSName": f"{WEB}.",
        "EvaluateTargetHealth": False}}
    names, warnings = planned(alias)
    assert names == [f"www.{ORIGIN}."] and "not served" not in warnings


def test_plan_refuses_what_takes_an_applied_name_away_as_a_load_does(node):
    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    sets = {"ResourceRecordSets": [{"Name": f"{WEB}.", "Type": "A", "TTL": 30,
                                    "ResourceRecords": [{"Value": "192.0.2.77"}]}]}
    for file, text, zone in (("owner", ZONE + "web IN A 192.0.2.77\n", ORIGIN),
                             ("cut", ZONE + "web IN NS ns.example.net.\n", ORIGIN),
                             ("child", ZONE.replace(ORIGIN, WEB), WEB),
                             ("sets", json.dumps(sets), ORIGIN)):
        path = node.folder / file
        path.write_text(text)
        told = node.call("plan", path, "--zone", zone, status=1).stderr
        if file == "sets":
            node.put_zone(ORIGIN, ZONE, sets["ResourceRecordSets"])
            node.write_config()
            loaded = node.call("reload", status=1).stderr
            told = told.replace(str(path), str(node.folder / f"{ORIGIN}.json"))
        else:
            loaded = node.call("zone", "load", zone, path, status=1).stderr
        assert told == loaded and "is served and would not be any more" in told, (file, told)


def test_a_name_that_a_delegation_hides_is_failed(node):
    node.put_zone(ORIGIN, ZONE + "sub IN NS ns.example.net.\n")
    node.call("reload")
    said = node.call("traffic", "apply", f"x.sub.{ORIGIN}", "web:1", "--ttl", "5", status=1)
    assert f"its name is hidden by the delegation at sub.{ORIGIN}." in said.stderr
    assert listed(node)["instances"] == []


def test_nobody_may_write_a_hidden_name(node):
    before = generation(node)
    for owner in (r"\000policy/a", r"\000POLICY/a", r"x.\000Policy/a"):
        node.put_zone(ORIGIN, ZONE + f"{owner} IN A 192.0.2.7\n")
        assert node.call("reload", status=1).stderr
    assert generation(node) == before


def test_a_pipe_is_not_waited_for(node):
    pipe = node.folder / "pipe"
    os.mkfifo(pipe)
    for words in (("plan", pipe), ("traffic", "load", "web", pipe), ("zone", "load", ORIGIN, pipe)):
        said = node.call(*words, status=1)
        assert "is no regular file" in said.stderr, said.stderr
    assert listed(node)["policies"]
