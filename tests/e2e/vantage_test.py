"""Several vantage points: three checkers in three namespaces, control in a fourth, endpoints in a
fifth. Whatever is cut off, what was decided stays, and a failure that all can see is still seen.
"""

import contextlib
import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from holdfast_node import BINARIES, Check, needs_programs, until
from impairment import Impairment
from monitoring import Target, get
from vantage_site import (CHECKERS, PORT, Certificates, Checker, Inside, SpaceNode, checkers_table,
                          lan)
from watch import report

pytestmark = [needs_programs,
              pytest.mark.skipif(os.geteuid() != 0, reason="needs namespaces"),
              pytest.mark.skipif(not (BINARIES / "holdfast-checker").exists(),
                                 reason="holdfast-checker is not built")]

ORIGIN = "vantage.test"
ZONE = f"""$ORIGIN {ORIGIN}.
$TTL 60
@     IN SOA   ns.example.net. hostmaster.example.net. 1 7200 900 1209600 60
@     IN NS    ns.example.net.
"""
SECRET = "secret-of-the-test"
METRICS = 9153


class Watched(Check):
    """Seen three times a second; a report counts for three seconds."""

    def __init__(self, name, endpoint, more="report_ttl_ms = 3000\n"):
        super().__init__(name, endpoint, interval_ms=300, rise=2, fall=2)
        self.more = more

    def toml(self):
        return super().toml() + self.more


class Site:
    def __init__(self, net, folder, stack):
        self.lan, self.stack = net, stack
        self.good, self.bad = (self.keep(Inside(net, "ep")) for _ in range(2))
        self.bad.set("fail")
        self.target = self.keep(net.inside("control", lambda: Target(SECRET)))
        identities = Certificates(folder / "keys")
        secret = folder / "secret"
        secret.write_text(SECRET + "\n")
        secret.chmod(0o600)
        home, address = folder / "control", net.addresses["control"]
        home.mkdir()
        self.node = self.keep(SpaceNode(
            net, "control", home, {ORIGIN: (ZONE, ())},
            [Watched("web", self.good), Watched("sick", self.bad),
             Watched("strict", self.good, "report_ttl_ms = 3000\nmin_reporters = 2\n")],
            tail=checkers_table(address, identities.issue("ns1", f"IP:{address}"),
                                more="local = false\n") +
            f'[http]\nlisten = ["127.0.0.1:{METRICS}"]\n'
            f'[[webhook]]\nurl = "{self.target.url}"\nsecret_file = "{secret}"\n'
            'events = ["quorum"]\n'))
        self.checkers = {name: self.keep(Checker(
            net, folder, name, identities.issue(name, f"DNS:{name}"),
            [(f"{address}:{PORT}", address)])) for name in CHECKERS}

    def keep(self, made):
        self.stack.callback(made.close)
        return made

    def start(self):
        for one in self.checkers.values():
            one.start()
        self.node.start()
        self.await_all()
        self.await_states()
        return self

    def await_all(self):
        self.node.await_up(*CHECKERS)
        for check in ("web", "sick", "strict"):
            self.node.await_reporting(check, 3)

    def await_states(self, web="healthy"):
        self.node.await_checks(web=web, strict=web, sick="unhealthy")

    def metric(self, name, **labels):
        """The value of one series; None where there is none."""
        page = self.lan.inside("control", lambda: get(f"http://127.0.0.1:{METRICS}/metrics"))[1]
        wanted = "".join(f'(?=[^}}]*{key}="{value}")' for key, value in labels.items())
        found = re.search(rf"^holdfast_{name}{{{wanted}[^}}]*}} (\S+)$", page, re.M)
        return float(found[1]) if found else None

    def fails_and_recovers(self):
        """A failure that all who are there see, and its end: exactly the transitions of both."""
        before = len(self.node.transitions())
        self.good.set("fail")
        self.node.await_checks(web="unhealthy", strict="unhealthy")
        self.good.set("pass")
        self.node.await_checks(web="healthy", strict="healthy")
        # The status is there a moment before its line in the log.
        until(lambda: len(self.node.transitions()) >= before + 4)
        told = self.node.transitions()[before:]
        for check in ("web", "strict"):
            assert [one[1] for one in told if one[0] == check] == [False, True], told

    def quiet(self):
        """All report, and what there was to tell of them before is told."""
        self.await_all()
        until(lambda: all(self.node.tally(one)["quorum"] for one in ("web", "sick", "strict")))
        time.sleep(6)  # it is told every five seconds

    def quorum_events(self, status):
        return [one for one in self.target.taken if one["new_status"] == status]


