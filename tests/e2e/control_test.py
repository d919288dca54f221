"""Control under what operators do to it: orders, commands beside files, too few descriptors."""

import os
import resource
import time
from pathlib import Path

import dns.rdatatype
import pytest
from answer_zone import SHORT_ZONE
from holdfast_node import Check, needs_programs, until

pytestmark = needs_programs

ORIGIN = "c.test"
ZONE = SHORT_ZONE.replace("short", "c")


def threads(pid):
    """{name: processors it may run on} of a process."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        allowed = next(line.split()[1] for line in lines if line.startswith("Cpus_allowed_list"))
        found[int(task.name)] = allowed
    return found


def test_without_descriptors_the_socket_rests_and_comes_back(make_one):
    node = make_one.node({ORIGIN: (ZONE, ())}).start()
    pid = node.pid("control")
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, limits[1]))
    try:
        assert node.run("status", "--timeout", "1").returncode != 0
        until(lambda: "control socket: Too many open files" in node.log())
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    assert until(node.status)["pid"] == pid


def test_descriptors_are_taken_up_to_the_hard_limit_and_too_few_are_said(make_one):
    node = make_one.node({ORIGIN: (ZONE, ())}, [Check("up", make_one.endpoint(mode="pass"))])
    node.start()
    pid = node.pid("control")
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    assert soft == hard and f"{hard} descriptors may be open" in node.log()
    assert "surely find one" not in node.log()
    # What the next control is started with.
    resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE, (300, 400))
    killed = node.kill("control")
    until(lambda: node.pid("control") not in (0, killed), seconds=30)
    until(lambda: "400 descriptors may be open" in node.log())
    until(lambda: "1 probes may be under way at a time, and 400 descriptors be open: only 0 surely "
          "find one" in node.log())
    until(lambda: node.log().count(" ready, control socket") == 2)
    assert resource.prlimit(node.pid("control"), resource.RLIMIT_NOFILE) == (400, 400)
    node.await_checks(up="healthy")


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor is everybody's")
def test_only_the_loop_is_pinned_to_the_control_core(make_one):
    node = make_one.node({ORIGIN: (ZONE, ())}, [Check("up", make_one.endpoint(mode="pass"))])
    core = max(os.sched_getaffinity(0))
    node.config.write_text(node.config.read_text().replace(
        "[node]\n", f"[node]\ncontrol_core = {core}\n"))
    node.start()
    node.await_checks(up="healthy")
    pid = node.pid("control")
    allowed = threads(pid)
    assert allowed.pop(pid) == str(core)
    assert len(allowed) >= 3 and str(core) not in allowed.values(), allowed


def test_what_a_command_loaded_is_judged_with_the_files_and_said(make_one):
    node = make_one.node({ORIGIN: (ZONE, ())}).start()
    loaded = node.folder / "loaded"
    loaded.write_text(ZONE + "www 60 IN CNAME elsewhere.example.net.\n")
    assert "passed over" in node.call("zone", "load", ORIGIN, str(loaded)).stderr
    node.put_zone(ORIGIN, ZONE, [{"Name": f"www.{ORIGIN}", "Type": "TXT", "TTL": 60,
                                  "ResourceRecords": [{"Value": '"beside"'}]}])
    node.write_config()
    before = node.status()["generation"]
    refused = node.call("reload", status=1).stderr
    assert "CNAME" in refused and f"{ORIGIN}.json" in refused, refused
    assert node.status()["generation"] == before
    answer = node.ask(f"www.{ORIGIN}", "TXT").answer
    assert [rrset.rdtype for rrset in answer] == [dns.rdatatype.CNAME]
    node.put_zone(ORIGIN, ZONE)
    node.write_config()
    said = node.call("reload").stderr
    assert f"zone {ORIGIN}.: served as `zone load` left it" in said, said
    node.call("zone", "drop", ORIGIN)
    assert f"zone {ORIGIN}.: not served" in node.call("reload").stderr
    # The way back: what the node's file names is loaded by command, and followed from then on.
    back = node.call("zone", "load", ORIGIN, str(node.folder / "." / f"{ORIGIN}.zone"))
    assert not back.stderr and not node.ask(f"www.{ORIGIN}").answer
    node.put_zone(ORIGIN, ZONE.replace(" 1 7200 ", " 2 7200 ") + "www 60 IN A 192.0.2.7\n")
    assert not node.call("reload").stderr
    assert node.addresses(f"www.{ORIGIN}") == ["192.0.2.7"]


def test_nodes_that_name_their_folders_alike_keep_apart(make_one, monkeypatch):
    """Each is started in its own folder with --config node.toml, and all its paths are relative."""
    nodes = []
    for number in (1, 2):
        node = make_one.node({ORIGIN: (ZONE + f"www 60 IN A 192.0.2.{number}\n", ())})
        text = node.config.read_text()
        for name in ("run", "state"):
            text = text.replace(f'"{node.folder}/{name}"', f'"{name}"')
        shared, node.folder = node.folder, node.folder / str(number)
        node.folder.mkdir(mode=0o755)
        (node.folder / "node.toml").write_text(text)
        (shared / f"{ORIGIN}.zone").rename(node.folder / f"{ORIGIN}.zone")
        monkeypatch.chdir(node.folder)
        node.config = "node.toml"
        nodes.append(node.start())
    images = {node.status()["tables"]["path"] for node in nodes}
    assert len(images) == 2 and all(image.startswith("/") for image in images), images
    for number, node in enumerate(nodes, 1):
        for name in ("sockets", "control"):
            killed = node.kill(name)
            until(lambda n=node, k=killed, w=name: n.pid(w) not in (0, k))
        until(lambda n=node, i=number: n.addresses(f"www.{ORIGIN}") == [f"192.0.2.{i}"])


def test_an_order_ends_with_its_check(make_one):
    endpoint = make_one.endpoint(mode="pass")
    node = make_one.node({ORIGIN: (ZONE, ())}, [Check("one", endpoint), Check("two", endpoint)])
    node.start()
    node.await_checks(one="healthy", two="healthy")
    node.call("health", "set", "two", "unhealthy")
    both = node.checks
    node.checks = both[:1]
    node.write_config()
    node.call("reload")
    time.sleep(0.2)  # the disk's thread forgets it
    node.checks = both
    node.write_config()
    node.call("reload")
    node.await_checks(two="healthy")
    killed = node.kill("control")
    until(lambda: node.pid("control") not in (0, killed))
    until(lambda: node.log().count(" ready, control socket") == 2)
    node.await_checks(two="healthy")
    assert {one["override"] for one in node.status()["checks"]} == {"auto"}
