"""The worked examples of tools/examples/failover: walked through in a lab, and their page says what
was seen.
"""

import re
import subprocess
from pathlib import Path

import pytest
from lab_site import Lab, needs_lab

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "tools" / "examples" / "failover"

pytestmark = needs_lab


@pytest.fixture(name="walked", scope="module")
def fixture_walked():
    lab = Lab()
    lab.command("up", "--config", EXAMPLE / "node.toml")
    try:
        yield subprocess.run([ROOT / "tools" / "lab", "exec", "--name", lab.name, EXAMPLE / "walk"],
                             capture_output=True, text=True, timeout=120, check=False)
    finally:
        lab.command("down")


def test_every_configuration_fails_over_as_its_page_says(walked):
    assert walked.returncode == 0, walked.stdout + walked.stderr
    shown = re.findall(r"^```text\n(.*?)^```$", (EXAMPLE / "README.md").read_text(),
                       re.MULTILINE | re.DOTALL)
    assert "".join(shown) == walked.stdout
    assert walked.stdout.count("www.") == 7
