"""tools/bench: its rows come from what the programs print, and `answer` really measures."""

import argparse
import json
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import benchcapacity
import benchcompile
import benchfailover
import benchguard
import benchhealth
import benchladder
import benchmicro
import benchreport
import benchscale
import benchwire
import peerinstructions
import peerzone
import pytest

ROOT = Path(__file__).resolve().parents[2]
ANSWER_ROWS = {"hit/1", "hit/1k", "hit/100k", "hit/1M", "nxdomain/1M", "weighted/1k",
               "multivalue/1k", "geo/1k", "latency/1k", "cidr/1k", "cookie/1k", "limited/1k",
               "over/1k"}


def quick_report(*words):
    """What a quick run of tools/bench prints."""
    done = subprocess.run([ROOT / "tools" / "bench", *words, "--quick", "--json"],
                          capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def quick_rows(*words):
    return {row["name"]: row for row in quick_report(*words)["rows"]}


@pytest.mark.skipif("HOLDFAST_ANSWER_BENCH" not in os.environ, reason="built without benchmarks")
def test_answer_prints_one_object_with_every_row():
    report = quick_report("answer", "--program", os.environ["HOLDFAST_ANSWER_BENCH"])
    assert set(report) == {"machine", "commit", "rows"}
    assert {row["name"] for row in report["rows"]} == ANSWER_ROWS
    for row in report["rows"]:
        assert set(row) == {"name", "value", "unit", "min", "max", "runs"}
        assert row["unit"] == "cycles/query" and row["runs"] == 1
        assert 10 < row["min"] <= row["value"] <= row["max"]


@pytest.mark.skipif("HOLDFAST_LADDER_BENCH" not in os.environ or os.geteuid() != 0,
                    reason="built without benchmarks, or not root")
def test_ladder_has_a_row_for_each_rung_and_they_add_up():
    report = quick_rows("ladder", "--program", os.environ["HOLDFAST_LADDER_BENCH"])
    rows = {name: row["value"] for name, row in report.items()}
    for table in ("1k", "weighted/1k"):
        rungs = [rows[f"{table}/+{rung}"] for rung in benchladder.RUNGS]
        assert sum(rungs) == pytest.approx(rows[f"{table}/sum"])
        assert 0 < rows[f"{table}/clock"] < rows[f"{table}/random-line"] < rows[f"{table}/sum"]
        assert rows[f"{table}/product"] > 20


def test_ladder_says_what_is_bound_by_memory():
    rungs = dict.fromkeys(("+" + rung for rung in benchladder.RUNGS), 10.0)
    small = {**rungs, "sum": 80.0, "product": 80.0, "random-line": 5.0}
    large = {**rungs, "+look-up": 60.0, "sum": 130.0, "product": 100.0, "random-line": 40.0}
    text = "\n".join(benchladder.remarks({"1k": small, "1M": large}))
    assert "1k: the stages add up to 1.000" in text and "1M: the stages add up to 1.300" in text
    assert "look-up (60 of 10)" in text and "parse" not in text
    assert "as many under way as the core can, costs 40" in text


def test_ladder_refuses_a_report_without_a_rung():
    report = {rung: [1.0] for rung in benchladder.RUNGS[:-1]}
    with pytest.raises(benchreport.BenchError, match="no row 'counters'"):
        benchladder.rows_of("1k", report)


@pytest.mark.skipif("HOLDFAST_RECOMPILE_BENCH" not in os.environ, reason="built without benchmarks")
def test_compile_measures_every_shape_that_has_room(tmp_path):
    rows = quick_rows("compile", "--program", os.environ["HOLDFAST_RECOMPILE_BENCH"], "--directory",
                      tmp_path)
    shapes = {shape.name for shape in benchcompile.SHAPES if shape.dependents <= 10_000}
    assert {"/".join(name.split("/")[:2]) for name in rows} == shapes
    for row in rows.values():
        assert 0 < row["min"] <= row["value"] <= row["max"]
    for name in shapes:  # what is published was compiled before
        assert rows[f"{name}/published"]["value"] < rows[f"{name}/recompile"]["value"]
    assert "shared/1k/recompile/pools" not in rows  # they share one
    assert rows["private/1k/octets_per_pool"]["value"] >= 64
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif("HOLDFAST_SCALE_BENCH" not in os.environ, reason="built without benchmarks")
def test_scale_changes_tables_while_they_serve(tmp_path):
    report = quick_rows("scale", "--program", os.environ["HOLDFAST_SCALE_BENCH"], "--directory",
                        tmp_path)
    rows = {name: row["value"] for name, row in report.items()}
    for shape, _ in benchscale.SHAPES:
        assert 64 < rows[f"{shape}/octets_per_name"]
        assert rows[f"{shape}/edit/answers_meanwhile"] > 1000
        assert rows[f"{shape}/edit/more_memory"] < 0.01
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif("HOLDFAST_SCALE_BENCH" not in os.environ, reason="built without benchmarks")
@pytest.mark.parametrize("words", [("--names", "0"), ("--names", "1e3"), ("--edits", "1001"),
                                   ("--core",), ("--zones", "2", "--names", "1")])
def test_a_wrong_word_gets_the_usage(tmp_path, words):
    done = subprocess.run([os.environ["HOLDFAST_SCALE_BENCH"], "--directory", tmp_path, *words],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and done.stderr.startswith("bench: usage: scale_bench [--names N]")


def test_scale_refuses_a_report_with_wrong_answers():
    with pytest.raises(benchreport.BenchError, match="3 answers were wrong"):
        benchscale.rows_of("one-zone", {"wrong": 3})


@pytest.mark.skipif("HOLDFAST_RECOMPILE_BENCH" not in os.environ, reason="built without benchmarks")
@pytest.mark.parametrize("program, words", [
    ("recompile_bench", ("--shape", "shared", "--names", "1")),
    ("names_tables", ("--names", "1", "--run-dir", "."))])
def test_a_bench_that_gives_up_leaves_nothing_behind(tmp_path, program, words):
    """The image is larger than a file may be here; Python ignores SIGXFSZ, which is passed on."""
    octets = 1 << 20
    path = Path(os.environ["HOLDFAST_RECOMPILE_BENCH"]).parent / program
    images = tmp_path / "images"
    images.mkdir()
    done = subprocess.run([path, "--directory", images, *words], cwd=tmp_path, capture_output=True,
                          text=True, timeout=60, check=False, restore_signals=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                                                (octets, octets)))
    assert done.returncode == 1 and done.stderr.startswith("bench: "), done
    assert list(images.iterdir()) == []


@pytest.mark.skipif("HOLDFAST_PCAP_COUNT" not in os.environ, reason="built without benchmarks")
@pytest.mark.parametrize("address, status, words", [
    ("10.9.0.1", 0, ""), ("10.9.0.7", 1, "0 replies to 300 frames; expected 300")])
def test_the_loop_answers_every_query_of_a_capture_for_its_address(tmp_path, address, status,
                                                                   words):
    zone = peerzone.Zone(1000)
    zone.write(tmp_path)
    (tmp_path / "queries.pcap").write_bytes(peerinstructions.pcap(
        peerinstructions.frame(peerzone.question(label, number), "10.9.0.2", "10.9.0.1")
        for number, label in enumerate(zone.labels[:300])))
    done = subprocess.run([os.environ["HOLDFAST_PCAP_COUNT"], tmp_path / "zone.records",
                           tmp_path / "queries.pcap", address, "300"], capture_output=True,
                          text=True, timeout=60, check=False,
                          env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == status and words in done.stderr, done.stderr


@pytest.mark.skipif("HOLDFAST_CAPACITY_BUILD" not in os.environ, reason="built without benchmarks")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two polling threads need two cores")
def test_capacity_measures_both_ways_and_leaves_nothing_behind(tmp_path):
    rows = quick_rows("capacity", "--programs", os.environ["HOLDFAST_CAPACITY_BUILD"],
                      "--directory", tmp_path)
    parts = {"": "answers/s", "/cycles": "cycles", "/generator": "cycles", "/lost": "%",
             "/p50": "us", "/p99": "us"}
    wanted = {f"{way}/1k{part}": unit for way in ("ring", "memif") for part, unit in parts.items()}
    wanted |= {f"headroom/{way}{part}": parts[part] for way in ("ring", "memif")
               for part in ("", "/generator", "/lost")}
    wanted |= {f"lcores-{count}/1k{part}": unit for count in (1, 2)
               for part, unit in (("", "answers/s"), ("/cycles", "cycles"), ("/bare", "cycles"))}
    assert {name: row["unit"] for name, row in rows.items()} == wanted
    for name, row in rows.items():
        assert row["min"] >= 0 and (row["value"] > 0 or name.endswith("/lost"))
    assert list(tmp_path.iterdir()) == []


def capacity_run(**changed):
    return {"answers_per_s": 1e6, "own_cycles": 90.0, "sent": 1000, "lost": 5, "worst_delay": 0.01,
            "responder": {"cycles_per_answer": 120.0}, **changed}


def test_capacity_tells_what_was_lost_from_what_was_answered():
    rows = {row.name: row for row in benchcapacity.rows_of(
        "ring/100k", [capacity_run(), capacity_run(answers_per_s=2e6, lost=0)])}
    assert rows["ring/100k"][1:5] == (1.5e6, "answers/s", 1e6, 2e6)
    assert rows["ring/100k"].aim == ">= 16 M"
    assert rows["ring/100k/lost"].max == 0.5 and rows["ring/100k/cycles"].value == 120
    reflected = capacity_run()
    del reflected["responder"]
    assert "headroom/ring/cycles" not in {row.name for row in benchcapacity.rows_of(
        "headroom/ring", [reflected])}


def test_capacity_repeats_runs_in_which_a_thread_waited(monkeypatch):
    monkeypatch.setattr(benchcapacity.quiet.time, "sleep", lambda _: None)
    delays = iter([0.03, 0.0, 0.021, 0.02, 1.0])
    patient = benchcapacity.quiet.Patient(0)
    reports = benchcapacity.good_runs(
        patient, lambda: capacity_run(worst_delay=next(delays)), 2, "x")
    assert [one["worst_delay"] for one in reports] == [0.0, 0.02]
    assert patient.note("2%").startswith("4 runs, 2 of them repeated")
    with pytest.raises(benchreport.BenchError, match="x: .* /proc/PID/task/.*/schedstat tells of"):
        benchcapacity.good_runs(patient, lambda: capacity_run(worst_delay=-1), 2, "x", 1)


def test_capacity_takes_the_sizes_that_fit():
    assert list(benchcapacity.chosen(argparse.Namespace(names=1_000_000))) == ["100k", "1M"]
    with pytest.raises(benchreport.BenchError, match="--names is 99999; expected 100000 or more"):
        benchcapacity.chosen(argparse.Namespace(names=99_999))


def test_compile_rates_count_pools_where_there_are_several():
    report = {"names": 10, "pools": 4, "name_octets": 1000, "pool_octets": 800, "compile_s": 1.0,
              "publish_s": 0.5, "peak_octets": 1 << 20,
              "runs": [{"transitions": 2, "pools": 8, "recompile_s": 1.0, "publish_s": 3.0,
                        "stored_s": 2.0}]}
    shape = benchcompile.SHAPES[1]
    rows = {row.name.removeprefix(f"{shape.name}/"): row.value
            for row in benchcompile.rows_of(shape, report)}
    assert rows == {"recompile": 2.0, "recompile/pools": 8.0, "stored": 1.0, "stored/pools": 4.0,
                    "published": 0.5, "published/pools": 2.0, "load": 1.5, "peak": 1.0,
                    "octets_per_name": 100.0, "octets_per_pool": 200.0}


@pytest.mark.parametrize("percent, wanted", [(50, 5), (99, 10), (100, 10), (1, 1)])
def test_a_percentile_is_a_sample(percent, wanted):
    assert benchreport.percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == wanted


def test_a_row_without_a_good_run_is_refused():
    with pytest.raises(benchreport.BenchError, match="x: no run was good"):
        benchreport.row("x", [], "us")


def test_a_missing_or_failed_benchmark_is_refused():
    good = {"name": "hit/1", "run_name": "hit/1", "run_type": "iteration", "cycles/query": 100.0}
    with pytest.raises(benchreport.BenchError, match="no row hit/1k"):
        benchmicro.samples_of({"benchmarks": [good]})
    with pytest.raises(benchreport.BenchError, match="hit/1: wrong replies"):
        benchmicro.samples_of({"benchmarks": [
            {**good, "error_occurred": True, "error_message": "wrong replies"}]})


def test_an_aim_that_is_a_ratio_says_what_it_is():
    samples = {"hit/1k": [90.0, 100.0, 400.0], "geo/1k": [150.0, 151.0, 149.0]}
    assert benchmicro.aim_of("geo/1k", samples) == "<= 2 x hit/1k: 1.50 x"
    assert benchmicro.aim_of("hit/1k", samples) == "<= 100"


def test_failover_rows_have_the_spread_of_the_runs():
    runs = [{"first_changed_us": [1.0, 2.0, 3.0], "last_passed_us": [4.0, 5.0, 60.0]},
            {"first_changed_us": [2.0, 4.0, 9.0], "last_passed_us": [4.0, 6.0, 7.0]}]
    rows = {row.name: row for row in benchfailover.rows_of(benchfailover.SHAPES[0],
                                                           {"runs": runs})}
    assert len(rows) == 6
    p50 = rows["first_changed/1k/p50"]
    assert (p50.value, p50.min, p50.max, p50.runs, p50.unit) == (3.0, 2.0, 4.0, 2, "us")
    assert rows["last_passed/1k/max"].max == 60.0


@pytest.mark.skipif("HOLDFAST_FAILOVER_RING_BENCH" not in os.environ,
                    reason="built without benchmarks")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two polling threads need two cores")
def test_over_rings_each_transition_is_seen_and_no_answer_is_torn(tmp_path):
    def bench(*words, status=0):
        done = subprocess.run([os.environ["HOLDFAST_FAILOVER_RING_BENCH"], "--no-huge",
                               "--directory", tmp_path, *words], capture_output=True, text=True,
                              timeout=110, check=False)
        assert done.returncode == status, done
        return done

    # Where control shares the responder's core nothing is thrown away as disturbed.
    report = json.loads(bench("--names", "50", "--own-rules", "--transitions", "10", "--runs", "1",
                              "--control-core", "0").stdout)
    (run,) = report["runs"]
    samples = [run[f"{kind}_us"] for kind in benchfailover.RING_KINDS]
    assert [len(one) for one in samples] == [10] * 4
    for published, first_changed, _, last_passed in zip(*samples):
        assert 0 < published < first_changed and published < last_passed
    assert (report["torn"], report["stale"], report["wrong"]) == (0, 0, 0)

    report = json.loads(bench("--names", "100", "--own-rules", "--checks", "100", "--runs", "0",
                              "--storm", "10000", "--storm-seconds", "0.2").stdout)
    assert report["storm"]["offered"] == 2000 and report["storm"]["publishes"] > 0
    assert 0 < report["storm"]["drained"] <= 2000
    assert report["storm"]["during"]["answers"] > 0
    assert (report["torn"], report["wrong"]) == (0, 0)
    assert "--checks is above 1; expected 1" in bench("--checks", "2", status=1).stderr


@pytest.mark.skipif("HOLDFAST_FAILOVER_RING_BENCH" not in os.environ,
                    reason="built without benchmarks")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two polling threads need two cores")
def test_a_stall_in_a_storm_counts_for_every_query_that_was_due(tmp_path):
    """All of the bench stands still for 50 ms of each 100: for half of what is due."""
    with subprocess.Popen([os.environ["HOLDFAST_FAILOVER_RING_BENCH"], "--no-huge", "--directory",
                           tmp_path, "--own-rules", "--names", "100", "--checks", "100", "--runs",
                           "0", "--storm", "10000", "--storm-seconds", "1"],
                          stdout=subprocess.PIPE, text=True) as bench:
        while bench.poll() is None:
            bench.send_signal(signal.SIGSTOP)
            time.sleep(0.05)
            bench.send_signal(signal.SIGCONT)
            time.sleep(0.05)
        report = json.loads(bench.stdout.read())
    assert (report["torn"], report["wrong"]) == (0, 0)
    for phase in ("before", "during"):
        assert report["storm"][phase]["answers"] > 50_000
        assert report["storm"][phase]["p99_us"] > 25_000


def test_failover_over_rings_has_rows_of_its_own():
    run = {f"{kind}_us": [1.0, 2.0] for kind in benchfailover.RING_KINDS}
    shape = benchfailover.RING_SHAPES[-1]
    rows = {row.name: row for row in benchfailover.rows_of(
        shape, {"runs": [run]}, benchfailover.RING_KINDS, "ring/")}
    assert len(rows) == 12
    assert rows["ring/first_changed/100k-own-rules/p50"].aim == "<= 25,000"
    assert rows["ring/last_old/100k-own-rules/max"].value == 2.0


def test_a_storm_is_told_by_what_it_changed():
    phase = {"p50_us": 10.0, "p99_us": 30.0}
    storm = {"before": phase, "during": {"p50_us": 12.0, "p99_us": 50.0}, "lost_before": 0,
             "lost_during": 3, "offered": 1000, "publishes": 100, "seconds": 2.0}
    rows = {row.name.removeprefix("ring/storm/"): row.value
            for row in benchfailover.storm_rows([{"storm": storm}])}
    assert rows == {"p50_before": 10, "p99_before": 30, "p50_during": 12, "p99_during": 50,
                    "lost_before": 0, "lost_during": 3, "transitions": 500, "publishes": 50}


DNSPERF = """> NOERROR www.bench.test A 0.000100
> NOERROR api.bench.test A 0.000300
Statistics:

  Queries sent:         4
  Queries completed:    2 (50.00%)
  Queries lost:         2 (50.00%)
  Queries per second:   19999.500000
"""


def test_wire_reads_every_latency_and_the_loss():
    one = benchwire.summary(DNSPERF)
    assert one["latency"] == pytest.approx([100.0, 300.0])
    rows = {row.name: row.value for row in benchwire.rows_of("fixed", [one])}
    assert rows == pytest.approx({"fixed/answered": 19999.5, "fixed/lost": 50.0,
                                  "fixed/p50": 100.0, "fixed/p99": 300.0})


@pytest.mark.parametrize("text, why", [
    (DNSPERF.replace("NOERROR www", "SERVFAIL www"), "SERVFAIL"),
    (DNSPERF.replace("> NOERROR", "# NOERROR"), "not one reply"),
    (DNSPERF.replace("sent", "posted"), "no 'Queries sent'")])
def test_wire_refuses_a_run_that_measured_nothing(text, why):
    with pytest.raises(benchreport.BenchError, match=why):
        benchwire.summary(text)


def test_guard_reads_the_instructions_collected():
    assert benchguard.counted("==1== Events    : Ir\n==1== Collected : 123456\n") == 123456
    with pytest.raises(benchreport.BenchError, match="Collected"):
        benchguard.counted("==1== killed\n")


def test_guard_names_a_commit_that_is_not_there():
    with pytest.raises(benchreport.BenchError, match="'no-such-commit' is no commit here"):
        benchguard.resolve("no-such-commit")


def test_guard_has_nothing_to_measure_where_nothing_below_it_changed(capsys):
    options = argparse.Namespace(before="HEAD", after="HEAD", queries=32, quick=True)
    assert benchguard.run(options) == 0
    assert "nothing to measure" in capsys.readouterr().err


def test_guard_takes_its_reason_from_a_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(benchguard.benchreport, "ROOT", tmp_path)

    def git(*words):
        return benchguard.git("-c", "user.name=t", "-c", "user.email=t@example.test", *words)

    git("init", "-q")
    for text in ("one", "two\n\nGuard: cookies are checked now", "three"):
        git("commit", "-q", "--allow-empty", "-m", text)
    assert benchguard.reason_between("HEAD~2", "HEAD") == "cookies are checked now"
    assert benchguard.reason_between("HEAD~1", "HEAD") == ""


def test_guard_compares_with_the_commit_that_wrote_its_own_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(benchguard.benchreport, "ROOT", tmp_path)

    def git(*words):
        return benchguard.git("-c", "user.name=t", "-c", "user.email=t@example.test", *words)

    git("init", "-q")
    (tmp_path / "bench").mkdir()
    written = []
    for text in ("", "900 instructions/query\n", "900 instructions/query\n2 ms\n"):
        (tmp_path / benchguard.BASE_LINE).write_text(f"# The base line\n{text}")
        git("add", ".")
        git("commit", "-q", "-m", "figures")
        written.append(git("rev-parse", "HEAD"))
    assert benchguard.base_line_commit() == written[1]
    git("reset", "-q", "--hard", written[0])
    with pytest.raises(benchreport.BenchError, match="no commit here has written"):
        benchguard.base_line_commit()


def rate_run(**changed):
    return {"seconds": 2.0, "passed": 100_000, "failed": 0, "unknown": 0, "client_cpu_s": 1.0,
            "server_cpu_s": 1.5, "client_core_s": 1.8, "server_core_s": 2.0, "reason": "",
            **changed}


def test_health_tells_rates_from_what_either_core_did():
    rows = {row.name: row for row in benchhealth.rate_rows(
        benchhealth.KINDS[0], [rate_run(), rate_run(passed=120_000, client_cpu_s=1.5)])}
    assert rows["tcp"][:5] == ("tcp", 55_000, "checks/s", 50_000, 60_000)
    assert rows["tcp/client"].max == 100_000 and rows["tcp/client"].min == 80_000
    assert rows["tcp/client_core"].value == 90 and rows["tcp/server_core"].value == 100


def test_health_refuses_a_run_in_which_probes_did_not_pass():
    benchhealth.rate_rows(benchhealth.KINDS[0], [rate_run(failed=999)])
    with pytest.raises(benchreport.BenchError, match="1001 of 101001 probes did not pass: why"):
        benchhealth.rate_rows(benchhealth.KINDS[0], [rate_run(unknown=1001, reason="why")])
