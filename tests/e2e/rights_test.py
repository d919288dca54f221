"""What holdfast-sockets may do once `holdfast run` has started it: answer, and nothing else."""

import os
import pwd
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from holdfast_node import BINARIES, needs_programs, until

pytestmark = needs_programs

ZONE = """$ORIGIN a.test.
$TTL 60
@   IN SOA ns1 hostmaster 1 7200 900 1209600 60
@   IN NS  ns1
ns1 IN A   192.0.2.53
www IN A   192.0.2.80
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's child is another user")


def facts(pid):
    """The lines of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, value in (line.split(":", 1) for line in lines)}


def answers(node):
    return node.addresses("www.a.test") == node.addresses("www.a.test", tcp=True) == ["192.0.2.80"]


def as_user(uid, gid, work):
    """What `work` gives in a process of that user, as its exit status."""
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            status = work()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def writable(folder):
    """How many of the files and folders below this process may write."""
    below = [path for path in folder.rglob("*") if not path.is_socket()]
    return sum(os.access(path, os.W_OK) for path in [folder, *below])


def test_it_has_no_rights_whoever_starts_it(make_one):
    node = make_one.node({"a.test": (ZONE, ())}).start()
    assert answers(node)
    found = facts(node.pid("sockets"))
    assert found["NoNewPrivs"] == ["1"]
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(found[name][0], 16) == 0, name


@needs_root
def test_it_is_nobody_and_can_write_neither_tables_nor_the_run_folder(make_one):
    node = make_one.node({"a.test": (ZONE, ())}).start()
    assert answers(node)
    pid, nobody = node.pid("sockets"), pwd.getpwnam("nobody")
    found = facts(pid)
    assert found["Uid"] == [str(nobody.pw_uid)] * 4 and found["Gid"] == [str(nobody.pw_gid)] * 4
    assert found["Groups"] == []
    assert as_user(nobody.pw_uid, nobody.pw_gid, lambda: writable(node.folder)) == 0
    # What it has mapped for writing with others is its own page; the rest of its files it reads.
    shared = [line for line in Path(f"/proc/{pid}/maps").read_text().splitlines()
              if line.split()[1] == "rw-s"]
    assert len(shared) == 1 and "/run/readers/sockets." in shared[0], shared
    # Of its files it has the log open, and its page with its lock: for reading, so that it cannot
    # shorten what others have mapped.
    opened = {link.name: os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
    files = {target: number for number, target in opened.items()
             if target.startswith(str(node.folder)) and number not in ("1", "2")}
    (page,) = files
    assert Path(page).parent.name == "readers", opened
    flags = Path(f"/proc/{pid}/fdinfo/{files[page]}").read_text().split("flags:")[1].split()[0]
    assert int(flags, 8) & (os.O_RDWR | os.O_WRONLY) == os.O_RDONLY


@needs_root
def test_it_starts_again_and_again_and_leaves_nothing_behind(make_one):
    node = make_one.node({"a.test": (ZONE, ())}).start()
    for _ in range(3):
        before = node.kill("sockets")
        until(lambda: node.pid("sockets") not in (0, before))
        until(lambda: answers(node))
        assert facts(node.pid("sockets"))["Uid"][0] != "0"
    until(lambda: len(list((node.folder / "run" / "readers").iterdir())) == 1)
    assert node.stop() == 0
    node.start()
    until(lambda: len(list((node.folder / "run" / "readers").iterdir())) == 1)


@needs_root
def test_it_is_not_held_up_by_what_it_left_as_root(make_one):
    """A run folder of a version, or a [node] user, whose process was root."""
    node = make_one.node({"a.test": (ZONE, ())})
    text = node.config.read_text()
    node.config.write_text(text.replace("[node]\n", '[node]\nuser = ""\n'))
    node.start()
    assert facts(node.pid("sockets"))["Uid"][0] == "0"
    assert answers(node)
    node.process.send_signal(signal.SIGKILL)
    node.process.wait()
    readers = node.folder / "run" / "readers"
    for name in ("sockets.1", f"sockets.{node.process.pid}-1", ".sockets.1.new"):
        (readers / name).write_bytes(b"left over")
        (readers / name).chmod(0o600)
    readers.chmod(0o700)
    (node.folder / "run" / "root").chmod(0o600)
    node.config.write_text(text)
    node.start()
    assert answers(node)
    assert facts(node.pid("sockets"))["Uid"][0] != "0"
    assert stat.S_IMODE((node.folder / "run" / "root").stat().st_mode) == 0o644


@needs_root
@pytest.mark.parametrize("user, said", [
    ("no-such-user", "'no-such-user': there is no such user"), ("root", "expected another one")])
def test_a_user_that_cannot_be_is_refused_before_anything_starts(make_one, user, said):
    node = make_one.node({"a.test": (ZONE, ())})
    node.config.write_text(node.config.read_text().replace(
        "[node]\n", f'[node]\nuser = "{user}"\n'))
    done = node.call("run", status=1)
    assert said in done.stderr and "[node] user" in done.stderr
    assert "started" not in done.stderr
    checked = node.call("check")  # may be of another machine
    assert "warning: " in checked.stderr and said in checked.stderr


def test_processors_that_are_not_there_are_refused_before_anything_starts(make_one):
    node = make_one.node({"a.test": (ZONE, ())})
    node.config.write_text(node.config.read_text().replace(
        "[node]\n", "[node]\ncontrol_core = 1000\n"))
    said = "[node] control_core names CPU 1000; expected one of "
    done = node.call("run", status=1)
    assert said in done.stderr and "started" not in done.stderr
    assert f"holdfast: warning: {node.config}: {said}" in node.call("check").stderr


@needs_root
def test_a_run_folder_closed_to_the_user_is_said(make_one):
    node = make_one.node({"a.test": (ZONE, ())})
    node.folder.chmod(0o700)
    node.launch()
    until(lambda: f"may not enter {node.folder}: `chmod o+x {node.folder}` lets it" in node.log())
    node.folder.chmod(0o755)  # and no restart of ours is needed
    until(lambda: "holdfast: ready" in node.log())
    assert answers(node)


@needs_root
def test_another_user_is_told_whom_control_answers(make_one):
    node = make_one.node({"a.test": (ZONE, ())}).start()
    words = [BINARIES / "holdfast", "status", "--run-dir", node.folder / "run"]

    def status():
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False,
                              user="nobody", group="nogroup", extra_groups=[])

    done = status()
    assert done.returncode == 3 and "sockets (pid" in done.stdout
    assert (f"which user id {pwd.getpwnam('nobody').pw_uid} may not use: ask as the user that runs "
            "it, `sudo holdfast ...`") in done.stderr
    (node.folder / "run" / "readers").chmod(0o700)
    hidden = status()
    (node.folder / "run" / "readers").chmod(0o755)
    assert "readers are not shown: this user may not look" in hidden.stdout


