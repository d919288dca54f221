"""Metric checks driven by a real Prometheus and Alertmanager, and what they scrape of a node."""

import contextlib
import json
import re
import shutil
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest
from answer_zone import SHORT_ZONE
from holdfast_node import ROOT, Check, free_port, needs_programs, until
from monitoring import Monitoring, get, needs_monitoring
from watch import tell

pytestmark = needs_programs

ORIGIN = "m.test"
ZONE = SHORT_ZONE.replace("short", "m")
RULES = ROOT / "tools" / "examples" / "prometheus" / "holdfast.rules.yml"
TOKEN = "token-of-the-test"


class Derived:
    """A check that nothing is probed for, from its HealthCheckConfig."""

    def __init__(self, name, words="", **config):
        self.name, self.words, self.config = name, words, config

    def json(self):
        return {"Id": self.name, "CallerReference": self.name, "HealthCheckVersion": 1,
                "HealthCheckConfig": self.config}

    def toml(self):
        return f'[check."{self.name}"]\nlabel = "{self.words}"\n' if self.words else ""


def metric(name, alarm, insufficient, words=""):
    return Derived(name, words, Type="CLOUDWATCH_METRIC",
                   AlarmIdentifier={"Region": "eu-1", "Name": alarm},
                   InsufficientDataHealthStatus=insufficient)


def write_token(path):
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)


def failover(name, check):
    return [{"Name": f"{name}.{ORIGIN}", "Type": "A", "TTL": 5, "SetIdentifier": role.lower(),
             "Failover": role, "ResourceRecords": [{"Value": value}],
             **({"HealthCheckId": check} if role == "PRIMARY" else {})}
            for role, value in (("PRIMARY", "192.0.2.1"), ("SECONDARY", "192.0.2.2"))]


def check_of(node, name):
    return next(one for one in node.status()["checks"] if one["id"] == name)


def await_check(node, name, state, reason):
    def there():
        check = check_of(node, name)
        return check["state"] == state and re.match(reason, check["reason"])
    until(there, seconds=45)


@needs_monitoring
def test_alarms_go_from_ok_to_firing_to_resolved_to_silent(make_one, tmp_path):
    http = free_port()
    monitoring = Monitoring(tmp_path, f"http://127.0.0.1:{http}/v1/alerts/eu-1/high%20load",
                            TOKEN, targets=[f"127.0.0.1:{http}"])
    try:
        monitoring.await_ready()
        node = make_one.node(
            {ORIGIN: (ZONE, failover("asked", "asked") + failover("told", "told"))},
            [metric("asked", "load", "LastKnownStatus", "load as asked for"),
             metric("peak", "peak", "LastKnownStatus"), metric("told", "high load", "Unhealthy")],
            tail=f"""
[http]
listen = ["127.0.0.1:{http}"]
token_file = "token"
[metric."eu-1/load"]
kind = "promql"
url = "{monitoring.url}"
query = "max(load)"
comparison = "GreaterThanThreshold"
threshold = 10
period_s = 1
[metric."eu-1/peak"]
kind = "promql"
url = "{monitoring.url}/"
query = "load # of the last two seconds"
statistic = "Maximum"
comparison = "GreaterThanThreshold"
threshold = 10
period_s = 2
[metric."eu-1/high load"]
kind = "alertmanager"
heartbeat_s = 6
""")
        write_token(node.folder / "token")
        node.start()
        # OK: one is asked and says so, the other hears nothing while nothing fires.
        await_check(node, "asked", "healthy", "Success: alarm eu-1/load is OK: 0 is not Greater")
        await_check(node, "peak", "healthy", "Success: alarm eu-1/peak is OK: 0 is not Greater")
        await_check(node, "told", "unhealthy", "Unknown: .* nothing was posted for 6 s")
        until(lambda: monitoring.query('holdfast_health_check_status{id="asked"}') == ["1"],
              seconds=30)
        assert node.addresses(f"asked.{ORIGIN}") == ["192.0.2.1"]

        monitoring.gauge.value = 97
        await_check(node, "asked", "unhealthy", "Failure: .* ALARM: 97 is GreaterThanThreshold 10")
        await_check(node, "peak", "unhealthy", "Failure: .* ALARM: 97 is GreaterThanThreshold 10")
        await_check(node, "told", "unhealthy", "Failure: .* ALARM: HighLoad firing")
        until(lambda: node.addresses(f"asked.{ORIGIN}") == ["192.0.2.2"])
        until(lambda: monitoring.query('holdfast_health_check_status{id="asked"}') == ["0"],
              seconds=30)

        monitoring.gauge.value = 3
        await_check(node, "asked", "healthy", "Success: .* OK: 3 is not GreaterThanThreshold 10")
        await_check(node, "told", "healthy", "Success: .* OK: HighLoad resolved")
        until(lambda: node.addresses(f"told.{ORIGIN}") == ["192.0.2.1"])

        # Silent: the server gives no value any more, the Alertmanager is gone.
        monitoring.gauge.close()
        monitoring.alertmanager.close()
        await_check(node, "asked", "healthy", "Unknown: .* INSUFFICIENT_DATA: the query gives no")
        await_check(node, "told", "unhealthy", "Unknown: .* nothing was posted for 6 s")
        until(lambda: node.addresses(f"told.{ORIGIN}") == ["192.0.2.2"])
        monitoring.prometheus.close()
        await_check(node, "asked", "healthy", "Unknown: .* INSUFFICIENT_DATA: .*onnect")
        assert node.addresses(f"asked.{ORIGIN}") == ["192.0.2.1"]
    finally:
        monitoring.close()


