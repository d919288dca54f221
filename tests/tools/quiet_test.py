"""What disturbs a run: time stolen by the host, runs that are repeated, the one that is kept."""

import pytest
import quiet

STAT = """cpu  10 0 20 300 0 0 1 700 0 0
cpu0 5 0 10 150 0 0 0 250 0 0
cpu1 5 0 10 150 0 0 1 450 0 0
intr 99 1 2 3 4 5 6 7 8 9
"""


def test_steal_is_read_for_each_core():
    assert quiet.stolen(STAT) == {"cpu0": 250 / quiet.TICKS, "cpu1": 450 / quiet.TICKS}
    assert quiet.stolen("cpu0 1 2 3\ncpu1\n\n") == {}  # kernels before 2.6.11
    assert set(quiet.stolen()) >= {"cpu0"}


def test_the_core_that_lost_most_counts_of_those_that_are_used():
    before = {"cpu0": 1.0, "cpu1": 2.0, "cpu2": 3.0}
    after = {"cpu0": 1.5, "cpu1": 2.1, "cpu2": 9.0, "cpu3": 9.0}
    assert quiet.stolen_share(before, after, 2.0, (0, 1)) == 0.25
    assert quiet.stolen_share(before, after, 2.0, (0, 1, 2)) == 3
    assert quiet.stolen_share(before, after, 2.0, (3,)) == 0  # what was before is not known
    assert quiet.stolen_share({}, {}, 2.0, (0, 1)) == 0


def runs(*shares):
    values = iter(shares)

    def once():
        share = next(values)
        return share, f"run {share}"
    return once


@pytest.fixture
def clock(monkeypatch):
    """Time passes by sleeping alone: a list of the pauses, and the time."""
    class Clock:
        now, pauses = 0.0, []

        @classmethod
        def sleep(cls, seconds):
            cls.pauses.append(seconds)
            cls.now += seconds

    monkeypatch.setattr(quiet.time, "sleep", Clock.sleep)
    monkeypatch.setattr(quiet.time, "monotonic", lambda: Clock.now)
    return Clock


def test_a_disturbed_run_is_repeated_after_a_pause(clock):
    patient = quiet.Patient(patience=100)
    assert patient.run(runs(0.1, 0.02), 0.02, "x") == "run 0.02"
    assert (patient.runs, patient.repeated, patient.kept) == (2, 1, [])
    assert clock.pauses == [1] and patient.left == 99
    assert patient.note("2%").endswith(": none")


def test_the_least_disturbed_is_kept_and_named_when_none_was_good(clock):
    patient = quiet.Patient(patience=0)
    assert patient.run(runs(0.3, 0.1, 0.1), 0.02, "x") == "run 0.1"
    assert patient.run(runs(0.0), 0.02, "x") == "run 0.0"
    assert (patient.runs, patient.repeated, patient.kept) == (4, 2, [("x", 0.1)])
    assert "4 runs, 2 of them repeated" in patient.note("2%")
    assert patient.note("2%").endswith(": x 10.0%")
    assert clock.pauses == [0, 0]


def test_patience_ends_and_each_turn_has_as_much(clock):
    patient = quiet.Patient(patience=200)
    for _ in range(2):
        before = clock.now
        patient.turn()
        patient.run(runs(*[0.5] * 100), 0.02, "x")
        assert clock.now - before == 200 and max(clock.pauses) == quiet.LONGEST_PAUSE
        patient.run(runs(*[0.5] * quiet.LEAST_TRIES), 0.02, "y")  # nothing is left for the next
        assert clock.now - before == 200
    assert [what for what, _ in patient.kept] == ["x", "y"] * 2


def test_what_a_try_takes_is_patience_too(clock):
    def once():
        clock.now += 30
        return 0.5, None

    patient = quiet.Patient(patience=100)
    patient.run(once, 0.02, "x")
    assert patient.runs == 4 and patient.left < 0
