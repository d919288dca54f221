"""Traffic policies that are applied: to change one reads no file and touches nothing else, and what
is served is not lost to a reload. What lies on disk may be edited, broken or damaged meanwhile.
"""

import json
import sqlite3
import threading
from contextlib import closing

import dns.rcode
import pytest
from holdfast_node import needs_programs
from traffic_site import (FIRST, ORIGIN, SECOND, WEB, ZONE, alias, document, generation, listed,
                          load, seen, site, start)

pytestmark = needs_programs

OTHER = f"other.{ORIGIN}"
SERVED = {network: {(f"{network}.1",), (f"{network}.2",)} for network in (FIRST, SECOND)}


@pytest.fixture(name="node")
def fixture_node(make_one):
    return start(make_one)


def zones(node):
    """As status has them, but for what a change of one name changes."""
    return [{key: value for key, value in zone.items() if key != "names"}
            for zone in node.status()["zones"]]


def states(node):
    return {one["name"]: one["state"] for one in listed(node)["instances"]}


def reload_changes_nothing(node):
    before = generation(node)
    node.call("reload")
    assert generation(node) == before


def refused(node, *words):
    """@return what it says; nothing changed."""
    before = (generation(node), listed(node), node.status()["warnings"], zones(node))
    done = node.call(*words, status=1)
    assert (generation(node), listed(node), node.status()["warnings"], zones(node)) == before
    return done.stderr


def damage(node, statement, *values):
    """A row of the store, behind the back of control."""
    with closing(sqlite3.connect(node.folder / "state" / "holdfast.db")) as store, store:
        assert store.execute(statement, values).rowcount == 1


def test_an_edited_file_waits_for_a_reload(node):
    before = zones(node)
    node.put_zone(ORIGIN, ZONE.replace("192.0.2.1", "192.0.2.2") + "new IN A 192.0.2.3\n")
    for words, expected in ((("apply", WEB, "web:1", "--ttl", "5"), SERVED[FIRST]),
                            (("apply", WEB, "web:2"), SERVED[SECOND]),
                            (("remove", WEB, "A"), {()})):
        node.call("traffic", *words)
        assert seen(node) == expected
        assert node.addresses(f"old.{ORIGIN}") == ["192.0.2.1"]
        assert node.ask(f"new.{ORIGIN}").rcode() == dns.rcode.NXDOMAIN
        assert zones(node) == before
    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    node.call("reload")
    assert node.addresses(f"old.{ORIGIN}") == ["192.0.2.2"]
    assert node.addresses(f"new.{ORIGIN}") == ["192.0.2.3"]
    assert seen(node) == SERVED[FIRST]


def test_a_broken_file_does_not_hinder_a_roll_back(node):
    node.call("traffic", "apply", WEB, "web:2", "--ttl", "5")
    node.put_zone(ORIGIN, "this is no zone\n")
    node.config.write_text("nor this a node\n")
    node.request(op="traffic_apply", owner=WEB, policy="web:1")
    assert seen(node) == SERVED[FIRST]
    node.request(op="traffic_remove", owner=WEB, type="A")
    assert node.ask(WEB).rcode() == dns.rcode.NXDOMAIN
    node.request(op="traffic_apply", owner=WEB, policy="web:2", ttl="5")
    node.write_config()
    assert f"{ORIGIN}.zone:1" in refused(node, "reload")
    assert seen(node) == SERVED[SECOND]


def test_a_reload_after_it_finds_nothing_changed(node):
    for name, version in ((WEB, 1), (OTHER, 2), (f"a.{ORIGIN}", 1), (f"b.{ORIGIN}", 2)):
        node.call("traffic", "apply", name, f"web:{version}", "--ttl", "5")
        reload_changes_nothing(node)
    for words in (("apply", OTHER, "web:1"), ("remove", f"a.{ORIGIN}", "A"), ("remove", WEB, "A")):
        node.call("traffic", *words)
        reload_changes_nothing(node)
    before = generation(node)
    node.stop()
    node.start()
    assert generation(node) == before
    assert states(node) == {f"{OTHER}.": "Applied", f"b.{ORIGIN}.": "Applied"}
    assert zones(node)[0]["model"] == "stored"  # whatever came and went, no text was parsed again


def test_reloads_meanwhile_take_nothing_back(node):
    ended, refusals = threading.Event(), []

    def reload():
        while not ended.is_set():
            try:
                node.request(op="reload")
            except AssertionError as refusal:
                refusals.append(refusal)

    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    thread = threading.Thread(target=reload)
    thread.start()
    try:
        for turn in range(20):
            version, network = (2, SECOND) if turn % 2 == 0 else (1, FIRST)
            node.request(op="traffic_apply", owner=WEB, policy=f"web:{version}")
            assert seen(node, count=10) <= SERVED[network], turn
    finally:
        ended.set()
        thread.join()
    assert not refusals, refusals[:3]
    reload_changes_nothing(node)


