"""A control and three checkers, each in a namespace of its own, on one bridge with an endpoint; and
certificates for them. Links can be cut and endpoints hidden from one of them.
"""

import contextlib
import os
import signal
import subprocess
import sys

from endpoints import Endpoint
from holdfast_node import BINARIES, ROOT, Node, until

sys.path.insert(0, str(ROOT / "tools" / "lib"))
import netpair  # noqa: E402

CHECKERS = ("a", "b", "c")
PORT = 9443
BOGUS_MAC = "02:00:00:00:66:66"


class Certificates:
    """An authority and whom it vouches for."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.openssl("req", "-x509", *self.new_key("ca"), "-days", "2", "-subj", "/CN=authority",
                     "-out", folder / "ca.pem")

    def openssl(self, *words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

    def new_key(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                self.folder / f"{name}.key")

    def issue(self, name, alternative):
        """The three keys of a TOML file."""
        request, extension = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        self.openssl("req", *self.new_key(name), "-subj", f"/CN={name}", "-out", request)
        extension.write_text(f"subjectAltName={alternative}\n")
        self.openssl("x509", "-req", "-in", request, "-CA", self.folder / "ca.pem", "-CAkey",
                     self.folder / "ca.key", "-CAcreateserial", "-days", "1", "-extfile", extension,
                     "-out", self.folder / f"{name}.pem")
        os.chmod(self.folder / f"{name}.key", 0o600)
        return (f'certificate = "{self.folder}/{name}.pem"\nkey = "{self.folder}/{name}.key"\n'
                f'ca = "{self.folder}/ca.pem"\n')


class Lan:
    """Namespaces on one bridge. Each has one address; the bridge has none."""

    made = 0  # one test's is not gone when the next one's is made

    def __init__(self, names):
        Lan.made += 1
        self.prefix = f"hfv{os.getpid()}-{Lan.made}"
        self.names = ["lan", *names]
        self.addresses = {name: f"198.18.80.{number + 1}" for number, name in enumerate(names)}

    def space(self, name):
        return f"{self.prefix}-{name}"

    def ip(self, name, *words):
        return netpair.ip("-n", self.space(name), *words)

    def create(self):
        for name in self.names:
            netpair.ip("netns", "add", self.space(name))
            self.ip(name, "link", "set", "lo", "up")
        self.ip("lan", "link", "add", "name", "bridge0", "type", "bridge")
        self.ip("lan", "link", "set", "bridge0", "up")
        for name, address in self.addresses.items():
            port = f"to-{name}"
            self.ip("lan", "link", "add", "name", port, "type", "veth", "peer", "name", "e0",
                    "netns", self.space(name))
            self.ip("lan", "link", "set", port, "master", "bridge0", "up")
            self.ip(name, "addr", "add", f"{address}/24", "dev", "e0")
            self.ip(name, "link", "set", "e0", "up")

    def cut(self, *names):
        for name in names:
            self.ip("lan", "link", "set", f"to-{name}", "down")

    def heal(self, *names):
        for name in names:
            self.ip("lan", "link", "set", f"to-{name}", "up")

    def hide(self, whom, who):
        """`who` sends to `whom` what nobody takes, in silence."""
        self.ip(who, "neigh", "replace", self.addresses[whom], "lladdr", BOGUS_MAC, "dev", "e0",
                "nud", "permanent")

    def show(self, whom, who):
        self.ip(who, "neigh", "del", self.addresses[whom], "dev", "e0")

    def enter(self, name):
        return netpair.enter_command(self.space(name))

    def inside(self, name, function):
        return netpair.inside(self.space(name), function)

    def close(self):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", self.space(name)], check=False,
                           capture_output=True)


class Inside:
    """An endpoint whose sockets are in a namespace."""

    def __init__(self, lan, name):
        self.lan, self.name = lan, name
        self.end = lan.inside(name, lambda: Endpoint(address=lan.addresses[name]))
        self.address, self.port = self.end.address, self.end.port

    def set(self, mode):
        return self.lan.inside(self.name, lambda: self.end.set(mode))

    def close(self):
        self.end.close()


class SpaceNode(Node):
    """A node that runs in a namespace of the lan."""

    def __init__(self, lan, name, *words, **options):
        self.lan, self.space = lan, name
        super().__init__(*words, **options)

    def launch(self):
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.lan.enter(self.space), BINARIES / "holdfast", "run", "--config",
                 self.config], stdout=log, stderr=log)

    def transitions(self):
        """What was decided, in order: (check, healthy)."""
        return [(words[0], words[1] == "healthy")
                for words in (line.split(" transition ", 1)[1].split()
                              for line in self.log().splitlines() if " transition " in line)]

    def checkers(self):
        return {one["name"]: one for one in self.status()["checkers"]["list"]}

    def await_up(self, *names):
        until(lambda: all(self.checkers()[name]["connected"] for name in names), seconds=40)

    def raw(self, check):
        """What the reports alone come to."""
        return next(one["raw"] for one in self.status()["checks"] if one["id"] == check)

    def tally(self, check):
        return next(one["checkers"] for one in self.status()["checks"] if one["id"] == check)

    def await_reporting(self, check, count):
        until(lambda: self.tally(check)["reporting"] == count, seconds=40)


class Checker:
    """A holdfast-checker in a namespace of the lan."""

    def __init__(self, lan, folder, name, identity, controls):
        self.lan, self.name = lan, name
        self.config, self.logged = folder / f"checker-{name}.toml", folder / f"checker-{name}.log"
        self.config.write_text(f'name = "{name}"\n{identity}' + "".join(
            f'[[control]]\naddress = "{address}"\nname = "{control}"\n'
            for address, control in controls))
        self.process = None

    def start(self):
        with self.logged.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.lan.enter(self.name), BINARIES / "holdfast-checker", "--config",
                 self.config], stdout=log, stderr=log)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        """In order; killed, if that is what a test had done."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(timeout=20) == 0, self.logged.read_text()

    def log(self):
        return self.logged.read_text()


@contextlib.contextmanager
def lan(names):
    made = Lan(names)
    try:
        made.create()
        yield made
    finally:
        made.close()


def checkers_table(address, identity, names=CHECKERS, more=""):
    return (f'[checkers]\nlisten = ["{address}:{PORT}"]\n{identity}{more}' +
            "".join(f'[[checkers.checker]]\nname = "{name}"\nregion = "r-{name}"\n'
                    for name in names))
