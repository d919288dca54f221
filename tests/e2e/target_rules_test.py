"""D19: what may not be probed is refused by a reload, and by each probe when a name leads there."""

import json
import socket

from holdfast_node import TARGETS, Check, needs_programs, until

pytestmark = needs_programs

ZONE = {"a.test": ("$ORIGIN a.test.\n$TTL 60\n@ SOA ns1 host 1 7200 900 1209600 60\n@ NS ns1\n"
                   "ns1 A 192.0.2.53\n", [])}


class Named(Check):
    """Looks at the endpoint by a name of the hosts file."""

    def json(self):
        made = super().json()
        config = made["HealthCheckConfig"]
        del config["IPAddress"]
        config["FullyQualifiedDomainName"] = "localhost"
        return made


class Trap:
    """A listener that nobody may come to."""

    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.setblocking(False)
        self.address, self.port = self.listening.getsockname()

    def caught(self):
        try:
            self.listening.accept()[0].close()
        except BlockingIOError:
            return False
        return True


def test_a_literal_address_is_refused_before_anything_changes(make_one):
    web = make_one.endpoint()
    node = make_one.node(ZONE, [Check("web", web)])
    whole = node.config.read_text()
    node.start()
    node.await_checks(web="healthy")
    generation = node.status()["generation"]
    node.config.write_text(whole.replace(TARGETS, 'allow_targets = ["127.0.0.0/8"]\n'))
    refused = node.call("reload", status=1).stderr
    for part in ("checks.json:1", "health check 'web'", 'IPAddress is "127.0.0.1"',
                 "127.0.0.1/32 (an address of this node) is refused unless [health] "
                 "allow_targets of the node's file has it"):
        assert part in refused, refused
    assert "health check 'web': IPAddress" in node.call("check", status=1).stderr
    node.config.write_text(whole.replace(TARGETS, "allow_targets = ['localhost']\n"))
    assert "key 'allow_targets' cannot be used" in node.call("reload", status=1).stderr
    node.config.write_text(whole)
    assert node.status()["generation"] == generation


def test_a_name_that_leads_to_a_refused_address_gets_no_connection(make_one):
    trap = Trap()
    node = make_one.node(ZONE, [Named("web", trap)])
    node.config.write_text(node.config.read_text().replace(TARGETS, ""))
    node.start()
    node.await_checks(web="unhealthy")
    shown = json.loads(node.call("health", "show", "web", "--json").stdout)
    assert shown["reason"].startswith("Failure: The address 127.0.0.1 may not be probed: 127.0.0.")
    until(lambda: json.loads(node.call("health", "show", "web", "--json").stdout)["failures"] > 20)
    assert not trap.caught()
    print("D19: 0 connections by more than 20 probes of a name that leads to loopback")
