"""tools/bench peers: what clients print, what servers are told, and which rows come of it."""

import io
import struct
import tomllib
import xml.etree.ElementTree as ElementTree
from collections import namedtuple
from pathlib import Path

import benchpeers
import benchreport
import peerclients
import peerinstructions
import peerplot
import peerservers
import peerusage
import peerzone
import pytest
import quiet
import readers
from benchreport import BenchError
from peerclients import Burst
from peerservers import SERVERS, Place

KXDPGUN = """using interface c0, XDP threads 1, UDP, native mode
thread#00: sent 22510, received 343988
total queries:     560170 (280085 pps)
total replies:     343988 (171994 pps) (61%)
average DNS reply size: 56 B
responded NOERROR:   300000
responded NXDOMAIN:  43988
duration: 2 s
"""
DNSPERF = """> NOERROR a.bench.test A 0.000100
> NXDOMAIN b.bench.test A 0.000300
Statistics:

  Queries sent:         4
  Queries completed:    2 (50.00%)
  Queries per second:   170185.874572
"""


def test_kxdpgun_tells_what_was_sent_and_what_came_back():
    one = peerclients.burst(KXDPGUN)
    assert one == Burst(560_170, 343_988, 2.0)
    assert peerclients.lost(one) == pytest.approx(0.3859, abs=1e-4)


@pytest.mark.parametrize("text, why", [
    ("", "no 'total queries'"),
    (KXDPGUN.replace("NXDOMAIN:", "SERVFAIL:"), "answered SERVFAIL; expected"),
    (KXDPGUN.replace("560170 (280085", "0 (0"), "sent nothing")])
def test_a_run_of_kxdpgun_that_says_nothing_is_refused(text, why):
    with pytest.raises(BenchError, match=why):
        peerclients.burst(text)


def test_dnsperf_tells_latency_loss_and_rate():
    (p50, p99), replies, lost = peerclients.latencies(DNSPERF)
    assert (p50, p99) == pytest.approx((100, 300))
    assert (replies, lost) == (2, 0.5)
    assert peerclients.dnsperf_rate(DNSPERF) == pytest.approx(170_185.87, abs=0.01)


@pytest.mark.parametrize("read, text, why", [
    (peerclients.latencies, DNSPERF.replace("> NXDOMAIN", "> REFUSED"), "answered REFUSED"),
    (peerclients.latencies, DNSPERF.replace("> ", "# "), "not one reply"),
    (peerclients.latencies, DNSPERF.replace("sent", "posted"), "no 'Queries sent'"),
    (peerclients.dnsperf_rate, DNSPERF.replace("per second", "a minute"), "no 'Queries per"),
    (peerclients.dnsperf_rate, DNSPERF.replace("170185.874572", "0.000000"), "not one reply")])
def test_a_run_of_dnsperf_that_says_nothing_is_refused(read, text, why):
    with pytest.raises(BenchError, match=why):
        read(text)


def answering_up_to(capacity, seen):
    """A server that loses all above its capacity."""
    def probe(rate):
        seen.append(rate)
        return Burst(rate, min(rate, capacity), 1.0)
    return probe


@pytest.mark.parametrize("capacity", [210_000, 500_000, 999_000])
def test_bisection_finds_the_rate_that_is_answered(capacity):
    seen = []
    found = peerclients.clean_rate(answering_up_to(capacity, seen), 1_000_000, 6)
    assert 0.94 * capacity < found <= capacity
    assert len(seen) <= 1 + 6 * peerclients.TRIES


def test_bisection_ends_at_once_where_the_client_is_the_limit():
    seen = []
    assert peerclients.clean_rate(answering_up_to(5e6, seen), 1_000_000, 6) == 1_000_000
    assert seen == [1_000_000]


def test_bisection_finds_nothing_where_everything_is_lossy():
    assert peerclients.clean_rate(lambda rate: Burst(rate, rate / 2, 1.0), 1_000_000, 3) is None


def test_a_small_loss_is_looked_at_once_more():
    losses = iter([0.01, 0.0])
    found = peerclients.clean_rate(lambda rate: Burst(rate, rate * (1 - next(losses)), 1.0), 9, 0)
    assert found == 9


