"""The evaluator over every worked case of the routing spec and over cases made by hand: each must
give just what is written, share by share.
"""

import json
from fractions import Fraction

import pytest
from evaluator import LEFT, NODATA, NXDOMAIN, Answer, AnyOf, Chased, answers
from json_zone import from_json, item, record_set
from location_files import GEO_HEADER, LocationFiles
from locations import Client, Locations, distance_km, microseconds, network, on_grid
from routing_cases import Permitted, record_sets
from routing_cases_all import ALL, FILES, subnets
from rules import faults
from scope import scope_is_sound
from zone import Zone, labels, name_text

ORIGIN = "case.test"
HALF = Fraction(1, 2)
HEALTH = {"up": True, "down": False, "flip": False}
WELL = HEALTH | {"flip": True}


def zone_of(groups):
    return Zone(ORIGIN, tuple(map(record_set, record_sets(groups, ORIGIN, "ZCASE"))), "ZCASE")


def ask(groups, query="www A", health=None, subnet=None, locations=None):
    label, rrtype = query.split()
    client = Client("203.0.113.5", subnet, locations or Locations())
    return answers(zone_of(groups), f"{label}.{ORIGIN}", rrtype, client, health or HEALTH)


def as_permitted(outcome):
    """In the form of Permitted: (outcome, {(records, ttl, take): share})."""
    if isinstance(outcome, str):
        return outcome.lower(), {}
    shares = {}
    for answer, share in outcome.items():
        take = answer.take if isinstance(answer, AnyOf) else 0
        shares[answer.values, answer.ttl, take] = share
    return "answer", shares


def hold(outcome, text):
    permitted = Permitted(text)
    expected = {(values, ttl, take): share for values, ttl, take, share in permitted.answers}
    assert as_permitted(outcome) == (permitted.outcome, expected)


def values(outcome):
    """{value: share} where each answer holds one."""
    return {next(iter(answer.values)): share for answer, share in outcome.items()}


# ---- the worked cases -----------------------------------------------------------------------


def test_every_case_is_there():
    assert list(ALL) == list(range(1, 96))


@pytest.mark.parametrize("number", ALL)
def test_routing(number):
    case = ALL[number]
    for subnet in subnets(case.client):
        hold(ask(case.groups, case.query, HEALTH, subnet, FILES.locations()), case.permitted)
        if case.recovered:
            hold(ask(case.groups, case.query, WELL, subnet, FILES.locations()), case.recovered)


@pytest.mark.parametrize("number", ALL)
def test_every_case_is_a_valid_zone(number):
    # What the cases write about failover and no more: a PRIMARY of theirs always has a check.
    assert faults(zone_of(ALL[number].groups), FILES.locations()) == []


def test_routing_089_each_value_is_in_eight_of_ten_answers():
    (answer, share), = ask(ALL[89].groups).items()
    assert share == 1
    assert Fraction(answer.take, len(answer.values)) == ALL[89].value_share


@pytest.mark.parametrize("query, bits", ALL[93].scopes)
def test_routing_093_the_scope_is_as_short_as_it_can_be(query, bits):
    zone, subnet = zone_of(ALL[93].groups), ALL[93].client.removeprefix("ECS ")
    client = Client("203.0.113.5", subnet, FILES.locations())
    name, rrtype = f"{query.split()[0]}.{ORIGIN}", query.split()[1]
    assert scope_is_sound(zone, name, rrtype, client, bits)
    assert bits == 0 or not scope_is_sound(zone, name, rrtype, client, bits - 1)


def test_routing_069_the_older_formula_of_the_bias_agrees():
    older = LocationFiles(FILES.geo, settings=FILES.settings | {"geoproximity_bias": "2022"})
    hold(ask(ALL[69].groups, "www A", HEALTH, "198.18.13.0/24", older.locations()), ".2")


# ---- names ----------------------------------------------------------------------------------


def test_names_are_told_by_labels():
    assert labels("\\052.Any.example.test.") == ("*", "any", "example", "test") == \
        labels("*.any.EXAMPLE.test")
    assert labels("a\\.b.c") == labels("a\\056b.c.") == ("a.b", "c")
    assert name_text(("*", "a.b", "c")) == "*.a\\056b.c." and name_text(()) == "."


