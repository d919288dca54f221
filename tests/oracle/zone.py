"""Zones as Route 53 tells them: plain data, no judgement. Names are tuples of labels, so that a
wildcard and a label that only looks like one cannot be taken for each other.
"""

import ipaddress
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

POLICIES = {  # element of the JSON: policy
    "Weight": "weighted", "Region": "latency", "Failover": "failover",
    "GeoLocation": "geolocation", "GeoProximityLocation": "geoproximity",
    "CidrRoutingConfig": "ip-based", "MultiValueAnswer": "multivalue"}
OCTAL = re.compile(r"\\([0-3][0-7]{2})")


@lru_cache(maxsize=100_000)
def labels(text):
    """The labels of a name, folded and unescaped: \\052 is octal, as Route 53 writes it; a final
    dot is implied. The root is ()."""
    found, label, at = [], "", 0
    while at < len(text):
        octal = OCTAL.match(text, at)
        if octal:
            label += chr(int(octal[1], 8))
            at = octal.end()
            continue
        if text[at] == ".":
            if label:
                found.append(label)
            label = ""
        else:
            at += text[at] == "\\"
            label += text[at]
        at += 1
    return tuple(fold(one) for one in [*found, label] if one)


def fold(label):
    """ASCII letters only (RFC 4343)."""
    return "".join(c.lower() if c.isascii() else c for c in label)


@lru_cache(maxsize=100_000)
def name_text(name):
    """Back to text; "*" as it is, other marks in octal."""
    def escaped(c):
        return c if re.fullmatch(r"[a-z0-9*_-]", c) else f"\\{ord(c):03o}"
    return "".join("".join(map(escaped, label)) + "." for label in name) or "."


def rdata_text(rrtype, value):
    """One way to write a value: names absolute and folded, addresses in their short form."""
    if rrtype in ("A", "AAAA"):
        return str(ipaddress.ip_address(value))
    if rrtype in ("CNAME", "PTR", "NS"):
        return name_text(labels(value))
    if rrtype == "MX":
        preference, target = value.split(" ")
        return f"{int(preference)} {name_text(labels(target))}"
    return value


@dataclass(frozen=True)
class AliasTarget:
    HostedZoneId: str
    DNSName: str
    EvaluateTargetHealth: bool


@dataclass(frozen=True)
class RecordSet:
    """The fields of Route 53's JSON by their names; None is absent."""
    Name: str
    Type: str
    SetIdentifier: str = None
    Weight: int = None
    Region: str = None
    Failover: str = None
    GeoLocation: dict = None           # ContinentCode, or CountryCode and SubdivisionCode
    GeoProximityLocation: dict = None  # AWSRegion, LocalZoneGroup or Coordinates; and Bias
    CidrRoutingConfig: dict = None     # CollectionId, LocationName
    MultiValueAnswer: bool = None
    TTL: int = None
    ResourceRecords: tuple = None      # the values
    AliasTarget: AliasTarget = None
    HealthCheckId: str = None

    @cached_property
    def key(self):
        return labels(self.Name), self.Type

    @cached_property
    def target(self):
        """Key of the group that an alias leads to."""
        return labels(self.AliasTarget.DNSName), self.Type

    @cached_property
    def policy(self):
        given = [policy for element, policy in POLICIES.items()
                 if getattr(self, element) is not None and getattr(self, element) is not False]
        if len(given) > 1:
            raise ValueError(f"{self.Name} {self.Type}: {' and '.join(given)}")
        return given[0] if given else "simple"

    @cached_property
    def values(self):
        return frozenset(rdata_text(self.Type, value) for value in self.ResourceRecords)


@dataclass(frozen=True)
class Zone:
    """SOA and NS of the apex need not be there: nothing here answers for them."""
    origin: str
    record_sets: tuple = field(default=())
    id: str = ""

    @cached_property
    def groups(self):
        """{(labels, type): [record set]}, in the order given."""
        found = {}
        for record in self.record_sets:
            found.setdefault(record.key, []).append(record)
        return found

    @cached_property
    def names(self):
        """Every name that exists: owners, what lies between them and the apex, the apex."""
        apex = labels(self.origin)
        found = {apex}
        for owner, _ in self.groups:
            for at in range(len(owner) - len(apex)):
                found.add(owner[at:])
        return found

    @property
    def checks(self):
        """Ids of the checks that record sets name, sorted."""
        return sorted({one.HealthCheckId for one in self.record_sets if one.HealthCheckId})