def promtool(*words, folder=None):
    return subprocess.run(["promtool", *words], cwd=folder, capture_output=True, text=True,
                          timeout=60, check=False)


@needs_monitoring
def test_the_shipped_rules_are_good_and_mean_what_they_say(tmp_path):
    checked = promtool("check", "rules", str(RULES))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    shutil.copy(RULES, tmp_path)
    shutil.copy(Path(__file__).with_name("holdfast_rules_test.yml"), tmp_path)
    tested = promtool("test", "rules", "holdfast_rules_test.yml", folder=tmp_path)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    # Each alert is one of those tested, and its test notices when it never fires.
    text = RULES.read_text()
    for alert, expression in re.findall(r"- alert: (\w+)\n\s+expr: (.*)\n", text):
        broken = text.replace(f"- alert: {alert}\n", f"- alert: Other{alert}\n")
        (tmp_path / RULES.name).write_text(broken)
        assert promtool("test", "rules", "holdfast_rules_test.yml",
                        folder=tmp_path).returncode != 0, (alert, expression)


@pytest.fixture(name="node", scope="module")
def fixture_node(make):
    folder_token = f'token_file = "{ORIGIN}.token"\n'
    http = free_port()
    node = make.node(
        {ORIGIN: (ZONE, failover("www", "web") + failover("lost", "never-made"))},
        [Check("web", make.endpoint()), Check("down", make.endpoint(mode="refuse")),
         Derived("sum", Type="CALCULATED", HealthThreshold=1, ChildHealthChecks=["web", "down"]),
         metric("told", "x", "Healthy", "words \\\"for\\\" people"),
         Derived("switch", Type="RECOVERY_CONTROL", RoutingControlArn="cell/a"),
         Check("off", make.endpoint())],
        tail=f'[http]\nlisten = ["127.0.0.1:{http}", "[::1]:{http}"]\n{folder_token}'
             '[metric."eu-1/x"]\nkind = "alertmanager"\n[routing_control."cell/a"]\n')
    write_token(node.folder / f"{ORIGIN}.token")
    node.http = http
    node.start()
    node.await_checks(web="healthy", down="unhealthy", sum="healthy")
    return node


def metrics(node, host="127.0.0.1"):
    """{series: value} of a scrape."""
    status, page = get(f"http://{host}:{node.http}/metrics")
    assert status == 200, page
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in page.splitlines() if not line.startswith("#")}