@pytest.mark.parametrize("query, permitted", [
    ("y.x A", ".9"), ("x A", "NODATA"), ("a.b.x A", ".9"), ("b.ent.x A", "NXDOMAIN"),
    ("ent.x A", "NODATA"), ("q.a*.x A", ".9"), ("z.\\052.x A", "NXDOMAIN"), ("\\052.x A", ".9"),
    ("y.x TXT", "NODATA"), ("x.lit A", "NXDOMAIN"), ("a*.lit A", ".7"),
])
def test_wildcards_stand_for_what_is_not_there(query, permitted):
    hold(ask({"*.x": ".9 [-]", "a.ent.x": ".1 [-]", "a*.lit": ".7 [-]"}, query), permitted)


def test_the_apex_is_a_name():
    zone = Zone(ORIGIN)
    assert answers(zone, ORIGIN, "A", Client("192.0.2.1"), {}) == NODATA
    with pytest.raises(ValueError):
        answers(zone, "other.test", "A", Client("192.0.2.1"), {})


def test_an_alias_at_a_wildcard_may_lead_to_a_wildcard():
    hold(ask({"*.a": "=>*.b/Y [-]", "*.b": "W1 .1 [U], W3 .2 [-]"}, "foo.bar.a A"), ".2")


# ---- CNAME groups ---------------------------------------------------------------------------


def test_a_cname_is_followed_inside_the_zone():
    groups = {"www CNAME": "W1 one.case.test. [-], W1 out.example.net. [-]",
              "one": "W1 .1 [-], W3 .2 [-], W7 .3 [U]"}
    link = ("www.case.test.", 30, "one.case.test.")
    assert ask(groups) == {
        Answer(30, frozenset(["out.example.net."])): HALF,
        Chased((link,), Answer(30, frozenset(["192.0.2.1"]))): Fraction(1, 8),
        Chased((link,), Answer(30, frozenset(["192.0.2.2"]))): Fraction(3, 8)}
    assert ask(groups, "www TXT")[Chased((link,), NODATA)] == HALF
    assert values(ask(groups, "www CNAME")) == {"one.case.test.": HALF, "out.example.net.": HALF}


@pytest.mark.parametrize("target, end", [
    ("none.case.test.", NXDOMAIN), ("leaf.case.test.", NODATA), ("b.case.test.", LEFT)])
def test_a_chain_ends_where_its_names_do(target, end):
    groups = {"a CNAME": "b.case.test. [-]", "b CNAME": f"{target} [-]", "leaf TXT": '"x" [-]'}
    if target == "b.case.test.":
        assert ask(groups, "a A") == {Chased((("a.case.test.", 30, "b.case.test."),
                                              ("b.case.test.", 30, target)), LEFT): 1}
    else:
        (answer, _), = ask(groups, "a A").items()
        assert (len(answer.cnames), answer.end) == (2, end)


def test_a_chain_of_cnames_ends_after_sixteen():
    groups = {f"c{n} CNAME": f"c{n + 1}.case.test. [-]" for n in range(30)}
    (answer, _), = ask(groups, "c0 A").items()
    assert (len(answer.cnames), answer.end) == (16, LEFT)


def test_a_cname_at_a_wildcard_has_the_name_asked_for():
    (answer, _), = ask({"*.w CNAME": "one.case.test. [-]", "one": ".1 [-]"}, "q.w A").items()
    assert answer.cnames == (("q.w.case.test.", 30, "one.case.test."),)


# ---- the walk -------------------------------------------------------------------------------


def chain(steps, leaf="[U]", health="Y"):
    groups = {f"a{n}": f"W1 =>a{n + 1}/{health} [-]" for n in range(steps)}
    return groups | {f"a{steps}": f".1 {leaf}", "www": "PRI =>a0/Y [-], SEC .9 [-]"}


