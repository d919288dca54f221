"""The worked cases of the routing spec for the policies served, by their numbers and in its
notation: record groups as they are written, and what a query may get, with exact shares.

".7" is 192.0.2.7; [H] healthy check, [U] unhealthy check, [-] none, [X] a check that is not there;
W10 weight, PRI and SEC failover, MV multivalue, =>x/Y alias to x with EvaluateTargetHealth (/N
without); a bare value is a simple record; "ttl17" where a case is about the TTL. Those of location
are in tests/oracle/routing_cases_all.py: "@us" a region, "geo US-NY", "geo cont.EU", "geo *", "gp A
bias 50", "ip isps/isp1" a collection and its location.
"""

import re
from fractions import Fraction

TTL = 30


def _multi(count, healthy):
    return ", ".join(f"MV .{n} [{'H' if n <= healthy else 'U'}]" for n in range(1, count + 1))


# number: (groups, query, permitted)
CASES = {
    1: ({"www": ".1+.2+.3 [-]"}, "www A", "{.1, .2, .3}"),
    2: ({"www": ".1 [U]"}, "www A", ".1"),
    3: ({"www": "W10 .1 [H], W20 .2 [H], W20 .3 [H]"}, "www A", ".1 1/5; .2 2/5; .3 2/5"),
    4: ({"www": "W10 .1 [H], W20 .2 [H], W20 .3 [U]"}, "www A", ".1 1/3; .2 2/3"),
    5: ({"www": "W10 .1 [U], W20 .2 [U], W20 .3 [-]"}, "www A", ".3"),
    6: ({"www": "W10 .1 [U], W20 .2 [U], W20 .3 [U]"}, "www A", ".1 1/5; .2 2/5; .3 2/5"),
    7: ({"www": "W1 .1 [-], W255 .2 [-]"}, "www A", ".1 1/256; .2 255/256"),
    8: ({"www": "W1 .1 [U], W1 .2 [U], W0 .3 [H]"}, "www A", ".3"),
    9: ({"www": "W1 .1 [U], W1 .2 [U], W0 .3 [U]"}, "www A", ".1 1/2; .2 1/2"),
    10: ({"www": "W1 .1 [U], W1 .2 [H], W0 .3 [U]"}, "www A", ".2"),
    11: ({"www": "W1 .1 [H], W1 .2 [H], W0 .3 [H]"}, "www A", ".1 1/2; .2 1/2"),
    12: ({"www": "W1 .1 [U], W1 .2 [U], W0 .3 [-]"}, "www A", ".3"),
    13: ({"www": "W1 .1 [U], W1 .2 [H], W0 .3 [-]"}, "www A", ".2"),
    14: ({"www": "W0 .1 [-], W0 .2 [-]"}, "www A", ".1 1/2; .2 1/2"),
    15: ({"www": "W0 .1 [H], W0 .2 [U], W0 .3 [H]"}, "www A", ".1 1/2; .3 1/2"),
    16: ({"www": "W0 .1 [U], W0 .2 [U]"}, "www A", ".1 1/2; .2 1/2"),
    17: ({"www": "PRI .1 [H], SEC .2 [H]"}, "www A", ".1"),
    18: ({"www": "PRI .1 [U], SEC .2 [H]"}, "www A", ".2"),
    19: ({"www": "PRI .1 [U], SEC .2 [U]"}, "www A", ".1"),
    20: ({"www": "PRI .1 [H], SEC .2 [U]"}, "www A", ".1"),
    21: ({"www": "PRI .1 [U], SEC .2 [-]"}, "www A", ".2"),
    22: ({"www": "PRI =>p/N [-], SEC .9 [H]", "p": "W1 .1 [U], W1 .2 [U]"}, "www A",
         ".1 1/2; .2 1/2"),
    23: ({"www": "PRI =>p/Y [-], SEC .9 [H]", "p": "W1 .1 [U], W1 .2 [U]"}, "www A", ".9"),
    24: ({"www": "PRI =>p/Y [-], SEC .9 [H]", "p": "W1 .1 [U], W1 .2 [H]"}, "www A", ".2"),
    25: ({"www": "PRI =>p/Y [-], SEC =>s/Y [-]", "p": "W1 .1 [U], W3 .2 [U]",
          "s": "W1 .8 [U], W1 .9 [U]"}, "www A", ".1 1/4; .2 3/4"),
    26: ({"www": "PRI =>p/Y [U], SEC .9 [H]", "p": "W1 .1 [H], W1 .2 [H]"}, "www A", ".9"),
    27: ({"www": "PRI =>p/Y [U], SEC .9 [U]", "p": "W1 .1 [H], W1 .2 [U]"}, "www A", ".1"),
    28: ({"www": "PRI =>p/N [U], SEC .9 [H]", "p": "W1 .1 [H]"}, "www A", ".9"),
    29: ({"www": "PRI =>p/Y [-], SEC =>s/Y [-]", "p": "W1 .1 [U], W1 .2 [U]",
          "s": "W1 .8 [U], W1 .9 [-]"}, "www A", ".9"),
    30: ({"www": "SEC .2 [U]"}, "www A", ".2"),
    43: ({"www": "=>p/Y [-]", "p": "W1 .1 [U], W1 .2 [U]"}, "www A", ".1 1/2; .2 1/2"),
    44: ({"www": "W90 =>a/Y [-], W10 =>b/Y [-]", "a": "PRI .1 [U], SEC .2 [U]",
          "b": "PRI .3 [U], SEC .4 [H]"}, "www A", ".4"),
    46: ({"www": "PRI =>m/Y [-], SEC .9 [H]", "m": "MV .1 [H], MV .2 [U], MV .3 [H]"}, "www A",
         "{.1, .3}"),
    47: ({"www": "PRI =>p/Y [-], SEC .9 [H]", "p": ".1 [U]"}, "www A", ".9"),
    48: ({"www": "PRI =>p/Y [-], SEC .9 [H]", "p": ".1 [-]"}, "www A", ".1"),
    51: ({"www": _multi(5, 5)}, "www A", "{.1, .2, .3, .4, .5}"),
    52: ({"www": _multi(10, 10)}, "www A", "any 8 of {.1, .2, .3, .4, .5, .6, .7, .8, .9, .10}"),
    53: ({"www": _multi(10, 7)}, "www A", "{.1, .2, .3, .4, .5, .6, .7}"),
    54: ({"www": _multi(3, 0)}, "www A", "{.1, .2, .3}"),
    55: ({"www": _multi(9, 0)}, "www A", "any 8 of {.1, .2, .3, .4, .5, .6, .7, .8, .9}"),
    56: ({"www": "MV .1 [U], MV .2 [U], MV .3 [-], MV .4 [U]"}, "www A", ".3"),
    76: ({"www": ".1 [-]"}, "www AAAA", "NODATA"),
    77: ({"www": ".1 [-]"}, "ftp A", "NXDOMAIN"),
    78: ({"a.b": ".1 [-]"}, "b A", "NODATA"),
    79: ({"*": "W1 .1 [U], W1 .2 [H]"}, "foo.bar A", ".2"),
    80: ({"*": "W1 .1 [U], W1 .2 [U]"}, "foo A", ".1 1/2; .2 1/2"),
    81: ({"*": "W1 .9 [H]", "www": "W1 .1 [U]"}, "www A", ".1"),
    82: ({"*": ".9 [-]", "* AAAA": "::9 [-]", "www": ".1 [-]"}, "www AAAA", "NODATA"),
    83: ({"*": ".9 [-]", "www": ".1 [-]"}, "x.www A", "NXDOMAIN"),
    84: ({"*": "=>pair/Y [-]", "pair": "PRI .1 [U], SEC .2 [H]"}, "any A", ".2"),
    85: ({"www": "=>p/Y [-]", "p": ".1 [H]", "p AAAA": "::1 [U]"}, "www AAAA", "NODATA"),
    87: ({"www": "=>a/Y [-]", "a": "=>b/N [-]", "b": "=>c/Y [-]", "c": "ttl17 .1 [H]"}, "www A",
         ".1@17"),
    88: ({"www": "=>p/N [-]", "p": "W1 ttl60 .1 [H], W2 ttl60 .2 [H]"}, "www A",
         ".1@60 1/3; .2@60 2/3"),
    91: ({"www CNAME": "W1 a.example.net. [-], W1 b.example.net. [-]"}, "www AAAA",
         "a.example.net. 1/2; b.example.net. 1/2"),
    92: ({"www": "W10 .1 [X], W20 .2 [H], W20 .3 [U]"}, "www A", ".1 1/3; .2 2/3"),
    95: ({"www": "W1 .1 [U], W1 .2 [U]"}, "www TXT", "NODATA"),
}

