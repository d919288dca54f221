"""The lab of `tools/bench peers`: one pair of namespaces for all servers in turn, on core 0, with
clients and the listener of the health-checked name at the other end, on core 1. Root.

All that is made is in a journal first, so that the next run takes down what a crash has left.
"""

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import benchreport
import hugepages
import labconfig
import netpair
import peerservers
import peerusage
import peerzone
import quiet
import readers
from benchreport import BenchError
from journal import Journal, empty_namespace, pids_in_namespace

FOLDER = Path("/run/holdfast-bench-peers")
LOCK = Path("/run/lock/holdfast-bench-peers")
SERVER_CORE, CLIENT_CORE = 0, 1
PATIENCE = 60.0  # seconds until a server's first answer, and one more for each NAMES_A_SECOND
NAMES_A_SECOND = 10_000  # far below what any of them loads on a quiet machine
FIRST = ["nice", "-n", "-20"]
# Seconds after which a client sends at its rate. kxdpgun first waits a second for its interface.
SETTLED = {"kxdpgun": 1.4, "dnsperf": 0.3}
MARGIN = 0.4     # seconds of its sending that the middle leaves out, before and behind it
# A listener that takes connections and closes them, until it is killed.
ACCEPT = """import socket, sys
taken = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=1024)
print("ready", flush=True)
while True:
    taken.accept()[0].close()
"""


def must_be_root():
    if os.geteuid() != 0:
        raise BenchError("this needs root: it makes network namespaces")


@contextlib.contextmanager
def only_one():
    """Held by the one run there may be; BenchError when another holds it."""
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchError("another `tools/bench peers` runs on this machine; wait for its"
                             " end") from None
        yield


