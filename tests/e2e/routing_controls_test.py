"""Routing controls move answers by hand, within safety rules, and leave a trail."""

import json
import signal

from holdfast_node import needs_programs, until

pytestmark = needs_programs

ORIGIN = "rc.test"
ZONE = ("$ORIGIN rc.test.\n$TTL 60\n@ SOA ns1 host 1 7200 900 1209600 60\n@ NS ns1\n"
        "ns1 A 192.0.2.53\n")
TABLES = """[health]
checks = "checks.json"
[routing_control."cell/a"]
initial = "On"
[routing_control."cell/b"]
[[safety_rule]]
name = "one-cell"
kind = "at_least"
controls = ["cell/a", "cell/b"]
on = 1
"""


def cell(name, place):
    return {"Name": f"www.{ORIGIN}.", "Type": "A", "SetIdentifier": name, "Failover": place,
            "TTL": 5, "HealthCheckId": name,
            "ResourceRecords": [{"Value": "192.0.2.1" if place == "PRIMARY" else "192.0.2.2"}]}


def start(make_one):
    node = make_one.node({ORIGIN: (ZONE, [cell("a", "PRIMARY"), cell("b", "SECONDARY")])})
    (node.folder / "checks.json").write_text(json.dumps({"HealthChecks": [
        {"Id": name, "CallerReference": name, "HealthCheckVersion": 1, "HealthCheckConfig": {
            "Type": "RECOVERY_CONTROL", "RoutingControlArn": f"cell/{name}"}}
        for name in ("a", "b")]}), encoding="utf-8")
    node.tail = TABLES
    node.write_config()
    node.start()
    return node


def states(node):
    listed = json.loads(node.call("routing", "list", "--json").stdout)
    return {one["name"]: one["state"] for one in listed["controls"]}


def test_a_switch_moves_the_answer_and_survives(make_one):
    node = start(make_one)
    assert states(node) == {"cell/a": "On", "cell/b": "Off"}
    assert node.addresses(f"www.{ORIGIN}") == ["192.0.2.1"]
    refused = node.call("routing", "set", "--off", "cell/a", status=2).stderr
    assert "rule 'one-cell': at least 1 of its 2 controls must be On, 0 are" in refused
    assert node.addresses(f"www.{ORIGIN}") == ["192.0.2.1"]
    done = node.call("routing", "set", "--off", "cell/a", "--on", "cell/b", "--reason", "drill")
    assert "done, generation" in done.stdout
    assert node.addresses(f"www.{ORIGIN}") == ["192.0.2.2"], "once the command is back"
    before = node.pid("control")
    node.kill("control", signal.SIGKILL)
    until(lambda: node.pid("control") not in (None, 0, before) and
          node.run("routing", "list").returncode == 0)
    assert states(node) == {"cell/a": "Off", "cell/b": "On"}
    assert node.addresses(f"www.{ORIGIN}") == ["192.0.2.2"]
    node.call("routing", "set", "--off", "cell/b", "--override", "one-cell")
    assert node.addresses(f"www.{ORIGIN}") == ["192.0.2.1"], "the last resort: the primary"
    log = json.loads(node.call("routing", "log", "--json").stdout)["log"]
    assert [(one["changes"], one["override"], bool(one["refused"])) for one in log] == [
        ("cell/b Off", "one-cell", False), ("cell/b On, cell/a Off", "", False),
        ("cell/a Off", "", True)]
    assert log[1]["reason"] == "drill" and log[1]["who"].startswith("uid ")
    assert "drill" in node.call("routing", "log").stdout
    assert "one-cell" in node.call("routing", "list").stdout


def test_wrong_orders_and_files_are_refused_by_name(make_one):
    node = start(make_one)
    assert "routing control 'x' does not exist" in node.call(
        "routing", "set", "--on", "x", status=1).stderr
    assert "safety rule 'x' does not exist" in node.call(
        "routing", "set", "--on", "cell/b", "--override", "x", status=1).stderr
    assert "no routing control is named" in node.call("routing", "set", status=1).stderr
    node.tail = TABLES.replace('[routing_control."cell/b"]\n', "").replace(', "cell/b"', "")
    node.write_config()
    assert ("health check 'b': RoutingControlArn is \"cell/b\", which no "
            "[routing_control.\"NAME\"] of the node's file is") in node.call(
                "reload", status=1).stderr
    assert states(node) == {"cell/a": "On", "cell/b": "Off"}
