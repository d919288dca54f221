"""What the tests of traffic policies share: a zone, a policy of two rules in two versions, a node
that has them, and what is asked of it.
"""

import json

from holdfast_node import Check, Node

ORIGIN = "tp.test"
ZONE = """$ORIGIN tp.test.
$TTL 30
@   IN SOA ns.example.net. hostmaster.example.net. 1 7200 900 1209600 60
@   IN NS  ns.example.net.
old IN A   192.0.2.1
"""
WEB = f"web.{ORIGIN}"


def document(start, rules, endpoints, rrtype="A"):
    return {"AWSPolicyFormatVersion": "2015-10-01", "RecordType": rrtype, "StartRule": start,
            "Endpoints": {name: {"Type": "value", "Value": value}
                          for name, value in endpoints.items()}, "Rules": rules}


def site(network):
    """A failover from two servers of weight 1 to a last one."""
    return document(
        "site",
        {"site": {"RuleType": "failover",
                  "Primary": {"RuleReference": "servers", "EvaluateTargetHealth": "true"},
                  "Secondary": {"EndpointReference": "sorry"}},
         "servers": {"RuleType": "weighted",
                     "Items": [{"EndpointReference": "a", "Weight": "1", "HealthCheck": "one"},
                               {"EndpointReference": "b", "Weight": 1, "HealthCheck": "two"}]}},
        {"a": f"{network}.1", "b": f"{network}.2", "sorry": f"{network}.9"})


FIRST, SECOND = "198.51.100", "203.0.113"


def alias(target):
    return {"Name": f"other.{ORIGIN}.", "Type": "A",
            "AliasTarget": {"HostedZoneId": Node.zone_id(ORIGIN), "DNSName": target,
                            "EvaluateTargetHealth": True}}


def start(make):
    """A running node with two versions of the policy "web": site(FIRST), site(SECOND)."""
    ends = {name: make.endpoint() for name in ("one", "two")}
    node = make.node({ORIGIN: (ZONE, [])},
                     [Check(name, end, fall=2) for name, end in ends.items()])
    node.ends = ends
    node.start()
    node.await_checks(one="healthy", two="healthy")
    for network in (FIRST, SECOND):
        load(node, "web", site(network))
    return node


def load(node, name, what, status=0, **options):
    path = node.folder / "policy.json"
    path.write_text(what if isinstance(what, str) else json.dumps(what, indent=1))
    extra = [word for key, value in options.items() for word in (f"--{key}", value)]
    return node.call("traffic", "load", name, path, *extra, status=status)


def generation(node):
    return node.status()["generation"]


def listed(node):
    return json.loads(node.call("traffic", "list", "--json").stdout)


def seen(node, name=WEB, count=40):
    return {tuple(node.addresses(name)) for _ in range(count)}