def image_of(node):
    image, = node.folder.glob("holdfast-*-image-*")
    return image


def may_read(path, user):
    who = pwd.getpwnam(user)
    return as_user(who.pw_uid, who.pw_gid, lambda: int(os.access(path, os.R_OK))) == 1


@needs_root
def test_the_tables_are_read_by_their_readers_alone(make_one):
    node = make_one.node({"a.test": (ZONE, ())}).start()
    assert answers(node)

    def is_closed():
        image = image_of(node)
        return (stat.S_IMODE(image.stat().st_mode) == 0o640 and may_read(image, "nobody") and
                not may_read(image, "daemon"))
    assert is_closed()
    # A restarted control closes what a version before it had left open.
    image = image_of(node)
    image.chmod(0o644)
    os.chown(image, 0, 0)
    before = node.kill("control")
    until(lambda: node.pid("control") not in (0, before))
    until(is_closed)
    assert image_of(node) == image
    # Moved to another size they are new, and no less closed.
    node.config.write_text(node.config.read_text().replace('size = "8M"', 'size = "16M"'))
    before = node.kill("control")
    until(lambda: node.pid("control") not in (0, before))
    until(lambda: not image.exists())
    assert is_closed() and answers(node)
    before = node.kill("sockets")
    until(lambda: node.pid("sockets") not in (0, before))
    until(lambda: answers(node))
    assert ": whole" in node.call("tables", "verify").stdout
    done = subprocess.run([BINARIES / "holdfast", "tables", "verify", "--run-dir",
                           node.folder / "run"], capture_output=True, text=True, timeout=60,
                          check=False, user="daemon", group="daemon", extra_groups=[])
    assert done.returncode != 0
    assert f"its owner and its group may, whom `ls -l {image_of(node)}` names" in done.stderr


@needs_root
def test_a_root_block_closed_to_the_user_is_said(make_one):
    node = make_one.node({"a.test": (ZONE, ())}).start()
    root = node.folder / "run" / "root"
    root.chmod(0o600)
    node.kill("sockets")
    until(lambda: f"may not read it: `chmod o+r {root}` lets it" in node.log())
    assert "holdfast-control makes it" not in node.log().split("may not read it")[-1]
    root.chmod(0o644)
    until(lambda: answers(node))
