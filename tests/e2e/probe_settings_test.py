"""What a [check."ID"] may tell a probe beyond Route 53's settings, through a running node: an HTTPS
endpoint that answers only who asks in the right way and shows the right certificate, and whose own
certificate is judged. Each setting is broken for itself, and the record follows.
"""

import contextlib
import http.server
import socket
import ssl
import subprocess
import threading

import pytest
from conftest import open_folder
from holdfast_node import TARGETS, Node, free_port, needs_programs, until

pytestmark = needs_programs

ORIGIN = "settings.test"
ZONE = f"""$ORIGIN {ORIGIN}.
$TTL 60
@     IN SOA   ns.example.net. hostmaster.example.net. 1 7200 900 1209600 60
@     IN NS    ns.example.net.
"""
PRIMARY, SECONDARY = "198.51.100.1", "198.51.100.2"
RECORDS = [{"Name": f"www.{ORIGIN}.", "Type": "A", "SetIdentifier": role, "TTL": 20,
            "Failover": role, "ResourceRecords": [{"Value": address}],
            **({"HealthCheckId": "web"} if role == "PRIMARY" else {})}
           for role, address in (("PRIMARY", PRIMARY), ("SECONDARY", SECONDARY))]


class Authority:
    """Certificates as files of one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.openssl("req", "-x509", *self.new_key("ca"), "-days", "30", "-subj", "/CN=ca",
                     "-out", folder / "ca.pem")

    @staticmethod
    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

    def new_key(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                self.folder / f"{name}.key")

    def issue(self, name, days):
        request = self.folder / f"{name}.csr"
        self.openssl("req", *self.new_key(name), "-subj", f"/CN={name}", "-addext",
                     f"subjectAltName=DNS:{name}", "-out", request)
        self.openssl("x509", "-req", "-in", request, "-CA", self.folder / "ca.pem", "-CAkey",
                     self.folder / "ca.key", "-CAcreateserial", "-days", days,
                     "-copy_extensions", "copy", "-out", self.folder / f"{name}.pem")


class Endpoint:
    """HTTPS on loopback: 401 with a JSON body, for POST requests that hold the right field and come
    from a client of the authority."""

    def __init__(self, authority):
        endpoint = self
        self.state, self.certificate, self.port = "up", "www.test", free_port()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                good = self.headers["X-Probe"] == "of us" and self.path == "/health"
                body = f'{{"state": "{endpoint.state}"}}'.encode()
                self.send_response(401 if good else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.contexts = {name: self.context(authority, name) for name in ("www.test", "soon.test")}
        self.listening = socket.create_server(("127.0.0.1", self.port))
        self.handler = Handler
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    @staticmethod
    def context(authority, name):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(authority.folder / f"{name}.pem", authority.folder / f"{name}.key")
        made.load_verify_locations(authority.folder / "ca.pem")
        made.verify_mode = ssl.CERT_REQUIRED
        return made

    def serve(self):
        while True:
            try:
                way, peer = self.listening.accept()
            except OSError:
                return
            with way, contextlib.suppress(OSError):
                way.settimeout(2)
                context = self.contexts[self.certificate]
                with context.wrap_socket(way, server_side=True) as secure:
                    self.handler(secure, peer, None)

    def close(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(5)


def settings(**changed):
    lines = {"interval_ms": "100", "connect_timeout_ms": "1000", "response_timeout_ms": "1000",
             "body_timeout_ms": "1000", "healthy_threshold": "1", "unhealthy_threshold": "11",
             "method": '"POST"', "headers": '{ X-Probe = "of us" }', "expected_status": "[401]",
             "body_regex": "'\"state\":\\s*\"(up|ready)\"'", "verify": "true",
             "ca_bundle": '"ca.pem"', "client_cert": '"prober.pem"', "client_key": '"prober.key"',
             "min_days_valid": "14"} | changed
    return "".join(f"{key} = {value}\n" for key, value in lines.items() if value)


class Site:
    def __init__(self, folder):
        self.authority = Authority(folder)
        for name, days in (("www.test", 30), ("soon.test", 7), ("prober", 30)):
            self.authority.issue(name, days)
        self.endpoint = Endpoint(self.authority)
        self.node = Node(folder, {ORIGIN: (ZONE, RECORDS)})
        (folder / "checks.json").write_text(
            '{"HealthChecks": [{"Id": "web", "HealthCheckConfig": {"Type": "HTTPS", '
            f'"IPAddress": "127.0.0.1", "Port": {self.endpoint.port}, "ResourcePath": "/health", '
            '"FullyQualifiedDomainName": "www.test"}}]}')
        self.tell()

    def tell(self, **changed):
        self.node.tail = (f'[health]\n{TARGETS}checks = "checks.json"\n[check.web]\n' +
                          settings(**changed))
        self.node.write_config()

    def reload(self, **changed):
        self.tell(**changed)
        self.node.call("reload")


    def awaits(self, address, reason):
        until(lambda: self.node.addresses(f"www.{ORIGIN}") == [address], seconds=30)
        until(lambda: reason in self.node.call("health", "show", "web").stdout, seconds=30)


@pytest.fixture(name="site", scope="module")
def fixture_site():
    with open_folder() as folder:
        site = Site(folder)
        try:
            site.node.start()
            yield site
        finally:
            site.node.close()
            site.endpoint.close()


BROKEN = [({"method": ""}, "HTTP Status Code 501"),
          ({"headers": '{ X-Probe = "other" }'}, "HTTP Status Code 200"),
          ({"expected_status": '["200-299", 302]'}, "HTTP Status Code 401"),
          ({"body_regex": "'state.*down'"}, "do not match the regular expression"),
          ({"ca_bundle": ""}, "the certificate cannot be verified"),
          ({"client_cert": "", "client_key": ""}, "SSL alert"),
          ({"min_days_valid": "31"}, "expected at least 31")]


@pytest.mark.parametrize(("changed", "reason"), BROKEN, ids=lambda each: next(iter(each), "")
                         if isinstance(each, dict) else "")
def test_each_setting_decides(site, changed, reason):
    site.reload(**changed)
    site.awaits(SECONDARY, reason)
    site.reload()
    site.awaits(PRIMARY, "HTTP Status Code 401, Unauthorized")


def test_what_the_endpoint_says_and_shows_is_seen(site):
    site.awaits(PRIMARY, "HTTP Status Code 401, Unauthorized")
    site.endpoint.state = "down"
    site.awaits(SECONDARY, "do not match the regular expression")
    site.endpoint.state = "ready"
    site.awaits(PRIMARY, "HTTP Status Code 401, Unauthorized")
    site.endpoint.certificate = "soon.test"
    site.awaits(SECONDARY, "the certificate is valid for 6 days, expected at least 14")
    site.endpoint.certificate = "www.test"
    site.awaits(PRIMARY, "HTTP Status Code 401, Unauthorized")


def test_settings_in_force_are_shown_without_the_values_of_headers(site):
    shown = next(one for one in site.node.status()["checks"] if one["id"] == "web")["settings"]
    assert shown["method"] == "POST" and shown["expected_status"] == ["401"]
    assert shown["headers"] == ["X-Probe"] and shown["verify"] is True
    assert shown["min_days_valid"] == 14 and shown["client_cert"].endswith("/prober.pem")
    assert "client_key" not in shown and "of us" not in str(shown)


def test_a_renewed_client_certificate_is_read_by_a_reload_and_a_broken_one_refused(site):
    folder = site.node.folder
    key = (folder / "prober.key").read_text()
    (folder / "prober.key").write_text("nothing")
    refused = site.node.call("reload", status=1)
    assert "client key" in refused.stderr + refused.stdout
    (folder / "prober.key").write_text(key)
    site.authority.issue("prober", 20)
    site.reload()
    site.awaits(PRIMARY, "HTTP Status Code 401, Unauthorized")
