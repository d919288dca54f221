"""tools/bench scale: runs scale_bench for few and for many zones and makes rows of what it says."""

import json

import benchreport
from benchreport import BenchError

MIB = 1 << 20
# Name and zones that the names are spread over.
SHAPES = (("one-zone", 1), ("10k-zones", 10_000))


def rows_of(shape, report):
    """What one table costs. BenchError when a reader got a wrong answer meanwhile."""
    if report["wrong"]:
        raise BenchError(f"{shape}: {report['wrong']} answers were wrong while the tables changed")
    edits = report["edits"]

    def add(name, samples, unit, aim=""):
        rows.append(benchreport.row(f"{shape}/{name}", samples, unit, aim))

    rows = []
    add("octets_per_name", [report["name_octets"] / report["names"]], "octets", "<= 128")
    add("compile", [report["compile_s"]], "s")
    add("publish", [report["publish_s"]], "s")
    add("attach", [1e6 * seconds for seconds in report["attach_s"]], "us")
    add("edit/compile", [edit["compile_s"] for edit in edits], "s")
    add("edit/publish", [edit["publish_s"] for edit in edits], "s")
    add("edit/answers_meanwhile",
        [edit["answered"] / (edit["compile_s"] + edit["publish_s"]) for edit in edits],
        "answers/s")
    add("edit/more_memory", [edit["used_octets"] / report["used_octets"] - 1 for edit in edits],
        "part", "0")
    add("longest_burst/before", [report["longest_before"] / report["tsc_per_us"]], "us")
    add("longest_burst/edits", [report["longest"] / report["tsc_per_us"]], "us")
    add("peak", [report["peak_octets"] / MIB], "MiB")
    return rows


def run(options):
    where = benchreport.machine()
    program = benchreport.program_of(options, "scale_bench")
    rows = []
    names, edits = (20_000, 2) if options.quick else (options.names, 5)
    for shape, zones in SHAPES:
        benchreport.say(f"{shape}: {names:,} names")
        rows += rows_of(shape, json.loads(benchreport.call([
            program, "--names", names, "--zones", min(zones, names), "--edits", edits,
            "--directory", options.directory])))
    benchreport.show(rows, options.json, where, [
        f"{names:,} names with an address of their own; control on core 0, a reader at full load on"
        " core 1 that looks at every address",
        "edit: 100 names get another address; the whole model is compiled anew and compared with"
        " what is there, as a load does it",
        "attach: a process that finds the tables in memory, until it may answer",
        "longest_burst: 32 answers; what else runs on the machine shows in it",
        "peak: VmHWM of a process that holds the model, twice the compiled rules and the tables"])
    return 0
