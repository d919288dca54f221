"""The notation of the routing spec's worked cases (section 9): record groups as they are written
there, and what a query may get, with exact shares.

".7" is 192.0.2.7; [H] healthy check, [U] unhealthy check, [-] none, [X] a check that is not there;
[F] one that flips; W10 weight, PRI and SEC failover, MV multivalue, "@us" a region, "geo US-NY",
"geo cont.EU", "geo *", "gp A bias 50", "ip isps/isp1" a collection and its location; =>x/Y alias to
x with EvaluateTargetHealth (/N without); a bare value is a simple record; "ttl17" where a case is
about the TTL.
"""

import re
from fractions import Fraction

TTL = 30
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


def record_sets(groups, origin, zone_id, check_of=CHECKS.get):
    """Route 53's JSON of some groups.
    @param check_of  the id of the check that a letter means; called for each in their order."""
    made = []
    for owner, members in groups.items():
        label, _, rrtype = owner.partition(" ")
        for number, member in enumerate(members.split(", ")):
            words = member.split(" ")
            record = {"Name": f"{label}.{origin}.", "Type": rrtype or "A"}
            check = words.pop().strip("[]")
            if check != "-":
                record["HealthCheckId"] = check_of(check)
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
