"""Two nodes whose run folders bear one path, each in a mount namespace of its own, as containers
have it, with one folder for the tables of both. Neither writes, adopts or removes the other's.
"""

import contextlib
import os
import subprocess
from pathlib import Path

import pytest
from holdfast_node import BINARIES, Node, needs_programs, until
from watch import report

pytestmark = needs_programs

ORIGIN = "n.test"


class Neighbour(Node):
    """Its folder `run` is what its own processes see at `seen`; its tables lie in `tables`."""

    def __init__(self, folder, seen, tables, last):
        folder.mkdir()
        (folder / "run").mkdir()
        self.seen, self.tables = seen, tables
        zone = (f"$ORIGIN {ORIGIN}.\n$TTL 60\n@ IN SOA ns h 1 7200 900 1209600 60\n@ IN NS ns\n"
                f"ns IN A 192.0.2.53\nwww IN A 192.0.2.{last}\n")
        self.address = f"192.0.2.{last}"
        super().__init__(folder, {ORIGIN: (zone, [])}, size="2M")

    def write_config(self, size="8M"):
        super().write_config(size)
        self.config.write_text(self.config.read_text()
                               .replace(f'"{self.folder}/run"', f'"{self.seen}"')
                               .replace(f'directory = "{self.folder}"',
                                        f'directory = "{self.tables}"'))

    def launch(self):
        inside = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", inside, "sh", self.folder / "run", self.seen,
                 BINARIES / "holdfast", "run", "--config", self.config], stdout=log, stderr=log)

    def image(self):
        return Path(self.status()["tables"]["path"])

    def serves(self):
        return self.addresses(f"www.{ORIGIN}") == [self.address]

    def restart_control(self):
        before = self.kill("control")
        until(lambda: self.control() not in (None, before))

    def control(self):
        """The pid that answers at its socket."""
        with contextlib.suppress(OSError, ValueError):
            return self.status()["pid"]
        return None


@pytest.fixture(name="pair")
def fixture_pair(tmp_path):
    seen, tables = tmp_path / "seen", tmp_path / "tables"
    for folder in (seen, tables):
        folder.mkdir()
    with contextlib.ExitStack() as stack:
        pair = [Neighbour(tmp_path / name, seen, tables, last)
                for name, last in (("one", 1), ("two", 2))]
        for node in pair:
            stack.callback(node.close)
        yield pair


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes mount namespaces")
def test_A10_nodes_with_one_name_in_one_folder_keep_apart(pair):
    one, two = pair
    for node in pair:
        node.start()
    first, second = one.image(), two.image()
    assert first != second and first.parent == second.parent == one.tables
    # In one PID namespace the holder is known.
    assert f"{first} is held by process {one.pid('control')}" in two.log()
    assert one.serves() and two.serves()
    for node, image in ((one, first), (two, second)):  # each goes on from its own
        node.restart_control()
        assert node.image() == image and "adopted" in node.log()
        assert one.serves() and two.serves()
    assert two.stop() == 0  # what it leaves is nobody's: only the one whose it is not lives
    one.restart_control()
    assert one.image() == first and one.serves()
    two.start()
    assert two.image() == second and one.serves() and two.serves()
    report("A10-namespaces", 2, "nodes", "of one run folder's name kept apart in one tables folder")
