"""The part of tools/quickstart behind packages and build: a lab (tools/lab) with one failover name
and two real web servers, one of which is killed. Root.

The figures: death is the moment before SIGKILL is sent; the transition is the probe's end that made
the check unhealthy, as control's log line tells; the changed answer is stamped when the client's
receive call returns. All are CLOCK_MONOTONIC of this machine.
"""

import argparse
import contextlib
import gc
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from pathlib import Path

import netpair

ROOT = Path(__file__).resolve().parents[2]
LAB, HOLDFAST = ROOT / "tools" / "lab", ROOT / "build" / "tools" / "holdfast"
NAME = "quickstart"  # of the lab
FOLDER = Path("/run/holdfast-lab") / NAME
WAYS = ("af_xdp", "af_packet", "sockets")
OWNER = "www.example.test"
AF_XDP_FAMILY = 44

Endpoint = namedtuple("Endpoint", "role host address check")
ENDPOINTS = tuple(
    Endpoint(role, host, netpair.Pair.address4(host), f"0f0e4d0b-0000-4000-8000-00000000000{host}")
    for role, host in (("primary", 3), ("secondary", 4)))
PRIMARY, SECONDARY = ENDPOINTS

NODE = """# Made by tools/quickstart.
[node]
id = "quickstart"
control_core = 0

[tables]
size = "16M"

[dataplane]
memory_mb = 128

[[zone]]
origin = "example.test"
file = "example.test.zone"
records = "records.json"

[health]
checks = "checks.json"
"""
ZONE = """$ORIGIN example.test.
$TTL 3600
@    IN SOA ns1 hostmaster 1 7200 900 1209600 60
@    IN NS  ns1
ns1  IN A   10.9.0.1
     IN AAAA fd09::1
@    IN TXT "a zone to try Holdfast with"
"""


class Surprise(Exception):
    """What did not go as it should, in one sentence."""


def say(text=""):
    print(text, flush=True)


def write_config(folder):
    """The node's four files."""
    def record(end):
        return {"Name": OWNER + ".", "Type": "A", "SetIdentifier": end.role,
                "Failover": end.role.upper(), "TTL": 5,
                "ResourceRecords": [{"Value": end.address}], "HealthCheckId": end.check}

    def check(end):
        return {"Id": end.check, "CallerReference": end.role, "HealthCheckVersion": 1,
                "HealthCheckConfig": {
                    "IPAddress": end.address, "Port": 80, "Type": "HTTP",
                    "ResourcePath": "/health", "RequestInterval": 10, "FailureThreshold": 2}}

    # Route 53 knows no interval below 10 s; these tables go beyond it.
    quick = "".join(f'\n[check."{end.check}"]\ninterval_ms = 100\nconnect_timeout_ms = 190\n'
                    "response_timeout_ms = 190\nhealthy_threshold = 2\nunhealthy_threshold = 2\n"
                    for end in ENDPOINTS)
    (folder / "node.toml").write_text(NODE + quick)
    (folder / "example.test.zone").write_text(ZONE)
    (folder / "records.json").write_text(
        json.dumps({"ResourceRecordSets": [record(end) for end in ENDPOINTS]}, indent=1))
    (folder / "checks.json").write_text(
        json.dumps({"HealthChecks": [check(end) for end in ENDPOINTS]}, indent=1))


def why_no_af_xdp():
    """Why this kernel cannot do AF_XDP; None when it has the sockets."""
    try:
        socket.socket(AF_XDP_FAMILY, socket.SOCK_RAW, 0).close()
    except OSError as error:
        return error.strerror
    return None


def lab(*words):
    return subprocess.run([LAB, *words], check=False).returncode