def test_sixteen_alias_steps_are_walked_and_no_more():
    hold(ask(chain(15, "[H]")), ".1")  # www -> a0 is the sixteenth
    hold(ask(chain(15, "[U]")), ".9")
    hold(ask(chain(16, "[H]")), ".9")
    hold(ask({"www": "PRI =>a0/N [-]"} | {
        name: group for name, group in chain(16).items() if name != "www"}), "NODATA")


def test_loops_and_missing_targets_are_unhealthy_and_without_data():
    hold(ask({"www": "PRI =>a/Y [-], SEC .9 [-]", "a": "=>b/Y [-]", "b": "=>a/Y [-]"}), ".9")
    hold(ask({"www": "=>a/Y [-]", "a": "=>b/Y [-]", "b": "=>a/Y [-]"}), "NODATA")
    hold(ask({"www": "PRI =>none/Y [-], SEC .9 [U]"}), "NODATA")
    hold(ask({"www": "W1 =>none/N [-], W1 .9 [U]"}), "NODATA")


def test_part_of_the_draws_may_end_without_data():
    groups = {"www": "W1 =>geo/N [-], W3 .9 [-]", "geo": "geo cont.EU .1 [-]"}
    assert ask(groups) == {NODATA: Fraction(1, 4),
                           Answer(30, frozenset(["192.0.2.9"])): Fraction(3, 4)}
    hold(ask({**groups, "www": "W1 =>geo/Y [-], W3 .9 [-]"}), ".9")


def test_shares_of_equal_answers_are_added():
    groups = {"www": "W1 =>a/Y [-], W1 =>b/Y [-], W0 .3 [-]", "a": "W1 .1 [-], W2 .2 [-]",
              "b": "W0 .1 [-], W0 .2 [-]"}
    hold(ask(groups), ".1 5/12; .2 7/12")


def test_zero_weights_below_keep_an_alias_healthy():
    hold(ask({"www": "PRI =>p/Y [-], SEC .9 [-]", "p": "W5 .1 [U], W0 .2 [H]"}), ".2")


def test_more_than_eight_are_drawn_from_their_values():
    same = ", ".join(f"MV .{n % 8 + 1} [-]" for n in range(9))
    hold(ask({"www": same}), "{.1, .2, .3, .4, .5, .6, .7, .8}")
    hold(ask({"www": "MV ttl30 .1 [-], MV ttl20 .2 [-]"}), "{.1, .2}@20")


# ---- location -------------------------------------------------------------------------------


def located(geo="", **others):
    lines = [GEO_HEADER] + [line for line in geo.splitlines() if line]
    return LocationFiles("\n".join(lines) + "\n", **others).locations()


@pytest.mark.parametrize("degrees, grid, expected", [
    (0.1, 0.25, 0), (0.125, 0.25, 0.25), (-0.125, 0.25, -0.25), (0.13, 0.25, 0.25), (51.5, 1, 52),
    (89.9, 0.25, 90), (-179.99, 10, -180), (10.374, 0.25, 10.25), (0.374, 0.05, 0.35)])
def test_places_are_rounded_to_the_grid(degrees, grid, expected):
    assert on_grid(degrees, grid) == pytest.approx(expected, abs=1e-12)


def test_the_longest_prefix_decides_alone():
    locations = located("10.0.0.0/8,EU,DE,,50,8\n10.1.0.0/16,,,,,\n10.1.2.3,,JP,,,\n"
                        "\n# 10.1.2.4,,US,,,\n2001:db8::/32,,US,NY,,\n2001:db8:1::1,,JP,,,")

    def place(address, subnet=None):
        found = Client(address, subnet, locations).place
        return found.continent, found.country, found.coordinates
    assert place("10.2.0.0") == ("EU", "DE", (50, 8))
    assert place("10.1.0.0") == ("", "", None)
    assert place("10.1.2.3") == ("AS", "JP", None)
    assert place("192.0.2.1", "10.1.0.0/16") == ("", "", None)
    assert place("192.0.2.1", "10.0.0.0/7") == ("EU", "DE", (50, 8))  # by its first address
    assert place("10.1.2.3", "0.0.0.0/0") == ("", "", None)  # who does not want to be known
    assert place("2001:db8:1::ffff") == ("AS", "JP", None)   # 64 bits of an address count
    assert place("2001:db8:1:1::") == ("NA", "US", None)


