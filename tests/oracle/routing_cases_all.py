"""All 95 worked cases of the routing spec (section 9) as data, in the notation of routing_cases.py,
with the files and clients that make those of location so.
One set of location files serves all of them, so that one node can run all of them too:
record_sets(case.groups, ...) is its JSON, FILES.write(folder) its [location], subnets(client) the
EDNS Client Subnets to ask with.
"""

from dataclasses import dataclass
from fractions import Fraction

from location_files import GEO_HEADER, LocationFiles


@dataclass(frozen=True)
class Case:
    groups: dict
    query: str
    permitted: str
    client: str = ""      # as the spec's table words it; "" is anyone
    recovered: str = ""   # what is permitted once check F is healthy
    scopes: tuple = ()    # (query, bits): the scope of its reply
    value_share: Fraction = None  # of the answers that hold a value; where it says "any 8 of"
    first_share: Fraction = None  # of the answers that begin with a value


FILES = LocationFiles(
    geo="\n".join([
        GEO_HEADER,
        "198.18.2.0/24,,US,,,",
        "198.18.3.0/24,,,,43.7,-79.4",
        "198.18.5.0/24,AS,SG,,1.3,103.8",
        "198.18.6.0/24,,,,-33.9,151.2",
        "198.18.7.0/24,NA,US,NY,40.7,-74.0",
        "198.18.8.0/24,NA,US,CA,37.8,-122.4",
        "198.18.9.0/24,NA,US,,,",
        "198.18.10.0/24,,JP,13,35.7,139.7",
        "198.18.11.0/24,,DE,,50.1,8.7",
        "# geoproximity: A is at 0 0, B at 0 2",
        "198.18.12.0/24,,,,0.5,1.25",
        "198.18.13.0/24,,,,0.4,0.8",
        "2001:db8:7::/48,NA,US,NY,40.7,-74.0",
        "2001:db8:b::/48,,DE,,,",
        ""]),
    regions="region,latitude,longitude\nus,39.0,-77.5\nap,1.4,103.8\n",
    latency="\n".join([
        "client,region,ms",
        "198.18.1.0/24,us,20",
        "198.18.1.0/24,ap,180.5",
        "198.18.4.0/24,us,200",
        "198.18.4.0/24,ap,19.999",
        "2001:db8:1::/48,us,20",
        "2001:db8:1::/48,ap,21",
        "198.51.100.0/24,us,20",
        "198.51.100.0/24,ap,180",
        "US,us,30",
        "US,ap,210",
        "SG,ap,3",
        ""]),
    collections={"isps": [("198.51.0.0/16", "isp1"), ("198.51.100.0/24", "isp2")],
                 "isp2only": [("198.51.100.0/24", "isp2")]},
    settings={"grid_degrees": 0.05})

SUBNETS = {
    "": (None, "198.18.1.0/24", "2001:db8:7::/56"),
    # By rows of their prefix, of their country, by distance.
    "us nearer than ap": ("198.18.1.0/24", "198.18.2.0/24", "198.18.3.0/24", "2001:db8:1::/48"),
    "ap nearer than us": ("198.18.4.0/24", "198.18.5.0/24", "198.18.6.0/24"),
    "from US-NY": ("198.18.7.0/24", "198.18.7.255/32", "2001:db8:7:ff00::/56"),
    "from US-CA": ("198.18.8.0/24", "198.18.8.128/25"),
    "US, state unknown": ("198.18.9.0/24", "198.18.2.0/24"),
    "from JP": ("198.18.10.0/24",),
    "from DE": ("198.18.11.0/24", "2001:db8:b::/64"),
    "unmapped address": ("198.19.0.0/24", "2001:db8:8::/48", None),
    "150 km to A, 100 km to B": ("198.18.12.0/24",),
    "100 km to A, 140 km to B": ("198.18.13.0/24",),
}


def subnets(client):
    """The subnets of a client; None is a query without one, from an address that nothing maps."""
    if client.startswith("ECS "):
        return (client.removeprefix("ECS "),)
    return (None,) if client.endswith("no ECS") else SUBNETS[client]


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

US, AP = "us nearer than ap", "ap nearer than us"
_ROOT = "@us =>us/Y [-], @ap =>ap/Y [-]"
_GEO = "geo US-NY .1 [{}], geo US .2 [{}], geo cont.NA .3 [{}], geo * .4 [{}]"
_POOLS = {"www": "geo cont.EU =>eu-pool/Y [-], geo * =>na-pool/Y [-]",
          "eu-pool": "PRI =>eu-val/Y [-], SEC =>na-pool/Y [-]",
          "na-pool": "PRI =>na-val/Y [-], SEC =>def-pool/Y [-]",
          "eu-val": "W1 .1 [U]", "def-pool": ".9 [-]"}
_ISPS = "ip isps/isp1 .1 [{}], ip isps/isp2 .2 [H], ip isps/* .9 [{}]"


def _latency(us, ap, root=_ROOT):
    return {"www": root, "us": us, "ap": ap}


def _geo(states):
    return {"www": _GEO.format(*states)}


def _gp(bias, state_a, state_b):
    return {"www": f"gp A bias {bias} .1 [{state_a}], gp B bias 0 .2 [{state_b}]"}


def _isps(*states):
    return {"www": _ISPS.format(*states)}