@pytest.fixture(name="zones", scope="module")
def made_zones(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zones")
    peerzone.Zone(1000).write(folder)
    return folder


@pytest.fixture(name="place")
def made_place(tmp_path, zones):
    return Place(tmp_path / "server", zones, "10.9.0.1", 1000, Path("/programs"), None)


WANTED = {"knot-xdp": ["listen: s0@53", "udp-workers: 1"],
          "knot-sockets": ["listen: 10.9.0.1@53", "udp-workers: 1"],
          "nsd": ["ip-address: 10.9.0.1", "server-count: 1", "rrl-ratelimit: 0"],
          "gdnsd": ['listen => [ "10.9.0.1" ]', "udp_threads => 1", "interval => 2", "timeout => 1",
                    "primary => 10.9.0.2"],
          "pdns": ["local-address=10.9.0.1", "receiver-threads=1", "enable-lua-records=yes"],
          "holdfast-afxdp": ["net_af_xdp0,iface=s0", "lcores = [0]", "interval_ms = 100"]}


@pytest.mark.parametrize("name", SERVERS)
def test_each_server_has_one_thread_and_the_address(name, place):
    text = "\n".join(SERVERS[name].files(place).values())
    for wanted in WANTED[name]:
        assert wanted in text
    assert SERVERS[name].words(place)


def test_holdfast_gets_a_failover_pair_that_looks_every_100_ms(place):
    files = SERVERS["holdfast-afxdp"].files(place)
    config = tomllib.load(io.BytesIO(files["holdfast.toml"].encode()))
    assert config["zone"][0]["file"] == f"{place.zones}/zone.records"
    assert config["check"][peerservers.CHECK]["unhealthy_threshold"] == 2
    assert config["dataplane"]["hugepages"] is False
    assert [one["Failover"] for one in peerservers.records()["ResourceRecordSets"]] == [
        "PRIMARY", "SECONDARY"]


def test_a_server_starts_without_what_the_last_one_left(place):
    server = SERVERS["gdnsd"]
    peerservers.write(server, place)
    (place.folder / "state" / "old").write_text("")
    peerservers.write(server, place)
    assert list((place.folder / "state").iterdir()) == []
    assert "DYNA" in (place.folder / "zones" / "bench.test").read_text()


def test_the_health_checked_name_is_in_each_zone_file_in_the_servers_own_way():
    zone = peerzone.Zone(1000)
    assert "service" not in zone.text("records")
    assert "service IN A 10.9.0.2\n" in zone.text("static")
    assert "service 60 DYNA simplefo!service\n" in zone.text("dyna")
    assert "service IN LUA A \"ifportup(8080, {'10.9.0.2'})\"\n" in zone.text("lua")


def test_a_fifth_of_the_queries_is_for_names_that_are_not_there():
    zone = peerzone.Zone(1000)
    asked = [line.split(".")[0] for line in zone.queries().splitlines()]
    not_there = set(zone.absent)
    absent = sum(label in not_there for label in asked)
    assert len(asked) == peerzone.ASKED and 0.19 < absent / len(asked) < 0.21
    assert asked.count("service") == peerzone.ASKED // peerzone.EVERY


def reply(ident, rcode, addresses):
    """As a server writes it: the question again, owners as pointers."""
    question = peerzone.question("a", ident)
    records = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes(map(int, one.split(".")))
                       for one in addresses)
    return (question[:2] + bytes((0x84, rcode)) + question[4:6] + struct.pack("!H", len(addresses))
            + question[8:] + records)


def test_a_reply_is_read():
    assert peerzone.read(reply(7, 0, ["10.0.0.1", "10.0.0.2"])) == (7, 0, ["10.0.0.1", "10.0.0.2"])
    assert peerzone.read(reply(8, 3, [])) == (8, 3, [])


@pytest.mark.parametrize("message", [b"", peerzone.question("a", 1),
                                     reply(1, 0, ["10.0.0.1"])[:-20]])
def test_what_is_no_reply_is_refused(message):
    with pytest.raises(ValueError, match="query|early"):
        peerzone.read(message)


def test_a_server_that_answers_as_the_zone_does_is_accepted():
    zone = peerzone.Zone(1000)
    sample = zone.sample(200)
    answers = {label: (rcode, addresses) for label, rcode, addresses in sample}
    assert len(sample) == 221
    peerzone.check("x", sample, answers.get)


@pytest.mark.parametrize("answer, why", [
    (None, "x does not answer"), ((0, ["10.0.0.77"]), "with rcode 0, .*; expected rcode 0"),
    ((2, []), "with rcode 2"), ((0, []), "expected rcode 0")])
def test_a_server_that_answers_wrongly_is_refused(answer, why):
    with pytest.raises(BenchError, match=why):
        peerzone.check("x", peerzone.Zone(1000).sample(200), lambda label: answer)