@pytest.fixture(name="site", scope="module")
def fixture_site():
    with (tempfile.TemporaryDirectory(prefix="holdfast-") as folder,
          lan(("control", *CHECKERS, "ep")) as net, contextlib.ExitStack() as stack):
        os.chmod(folder, 0o755)  # holdfast-sockets is another user
        yield Site(net, Path(folder), stack).start()


def test_what_three_see_becomes_an_answer_and_is_shown(site):
    assert site.node.tally("web") == {
        "assigned": 3, "reporting": 3, "healthy": 3, "quorum": True}
    shown = site.node.call("status").stdout
    assert "checkers in other processes" in shown
    for name in CHECKERS:
        assert re.search(rf"^ *{name} +r-{name} +up ", shown, re.M), shown
        assert site.metric("checker_up", checker=name, region=f"r-{name}") == 1
        assert site.metric("checker_report_age_seconds", checker=name) < 2
        assert site.metric("checker_assigned", checker=name) == 3
        assert site.metric("checker_uplink", checker=name) == 1
    assert site.metric("health_check_quorum", id="web") == 1
    health = site.node.call("health", "show", "web").stdout
    assert len(re.findall(r"^ *[abc] +r-[abc] +healthy .* up for ", health, re.M)) == 3, health
    site.fails_and_recovers()
    assert site.target.taken == []


def test_d8_one_of_three_that_sees_failure_changes_nothing(site):
    until(lambda: site.node.tally("web")["healthy"] == 3, seconds=40)
    before = site.node.transitions()
    site.lan.hide("ep", "a")
    try:
        until(lambda: site.node.tally("web")["healthy"] == 2 and
              site.node.tally("web")["reporting"] == 3, seconds=40)
        view = next(one for one in site.node.request(op="health_show", check="web")["views"]
                    if one["checker"] == "a")
        assert view["side"] == "unhealthy" and "Failure" in view["reason"]
        false = len(site.node.transitions()) - len(before)
        site.fails_and_recovers()
    finally:
        site.lan.show("ep", "a")
    until(lambda: site.node.tally("web")["healthy"] == 3, seconds=40)
    report("D8", false, "false transitions", "one of three checkers cut off from the endpoint")
    assert false == 0


@pytest.mark.parametrize("gone", [("a",), ("b", "c")])
def test_checkers_that_are_cut_off_take_nothing_with_them(site, gone):
    until(lambda: site.node.tally("web")["healthy"] == 3, seconds=40)
    before, rest = site.node.transitions(), [one for one in CHECKERS if one not in gone]
    site.lan.cut(*gone)
    try:
        site.node.await_reporting("web", len(rest))
        until(lambda: not any(site.node.checkers()[name]["connected"] for name in gone),
              seconds=40)
        for name in gone:
            assert site.metric("checker_up", checker=name) == 0
            assert site.metric("checker_report_age_seconds", checker=name) > 3
            assert site.node.checkers()[name]["problem"]
        for name in rest:
            assert site.metric("checker_up", checker=name) == 1
            assert site.metric("checker_report_age_seconds", checker=name) < 2
        assert site.metric("health_check_quorum", id="web") == 1
        assert site.metric("health_check_quorum", id="strict") == (len(rest) > 1)
        assert "GONE" in site.node.call("status").stdout
        false = len(site.node.transitions()) - len(before)
        if len(rest) > 1:
            site.fails_and_recovers()
    finally:
        site.lan.heal(*gone)
    site.await_all()
    report("D8", false, "false transitions", f"{len(gone)} of three checkers cut off from control")
    assert false == 0
    assert site.node.transitions()[len(before):] == [] or len(rest) > 1


def test_control_that_is_cut_off_from_all_keeps_what_it_knew(site):
    site.await_states()
    site.quiet()
    before = site.node.transitions()
    lost, back = (len(site.quorum_events(what)) for what in ("quorum_lost", "quorum"))
    site.lan.cut("control")
    try:
        site.node.await_reporting("web", 0)
        until(lambda: not any(one["connected"] for one in site.node.checkers().values()),
              seconds=40)
        until(lambda: len(site.quorum_events("quorum_lost")) > lost, seconds=20)
        site.good.set("fail")  # which nobody can tell
        for name in CHECKERS:
            assert site.metric("checker_up", checker=name) == 0
            assert site.metric("checker_report_age_seconds", checker=name) > 3
        for check in ("web", "sick", "strict"):
            assert site.metric("health_check_quorum", id=check) == 0
        assert site.node.transitions() == before
        states = site.node.check_states()
        assert (states["web"], states["sick"]) == ("healthy", "unhealthy")
        false = len(site.node.transitions()) - len(before)
        events = len(site.quorum_events("quorum_lost")) - lost
    finally:
        site.lan.heal("control")
    site.node.await_checks(web="unhealthy", strict="unhealthy")
    site.good.set("pass")
    site.await_all()
    site.await_states()
    until(lambda: len(site.quorum_events("quorum")) > back, seconds=20)
    report("D9", false, "false transitions",
           f"control cut off from all checkers; {events} events for 3 checks")
    assert false == 0 and events <= 2


