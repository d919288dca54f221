"""Whole replies over sockets, and the commands that change what is served, under load: zone load
and drop, reloads that are refused, health set.
"""

import contextlib
import socket
import subprocess
import threading
import time

import answer_zone
import dns.message
import dns.rcode
import fast_client
import pytest
from answer_zone import ORIGIN, ROWS, ZONES
from holdfast_node import ADDRESSES, BINARIES, Check, Node, needs_programs, until
from routing_cases import record_sets
from watch import report

pytestmark = needs_programs


def make_node(make, extra=None):
    checks = [Check("up", make.endpoint(mode="pass"), fall=40),
              Check("down", make.endpoint(mode="fail"), fall=2)]
    node = make.node({**ZONES, **(extra or {})}, checks)
    node.start()
    node.await_checks(up="healthy", down="unhealthy")
    return node


@pytest.fixture(name="node", scope="module")
def fixture_node(make):
    return make_node(make)


@pytest.fixture(name="asker", scope="module")
def fixture_asker(node):
    return answer_zone.Asker(socket.socket, node.port, *ADDRESSES)


@pytest.mark.parametrize("row", ROWS)
def test_the_reply_is_whole_over_udp_and_tcp_and_both_families(asker, row):
    answer_zone.hold_every_way(asker, row)


def test_what_does_not_fit_is_cut_over_udp_and_whole_over_tcp(asker):
    answer_zone.hold_sizes(asker)


def test_edns_is_answered_by_its_rules(asker):
    answer_zone.hold_edns(asker)


def test_health_set_moves_the_answer_at_once_and_auto_gives_it_back(node):
    for to, address in (("unhealthy", "198.51.100.2"), ("healthy", "198.51.100.1"),
                        ("unhealthy", "198.51.100.2")):
        node.call("health", "set", "up", to)
        assert node.addresses(f"f.{ORIGIN}") == [address]
    node.call("health", "set", "up", "auto")
    until(lambda: node.addresses(f"f.{ORIGIN}") == ["198.51.100.1"])
    assert "nobody" in node.call("health", "set", "nobody", "healthy", status=1).stderr


# ---- loads under load ---------------------------------------------------------------------------

LOADED = """$ORIGIN load.test.
$TTL 60
@   IN SOA ns.example.net. hostmaster.example.net. {serial} 7200 900 1209600 60
@   IN NS  ns.example.net.
www IN A   192.0.2.{serial}
"""


class Watch:
    """Asks for one name all the time and remembers replies that were no longer permitted when their
    query was sent: `floor` is the oldest serial that may still answer, None once it is dropped."""

    def __init__(self, node, address, tcp):
        self.node, self.address, self.tcp = node, address, tcp
        self.floor, self.asked, self.wrong = 0, 0, []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        query = dns.message.make_query("www.load.test", "A").to_wire()
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        kind = socket.SOCK_STREAM if self.tcp else socket.SOCK_DGRAM
        with socket.socket(family, kind) as way, contextlib.suppress(OSError):
            way.settimeout(5)
            way.connect((self.address, self.node.port))
            while not self.stopped.is_set():
                floor = self.floor
                way.sendall(len(query).to_bytes(2) + query if self.tcp else query)
                got = way.recv(65535)
                reply = got[4:] if self.tcp else got[2:]
                self.asked += 1
                if (reply[1] & 15) == dns.rcode.REFUSED:
                    if floor is not None and floor > 0:
                        self.wrong.append(("refused", floor))
                else:
                    serial, = fast_client.a_records(reply)
                    if floor is None or serial < floor:
                        self.wrong.append((serial, floor))

    def stop(self):
        self.stopped.set()
        self.thread.join(10)
        assert not self.thread.is_alive()


def test_no_query_gets_the_old_zone_once_load_or_drop_returned(node):
    file = node.folder / "load.zone"
    watches = [Watch(node, address, tcp) for address in ADDRESSES for tcp in (False, True)]
    try:
        for serial in range(1, 21):
            before = [watch.asked for watch in watches]
            file.write_text(LOADED.format(serial=serial))
            node.call("zone", "load", "load.test", str(file))
            for watch in watches:
                watch.floor = serial
            assert node.addresses("www.load.test") == [f"192.0.2.{serial}"]
            until(lambda: all(watch.asked > count + 20 for watch, count in zip(watches, before)))
        for watch in watches:
            watch.floor = 0  # what is refused from here on is refused rightly
        node.call("zone", "drop", "load.test")
        for watch in watches:
            watch.floor = None
        assert node.ask("www.load.test").rcode() == dns.rcode.REFUSED
        before = [watch.asked for watch in watches]
        until(lambda: all(watch.asked > count + 50 for watch, count in zip(watches, before)))
    finally:
        for watch in watches:
            watch.stop()
    assert [watch.wrong for watch in watches] == [[]] * 4
    asked = sum(watch.asked for watch in watches)
    report("C11", asked, "answers", "none old")


# ---- reloads that are refused -------------------------------------------------------------------

