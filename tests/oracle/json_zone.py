"""Zones from and to the JSON of `aws route53 list-resource-record-sets`."""

import json
from pathlib import Path

from zone import AliasTarget, RecordSet, Zone

FIELDS = set(RecordSet.__dataclass_fields__)


def from_json(text, origin, zone_id=""):
    """@param text  {"ResourceRecordSets": [...]}."""
    return Zone(origin, tuple(map(record_set, json.loads(text)["ResourceRecordSets"])), zone_id)


def read(path, origin, zone_id=""):
    return from_json(Path(path).read_text(), origin, zone_id)


def record_set(item):
    """One item of the list; what the spec does not know is refused."""
    unknown = set(item) - FIELDS
    if unknown:
        raise ValueError(f"{item.get('Name')}: unknown {', '.join(sorted(unknown))}")
    given = dict(item)
    if "AliasTarget" in given:
        given["AliasTarget"] = AliasTarget(**given["AliasTarget"])
    if "ResourceRecords" in given:
        given["ResourceRecords"] = tuple(one["Value"] for one in given["ResourceRecords"])
    return RecordSet(**given)


def to_json(zone):
    items = [item(record, zone.id) for record in zone.record_sets]
    return json.dumps({"ResourceRecordSets": items}, indent=1)


def write(path, zone):
    Path(path).write_text(to_json(zone))


def item(record, zone_id=""):
    """As AWS lists it: what is absent is left out. @param zone_id  for aliases that name none."""
    made = {name: value for name in RecordSet.__dataclass_fields__
            if (value := getattr(record, name)) is not None}
    if record.AliasTarget is not None:
        made["AliasTarget"] = {
            "HostedZoneId": record.AliasTarget.HostedZoneId or zone_id,
            "DNSName": record.AliasTarget.DNSName,
            "EvaluateTargetHealth": record.AliasTarget.EvaluateTargetHealth}
    if record.ResourceRecords is not None:
        made["ResourceRecords"] = [{"Value": value} for value in record.ResourceRecords]
    return made