# number: (groups, client, permitted); all ask for www A.
LOCATION_CASES = {
    31: ({"www": "@us .1 [H], @ap .2 [H]"}, US, ".1"),
    32: ({"www": "@us .1 [U], @ap .2 [H]"}, US, ".2"),
    33: ({"www": "@us .1 [U], @ap .2 [U]"}, US, ".1"),
    34: (_latency("W1 .1 [H], W3 .2 [H]", "W1 .3 [H], W1 .4 [H]"), US, ".1 1/4; .2 3/4"),
    35: (_latency("W1 .1 [U], W3 .2 [U]", "W1 .3 [H], W1 .4 [U]"), US, ".3"),
    36: (_latency("W1 .1 [U], W3 .2 [-]", "W1 .3 [H], W1 .4 [H]"), US, ".2"),
    37: (_latency("W1 .1 [U], W3 .2 [U]", "W1 .3 [H], W1 .4 [H]",
                  "@us =>us/N [-], @ap =>ap/Y [-]"), US, ".1 1/4; .2 3/4"),
    38: (_latency("W1 .1 [U], W3 .2 [U]", "W1 .3 [U], W1 .4 [U]"), US, ".1 1/4; .2 3/4"),
    39: (_latency("W1 .1 [H], W3 .2 [H]", "W1 .3 [H], W1 .4 [H]",
                  "@us =>us/Y [U], @ap =>ap/Y [-]"), US, ".3 1/2; .4 1/2"),
    40: (_latency("W1 .1 [H], W3 .2 [U]", "W1 .3 [U], W1 .4 [U]",
                  "@us =>us/Y [U], @ap =>ap/Y [-]"), US, ".1"),
    41: (_latency("W1 .1 [H], W3 .2 [H]", "W1 .3 [U], W1 .4 [U]",
                  "@us =>us/Y [U], @ap =>ap/Y [-]"), AP, ".3 1/2; .4 1/2"),
    42: ({"www": "@us =>mid/Y [-], @ap .9 [H]", "mid": "W1 =>leaf/N [-]", "leaf": ".1 [U]"}, US,
         ".1"),
    45: ({"www": "PRI =>lat/Y [-], SEC .9 [-]", "lat": "@us .1 [U], @ap .2 [H]"}, US, ".2"),
    49: (_POOLS | {"na-val": "W1 .2 [H]"}, "from DE", ".2"),
    50: (_POOLS | {"na-val": "W1 .2 [U]"}, "from DE", ".9"),
    57: (_geo("HHHH"), "from US-NY", ".1"),
    58: (_geo("UHHH"), "from US-NY", ".2"),
    59: (_geo("UUUH"), "from US-NY", ".4"),
    60: (_geo("UUUU"), "from US-NY", ".1"),
    61: (_geo("HUUU"), "from US-CA", ".2"),
    62: (_geo("HHHH"), "US, state unknown", ".2"),
    63: ({"www": "geo US-NY .1 [-], geo * .4 [-]"}, "US, state unknown", ".4"),
    64: ({"www": "geo cont.EU .1 [H]"}, "from JP", "NODATA"),
    65: (_geo("HHHH"), "unmapped address", ".4"),
    66: (_gp(50, "H", "H"), "150 km to A, 100 km to B", ".1"),
    67: (_gp(50, "U", "H"), "150 km to A, 100 km to B", ".2"),
    68: (_gp(50, "U", "U"), "150 km to A, 100 km to B", ".1"),
    69: (_gp(-50, "H", "H"), "100 km to A, 140 km to B", ".2"),
    70: (_isps("H", "H"), "ECS 198.51.7.0/24", ".1"),
    71: (_isps("H", "H"), "ECS 198.51.100.0/24", ".2"),
    72: ({"www": "ip isp2only/isp2 .2 [H], ip isp2only/* .9 [H]"}, "ECS 198.51.0.0/16", ".9"),
    73: ({"www": "ip isp2only/isp2 .2 [H]"}, "resolver 203.0.113.5, no ECS", "NODATA"),
    74: (_isps("U", "H"), "ECS 198.51.7.0/24", ".9"),
    75: (_isps("U", "U"), "ECS 198.51.7.0/24", ".1"),
}

_FLIP = {"www": "W10 .1 [H], W20 .2 [H], W20 .3 [F]"}
_WITHOUT, _WHOLE = ".1 1/3; .2 2/3", ".1 1/5; .2 2/5; .3 2/5"
PROPERTY_CASES = {
    86: Case(_FLIP, "www A", _WITHOUT, recovered=_WHOLE),
    89: Case(*CASES[52], value_share=Fraction(8, 10)),
    90: Case({"www": ".1+.2+.3 [-]"}, "www A", "{.1, .2, .3}", first_share=Fraction(1, 3)),
    93: Case({"www": "@us .1 [-], @ap .2 [-]", "weighted": "W1 .1 [-], W1 .2 [-]"}, "www A", ".1",
             client="ECS 198.51.100.0/24", scopes=(("www A", 24), ("weighted A", 0))),
    # An answer while F changes is of the state before or of the one after.
    94: Case(_FLIP, "www A", _WITHOUT, recovered=_WHOLE),
}

ALL = dict(sorted({
    **{number: Case(*case) for number, case in CASES.items()},
    **{number: Case(groups, "www A", permitted, client)
       for number, (groups, client, permitted) in LOCATION_CASES.items()},
    **PROPERTY_CASES}.items()))