def test_a_scrape_shows_checks_tables_and_readers(node):
    for _ in range(5):
        assert node.addresses(f"www.{ORIGIN}") == ["192.0.2.1"]
    replies = 'holdfast_reader_events{role="sockets",counter="replies"}'
    until(lambda: metrics(node, "[::1]")[replies] >= 5)
    seen, status = metrics(node), node.status()
    assert seen["holdfast_generation"] == status["generation"]
    assert seen["holdfast_readers{role=\"sockets\"}"] == 1
    assert seen['holdfast_health_check_status{id="web",type="HTTP"}'] == 1
    assert seen['holdfast_health_check_status{id="down",type="HTTP"}'] == 0
    assert seen['holdfast_health_check_percentage_healthy{id="web",type="HTTP"}'] == 100
    assert seen['holdfast_health_check_percentage_healthy{id="down",type="HTTP"}'] == 0
    assert seen['holdfast_health_check_child_healthy_count{id="sum",type="CALCULATED"}'] == 1
    named = r'holdfast_health_check_status{id="told",name="words \"for\" people",' \
            'type="CLOUDWATCH_METRIC"}'
    assert seen[named] == 1, seen
    assert 0 <= seen['holdfast_health_check_report_age_seconds{id="web",type="HTTP"}'] < 5
    for kind in ("timeout", "nxdomain", "no_address", "servfail", "malformed", "target_refused"):
        assert seen[f'holdfast_resolver_failures_total{{kind="{kind}"}}'] == 0
    assert seen["holdfast_resolver_queries_total"] == seen["holdfast_resolver_names"] == 0
    for follows in ("sum", "switch"):
        assert not [name for name in seen if "report_age" in name and f'id="{follows}"' in name]
    assert seen["holdfast_records_with_missing_check"] == 1
    assert seen['holdfast_health_check_checks_passed_total{id="web",type="HTTP"}'] > 0
    assert seen['holdfast_health_check_checks_failed_total{id="down",type="HTTP"}'] > 0
    assert 0 < seen["holdfast_publish_latency_seconds"] < 1
    checks = {one["id"]: one for one in status["checks"]}
    passed = 'holdfast_health_check_checks_passed_total{id="web",type="HTTP"}'
    until(lambda: metrics(node)[passed] >= checks["web"]["passes"])


def test_status_changes_are_counted_one_by_one(node):
    series = 'holdfast_health_check_status_changes_total{id="web",type="HTTP"}'
    before = metrics(node)[series]
    for to in ("unhealthy", "healthy", "unhealthy", "auto"):
        node.request(op="health_set", check="web", to=to)
    until(lambda: metrics(node)[series] == before + 4)


def test_a_check_that_is_disabled_has_no_report_age_any_more(node):
    series = 'holdfast_health_check_report_age_seconds{id="off",type="HTTP"}'
    until(lambda: series in metrics(node))
    checks = node.folder / "checks.json"
    listed = json.loads(checks.read_text())
    off = next(one for one in listed["HealthChecks"] if one["Id"] == "off")
    off["HealthCheckConfig"]["Disabled"] = True
    checks.write_text(json.dumps(listed))
    node.call("reload")
    until(lambda: series not in metrics(node))
    assert metrics(node)['holdfast_health_check_status{id="off",type="HTTP"}'] == 1


def test_a_storm_of_scrapes_does_not_make_more_pages(node):
    series = 'holdfast_health_check_report_age_seconds{id="web",type="HTTP"}'
    pages = [metrics(node)[series] for _ in range(100)]
    # An age is another in each page: of a hundred scrapes few were made anew.
    assert len(set(pages)) < 50, pages


@needs_monitoring
def test_promtool_finds_nothing_wrong_with_the_page(node):
    page = get(f"http://127.0.0.1:{node.http}/metrics")[1]
    said = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True,
                          text=True, timeout=60, check=False)
    # The name is CloudWatch's ChildHealthCheckHealthyCount.
    assert said.stderr == (
        'holdfast_health_check_child_healthy_count non-histogram and non-summary metrics should '
        'not have "_count" suffix\n'), said.stderr


