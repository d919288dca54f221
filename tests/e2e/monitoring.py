"""A real Prometheus and Alertmanager on loopback with ports and folders of their own, a gauge that
they watch, and a target that webhooks are sent to.
"""

import contextlib
import hashlib
import hmac
import http.server
import json
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest
from holdfast_node import free_port, until

PROGRAMS = ("prometheus", "prometheus-alertmanager", "promtool")
needs_monitoring = pytest.mark.skipif(
    not all(shutil.which(name) for name in PROGRAMS), reason="prometheus is not installed")


def get(url, timeout=5.0):
    """@return (status, body), or (0, "") while nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
    except OSError:
        return 0, ""


class Server:
    """An HTTP server on a thread; `answer(request)` is called for each request."""

    def __init__(self, answer, port=0):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                answer(self)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # clients hang up

        self.server = Quiet(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


class Gauge(Server):
    """What Prometheus scrapes: one value, `load`."""

    def __init__(self):
        self.value = 0
        super().__init__(self.answer)

    def answer(self, request):
        page = f"# TYPE load gauge\nload {self.value}\n".encode()
        request.send_response(200)
        request.send_header("Content-Type", "text/plain; version=0.0.4")
        request.send_header("Content-Length", str(len(page)))
        request.end_headers()
        request.wfile.write(page)


class Target(Server):
    """A webhook's target. Modes: take, fail (500), hang. Keeps the bodies that it took; those whose
    signature is wrong are kept apart."""

    def __init__(self, secret, mode="take", port=0):
        self.secret, self.mode = secret, mode
        self.taken, self.forged, self.asked = [], [], 0
        self.closed = threading.Event()
        super().__init__(self.answer, port)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook"

    def answer(self, request):
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self.asked += 1
        mode = self.mode
        if mode == "hang":
            self.closed.wait(30)
            return
        if mode == "take":
            fields = dict(part.split("=") for part in
                          request.headers["Holdfast-Signature"].split(","))
            wanted = hmac.new(self.secret.encode(), f"{fields['t']}.".encode() + body,
                              hashlib.sha256).hexdigest()
            good = wanted == fields["v1"] and abs(time.time() - int(fields["t"])) < 60
            (self.taken if good else self.forged).append(json.loads(body))
        request.send_response(200 if mode == "take" else 500)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def close(self):
        self.closed.set()
        super().close()


class Daemon:
    """One program, ended by its pid."""

    def __init__(self, folder, name, *words):
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([name, *words], stdout=log, stderr=log, cwd=folder)

    def await_ready(self, port):
        until(lambda: self.process.poll() is not None or
              get(f"http://127.0.0.1:{port}/-/ready")[0] == 200, seconds=60)
        assert self.process.poll() is None, self.log.read_text()

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Monitoring:
    """Both of them. `load > 10` is an alert that goes to `receiver` with a bearer `token`;
    `targets` are scraped too."""

    def __init__(self, folder, receiver, token, targets=()):
        self.gauge = Gauge()
        self.ports = {"prometheus": free_port(), "alertmanager": free_port()}
        (folder / "alertmanager.yml").write_text(f"""
route: {{receiver: holdfast, group_by: [alertname], group_wait: 0s, group_interval: 1s,
         repeat_interval: 1s}}
receivers:
  - name: holdfast
    webhook_configs:
      - url: "{receiver}"
        send_resolved: true
        http_config: {{authorization: {{credentials: "{token}"}}}}
""")
        (folder / "load.rules.yml").write_text("""
groups: [{name: load, interval: 1s, rules: [{alert: HighLoad, expr: load > 10}]}]
""")
        scraped = ", ".join(f'"{one}"' for one in (f"127.0.0.1:{self.gauge.port}", *targets))
        (folder / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [load.rules.yml]
alerting:
  alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{self.ports['alertmanager']}"]}}]}}]
scrape_configs: [{{job_name: all, static_configs: [{{targets: [{scraped}]}}]}}]
""")
        self.alertmanager = Daemon(
            folder, "prometheus-alertmanager", "--config.file=alertmanager.yml",
            f"--storage.path={folder}/alerts", "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{self.ports['alertmanager']}")
        self.prometheus = Daemon(
            folder, "prometheus", "--config.file=prometheus.yml",
            f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{self.ports['prometheus']}")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.ports['prometheus']}"

    def await_ready(self):
        self.alertmanager.await_ready(self.ports["alertmanager"])
        self.prometheus.await_ready(self.ports["prometheus"])
        return self

    def query(self, expression):
        """@return the values, as text."""
        status, body = get(f"{self.url}/api/v1/query?query={urllib.request.quote(expression)}")
        return [one["value"][1] for one in json.loads(body)["data"]["result"]] if status else []

    def close(self):
        with contextlib.ExitStack() as stack:
            for one in (self.gauge, self.prometheus, self.alertmanager):
                stack.callback(one.close)
