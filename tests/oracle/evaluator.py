"""The reference evaluator: what a query may be answered and how often, by the pseudocode of the
routing spec (section 6) and nothing cleverer. Shares are exact. It shares no code with the server
and prepares nothing: every question walks the whole tree again.

answers() gives NXDOMAIN, NODATA or {answer: Fraction}; an answer is an Answer, an AnyOf, NODATA
(where only some draws end without data), or Chased when a CNAME was followed inside the zone.
"""

from collections import defaultdict
from fractions import Fraction
from typing import NamedTuple

from locations import Client, distance_km
from zone import Zone, labels, name_text

NXDOMAIN, NODATA = "NXDOMAIN", "NODATA"
LEFT = "LEFT"            # a chain of CNAMEs ends without more: it left the zone, loops, is too long
MAX_ALIAS_STEPS = 16
MAX_CNAMES = 16
MULTIVALUE = 8           # most records of one multivalue answer
CHINA = "CN", "cn-north-1"


class Answer(NamedTuple):
    ttl: int
    values: frozenset


class AnyOf(NamedTuple):
    """Some of the values, every choice of `take` equally likely."""
    take: int
    values: frozenset
    ttl: int


class Chased(NamedTuple):
    """CNAMEs in their order, each (owner, TTL, target), and what their end was answered."""
    cnames: tuple
    end: object


class Walk(NamedTuple):
    """What does not change during one query."""
    zone: Zone
    client: Client
    health: dict  # check id: bool; a check that is not there counts as healthy


def answers(zone, qname, qtype, client, health):
    if qtype == "ANY":
        raise ValueError("the spec leaves open which rrset ANY gets")
    shares = defaultdict(Fraction)
    for (cnames, end), share in reply(Walk(zone, client, health), labels(qname), qtype, ()).items():
        if end == LEFT and len(cnames) == 1:
            shares[Answer(cnames[0][1], frozenset([cnames[0][2]]))] += share
        else:
            shares[Chased(cnames, end) if cnames else end] += share
    if set(shares) <= {NXDOMAIN, NODATA}:
        return next(iter(shares))
    return dict(shares)


def own_answers(zone, qname, qtype, client, health):
    """{answer: share} of the name alone, NXDOMAIN and NODATA among them: no CNAME is followed."""
    owner = match(zone, labels(qname))
    if owner is None:
        return {NXDOMAIN: Fraction(1)}
    key = owner, qtype if (owner, qtype) in zone.groups else "CNAME"
    return dict(select(Walk(zone, client, health), key, ()))


# ---- names before policies (section 2) ------------------------------------------------------


def match(zone, qname):
    """The owner that answers: the name itself, else the wildcard at its closest encloser (RFC
    4592); None when the name does not exist."""
    if qname in zone.names:
        return qname
    for at in range(1, len(qname) + 1):
        if qname[at:] in zone.names:
            wildcard = ("*", *qname[at:])
            return wildcard if wildcard in zone.names else None
    raise ValueError(f"{name_text(qname)} is outside {zone.origin}")


def reply(walk, qname, qtype, passed):
    """{(CNAMEs, end): share}. @param passed  the CNAMEs before this name."""
    owner = match(walk.zone, qname)
    if owner is None:
        return {((), NXDOMAIN): Fraction(1)}
    if qtype == "CNAME" or (owner, qtype) in walk.zone.groups or \
            (owner, "CNAME") not in walk.zone.groups:
        return {((), end): share for end, share in select(walk, (owner, qtype), ()).items()}
    shares = defaultdict(Fraction)
    for answer, share in select(walk, (owner, "CNAME"), ()).items():
        if answer == NODATA:
            shares[(), NODATA] += share
            continue
        target, = answer.values
        link = name_text(qname), answer.ttl, target
        for (cnames, end), part in chase(walk, target, qtype, (*passed, link)).items():
            shares[(link, *cnames), end] += share * part
    return shares


def chase(walk, target, qtype, passed):
    """Goes on with a CNAME's target, in this zone alone (RFC 1034 4.3.2)."""
    apex = labels(walk.zone.origin)
    inside = labels(target)[-len(apex):] == apex
    if not inside or len(passed) == MAX_CNAMES or target in [owner for owner, *_ in passed]:
        return {((), LEFT): Fraction(1)}
    return reply(walk, labels(target), qtype, passed)


# ---- the walk (section 6) -------------------------------------------------------------------


