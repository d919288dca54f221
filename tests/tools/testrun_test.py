"""How tools/test counts: from the records that the runners leave, and never a pass without one."""

import json
import subprocess
import sys

import pytest
import testrun
from testrun import Case

GTEST = """<?xml version="1.0"?><testsuites><testsuite name="Name">
<testcase name="Folds" status="run" result="completed" classname="Name" />
<testcase name="Fails" status="run" classname="Name"><failure message="a.cc:1&#10;no" /></testcase>
<testcase name="Skips" status="run" classname="Name"><skipped message="no net" /></testcase>
<testcase name="DISABLED_X" status="notrun" result="suppressed" classname="Name" />
</testsuite></testsuites>"""

PYTEST = """<testsuites><testsuite>
<testcase classname="tests.e2e.lab_test" name="test_a[routing_017]" />
<testcase classname="tests.e2e.lab_test" name="test_b"><error message="fixture" /></testcase>
</testsuite></testsuites>"""


def entry(result="OK", command="/b/wire_test", name="holdfast:unit / wire"):
    return {"name": name, "result": result, "command": [command]}


def test_a_googletest_program_counts_case_by_case(tmp_path):
    (tmp_path / "wire_test.xml").write_text(GTEST)
    assert testrun.meson_cases(entry("FAIL"), tmp_path, "") == [
        Case("unit/wire/Name.Folds", "passed"),
        Case("unit/wire/Name.Fails", "failed", "a.cc:1"),
        Case("unit/wire/Name.Skips", "skipped", "no net"),
        Case("unit/wire/Name.DISABLED_X", "skipped", "disabled")]


def test_a_record_counts_once_and_only_for_its_own_program(tmp_path):
    (tmp_path / "wire_test_more.xml").write_text(GTEST)
    (tmp_path / "wire_test_1.xml").write_text(GTEST)
    assert len(testrun.meson_cases(entry("FAIL"), tmp_path, "")) == 4
    assert testrun.meson_cases(entry(), tmp_path, "") == [Case("unit/wire", "passed")]


@pytest.mark.parametrize("result, outcome", [
    ("OK", "passed"), ("SKIP", "skipped"), ("FAIL", "failed"), ("ERROR", "failed"),
    ("TIMEOUT", "failed"), ("INTERRUPT", "failed"), ("EXPECTEDFAIL", "failed"),
])
def test_any_other_program_counts_as_one(tmp_path, result, outcome):
    case, = testrun.meson_cases(entry(result, name="holdfast:lint / layering"), tmp_path, "x-")
    assert (case.name, case.outcome) == ("x-lint/layering", outcome)


def test_a_program_that_fails_after_its_cases_passed_is_a_failure(tmp_path):
    (tmp_path / "wire_test.xml").write_text(
        '<testsuites><testcase name="A" classname="N" status="run" /></testsuites>')
    cases = testrun.meson_cases(entry("FAIL"), tmp_path, "")
    assert [case.outcome for case in cases] == ["passed", "failed"]


def test_a_record_cut_off_by_a_crash_is_a_failure(tmp_path):
    (tmp_path / "wire_test.xml").write_text(GTEST[:150])
    case, = testrun.meson_cases(entry("FAIL"), tmp_path, "")
    assert case.outcome == "failed" and "unreadable" in case.detail


def test_errors_of_fixtures_are_failures(tmp_path):
    (tmp_path / "e2e.xml").write_text(PYTEST)
    assert testrun.junit_cases(tmp_path / "e2e.xml", "e2e/") == [
        Case("e2e/tests.e2e.lab_test::test_a[routing_017]", "passed"),
        Case("e2e/tests.e2e.lab_test::test_b", "failed", "fixture")]


@pytest.mark.parametrize("outcomes, status, line", [
    (["passed", "passed"], 0, "2 passed, 0 failed"),
    (["passed", "failed"], 1, "1 passed, 1 failed"),
    (["passed", "skipped"], 0, "1 passed, 0 failed"),
    (["skipped"], 1, "0 passed, 0 failed"),
    ([], 1, "0 passed, 0 failed"),
])
def test_the_closing_line_counts_and_the_status_follows(capsys, outcomes, status, line):
    assert testrun.report([Case(f"unit/{n}", o) for n, o in enumerate(outcomes)]) == status
    assert capsys.readouterr().out.splitlines()[-1] == line


@pytest.mark.parametrize("log, outcome", [
    (None, "left no record"), ("", "has no tests"), (json.dumps(entry()) + "\n", "counted"),
])
def test_meson_without_a_record_or_a_test_is_a_failed_part(tmp_path, monkeypatch, log, outcome):
    (tmp_path / "meson-logs").mkdir()

    def run(*_, **__):
        if log is not None:
            (tmp_path / "meson-logs" / "testlog.json").write_text(log)

    monkeypatch.setattr(testrun, "run", run)
    monkeypatch.setattr(testrun, "ROOT", tmp_path)
    if outcome == "counted":
        assert testrun.run_meson(tmp_path, ("unit",)) == [Case("unit/wire", "passed")]
        return
    with pytest.raises(testrun.PartFailed, match=outcome):
        testrun.run_meson(tmp_path, ("unit",))


def test_a_command_past_its_limit_is_stopped_with_its_children(tmp_path):
    mark = tmp_path / "mark"
    script = f"trap 'echo ended > {mark}; exit' TERM; sleep 60 & wait"
    assert testrun.run(["bash", "-c", script], limit=0.3, quiet=True) == 124
    assert mark.read_text() == "ended\n"


def test_a_run_that_is_told_to_end_takes_its_children_along(tmp_path):
    mark = tmp_path / "mark"
    script = f"trap 'echo ended > {mark}; exit' TERM; echo begun; sleep 60 & wait"
    code = ("import testrun\n"
            "testrun.end_on_signals()\n"
            f"testrun.run(['bash', '-c', {script!r}])\n")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as run:
        while run.stdout.readline() != "begun\n":
            assert run.poll() is None
        run.terminate()
        assert run.wait(30) == 143
    assert mark.read_text() == "ended\n"
