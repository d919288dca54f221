"""Whether the scope of an EDNS Client Subnet reply is sound: nobody whom a cache may give the reply
to would have been permitted other answers. It may be longer than it need be; that is not judged.
"""

import ipaddress
import random

from evaluator import answers, match
from locations import Client
from zone import labels

ASKING = {"latency", "geolocation", "geoproximity", "ip-based"}


def scope_is_sound(zone, qname, qtype, client, scope, samples=64, snapshots=None):
    return counterexample(zone, qname, qtype, client, scope, samples, snapshots) is None


def counterexample(zone, qname, qtype, client, scope, samples=64, snapshots=None):
    """(another client, health) with other permitted answers, or None.
    @param scope    bits, of IPv4 or IPv6 as the client's subnet is.
    @param samples  addresses to try, or how many random ones; the edges of every prefix in the
                    location files are tried besides.
    @param snapshots  states of health; left out: some of the zone's checks."""
    if client.prefix is None:
        return None  # kept for those alone who do not tell either
    if snapshots is None:
        snapshots = some_snapshots(zone)
    for other in clients_inside(client, scope, samples):
        for health in snapshots:
            if answers(zone, qname, qtype, other, health) != \
                    answers(zone, qname, qtype, client, health):
                return other, health
    return None


def may_ask(zone, qname, qtype):
    """Whether a policy that asks the client may have a say in a reply, whatever health and draws
    choose. Where none may, the scope is 0; else it is the same for all that may be chosen."""
    todo, seen = groups_at(zone, labels(qname), qtype), set()
    while todo:
        key, asked = todo.pop()
        if (key, asked) in seen:
            continue
        seen.add((key, asked))
        group = zone.groups[key]
        if group[0].policy in ASKING:
            return True
        if group[0].policy != "simple":
            asked = None  # one rule for all that may be asked for
        for record in group:
            if record.AliasTarget is not None:
                todo += [(record.target, asked)] if record.target in zone.groups else []
            elif key[1] == "MX":
                targets = {labels(value.split(" ")[1]) for value in record.values}
                todo += [((name, rrtype), asked) for name in targets for rrtype in ("A", "AAAA")
                         if (name, rrtype) in zone.groups]
            elif key[1] == "CNAME" != asked:
                todo += groups_at(zone, labels(*record.values), asked)
    return False


def groups_at(zone, name, rrtype):
    """[(key, type)] of what answers for a name and a type, or for any (None)."""
    apex = labels(zone.origin)
    owner = match(zone, name) if name[-len(apex):] == apex else None
    found = [key for key in zone.groups
             if key[0] == owner and (rrtype is None or key[1] == rrtype)]
    if not found and (owner, "CNAME") in zone.groups:
        found = [(owner, "CNAME")]
    return [(key, rrtype) for key in found]


def some_snapshots(zone, count=4, seed=0):
    """All healthy, none healthy, and random ones."""
    dice = random.Random(seed)
    return [{check: True for check in zone.checks}, {check: False for check in zone.checks},
            *({check: dice.random() < 0.5 for check in zone.checks} for _ in range(count - 2))]


def clients_inside(client, scope, samples, most=None):
    """Those a cache gives the reply to: every subnet inside the scope, longer and shorter than the
    one asked with. A scope beyond what was asked keeps it for just that subnet (RFC 7871 7.3.1).
    @param most  so many of the addresses that would be tried; None: all."""
    asked = client.prefix
    if scope > asked.prefixlen:
        return [client]
    network = asked.supernet(new_prefix=scope)
    dice = random.Random(scope)
    if isinstance(samples, int):
        samples = [network[dice.randrange(network.num_addresses)] for _ in range(samples)]
    tried = [ipaddress.ip_address(one) for one in samples]
    tried += edges(client.locations, network)
    if most is not None:
        tried = dice.sample(tried, min(most, len(tried)))
    found = []
    for address in tried:
        any_length = dice.randint(max(1, scope), asked.max_prefixlen)
        for length in {asked.prefixlen, any_length, asked.max_prefixlen}:
            subnet = ipaddress.ip_network((address, length), strict=False)
            if client.ecs is None:
                found.append(Client(str(address), None, client.locations))
            else:
                found.append(Client(client.address, str(subnet), client.locations))
    return found


def edges(locations, network):
    """First and last address of every prefix in the location files, and the ones outside them,
    as far as they lie in the network."""
    found = set()
    for one in locations.networks():
        if one.version == network.version:
            first, last = int(one.network_address), int(one.broadcast_address)
            found |= {first - 1, first, last, last + 1}
    start = int(network.network_address)
    return [network[at - start] for at in sorted(found) if 0 <= at - start < network.num_addresses]
