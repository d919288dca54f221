"""The evaluator against the walker on generated zones: nothing is drawn that the evaluator does not
permit, and everything about as often as it says.
"""

import random
from collections import Counter
from fractions import Fraction

import pytest
from draws import drawn_as, hold_to_share
from evaluator import AnyOf, answers
from json_zone import from_json, to_json
from location_files import random_clients, random_files
from locations import Locations
from rules import faults
from scope import scope_is_sound
from trees import alias_steps, random_health, random_queries, random_tree
from walker import Walker
from zone import name_text

TREES = 320
GROUPS_OF_TREES = 16
DRAWS = 2000
LOCATION_POLICIES = ("latency", "geolocation", "geoproximity", "ip-based")


def made(seed):
    dice = random.Random(seed)
    files = random_files(dice)
    return dice, files, random_tree(dice, files.locations(), origin=f"t{seed}.test")


def hold_to_walker(dice, outcome, walker, qname, qtype):
    if isinstance(outcome, str):
        outcome = {outcome: Fraction(1)}
    assert sum(outcome.values()) == 1 and min(outcome.values()) > 0
    draws = Counter()
    values = Counter()
    certain = len(outcome) == 1 and not isinstance(next(iter(outcome)), AnyOf)
    total = 20 if certain else DRAWS
    known = {}
    for _ in range(total):
        draw = walker.draw(dice, qname, qtype)
        if draw not in known:
            known[draw] = drawn_as(outcome, draw)
            assert known[draw] is not None, (draw, outcome)
        draws[known[draw]] += 1
        if isinstance(known[draw], AnyOf):
            values.update((known[draw], value) for value in draw[1][1])
    for answer, share in outcome.items():
        hold_to_share(draws[answer], total, float(share), answer)
        if isinstance(answer, AnyOf):
            for value in answer.values:
                hold_to_share(values[answer, value], draws[answer],
                              answer.take / len(answer.values), value)


@pytest.mark.parametrize("part", range(GROUPS_OF_TREES))
def test_draws_are_as_the_evaluator_says(part):
    for seed in range(part, TREES, GROUPS_OF_TREES):
        dice, files, tree = made(seed)
        for client in random_clients(dice, files.locations(), 3):
            health = random_health(dice, tree)
            walker = Walker(tree.zone, client, health)
            for qname, qtype in random_queries(dice, tree.zone, 4):
                outcome = answers(tree.zone, qname, qtype, client, health)
                try:
                    hold_to_walker(dice, outcome, walker, qname, qtype)
                except AssertionError as error:
                    error.add_note(f"seed {seed}: {qname} {qtype} from {client.prefix}")
                    raise


def test_generated_zones_are_valid_and_survive_their_json():
    policies, heights, sizes = Counter(), [], []
    for seed in range(TREES):
        _, files, tree = made(seed)
        assert faults(tree.zone, files.locations()) == [], seed
        again = from_json(to_json(tree.zone), tree.zone.origin, tree.zone.id)
        assert again == tree.zone
        policies.update(group[0].policy for group in tree.zone.groups.values())
        heights.append(max(alias_steps(tree.zone, key) for key in tree.zone.groups))
        sizes += [len(group) for group in tree.zone.groups.values()]
    assert min(policies.values()) > 100 and len(policies) == 8, policies
    assert max(heights) == 16 and sorted(heights)[TREES // 2] < 8, Counter(heights)
    assert max(sizes) > 50


def test_generated_location_files_survive_being_written(tmp_path):
    for seed in range(20):
        files = random_files(random.Random(seed))
        (tmp_path / "node.toml").write_text(files.write(tmp_path))
        assert Locations.from_toml(tmp_path / "node.toml") == files.locations()


def test_of_a_sound_scope_every_longer_one_is_sound():
    """And one bit beyond what was asked always is; how often each kind comes is looked at too."""
    kinds = Counter()
    for seed in range(30):
        dice, files, tree = made(seed)
        client = random_clients(dice, files.locations(), 1)[0]
        located = [(name_text(name), rrtype) for (name, rrtype), group in tree.zone.groups.items()
                   if group[0].policy in LOCATION_POLICIES]
        qname, qtype = dice.choice(located or random_queries(dice, tree.zone, 1))
        bits = client.prefix.prefixlen
        tried = sorted({0, bits // 2, bits - 1, bits, bits + 1})
        sound = [scope_is_sound(tree.zone, qname, qtype, client, scope, 8) for scope in tried]
        assert sound == sorted(sound) and sound[-1], (seed, client, tried, sound)
        kinds["everywhere" if sound[0] else "asked" if sound[-2] else "beyond"] += 1
    assert len(kinds) == 3, kinds