def test_d9_a_quorum_that_is_lost_freezes_and_is_told(site):
    site.await_states()
    site.quiet()
    before = site.node.transitions()
    lost, back = (len(site.quorum_events(what)) for what in ("quorum_lost", "quorum"))
    for name in ("b", "c"):
        site.checkers[name].kill()
    until(lambda: not site.node.tally("strict")["quorum"], seconds=40)
    until(lambda: len(site.quorum_events("quorum_lost")) > lost, seconds=20)
    told = site.quorum_events("quorum_lost")[lost]
    assert (told["event"], told["old_status"], told["id"], told["type"]) == (
        "quorum", "quorum", "strict", "HTTP")
    false = len(site.node.transitions()) - len(before)
    site.good.set("fail")
    site.node.await_checks(web="unhealthy", strict="healthy")  # one is enough for `web` alone
    for name in ("b", "c"):
        site.checkers[name].start()
    site.node.await_checks(strict="unhealthy")
    until(lambda: len(site.quorum_events("quorum")) > back, seconds=20)
    site.good.set("pass")
    site.await_all()
    site.await_states()
    report("D9", false, "false transitions", "two of three checkers killed, min_reporters = 2")
    assert false == 0


def test_a_checker_goes_on_while_control_is_away_and_tells_what_it_found(site):
    killed = site.node.kill("control")
    site.good.set("fail")
    until(lambda: site.node.pid("control") not in (0, killed), seconds=30)
    until(lambda: site.node.log().count("holdfast-control info ready") == 2, seconds=30)
    site.node.await_checks(web="unhealthy")
    site.good.set("pass")
    site.await_all()
    site.await_states()
    assert "stopping" not in site.checkers["a"].log()


def test_a_reload_brings_and_takes_checkers(site):
    written = site.node.config.read_text()
    try:
        site.node.config.write_text(written.replace(
            '[[checkers.checker]]\nname = "c"\nregion = "r-c"\n', ""))
        site.node.call("reload")
        until(lambda: set(site.node.checkers()) == {"a", "b"} and
              site.node.tally("web")["assigned"] == 2)
        until(lambda: "no [[checkers.checker]] of this node has" in site.checkers["c"].log() or
              "which no" in site.checkers["c"].log(), seconds=40)
        site.node.config.write_text(written.replace(f":{PORT}\"]", ":9444\"]"))
        site.node.call("reload")
        assert any("[checkers] listen" in one for one in site.node.status()["warnings"])
        key = re.search(r'^key = "(.*)"', written, re.M)[1]
        os.chmod(key, 0o644)
        site.node.config.write_text(written)
        assert "everybody may read this key" in site.node.call("reload", status=1).stderr
        os.chmod(key, 0o600)
    finally:
        site.node.config.write_text(written)
        site.node.call("reload")
    site.await_all()


def test_a_checkers_file_can_be_looked_at_alone(site):
    def check(text):
        file = site.checkers["a"].config.with_name("checked.toml")
        file.write_text(text)
        done = subprocess.run([BINARIES / "holdfast-checker", "--config", file, "--check"],
                              capture_output=True, text=True, timeout=20, check=False)
        return done.returncode, done.stdout + done.stderr

    good = site.checkers["a"].config.read_text()
    status, said = check(good)
    assert status == 0 and said.endswith("checked.toml: good\n"), said
    status, said = check(good + "[health]\nmax_in_flight = 0\n")
    assert status == 1 and "key 'max_in_flight' is 0; expected 1..1000000" in said, said
    status, said = check(good.replace('name = "a"', 'name = "z"', 1))
    assert status == 1 and 'name is "z"; expected one that' in said, said
    assert all(site.node.checkers()[name]["connected"] for name in CHECKERS)