def test_warnings_of_what_is_changed_are_replaced(node):
    text = ZONE.replace(" 1 7200 ", " 2 7200 ")  # an old serial would be a warning, too
    node.put_zone(ORIGIN, text + "*.wild IN NS ns.example.net.\n")
    node.call("reload")
    before = node.status()["warnings"]
    assert len(before) == 2 and all("wild" in text for text in before), before
    for ttl, warned in ((300, 2), (30, 0), (400, 2)):
        node.call("traffic", "apply", WEB, "web:1", "--ttl", str(ttl))
        now = node.status()["warnings"]
        lint = [text for text in now if f"TTL is {ttl} with a health check" in text]
        assert (len(now), len(lint)) == (len(before) + warned, warned), now
        node.call("reload")
        assert sorted(node.status()["warnings"]) == sorted(now)
    node.call("traffic", "remove", WEB, "A")
    assert sorted(node.status()["warnings"]) == sorted(before)


def test_what_stands_there_goes_first(node):
    load(node, "name", document("r", {"r": {"RuleType": "weighted", "Items": [
        {"EndpointReference": "e", "Weight": 1}]}}, {"e": "www.example.net."}, "CNAME"))
    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    said = refused(node, "traffic", "apply", WEB, "name", "--ttl", "5")
    assert "a conflicting RRSet of type CNAME with the same DNS name already exists" in said
    assert seen(node) == SERVED[FIRST]


def test_a_reload_that_would_take_an_applied_name_away_is_refused(node):
    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    node.call("traffic", "apply", f"www.sub.{ORIGIN}", "web:2", "--ttl", "5")
    lost = f"traffic policy instance {WEB}. A is served and would not be any more: "
    below = lost.replace(WEB, f"www.sub.{ORIGIN}")
    file = f"{node.folder}/{ORIGIN}.zone"

    node.put_zone(ORIGIN, ZONE + "web IN A 192.0.2.7\n")
    said = refused(node, "reload")
    assert lost in said and f"the zone file has this name and type too ({file}:6)" in said
    assert "`holdfast traffic remove` it first" in said
    assert node.status()["last_reload"]["ok"] is False

    other = node.folder / "delegation.zone"
    other.write_text(ZONE + "sub IN NS ns.example.net.\n")
    said = refused(node, "zone", "load", ORIGIN, other)
    assert f"{below}its name is hidden by the delegation at sub.{ORIGIN}. ({other}:6)" in said

    node.put_zone(ORIGIN, ZONE)
    child = node.folder / "child.zone"
    child.write_text(ZONE.replace(ORIGIN, f"sub.{ORIGIN}"))
    said = refused(node, "zone", "load", f"sub.{ORIGIN}", child)
    assert f"{below}its name lies in zone sub.{ORIGIN}. now ({child})" in said

    whole = node.config.read_text()
    table = whole.index("[[zone]]")
    node.config.write_text(whole[:table] + whole[whole.index("[health]"):])
    said = refused(node, "reload")
    assert f"zone {ORIGIN}. is not served here: {node.config} does not name it" in said
    assert lost in said and below in said
    node.config.write_text(whole)

    assert seen(node) == SERVED[FIRST]
    assert seen(node, f"www.sub.{ORIGIN}") == SERVED[SECOND]
    reload_changes_nothing(node)
    # Given up on purpose, the file has its way.
    node.put_zone(ORIGIN, ZONE + "web IN A 192.0.2.7\n")
    node.call("traffic", "remove", WEB, "A")
    node.call("reload")
    assert node.addresses(WEB) == ["192.0.2.7"]


def test_a_reload_says_why_an_alias_leads_nowhere(node):
    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    node.put_zone(ORIGIN, ZONE, [alias(f"{WEB}.")])
    node.write_config()
    node.call("reload")
    node.put_zone(ORIGIN, ZONE + "web IN CNAME www.example.net.\n", [alias(f"{WEB}.")])
    said = refused(node, "reload")
    assert "that target was not found" in said
    assert f"traffic policy instance {WEB}. A does not fit: " in said
    assert seen(node, OTHER) == SERVED[FIRST]