CHECKS = {"H": "up", "U": "down", "X": "deleted", "F": "flip"}
PLACES = {"A": ("0", "0"), "B": ("0", "2")}


def address(text):
    """".7" and "::9" as they stand in a record; names as they are."""
    return "192.0.2" + text if text.startswith(".") else text


def take_policy(words):
    """What makes the policy of a record set; its words are taken off the list."""
    first = words[0]
    if re.fullmatch(r"W\d+", first):
        policy = {"Weight": int(first[1:])}
    elif first in ("PRI", "SEC"):
        policy = {"Failover": {"PRI": "PRIMARY", "SEC": "SECONDARY"}[first]}
    elif first == "MV":
        policy = {"MultiValueAnswer": True}
    elif first.startswith("@"):
        policy = {"Region": first[1:]}
    elif first == "geo":
        policy = {"GeoLocation": geo_location(words.pop(1))}
    elif first == "gp":
        latitude, longitude = PLACES[words.pop(1)]
        assert words.pop(1) == "bias"
        policy = {"GeoProximityLocation": {
            "Coordinates": {"Latitude": latitude, "Longitude": longitude},
            "Bias": int(words.pop(1))}}
    elif first == "ip":
        collection, _, location = words.pop(1).partition("/")
        policy = {"CidrRoutingConfig": {"CollectionId": collection, "LocationName": location}}
    else:
        return {}
    words.pop(0)
    return policy


