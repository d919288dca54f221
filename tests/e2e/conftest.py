"""What the tests of this folder share: a maker of nodes and of endpoints, each ended after its test
or its file, also when that failed.
"""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

import pytest

# The routing spec's cases and the evaluator that running processes are compared with.
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "oracle"))

pytest.register_assert_rewrite("answer_zone", "fast_client", "holdfast_node", "lab_site",
                               "traffic_site", "watch")

import endpoints  # noqa: E402
import holdfast_node  # noqa: E402
import watch  # noqa: E402


def pytest_terminal_summary(terminalreporter):
    for line in watch.FIGURES:
        terminalreporter.write_line(line)


@contextlib.contextmanager
def open_folder():
    """A folder that anyone may enter: holdfast-sockets is another user than this test, and pytest's
    own folders are closed."""
    with tempfile.TemporaryDirectory(prefix="holdfast-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@contextlib.contextmanager
def everything(folder):
    """Gives a maker with .node(...) and .endpoint(...)."""
    with contextlib.ExitStack() as stack:
        class Make:
            @staticmethod
            def node(*words, **options):
                made = holdfast_node.Node(folder, *words, **options)
                stack.callback(made.close)
                return made

            @staticmethod
            def endpoint(*words, **options):
                made = endpoints.Endpoint(*words, **options)
                stack.callback(made.close)
                return made

        yield Make


@pytest.fixture(name="make", scope="module")
def fixture_make():
    """For nodes that a whole file shares."""
    with open_folder() as folder, everything(folder) as make:
        yield make


@pytest.fixture(name="tmp_path")
def fixture_tmp_path():
    """In place of pytest's own."""
    with open_folder() as folder:
        yield folder


@pytest.fixture(name="make_one")
def fixture_make_one(tmp_path):
    """For a node of one test."""
    with everything(tmp_path) as make:
        yield make
