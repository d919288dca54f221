"""Shared files with flipped bits, left over or of somebody else. Damage is refused or mended at the
start, never read out of bounds while answers go on; foreign files stay as they are. Each test
prints its "FAULT" line with the seed.

HOLDFAST_SEEDS says how often bits flip while it serves. `tools/test --sanitize` has the A8 tests
run with programs that end at the first read out of bounds (HOLDFAST_BINARIES).
"""

import contextlib
import fcntl
import hashlib
import mmap
import os
import random
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

import dns.message
import pytest
from answer_zone import ROWS, ZONES, Asker, absolute, hold
from fast_client import Client, packet
from holdfast_node import ADDRESSES, Check, needs_programs, until
from watch import report

pytestmark = needs_programs

SEED = 20261122
FORMAT = 6  # table::kFormatVersion
VERSION_AT, OCTETS_AT, CRC_AT, INDEX_AT, HEALTH_AT, USED_AT, SETTINGS_AT = 8, 16, 28, 64, 68, 76, 80
HEADER = 4096


@pytest.fixture(name="node")
def fixture_node(make_one):
    checks = [Check("up", make_one.endpoint(mode="pass"), fall=40),
              Check("down", make_one.endpoint(mode="fail"), fall=2)]
    return make_one.node(ZONES, checks, size="2M")


def start(node):
    """@return seconds until it was ready; its answers are looked at."""
    began = time.monotonic()
    node.start()
    took = time.monotonic() - began
    node.await_checks(up="healthy", down="unhealthy")
    hold_all(node)
    return took


def hold_all(node):
    asker = Asker(socket.socket, node.port, *ADDRESSES)
    for row in ROWS:
        hold(row, asker.row(row))


def image_of(node):
    return Path(node.status()["tables"]["path"])


def runs(pid):
    """Also while a thread of a killed process has not ended: it holds its files until then."""
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state not in "ZX" or len(os.listdir(f"/proc/{pid}/task")) > 1
    return False