def test_a_change_of_regions_leaves_no_moment_without_a_vote(site):
    checks = site.node.folder / "checks.json"
    written = checks.read_text()

    def watch_from(region):
        wanted = json.loads(written)
        web = next(one for one in wanted["HealthChecks"] if one["Id"] == "web")
        web["HealthCheckConfig"]["Regions"] = [region]
        checks.write_text(json.dumps(wanted))
        site.node.call("reload")

    def views():
        shown = site.node.request(op="health_show", check="web")["views"]
        return {one["checker"]: (one["side"], one["draining"]) for one in shown}

    site.await_all()
    before = site.node.transitions()
    try:
        watch_from("r-a")
        assert views()["a"] == ("healthy", False) and views()["b"] == ("healthy", True)
        site.checkers["c"].kill()
        watch_from("r-c")
        time.sleep(4)  # longer than reports count: the old ones go on
        assert views() == {"c": ("healthy", False), "a": ("healthy", True),
                           "b": ("healthy", True)}
        assert site.node.tally("web") == {
            "assigned": 3, "reporting": 2, "healthy": 2, "quorum": True}
        assert re.search(r"^ *a +r-a +healthy, draining ",
                         site.node.call("health", "show", "web").stdout, re.M)
        false = len(site.node.transitions()) - len(before)
        site.good.set("fail")
        site.node.await_checks(web="unhealthy")  # seen by those that drain alone
        site.good.set("pass")
        site.node.await_checks(web="healthy")
        site.checkers["c"].start()
        if "HOLDFAST_LARGE" in os.environ:
            until(lambda: set(views()) == {"c"}, seconds=90)
            assert views()["c"] == ("healthy", False)
    finally:
        if site.checkers["c"].process.poll() is not None:
            site.checkers["c"].start()
        checks.write_text(written)
        site.node.call("reload")
    site.await_all()
    site.await_states()
    report("D8", false, "false transitions", "regions of a check changed, the new one cut off")
    assert false == 0


def test_d10_an_impaired_channel_decides_as_one_in_order_does(tmp_path):
    flips, seed = 12, 20
    with lan(("one", "two", *CHECKERS, "ep")) as net, contextlib.ExitStack() as stack:
        keys = Certificates(tmp_path / "keys")
        end, calm = Inside(net, "ep"), Inside(net, "ep")
        stack.callback(end.close)
        stack.callback(calm.close)
        # Seen so seldom that a new connection has nothing new to say of it.
        slow = Check("calm", calm, interval_ms=20_000, rise=1, fall=1)
        nodes = {}
        for name in ("one", "two"):
            home, address = tmp_path / name, net.addresses[name]
            home.mkdir()
            nodes[name] = SpaceNode(
                net, name, home, {ORIGIN: (ZONE, ())}, [Watched("web", end, ""), slow],
                tail=checkers_table(address, keys.issue(name, f"IP:{address}"),
                                    more="local = false\n"))
            stack.callback(nodes[name].close)
            nodes[name].start()
        two = net.addresses["two"]
        proxy = net.inside("two", lambda: Impairment((two, 9444), (two, PORT), seed))
        stack.callback(proxy.close)
        for name in CHECKERS:
            checker = Checker(net, tmp_path, name, keys.issue(name, f"DNS:{name}"),
                              [(f"{net.addresses['one']}:{PORT}", net.addresses["one"]),
                               (f"{two}:9444", two)])
            stack.callback(checker.close)
            checker.start()
        for number in range(flips):
            to = ("healthy", "unhealthy")[number % 2]
            end.set("pass" if to == "healthy" else "fail")
            # What was decided stays until all three have said so to both.
            healthy = 3 if to == "healthy" else 0
            for node in nodes.values():
                until(lambda n=node, s=to: n.raw("web") == s, seconds=60)
                until(lambda n=node, h=healthy: (n.tally("web")["reporting"],
                                                 n.tally("web")["healthy"]) == (3, h), seconds=60)
            if number == 2:  # a dissenter in between
                net.hide("ep", "a")
                until(lambda: nodes["one"].tally("web")["healthy"] == 2, seconds=40)
                until(lambda: nodes["two"].tally("web")["healthy"] == 2, seconds=60)
                net.show("ep", "a")
        until(lambda: nodes["two"].raw("calm") == "healthy", seconds=60)
        told = {name: node.transitions() for name, node in nodes.items()}
        assert [one for one in told["two"] if one[0] == "calm"] == [("calm", True)], told
        decided = {name: [one for one in list_ if one[0] == "web"] for name, list_ in told.items()}
        dropped = {}
        for one in nodes["two"].checkers().values():
            for reason, count in one["dropped"].items():
                dropped[reason] = dropped.get(reason, 0) + count
        refused = nodes["two"].status()["checkers"]["refused"]
        report("D10", sum(x != y for x, y in zip(decided["one"], decided["two"])),
               "decisions that differ",
               f"{len(decided['two'])} decisions; seed {seed}: {proxy.cut} connections cut, "
               f"{proxy.replayed} replayed, {proxy.delays} delays; {refused} refused; "
               f"dropped {dropped}")
        assert decided["one"] == decided["two"], decided
        assert len(decided["one"]) == flips
        assert proxy.cut >= 3 and proxy.replayed >= 3
        assert refused >= 1 and dropped["repeated"] >= 1
