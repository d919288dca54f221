"""tools/lab: networks, processes, crashes. A small responder stands in for Holdfast: what is tested
is the lab alone, with every way in which the process behind it can behave.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "lib"))
import hugepages  # noqa: E402
import netpair  # noqa: E402
from journal import Journal  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")

# Reads the rendered file as Holdfast would and answers each query with its own question.
RESPONDER = """#!/usr/bin/python3
import select, socket, subprocess, sys, time, tomllib
mode = MODE
if mode == "fails":
    sys.exit("no such zone")
config = tomllib.load(open(sys.argv[3], "rb"))
child = subprocess.Popen(["sleep", "600"])
if mode == "silent":
    time.sleep(600)
ways = []
for listen in config["listen"]:
    family = socket.AF_INET6 if ":" in listen["address"] else socket.AF_INET
    ways.append(socket.socket(family, socket.SOCK_DGRAM))
    ways[-1].bind((listen["address"], listen["port"]))
while True:
    for way in select.select(ways, [], [])[0]:
        query, client = way.recvfrom(4096)
        way.sendto(query[:2] + bytes((query[2] | 0x80,)) + query[3:], client)
"""


def lab(*words, check=True, **options):
    done = subprocess.run([ROOT / "tools" / "lab", *words], capture_output=True, text=True,
                          timeout=60, check=False, **options)
    assert not check or done.returncode == 0, done.stderr
    return done


def machine():
    """All that a lab may touch, to be compared before and after."""
    return {
        "namespaces": sorted(path.name for path in Path("/run/netns").glob("hf-t*")),
        "mounts": [line for line in Path("/proc/mounts").read_text().splitlines()
                   if "holdfast-lab/t" in line],
        "folders": sorted(str(path) for folder in ("/run/holdfast-lab", "/run/lock", "/dev/shm")
                          for path in Path(folder).glob("*") if path.name.startswith(
                              ("t-", "holdfast-lab-t"))),
        "links": subprocess.run(["ip", "-br", "link"], capture_output=True, text=True,
                                check=True).stdout,
    }


@pytest.fixture(name="site")
def fixture_site(tmp_path):
    """A node file and responders; afterwards every lab is down and the machine as it was."""
    before, pages = machine(), hugepages.total()
    (tmp_path / "node.toml").write_text('[tables]\nsize = "2M"\n[[zone]]\norigin = "a.test"\n')
    for mode in ("answers", "silent", "fails"):
        (tmp_path / mode).mkdir()
        program = tmp_path / mode / "holdfast"
        program.write_text(RESPONDER.replace("MODE", repr(mode)))
        program.chmod(0o755)
    yield tmp_path
    for name in ("t-one", "t-two"):
        lab("down", "--name", name)
    assert machine() == before
    assert hugepages.total() == pages


def up_words(site, mode="answers", name="t-one", *more):
    return ["up", "--config", site / "node.toml", "--binary", site / mode, "--name", name,
            "--io", "sockets", *more]


def processes_of(name):
    return subprocess.run(["ip", "netns", "pids", f"hf-{name}-srv"], capture_output=True, text=True,
                          check=False).stdout.split()


ASK = """import os, socket
for key, family in (("HOLDFAST_LAB_ADDRESS", socket.AF_INET),
                    ("HOLDFAST_LAB_ADDRESS6", socket.AF_INET6)):
    asking = socket.socket(family, socket.SOCK_DGRAM)
    asking.settimeout(2)
    asking.sendto(b"\\1\\2" + bytes(10), (os.environ[key], 53))
    print(asking.recv(99)[:3].hex())
