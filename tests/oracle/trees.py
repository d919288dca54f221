"""Random zones of record-set trees, valid by section 1 of the routing spec. Groups are made from
the leaves up, each alias leads to one that is there, so that nothing loops; how many ways a walk
may take below a group is bounded, because the evaluator takes every one of them.
"""

from dataclasses import dataclass

from evaluator import MAX_ALIAS_STEPS
from location_files import CONTINENTS, COUNTRIES
from zone import AliasTarget, RecordSet, Zone, labels, name_text

TYPES = ("A", "A", "A", "AAAA", "TXT", "CNAME", "MX")
ROUTED = ("weighted", "failover", "latency", "geolocation", "geoproximity", "ip-based",
          "multivalue")
TTLS = (0, 5, 30, 60, 60, 300, 86400, 2147483647)
WEIGHTS = (0, 0, 1, 1, 2, 3, 10, 255)
# From the poles, from 0 0 and from 0 180 some of these are equally far, in sums that differ in the
# last bit; with a bias of 50 the farther ones too.
EQUALLY_FAR = (("52", "0"), ("-52", "0"), ("0", "52"), ("0", "-52"), ("0", "26"), ("26", "0"),
               ("52", "90"), ("-52", "180"))
MOST_WAYS = 250
GONE = "gone"  # begins the ids of checks that are named but do not exist


@dataclass(frozen=True)
class Tree:
    """A zone and the ids of the checks that there are."""
    zone: Zone
    checks: tuple


def random_health(dice, tree):
    """A state of every check: {id: bool}."""
    likely = dice.choice([0.0, 0.2, 0.5, 0.8, 1.0])
    return {check: dice.random() < likely for check in tree.checks}


def random_tree(dice, locations, origin="tree.test", zone_id="ZTREE", policies=ROUTED):
    """@param dice       random.Random.
    @param locations  whose CIDR collections the record sets may name.
    @param policies   that may occur besides simple ones."""
    return TreeMaker(dice, locations, origin, zone_id, policies).make()


def random_queries(dice, zone, count):
    """[(qname, qtype)]: mostly what is there, also beside, below and above it; the longest way
    down more often than others."""
    apex, found = labels(zone.origin), []
    keys = sorted(zone.groups)
    highest = max(keys, key=lambda key: alias_steps(zone, key))
    for _ in range(count):
        name, rrtype = highest if dice.random() < 0.1 else dice.choice(keys)
        kind = dice.random()
        if name[0] == "*" and kind < 0.9:
            name = (*dice.choice([("any",), ("x", "any")]), *name[1:])
        elif kind < 0.07:
            name = ("x", *name)
        elif kind < 0.14 and len(name) > len(apex):
            name = name[1:]
        elif kind < 0.17:
            name = ("missing", *apex)
        if dice.random() < 0.15:
            rrtype = dice.choice(TYPES)
        found.append((name_text(name), rrtype))
    return found


def alias_steps(zone, key):
    """On the longest way from a group to a record."""
    return max((1 + alias_steps(zone, record.target) for record in zone.groups[key]
                if record.AliasTarget), default=0)


