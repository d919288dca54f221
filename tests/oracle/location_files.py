"""Location files as an operator would write them: their texts, and random ones with clients that
stand where mistakes are made: at the edges of prefixes, with subnets shorter and longer than
blocks, where nothing is mapped.
"""

import ipaddress
import json
from dataclasses import dataclass, field
from pathlib import Path

from locations import Client, Locations

REGIONS = ("af-south-1", "ap-east-1", "ap-northeast-1", "ap-south-1", "ca-central-1", "cn-north-1",
           "eu-central-1", "eu-west-1", "sa-east-1", "us-east-1", "us-west-2")
NOWHERE = ("aa-nowhere-1", "xx-nowhere-1")  # regions that no file says a place of
COUNTRIES = {"US": ("NY", "CA", "WA"), "UA": ("30", "46"), "JP": (), "DE": (), "CN": (), "BR": (),
             "ZA": (), "AU": ()}
CONTINENTS = ("AF", "AN", "AS", "EU", "NA", "OC", "SA")
ROOTS = ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "203.0.113.0/24", "2001:db8::/32",
         "fd00::/8")
GEO_HEADER = "network,continent,country,subdivision,latitude,longitude"


@dataclass
class LocationFiles:
    geo: str = ""
    regions: str = ""
    latency: str = ""
    collections: dict = field(default_factory=dict)  # id: [(block, location name)]
    settings: dict = field(default_factory=dict)     # grid_degrees, geoproximity_bias

    def blocks_text(self, identifier):
        return json.dumps({"CidrBlocks": [{"CidrBlock": block, "LocationName": name}
                                          for block, name in self.collections[identifier]]})

    def locations(self):
        return Locations.from_texts(
            self.geo, self.regions, self.latency,
            {one: self.blocks_text(one) for one in self.collections}, **self.settings)

    def write(self, folder):
        """@return the TOML for a node whose file lies in the same folder."""
        lines = ["[location]"]
        for name, file in (("geo", "locations.csv"), ("regions", "regions.csv"),
                           ("latency", "latency.csv")):
            if getattr(self, name):
                (Path(folder) / file).write_text(getattr(self, name))
                lines.append(f'{name} = "{file}"')
        lines += [f"{name} = {json.dumps(value)}" for name, value in self.settings.items()]
        for number, identifier in enumerate(self.collections):
            file = f"blocks{number}.json"
            (Path(folder) / file).write_text(self.blocks_text(identifier))
            lines += [f'[cidr_collection."{identifier}"]', f'blocks = "{file}"']
        return "\n".join(lines) + "\n"


def random_files(dice):
    """@param dice  random.Random."""
    prefixes = random_prefixes(dice)
    return LocationFiles(
        random_geo(dice, prefixes), random_regions(dice), random_latency(dice, prefixes),
        {f"0000{n}-0{dice.randrange(1000):03}": random_blocks(dice, prefixes) for n in range(2)},
        {"grid_degrees": dice.choice([0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]),
         "geoproximity_bias": dice.choice(["current", "2022"])})


def random_prefixes(dice, count=60):
    """Nested ones and neighbours, IPv4 to /32 and IPv6 to /64."""
    found = {ipaddress.ip_network(root) for root in ROOTS}
    while len(found) < count:
        outer = dice.choice(sorted(found, key=in_order))
        most = 32 if outer.version == 4 else 64
        length = min(most, outer.prefixlen + dice.choice([0, 1, 1, 2, 4, 8, 12]))
        step = 1 << (outer.max_prefixlen - length)
        number = dice.choice([0, -1, dice.randrange(1 << (length - outer.prefixlen))])
        start = int(outer.network_address) + step * (number % (1 << (length - outer.prefixlen)))
        if length == outer.prefixlen:  # the neighbour that makes a pair with it
            start ^= step
        found.add(ipaddress.ip_network((start, length)))
    return sorted(found, key=in_order)


def in_order(network):
    return network.version, int(network.network_address), network.prefixlen


def random_geo(dice, prefixes):
    lines = ["# made for a test", GEO_HEADER, ""]
    for prefix in dice.sample(prefixes, dice.randrange(5, 40)):
        country = dice.choice(["", *COUNTRIES])
        states = COUNTRIES.get(country, ())
        state = dice.choice(["", *states]) if states else ""
        continent = "" if country else dice.choice(["", *CONTINENTS])
        place = f"{dice.uniform(-90, 90):.4f},{dice.uniform(-180, 180):.4f}"
        if dice.random() < 0.2:  # where much is equally far
            place = dice.choice(["90,0", "-90,17", "0,0", "0,180", "0,-180"])
        text = str(prefix)
        if prefix.version == 4 and prefix.prefixlen == 32 and dice.random() < 0.5:
            text = str(prefix.network_address)
        lines.append(f"{text},{continent},{country},{state},"
                     f"{place if dice.random() < 0.8 else ','}")
    return "\n".join(lines) + "\n"


def random_regions(dice):
    return "region,latitude,longitude\n" + "".join(
        f"{region},{dice.uniform(-60, 70):.2f},{dice.uniform(-180, 180):.2f}\n"
        for region in REGIONS if dice.random() < 0.85)


def random_latency(dice, prefixes):
    clients = [str(one) for one in dice.sample(prefixes, dice.randrange(0, 20))]
    clients += dice.sample(["US", "US-NY", "UA-30", "JP", "CN", "DE"], dice.randrange(5))
    if not clients:
        return ""  # a table without a row is refused
    lines = ["client,region,ms"]
    for client in clients:
        for region in dice.sample(REGIONS + NOWHERE, dice.randrange(1, 8)):
            milliseconds = dice.choice(["0", "20", "20", "20.5", "0.001", "60000",
                                        f"{dice.uniform(1, 300):.3f}"])
            lines.append(f"{client},{region},{milliseconds}")
    return "\n".join(lines) + "\n"


def random_blocks(dice, prefixes):
    allowed = [one for one in prefixes
               if one.prefixlen <= (24 if one.version == 4 else 48)]
    chosen = dice.sample(allowed, dice.randrange(1, min(25, len(allowed))))
    return [(str(one), f"isp{dice.randrange(1, 6)}") for one in chosen]


def random_clients(dice, locations, count):
    """Resolvers and subnets, most at the edge of a prefix that some file names."""
    networks = locations.networks() or [ipaddress.ip_network(root) for root in ROOTS]
    return [random_client(dice, locations, dice.choice(networks)) for _ in range(count)]


def random_client(dice, locations, network):
    bits = network.max_prefixlen
    first, last = int(network.network_address), int(network.broadcast_address)
    number = dice.choice([first, last, first - 1, last + 1, dice.randint(first, last),
                          dice.randrange(1 << bits)]) % (1 << bits)
    address = ipaddress.ip_network((number, bits)).network_address
    if dice.random() < 0.3:
        return Client(str(address), None, locations)
    near = [network.prefixlen + one for one in (-1, 0, 1)]
    usual = [8, 16, 20, 24, 32] if bits == 32 else [32, 48, 56, 64, 128]
    length = min(bits, max(1, dice.choice(near + usual)))
    subnet = ipaddress.ip_network((address, length), strict=False)
    return Client("192.0.2.53", str(subnet), locations)