def flip(octets, bits):
    for bit in bits:
        octets[bit // 8] ^= 1 << bit % 8


@contextlib.contextmanager
def mapped(path):
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as octets:
        yield octets


def used_octets(octets):
    return 16 * struct.unpack_from("<I", octets, USED_AT)[0]


# ---- A8: damage ---------------------------------------------------------------------------------

def anywhere(octets, dice):
    """A few bits of what is in use."""
    flip(octets, [dice.randrange(8 * used_octets(octets)) for _ in range(8)])


def in_the_header(octets, dice):
    flip(octets, [dice.randrange(8 * INDEX_AT)])


def in_the_directory(octets, _):
    struct.pack_into("<I", octets, INDEX_AT, 0xfffffff0)


def in_the_health(octets, dice):
    table = 16 * struct.unpack_from("<I", octets, HEALTH_AT)[0]
    octets[table + 64 + 24 + dice.randrange(3)] = 200  # a state that there is not


def in_the_settings(octets, dice):
    table = 16 * struct.unpack_from("<I", octets, SETTINGS_AT)[0]
    flip(octets, [8 * (table + 12) + dice.randrange(8 * (704 - 12))])  # what its checksum covers


def in_the_root(octets, dice):
    flip(octets, [dice.randrange(8 * len(octets)) for _ in range(8)])


def in_the_mark_of_the_root(octets, dice):
    flip(octets, [dice.randrange(8 * 16)])


def cut_short(octets, _):
    octets.resize(100)


DAMAGES = {anywhere: 5, in_the_header: 2, in_the_directory: 1, in_the_health: 1,
           in_the_settings: 2}
ROOT_DAMAGES = {in_the_root: 2, in_the_mark_of_the_root: 2, cut_short: 1}


def kill_all(node):
    """Also nothing of it runs any more."""
    pids = [node.pid(name) for name in ("control", "sockets")]
    node.process.kill()
    node.process.wait()
    until(lambda: not any(map(runs, pids)))


def test_A8_damaged_files_at_the_start_are_mended(node):
    dice, took, anew = random.Random(SEED), [], 0
    start(node)
    for damages, path in ((DAMAGES, lambda: image), (ROOT_DAMAGES, lambda: root)):
        for damage, times in damages.items():
            for _ in range(times):
                image, root = image_of(node), node.folder / "run" / "root"
                before = image.read_bytes()[:INDEX_AT]  # when and as which it was made
                kill_all(node)
                with mapped(path()) as octets:
                    damage(octets, dice)
                took.append(start(node))
                is_new = image_of(node).read_bytes()[:INDEX_AT] != before
                assert is_new or damage in (anywhere, in_the_root), damage
                anew += is_new
                assert "whole" in node.call("tables", "verify").stdout
    report("A8", round(max(took), 2), "s", f"slowest of {len(took)} starts on damaged files, "
           f"{anew} built anew, the others mended; seed {SEED}")


def again(node):
    """Control ends, and another one works."""
    before = node.kill("control")

    def ready():
        with contextlib.suppress(OSError, ValueError):
            return node.status()["pid"] != before
    until(ready)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a folder with little room")
def test_A8_damage_where_there_is_no_room_for_two_is_mended_elsewhere(node):
    small = node.folder / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3M,mode=755", "none", small], check=True)
    try:
        text = node.config.read_text()
        node.config.write_text(text.replace(f'directory = "{node.folder}"',
                                            f'directory = "{small}"'))
        start(node)
        image = image_of(node)
        assert image.parent == small
        with mapped(image) as octets:
            in_the_directory(octets, None)
        again(node)
        assert f"{small}: No space left" in node.log()
        assert "warning: the tables are built in /dev/shm and not as [tables] asks" in node.log()
        assert image_of(node).parent == Path("/dev/shm")
        assert not image.exists()
        hold_all(node)
        again(node)  # what was in the way is gone: back
        assert image_of(node).parent == small
        hold_all(node)
    finally:
        node.stop()
        node.run("tables", "remove")
        subprocess.run(["umount", small], check=True)


class Standing:
    """A node in which nobody but the reader moves: neither control, which would write, nor the
    supervisor, which would replace it."""

    def __init__(self, node):
        # Control may be on its way up again; 0 would be this whole process group.
        self.pids = [node.process.pid, until(lambda: node.pid("control"))]

    def __enter__(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)

    def __exit__(self, *_):
        for pid in reversed(self.pids):
            os.kill(pid, signal.SIGCONT)


class Questions:
    """All rows, each sent at once; whoever answers and what."""

    def __init__(self, port):
        self.client = Client(ADDRESSES[0], port)
        self.packets = [packet(absolute(name), rrtype) for name, rrtype, *_ in ROWS.values()]
        self.rows, self.judged = list(ROWS), {}

    def ask(self, which, seconds):
        """@return {index: reply} of those that answered in time."""
        for index in which:
            self.client.way.send(struct.pack(">H", index) + self.packets[index])
        found, deadline = {}, time.monotonic() + seconds
        while len(found) < len(which) and time.monotonic() < deadline:
            self.client.way.settimeout(max(0.001, deadline - time.monotonic()))
            with contextlib.suppress(TimeoutError):
                got = self.client.way.recv(65535)
                found[struct.unpack_from(">H", got)[0]] = got
        return found

    def right(self, replies):
        return all([self.right_one(*one) for one in replies.items()])

    def right_one(self, index, reply):
        if (index, reply) not in self.judged:
            try:
                hold(self.rows[index], dns.message.from_wire(reply))
                self.judged[index, reply] = True
            except (AssertionError, dns.exception.DNSException):
                self.judged[index, reply] = False
        return self.judged[index, reply]

    def all_right(self):
        everything = range(len(self.packets))
        found = self.ask(everything, 5)
        return len(found) == len(everything) and self.right(found)


SEEDS = int(os.environ.get("HOLDFAST_SEEDS", "1000"))
VERIFIED = 8  # `tables verify` looks at one in so many


def test_A8_flipped_bits_while_serving_kill_nobody(node):
    start(node)
    image, reader = image_of(node), node.pid("sockets")
    ask = Questions(node.port)
    absent = changed = found = looked = missed = 0
    with Standing(node), mapped(image) as octets:
        used = used_octets(octets)
        for number in range(SEEDS):
            dice = random.Random(SEED + number)
            bits = [dice.randrange(8 * used) for _ in range(dice.choice((1, 1, 4, 64)))]
            flip(octets, bits)
            which = dice.sample(range(len(ROWS)), 12)
            replies = ask.ask(which, 0.5)
            absent += len(which) - len(replies)
            right = ask.right(replies)
            changed += not right
            if number % VERIFIED == 0:
                done = node.run("tables", "verify")
                assert done.returncode in (0, 1), done
                looked += 1
                found += done.returncode
                missed += done.returncode == 0 and not right
            flip(octets, bits)
            assert runs(reader), number
            if number % 50 == 49:
                until(ask.all_right)  # an answer of before may lie in the socket still
        assert "whole" in node.call("tables", "verify").stdout
    assert node.pid("sockets") == reader and runs(reader)
    node.await_checks(up="healthy", down="unhealthy")
    hold_all(node)
    assert found > looked // 4
    report("A8-serving", 0, "crashes", f"in {SEEDS} seeds from {SEED}: {changed} changed an "
           f"answer, {absent} answers absent; verify found {found} of {looked} it looked at, "
           f"{missed} of those with a changed answer not")


# ---- A9: files of others ------------------------------------------------------------------------

def crc32c(octets):
    crc = 0xffffffff
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ 0x82f63b78 * (crc & 1)
    return crc ^ 0xffffffff


def of_version(octets, version):
    """The image as another format's header would begin it."""
    octets = bytearray(octets)
    struct.pack_into("<I", octets, VERSION_AT, version)
    struct.pack_into("<I", octets, CRC_AT, 0)
    struct.pack_into("<I", octets, CRC_AT, crc32c(octets[:INDEX_AT]))
    return octets


def seen(path):
    """All that must not change of a file."""
    st = path.lstat()
    content = (os.readlink(path) if path.is_symlink() else
               hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
    return st.st_ino, st.st_mode, st.st_uid, st.st_nlink, st.st_size, st.st_mtime_ns, content


def plant(path, content):
    path.write_bytes(content)
    os.utime(path, (1, 1))
    return path


def foreign_images(node, image):
    """Files where the next images would lie, none of which may be taken: their paths."""
    whole = image.read_bytes()
    stem = str(image).rsplit("-", 1)[0]
    names = (Path(f"{stem}-{number}") for number in range(1, 100))
    yield plant(next(names), b"somebody else's file")
    yield plant(next(names), b"")
    yield plant(next(names), of_version(whole, FORMAT - 1))
    yield plant(next(names), of_version(whole, FORMAT + 1))
    yield plant(next(names), whole[:-4096])
    yield plant(next(names), whole + bytes(4096))
    link, pipe, folder = (next(names) for _ in range(3))
    link.symlink_to(plant(node.folder / "linked", whole))
    yield link
    yield node.folder / "linked"
    os.mkfifo(pipe)
    yield pipe
    folder.mkdir()
    yield folder
    if os.getuid() == 0:
        other = plant(next(names), whole)
        os.chown(other, 65534, 65534)
        yield other
    yield plant(next(names), whole)  # the last one: the test locks it


def foreign_readers(node):
    """The same among the files of readers."""
    folder = node.folder / "run" / "readers"
    reader = next(folder.iterdir()).read_bytes()
    yield plant(folder / "notes.txt", b"not a reader")
    yield plant(folder / "sockets.1", reader[:100])
    yield plant(folder / "sockets.2", reader[:8] + b"\x09" + reader[9:])
    link = folder / "sockets.3"
    link.symlink_to(plant(node.folder / "linked reader", reader))
    yield link
    yield node.folder / "linked reader"


def test_A9_left_and_foreign_files_stay_as_they_are(node):
    clean = start(node)
    image, root = image_of(node), node.folder / "run" / "root"
    kill_all(node)  # its reader file stays behind, as what a dead reader left
    left = next((node.folder / "run" / "readers").iterdir())
    planted = [*foreign_readers(node)]
    spare = image.read_bytes()
    root.unlink()
    planted += foreign_images(node, image)
    mine = plant(Path(f"{str(planted[-1]).rsplit('-', 1)[0]}-99"), spare)  # left over: ours
    before = {path: seen(path) for path in planted}
    with planted[-1].open("rb") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        took = start(node)
        made = image_of(node)
        assert made not in planted and not mine.exists() and not left.exists()
        assert {path: seen(path) for path in planted} == before
        assert node.stop() == 0
        start(node)
        assert image_of(node) == made  # it goes on from its own
        assert node.stop() == 0
    assert {path: seen(path) for path in planted} == before
    assert took <= clean + 2
    report("A9", round(took, 2), "s", f"to a start among {len(planted)} foreign files, "
           f"{clean:.2f} s without")


FOREIGN_ROOTS = {"symlink": 1, "owner": 1, "folder": 1, "locked": 2}


@pytest.mark.parametrize("foreign", FOREIGN_ROOTS)
def test_A9_a_foreign_root_is_refused_by_name(node, foreign):
    run = node.folder / "run"
    run.mkdir()
    root, victim = run / "root", plant(node.folder / "victim", b"somebody else's file")
    with contextlib.ExitStack() as stack:
        if foreign == "symlink":
            root.symlink_to(victim)
        elif foreign == "folder":
            root.mkdir()
        else:
            plant(root, b"")
        if foreign == "owner":
            if os.getuid() != 0:
                pytest.skip("only root can give files away")
            os.chown(root, 65534, 65534)
        elif foreign == "locked":
            fcntl.flock(stack.enter_context(root.open("rb")), fcntl.LOCK_EX)
        before = [seen(path) for path in (root, victim)]
        done = node.call("run", status=FOREIGN_ROOTS[foreign])
        assert str(run) in done.stderr, done.stderr
        assert [seen(path) for path in (root, victim)] == before
    report(f"A9-root-{foreign}", done.returncode, "exit status")


def test_A9_a_root_of_another_format_makes_way_and_is_kept(node):
    start(node)
    assert node.stop() == 0
    root = node.folder / "run" / "root"
    octets = bytearray(root.read_bytes())
    struct.pack_into("<I", octets, VERSION_AT, FORMAT + 1)
    plant(root, octets)
    before = seen(root)
    took = start(node)
    kept, = root.parent.glob("root.unfit-*")
    assert seen(kept) == before
    report("A9-root-version", round(took, 2), "s", "to a start beside it")
