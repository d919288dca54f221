"""The same answers by another way, to check the evaluator against: health is settled from the
leaves up for every group at once, then answers are drawn by dice. Prefixes are found by masks in
dictionaries, distances by vectors.
"""

import bisect
import math
from functools import cmp_to_key
from itertools import accumulate

from locations import EARTH_KM, Place
from zone import labels, name_text


class Walker:
    """Settled for one zone, client and state of health."""

    def __init__(self, zone, client, health):
        self.zone, self.health = zone, health
        self.facts = Facts(client)
        self.apex = labels(zone.origin)
        self.ranked = {key: self.facts.rank(group) for key, group in zone.groups.items()}
        self.owners = {}    # those found before
        self.alive = set()  # groups with a healthy candidate
        # The least fixed point: from nobody healthy upwards until nothing is added. An alias is as
        # high as the zone is large at most, so this ends.
        while True:
            more = {key for key, ranked in self.ranked.items()
                    if any(self.healthy(record) for record in ranked)}
            if more == self.alive:
                break
            self.alive = more
        self.plans = {key: self.plan(ranked) for key, ranked in self.ranked.items()}

    def healthy(self, record):
        if record.HealthCheckId in self.health and not self.health[record.HealthCheckId]:
            return False
        alias = record.AliasTarget
        return not (alias and alias.EvaluateTargetHealth) or record.target in self.alive

    def plan(self, ranked):
        """(records, upper ends of their weights); no ends where all of them answer."""
        pool = [record for record in ranked if self.healthy(record)] or ranked
        if not pool:
            return [], [1]
        if pool[0].MultiValueAnswer:
            return pool, None
        if pool[0].Weight is None:
            return pool[:1], [1]
        weights = [record.Weight for record in pool]
        return pool, list(accumulate(weights if any(weights) else [1] * len(pool)))

    # ---- one draw ---------------------------------------------------------------------------

    def draw(self, dice, qname, qtype):
        """(CNAMEs, end): end is "NXDOMAIN", "NODATA", "LEFT" or (TTL, values); CNAMEs are
        (owner, TTL, target)."""
        name, links = labels(qname), []
        while True:
            if name not in self.owners:
                self.owners[name] = self.owner(name)
            owner = self.owners[name]
            if owner is None:
                return tuple(links), "NXDOMAIN"
            if (owner, qtype) in self.plans or (owner, "CNAME") not in self.plans:
                return tuple(links), self.draw_group(dice, (owner, qtype))
            drawn = self.draw_group(dice, (owner, "CNAME"))
            if drawn == "NODATA":
                return tuple(links), drawn
            ttl, (target,) = drawn
            links.append((name_text(name), ttl, target))
            name = labels(target)
            passed = {labels(link[0]) for link in links}
            if name[len(name) - len(self.apex):] != self.apex or name in passed or \
                    len(links) == 16:
                return tuple(links), "LEFT"

    def owner(self, name):
        """By asking each level downwards whether it exists."""
        encloser = self.apex
        for length in range(len(self.apex), len(name) + 1):
            level = name[len(name) - length:]
            if not any(owner[len(owner) - length:] == level and len(owner) >= length
                       for owner, _ in self.plans) and level != self.apex:
                break
            encloser = level
        if encloser == name:
            return name
        wildcard = ("*", *encloser)
        exists = any(owner[len(owner) - len(wildcard):] == wildcard for owner, _ in self.plans)
        return wildcard if exists else None

    def draw_group(self, dice, key):
        while key in self.plans:
            records, ends = self.plans[key]
            if not records:
                break
            if ends is None:
                return self.draw_eight(dice, records)
            record = records[bisect.bisect_right(ends, dice.randrange(ends[-1]))]
            if not record.AliasTarget:
                return record.TTL, record.values
            key = record.target
        return "NODATA"

    @staticmethod
    def draw_eight(dice, records):
        values = sorted({value for record in records for value in record.values})
        if len(records) > 8:
            values = dice.sample(values, min(8, len(values)))
        return min(record.TTL for record in records), frozenset(values)


class Masks:
    """Values by prefix, looked up from the longest mask to the shortest."""

    def __init__(self, pairs):
        self.found = {}
        for network, value in pairs:
            shift = network.max_prefixlen - network.prefixlen
            self.found.setdefault((network.version, network.prefixlen), {}).setdefault(
                int(network.network_address) >> shift, []).append(value)

    def of(self, prefix, longest):
        """Values of the longest prefix around the first address of `prefix`."""
        bits = prefix.max_prefixlen
        for length in range(longest, -1, -1):
            values = self.found.get((prefix.version, length), {}).get(
                int(prefix.network_address) >> (bits - length))
            if values:
                return values
        return []


