"""Checks of the native types through a running node: UDP, DNS, TLS, GRPC, ICMP and EXEC, each with
an endpoint that is real, goes bad and comes back, and a record that follows it both ways.
"""

import contextlib
import os
import socket
import ssl
import subprocess
import threading
from concurrent import futures
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import grpc
import pytest
from holdfast_node import needs_programs, until

pytestmark = [needs_programs,
              pytest.mark.skipif(os.geteuid() != 0, reason="needs a namespace and another user")]

ORIGIN = "native.test"
ZONE = f"""$ORIGIN {ORIGIN}.
$TTL 60
@     IN SOA   ns.example.net. hostmaster.example.net. 1 7200 900 1209600 60
@     IN NS    ns.example.net.
"""
TYPES = ("UDP", "DNS", "TLS", "GRPC", "ICMP", "EXEC")
PRIMARY, SECONDARY = "198.51.100.1", "198.51.100.2"
NAMESPACE, HERE, THERE = f"hf{os.getpid()}n", "198.18.77.1", "198.18.77.2"
TIMES = """interval_ms = 100
connect_timeout_ms = 150
response_timeout_ms = 150
healthy_threshold = 1
unhealthy_threshold = 2
"""


def record_sets():
    for kind in TYPES:
        for role, address in (("PRIMARY", PRIMARY), ("SECONDARY", SECONDARY)):
            made = {"Name": f"{kind.lower()}.{ORIGIN}.", "Type": "A", "SetIdentifier": role,
                    "TTL": 20, "Failover": role, "ResourceRecords": [{"Value": address}]}
            yield {**made, "HealthCheckId": kind} if role == "PRIMARY" else made


class Datagrams:
    """A UDP endpoint; `answer(datagram, good)` gives the reply, or None."""

    def __init__(self, answer):
        self.answer, self.good = answer, True
        self.way = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.way.bind(("127.0.0.1", 0))
        self.port = self.way.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            got, peer = self.way.recvfrom(65535)
            if got == b"stop":
                return
            reply = self.answer(got, self.good)
            if reply is not None:
                self.way.sendto(reply, peer)

    def set(self, good):
        self.good = good

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            way.sendto(b"stop", ("127.0.0.1", self.port))
        self.thread.join(5)
        self.way.close()


def pong(datagram, good):
    assert datagram == b"PING\0\r\n"
    return b"state: " + (b"up" if good else b"down")


def soa(datagram, good):
    try:
        query = dns.message.from_wire(datagram)
    except dns.exception.DNSException:
        return None
    reply = dns.message.make_response(query)
    if not good:
        reply.set_rcode(dns.rcode.SERVFAIL)
    return reply.to_wire()


class Tls:
    """A TLS server whose certificate has 30 days left, or 7."""

    def __init__(self, folder):
        self.contexts = {days: self.context(folder, days) for days in (7, 30)}
        self.days = 30
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    @staticmethod
    def context(folder, days):
        key, certificate = folder / f"{days}.key", folder / f"{days}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
                        str(days), "-subj", "/CN=tls.test", "-addext",
                        "subjectAltName=DNS:tls.test", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(certificate, key)
        return made

    def serve(self):
        while True:
            try:
                way = self.listening.accept()[0]
            except OSError:
                return
            with way, contextlib.suppress(OSError):
                way.settimeout(1)
                with self.contexts[self.days].wrap_socket(way, server_side=True) as secure:
                    secure.recv(1)

    def set(self, good):
        self.days = 30 if good else 7

    def close(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(5)


class Grpc:
    """A gRPC server with the health service of one other service; messages as they are."""

    def __init__(self):
        self.status = 1  # SERVING
        self.server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
        check = grpc.unary_unary_rpc_method_handler(self.check)
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check}),))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def check(self, request, context):
        if request != b"\x0a\x0bshop.Orders":
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return bytes((8, self.status))

    def set(self, good):
        self.status = 1 if good else 2

    def close(self):
        self.server.stop(None).wait(5)


class Host:
    """A namespace with one address, which replies to echoes or does not."""

    def __init__(self):
        for words in (f"netns add {NAMESPACE}",
                      f"link add {NAMESPACE} type veth peer name v0 netns {NAMESPACE}",
                      f"addr add {HERE}/30 dev {NAMESPACE}", f"link set {NAMESPACE} up",
                      f"-n {NAMESPACE} addr add {THERE}/30 dev v0",
                      f"-n {NAMESPACE} link set v0 up"):
            subprocess.run(["ip", *words.split()], check=True)

    def set(self, good):
        ignore = "/proc/sys/net/ipv4/icmp_echo_ignore_all"
        subprocess.run(["ip", "netns", "exec", NAMESPACE, "sh", "-c",
                        f"echo {0 if good else 1} > {ignore}"], check=True)

    def close(self):
        subprocess.run(["ip", "netns", "del", NAMESPACE], check=True)


