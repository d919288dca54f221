"""tools/bench capacity: querygen against the product's poll loop, over rings in one process and
over a memif to holdfast-dataplane, with tables of several sizes; against reflectors, which show how
much the generator itself can do; and the poll loop on one and two cores, asked by nobody."""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections import namedtuple
from pathlib import Path

import benchreport
import hugepages
import quiet
from benchreport import BenchError
from journal import Journal

RESPONDER_CORE, GENERATOR_CORE = 0, 1
SIZES = {"100k": 100_000, "1M": 1_000_000, "10M": 10_000_000}
OCTETS_PER_NAME, TABLES_OCTETS = 320, 64 << 20  # of an image: names_tables asks for so much
PAGE = hugepages.PAGE_OCTETS
PACKET_PAGES = 2 * (128 << 20) // PAGE  # two processes of 128 MB
MOST_DELAY = 0.02
PATIENCE_SECONDS = 30
AIMS = {"ring/100k": ">= 16 M", "ring/100k/cycles": "<= 130", "memif/100k": ">= 10 M"}
MEMIF = "net_memif0,role={role},id=0,socket={folder}/memif,socket-abstract=no,rsize=11{more}"
TARGETS = ("tools/querygen", "tools/holdfast-dataplane", "bench/lcores_bench", "bench/names_tables")
LCORES = ((RESPONDER_CORE,), (RESPONDER_CORE, GENERATOR_CORE))

# Where things lie and how they are called.
Place = namedtuple("Place", "programs folder tables memory")


def words_of(place, way, name, names, more):
    """The generator's command, after what pins it."""
    words = [place.programs / "tools" / "querygen", *way, "--json", "--core", GENERATOR_CORE]
    words += ["--reflector"] if name == "reflector" else ["--run-dir", place.folder / name]
    return [*words, "--names", names, *place.memory, *more]


def over_ring(place, name, names, more):
    way = ["ring", "--responder-core", RESPONDER_CORE]
    return json.loads(benchreport.call([*benchreport.first(),
                                        *words_of(place, way, name, names, more)]))


def wait_for(path, process):
    until = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            raise BenchError(f"querygen made no {path}: {process.communicate()[1].strip()}")
        time.sleep(0.01)


def other_end(place, name):
    """What answers at the memif: the client of the two, whose buffers both use."""
    client = MEMIF.format(role="client", folder=place.folder,
                          more=",zero-copy=yes,mac=02:00:00:00:00:01")
    if name == "reflector":
        return [place.programs / "tools" / "querygen", "reflect", client, "--core", RESPONDER_CORE,
                "--single-file-segments", *place.memory]
    return [place.programs / "tools" / "holdfast-dataplane", "--run-dir", place.folder / name,
            "--port", client, "--address", "10.9.0.1", "--lcores", RESPONDER_CORE, "--memory-mb",
            128, "--eal=--single-file-segments", "--file-prefix", f"capacity-{os.getpid()}",
            *place.memory]


def over_memif(place, name, names, more):
    way = ["port", MEMIF.format(role="server", folder=place.folder, more=""), "--wait",
           PATIENCE_SECONDS, "--single-file-segments"]
    socket = place.folder / "memif"
    socket.unlink(missing_ok=True)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with contextlib.ExitStack() as stack:
        def start(words):
            process = stack.enter_context(subprocess.Popen([str(word) for word in words], **pipes))
            stack.callback(process.kill)
            return process

        generator = start([*benchreport.first(), *words_of(place, way, name, names, more)])
        wait_for(socket, generator)
        responder = start([*benchreport.first(), *other_end(place, name)])
        out, words = generator.communicate()
        if generator.returncode != 0:
            responder.kill()
            raise BenchError(f"querygen: {words.strip()} {responder.communicate()[1].strip()}")
        responder.terminate()
        responder.communicate()
        return json.loads(out)


WAYS = {"ring": over_ring, "memif": over_memif}


def on_lcores(place, name, names, lcores, more):
    return json.loads(benchreport.call([
        *benchreport.first(), place.programs / "bench" / "lcores_bench", "--run-dir",
        place.folder / name, "--names", names, "--lcores", ",".join(map(str, lcores)),
        *place.memory, *more]))


def lcores_rows(name, reports, bare):
    """@param bare  reports of the same that answered nothing."""
    return [row(name, [one["answers_per_s"] for one in reports], "answers/s"),
            row(f"{name}/cycles", [one["cycles_per_answer"] for one in reports], "cycles"),
            row(f"{name}/bare", [one["cycles_per_answer"] for one in bare], "cycles")]


def good_runs(patient, call, wanted, what, most_delay=MOST_DELAY):
    """As many reports as are wanted, undisturbed where a quiet.Patient can have them."""
    def once():
        report = call()
        if report["worst_delay"] < 0:
            raise BenchError(f"{what}: whether threads waited for their cores is not known:"
                             " /proc/PID/task/*/schedstat tells of no busy thread; expected a"
                             " kernel with CONFIG_SCHED_INFO")
        return report["worst_delay"], report

    patient.turn()
    return [patient.run(once, most_delay, what) for _ in range(wanted)]


def row(name, samples, unit):
    return benchreport.row(name, samples, unit, AIMS.get(name, ""))