def test_a_drop_of_its_zone_leaves_an_instance_out(node):
    child = node.folder / "child.zone"
    child.write_text(ZONE.replace(ORIGIN, f"sub.{ORIGIN}"))
    node.call("zone", "load", f"sub.{ORIGIN}", child)
    name = f"www.sub.{ORIGIN}"
    node.call("traffic", "apply", name, "web:1", "--ttl", "5")
    node.call("traffic", "apply", WEB, "web:2", "--ttl", "5")
    said = node.call("zone", "drop", f"sub.{ORIGIN}").stderr
    assert f"{name}. A: not served: zone sub.{ORIGIN}. is not served here: `zone drop` took" in said
    assert states(node) == {f"{name}.": "Failed", f"{WEB}.": "Applied"}
    assert seen(node) == SERVED[SECOND]
    reload_changes_nothing(node)
    # It stays so while another is changed, until it is itself: the zone above has the name now.
    node.call("traffic", "apply", WEB, "web:1")
    assert states(node)[f"{name}."] == "Failed"
    node.call("traffic", "apply", name, "web:1")
    assert states(node)[f"{name}."] == "Applied"
    assert seen(node, name) == SERVED[FIRST]
    reload_changes_nothing(node)
    node.call("traffic", "remove", name, "A")
    assert node.ask(name).rcode() == dns.rcode.NXDOMAIN


def test_of_two_that_do_not_fit_together_the_served_one_stays(node):
    load(node, "name", document("r", {"r": {"RuleType": "weighted", "Items": [
        {"EndpointReference": "e", "Weight": 1}]}}, {"e": "www.example.net."}, "CNAME"))
    # Ids are random; whichever comes first in the store, what failed does not come back over it.
    for turn in range(3):
        name = f"n{turn}.{ORIGIN}"
        node.call("traffic", "apply", name, "name", "--ttl", "5")
        node.stop()
        node.put_zone(ORIGIN, ZONE + f"n{turn} IN MX 1 mx.example.net.\n")
        node.start()
        assert states(node)[f"{name}."] == "Failed"
        node.call("traffic", "apply", name, "web:1", "--ttl", "5")
        node.put_zone(ORIGIN, ZONE)
        node.call("reload")
        assert seen(node, name) == SERVED[FIRST]
        node.call("traffic", "remove", name, "CNAME")
        node.call("traffic", "remove", name, "A")


def test_a_start_leaves_out_what_is_damaged_in_the_store(node):
    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    node.call("traffic", "apply", OTHER, "web:2", "--ttl", "5")
    damaged, = (one["id"] for one in listed(node)["instances"] if one["name"] == f"{WEB}.")
    whole = b"\3web\2tp\4test\0"
    set_to = "UPDATE traffic_policy_instance SET {} = ? WHERE id = ?"
    by_id = f"remove it by its id {damaged} and apply it again"
    for column, value, kept, words in (
            ("name", b"\3web\2tp\4te", whole, by_id),
            ("name", b"\3WEB\2tp\4test\0", whole, by_id),
            ("name", b"\3web\4test\0", whole, by_id),
            ("name", b"\x3f\x1b[2J", whole, by_id),
            ("origin", b"", whole[4:], by_id),
            ("ttl", -1, 5, "its TTL is damaged in the store; apply it again with --ttl"),
            ("ttl", 2 ** 32 + 5, 5, "its TTL is damaged in the store; apply it again with --ttl"),
            ("type", 28, 1, "policy web v1 is of type A; expected AAAA"),
            ("type", 2 ** 16 + 1, 1, "policy web v1 is of type A; expected TYPE65535"),
            ("version", 77, 1, "no version 77 of traffic policy"),
            ("policy_id", "nobody", listed(node)["policies"][0]["id"], "traffic policy nobody")):
        node.stop()
        damage(node, set_to.format(column), value, damaged)
        node.start()
        assert node.ask(WEB).rcode() == dns.rcode.NXDOMAIN, column
        assert seen(node, OTHER) == SERVED[SECOND], column
        warned, = node.status()["warnings"]
        assert ": not served: " in warned and words in warned, warned
        one, = (one for one in listed(node)["instances"] if one["id"] == damaged)
        assert one["state"] == "Failed" and words in one["message"], one
        assert "\x1b" not in node.call("traffic", "list").stdout
        node.stop()
        damage(node, set_to.format(column), kept, damaged)
    node.start()
    assert seen(node) == SERVED[FIRST]
    node.stop()
    damage(node, set_to.format("name"), b"\3web\2tp\4te", damaged)
    node.start()
    # While it is there nobody can name it but by its id.
    node.call("traffic", "remove", WEB, "A", status=1)
    node.call("traffic", "remove", damaged, "A")
    assert node.status()["warnings"] == []
    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    assert seen(node) == SERVED[FIRST]


def test_damage_behind_a_running_control_is_no_reason_to_stop_serving(node):
    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    damage(node, "UPDATE traffic_policy_instance SET ttl = -1 WHERE ttl = ?", 5)
    assert "its TTL is damaged in the store" in refused(node, "reload")
    assert "its TTL is damaged in the store" in refused(node, "traffic", "apply", WEB, "web:2")
    assert seen(node) == SERVED[FIRST]
    node.call("traffic", "apply", WEB, "web:2", "--ttl", "5")
    reload_changes_nothing(node)
    assert seen(node) == SERVED[SECOND]


