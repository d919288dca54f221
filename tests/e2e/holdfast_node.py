"""A node of Holdfast for the tests of this folder: its files in a folder of its own, its processes
by `holdfast run` on loopback, its commands. Started by waiting for answers, ended by pid.
"""

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import dns.message
import dns.query
import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARIES = Path(os.environ.get("HOLDFAST_BINARIES", ROOT / "build" / "tools"))
PROGRAMS = ("holdfast", "holdfast-control", "holdfast-sockets")
ADDRESSES = ("127.0.0.1", "::1")
# Endpoints of tests are on loopback, where a node looks only when it is told to; its own service
# addresses need to be named one by one.
TARGETS = 'allow_targets = ["127.0.0.0/8", "127.0.0.1", "::1"]\n'

needs_programs = pytest.mark.skipif(
    not all((BINARIES / name).exists() for name in PROGRAMS), reason="programs are not built")


def until(what, seconds=20.0):
    """Waits for a true value and returns it."""
    deadline = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < deadline, "did not become true in time"
        time.sleep(0.01)


def free_port():
    """A port that nobody has, on either address, by UDP or TCP."""
    for _ in range(50):
        with contextlib.ExitStack() as stack:
            port = 0
            try:
                for address in ADDRESSES:
                    family = socket.AF_INET6 if ":" in address else socket.AF_INET
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        bound = stack.enter_context(socket.socket(family, kind))
                        bound.bind((address, port))
                        port = bound.getsockname()[1]
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free on all loopback addresses")


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


class Check:
    """One health check: an HTTP or TCP endpoint and the native timings. What HTTP_STR_MATCH looks
    for is the body of an endpoint that passes."""

    def __init__(self, name, endpoint, kind="HTTP", interval_ms=50, rise=1, fall=1,
                 timeout_ms=None, native=True):
        self.native = native
        self.name, self.endpoint, self.kind = name, endpoint, kind
        self.interval_ms, self.rise, self.fall = interval_ms, rise, fall
        # As patient as the threshold allows: on a busy machine only real failures count.
        self.timeout_ms = timeout_ms or max(10, min(2000, interval_ms * fall - 5))

    def json(self):
        config = {"IPAddress": self.endpoint.address, "Port": self.endpoint.port,
                  "Type": self.kind, "RequestInterval": 10 if self.native else 30,
                  "FailureThreshold": 1}
        if self.kind != "TCP":
            config["ResourcePath"] = "/health"
        if self.kind == "HTTP_STR_MATCH":
            config["SearchString"] = "ok"
        return {"Id": self.name, "CallerReference": self.name, "HealthCheckVersion": 1,
                "HealthCheckConfig": config}

    def toml(self):
        if not self.native:
            return ""  # Route 53's own timing
        return (f'[check."{self.name}"]\ninterval_ms = {self.interval_ms}\n'
                f"connect_timeout_ms = {self.timeout_ms}\n" +
                (f"response_timeout_ms = {self.timeout_ms}\n" if self.kind != "TCP" else "") +
                (f"body_timeout_ms = {self.timeout_ms}\n" if "MATCH" in self.kind else "") +
                f"healthy_threshold = {self.rise}\nunhealthy_threshold = {self.fall}\n")


