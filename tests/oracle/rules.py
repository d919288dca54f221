"""What section 1 of the routing spec allows in a zone: the test of generated zones, so that no
server may refuse them.
"""

import ipaddress

from evaluator import MAX_ALIAS_STEPS
from zone import labels, name_text

ROUTED = set("A AAAA CAA CNAME MX NAPTR PTR SPF SRV TXT TLSA SSHFP SVCB HTTPS".split())
MOST = {"simple": 1, "failover": 2, "geoproximity": 30}
MOST_OTHERWISE = 100
MOST_VALUES = 400


def faults(zone, locations):
    """Sentences about what the spec forbids; [] for a zone that is well."""
    found = []
    for key, group in zone.groups.items():
        where = f"{name_text(key[0])} {key[1]}: "
        found += [where + fault for fault in group_faults(group)]
        for record in group:
            found += [where + fault for fault in record_faults(zone, record, locations)]
    for name in {name for name, rrtype in zone.groups if rrtype == "CNAME"}:
        if name == labels(zone.origin) or len([1 for other, _ in zone.groups if other == name]) > 1:
            found.append(f"{name_text(name)}: CNAME at the apex or beside another type")
    for key in zone.groups:
        found += alias_faults(zone, key, [])
    return found


def group_faults(group):
    policy = group[0].policy
    if any(record.policy != policy for record in group):
        yield "several policies"
        return
    if len(group) > MOST.get(policy, MOST_OTHERWISE):
        yield f"{len(group)} record sets"
    for what in ("SetIdentifier", *({"latency": ["Region"], "failover": ["Failover"],
                                     "geolocation": ["GeoLocation"]}.get(policy, ()))):
        values = [str(getattr(record, what)) for record in group]
        if len(set(values)) != len(values):
            yield f"{what} twice"
    if policy == "geoproximity":
        places = [str({**one.GeoProximityLocation, "Bias": 0}) for one in group]
        if len(set(places)) != len(places):
            yield "a place twice"
    if policy == "ip-based":
        names = [one.CidrRoutingConfig["LocationName"] for one in group]
        if len(set(names)) != len(names):
            yield "a CIDR location twice"
        if len({one.CidrRoutingConfig["CollectionId"] for one in group}) != 1:
            yield "several collections"
    if policy == "weighted" and len({one.TTL for one in group if not one.AliasTarget}) > 1:
        yield "weighted sets must contain the same TTL"


def record_faults(zone, record, locations):
    policy = record.policy
    if (record.SetIdentifier is None) != (policy == "simple"):
        yield "SetIdentifier goes with a policy"
    if record.Type not in ROUTED:
        yield f"type {record.Type} is not of a record set"
    if labels(record.Name)[-len(labels(zone.origin)):] != labels(zone.origin):
        yield "outside the zone"
    if policy == "multivalue" and (record.AliasTarget or record.Type == "CNAME"):
        yield "multivalue is no alias and no CNAME"
    if policy == "failover" and record.Failover == "PRIMARY" and not record.AliasTarget and \
            not record.HealthCheckId:
        yield "A non-alias primary ResourceRecordSet must have an associated health check"
    if policy == "weighted" and not 0 <= record.Weight <= 255:
        yield f"weight {record.Weight}"
    if policy == "geoproximity":
        yield from place_faults(record.GeoProximityLocation)
        if not {record.GeoProximityLocation.get("AWSRegion")} <= {None, *locations.regions}:
            yield f"nobody knows where {record.GeoProximityLocation['AWSRegion']} is"
    if policy == "latency" and record.Region not in locations.regions and \
            record.Region not in {region for _, region, _ in locations.latency}:
        yield f"no latency to {record.Region}"
    if policy == "ip-based":
        yield from cidr_faults(record.CidrRoutingConfig, locations)
    if record.AliasTarget:
        if record.TTL is not None or record.ResourceRecords is not None:
            yield "an alias has no TTL and no values"
    elif not 0 <= record.TTL <= 0x7fffffff:
        yield f"TTL {record.TTL}"
    elif not 1 <= len(record.ResourceRecords) <= (1 if record.Type == "CNAME" else MOST_VALUES):
        yield f"{len(record.ResourceRecords)} values"
    elif len(set(record.ResourceRecords)) != len(record.ResourceRecords):
        yield "a value twice"


def place_faults(location):
    if not -99 <= location.get("Bias", 0) <= 99:
        yield f"bias {location['Bias']}"
    if len({"AWSRegion", "LocalZoneGroup", "Coordinates"} & set(location)) != 1:
        yield "not one place"
    for axis, most in (("Latitude", 90), ("Longitude", 180)):
        degrees = location.get("Coordinates", {}).get(axis, "0")
        if abs(float(degrees)) > most or len(degrees.partition(".")[2]) > 2:
            yield f"{axis} {degrees}"


def cidr_faults(config, locations):
    blocks = locations.collections.get(config["CollectionId"])
    if blocks is None:
        yield f"no collection {config['CollectionId']}"
        return
    if config["LocationName"] not in {"*", *(name for _, name in blocks)}:
        yield f"no location {config['LocationName']}"
    for block, _ in blocks:
        if not 1 <= block.prefixlen <= (24 if isinstance(block, ipaddress.IPv4Network) else 48):
            yield f"block {block}"


def alias_faults(zone, key, path):
    if key not in zone.groups:
        return [f"{name_text(path[-1][0])}: alias to {name_text(key[0])}, which is not there"]
    if key in path or len(path) > MAX_ALIAS_STEPS:
        return [f"{name_text(path[0][0])}: aliases loop or are too deep"]
    targets = {record.target for record in zone.groups[key] if record.AliasTarget}
    return [fault for target in sorted(targets) for fault in alias_faults(zone, target,
                                                                          [*path, key])]