def rows_of(name, reports):
    """What was answered in a second, and what it cost either side."""
    rows = [row(name, [one["answers_per_s"] for one in reports], "answers/s")]
    if all("responder" in one for one in reports):
        rows.append(row(f"{name}/cycles",
                        [one["responder"]["cycles_per_answer"] for one in reports], "cycles"))
    rows.append(row(f"{name}/generator", [one["own_cycles"] for one in reports], "cycles"))
    lost = [100 * one["lost"] / max(1, one["sent"]) for one in reports]
    rows.append(row(f"{name}/lost", lost, "%"))
    return rows


def latency_rows(name, reports):
    return [row(f"{name}/{point}", [one["latency_us"][point] for one in reports], "us")
            for point in ("p50", "p99")]


@contextlib.contextmanager
def made_place(programs, directory, most_names, may_reserve):
    """A folder for everything; tables and packets on hugepages where enough are free."""
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as made:
        folder = Path(made)
        journal = Journal.create(folder / "journal")
        tables_pages = (TABLES_OCTETS + most_names * OCTETS_PER_NAME) // PAGE + 1
        try:
            if os.geteuid() == 0 and may_reserve:
                hugepages.reserve(PACKET_PAGES + tables_pages, journal, benchreport.say)
            free = hugepages.free() if os.geteuid() == 0 else 0
            tables, memory = directory, ["--no-huge"]
            if free >= PACKET_PAGES:
                memory = []
                free -= PACKET_PAGES
            if free >= tables_pages:
                tables = hugepages.mount(folder / "huge", journal)
            yield Place(programs, folder, tables, memory)
        finally:
            for complaint in journal.undo_all():
                benchreport.say(complaint)


@contextlib.contextmanager
def published(place, name, names):
    """The tables of that size, for as long as they are needed."""
    made = json.loads(benchreport.call([
        place.programs / "bench" / "names_tables", "--names", names, "--run-dir",
        place.folder / name, "--directory", place.tables]))
    try:
        yield made
    finally:
        Path(made["image"]).unlink(missing_ok=True)


def chosen(options):
    if options.names < min(SIZES.values()):
        raise BenchError(f"--names is {options.names}; expected {min(SIZES.values())} or more")
    return {name: names for name, names in SIZES.items() if names <= options.names}


def run(options):
    if (os.cpu_count() or 1) < 2:
        raise BenchError("capacity needs two cores, one for the responder and one to ask it")
    sizes = {"1k": 1000} if options.quick else chosen(options)
    # Short runs show nothing of how fast it is: whatever disturbs them may.
    runs, seconds, most_delay = (1, 0.2, 1) if options.quick else (3, options.seconds, MOST_DELAY)
    where = benchreport.machine()
    programs = options.programs
    if programs is None:
        benchreport.build(options.build, TARGETS)
        programs = options.build
    rows, notes = [], []
    patient = quiet.Patient(0 if options.quick else quiet.PATIENCE)
    time_words = ["--seconds", seconds]
    with made_place(programs, options.directory, max(sizes.values()),
                    not options.quick) as place:
        def measure(way, name, names, more):
            return good_runs(patient, lambda: WAYS[way](place, name, names, [*time_words, *more]),
                             runs, f"{way}/{name}", most_delay)

        for way in WAYS:
            rows += rows_of(f"headroom/{way}", measure(way, "reflector", 100_000, []))
        for name, names in sizes.items():
            with published(place, name, names) as made:
                notes.append(f"{name}: tables made in {made['seconds']:.1f} s,"
                             f" {made['octets_per_name']:.1f} octets a name")
                for way in WAYS:
                    reports = measure(way, name, names, [])
                    rows += rows_of(f"{way}/{name}", reports)
                    half = int(benchreport.row(
                        "", [one["answers_per_s"] for one in reports], "").value / 2)
                    rows += latency_rows(f"{way}/{name}",
                                         measure(way, name, names, ["--rate", max(1, half)]))
                for lcores in LCORES:
                    def on_these(*more, lcores=lcores, name=name, names=names):
                        return good_runs(
                            patient,
                            lambda: on_lcores(place, name, names, lcores, [*time_words, *more]),
                            runs, f"lcores-{len(lcores)}/{name}", most_delay)

                    rows += lcores_rows(f"lcores-{len(lcores)}/{name}", on_these(),
                                        on_these("--reflect"))
        on_huge = ("no", "only packets", "all")[(not place.memory)
                                                + (place.tables != options.directory)]
    notes.insert(0, f"responder on core {RESPONDER_CORE}, generator on core {GENERATOR_CORE}; runs"
                    f" of {seconds:g} s; {on_huge} memory on hugepages; cycles: TSC cycles per"
                    " answer in polls that gave frames; generator: of its own, in rounds with"
                    " frames; p50 and p99 at half of what was answered a second, each from when its"
                    " query was due; headroom: against a reflector in the responder's place;"
                    " lcores: so many cores, each with a queue of a port without a wire, whose"
                    " receive call makes the queries on that core; bare: of their cycles, those"
                    " that remain when nothing is answered")
    notes.append(patient.note(f"{most_delay:.0%}"))
    benchreport.show(rows, options.json, where, notes)
    return 0