class Facts:
    """What the location files say of a client, and so how it ranks the members of a group."""

    def __init__(self, client):
        self.locations, self.prefix = client.locations, client.prefix
        self.place, self.rows, at = Place(), [], self.prefix
        if at is not None:
            self.place = (Masks(self.locations.places).of(at, at.max_prefixlen) or [Place()])[0]
            self.rows = Masks([(row[0], row[1:]) for row in self.locations.latency
                               if not isinstance(row[0], str)]).of(at, at.max_prefixlen)
        country, state = self.place.country, self.place.subdivision
        if not self.rows and country:
            by_text = {}
            for where, *rest in self.locations.latency:
                by_text.setdefault(str(where), []).append(rest)
            self.rows = by_text.get(f"{country}-{state}") or by_text.get(country) or []

    def rank(self, group):
        first = group[0]
        if first.GeoLocation:
            return self.by_score(group, lambda one: self.fit(one.GeoLocation))
        if first.CidrRoutingConfig:
            names, identifier = [], first.CidrRoutingConfig["CollectionId"]
            if self.prefix is not None:
                names = Masks(self.locations.collections[identifier]).of(
                    self.prefix, self.prefix.prefixlen)
            scores = {"*": 1} | {name: 2 for name in names}
            return self.by_score(
                group, lambda one: scores.get(one.CidrRoutingConfig["LocationName"], 0))
        if first.Failover:
            return self.by_score(group, lambda one: 1 + (one.Failover == "PRIMARY"))
        if first.Region:
            return self.by_pairs(group, self.milliseconds, lambda one: one.Region)
        if first.GeoProximityLocation:
            return self.by_pairs(group, self.biased, lambda one: one.SetIdentifier)
        return group

    @staticmethod
    def by_score(group, score):
        """The highest first; none of those with 0."""
        return sorted((one for one in group if score(one)), key=score, reverse=True)

    @staticmethod
    def by_pairs(group, measure, name):
        """The least first, what has no measure last, equals by name."""
        measures = {name(one): measure(one) for one in group}

        def before(one, other):
            mine, theirs = measures[name(one)], measures[name(other)]
            if (mine is None) != (theirs is None):
                return 1 if mine is None else -1
            if mine is not None and not math.isclose(mine, theirs, rel_tol=0, abs_tol=1e-7):
                return -1 if mine < theirs else 1
            return -1 if name(one) < name(other) else 1
        return sorted(group, key=cmp_to_key(before))

    def fit(self, location):
        """4 for the client's state to 1 for the default, 0 for other places."""
        if location.get("CountryCode") == "*":
            return 1
        if "ContinentCode" in location:
            return 2 * (location["ContinentCode"] == self.place.continent)
        if location["CountryCode"] != self.place.country:
            return 0
        if "SubdivisionCode" in location:
            return 4 * (location["SubdivisionCode"] == self.place.subdivision)
        return 3

    def milliseconds(self, record):
        if self.place.country == "CN" and record.Region == "cn-north-1":
            return -1.0
        for region, microseconds in self.rows:
            if region == record.Region:
                return microseconds / 1000
        kilometres = self.kilometres(self.locations.regions.get(record.Region))
        return None if kilometres is None else round(kilometres / 100, 3)

    def biased(self, record):
        location = record.GeoProximityLocation
        at = self.locations.regions.get(location.get("AWSRegion"))
        if "Coordinates" in location:
            at = tuple(float(location["Coordinates"][axis]) for axis in ("Latitude", "Longitude"))
        kilometres, bias = self.kilometres(at), location.get("Bias", 0)
        if kilometres is None:
            return None
        if self.locations.geoproximity_bias == "2022" and bias < 0:
            return kilometres * 100 / (100 + bias)
        return kilometres * (100 - bias) / 100

    def kilometres(self, place):
        if place is None or self.place.coordinates is None:
            return None
        one, other = vector(self.place.coordinates), vector(place)
        cross = [one[1] * other[2] - one[2] * other[1], one[2] * other[0] - one[0] * other[2],
                 one[0] * other[1] - one[1] * other[0]]
        dot = sum(a * b for a, b in zip(one, other))
        return EARTH_KM * math.atan2(math.hypot(*cross), dot)


def vector(place):
    latitude, longitude = map(math.radians, place)
    return (math.cos(latitude) * math.cos(longitude), math.cos(latitude) * math.sin(longitude),
            math.sin(latitude))
