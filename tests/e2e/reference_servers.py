"""NSD and Knot DNS, each with the zones of a folder, and unbound as a caching resolver, on loopback
and in the foreground; ended by pid. All keep to themselves: no remote control, no files elsewhere.
"""

import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
from holdfast_node import free_port, until

ADDRESS = "127.0.0.1"


def found(program):
    return shutil.which(program, path="/usr/sbin:/usr/bin")


class Server:
    def __init__(self, folder, zones, words):
        """@param zones  {origin: file}. @param words  of the command, which ends with its file."""
        self.port, self.folder = free_port(), folder
        folder.mkdir()
        config = folder / "server.conf"
        config.write_text(self.config(zones))
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen([*words, config], stdout=log, stderr=log)

    def log(self):
        return (self.folder / "log").read_text()

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Nsd(Server):
    NAME = "nsd"

    def __init__(self, folder, zones):
        super().__init__(folder, zones, [found("nsd"), "-d", "-c"])

    def config(self, zones):
        listed = "".join(f'zone:\n name: "{origin}"\n zonefile: "{file}"\n'
                         for origin, file in zones.items())
        return (f'server:\n ip-address: {ADDRESS}\n port: {self.port}\n username: ""\n'
                f' zonesdir: "{self.folder}"\n database: ""\n pidfile: "{self.folder}/pid"\n'
                f' xfrdfile: "{self.folder}/xfrd"\n zonelistfile: "{self.folder}/list"\n'
                f' xfrdir: "{self.folder}"\n server-count: 1\n verbosity: 1\n'
                " minimal-responses: yes\n round-robin: no\n rrl-ratelimit: 0\n"
                f"remote-control:\n control-enable: no\n{listed}")


class Knot(Server):
    NAME = "knot"

    def __init__(self, folder, zones):
        super().__init__(folder, zones, [found("knotd"), "-c"])

    def config(self, zones):
        listed = "".join(f' - domain: "{origin}."\n   file: "{file}"\n'
                         for origin, file in zones.items())
        return (f"server:\n rundir: \"{self.folder}\"\n listen: {ADDRESS}@{self.port}\n"
                " udp-workers: 1\n tcp-workers: 1\n background-workers: 1\n"
                f"control:\n listen: \"{self.folder}/knot.sock\"\n"
                "log:\n - target: stderr\n   any: warning\n"
                f"database:\n storage: \"{self.folder}\"\n"
                "template:\n - id: default\n"
                f"   storage: \"{self.folder}\"\n   zonefile-load: whole\n"
                "   journal-content: none\n"
                "   semantic-checks: false\n"
                f"zone:\n{listed}")


@contextlib.contextmanager
def reference_servers(folder, zones, is_up):
    """@param is_up  tells of a port whether the zones are answered there."""
    with contextlib.ExitStack() as stack:
        servers = []
        for kind in (Nsd, Knot):
            server = kind(folder / kind.NAME, zones)
            stack.callback(server.close)
            servers.append(server)
        for server in servers:
            until(lambda s=server: is_up(s.port) or s.process.poll() is not None, seconds=60)
            assert server.process.poll() is None, server.log()
        yield servers


@contextlib.contextmanager
def unbound(origins, server, more):
    """Its port. It asks `server` (ADDRESS@PORT) for those zones, with letters of random case and
    minimised names. @param more  of its `server:` part."""
    port = free_port()
    stubs = "".join(f'stub-zone:\n name: "{origin}"\n stub-addr: {server}\n'
                    for origin in origins)
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("w") as log:
        config = Path(folder, "unbound.conf")
        config.write_text(
            f"server:\n interface: {ADDRESS}\n port: {port}\n do-daemonize: no\n"
            f' username: ""\n chroot: ""\n directory: "{folder}"\n pidfile: "{folder}/pid"\n'
            ' use-syslog: no\n do-not-query-localhost: no\n local-zone: "test." nodefault\n'
            f" qname-minimisation: yes\n use-caps-for-id: yes\n{more}"
            f"remote-control:\n control-enable: no\n{stubs}")
        process = subprocess.Popen([found("unbound"), "-d", "-c", config], stdout=log, stderr=log)

        def is_up():
            query = dns.message.make_query(origins[0], "SOA")
            with contextlib.suppress(dns.exception.Timeout, OSError):
                return dns.query.udp(query, ADDRESS, port=port, timeout=2).rcode() == \
                    dns.rcode.NOERROR

        try:
            until(is_up)
            yield port
        finally:
            process.terminate()
            process.wait(10)