def geo_location(text):
    if text.startswith("cont."):
        return {"ContinentCode": text[5:]}
    country, _, subdivision = text.partition("-")
    return {"CountryCode": country} | ({"SubdivisionCode": subdivision} if subdivision else {})


def record_sets(groups, origin, zone_id):
    """Route 53's JSON of some groups."""
    made = []
    for owner, members in groups.items():
        label, _, rrtype = owner.partition(" ")
        for number, member in enumerate(members.split(", ")):
            words = member.split(" ")
            record = {"Name": f"{label}.{origin}.", "Type": rrtype or "A"}
            check = words.pop().strip("[]")
            if check != "-":
                record["HealthCheckId"] = CHECKS[check]
            ttl = TTL
            policy = take_policy(words)
            if policy:
                record |= policy | {"SetIdentifier": f"s{number}"}
            if words[0].startswith("ttl"):
                ttl = int(words.pop(0)[3:])
            if words[0].startswith("=>"):
                target, health = words[0][2:].split("/")
                record["AliasTarget"] = {"HostedZoneId": zone_id, "DNSName": f"{target}.{origin}.",
                                         "EvaluateTargetHealth": health == "Y"}
            else:
                record["TTL"] = ttl
                record["ResourceRecords"] = [
                    {"Value": address(value)} for value in words[0].split("+")]
            made.append(record)
    return made


class Permitted:
    """What a query may get: outcome, and for each answer its records, TTL, take and share."""

    def __init__(self, text):
        self.outcome = text.lower() if text.startswith("N") else "answer"
        self.answers = []
        if self.outcome != "answer":
            return
        for part in text.split("; "):
            found = re.fullmatch(r"(any (?P<take>\d+) of )?(?P<what>\{[^}]*\}|\S+?)"
                                 r"(@(?P<ttl>\d+))?( (?P<share>\d+/\d+))?", part)
            values = frozenset(address(one) for one in found["what"].strip("{}").split(", "))
            self.answers.append((values, int(found["ttl"] or TTL), int(found["take"] or 0),
                                 Fraction(found["share"] or 1)))
        assert sum(share for *_, share in self.answers) == 1, text

    def fits(self, values, ttls):
        """The index of the permitted answer that it is, or None."""
        for index, (records, ttl, take, _) in enumerate(self.answers):
            whole = len(values) == len(set(values)) == (take or len(records))
            if whole and set(values) <= records and ttls == {ttl}:
                return index
        return None
