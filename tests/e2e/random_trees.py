"""A node that serves some hundred random zones of tests/oracle, one tree of record sets each, and
what it says of them held to the reference evaluator: every share by `explain`, every reply of the
wire. Health comes from checks of real endpoints.
"""

import contextlib
import random
import shutil
import socket
from collections import Counter

import fast_client
from asking import ZONE, Control, client_text, explained, packet
from draws import drawn_as, is_near_share
from endpoints import Endpoint
from evaluator import AnyOf
from holdfast_node import ADDRESSES, Check, Node
from json_zone import item
from location_files import random_clients, random_files
from locations import Client
from replies import Judge, Question, read
from scope import may_ask, some_snapshots
from trees import random_queries, random_tree

CHECKS = 8  # as many as random trees name
QUESTIONS = 4  # of each tree
EACH = 3  # queries for each question in each state of health
SOURCES = 12  # addresses of this machine to ask from without a subnet


class Batch:
    """Trees of one node, with files of location and clients of their own.
    @param folder  to be made, and removed at the end.
    counts: trees, explains, queries; differences: sentences."""

    def __init__(self, folder, seed, trees):
        self.folder, self.seed, self.dice = folder, seed, random.Random(seed)
        self.counts, self.differences = Counter(trees=trees), []
        self.files = random_files(self.dice)
        locations = self.files.locations()
        self.checks = [f"check-{number}" for number in range(CHECKS)]
        self.health = {check: self.dice.random() < 0.6 for check in self.checks}
        self.ordered = set()  # checks that are set by command
        self.zones = [self.make_zone(number, locations) for number in range(trees)]
        self.judges = [Judge(zone) for zone in self.zones]
        self.sources = sorted({self.source(locations) for _ in range(SOURCES)}) + ["::1"]
        self.questions = []  # (zone's number, Question)
        for number, zone in enumerate(self.zones):
            clients = self.clients(locations)
            for name, rrtype in random_queries(self.dice, zone, QUESTIONS):
                self.questions.append(
                    (number, Question(name, rrtype, self.dice.choice(clients))))
        self.packets = [packet(question) for _, question in self.questions]
        self.known = {}  # (question's number, reply): Reply
        self.scopes = {}  # question's number: scopes
        self.told = {}  # question's number: the scope that explain told last

    def make_zone(self, number, locations):
        origin = f"t{number:04}.test"
        return random_tree(self.dice, locations, origin, Node.zone_id(origin)).zone

    def source(self, locations):
        """An address of this machine's loopback, most in a prefix that some file names."""
        inside = [one for one in locations.networks() if one.version == 4 and
                  one.network_address.is_loopback and 8 < one.prefixlen < 31]
        if not inside or self.dice.random() < 0.2:
            return f"127.{self.dice.randrange(1, 255)}.7.9"
        network = self.dice.choice(inside)  # its ends may be of the whole loopback: no addresses
        return str(network[self.dice.randrange(1, network.num_addresses - 1)])

    def clients(self, locations):
        """Most with a subnet, of both families; those without ask from here."""
        found = [one for one in random_clients(self.dice, locations, 4) if one.ecs]
        found += [Client(self.dice.choice(self.sources), None, locations)]
        if self.dice.random() < 0.2:
            found.append(Client("127.0.0.1", self.dice.choice(["0.0.0.0/0", "::/0"]), locations))
        return found

    # ---- its node ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def serving(self):
        self.folder.mkdir(mode=0o755)
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.ends = {check: stack.enter_context(contextlib.closing(
                Endpoint(mode="pass" if healthy else "fail")))
                         for check, healthy in self.health.items()}
            zones = {zone.origin: (ZONE.format(origin=zone.origin),
                                   [item(one) for one in zone.record_sets])
                     for zone in self.zones}
            self.node = stack.enter_context(contextlib.closing(Node(
                self.folder, zones, [Check(name, end, interval_ms=100, fall=8)
                                     for name, end in self.ends.items()],
                size="64M", tail=self.files.write(self.folder))))
            self.node.start()
            self.control = stack.enter_context(Control(self.node))
            self.node.await_checks(**{check: self.word(check) for check in self.checks})
            self.ways = {source: stack.enter_context(self.way(source)) for source in self.sources}
            yield self

    def word(self, check):
        return "healthy" if self.health[check] else "unhealthy"

    def way(self, source):
        def bound(family, kind):
            made = socket.socket(family, kind)
            made.bind((source, 0))
            return made
        return fast_client.Client(ADDRESSES[":" in source], self.node.port, bound)

    # ---- what it says ------------------------------------------------------------------------

    def ask(self, numbers):
        """Asks questions by their numbers; gives (number, reply)."""
        by_source = {}
        for number in numbers:
            client = self.questions[number][1].client
            source = client.address if client.ecs is None else self.sources[number % 3 - 1]
            by_source.setdefault(source, []).append(number)
        for source, some in by_source.items():
            for at, reply in self.ways[source].ask([self.packets[one] for one in some]):
                self.counts["queries"] += 1
                yield some[at], reply

    def compare(self):
        """In a state of health that stands."""
        generation = self.control.ask(op="status")["generation"]
        for number in range(len(self.questions)):
            self.compare_explained(number)
        seen = set(self.ask(EACH * list(range(len(self.questions)))))
        for number, reply in seen:
            self.judge(number, reply, [self.health])
        now = self.control.ask(op="status")["generation"]
        assert now == generation, f"health changed by itself, {generation} to {now}"

    def compare_explained(self, number):
        at, question = self.questions[number]
        said = self.control.ask(op="explain", name=question.name, type=question.type,
                                client=client_text(question.client))
        self.counts["explains"] += 1
        expected = self.judges[at].own(question, self.health)
        if explained(said) != expected:
            self.differ(number, f"explained {explained(said)}, expected {expected}")
        self.told[number] = said.get("client", {"scope": 0})["scope"]

    def judge(self, number, reply, states):
        """A reply must be permitted by one of the states, all of it."""
        at, question = self.questions[number]
        try:
            if (number, reply) not in self.known:
                self.known[number, reply] = self.read(number, reply)
        except ValueError as error:
            self.differ(number, str(error))
            return
        faults = [self.judges[at].fault(question, self.known[number, reply], health)
                  for health in states]
        if all(faults):
            self.differ(number, " and ".join(faults))

    def read(self, number, reply):
        """A reply that is new; its scope is looked at, by states of health of all kinds."""
        at, question = self.questions[number]
        found = read(reply, question)
        scopes = self.scopes.setdefault(number, set())
        if found.scope not in scopes:
            scopes.add(found.scope)
            fault = self.judges[at].scope_fault(question, found, some_snapshots(self.zones[at], 3))
            if fault:
                self.differ(number, fault)
            if len(scopes) > 1:
                self.differ(number, f"scopes {scopes} of one question")
            if found.scope not in (None, self.told[number]):
                self.differ(number, f"scope {found.scope}, explained {self.told[number]}")
            if found.scope and not may_ask(self.zones[at], question.name, question.type):
                self.differ(number, f"scope {found.scope}, but nothing asks the client")
        return found

    def differ(self, number, what):
        _, question = self.questions[number]
        self.differences.append(
            f"seed {self.seed}: {question.name} {question.type} of {question.client.ecs or ''} "
            f"from {question.client.address}, health {self.health}: {what}")

    # ---- while health changes ----------------------------------------------------------------

    def flip(self):
        """One check changes, by its endpoint or by command. What is answered meanwhile must be of
        the state before or of the one after."""
        check, asked = self.dice.choice(self.checks), self.counts["queries"]
        before, self.health = self.health, self.health | {check: not self.health[check]}
        if check in self.ordered or self.dice.random() < 0.3:
            self.ordered.add(check)
            self.control.send(op="health_set", check=check, to=self.word(check))
            seen = set(self.ask(range(len(self.questions))))
            self.control.receive()
        else:
            self.ends[check].set("pass" if self.health[check] else
                                 self.dice.choice(["fail", "refuse"]))
            seen = set()
            while self.node.check_states().get(check) != self.word(check):
                seen |= set(self.ask(range(len(self.questions))))
        for number, reply in seen:
            self.judge(number, reply, [before, self.health])
        self.counts["flips"] += 1
        self.counts["meanwhile"] += self.counts["queries"] - asked

    # ---- how often ---------------------------------------------------------------------------

    def compare_frequencies(self, trees, queries):
        """Of as many trees that draw, as there are."""
        drawing = {}
        for number, (at, question) in enumerate(self.questions):
            outcome = self.judges[at].outcome(question, self.health)
            if len(outcome) > 1 or isinstance(next(iter(outcome)), AnyOf):
                drawing.setdefault(at, number)
        for number in self.dice.sample(list(drawing.values()), min(trees, len(drawing))):
            self.count_draws(number, queries)
            self.counts["frequencies"] += 1

    def count_draws(self, number, queries):
        at, question = self.questions[number]
        outcome = self.judges[at].outcome(question, self.health)
        replies = Counter(reply for _, reply in self.ask([number] * queries))
        draws, values = Counter(), Counter()
        for reply, count in replies.items():
            found = read(reply, question)
            answer = drawn_as(outcome, (found.links, found.end))
            if answer is None:
                self.differ(number, f"{found} is none of {list(outcome)}")
                return
            draws[answer] += count
            if isinstance(answer, AnyOf):
                values.update({(answer, value): count for value in found.end[1]})
        for answer, share in outcome.items():
            if not is_near_share(draws[answer], queries, float(share)):
                self.differ(number, f"{draws[answer]} of {queries}, share {share}: {answer}")
            if isinstance(answer, AnyOf):
                for value in answer.values:
                    part = answer.take / len(answer.values)
                    if not is_near_share(values[answer, value], draws[answer], part):
                        self.differ(number, f"{value} {values[answer, value]} times")
