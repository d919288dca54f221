"""Random zones that are good for every server: wildcards, empty non-terminals, delegations with and
without glue, children served beside their parents, CNAME and DNAME chains and loops, big rrsets,
odd labels; and the questions that each of them makes interesting. The same seed gives the same.
"""

import random

# Few, so that they meet each other.
LABELS = ("a", "b", "c", "www", "x-1", "_tcp", "0", "under_score", "MiXed", "z" * 63, "\\000",
          "\\.dot", "\\255\\192", "sp\\032ace")
LONGEST = 240  # characters, no fewer than octets
TTLS = (0, 30, 60, 300, 3600)
OUTSIDE = ("host.other.invalid.", "ns.example.net.")
DATA = ("A", "AAAA", "TXT", "MX", "SRV", "TYPE65280", "CAA", "HTTPS", "SVCB", "PTR", "NAPTR",
        "TLSA", "SSHFP", "LOC", "URI", "HINFO", "AFSDB", "RP")
TYPES = (*DATA, "NS", "SOA", "CNAME", "DS", "DNAME", "ANY", "DNSKEY", "NSEC", "RRSIG", "NSEC3PARAM",
         "CDS", "TYPE65535")
# Asked for more often than the others.
COMMON = ("A", "AAAA", "TXT", "NS", "SOA", "CNAME", "DS", "ANY", "MX")