class Program:
    """What EXEC looks for is a file."""

    def __init__(self, folder):
        self.file = folder / "fresh"
        self.set(True)

    def set(self, good):
        if good:
            self.file.write_text("yes")
        else:
            self.file.unlink(missing_ok=True)

    def close(self):
        pass


@pytest.fixture(name="site", scope="module")
def fixture_site(make, tmp_path_factory):
    with contextlib.ExitStack() as stack:
        keys = tmp_path_factory.mktemp("keys")
        ends = {"UDP": Datagrams(pong), "DNS": Datagrams(soa), "TLS": Tls(keys), "GRPC": Grpc(),
                "ICMP": Host()}
        for end in ends.values():
            stack.callback(end.close)
        node = make.node({ORIGIN: (ZONE, list(record_sets()))})
        ends["EXEC"] = Program(node.folder)
        settings = {
            "UDP": f"port = {ends['UDP'].port}\npayload = 'PING\\x00\\r\\n'\nexpect = 'up'\n",
            "DNS": f"port = {ends['DNS'].port}\nquestion = 'a.test'\n",
            "TLS": f"port = {ends['TLS'].port}\nname = 'tls.test'\nmin_days_valid = 14\n"
                   f"verify = true\nca_bundle = '{keys}/30.pem'\n",
            "GRPC": f"port = {ends['GRPC'].port}\nservice = 'shop.Orders'\n",
            "ICMP": "count = 2\n",
            "EXEC": f"command = '/usr/bin/test'\narguments = ['-e', '{ends['EXEC'].file}']\n"}
        for kind, more in settings.items():
            times, where = TIMES, f"address = '{THERE if kind == 'ICMP' else '127.0.0.1'}'\n"
            if kind == "EXEC":
                times, where = TIMES.replace("connect_timeout_ms = 150\n", ""), ""
            with node.config.open("a") as config:
                config.write(f'[check."{kind}"]\ntype = "{kind}"\n{where}{more}{times}')
        yield node.start(), ends


def check_of(node, kind):
    return next(one for one in node.status()["checks"] if one["id"] == kind)


@pytest.mark.parametrize("kind, good, bad", [
    ("UDP", "Success: UDP reply of 9 octets", "no UDP reply with the expected string"),
    ("DNS", "Success: DNS reply NOERROR", "Failure: DNS reply SERVFAIL"),
    ("TLS", "and verified", "expected at least 14"),
    ("GRPC", "Success: gRPC health SERVING", "Failure: gRPC health NOT_SERVING"),
    ("ICMP", "Success: 2 echo replies", "did not receive all echo replies"),
    ("EXEC", "Success: exit status 0", "Failure: exit status 1")])
def test_a_record_follows_a_check_of_each_native_type(site, kind, good, bad):
    node, ends = site
    name = f"{kind.lower()}.{ORIGIN}"
    for passes in (True, False, True):
        ends[kind].set(passes)
        node.await_checks(**{kind: "healthy" if passes else "unhealthy"})
        wanted = [PRIMARY if passes else SECONDARY]
        until(lambda w=wanted: node.addresses(name) == w)
        # Where a probe was late by our own doing, its reason stands until the next one.
        until(lambda r=good if passes else bad: r in check_of(node, kind)["reason"])


def test_they_are_shown_with_their_targets(site):
    node, ends = site
    shown = node.call("status").stdout
    for target in (f"udp://127.0.0.1:{ends['UDP'].port}", "a.test. SOA", "tls://127.0.0.1",
                   "/shop.Orders", f"icmp://{THERE}", "exec:/usr/bin/test"):
        assert target in shown, shown


def test_a_fault_in_one_is_refused_by_a_reload_and_nothing_changes(site):
    node, _ = site
    before, generation = node.config.read_text(), node.status()["generation"]
    node.config.write_text(before.replace("count = 2", "count = 11"))
    refused = node.call("reload", status=1).stderr
    assert "key 'count' is 11; expected 1..10" in refused, refused
    node.config.write_text(before.replace("/usr/bin/test", "/nonexistent/test"))
    refused = node.call("reload", status=1).stderr
    assert "'/nonexistent/test'" in refused or '"/nonexistent/test"' in refused, refused
    assert "No such file" in refused
    node.config.write_text(before)
    assert node.status()["generation"] == generation
    assert Path(f"/proc/{node.pid('control')}").exists()