def lab_up(config, wanted):
    """Starts the lab on the best way in that is to be had; returns which."""
    for way in [wanted] if wanted else WAYS:
        why = why_no_af_xdp() if way == "af_xdp" else None
        if why is None and lab("up", "--name", NAME, "--io", way, "--config", str(config)) == 0:
            return way
        rest = WAYS[WAYS.index(way) + 1:]
        if wanted or not rest:
            raise Surprise(f"Holdfast does not start on {way}" + (f": {why}" if why else ""))
        say(f"quickstart: {way} is not to be had here ({why or 'see above'}); using {rest[0]}")
    raise AssertionError("no way in at all")


def exec_command(*words):
    return [str(LAB), "exec", "--name", NAME, "--", *words]


def start_web_server(end, folder):
    """A web server of its own at the endpoint's address. `exec` becomes it: same process id."""
    folder.mkdir(exist_ok=True)
    (folder / "health").write_text("ok\n")
    return subprocess.Popen(
        exec_command("/usr/bin/python3", "-m", "http.server", "80", "--bind", end.address,
                     "--directory", str(folder)),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True)


def status():
    done = subprocess.run([HOLDFAST, "status", "--json", "--run-dir", FOLDER / "run"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Surprise(f"holdfast status: {done.stderr.strip()}")
    return json.loads(done.stdout)


def wait_until_healthy(servers, seconds=20.0):
    deadline = time.monotonic() + seconds
    while True:
        for end, server in servers.items():
            if server.poll() is not None:
                raise Surprise(f"the {end.role}'s web server ended with {server.returncode}")
        checks = status()["checks"]
        if len(checks) == len(ENDPOINTS) and all(
                check["raw"] == "healthy" and check["verified"] for check in checks):
            return
        if time.monotonic() > deadline:
            raise Surprise(f"the checks are not healthy after {seconds:g} s: {checks}")
        time.sleep(0.05)


def dig(expected, *options):
    """Runs dig at the client's end, shows what it shows; Surprise unless it is `expected`."""
    words = ["dig", f"@{netpair.Pair.address4(1)}", OWNER, "A", "+norec", "+tries=1", "+time=2",
             *options]
    say(f"$ {' '.join(words)}")
    done = subprocess.run(exec_command(*words, "+noall", "+comments", "+answer"),
                          capture_output=True, text=True, check=False)
    text = "\n".join(line for line in done.stdout.splitlines() if line.strip())
    say(text)
    if done.returncode != 0 or "status: NOERROR" not in text or not re.search(
            rf"\sA\s+{re.escape(expected)}$", text, re.MULTILINE):
        raise Surprise(f"dig was expected to show {expected} {done.stderr.strip()}")


def query(ident):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in OWNER.split("."))
    return ident.to_bytes(2, "big") + bytes.fromhex("0000 0001 0000 0000 0000") + labels + bytes(
        (0, 0, 1, 0, 1))


def asked_until_changed(asking, old, new, seconds):
    """Asks one query after the other. Returns the stamp of the first answer that is `new`, with the
    number of answers before it; Surprise on any answer that is neither."""
    old, new = socket.inet_aton(old), socket.inet_aton(new)
    deadline, before, lost = time.monotonic() + seconds, 0, 0
    while time.monotonic() < deadline:
        sent = query((before + lost) & 0xFFFF)
        asking.send(sent)
        try:
            reply = asking.recv(4096)
        except TimeoutError:
            lost += 1
            continue
        stamp = time.monotonic_ns()
        if reply[:2] != sent[:2]:  # the late reply to a query given up
            continue
        # Behind the question one A record whose owner is a pointer: 12 octets before its address.
        address = reply[len(sent) + 12:len(sent) + 16]
        if address == new:
            return stamp, before
        if address != old:
            raise Surprise(f"a reply is neither the old answer nor the new one: {reply.hex()}")
        before += 1
    raise Surprise(f"no changed answer within {seconds:g} s ({before} old ones, {lost} lost)")


def transition_ns(check, after_ns, seconds=3.0):
    """When health observed what made the check unhealthy, from control's log line."""
    pattern = re.compile(rf"transition {re.escape(check)} unhealthy .*?observed_ns=(\d+)")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for found in pattern.findall((FOLDER / "log").read_text(errors="replace")):
            if int(found) > after_ns:
                return int(found)
        time.sleep(0.02)
    raise Surprise("control's log has no line of the transition")


def fail_over(server):
    """Kills the primary's web server under a tight loop of queries. Returns both times in ns."""
    pair = netpair.Pair(NAME)
    asking = netpair.inside(pair.client, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with asking:
        asking.connect((pair.server4, 53))
        asking.settimeout(0.05)
        gc.disable()
        died = time.monotonic_ns()
        server.send_signal(signal.SIGKILL)
        changed, before = asked_until_changed(asking, PRIMARY.address, SECONDARY.address, 10.0)
        gc.enable()
    say(f"{before} answers still said {PRIMARY.address}, then the first said {SECONDARY.address}")
    return changed - died, changed - transition_ns(PRIMARY.check, died)


def show(folder, options, servers):
    write_config(folder)
    way = lab_up(folder / "node.toml", options.io)
    for end in ENDPOINTS:
        servers[end] = start_web_server(end, folder / end.role)
    wait_until_healthy(servers)
    say(f"\nHoldfast answers ({way}); both web servers are healthy:\n")
    dig(PRIMARY.address, "+noedns")
    dig(PRIMARY.address, "+tcp")
    dig(PRIMARY.address, "+edns=0", "+bufsize=1232")
    say(f"\nkilling the primary's web server ({PRIMARY.address}):\n")
    death, transition = fail_over(servers[PRIMARY])
    dig(SECONDARY.address)
    replies = {reader["role"]: reader["counters"].get("replies", 0)
               for reader in status()["readers"]}
    if way != "sockets" and not replies.get("dataplane"):
        raise Surprise(f"the data plane answered nothing: {replies}")
    return death, transition


def show_log(lines=30):
    with contextlib.suppress(FileNotFoundError):
        log = (FOLDER / "log").read_text(errors="replace").splitlines()[-lines:]
        say("\n".join(["the end of Holdfast's log:", *log]))


def say_how_to_go_on(folder):
    say(f"""
It goes on running; the primary's web server is dead, the secondary's lives. Its configuration is in
{folder}. From {ROOT}:
  tools/lab exec --name {NAME} dig @{netpair.Pair.address4(1)} {OWNER}
  {HOLDFAST.relative_to(ROOT)} status --run-dir {FOLDER}/run
  {HOLDFAST.relative_to(ROOT)} explain {OWNER} A --run-dir {FOLDER}/run
  tools/lab down --name {NAME}          ends it
""")


def clean_up(folder, servers):
    """Returns whether nothing is left behind."""
    for server in servers.values():
        server.kill()
        server.wait()
    down = lab("down", "--name", NAME) == 0
    shutil.rmtree(folder)
    return down


def run(options):
    """Returns the two times in ns; None after a complaint. Leaves nothing behind without --keep."""
    folder, servers, times = Path(tempfile.mkdtemp(prefix="holdfast-quickstart-")), {}, None
    try:
        times = show(folder, options, servers)
    except (Surprise, OSError) as error:
        show_log()
        say(f"quickstart: {error}")
    except KeyboardInterrupt:
        say("quickstart: interrupted")
    finally:
        if not (options.keep and times) and not clean_up(folder, servers):
            times = None
    if times and options.keep:
        say_how_to_go_on(folder)
    return times


def main(arguments):
    parser = argparse.ArgumentParser(prog="tools/quickstart")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--io", choices=WAYS)
    parser.add_argument("--no-build", action="store_true")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if FOLDER.exists():
        say(f"quickstart: one stands already; tools/lab down --name {NAME} ends it")
        return 1
    times = run(options)
    if times is None:
        return 1
    death, transition = times
    say(f"death to first changed answer: {death / 1e6:.1f} ms")
    say(f"transition to first changed answer: {transition / 1e3:.0f} us on the wire")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