def test_time_and_delay_are_read_from_proc():
    assert peerusage.stat_times("7 (a ) b) S " + " ".join(["0"] * 10) + " 250 50 0") == (
        250 / peerusage.TICKS, 50 / peerusage.TICKS)
    before = peerusage.Usage(1.0, 2.0, {(1, 1): (100, 10), (1, 2): (0, 0)})
    after = peerusage.Usage(2.0, 4.0, {(1, 1): (200, 10**9), (1, 2): (10**9, 5 * 10**7)})
    span = peerusage.span((before, after), (before, after), 2.0)
    # Of the thread that ran most, not that waited most.
    assert span == (0.025, 0.025, 0.5, 1.0, 0)


def test_hugepages_are_counted_by_file():
    text = ("7f00-7f10 rw-s 00000000 00:0f 123 /dev/hugepages/a\nShared_Hugetlb: 4096 kB\n"
            "Private_Hugetlb: 0 kB\n8000-8010 rw-p 00000000 00:00 0\nPrivate_Hugetlb: 2048 kB\n"
            "9000-9010 rw-p 00000000 00:00 0\nPss: 8 kB\nPrivate_Hugetlb: 0 kB\n")
    assert peerusage.huge_octets(text) == {("00:0f", "123"): 4 << 20, ("8000", ""): 2 << 20}


def test_polling_begins_when_a_thread_has_passed_a_generation(tmp_path):
    assert not readers.polls(tmp_path)
    (tmp_path / "readers").mkdir()
    reader = tmp_path / "readers" / "dataplane.1"
    for passed, polls in ((0, False), (2**64 - 1, False), (3, True)):
        reader.write_bytes(bytes(64) + passed.to_bytes(8, "little"))
        assert readers.polls(tmp_path) is polls


def test_cycles_and_replies_are_those_of_the_poll_threads():
    def reader(role, **counters):
        return {"role": role, "counters": {"sent": 5, **counters}}
    status = {"readers": [reader("dataplane", busy_cycles=700), reader("sockets")]}
    assert readers.busy(status) == (700, 5)
    assert readers.busy({"readers": [reader("dataplane")]}) is None  # of before there was such
    assert readers.busy({"readers": None}) is None


def test_work_is_left_out_where_it_is_not_counted():
    assert benchpeers.work((100, 10), (2100, 30)) == {"work": 100}
    assert benchpeers.work(None, None) == benchpeers.work((1, 5), (2, 5)) == {}


FIGURES = {"answered": 400.0, "clean": 300.0, "p50-20k": 20.0, "p99-20k": 40.0}
ROUNDS = [{"holdfast-afxdp": FIGURES,
           "nsd": {"answered": answered, "clean": None, "p50-20k": 60.0, "p99-20k": 100.0},
           "reflector": {"answered": 500.0, "p50-20k": 5.0, "p99-20k": 6.0}}
          for answered in (100.0, 200.0, 80.0)]


def test_rows_have_median_spread_and_the_ratio_of_each_round():
    rows = {row.name: row for row in benchpeers.rows_of(ROUNDS)}
    assert rows["answered/nsd"][1:6] == (100.0, "answers/s", 80.0, 200.0, 3)
    assert rows["ratio/nsd"][1:6] == (4.0, "x", 2.0, 5.0, 3) and rows["ratio/nsd"].aim == ">= 4"
    assert rows["ratio/reflector"].value == 0.8
    assert rows["ratio-p50-20k/best"].value == pytest.approx(1 / 3)  # the reflector is no server
    assert "ratio/holdfast-afxdp" not in rows
    assert "clean/nsd" not in rows and rows["clean/holdfast-afxdp"].runs == 3


def test_rows_of_one_server_alone_have_no_ratio():
    rows = benchpeers.rows_of([{"nsd": FIGURES}])
    assert {row.name for row in rows} == {f"{figure}/nsd" for figure in FIGURES}


def test_what_an_answer_costs_is_time_over_answers():
    span = peerusage.Span(0, 0, 0.25, 0.75)
    assert benchpeers.costs("-20k", span, 20_000) == {"cpu-user-20k": 12_500,
                                                      "cpu-system-20k": 37_500}


class DisturbedLab:
    """A lab in which each run is delayed so: (client, server, stolen). It answers a thousand
    queries at 100 cycles each; more cycles where it was disturbed."""
    pair, folder = namedtuple("Pair", "server4")("10.9.0.1"), Path()

    def __init__(self, *delays):
        self.delays = iter(delays)
        self.looks = iter([(0, 0), (900_000, 1000), (900_000, 1000), (1_000_000, 2000)])

    def busy(self, _):
        return next(self.looks)

    def client(self, *_):
        delays = next(self.delays)
        return f"run {delays}", peerusage.Span(*delays[:2], 0, 0, delays[2])


