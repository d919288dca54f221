"""PUSH checks of a running node: a record follows what an agent says, and that it says nothing."""

import http.client
import json
import signal
import time

from holdfast_node import free_port, needs_programs, until

pytestmark = needs_programs

ORIGIN = "push.test"
ZONE = (f"$ORIGIN {ORIGIN}.\n$TTL 60\n@ SOA ns1 host 1 7200 900 1209600 60\n@ NS ns1\n"
        "ns1 A 192.0.2.53\n")
WWW, PRIMARY, SECONDARY = f"www.{ORIGIN}", "198.51.100.1", "198.51.100.2"
TOKEN = "token-of-the-agent-of-job"
PATIENCE = 1.5  # seconds, as below


def record(role, address):
    made = {"Name": f"{WWW}.", "Type": "A", "SetIdentifier": role, "TTL": 5, "Failover": role,
            "ResourceRecords": [{"Value": address}]}
    return {**made, "HealthCheckId": "job"} if role == "PRIMARY" else made


def start(make_one):
    port = free_port()
    node = make_one.node(
        {ORIGIN: (ZONE, [record("PRIMARY", PRIMARY), record("SECONDARY", SECONDARY)])},
        tail=f'[http]\nlisten = ["127.0.0.1:{port}"]\n[check."job"]\ntype = "PUSH"\n'
             f'token = "{TOKEN}"\nlabel = "nightly job"\ninterval_ms = 300\n'
             "healthy_threshold = 2\nunhealthy_threshold = 5\n")
    node.start()
    node.http = port
    until(lambda: post(node, token="none") == 403)
    return node


def post(node, body="", check="job", token=TOKEN, method="POST"):
    """@return the status of the reply; 0 while nobody listens."""
    way = http.client.HTTPConnection("127.0.0.1", node.http, timeout=5)
    try:
        way.request(method, f"/heartbeat/{check}", body, {"Authorization": f"Bearer {token}"})
        return way.getresponse().status
    except ConnectionError:
        return 0
    finally:
        way.close()


def job(node):
    return next(one for one in node.status()["checks"] if one["id"] == "job")


def answers(node, address):
    until(lambda: node.addresses(WWW) == [address])


def test_a_record_follows_what_the_agent_says_and_its_silence(make_one):
    node = start(make_one)
    assert node.addresses(WWW) == [PRIMARY]
    assert [post(node), post(node, '{"status": "pass", "reason": "12 GB"}')] == [200, 200]
    until(lambda: job(node)["raw"] == "healthy")
    assert job(node)["reason"] == "Success: heartbeat: 12 GB"
    assert post(node, '{"status": "fail", "reason": "disk full"}') == 200
    answers(node, SECONDARY)
    assert job(node)["reason"] == "Failure: heartbeat says fail: disk full"
    assert post(node) == 200
    assert job(node)["raw"] == "unhealthy", "one is not a run of two"
    assert post(node) == 200
    last = time.monotonic()
    answers(node, PRIMARY)
    answers(node, SECONDARY)
    took = time.monotonic() - last
    assert took >= PATIENCE - 0.1
    print(f"PUSH: silence of {PATIENCE:.1f} s was answered {took - PATIENCE:.3f} s later")
    assert job(node)["reason"] == "Failure: no heartbeat came for 1500 ms."
    shown = node.call("health", "show", "job").stdout
    assert "job PUSH: unhealthy" in shown and "/heartbeat/job" in shown, shown
    # The label is what people see, the token what nobody does.
    way = http.client.HTTPConnection("127.0.0.1", node.http, timeout=5)
    way.request("GET", "/metrics")
    page = way.getresponse().read().decode()
    way.close()
    assert 'name="nightly job"' in page
    for said in (page, node.log(), json.dumps(node.status()), shown,
                 node.call("health", "show", "job", "--history", "--json").stdout):
        assert TOKEN not in said


def test_what_is_posted_wrongly_is_refused_and_changes_nothing(make_one):
    node = start(make_one)
    before = job(node)["reason"]
    assert post(node, token="another-token-of-somebody") == 403
    assert post(node, check="nothing") == 403
    assert post(node, token="") == 403
    assert post(node, "x" * 1025) == 413
    assert post(node, "fail") == 400
    assert post(node, '{"status": "down"}') == 400
    assert post(node, method="GET") == 405
    assert job(node)["reason"] == before and job(node)["raw"] == "unknown"
    statuses = [post(node) for _ in range(120)]
    assert set(statuses) <= {200, 429} and statuses.count(200) >= 50


def test_a_restart_of_control_gives_the_agent_a_whole_patience(make_one):
    node = start(make_one)
    assert [post(node), post(node)] == [200, 200]
    until(lambda: job(node)["raw"] == "healthy")
    until(lambda: post(node) == 200)
    before = node.kill("control", signal.SIGKILL)
    until(lambda: node.pid("control") not in (None, 0, before) and
          post(node, token="none") == 403)
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE / 2:
        assert node.addresses(WWW) == [PRIMARY], "nothing was heard yet, so nothing was missed"
        time.sleep(0.02)
    assert post(node) == 200
    assert job(node)["raw"] == "healthy"
    answers(node, SECONDARY)  # and then it falls silent
