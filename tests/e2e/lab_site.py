"""A lab (tools/lab) for a test: Holdfast over AF_XDP at one end, sockets and commands of the test
at the other.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys

import pytest
from holdfast_node import BINARIES, ROOT

sys.path.insert(0, str(ROOT / "tools" / "lib"))
import netpair  # noqa: E402

needs_lab = [
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root"),
    pytest.mark.skipif(not (BINARIES / "holdfast-dataplane").exists(),
                       reason="holdfast-dataplane is not built"),
]

ADDRESS4, ADDRESS6, CLIENT = "10.9.0.1", "fd09::1", "10.9.0.2"
DATAPLANE = "[dataplane]\nenabled = true\nlcores = [1]\nmemory_mb = 64\n" \
            "[[dataplane.port]]\ndevice = \"net_af_xdp0,iface=s0\"\n"


class Lab:
    """One that is up. Its name is this process's own, so one at a time."""

    def __init__(self):
        self.name = f"e2e{os.getpid()}"
        self.client = f"hf-{self.name}-cli"
        self.folder = f"/run/holdfast-lab/{self.name}"

    def command(self, *words, check=True):
        done = subprocess.run([ROOT / "tools" / "lab", *words, "--name", self.name], check=False,
                              capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, done.stderr
        return done

    def inside(self, function):
        """Calls it at the client's end; sockets that it makes stay there."""
        return netpair.inside(self.client, function)

    def make_socket(self, family, kind):
        return self.inside(lambda: socket.socket(family, kind))

    def enter(self):
        """The words before a command that is to run at the client's end."""
        return netpair.enter_command(self.client)

    def status(self):
        done = subprocess.run([BINARIES / "holdfast", "status", "--json", "--timeout", "1",
                               "--run-dir", f"{self.folder}/run"], capture_output=True, text=True,
                              timeout=30, check=False)
        return json.loads(done.stdout)

    def counted(self):
        """The counters of the poll process that runs now, summed over its threads."""
        return next(reader["counters"] for reader in self.status()["readers"]
                    if reader["role"] == "dataplane")

    def pid(self, name):
        with open(f"{self.folder}/run/processes.json", encoding="utf-8") as file:
            return next(one["pid"] for one in json.load(file)["processes"] if one["name"] == name)


@contextlib.contextmanager
def lab(config, io="af_xdp"):
    """A lab with that node file, on DPDK with AF_XDP, or on what `tools/lab up --io` calls so."""
    made = Lab()
    made.command("up", "--config", str(config), "--io", io, "--hugepages", "none",
                 "--binary", str(BINARIES))
    try:
        yield made
    finally:
        made.command("down")