def changed(text, old, new):
    assert old in text
    return text.replace(old, new, 1)


# id: (file, change, what the error names)
REFUSALS = {
    "toml_syntax": ("node.toml", ("[tables]", "[tables"), "node.toml:5:"),
    "toml_range": ("node.toml", ("port = ", "port = 9"), "node.toml:11:"),
    "toml_unknown_key": ("node.toml", ("[tables]\n", "[tables]\ncolour = 1\n"), "node.toml:6:"),
    "toml_missing_file": ("node.toml", ('file = "ans.test.zone"', 'file = "no.zone"'), "no.zone"),
    "zone_nonsense": ("ans.test.zone", ("www     IN A     192.0.2.80", "nonsense"),
                      "ans.test.zone:9:"),
    "zone_address": ("ans.test.zone", ("192.0.2.53", "192.0.2.530"), "ans.test.zone:6:"),
    "zone_no_soa": ("short.test.zone", ("SOA ns.example.net. hostmaster.example.net. 1 7200 900 "
                                        "1209600 900", 'TXT "x"'), "short.test.zone"),
    "zone_cname_and_other": ("ans.test.zone", ("alias   60", "www     60"), "ans.test.zone:"),
    "json_syntax": ("ans.test.json", ('"ResourceRecordSets": [', '"ResourceRecordSets": [,'),
                    "ans.test.json:2:"),
    "json_value": ("ans.test.json", ('"Value": "198.51.100.1"', '"Value": "nonsense"'),
                   "ans.test.json:"),
    "json_weight": ("ans.test.json", ('"Weight": 1', '"Weight": 300'), "ans.test.json:"),
    "checks_syntax": ("checks.json", ("{", "}"), "checks.json:1:"),
    "checks_type": ("checks.json", ('"Type": "HTTP"', '"Type": "GOPHER"'), "checks.json:1:"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refused_reload_names_the_place_and_changes_no_answer(node, asker, refusal):
    name, (old, new), place = REFUSALS[refusal]
    file = node.folder / name
    good, generation = file.read_text(), node.status()["generation"]
    watcher = Steady(node)
    try:
        file.write_text(changed(good, old, new))
        # A file that the command itself cannot read names no node to ask.
        done = (node.call if name != "node.toml" else run_dir_call(node))("reload", status=1)
        assert place in done.stderr
        assert node.status()["generation"] == generation
        assert node.status()["last_reload"]["ok"] is False
    finally:
        file.write_text(good)
        watcher.stop()
    for row in ("a", "failover", "nxdomain", "cut"):
        answer_zone.hold(row, asker.row(row))
    node.call("reload")
    assert node.status()["last_reload"]["ok"] is True
    report("B7", round(watcher.longest * 1e3, 1), "ms", f"longest silence ({refusal})")


def run_dir_call(node):
    def call(*words, status):
        done = subprocess.run([BINARIES / "holdfast", *words, "--run-dir", node.folder / "run"],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == status, (done.stdout, done.stderr)
        return done
    return call


class Steady:
    """Asks for one static name all the time; every answer must come and be the same."""

    def __init__(self, node):
        self.node, self.longest, self.failed = node, 0.0, None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        asked = [fast_client.packet(f"www.{ORIGIN}")]
        try:
            with fast_client.Client(ADDRESSES[0], self.node.port) as client:
                last = time.monotonic()
                while not self.stopped.is_set():
                    for _, reply in client.ask(asked):
                        assert fast_client.a_records(reply) == (80,)
                    self.longest = max(self.longest, time.monotonic() - last)
                    last = time.monotonic()
        except (AssertionError, OSError) as error:
            self.failed = error

    def stop(self):
        self.stopped.set()
        self.thread.join(10)
        assert self.failed is None and not self.thread.is_alive(), self.failed


def test_a_bad_file_at_start_ends_it_with_the_place(make_one):
    node = make_one.node({"bad.test": (answer_zone.SHORT_ZONE.replace("short", "bad"), record_sets(
        {"www": "W1 .1 [-], W2 .2 [-]"}, "bad.test", Node.zone_id("bad.test")))})
    file = node.folder / "bad.test.json"
    file.write_text(changed(file.read_text(), '"Weight": 1', '"Weight": 256'))
    line = 1 + file.read_text().split('"Weight": 256')[0].count("\n")
    for command in ("check", "run"):
        assert f"bad.test.json:{line}" in node.call(command, status=1).stderr


def test_check_refuses_what_only_the_compiler_sees(make_one):
    text = answer_zone.SHORT_ZONE.replace("short", "huge")
    node = make_one.node({"huge.test": (text, [
        {"Name": "t.huge.test.", "Type": "TXT", "TTL": 60, "ResourceRecords": [
            {"Value": f'"{n:03} {"x" * 250}"'} for n in range(300)]}])})
    for command in ("check", "run"):
        said = node.call(command, status=1).stderr
        assert "huge.test.json:" in said and "TXT records need" in said
