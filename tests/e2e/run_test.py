"""`holdfast run` and its commands with the real processes on loopback: start, restart, stop, and
every command against a running control. What they need is built; without it these are skipped.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading

import dns.message
import dns.query
import dns.rcode
import pytest
from holdfast_node import BINARIES, command_line, free_port, needs_programs, until

pytestmark = needs_programs

ADDRESS = "127.0.0.1"
ZONE = """$ORIGIN a.test.
$TTL 60
@   IN SOA ns1 hostmaster {serial} 7200 900 1209600 60
@   IN NS  ns1
ns1 IN A   192.0.2.53
www IN A   {address}
sub IN NS  ns.sub
sub IN NS  ns1
ns.sub IN A 192.0.2.54
"""
RECORDS = {"ResourceRecordSets": [
    {"Name": "f.a.test.", "Type": "A", "SetIdentifier": role, "Failover": role.upper(), "TTL": 5,
     "ResourceRecords": [{"Value": value}], **({"HealthCheckId": "c1"} if check else {})}
    for role, value, check in (("primary", "192.0.2.1", True), ("secondary", "192.0.2.2", False))]}


class WebServer:
    """Takes connections and closes them: a TCP check is healthy."""

    def __init__(self):
        self.listening = socket.create_server((ADDRESS, 0))
        self.port = self.listening.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                self.listening.accept()[0].close()

    def close(self):
        with contextlib.suppress(OSError):  # closed before
            self.listening.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listening.close()


class Node:
    """A node in a folder of its own: its files, its processes, its commands."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        self.web = WebServer()
        self.config = folder / "node.toml"
        self.config.write_text(f"""
[node]
id = "t"
state_dir = "{folder}/state"
run_dir = "{folder}/run"
[tables]
directory = "{folder}"
hugepages = "none"
size = "4M"
[[listen]]
address = "{ADDRESS}"
port = {self.port}
[[zone]]
origin = "a.test"
file = "a.zone"
records = "records.json"
[health]
checks = "checks.json"
allow_targets = ["{ADDRESS}"]
[check."c1"]
interval_ms = 50
connect_timeout_ms = 40
healthy_threshold = 1
unhealthy_threshold = 1
""")
        self.write_zone(1, "192.0.2.80")
        (folder / "records.json").write_text(json.dumps(RECORDS))
        (folder / "checks.json").write_text(json.dumps({"HealthChecks": [{
            "Id": "c1", "CallerReference": "c1", "HealthCheckVersion": 1, "HealthCheckConfig": {
                "IPAddress": ADDRESS, "Port": self.web.port, "Type": "TCP",
                "RequestInterval": 10, "FailureThreshold": 1}}]}))

    def write_zone(self, serial, address, name="a.zone"):
        (self.folder / name).write_text(ZONE.format(serial=serial, address=address))

    def start(self):
        before = self.log().count("holdfast: ready")
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [BINARIES / "holdfast", "run", "--config", self.config], stdout=log, stderr=log)
        until(lambda: self.log().count("holdfast: ready") > before or
              self.process.poll() is not None)
        assert self.process.poll() is None, self.log()
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=30) if self.process else 0

    def log(self):
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""

    def generation(self):
        return int(re.search(r"generation (\d+)", self.call("tables", "dump").stdout)[1])

    def call(self, *words, status=0):
        return self.run(*words, "--config", self.config, status=status)

    def run(self, *words, status=0):
        done = subprocess.run([BINARIES / "holdfast", *words], capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done

    def status(self):
        return json.loads(self.call("status", "--json").stdout)

    def pid(self, name):
        listed = json.loads((self.folder / "run" / "processes.json").read_text())
        return next(one["pid"] for one in listed["processes"] if one["name"] == name)

    def ask(self, name, rrtype="A", tcp=False):
        query = dns.message.make_query(name, rrtype)
        way = dns.query.tcp if tcp else dns.query.udp
        return way(query, ADDRESS, timeout=2, port=self.port)

    def addresses(self, name, tcp=False):
        return [item.address for rrset in self.ask(name, tcp=tcp).answer for item in rrset]


@pytest.fixture(name="node")
def fixture_node(tmp_path):
    node = Node(tmp_path)
    yield node
    node.stop()
    node.web.close()
    left = [pid for pid in os.listdir("/proc") if pid.isdigit() and str(tmp_path).encode() in
            command_line(pid)]
    assert not left


def test_every_program_says_the_version():
    said = {subprocess.run([BINARIES / name, "--version"], capture_output=True, text=True,
                           timeout=60, check=True).stdout.removeprefix(name + " ")
            for name in ("holdfast", "holdfast-control", "holdfast-dataplane", "holdfast-sockets")}
    assert len(said) == 1 and re.fullmatch(r"\d+\.\d+\.\d+\n", said.pop())


def test_it_answers_shows_its_status_and_ends_in_order(node):
    node.start()
    assert node.addresses("www.a.test") == ["192.0.2.80"]
    assert node.addresses("www.a.test", tcp=True) == ["192.0.2.80"]
    status = node.status()
    assert status["control"] and status["node"] == "t"
    assert [(zone["origin"], zone["serial"]) for zone in status["zones"]] == [("a.test.", 1)]
    assert {one["name"]: one["running"] for one in status["processes"]} == {
        "control": True, "sockets": True}
    text = node.call("status").stdout
    assert "a.test." in text and "c1" in text and "queries" in text
    assert node.stop() == 0
    assert "stopping; no process answers from the tables any more" in node.log()
    status = json.loads(node.call("status", "--json", status=3).stdout)
    assert status["supervisor"] == {"pid": None, "running": False}
    assert [one["pid"] for one in status["processes"]] == [None, None]
    ends = [line for line in node.log().splitlines() if "ended: status 0" in line]
    assert [line.split()[1] for line in ends] == ["sockets", "control"], node.log()


def test_tables_dump_prints_what_is_published_without_asking_anyone(node):
    node.start()
    os.kill(node.pid("control"), signal.SIGSTOP)
    lines = node.call("tables", "dump").stdout.splitlines()
    assert "zone a.test. serial 1" in "\n".join(lines)
    assert "www.a.test. A static ttl 60, 1 records: 192.0.2.80" in lines
    assert any(line.startswith("f.a.test. A pool") and "192.0.2.1" in line for line in lines)
    assert "check c1 healthy" in lines
    soa = "ns1.a.test. hostmaster.a.test. 1 7200 900 1209600 60"
    assert f"a.test. SOA static ttl 60, 1 records: {soa}" in lines
    assert "a.test. NS static ttl 60, 1 records: ns1.a.test." in lines
    assert any("sub.a.test. NS referral" in line and line.endswith(
        "records: ns.sub.a.test., ns1.a.test.") for line in lines), lines
    assert ": whole" in node.call("tables", "verify").stdout
    image = next(node.folder.glob("holdfast-*-image-*"))
    for verb in ("dump", "verify"):
        done = node.run("tables", verb, "--image", image, "--generation", "1000", status=1)
        assert re.search(r"--generation is 1000, and .* nothing newer than generation (\d+); "
                         r"expected 1\.\.\1$", done.stderr.strip())
    octets = bytearray(image.read_bytes())
    at = octets.rindex(socket.inet_aton("192.0.2.80"))
    octets[at] ^= 1
    damaged = node.folder / "damaged"
    damaged.write_bytes(octets)
    words = ("--image", damaged, "--generation", str(node.generation()))
    assert ": damaged" in node.run("tables", "verify", *words, status=1).stdout
    assert "193.0.2.80" in node.run("tables", "dump", *words).stdout


def test_tables_are_removed_by_command_once_nobody_uses_them(node):
    node.start()
    image = next(node.folder.glob("holdfast-*-image-*"))
    assert str(node.process.pid) in node.call("tables", "remove", status=2).stderr
    node.stop()
    assert image.exists()  # on purpose: the next start serves it before control is up
    root = node.folder / "run" / "root"
    assert node.call("tables", "remove").stdout == f"removed {image}\nremoved {root}\n"
    assert not image.exists() and not root.exists()
    assert "no tables in" in node.call("tables", "remove").stdout
    node.start()
    assert node.addresses("www.a.test") == ["192.0.2.80"]


def test_tables_are_removed_however_the_run_folder_is_typed(node):
    for typed in ("run/", str(node.folder / "run") + "/", "./run"):
        node.start()
        node.stop()
        image = next(node.folder.glob("holdfast-*-image-*"))
        done = subprocess.run([BINARIES / "holdfast", "tables", "remove", "--run-dir", typed],
                              capture_output=True, text=True, timeout=60, check=False,
                              cwd=node.folder)
        assert done.returncode == 0, done.stderr
        assert f"removed {image}\n" in done.stdout and not image.exists()
    assert not (node.folder / "run" / "holdfast.pid").exists()


def test_a_check_warns_of_a_tables_folder_that_is_not_there(node):
    node.config.write_text(re.sub(r'directory = ".*"', 'directory = "/no/such"',
                                  node.config.read_text()))
    assert "[tables] directory /no/such is no folder here" in node.call("check").stderr


def test_a_second_run_on_the_same_folder_is_refused(node):
    node.start()
    done = node.call("run", status=2)
    assert str(node.process.pid) in done.stderr
    assert node.addresses("www.a.test") == ["192.0.2.80"]
    mine = node.folder / "run" / "holdfast.pid"
    assert mine.read_text() == f"{node.process.pid}\n"
    other = node.folder / "other.toml"
    other.write_text(node.config.read_text().replace("/run\"", "/other\""))
    node.run("run", "--config", other, status=2)  # the port is in use
    assert not (node.folder / "other" / "holdfast.pid").exists()
    node.stop()
    assert not mine.exists()


def test_a_bad_file_at_start_ends_run_with_one_error(node):
    node.write_zone(1, "192.0.2.300")
    done = node.call("check", status=1)
    assert "a.zone:6" in done.stderr
    done = node.call("run", status=1)
    assert "a.zone:6" in done.stderr


def test_a_port_in_use_is_said_with_the_command_that_shows_by_whom(node):
    with socket.create_server((ADDRESS, node.port)):
        done = node.call("run", status=2)
    assert f"{ADDRESS} port {node.port} (TCP): in use; `ss" in done.stderr


def test_processes_that_are_killed_start_again(node):
    node.start()
    for name in ("control", "sockets"):
        before = node.pid(name)
        os.kill(before, signal.SIGKILL)
        until(lambda: node.pid(name) not in (0, before))
        until(lambda: node.addresses("www.a.test") == ["192.0.2.80"])
    until(lambda: "signal 9 (Killed)" in node.call("status").stdout)
    os.kill(node.pid("control"), signal.SIGTERM)
    until(lambda: f": sockets (pid {node.pid('sockets')})" in node.log())
    assert "stopping; answers go on from generation" in node.log()


def test_answers_go_on_and_status_shows_processes_without_control(node):
    node.start()
    os.kill(node.pid("control"), signal.SIGSTOP)
    assert node.addresses("www.a.test") == ["192.0.2.80"]
    done = node.call("status", "--timeout", "1", status=3)
    assert "control has not answered" in done.stdout and "sockets" in done.stdout
    assert "did not reply within 1000 ms" in done.stderr


def test_a_reader_that_stands_still_is_ended_and_started_again(node):
    node.start()
    before = node.pid("sockets")
    until(lambda: node.status()["readers"][0]["threads"][0]["beat"] > 0)
    os.kill(before, signal.SIGSTOP)
    until(lambda: node.pid("sockets") not in (0, before), seconds=10)
    assert "has stood still for 2." in node.log()
    until(lambda: node.addresses("www.a.test") == ["192.0.2.80"])


def test_nothing_outlives_a_supervisor_that_is_killed(node):
    node.start()
    children = [node.pid(name) for name in ("control", "sockets")]
    node.process.kill()
    node.process.wait()
    until(lambda: not any(command_line(pid) for pid in children))
    assert "no supervisor runs" in node.call("status", status=3).stdout
    node.start()  # and nothing it left behind is in the way
    assert node.addresses("www.a.test") == ["192.0.2.80"]


@pytest.mark.parametrize("way", ["command", "signal"])
def test_reload_takes_new_files_and_keeps_the_old_state_on_an_error(node, way):
    node.start()

    def reload(status):
        if way == "command":
            return node.call("reload", status=status).stderr
        before = node.log().count("reload ended")
        os.kill(node.process.pid, signal.SIGHUP)
        until(lambda: node.status()["last_reload"] and
              node.status()["last_reload"]["ok"] == (status == 0))
        if status:
            until(lambda: node.log().count("reload ended") > before)
        return node.log()

    node.write_zone(2, "192.0.2.81")
    reload(0)
    assert node.addresses("www.a.test") == ["192.0.2.81"]
    node.write_zone(3, "nonsense")
    assert "a.zone:6" in reload(1)
    assert node.addresses("www.a.test") == ["192.0.2.81"]
    assert "the last reload was refused" in node.call("status").stdout


def test_a_reload_says_what_takes_a_restart(node):
    node.start()
    node.config.write_text(node.config.read_text() + "[sockets]\nthreads = 2\n")
    done = node.call("reload")
    assert "warning: " in done.stderr
    assert "[sockets] is not what this node was started with" in done.stderr
    assert "[sockets]" in node.call("status").stdout


def test_a_zone_is_loaded_and_dropped_by_command(node):
    node.start()
    node.write_zone(9, "192.0.2.90", "b.zone")
    (node.folder / "b.zone").write_text(
        (node.folder / "b.zone").read_text().replace("a.test", "b.test"))
    assert node.ask("www.b.test").rcode() == dns.rcode.REFUSED
    node.call("zone", "load", "b.test", str(node.folder / "b.zone"))
    assert node.addresses("www.b.test") == ["192.0.2.90"]
    node.call("zone", "drop", "b.test")
    assert node.ask("www.b.test").rcode() == dns.rcode.REFUSED
    assert "b.test" in node.call("zone", "drop", "b.test", status=1).stderr
    (node.folder / "b.zone").write_text("nonsense\n")
    assert "b.zone:1" in node.call(
        "zone", "load", "b.test", str(node.folder / "b.zone"), status=1).stderr


def test_explain_and_health_set_follow_each_other(node):
    node.start()
    until(lambda: node.status()["checks"][0]["verified"])
    assert node.addresses("f.a.test") == ["192.0.2.1"]
    node.call("health", "set", "c1", "unhealthy")
    assert node.addresses("f.a.test") == ["192.0.2.2"]
    explained = json.loads(node.call("explain", "f.a.test", "A", "--json").stdout)
    assert explained["answers"] == [{"records": ["192.0.2.2"], "share": "1", "ttl": 5}]
    text = node.call("explain", "f.a.test", "A").stdout
    assert "f.a.test. A, failover" in text and "check c1 unhealthy, set by command" in text
    assert "dropped: its health check is unhealthy, set by command" in text
    assert explained["tree"]["members"][0]["check"]["override"] == "unhealthy"
    assert "transition c1 unhealthy override=unhealthy generation=" in node.log()
    assert "client" not in text and "client" not in explained
    note = "nothing of the reply depends on the client"
    asked = ("explain", "f.a.test", "A", "--client", "2001:db8::7")
    assert f"\n  client 2001:db8::7, scope /0: {note}\n" in node.call(*asked).stdout
    assert json.loads(node.call(*asked, "--json").stdout) == {
        **explained, "client": {"address": "2001:db8::7", "note": note, "scope": 0}}
    assert "depends on the client" in " ".join(node.run("explain", "--help").stdout.split())
    assert "'203.0.113.300' is no prefix; expected a prefix such as" in node.call(
        "explain", "f.a.test", "A", "--client", "203.0.113.300", status=2).stderr
    with socket.socket(socket.AF_UNIX) as way:  # control itself trusts no command
        way.connect(str(node.folder / "run" / "control.sock"))
        way.sendall(b'{"op": "explain", "name": "f.a.test", "type": "A", "client": "me"}\n')
        assert "client 'me' is no prefix; expected a prefix such as" in way.makefile().readline()
    assert "set by command" in node.call("status").stdout
    node.call("health", "set", "c1", "auto")
    until(lambda: node.addresses("f.a.test") == ["192.0.2.1"])
    assert "c9" in node.call("health", "set", "c9", "auto", status=1).stderr
    assert node.call("explain", "f.a.test", "NOTYPE", status=1).stderr


def test_a_real_failure_moves_the_answer(node):
    node.start()
    until(lambda: node.status()["checks"][0]["verified"])
    before = node.status()["transitions"]["published"]
    node.web.close()
    until(lambda: node.addresses("f.a.test") == ["192.0.2.2"])
    times = node.status()["transitions"]
    assert times["published"] == before + 1
    us = times["enqueued_to_published_us"]
    assert 0 < us["p50"] <= us["p99"] <= us["max"] < 10_000_000
    assert 0 < us["last"] <= us["max"]
    assert "from queue to answers: last " in node.call("status").stdout


@pytest.mark.parametrize("words, said", [
    (("reload",), "control does not answer"), (("explain", "a.test", "A"), "control does not"),
    (("zone", "drop", "a.test"), "control does not"),
    (("health", "set", "c1", "auto"), "control does not")])
def test_commands_without_a_running_node_end_with_status_3(node, words, said):
    assert said in node.call(*words, status=3).stderr
