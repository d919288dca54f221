"""Where clients are, read from an operator's location files by the slowest way there is: every
prefix is looked at for every question. Nothing is merged, sorted or numbered.
"""

import csv
import ipaddress
import json
import math
import re
import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from continents import CONTINENT_OF

EARTH_KM = 6371.0088
UNKNOWN = None


def rows_of(text, header):
    """The records of a CSV text below its header line, each {field: text}."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = list(csv.reader(lines, strict=True))
    if not found or found[0] != header.split(","):
        raise ValueError(f"the first line is not {header}")
    if any(len(row) != len(found[0]) for row in found):
        raise ValueError("a line has another number of fields than the header")
    return [dict(zip(found[0], row)) for row in found[1:]]


def network(text):
    """A prefix or an address. Of IPv6 addresses 64 bits count."""
    if "/" not in text:
        address = ipaddress.ip_address(text)
        return ipaddress.ip_network((address, min(address.max_prefixlen, 64)), strict=False)
    found = ipaddress.ip_network(text)
    if found.version == 6 and found.prefixlen > 64:
        raise ValueError(f"{text} is longer than /64")
    return found


def microseconds(text):
    """Of milliseconds with up to three decimals."""
    if not re.fullmatch(r"\d+(\.\d{1,3})?", text) or Decimal(text) > 60_000:
        raise ValueError(f"{text} ms")
    return int(Decimal(text) * 1000)


def coordinates(latitude, longitude):
    """(degrees, degrees), or None when both are empty."""
    if (latitude == "") != (longitude == ""):
        raise ValueError("latitude and longitude go together")
    if latitude == "":
        return UNKNOWN
    place = float(latitude), float(longitude)
    if not (abs(place[0]) <= 90 and abs(place[1]) <= 180):
        raise ValueError(f"{place} is not on earth")
    return place


def on_grid(degrees, grid):
    """The nearest multiple; half way goes away from zero."""
    steps = abs(degrees) / grid
    whole = math.floor(steps)
    return math.copysign((whole + (steps - whole >= 0.5)) * grid, degrees)


def distance_km(one, other):
    """Great circle, by the haversine formula."""
    latitude, longitude, to_latitude, to_longitude = map(math.radians, (*one, *other))
    half = (math.sin((to_latitude - latitude) / 2) ** 2 + math.cos(latitude) *
            math.cos(to_latitude) * math.sin((to_longitude - longitude) / 2) ** 2)
    return 2 * EARTH_KM * math.asin(math.sqrt(min(1.0, max(0.0, half))))


@dataclass(frozen=True)
class Place:
    """What is known of a client; "" and None are unknown."""
    continent: str = ""
    country: str = ""
    subdivision: str = ""
    coordinates: tuple = None  # on the grid


@dataclass
class Locations:
    places: list = field(default_factory=list)       # (network, Place), as written
    regions: dict = field(default_factory=dict)      # name: coordinates
    latency: list = field(default_factory=list)      # (network or "US" or "US-NY", region, us)
    collections: dict = field(default_factory=dict)  # id: [(network, location name)]
    grid_degrees: float = 0.25
    geoproximity_bias: str = "current"               # or "2022"
    client_subnet: bool = True

    @classmethod
    def from_texts(cls, geo="", regions="", latency="", collections=None, **settings):
        """From the texts of the files; "" is a file that is not there."""
        made = cls(**settings)
        made.places = [(network(row["network"]), made.place(row)) for row in rows_of(
            geo, "network,continent,country,subdivision,latitude,longitude")] if geo else []
        if len({at for at, _ in made.places}) != len(made.places):
            raise ValueError("a prefix stands twice in the locations")
        for row in rows_of(regions, "region,latitude,longitude") if regions else ():
            made.regions[row["region"]] = coordinates(row["latitude"], row["longitude"])
        for row in rows_of(latency, "client,region,ms") if latency else ():
            client = row["client"]
            if not re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", client):
                client = network(client)
            made.latency.append((client, row["region"], microseconds(row["ms"])))
        for identifier, text in (collections or {}).items():
            made.collections[identifier] = [
                (ipaddress.ip_network(block["CidrBlock"]), block["LocationName"])
                for block in json.loads(text)["CidrBlocks"]]
        return made

    @classmethod
    def from_toml(cls, path):
        """From [location] and [cidr_collection] of a node's file."""
        node = tomllib.loads(Path(path).read_text())
        given = node.get("location", {})

        def text_of(name):
            return (Path(path).parent / name).read_text() if name else ""
        collections = {identifier: text_of(one["blocks"])
                       for identifier, one in node.get("cidr_collection", {}).items()}
        files = {name: text_of(given.pop(name, "")) for name in ("geo", "regions", "latency")}
        return cls.from_texts(**files, collections=collections, **given)

    def place(self, row):
        at = coordinates(row["latitude"], row["longitude"])
        if at is not UNKNOWN:
            at = tuple(on_grid(degrees, self.grid_degrees) for degrees in at)
        continent = row["continent"] or CONTINENT_OF.get(row["country"], "")
        return Place(continent, row["country"], row["subdivision"], at)

    def networks(self):
        """Every prefix that any file names."""
        return ([at for at, _ in self.places] +
                [at for at, *_ in self.latency if not isinstance(at, str)] +
                [at for blocks in self.collections.values() for at, _ in blocks])


def longest(networks, inside):
    """Of prefixes the longest that contains all of `inside`, a prefix; None when none does."""
    best = None
    for one in networks:
        if (one.version == inside.version and inside.subnet_of(one) and
                (best is None or one.prefixlen > best.prefixlen)):
            best = one
    return best


@dataclass(frozen=True)
class Client:
    """Who asks: a resolver's address and the prefix of its EDNS Client Subnet, if there is one."""
    address: str
    ecs: str = None
    locations: Locations = field(default_factory=Locations)

    @cached_property
    def prefix(self):
        """What the client is known by: a prefix, an address as one; None when it asked not to be
        known, by a subnet of no length."""
        if self.ecs is None or not self.locations.client_subnet:
            return ipaddress.ip_network(self.address)
        given = ipaddress.ip_network(self.ecs)
        return given if given.prefixlen else None

    @cached_property
    def first(self):
        """The first address of the prefix, as a prefix: it decides about place and latency."""
        return self.prefix and ipaddress.ip_network(self.prefix.network_address)

    @cached_property
    def place(self):
        if self.first is None:
            return Place()
        best = longest([at for at, _ in self.locations.places], self.first)
        return next((place for at, place in self.locations.places if at == best), Place())

    @cached_property
    def measured(self):
        """{region: us}, of the one prefix, state or country whose rows count for this client."""
        rows = self.locations.latency
        country, state = self.place.country, self.place.subdivision
        best = None
        if self.first is not None:
            best = longest([at for at, *_ in rows if not isinstance(at, str)], self.first)
        for wanted in (best, country and state and f"{country}-{state}", country):
            found = {region: us for at, region, us in rows if wanted and at == wanted}
            if found:
                return found
        return {}

    def latency(self, region):
        """Microseconds to a region; None when nothing tells."""
        if region in self.measured:
            return self.measured[region]
        place = self.locations.regions.get(region)
        if place is None or self.place.coordinates is None:
            return UNKNOWN
        return round(distance_km(self.place.coordinates, place) * 10)  # 1 ms for 100 km

    def cidr_location(self, collection):
        """Name of the location whose longest block contains the whole prefix, else None."""
        blocks = self.locations.collections.get(collection, ())
        if self.prefix is None:
            return None
        best = longest([at for at, _ in blocks], self.prefix)
        return next((name for at, name in blocks if at == best), None)