"""


def test_a_client_reaches_the_server_and_down_leaves_nothing(site):
    lab(*up_words(site))
    assert lab("address", "--name", "t-one").stdout == "10.9.0.1\n"
    assert lab("address", "--ipv6", "--name", "t-one").stdout == "fd09::1\n"
    asked = lab("exec", "--name", "t-one", "/usr/bin/python3", "-c", ASK)
    assert asked.stdout == "010280\n010280\n"
    assert lab("exec", "--name", "t-one", "--", "sh", "-c", "exit 7", check=False).returncode == 7
    lab("down", "--name", "t-one")
    assert processes_of("t-one") == []
    assert lab("address", "--name", "t-one", check=False).returncode == 1


def test_frames_carry_whole_checksums_and_neighbours_never_age(site):
    lab(*up_words(site))
    for words, interface in ((["exec"], "c0"), (["exec", "--server"], "s0")):
        features = lab(*words, "--name", "t-one", "ethtool", "-k", interface).stdout
        assert "tx-checksumming: off" in features
        assert "generic-receive-offload: on" in features
        neighbours = lab(*words, "--name", "t-one", "ip", "neigh").stdout
        assert "PERMANENT" in neighbours and "STALE" not in neighbours


def test_labs_stand_side_by_side(site):
    for name in ("t-one", "t-two"):
        lab(*up_words(site, "answers", name))
    lab("down", "--name", "t-one")
    asked = lab("exec", "--name", "t-two", "/usr/bin/python3", "-c", ASK)
    assert asked.stdout == "010280\n010280\n"


def test_a_second_lab_of_one_name_is_refused_and_harms_nothing(site):
    lab(*up_words(site))
    refused = lab(*up_words(site), check=False)
    assert refused.returncode == 1 and "there is a lab 't-one' already" in refused.stderr
    assert lab("exec", "--name", "t-one", "/usr/bin/python3", "-c", ASK).stdout.count("\n") == 2


@pytest.mark.parametrize("mode, says", [
    ("fails", "holdfast ended with status 1"), ("fails", "no such zone"),
    ("silent", "no answer from 10.9.0.1 within 1 s"),
])
def test_a_server_that_does_not_come_up_is_reported_and_cleared_away(site, mode, says):
    before = machine()
    done = lab(*up_words(site, mode, "t-one", "--wait", "1"), check=False)
    assert done.returncode == 1 and says in done.stderr
    assert machine() == before


@pytest.mark.parametrize("words, says", [
    (["--config", "/nowhere.toml"], "/nowhere.toml: No such file"),
    (["--binary", "/nowhere"], "/nowhere/holdfast is not there"),
])
def test_what_is_not_there_is_named_before_anything_is_made(site, words, says):
    done = lab(*up_words(site), *words, check=False)
    assert done.returncode == 1 and says in done.stderr
    assert machine()["namespaces"] == []


def test_names_that_do_not_fit_a_namespace_are_refused(site):
    for name in ("", "A", "x" * 16, "a/b", "x_y", "a b"):
        done = lab(*up_words(site, "answers", name), check=False)
        assert done.returncode == 2 and "expected 1 to 15" in done.stderr, name


def wait_until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def start_silent_up(site):
    """An `up` in progress: all is set up, the server runs, no answer comes."""
    busy = subprocess.Popen([ROOT / "tools" / "lab", *up_words(site, "silent")],
                            stderr=subprocess.DEVNULL)
    # The responder and its child, after nsenter became the responder.
    wait_until(lambda: len(processes_of("t-one")) >= 2)
    return busy


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_up_clears_up_behind_itself(site, sent):
    before = machine()
    busy = start_silent_up(site)
    busy.send_signal(sent)
    assert busy.wait(30) in (130, 143)
    assert machine() == before


def test_down_clears_up_after_a_killed_up(site):
    before = machine()
    busy = start_silent_up(site)
    busy.kill()
    busy.wait()
    assert processes_of("t-one")
    lab("down", "--name", "t-one")
    assert processes_of("t-one") == []
    assert {**machine(), "folders": []} == {**before, "folders": []}
    # The killed one's lock file went with the next holder of the name.
    assert machine() == before


def test_down_ends_the_children_of_a_killed_server(site):
    lab(*up_words(site))
    state = json.loads(Path("/run/holdfast-lab/t-one/state.json").read_text())
    server, = [step for step in state["steps"] if step["kind"] == "process"]
    os.kill(server["pid"], signal.SIGKILL)
    wait_until(lambda: processes_of("t-one") and str(server["pid"]) not in processes_of("t-one"))
    orphans = processes_of("t-one")
    lab("down", "--name", "t-one")
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in orphans), 5)


def test_every_step_is_on_record_and_may_be_undone_alone(site):
    """A crash between any two steps: a record of the first n steps is enough to clear up."""
    before = machine()
    lab(*up_words(site))
    state = Path("/run/holdfast-lab/t-one/state.json")
    kinds = [step["kind"] for step in json.loads(state.read_text())["steps"]]
    assert kinds[:2] == ["namespace", "namespace"] and kinds[-1] == "process"
    # A step that was written down, and the crash came before it was made.
    journal = Journal.load(state.parent)
    journal.add("mount", path="/run/holdfast-lab/t-one/never", keep_folder=False)
    journal.add("namespace", name="hf-t-one-never")
    journal.add("folder", path="/dev/shm/holdfast-lab-t-one-never")
    lab("down", "--name", "t-one")
    assert machine() == before


def test_hugepages_are_given_back_whatever_others_did_meanwhile(tmp_path):
    before = hugepages.total()
    journals = [Journal.create(tmp_path / name) for name in ("one", "two")]
    said = []
    try:
        for extra, journal in enumerate(journals, 1):
            if not hugepages.reserve(hugepages.free() + extra, journal, said.append):
                pytest.skip(f"this machine has none to give: {said[-1]}")
        assert hugepages.total() == before + 3
        assert any("reserved" in sentence for sentence in said)
    finally:
        for journal in journals:  # in the order of their making, not in reverse
            assert journal.undo_all() == []
    assert hugepages.total() == before


@pytest.mark.parametrize("made", [True, False])
def test_a_crash_around_the_reservation_neither_keeps_nor_takes_pages(tmp_path, made):
    before = hugepages.total()
    if made:
        hugepages.set_total(before + 1)
    journal = Journal.create(tmp_path / "one")
    journal.add("hugepages", before=before, added=1, made=False)
    assert journal.undo_all() == []
    assert hugepages.total() == before


def test_hugepages_that_the_kernel_cannot_give_are_not_kept(tmp_path):
    before, said = hugepages.total(), []
    journal = Journal.create(tmp_path / "one")
    assert hugepages.reserve(1 << 22, journal, said.append) is False  # 8 TiB
    assert journal.steps == []
    assert hugepages.total() == before
    assert "the kernel gave" in said[0]


def test_beside_a_packet_socket_the_server_kernel_keeps_quiet_on_udp_53(tmp_path):
    journal = Journal.create(tmp_path / "pair")
    pair = netpair.Pair("t-one")
    try:
        pair.create(journal)
        for quiet in (False, True):
            if quiet:
                pair.hide_udp53_from_server_kernel()
            for address in (pair.server4, pair.server6):
                assert kernel_answers(pair, address, 53) is not quiet
                assert kernel_answers(pair, address, 54)  # other ports are refused as ever
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                way = netpair.inside(pair.client, lambda: socket.socket(family))  # noqa: B023
                way.settimeout(2)
                with pytest.raises(ConnectionRefusedError):
                    way.connect((address, 53))
    finally:
        assert journal.undo_all() == []


def kernel_answers(pair, address, port):
    """Whether "port unreachable" comes back."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    way = netpair.inside(pair.client, lambda: socket.socket(family, socket.SOCK_DGRAM))
    way.settimeout(0.3)
    way.connect((address, port))
    try:
        way.send(b"x")
        way.recv(9)
    except ConnectionRefusedError:
        return True
    except TimeoutError:
        return False
    return True