def test_without_client_subnet_the_resolver_decides():
    locations = located("10.0.0.0/8,,DE,,,", settings={"client_subnet": False})
    assert Client("10.0.0.1", "192.0.2.0/24", locations).place.country == "DE"


LATENCY = """client,region,ms
10.0.0.0/8,r1,10
10.0.0.0/8,r2,20
10.1.0.0/16,r2,30
US,r1,50
US-NY,r2,60
"""
REGIONS = "region,latitude,longitude\nr1,0,0\nr2,0,10\nr3,0,-10\n"


@pytest.mark.parametrize("subnet, milliseconds", [
    ("10.0.0.0/24", {"r1": 10, "r2": 20, "r3": 11.119}),
    ("10.1.0.0/24", {"r1": 11.119, "r2": 30, "r3": 22.239}),   # its rows stand alone
    ("10.0.0.0/7", {"r1": 10, "r2": 20, "r3": 11.119}),
    ("11.0.0.0/24", {"r1": 50, "r2": None, "r3": None}),
    ("12.0.0.0/24", {"r1": None, "r2": 60, "r3": None}),       # of the state, not of the country
    ("13.0.0.0/24", {"r1": None, "r2": None, "r3": None})])
def test_latency_is_of_a_prefix_then_a_country_then_the_distance(subnet, milliseconds):
    locations = located("10.0.0.0/8,,,,0,0\n10.1.0.0/16,,,,0,10\n11.0.0.0/8,,US,CA,,\n"
                        "12.0.0.0/8,,US,NY,,", regions=REGIONS, latency=LATENCY)
    client = Client("192.0.2.1", subnet, locations)
    expected = {region: ms and round(ms * 1000) for region, ms in milliseconds.items()}
    for region, microseconds_of in expected.items():
        found = client.latency(region)
        assert found == microseconds_of or abs(found - microseconds_of) <= 1, region


def test_unknown_latency_goes_last_and_ties_by_name():
    groups = {"www": "@r3 .3 [-], @r1 .1 [-], @r2 .2 [-]"}
    rows = "client,region,ms\n10.0.0.0/8,r3,5\n11.0.0.0/8,r3,5\n11.0.0.0/8,r2,5.000\n"
    locations = located(latency=rows)
    for subnet, permitted in (("10.0.0.0/8", ".3"), ("11.0.0.0/8", ".2"), ("12.0.0.0/8", ".1")):
        hold(ask(groups, subnet=subnet, locations=locations), permitted)


def test_china_goes_to_its_own_region():
    groups = {"www": "@cn-north-1 .1 [{}], @ap-east-1 .2 [H]"}
    locations = located("10.0.0.0/8,,CN,,,\n11.0.0.0/8,,JP,,,",
                        latency="client,region,ms\nCN,ap-east-1,1\nJP,cn-north-1,5\n")
    for state, subnet, permitted in (("H", "10.0.0.0/8", ".1"), ("U", "10.0.0.0/8", ".2"),
                                     ("H", "12.0.0.0/8", ".2"), ("H", "11.0.0.0/8", ".1")):
        hold(ask({"www": groups["www"].format(state)}, subnet=subnet, locations=locations),
             permitted)


def proximity(*places):
    """Record sets named a, b ... with the values .1, .2 ..."""
    listed = [{"Name": f"www.{ORIGIN}", "Type": "A", "SetIdentifier": chr(97 + n), "TTL": 30,
               "ResourceRecords": [{"Value": f"192.0.2.{n + 1}"}], "GeoProximityLocation": place}
              for n, place in enumerate(places)]
    return Zone(ORIGIN, tuple(map(record_set, listed)))


@pytest.mark.parametrize("client, bias, permitted", [
    ("10.0.0.1", "current", ".2"), ("10.0.0.1", "2022", ".3"), ("11.0.0.1", "current", ".1"),
    ("12.0.0.1", "current", ".1")])