class TreeMaker:
    def __init__(self, dice, locations, origin, zone_id, policies):
        self.dice, self.origin, self.zone_id = dice, origin, zone_id
        self.collections = locations.collections
        self.regions = sorted(locations.regions)  # those whose place is known
        self.measured = sorted({*self.regions, *(region for _, region, _ in locations.latency)})
        self.policies = [one for one in policies if one != "ip-based" or self.collections]
        self.deep = dice.random() < 0.25  # few members, long chains
        self.checks = tuple(f"check-{n}" for n in range(dice.randrange(1, 9)))
        self.groups = {}   # (name, type): [record set]
        self.heights, self.ways = {}, {}
        self.count = 0

    def make(self):
        types = dict.fromkeys(self.dice.choices(TYPES, k=3))
        for rrtype in types:
            for _ in range(self.dice.randrange(16, 22) if self.deep else
                           self.dice.randrange(2, 10)):
                self.add_group(rrtype)
        records = [record for group in self.groups.values() for record in group]
        self.dice.shuffle(records)
        return Tree(Zone(self.origin, tuple(records), self.zone_id), self.checks)

    # ---- groups -----------------------------------------------------------------------------

    def add_group(self, rrtype):
        policies = [one for one in self.policies if rrtype != "CNAME" or one != "multivalue"]
        policy = self.dice.choice(["simple", *policies])
        key = self.new_name(rrtype), rrtype
        self.heights[key], self.ways[key] = 0, 1
        ttl = self.dice.choice(TTLS)
        records = []
        for fields in getattr(self, policy.replace("-", "_"))():
            if policy != "weighted":
                ttl = self.dice.choice(TTLS)
            fields |= self.alias(key, policy) or self.values(rrtype, policy, ttl)
            if policy != "simple":
                fields["SetIdentifier"] = f"{self.dice.choice('abcxyz')}{len(records):02}"
            check = self.check(needed=fields.get("Failover") == "PRIMARY" and "TTL" in fields)
            records.append(RecordSet(key[0], rrtype, HealthCheckId=check, **fields))
        self.groups[key] = records

    def new_name(self, rrtype):
        """A CNAME has its name for itself."""
        free = sorted({name for name, other in self.groups if other != "CNAME" and
                       (name, rrtype) not in self.groups})
        if rrtype != "CNAME" and free and self.dice.random() < 0.4:
            return self.dice.choice(free)
        self.count += 1
        label = f"g{self.count}"
        patterns = ["{}", "{}", "{}", "{}.a", "{}.b.a", "{}.ent" + label, "*.{}", "*.{}.a"]
        used = {name for name, _ in self.groups}
        if f"*.{self.origin}." not in used:
            patterns.append("*")
        if rrtype != "CNAME" and f"{self.origin}." not in used:
            patterns.append("")
        pattern = self.dice.choice(patterns)
        below = [name for name in used if name.startswith("*.")]
        if below and self.dice.random() < 0.2:  # an exact name where a wildcard would answer
            return f"{label}.{self.dice.choice(sorted(below))[2:]}"
        return f"{pattern.format(label)}.{self.origin}.".lstrip(".")

    def size(self, most=100):
        if self.deep:
            return self.dice.randrange(1, 4)
        large = most > 13 and self.dice.random() < 0.05
        return self.dice.randint(13, most) if large else self.dice.randrange(1, min(13, most + 1))

    # ---- members of each policy: the fields that make it ------------------------------------

    @staticmethod
    def simple():
        return [{}]

    def weighted(self):
        weights = self.dice.choice([WEIGHTS, WEIGHTS, (0,)])
        return [{"Weight": self.dice.choice(weights)} for _ in range(self.size())]

    def failover(self):
        both = ["PRIMARY", "SECONDARY"]
        self.dice.shuffle(both)
        return [{"Failover": one} for one in both[:self.dice.choice([1, 2, 2, 2])]]

    def latency(self):
        return [{"Region": one} for one in self.dice.sample(
            self.measured, min(len(self.measured), self.size()))]

    def geolocation(self):
        places = [{"CountryCode": "*"}] + [{"ContinentCode": one} for one in CONTINENTS]
        for country, states in COUNTRIES.items():
            places += [{"CountryCode": country}]
            places += [{"CountryCode": country, "SubdivisionCode": state} for state in states]
        return [{"GeoLocation": one}
                for one in self.dice.sample(places, min(len(places), self.size()))]

    def geoproximity(self):
        places = [{"AWSRegion": one} for one in self.regions]
        for _ in range(17):
            places.append({"Coordinates": {
                "Latitude": f"{self.dice.uniform(-90, 90):.2f}",
                "Longitude": f"{self.dice.uniform(-180, 180):.2f}"}})
        if self.dice.random() < 0.3:
            places = [{"Coordinates": {"Latitude": latitude, "Longitude": longitude}}
                      for latitude, longitude in EQUALLY_FAR]
            return [{"GeoProximityLocation": one | (
                {"Bias": 50} if "52" in str(one) and self.dice.random() < 0.5 else {})}
                    for one in self.dice.sample(places, self.size(len(places)))]
        chosen = self.dice.sample(places, min(len(places), self.size(30)))
        for one in chosen:
            if self.dice.random() < 0.7:
                one["Bias"] = self.dice.choice([-99, -50, 0, 10, 50, 99])
        return [{"GeoProximityLocation": one} for one in chosen]

    def ip_based(self):
        identifier = self.dice.choice(sorted(self.collections))
        names = sorted({name for _, name in self.collections[identifier]}) + ["*"]
        return [{"CidrRoutingConfig": {"CollectionId": identifier, "LocationName": one}}
                for one in self.dice.sample(names, min(len(names), self.size()))]

    def multivalue(self):
        return [{"MultiValueAnswer": True} for _ in range(self.size())]

    # ---- what a record set holds ------------------------------------------------------------

    def check(self, needed):
        kind = self.dice.random()
        if kind < 0.04:
            return f"{GONE}-{self.dice.randrange(3)}"
        return self.dice.choice(self.checks) if needed or kind < 0.65 else None

    def alias(self, key, policy):
        """AliasTarget, where there is a group to lead to and the walk stays short enough."""
        if policy == "multivalue" or self.dice.random() < (0.1 if self.deep else 0.5):
            return None
        targets = [one for one in self.groups if one[1] == key[1] and
                   self.heights[one] < MAX_ALIAS_STEPS and
                   self.ways[one] + self.ways[key] <= MOST_WAYS]
        if not targets:
            return None
        if self.deep and self.dice.random() < 0.8:
            target = max(targets, key=self.heights.get)
        else:
            target = self.dice.choice(targets)
        self.heights[key] = max(self.heights[key], self.heights[target] + 1)
        self.ways[key] += self.ways[target]
        return {"AliasTarget": AliasTarget(self.zone_id, target[0], self.dice.random() < 0.75)}

    def values(self, rrtype, policy, ttl):
        """New values mostly; over eight multivalue records hold one each, as the spec's limit is on
        records and not on what they hold."""
        many = 1
        if rrtype != "CNAME" and policy in ("simple", "weighted", "failover"):
            many = self.dice.choice([1, 1, 2, 3])
        values = []
        while len(values) < many:
            self.count += 1
            number = self.count
            if policy != "multivalue" and self.dice.random() < 0.1:
                number = self.dice.randrange(1, self.count + 1)
            value = self.value(rrtype, number)
            if value not in values:
                values.append(value)
        return {"TTL": ttl, "ResourceRecords": tuple(values)}

    def value(self, rrtype, number):
        if rrtype == "A":
            return f"198.51.{number // 250}.{number % 250 + 1}"
        if rrtype == "AAAA":
            return f"2001:db8::{number:x}"
        if rrtype == "TXT":
            return f'"text {number}"'
        before = f"{number % 100} " if rrtype == "MX" else ""
        others = sorted({name for name, _ in self.groups if before or self.cheap(name)})
        if others and self.dice.random() < (0.8 if before else 0.25):
            name = self.dice.choice(others)
            return before + ("any" + name[1:] if name.startswith("*") else name)
        return before + self.dice.choice([f"c{number}.example.net.", f"none.{self.origin}."])

    def cheap(self, name):
        """CNAMEs may lead to what ends soon, or a walk would branch at each of them."""
        return all(self.ways[key] <= 5 for key in self.groups if key[0] == name) and \
            (name, "CNAME") not in self.groups or self.dice.random() < 0.05
