"""What disturbs a run: time stolen by the host, runs that are repeated, the one that is kept."""

import pytest
import quiet

STAT = """cpu  10 0 20 300 0 0 1 700 0 0
cpu0 5 0 10 150 0 0 0 250 0 0
cpu1 5 0 10 150 0 0 1 450 0 0
intr 99 1 2 3 4 5 6 7 8 9
"""


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    taken = []
    monkeypatch.setattr(quiet.time, "sleep", taken.append)
    return taken


def test_steal_is_read_for_each_core():
    assert quiet.stolen(STAT) == {"cpu0": 250 / quiet.TICKS, "cpu1": 450 / quiet.TICKS}
    assert quiet.stolen("cpu0 1 2 3\ncpu1\n\n") == {}  # kernels before 2.6.11
    assert set(quiet.stolen()) >= {"cpu0"}


def test_the_core_that_lost_most_counts():
    before, after = {"cpu0": 1.0, "cpu1": 2.0}, {"cpu0": 1.5, "cpu1": 2.1, "cpu2": 9.0}
    assert quiet.stolen_share(before, after, 2.0) == 0.25  # of cpu2 it is not known
    assert quiet.stolen_share({}, {}, 2.0) == 0


def runs(*shares):
    values = iter(shares)

    def once():
        share = next(values)
        return share, f"run {share}"
    return once


def test_a_disturbed_run_is_repeated_after_a_pause(pauses):
    counted = quiet.Quiet(patience=100)
    assert counted.run(runs(0.1, 0.02), 0.02, "x") == "run 0.02"
    assert (counted.runs, counted.repeated, counted.kept) == (2, 1, 0)
    assert pauses == [1] and 99 < counted.patience < 100


def test_the_least_disturbed_is_kept_when_none_was_good(pauses):
    counted = quiet.Quiet(patience=0)
    assert counted.run(runs(0.3, 0.1, 0.1), 0.02, "x") == "run 0.1"
    assert counted.run(runs(0.0), 0.02, "x") == "run 0.0"
    assert (counted.runs, counted.repeated, counted.kept) == (4, 2, 1)
    assert "4 runs, 2 of them repeated" in counted.note("2%")
    assert "1 kept although that was so" in counted.note("2%")
    assert pauses == [0, 0]


def test_patience_ends(monkeypatch):
    now = [0.0]
    taken = []

    def sleep(seconds):
        taken.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(quiet.time, "sleep", sleep)
    monkeypatch.setattr(quiet.time, "monotonic", lambda: now[0])
    counted = quiet.Quiet(patience=200)
    counted.run(runs(*[0.5] * 100), 0.02, "x")
    assert sum(taken) == 200 and max(taken) == quiet.LONGEST_PAUSE
    counted.run(runs(*[0.5] * quiet.LEAST_TRIES), 0.02, "x")  # nothing is left for the next
    assert counted.kept == 2