class Zone:
    """One zone: `text` is its master file; `names` are its owners, relative ("@" is the origin)."""

    def __init__(self, seed, origin, dice=None, depth=0):
        self.dice = dice or random.Random(seed)
        self.origin, self.depth = origin, depth
        self.records = {}  # owner -> [(ttl, type, rdata)]
        self.cuts, self.dnames, self.children = {}, set(), []
        self.add("@", "SOA", "ns1 hostmaster 1 7200 900 1209600 "
                 f"{self.dice.choice((0, 60, 7200))}", 3600)
        self.add("@", "NS", "ns1", 3600)
        self.add("ns1", "A", self.address(), 3600)
        if self.dice.random() < 0.5:
            self.add("@", "NS", self.dice.choice(OUTSIDE), 3600)
        for make in self.dice.choices(
                (self.plain, self.wildcard, self.alias, self.cut, self.dname, self.big, self.child),
                weights=(8, 3, 5, 3, 2, 1, 1), k=self.dice.randrange(3, 18)):
            make()

    # ---- its names ------------------------------------------------------------------------------

    def address(self):
        return f"192.0.2.{self.dice.randrange(1, 255)}"

    def owner(self, labels=None):
        """A name of one to four labels, some of which may exist, with room for a few labels below
        it."""
        while True:
            count = labels or self.dice.choice((1, 1, 1, 2, 2, 3, 4))
            made = ".".join(self.dice.choice(LABELS) for _ in range(count))
            if len(made) + len(self.origin) < LONGEST:
                return made

    @staticmethod
    def above(owner):
        """The owner and what it lies below, but for the origin. Escaped dots are no ends."""
        labels, start = [], 0
        for at, octet in enumerate(owner):
            if octet == "." and owner[at - 1] != "\\":
                labels.append(owner[start:at])
                start = at + 1
        labels.append(owner[start:])
        return [".".join(labels[n:]).lower() for n in range(len(labels))]

    def is_free(self, owner, for_data=True):
        """Whether records may stand there: not at or below a cut or DNAME."""
        lines = self.above(owner)
        if any(one in self.cuts for one in lines) or any(one in self.dnames for one in lines[1:]):
            return False
        kinds = {kind for _, kind, _ in self.records.get(lines[0], ())}
        return "CNAME" not in kinds and (for_data or not kinds) and owner != "@"

    def is_empty(self, owner):
        """Nothing at or below it."""
        low = owner.lower()
        return not any(one == low or one.endswith("." + low) for one in self.records)

    def add(self, owner, kind, rdata, ttl=None):
        listed = self.records.setdefault(owner.lower(), [])
        ttl = next((old for old, other, _ in listed if other == kind),
                   self.dice.choice(TTLS) if ttl is None else ttl)
        if (ttl, kind, rdata) not in listed:
            listed.append((ttl, kind, rdata))

    def some_target(self):
        """A name to point at: of this zone, missing in it, or elsewhere."""
        known = [one for one in self.records if one != "@"]
        return self.dice.choice((self.owner(), self.dice.choice(known), self.dice.choice(known),
                                 self.dice.choice(OUTSIDE), "@"))

    # ---- what it may have -----------------------------------------------------------------------

    def data(self, owner):
        dice = self.dice
        for kind in dice.sample((*DATA, "A", "A", "AAAA", "TXT", "MX"), dice.choice((1, 1, 2, 3))):
            for _ in range(dice.choice((1, 1, 2, 4))):
                self.add(owner, kind, {
                    "A": self.address(), "AAAA": f"2001:db8::{dice.randrange(1, 0xffff):x}",
                    "TXT": f'"text {dice.randrange(100)}" ""',
                    "MX": f"{dice.randrange(3)} {self.some_target()}",
                    "SRV": f"0 {dice.randrange(3)} 53 {self.some_target()}",
                    "TYPE65280": f"\\# 3 0a0b{dice.randrange(256):02x}",
                    "CAA": f'0 issue "ca{dice.randrange(9)}.example"',
                    "HTTPS": f"{dice.randrange(1, 9)} . alpn=h2",
                    "SVCB": f"{dice.randrange(1, 9)} {self.some_target()} port=53",
                    "PTR": self.some_target(),
                    "NAPTR": f'{dice.randrange(9)} 0 "S" "SIP+D2U" "" {self.some_target()}',
                    "TLSA": f"3 1 1 {dice.randrange(1 << 64):016x}{'cd' * 24}",
                    "SSHFP": f"4 2 {dice.randrange(1 << 64):016x}{'ef' * 24}",
                    "LOC": f"{dice.randrange(90)} 0 0.000 N 8 0 0.000 E 10.00m 1m 10000m 10m",
                    "URI": f'{dice.randrange(9)} 1 "https://{dice.randrange(99)}.example/"',
                    "HINFO": f'"cpu {dice.randrange(9)}" "os"',
                    "AFSDB": f"{dice.randrange(3)} {self.some_target()}",
                    "RP": f"{self.some_target()} {self.some_target()}"}[kind])

    def plain(self):
        owner = self.owner()
        if self.is_free(owner):
            self.data(owner)

    def wildcard(self):
        owner = "*" if self.dice.random() < 0.2 else "*." + self.owner()
        if self.is_free(owner):
            if self.dice.random() < 0.3 and self.is_free(owner, for_data=False):
                self.add(owner, "CNAME", self.some_target())
            else:
                self.data(owner)

    def alias(self):
        """A CNAME, or a chain of them that may end in itself."""
        names = [self.owner() for _ in range(self.dice.choice((1, 1, 2, 4)))]
        last = self.dice.choice((names[0], self.some_target()))
        for owner, target in zip(names, [*names[1:], last]):
            if self.is_free(owner, for_data=False):
                self.add(owner, "CNAME", target)

    def cut(self):
        owner = self.owner()
        if not self.is_free(owner, for_data=False) or not self.is_empty(owner):
            return None
        inside = self.dice.random() < 0.7
        for n in range(self.dice.choice((1, 2))):
            server = f"ns{n}.{owner}" if inside else self.dice.choice(OUTSIDE)
            self.add(owner, "NS", server, 3600)
            if inside:
                self.add(server, "A", self.address(), 3600)
                if self.dice.random() < 0.5:
                    self.add(server, "AAAA", "2001:db8::53", 3600)
        if self.dice.random() < 0.3:
            self.add(owner, "DS", "1 13 2 " + "ab" * 32, 3600)
        self.cuts[owner.lower()] = True
        return owner

    def child(self):
        # Configuration files have their own ways with backslashes.
        if self.depth < 2 and (owner := self.cut()) and "\\" not in owner and \
                len(owner) + len(self.origin) < LONGEST / 2:
            self.children.append(Zone(None, f"{owner}.{self.origin}", self.dice, self.depth + 1))

    def dname(self):
        owner = self.owner()
        if self.is_free(owner, for_data=False) and self.is_empty(owner):
            self.add(owner, "DNAME", self.some_target())
            self.dnames.add(owner.lower())

    def big(self):
        owner = self.owner()
        if self.is_free(owner):
            for n in range(self.dice.choice((12, 30, 90))):
                self.add(owner, "TXT", f'"{n} {"." * 90}"')

    # ---- all of it ------------------------------------------------------------------------------

    def all(self):
        yield self
        for child in self.children:
            yield from child.all()

    def text(self):
        lines = [f"$ORIGIN {self.origin}.\n"]
        lines += [f"{owner} {ttl} IN {kind} {rdata}\n"
                  for owner, records in self.records.items() for ttl, kind, rdata in records]
        return "".join(lines)

    def names(self):
        """Absolute: all owners, what lies above, below and beside them."""
        found = {f"{self.origin}."}
        for owner in self.records:
            full = "" if owner == "@" else owner + "."
            for one in self.above(owner) if full else ():
                found.add(f"{one}.{self.origin}.")
            if len(self.above(owner)) < 6:
                found.add(f"q.{full}{self.origin}.")
                found.add(f"a.q.{full}{self.origin}.")
                found.add(f"*.{full}{self.origin}.")
        return sorted(found)

    def questions(self, most):
        """(name, type, EDNS size or 0, DO): at most so many, a third in letters of either case."""
        every = [(name, kind) for name in self.names() for kind in (*TYPES, *COMMON, *COMMON)]
        for name, kind in self.dice.sample(every, min(most, len(every))):
            if self.dice.random() < 0.33:
                name = "".join(self.dice.choice((one, one.upper())) for one in name)
            size = self.dice.choice((0, 0, 512, 1232, 4096))
            yield name, kind, size, bool(size) and self.dice.random() < 0.5