class Node:
    """Zones are {origin: (zone text, record sets)}; the id of a zone is zone_id(origin)."""

    def __init__(self, folder, zones, checks=(), size="8M", tail=""):
        self.folder, self.port, self.process = folder, free_port(), None
        self.config, self.checks = folder / "node.toml", list(checks)
        self.tail = tail
        self.zones = {}
        for origin, (text, record_sets) in zones.items():
            self.put_zone(origin, text, record_sets)
        self.write_config(size)

    @staticmethod
    def zone_id(origin):
        made = "Z" + origin.upper().replace(".", "")
        if len(made) > 32:  # more than an id may have
            made = "Z" + hashlib.sha256(origin.encode()).hexdigest()[:31]
        return made

    def put_zone(self, origin, text, record_sets=()):
        (self.folder / f"{origin}.zone").write_text(text)
        self.zones[origin] = bool(record_sets)
        if record_sets:
            (self.folder / f"{origin}.json").write_text(
                json.dumps({"ResourceRecordSets": record_sets}, indent=1))

    def write_config(self, size="8M"):
        lines = [f'[node]\nid = "e2e"\nstate_dir = "{self.folder}/state"\n'
                 f'run_dir = "{self.folder}/run"\n[tables]\ndirectory = "{self.folder}"\n'
                 f'hugepages = "none"\nsize = "{size}"\n']
        lines += [f'[[listen]]\naddress = "{address}"\nport = {self.port}\n'
                  for address in ADDRESSES]
        for origin, routed in self.zones.items():
            lines.append(f'[[zone]]\norigin = "{origin}"\nid = "{self.zone_id(origin)}"\n'
                         f'file = "{origin}.zone"\n' +
                         (f'records = "{origin}.json"\n' if routed else ""))
        if "[health]" not in self.tail:
            lines.append("[health]\n" + TARGETS)
        if self.checks:
            lines.append('checks = "checks.json"\n')
            lines += [check.toml() for check in self.checks]
            (self.folder / "checks.json").write_text(
                json.dumps({"HealthChecks": [check.json() for check in self.checks]}))
        self.config.write_text("".join(lines) + self.tail)

    # ---- its processes --------------------------------------------------------------------------

    def launch(self):
        """`holdfast run`, without waiting for what becomes of it."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [BINARIES / "holdfast", "run", "--config", self.config], stdout=log, stderr=log)

    def start(self):
        before = self.log().count("holdfast: ready")
        self.launch()
        until(lambda: self.log().count("holdfast: ready") > before or
              self.process.poll() is not None, seconds=60)
        assert self.process.poll() is None, self.log()
        return self

    def stop(self):
        """@return the exit status of `holdfast run`."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def close(self):
        """Ends it and looks that nothing of it runs on."""
        try:
            self.stop()
        finally:
            here = str(self.folder).encode()
            left = [pid for pid in os.listdir("/proc")
                    if pid.isdigit() and here in command_line(pid)]
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        assert not left, self.log()

    def pid(self, name):
        listed = json.loads((self.folder / "run" / "processes.json").read_text())
        return next(one["pid"] for one in listed["processes"] if one["name"] == name)

    def kill(self, name, sent=signal.SIGKILL):
        """@return the pid that got the signal."""
        pid = self.pid(name)
        assert pid > 0, f"{name} is down"  # to os.kill, 0 is this whole process group
        os.kill(pid, sent)
        return pid

    def log(self):
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""

    # ---- its commands ---------------------------------------------------------------------------

    def run(self, *words):
        return subprocess.run([BINARIES / "holdfast", *words, "--config", self.config],
                              capture_output=True, text=True, timeout=60, check=False)

    def call(self, *words, status=0):
        done = self.run(*words)
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        return done

    def request(self, **fields):
        """Control's own socket: quicker than a command."""
        with socket.socket(socket.AF_UNIX) as way:
            way.settimeout(60)
            way.connect(str(self.folder / "run" / "control.sock"))
            way.sendall(json.dumps(fields).encode() + b"\n")
            with way.makefile("r") as lines:
                reply = json.loads(lines.readline())
        assert reply["ok"], reply
        return reply["result"]

    def status(self):
        return self.request(op="status")

    def check_states(self):
        return {one["id"]: one["state"] for one in self.status()["checks"] if one["verified"]}

    def await_checks(self, **states):
        """Waits until probes, not memory, say so."""
        until(lambda: states.items() <= self.check_states().items(), seconds=30)

    # ---- its answers ----------------------------------------------------------------------------

    def ask(self, name, rrtype="A", tcp=False, address=ADDRESSES[0], **options):
        query = dns.message.make_query(name, rrtype, **options)
        way = dns.query.tcp if tcp else dns.query.udp
        return way(query, address, timeout=5, port=self.port)

    def addresses(self, name, **options):
        return sorted(item.address for rrset in self.ask(name, **options).answer for item in rrset)