def select(walk, key, path):
    """{answer: share} of a group. @param path  keys of the groups passed on the way here."""
    group = walk.zone.groups.get(key, [])
    if not group or key in path or len(path) > MAX_ALIAS_STEPS:
        return {NODATA: Fraction(1)}
    path = (*path, key)
    cand = candidates(group, walk.client)
    if not cand:
        return {NODATA: Fraction(1)}
    pool = [record for record in cand if is_healthy(walk, record, path)]
    if not pool:
        pool = cand  # last resort of this group only
    if group[0].policy == "multivalue":
        return {multivalue(pool): Fraction(1)}
    shares = defaultdict(Fraction)
    for record, share in choose(group[0].policy, pool):
        if record.AliasTarget is None:
            shares[Answer(record.TTL, record.values)] += share
        else:
            for answer, part in select(walk, record.target, path).items():
                shares[answer] += share * part
    return shares


def is_healthy(walk, record, path):
    """H of section 5."""
    if record.HealthCheckId is not None and not walk.health.get(record.HealthCheckId, True):
        return False
    if record.AliasTarget is not None and record.AliasTarget.EvaluateTargetHealth:
        target = record.target
        group = walk.zone.groups.get(target, [])
        if not group or target in path or len(path) > MAX_ALIAS_STEPS:
            return False
        return any(is_healthy(walk, one, (*path, target))
                   for one in candidates(group, walk.client))
    return True


def choose(policy, pool):
    """[(record, share)] of a pool in order of preference."""
    if policy != "weighted":
        return [(pool[0], Fraction(1))]
    total = sum(record.Weight for record in pool)
    if total == 0:
        return [(record, Fraction(1, len(pool))) for record in pool]
    return [(record, Fraction(record.Weight, total)) for record in pool if record.Weight > 0]


def multivalue(pool):
    """All of up to eight records, else any eight values. One rrset has one TTL: the lowest."""
    values = frozenset().union(*(record.values for record in pool))
    ttl = min(record.TTL for record in pool)
    if len(pool) > MULTIVALUE and len(values) > MULTIVALUE:
        return AnyOf(MULTIVALUE, values, ttl)
    return Answer(ttl, values)


# ---- candidates of a client, best first (section 4) -----------------------------------------


def candidates(group, client):
    policy = group[0].policy
    if policy == "failover":
        return sorted(group, key=lambda record: record.Failover != "PRIMARY")
    if policy == "latency":
        return by_latency(group, client)
    if policy == "geolocation":
        return by_place(group, client.place)
    if policy == "geoproximity":
        return by_distance(group, client)
    if policy == "ip-based":
        return by_block(group, client)
    return list(group)  # simple, weighted, multivalue: all


def by_latency(group, client):
    """cn-north-1 comes first in China; no latency comes last; ties by the region's name."""
    def key(record):
        latency = client.latency(record.Region)
        return ((client.place.country, record.Region) != CHINA, latency is None, latency or 0,
                record.Region)
    return sorted(group, key=key)


def by_place(group, place):
    """State, country, continent, default: those that there are and that contain the client."""
    wanted = []
    if place.country and place.subdivision:
        wanted.append({"CountryCode": place.country, "SubdivisionCode": place.subdivision})
    if place.country:
        wanted.append({"CountryCode": place.country})
    if place.continent:
        wanted.append({"ContinentCode": place.continent})
    wanted.append({"CountryCode": "*"})
    return [record for one in wanted for record in group if record.GeoLocation == one]


def by_distance(group, client):
    """An unknown distance comes last, so all are equal to a client of no known place; ties by
    SetIdentifier. Whole millimetres count, so that the last bit of a sine decides nothing."""
    def key(record):
        distance = biased_km(record.GeoProximityLocation, client)
        return distance is None, round(distance or 0, 6), record.SetIdentifier
    return sorted(group, key=key)


def biased_km(location, client):
    if "Coordinates" in location:
        given = location["Coordinates"]
        place = float(given["Latitude"]), float(given["Longitude"])
    else:
        name = location.get("AWSRegion") or location.get("LocalZoneGroup")
        place = client.locations.regions.get(name)
    if place is None or client.place.coordinates is None:
        return None
    distance, bias = distance_km(client.place.coordinates, place), location.get("Bias", 0)
    if bias < 0 and client.locations.geoproximity_bias == "2022":
        return distance / (1 + bias / 100)
    return distance * (1 - bias / 100)


def by_block(group, client):
    """The record of the matched location, then the default."""
    name = client.cidr_location(group[0].CidrRoutingConfig["CollectionId"])
    return [record for wanted in (name, "*") for record in group
            if wanted is not None and record.CidrRoutingConfig["LocationName"] == wanted]
