"""tools/quickstart end to end on what is built: the two figures, and nothing left behind."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("holdfast", "holdfast-control", "holdfast-dataplane", "holdfast-sockets")

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root"),
    pytest.mark.skipif(not all((ROOT / "build" / "tools" / name).exists() for name in PROGRAMS),
                       reason="programs are not built in build/")]


def quickstart(*words):
    return subprocess.run([ROOT / "tools" / "quickstart", *words], capture_output=True, text=True,
                          timeout=180, check=False)


def namespaces():
    return {path.name for path in Path("/run/netns").glob("hf-quickstart*")}


@pytest.mark.parametrize("way", ["af_xdp", "af_packet", "sockets"])
def test_it_shows_a_failover_and_leaves_nothing_behind(way):
    done = quickstart("--no-build", f"--io={way}")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"death to first changed answer: \d+\.\d ms", lines[-2])
    assert re.fullmatch(r"transition to first changed answer: \d+ us on the wire", lines[-1])
    assert f"Holdfast answers ({way})" in done.stdout
    assert not namespaces() and not Path("/run/holdfast-lab/quickstart").exists()


def test_what_is_not_there_is_refused():
    done = quickstart("--fly")
    assert done.returncode == 2 and "--fly" in done.stderr
    assert "--keep" in quickstart("--help").stdout
