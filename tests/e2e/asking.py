"""How routed names are asked about: by queries that carry a client's subnet, and by explain over
control's socket; and what is said in the terms of tests/oracle.
"""

import ipaddress
import json
import socket
from collections import Counter
from fractions import Fraction

import dns.edns
import fast_client
from evaluator import NODATA, NXDOMAIN, Answer, AnyOf
from zone import rdata_text

ZONE = """$ORIGIN {origin}.
$TTL 30
@   IN SOA ns.example.net. hostmaster.example.net. 1 7200 900 1209600 60
@   IN NS  ns.example.net.
"""


def packet(question):
    """The query with the client's subnet."""
    options = []
    if question.client.ecs:
        network = ipaddress.ip_network(question.client.ecs)
        options = [dns.edns.ECSOption(str(network.network_address), network.prefixlen)]
    return fast_client.packet(question.name, question.type, use_edns=0, options=options)


def client_text(client):
    """As explain takes it: of IPv6 64 bits matter, more only as an address."""
    if client.ecs is None:
        return client.address
    network = ipaddress.ip_network(client.ecs)
    return str(network.network_address) if network.prefixlen > 64 else client.ecs


def explained(said):
    """{answer: share} of what explain said, as own_answers() tells it."""
    if said["outcome"] in ("nxdomain", "nodata"):
        return {{"nxdomain": NXDOMAIN, "nodata": NODATA}[said["outcome"]]: 1}
    shares = Counter()
    for one in said["answers"]:
        values = frozenset(rdata_text(said["answered_by_type"], each) for each in one["records"])
        answer = AnyOf(one["take"], values, one["ttl"]) if "take" in one else \
            Answer(one["ttl"], values) if values else NODATA
        shares[answer] += Fraction(one["share"])
    return dict(shares)


class Control:
    """One connection to control's socket."""

    def __init__(self, node):
        self.way = socket.socket(socket.AF_UNIX)
        self.way.settimeout(60)
        self.way.connect(str(node.folder / "run" / "control.sock"))
        self.lines = self.way.makefile("r")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.way.close()

    def send(self, **fields):
        self.way.sendall(json.dumps(fields).encode() + b"\n")

    def receive(self):
        reply = json.loads(self.lines.readline())
        assert reply["ok"], reply
        return reply["result"]

    def ask(self, **fields):
        self.send(**fields)
        return self.receive()