@pytest.fixture
def no_pauses(monkeypatch):
    monkeypatch.setattr(quiet.time, "sleep", lambda _: None)


@pytest.mark.parametrize("alone, delays, good", [
    (False, (0.5, 0.02, 0.02), True), (False, (0.5, 0.021, 0), False),
    (False, (0.5, 0, 0.021), False), (True, (0.5, 0, 0), False), (True, (0.02, 0, 0), True)])
def test_server_host_and_a_client_alone_must_leave_a_run_its_cores(no_pauses, alone, delays, good):
    meter = benchpeers.Meter(DisturbedLab(delays, (0, 0, 0)), benchpeers.QUICK)
    wanted = f"run {delays if good else (0, 0, 0)}"
    assert meter.run(["dnsperf"], 1, [], alone).text == wanted
    assert meter.patient.runs == 2 - good


def test_work_is_that_of_the_run_that_counts(no_pauses):
    meter = benchpeers.Meter(DisturbedLab((0, 0, 0.5), (0, 0, 0)), benchpeers.QUICK)
    meter.turn("x", running=object())
    assert meter.run(["dnsperf"], 1, [], False).work == {"work": 100}
    meter = benchpeers.Meter(DisturbedLab((0, 0, 0)), benchpeers.QUICK)
    meter.turn("reflector")
    assert meter.run(["dnsperf"], 1, [], False).work == {}


def test_latency_wants_calmer_runs_than_throughput(no_pauses):
    delays = (0, 0, 0.01)
    meter = benchpeers.Meter(DisturbedLab(delays, (0, 0, 0.005)), benchpeers.QUICK)
    assert meter.dnsperf(20_000, []).text == "run (0, 0, 0.005)"
    meter = benchpeers.Meter(DisturbedLab(delays), benchpeers.QUICK)
    assert meter.dnsperf(None, []).text == f"run {delays}"


@pytest.mark.parametrize("option, value, why", [
    ("rounds", 0, "--rounds is 0; expected 1..100"),
    ("names", 999, "--names is 999; expected 1000..10000000"),
    ("failover", True, "--only has no meaning for --failover"),
    ("instructions", True, "--plot draws throughput and latency")])
def test_options_that_mean_nothing_are_refused(option, value, why):
    class Options:
        rounds, names, only, plot = None, 1000, ["nsd"], Path("plot.svg")
        failover = instructions = False
    setattr(Options, option, value)
    with pytest.raises(BenchError, match=why):
        benchpeers.run(Options)


def test_frames_of_a_capture_have_right_checksums():
    message = peerzone.question("a", 1)
    frame = peerinstructions.frame(message, "10.9.0.2", "10.9.0.1")
    assert peerinstructions.checksum(frame[14:34]) == 0xFFFF
    pseudo = frame[26:34] + struct.pack("!HH", 17, len(frame) - 34)
    assert peerinstructions.checksum(pseudo + frame[34:]) == 0xFFFF
    assert frame.endswith(message)
    file = peerinstructions.pcap([frame, frame])
    assert len(file) == 24 + 2 * (16 + len(frame))


def test_instructions_are_summed_over_processes(tmp_path):
    with pytest.raises(BenchError, match="no log"):
        peerinstructions.collected(tmp_path)
    for pid, count in ((1, 100), (2, 20)):
        (tmp_path / f"callgrind.{pid}").write_text(f"==1== Collected : {count}\n")
    assert peerinstructions.collected(tmp_path) == 120
    (tmp_path / "callgrind.3").write_text("killed")
    with pytest.raises(BenchError, match="Collected"):
        peerinstructions.collected(tmp_path)


def test_what_happens_once_is_not_in_the_instructions_of_an_answer():
    assert peerinstructions.per_answer(lambda queries: 1_000_000 + 400 * queries, 2000) == 400


def test_the_plot_shows_each_server_and_leaves_out_what_is_not_there():
    svg = peerplot.plot(benchpeers.rows_of(ROUNDS))
    for wanted in ("holdfast-afxdp", "nsd", "reflector", "Throughput", "20,000 queries/s"):
        assert wanted in svg
    assert "50,000" not in svg
    assert peerplot.plot([]).count("<rect") == 1


def test_the_plot_is_xml_whatever_a_row_is_called():
    row = benchreport.row("answered/<&>", [1.0], "answers/s")
    texts = [one.text for one in ElementTree.fromstring(peerplot.plot([row])).iter()]
    assert "<&>" in texts