def test_a_version_is_written_one_way(node):
    for reference in ("web:", "web:01", "web:+1", "web:1 ", "web:0x1", "web:-1"):
        said = refused(node, "traffic", "apply", WEB, reference, "--ttl", "5")
        version = reference.removeprefix("web:")
        assert f"InvalidInput: Version is '{version}'; expected 1..1000" in said, said
    assert "Version is '01'" in refused(node, "traffic", "show", "web", "01")
    assert "Version is '01'" in node.call("traffic", "delete", "web", "01", status=1).stderr
    # A policy may be called so.
    load(node, "web:", site(FIRST))
    load(node, "web:x", site(SECOND))
    for reference, network in (("web:", FIRST), ("web:x", SECOND), ("web:x:1", SECOND)):
        node.call("traffic", "apply", WEB, reference, "--ttl", "5")
        assert seen(node) == SERVED[network], reference


def test_no_policy_is_called_as_a_version_of_another(node):
    for name in ("web:1", "web:01", "new:7", ":2"):
        said = load(node, name, site(FIRST), status=1).stderr
        assert f"InvalidInput: Name is '{name}'" in said, said
        assert "expected a name that does not end in ':' and digits" in said, said
    # One that an older release took has its id; the reference means the version.
    load(node, "was", site(SECOND))
    kept, = (one["id"] for one in listed(node)["policies"] if one["name"] == "was")
    damage(node, "UPDATE traffic_policy SET name = 'web:1' WHERE name = 'was'")
    node.call("traffic", "apply", WEB, "web:1", "--ttl", "5")
    assert seen(node) == SERVED[FIRST]
    for reference in (kept, f"{kept}:1"):
        node.call("traffic", "apply", WEB, "web:1")
        node.call("traffic", "apply", WEB, reference)
        assert seen(node) == SERVED[SECOND]


def test_no_control_character_reaches_the_terminal(node):
    evil = "x\x1b[2J\x00\x07\n\x9b31m"
    shown = "x\\x1b[2J\\x00\\x07\\x0a\\xc2\\x9b31m"

    def safe(text):
        assert not any(ord(c) < 0x20 and c != "\n" or 0x7f <= ord(c) < 0xa0 for c in text), text
        return text

    what = document(evil, {
        evil: {"RuleType": "weighted", "Items": [{"RuleReference": evil + "2", "Weight": 1}]},
        evil + "2": {"RuleType": "weighted", "Items": [{"EndpointReference": evil, "Weight": 1}]},
        evil + "3": {"RuleType": "weighted", "Items": [{"EndpointReference": evil, "Weight": 1}]}},
        {evil: f"{FIRST}.1"})
    assert f"rule '{shown}3': no way leads there" in safe(load(node, "evil", what).stderr)
    node.call("traffic", "apply", WEB, "evil", "--ttl", "5")
    assert f"policy evil v1 rule {shown}2" in safe(node.call("explain", WEB, "A").stdout)
    told = json.loads(node.call("explain", WEB, "A", "--json").stdout)
    assert told["tree"]["members"][0]["target"]["name"] == f"policy evil v1 rule {shown}2"
    what["Rules"][evil + "2"]["Items"][0] = {evil: evil}
    said = safe(load(node, "evil", what, status=1).stderr)
    assert f"rule '{shown}2' Items 1: {shown} is not known" in said
    for name in ("a\x1b[2Jb", "a\x7fb", "a\x9bb", "a\nb"):
        assert "Name holds control characters" in safe(load(node, name, what, status=1).stderr)
        safe(node.call("traffic", "apply", WEB, name, status=1).stderr)
        safe(node.call("traffic", "show", name, status=1).stderr)
    safe(load(node, "web", site(FIRST), comment=evil.replace("\x00", "")).stdout)
    safe(node.call("traffic", "list").stdout)
    safe(node.log())


def test_a_nul_octet_ends_no_document(node):
    text = json.dumps(site(FIRST))
    for written in (text + "\0", text + "\n\0{", "\0" + text, text.replace("{", "{\0", 1)):
        assert ": holds a NUL octet" in load(node, "nul", written, status=1).stderr
    assert [policy["name"] for policy in listed(node)["policies"]] == ["web"]


def test_limits_count_characters(node):
    load(node, "\u00e9" * 512, site(FIRST), comment="\u00e9" * 1024)
    said = load(node, "\u00e9" * 513, site(FIRST), status=1).stderr
    assert "Name has 513 characters; expected 1..512" in said
    said = load(node, "web", site(FIRST), status=1, comment="\u00e9" * 1025).stderr
    assert "Comment has 1025 characters; expected at most 1024" in said
    what = site(FIRST)
    what["Rules"]["servers"]["Items"][0]["HealthCheck"] = "\u00e9" * 65
    said = load(node, "web", what, status=1).stderr
    assert "HealthCheck has 65 characters; expected 1..64" in said