def test_geoproximity(client, bias, permitted):
    # 10.0.0.1 is 10 degrees from r2, 17 from the coordinates; -60 makes 16 of it, or 25.
    zone = proximity({"AWSRegion": "nowhere", "Bias": 99}, {"AWSRegion": "r2", "Bias": -60},
                     {"Coordinates": {"Latitude": "0", "Longitude": "-17"}})
    locations = located("10.0.0.0/8,,,,0,0\n11.0.0.0/8,,US,,,", regions=REGIONS,
                        settings={"geoproximity_bias": bias})
    hold(answers(zone, f"www.{ORIGIN}", "A", Client(client, None, locations), {}), permitted)


def test_distances_that_are_equal_are_told_apart_by_the_identifier():
    # Half of 52 degrees is 26 degrees, but not to the last bit of their sines.
    places = ({"Coordinates": {"Latitude": "0", "Longitude": "26"}},
              {"Coordinates": {"Latitude": "0", "Longitude": "52"}, "Bias": 50})
    locations = located("10.0.0.0/8,,,,0,0")
    for order in (places, places[::-1]):
        hold(answers(proximity(*order), f"www.{ORIGIN}", "A",
                     Client("10.0.0.1", None, locations), {}), ".1")


def test_distances_are_of_the_great_circle():
    assert distance_km((0, 0), (0, 180)) == pytest.approx(20015.115)
    assert distance_km((90, 0), (-90, 55)) == pytest.approx(20015.115)
    assert distance_km((50.0359, -5.4253), (58.3838, -3.0412)) == pytest.approx(940.947, abs=0.01)
    assert distance_km((10, 179.75), (10, -179.75)) < 56


@pytest.mark.parametrize("subnet, permitted", [
    ("10.1.2.0/24", ".2"), ("10.1.0.0/16", ".2"), ("10.0.0.0/15", ".1"), ("10.1.3.0/24", ".9"),
    ("10.0.0.0/7", ".9"), ("2001:db8:1::/48", ".1"), ("2001:db8::/32", ".9"), ("0.0.0.0/0", ".9")])
def test_the_longest_block_wins_over_the_whole_collection(subnet, permitted):
    blocks = [("10.0.0.0/8", "one"), ("10.1.0.0/16", "two"), ("10.1.3.0/24", "not in the group"),
              ("2001:db8::/47", "one")]
    locations = located(collections={"c": blocks})
    hold(ask({"www": "ip c/one .1 [-], ip c/two .2 [-], ip c/* .9 [-]"}, subnet=subnet,
             locations=locations), permitted)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "2001:db8::/65", "10.0.0.0/33", "x"])
def test_prefixes_that_are_none_are_refused(text):
    with pytest.raises(ValueError):
        network(text)


def test_milliseconds_have_three_decimals():
    assert [microseconds(one) for one in ("0", "20.5", "0.001", "60000")] == [0, 20500, 1, 60000000]
    for text in ("60000.001", "1.0001", "-1", ""):
        with pytest.raises(ValueError):
            microseconds(text)


# ---- files and forms ------------------------------------------------------------------------


def test_record_sets_of_route_53_come_back_as_they_were():
    given = record_sets(ALL[66].groups | {"p": "=>www/Y [-]"}, ORIGIN, "ZCASE")
    assert [item(record_set(one)) for one in given] == given
    with pytest.raises(ValueError):
        record_set({"Name": "a.", "Type": "A", "Wieght": 1})


def test_multi_value_answer_false_is_no_policy():
    zone = from_json(json.dumps({"ResourceRecordSets": [
        {"Name": "www.case.test", "Type": "AAAA", "TTL": 5, "MultiValueAnswer": False,
         "ResourceRecords": [{"Value": "2001:DB8:0::1"}]}]}), ORIGIN)
    assert answers(zone, "WWW.case.test", "AAAA", Client("192.0.2.1"), {}) == {
        Answer(5, frozenset(["2001:db8::1"])): 1}
    with pytest.raises(ValueError):
        answers(zone, "www.case.test", "ANY", Client("192.0.2.1"), {})


def test_the_case_files_survive_being_written(tmp_path):
    (tmp_path / "node.toml").write_text(FILES.write(tmp_path))
    assert Locations.from_toml(tmp_path / "node.toml") == FILES.locations()