def post(node, path, body, **headers):
    request = urllib.request.Request(f"http://127.0.0.1:{node.http}{path}", body.encode(),
                                     {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=5) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


NOTICE = {"version": "4", "groupKey": "g", "status": "firing", "alerts": []}


def test_posts_bear_the_token_and_name_a_source(node):
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    path, good = "/v1/alerts/eu-1/x", json.dumps(NOTICE)
    assert post(node, path, good)[0] == 401
    assert post(node, path, good, Authorization="Bearer token-of-another")[0] == 401
    assert post(node, "/v1/alerts/eu-1/y", good, **bearer)[0] == 404
    assert post(node, path, "{", **bearer)[0] == 400
    status, said = post(node, path, json.dumps({**NOTICE, "status": "x"}), **bearer)
    assert (status, said) == (400, 'body:1: notification: status is "x"; expected "firing" or '
                                   '"resolved"\n')
    assert post(node, path, good, **bearer) == (200, "taken\n")
    until(lambda: check_of(node, "told")["state"] == "unhealthy")
    assert post(node, path, json.dumps({**NOTICE, "status": "resolved"}), **bearer)[0] == 200
    until(lambda: check_of(node, "told")["state"] == "healthy")


def test_clients_that_say_nothing_do_not_keep_others_out(node):
    idle = []
    try:
        for _ in range(100):
            idle.append(socket.create_connection(("127.0.0.1", node.http), timeout=5))
        assert metrics(node)["holdfast_generation"] > 0
        assert node.addresses(f"www.{ORIGIN}") == ["192.0.2.1"]
    finally:
        for one in idle:
            one.close()


def resident_kib(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def abuse(node, rounds):
    """Requests that are too large, cut off, or none at all, by 100 clients at a time."""
    head = f"POST /v1/alerts/eu-1/x HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n" \
           "Content-Type: application/json\r\n"
    parts = [b"\0" * 300, b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000,
             (head + "Content-Length: 262144\r\n\r\n").encode() + b"[" * 200_000,
             (head + "Content-Length: 999999999\r\n\r\n").encode() + b"x" * 100_000,
             (head + "Transfer-Encoding: chunked\r\n\r\n").encode() + b"1\r\n[\r\n" * 50_000,
             (head + "Content-Length: 100000\r\n\r\n").encode() + b"[" * 100_000]
    for number in range(rounds):
        with contextlib.ExitStack() as stack:
            for client in range(100):
                way = stack.enter_context(socket.create_connection(("127.0.0.1", node.http), 5))
                way.settimeout(0.05)
                with contextlib.suppress(OSError):
                    way.sendall(parts[(number + client) % len(parts)])


def test_abuse_costs_a_bounded_amount_of_memory(node):
    pid = node.pid("control")
    abuse(node, 6)
    before = resident_kib(pid)
    abuse(node, 18)
    grown = resident_kib(pid) - before
    assert grown < 16_384, (before, grown)  # KiB: what all connections may hold at a time
    # What the last of them left is worked off; then there is room again.
    until(lambda: get(f"http://127.0.0.1:{node.http}/metrics")[0] == 200)
    assert node.pid("control") == pid
    tell(f"http abuse: 1800 hostile clients, resident memory {before} KiB {grown:+} KiB")


def test_an_address_that_is_taken_delays_metrics_but_nothing_else(make_one):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        node = make_one.node({ORIGIN: (ZONE, failover("www", "web"))},
                             [Check("web", make_one.endpoint())],
                             tail=f'[http]\nlisten = ["127.0.0.1:{port}"]\n').start()
        node.await_checks(web="healthy")
        assert "Address already in use" in node.status()["http"]["problem"]
        assert "Address already in use" in node.call("status").stdout
    until(lambda: get(f"http://127.0.0.1:{port}/metrics")[0] == 200)
    assert node.status()["http"]["problem"] is None