class Running:
    """A server that was started; `first_answer` seconds after that it answered."""

    def __init__(self, server, process, place):
        self.server, self.process, self.place = server, process, place
        self.first_answer = None

    def log(self):
        text = (self.place.folder / "log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-15:])


class Lab:
    """Made by `lab()`; `pair` and `zone` are there for all servers."""

    def __init__(self, journal, folder, zone, programs):
        self.journal, self.folder, self.zone, self.programs = journal, folder, zone, programs
        self.pair = netpair.Pair("peers")
        self.huge = None

    def make(self):
        self.pair.create(self.journal, client_hosts=(2, 3))
        self.zone.write(self.folder)

    def make_hugepages(self):
        """Pages for Holdfast's tables and packets, where there are any."""
        config = peerservers.holdfast_config(self.place(peerservers.HOLDFAST))
        if hugepages.reserve(labconfig.pages_wanted(config, "af_xdp"), self.journal,
                             benchreport.say):
            self.huge = hugepages.mount(FOLDER / "huge", self.journal)

    def place(self, server):
        return peerservers.Place(self.folder / server.name, self.folder, self.pair.server4,
                                 len(self.zone.labels), self.programs, self.huge)

    def pids(self):
        return pids_in_namespace(self.pair.server)

    @contextlib.contextmanager
    def serve(self, server, before=FIRST):
        """Starts a server and waits for its first answer; ends it, and what it has started."""
        place = self.place(server)
        peerservers.write(server, place)
        began = time.monotonic()
        with (place.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*netpair.enter_command(self.pair.server), *before,
                 *map(str, server.words(place))], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, cwd="/")
        running = Running(server, process, place)
        try:
            self.wait(running)
            running.first_answer = time.monotonic() - began
            if server.ours:
                self.wait_for_polling(running)
            yield running
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            empty_namespace(self.pair.server)
            # A program that an ended server left would refuse the next one the interface.
            netpair.ip("-n", self.pair.server, "link", "set", netpair.SERVER_INTERFACE, "xdp",
                       "off")

    def settle(self, running):
        """Puts a server that answers onto its core. @return its processes."""
        pids = self.pids()
        if running.server.pinned:
            peerusage.pin(pids, SERVER_CORE)
        return pids

    def busy(self, running):
        """Of Holdfast: cycles in polls that gave frames, and replies (readers.busy); else None."""
        if not running.server.ours:
            return None
        return readers.busy(json.loads(benchreport.call([
            self.programs / "holdfast", "status", "--json", "--run-dir",
            running.place.folder / "run"])))

    def alive(self, running, what):
        if running.process.poll() is not None:
            raise BenchError(f"{running.server.name} ended with status"
                             f" {running.process.returncode} before {what}\n{running.log()}")

    def wait(self, running):
        """Until the last name of the zone is answered as the zone has it."""
        seconds = PATIENCE + len(self.zone.labels) / NAMES_A_SECOND
        label = self.zone.labels[-1]
        wanted = (peerzone.NOERROR, [self.zone.addresses[label]])
        with self.asking(timeout=0.005, tries=1) as ask:
            deadline = time.monotonic() + seconds
            while ask(label) != wanted:
                self.alive(running, "it answered")
                if time.monotonic() > deadline:
                    raise BenchError(f"{running.server.name} does not answer within {seconds:g} s"
                                     f"\n{running.log()}")

    def wait_for_polling(self, running):
        deadline = time.monotonic() + PATIENCE
        while not readers.polls(running.place.folder / "run"):
            self.alive(running, "it polled")
            if time.monotonic() > deadline:
                raise BenchError(f"Holdfast does not poll within {PATIENCE:g} s\n{running.log()}")
            time.sleep(0.02)

    @contextlib.contextmanager
    def asking(self, timeout=0.5, tries=3, namespace=None):
        """A function that asks the server for a label: (rcode, addresses), or None without a reply.
        @param namespace  of the client; its own by default.
        """
        made = netpair.inside(namespace or self.pair.client,
                              lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        made.connect((self.pair.server4, 53))
        made.settimeout(timeout)
        ident = 0

        def ask(label):
            nonlocal ident
            for _ in range(tries):
                ident = ident % 0xFFFF + 1
                try:
                    made.send(peerzone.question(label, ident))
                    while True:
                        found, rcode, addresses = peerzone.read(made.recv(4096))
                        if found == ident:
                            return rcode, addresses
                except TimeoutError:
                    continue
                except OSError:  # port unreachable: nobody listens yet
                    time.sleep(timeout)
            return None

        with made:
            yield ask

    def client(self, words, seconds, pids, meanwhile=None):
        """Runs a client on core 1 that sends for so many seconds.
        @param pids  the server's processes.
        @param meanwhile  called once it sends.
        @return its output, and what it and the server used in the middle of that time, or while
        `meanwhile` ran.
        """
        # Into a file: whoever reads a pipe meanwhile takes time from server or client.
        with (self.folder / "client").open("w+") as output:
            stolen = quiet.stolen()
            process = subprocess.Popen(
                [*netpair.enter_command(self.pair.client), *FIRST, "taskset", "-c",
                 str(CLIENT_CORE), *words], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            try:
                time.sleep(SETTLED[words[0]])
                span = look(process.pid, pids, meanwhile or (
                    lambda: time.sleep(max(0.1, seconds - MARGIN))))
                process.wait(timeout=120)
                # Of all its time: a stall at its beginning is in its latencies as well.
                span = span._replace(stolen=quiet.stolen_share(
                    stolen, quiet.stolen(), seconds, (SERVER_CORE, CLIENT_CORE)))
            except BaseException:
                process.kill()
                process.wait()
                raise
            output.seek(0)
            text = output.read()
        if process.returncode != 0:
            raise BenchError(f"{words[0]} ended with status {process.returncode}\n{text[-1000:]}")
        return text, span

    @contextlib.contextmanager
    def reflecting(self, program):
        """An XDP program on the server's interface in place of a server."""
        at = ("-n", self.pair.server, "link", "set", "dev", netpair.SERVER_INTERFACE, "xdp")
        netpair.ip(*at, "obj", str(program), "sec", "xdp")
        try:
            yield
        finally:
            netpair.ip(*at, "off")

    @contextlib.contextmanager
    def listener(self, address):
        """What health checks of SERVICE connect to. Yields the process, which may be killed."""
        process = subprocess.Popen(
            [*netpair.enter_command(self.pair.client), "/usr/bin/python3", "-c", ACCEPT,
             address, str(peerzone.SERVICE_PORT)], stdout=subprocess.PIPE, text=True)
        try:
            if process.stdout.readline() != "ready\n":
                raise BenchError("the listener of the health-checked name did not start")
            yield process
        finally:
            process.kill()
            process.communicate()


def look(client, pids, meanwhile):
    """The Span of a call."""
    first, began = [peerusage.usage(each) for each in ([client], pids)], time.monotonic()
    meanwhile()
    last, ended = [peerusage.usage(each) for each in ([client], pids)], time.monotonic()
    return peerusage.span(*zip(first, last), ended - began)


@contextlib.contextmanager
def lab(names, programs):
    """The lab with a zone of so many names. One at a time on a machine."""
    # A client that keeps its core busy at nice -20 would keep this from looking at it in time.
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    os.umask(0o022)  # holdfast-sockets is another user, and reads tables below the folders
    with only_one():
        if FOLDER.exists():
            benchreport.say("takes down what an earlier run has left")
            take_down(Journal.load(FOLDER))
        journal = Journal.create(FOLDER)
        try:
            folder = Path(tempfile.mkdtemp(prefix="holdfast-bench-peers-"))
            journal.add("folder", path=str(folder))
            folder.chmod(0o755)
            made = Lab(journal, folder, peerzone.Zone(names), programs)
            made.make()
            yield made
        except OSError as error:
            raise BenchError(str(error)) from error
        finally:
            take_down(journal)


def take_down(journal):
    for complaint in journal.undo_all():
        print(f"bench: could not undo {complaint}", file=sys.stderr)
