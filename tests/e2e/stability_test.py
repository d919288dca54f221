"""What is short on our own side, and what fails everywhere at once: no false transition, no flood
of news (D6, D13, D15, D16). The large ones run with `tools/test --long`.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import steady
from answer_zone import SHORT_ZONE
from holdfast_node import Check, Node, needs_programs, until
from lab_site import ADDRESS4, CLIENT, DATAPLANE, lab, needs_lab, netpair
from monitoring import Target
from watch import report

pytestmark = [needs_programs, *needs_lab]

only_long = pytest.mark.skipif("HOLDFAST_LARGE" not in os.environ,
                               reason="large: tools/test --long runs it")
SECRET = "secret-of-the-test"
INTERVAL = 50
SO_TIMESTAMPNS = 35
HOOK = 9199  # within the lab
MANY = "10.77"  # a network whose every host is the client's end


class At:
    def __init__(self, address, port):
        self.address, self.port = address, port


class Endpoints:
    """One process at the client's end that takes TCP connections, on one address or on all."""

    def __init__(self, site, address, port):
        self.process = subprocess.Popen(
            [*site.enter(), sys.executable, Path(__file__).with_name("accepting.py"), address,
             str(port)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def ip(namespace, *words):
    subprocess.run(["ip", "-n", namespace, *words], check=True)


def server_of(site):
    return site.client.removesuffix("-cli") + "-srv"


def route_many(site):
    ip(site.client, "route", "add", "local", f"{MANY}.0.0/16", "dev", "lo")
    ip(server_of(site), "route", "add", f"{MANY}.0.0/16", "via", CLIENT)


def many(count, **options):
    """Checks of as many hosts."""
    return [Check(f"m{n}", At(f"{MANY}.{n >> 8 & 255}.{n & 255}", 80 + (n >> 16)), "TCP", **options)
            for n in range(count)]


def checks_of(site):
    """None of them while control is busy with its start."""
    return site.status().get("checks", [])


def all_are(site, state, count):
    checks = checks_of(site)
    return len(checks) == count and all(one["state"] == state and one["verified"]
                                        for one in checks)


def falls_of(site):
    return sum(one["flaps"] for one in checks_of(site))


def set_ports(site, least, most):
    subprocess.run(["nsenter", f"--net=/run/netns/{server_of(site)}", "sysctl", "-q", "-w",
                    f"net.ipv4.ip_local_port_range={least} {most}"], check=True)


def test_D15_ports_that_are_used_up_turn_nothing_down(tmp_path):
    count = 40
    checks = [Check(f"p{n}", At(CLIENT, 80 + n % 2), "TCP", interval_ms=100 + n, rise=1, fall=2)
              for n in range(count)]
    node = Node(tmp_path, {"d15.test": (SHORT_ZONE.replace("short", "d15"), [])}, checks,
                tail=DATAPLANE)
    with lab(node.config) as site, Endpoints(site, CLIENT, 80), Endpoints(site, CLIENT, 81):
        until(lambda: all_are(site, "healthy", count))
        before = falls_of(site)
        set_ports(site, 40000, 40003)
        # Connections that this end closed stay in TIME_WAIT, so four ports are soon gone.
        time.sleep(5)
        short = checks_of(site)
        unknown = sum(one["unknowns"] for one in short)
        set_ports(site, 32768, 60999)
        assert unknown > 0, "no port was short"
        passed = {one["id"]: one["passes"] for one in short}
        until(lambda: all(one["passes"] > passed[one["id"]] for one in checks_of(site)))
        assert falls_of(site) == before
        assert all(one["state"] == "healthy" for one in checks_of(site))
    report("D15", 0, "false transitions", f"with 4 ports for {count} checks: {unknown} probes "
           "learnt nothing in 5 s")


HOG = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
print("ready", flush=True)
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    pass
"""


def test_D16_a_core_that_is_taken_away_turns_nothing_down(make_one):
    """Whatever ran for five seconds, real-time work took the core of all of control's threads."""
    checks = [Check(f"c{n}", make_one.endpoint(), interval_ms=INTERVAL, fall=2, timeout_ms=40)
              for n in range(8)]
    node = make_one.node({"d16.test": (SHORT_ZONE.replace("short", "d16"), [])}, checks)
    node.start()
    node.await_checks(**{check.name: "healthy" for check in checks})
    core = max(os.sched_getaffinity(0))
    for thread in os.listdir(f"/proc/{node.pid('control')}/task"):
        os.sched_setaffinity(int(thread), {core})
    # A machine that is busy with other things may have taken some already: what comes from now on
    # counts.
    before = {one["id"]: one["flaps"] for one in node.status()["checks"]}
    seconds = 5
    due = seconds * 1000 // INTERVAL * len(checks)
    for _ in range(3):  # not every machine lets it go at once
        passes = sum(one["passes"] for one in node.status()["checks"])
        with subprocess.Popen([sys.executable, "-c", HOG, str(core), str(seconds)],
                              stdout=subprocess.PIPE, text=True) as hog:
            assert hog.stdout.readline() == "ready\n"
            hog.wait(timeout=60)
        passes = sum(one["passes"] for one in node.status()["checks"]) - passes
        if passes < due / 2:
            break
    assert passes < due / 2, "the core was not taken away"
    until(lambda: all(one["age_ms"] is not None and one["age_ms"] < 500
                      for one in node.status()["checks"]))
    after = node.status()["checks"]
    assert {one["id"]: one["flaps"] for one in after} == before
    assert all(one["state"] == "healthy" for one in after)
    report("D16", 0, "false transitions",
           f"in {seconds} s without a core: {passes} of {due} probes passed, "
           f"{sum(one['unknowns'] for one in after)} learnt nothing")


@only_long
def test_D6_all_endpoints_failing_at_once_are_one_piece_of_news(tmp_path):
    count = 10_000
    names = 1000  # of the steady load
    records = []
    for n in range(count):
        records += [{"Name": f"n{n}.d6.test", "Type": "A", "TTL": 5, "SetIdentifier": role,
                     "Failover": role, "ResourceRecords": [{"Value": value}],
                     "HealthCheckId": f"m{n}"}
                    for role, value in (("PRIMARY", "192.0.2.1"), ("SECONDARY", "192.0.2.2"))]
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    node = Node(tmp_path, {"d6.test": (SHORT_ZONE.replace("short", "d6"), records),
                           "many.test": (steady.zone(names), [])},
                many(count, interval_ms=3000, rise=1, fall=1, timeout_ms=500), size="100M",
                tail=DATAPLANE + f'[[webhook]]\nurl = "http://127.0.0.1:{HOOK}/hook"\n'
                                 f'secret_file = "{secret}"\n')
    with lab(node.config) as site:
        target = netpair.inside(server_of(site), lambda: Target(SECRET, port=HOOK))
        route_many(site)
        with Endpoints(site, "0.0.0.0", 80):
            until(lambda: all_are(site, "healthy", count), seconds=60)
            load = subprocess.Popen(
                [*site.enter(), sys.executable, Path(__file__).with_name("steady.py"), ADDRESS4,
                 "53", "4000", "25", str(names), "1.0"], stdout=subprocess.PIPE, text=True)
            until(lambda: site.status().get("mass_event") is False, seconds=60)
            before = len(target.taken)
            ip(site.client, "route", "del", "local", f"{MANY}.0.0/16", "dev", "lo")
            # Not asked meanwhile: ten thousand lines of status take the control core for a while.
            time.sleep(3 + 0.5 + 2)
            until(lambda: site.status().get("mass_event") and all_are(site, "unhealthy", count))
            published = site.status()["transitions"]["enqueued_to_published_us"]
            found = json.loads(load.communicate(timeout=60)[0])
            assert found["wrong"] == 0 and found["lost"] <= found["asked"] * 0.03, found
            until(lambda: not site.status()["mass_event"], seconds=30)
            until(lambda: len(target.taken) == before + 2)
        told = target.taken[before:]
        target.close()
    assert [(one["event"], one["new_status"]) for one in told] == [("mass", "mass"),
                                                                   ("mass", "normal")]
    assert f"of which {count} are unhealthy now" in told[1]["reason"], told[1]
    assert told[1]["mass"] == {
        "changes": count, "checks": count, "unhealthy": count, "rule_changes": count,
        "at_last_resort": count, "quorums_lost": 0, "quorums_regained": 0}
    assert told[0]["mass"]["at_last_resort"] > 0, told[0]
    assert [one["sequence"] for one in told] == [before + 1, before + 2], "some were dropped"
    report("D6", round(published["max"]), "us", f"at most from a decision to its answers, p99 "
           f"{published['p99']:.0f}, {count} checks down; {len(told)} events told; the load lost "
           f"{found['lost']} of {found['asked']}")


def count_syns(way, ended, times):
    while not ended.is_set():
        try:
            frame, stamps, *_ = way.recvmsg(200, 64)
        except TimeoutError:
            continue
        # IPv4, TCP, SYN without ACK.
        if len(frame) > 47 and frame[12:14] == b"\x08\0" and frame[23] == 6 and frame[47] == 2:
            seconds, nanoseconds = struct.unpack("qq", stamps[0][2])  # when the kernel got it
            times.append(seconds + nanoseconds * 1e-9)


@only_long
def test_D13_a_hundred_thousand_checks_begin_spread_over_their_interval(tmp_path):
    count, seconds = 100_000, 30
    node = Node(tmp_path, {"d13.test": (SHORT_ZONE.replace("short", "d13"), [])},
                many(count, native=False),
                size="200M", tail=DATAPLANE)
    times, ended = [], threading.Event()
    with lab(node.config) as site:
        route_many(site)
        with Endpoints(site, "0.0.0.0", 80), Endpoints(site, "0.0.0.0", 81):
            before = site.pid("control")
            os.kill(before, signal.SIGKILL)
            until(lambda: site.pid("control") not in (0, before))
            way = site.inside(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                                    socket.htons(0x0800)))
            way.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
            way.bind(("c0", 0x0800))
            way.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            way.settimeout(0.2)
            counting = threading.Thread(target=count_syns, args=(way, ended, times))
            counting.start()
            until(lambda: len(times) > 0, seconds=60)
            time.sleep(seconds + 2)
            ended.set()
            counting.join()
            way.close()
    first = times[0]
    bins = [0] * (seconds * 9)  # until the first ones come again, 10 % early
    for at in times:
        place = int((at - first) * 10)
        if place < len(bins):
            bins[place] += 1
    mean = sum(bins) / len(bins)
    ratio = max(bins) / mean
    assert mean > count / seconds / 10 * 0.9, mean
    report("D13", round(ratio, 2), "greatest by mean", f"probes in 100 ms, {count} checks at "
           f"{seconds} s: {sum(bins)} of them begun in {seconds * 0.9:.0f} s")
