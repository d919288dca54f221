"""One check flips hundreds of times under load. Its records stand in many forms of answer, and all
of them are of one state: no reply mixes two, and once a state was seen, or its flip acknowledged,
no query that is sent afterwards gets an older one, over any way in. Prints "FAULT A1 ...".

HOLDFAST_FLIPS says how many orders, besides what probes find; `tools/test --long` takes 100,000.
The first ones come one at a time; from then on a burst of them is under way together.
"""

import json
import os
import select
import socket
import struct
import tempfile
import time

import dns.message
import dns.rdatatype
import pytest
from fast_client import packet
from holdfast_node import ADDRESSES, Check, needs_programs
from watch import report

pytestmark = needs_programs

ORIGIN = "flip.test"
PAIRS = range(4)
ZONE = f"""$ORIGIN {ORIGIN}.
$TTL 60
@     IN SOA   ns.example.net. hostmaster.example.net. 1 7200 900 1209600 60
@     IN NS    ns.example.net.
alias IN CNAME f2
""" + "".join(f"mx IN MX {number} f{number}\n" for number in PAIRS)


def record_set(name, identifier, last, check=None, **more):
    made = {"Name": f"{name}.{ORIGIN}.", "Type": "A", "SetIdentifier": identifier, "TTL": 20,
            "ResourceRecords": [{"Value": f"198.51.100.{last}"}], **more}
    return {**made, "HealthCheckId": check} if check else made


RECORD_SETS = [
    *(record_set(f"f{number}", "p", 10 + number, "c", Failover="PRIMARY") for number in PAIRS),
    *(record_set(f"f{number}", "s", 20 + number, Failover="SECONDARY") for number in PAIRS),
    record_set("mv", "1", 31, "c", MultiValueAnswer=True),
    record_set("mv", "2", 32, "c", MultiValueAnswer=True),
    record_set("mv", "3", 33, MultiValueAnswer=True),
    record_set("w", "1", 41, "c", Weight=1),
    record_set("w", "2", 42, Weight=0),
]
# Of each query, the last octets of all addresses of a whole reply: healthy, unhealthy.
STATES = {
    **{(f"f{number}", "A"): ({10 + number}, {20 + number}) for number in PAIRS},
    ("mx", "MX"): ({10 + number for number in PAIRS}, {20 + number for number in PAIRS}),
    ("alias", "A"): ({12}, {22}), ("mv", "A"): ({31, 32, 33}, {33}), ("w", "A"): ({41}, {42})}
QUERIES = list(STATES)
WINDOW = 16  # under way on each socket
SETTLED = 40  # answers of a state before the next flip
FLIPS = int(os.environ.get("HOLDFAST_FLIPS", "600"))
SINGLE, BURST = 400, 20  # flips that come one at a time; then so many together
PROBED = 12  # flips by the endpoint


class Way:
    """A socket of the client; over UDP or TCP replies come back with their ids."""

    def __init__(self, address, port, tcp):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        self.socket.connect((address, port))
        self.socket.setblocking(False)
        self.tcp, self.asked, self.seen, self.under_way, self.rest = tcp, 0, 0, {}, b""

    def send(self, query, low):
        """@param low  the oldest state that may answer."""
        ident = self.asked & 0xffff
        wire = struct.pack(">H", ident) + query
        self.under_way[ident] = self.asked % len(QUERIES), low
        self.asked += 1
        assert self.socket.send(struct.pack(">H", len(wire)) + wire if self.tcp else wire)

    def replies(self):
        try:
            got = self.socket.recv(65535)
        except BlockingIOError:
            return
        if not self.tcp:
            yield got
            return
        assert got, "closed"
        self.rest += got
        while len(self.rest) >= 2 and len(self.rest) >= (end := 2 + int.from_bytes(self.rest[:2])):
            yield self.rest[2:end]
            self.rest = self.rest[end:]


class Oracle:
    """State 0 is healthy, each flip begins the next. With at most one flip under way the parity of
    an answer says which state it is of; with more, which one it is of at least."""

    def __init__(self, node, in_order):
        self.packets = [packet(f"{name}.{ORIGIN}", rrtype) for name, rrtype in QUERIES]
        self.ways = [Way(address, node.port, tcp) for address in ADDRESSES
                     for tcp in (False, False, True)]
        self.in_order = in_order  # one thread answers: nothing overtakes on a socket
        self.begun = self.published = self.floor = self.settled = 0
        self.answers, self.torn, self.old, self.known, self.took = 0, [], [], {}, []
        self.flipped_at = 0.0

    def parity(self, which, reply):
        """0 or 1; None for a reply that is of no state."""
        if (which, reply) not in self.known:
            message = dns.message.from_wire(b"\0\0" + reply)
            found = {int(item.address.rsplit(".", 1)[1])
                     for rrset in (*message.answer, *message.additional)
                     if rrset.rdtype == dns.rdatatype.A for item in rrset}
            states = STATES[QUERIES[which]]
            self.known[which, reply] = states.index(found) if found in states else None
        return self.known[which, reply]

    def judge(self, way, reply):
        which, low = way.under_way.pop(struct.unpack_from(">H", reply)[0])
        parity = self.parity(which, reply[2:])
        self.answers += 1
        if parity is None:
            self.torn.append(dns.message.from_wire(reply).to_text())
            return
        low = max(low, way.seen) if self.in_order else low
        state = low + ((parity - low) & 1)
        if state > self.begun:
            self.old.append((QUERIES[which], state - 2, low))
            return
        way.seen = max(way.seen, state)
        if state > self.floor:
            if self.flipped_at:
                self.took.append(time.monotonic() - self.flipped_at)
            self.floor, self.settled, self.flipped_at = state, 0, 0.0
        self.settled += state == self.begun

    def load(self, done, also=(), seconds=20.0):
        """Asks until done(); sockets of `also` are {socket: what to do when it can be read}."""
        deadline = time.monotonic() + seconds
        also = dict(also)
        while not done():
            for way in self.ways:
                while len(way.under_way) < WINDOW:
                    way.send(self.packets[way.asked % len(QUERIES)],
                             max(self.published, self.floor))
            ready = select.select([way.socket for way in self.ways] + list(also), [], [], 0.05)[0]
            for way in self.ways:
                if way.socket in ready:
                    for reply in way.replies():
                        self.judge(way, reply)
            for one in set(also) & set(ready):
                also[one]()
            assert time.monotonic() < deadline, (self.begun, self.floor)

    def flip(self, change, published=None, also=(), times=1):
        """Lets change(state) begin each of the next states, waits until the last is everybody's."""
        self.settled = 0
        self.flipped_at = time.monotonic() if times == 1 else 0.0
        first, self.begun = self.begun + 1, self.begun + times
        for state in range(first, self.begun + 1):
            change(state % 2)
        self.load(lambda: self.settled >= SETTLED and
                  (published is None or published() == self.begun), also)


class Orders:
    """Flips by `health set`, on one connection to control."""

    def __init__(self, node, oracle):
        self.oracle = oracle
        self.way = socket.socket(socket.AF_UNIX)
        self.way.connect(str(node.folder / "run" / "control.sock"))
        self.rest = b""

    def send(self, to):
        order = {"op": "health_set", "check": "c", "to": to}
        self.way.sendall(json.dumps(order).encode() + b"\n")

    def acknowledged(self):
        """@return how many orders that settles."""
        got = self.way.recv(65536)
        assert got, "closed"
        *lines, self.rest = (self.rest + got).split(b"\n")
        assert all(json.loads(line)["ok"] for line in lines), lines
        return len(lines)

    def published(self):
        self.oracle.published += self.acknowledged()

    def flip(self, times=1):
        self.oracle.flip(lambda state: self.send(("healthy", "unhealthy")[state]),
                         lambda: self.oracle.published, {self.way: self.published}, times)


@pytest.fixture(name="memory")
def fixture_memory():
    """An order is done when the disk has it; what counts here is how it is published."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield folder


@pytest.mark.parametrize("threads", [1, 2])
def test_A1_conf_K08_flips_under_load_are_never_seen_mixed_or_undone(memory, make_one, threads):
    endpoint = make_one.endpoint(mode="pass")
    node = make_one.node(  # a check that only an endpoint turns, not a busy machine
        {ORIGIN: (ZONE, RECORD_SETS)}, [Check("c", endpoint, fall=8)],
        tail=f"[sockets]\nthreads = {threads}\n")
    (node.folder / "state").symlink_to(memory)
    node.start()
    node.await_checks(c="healthy")
    generation = node.status()["generation"]
    oracle = Oracle(node, in_order=threads == 1)
    orders = Orders(node, oracle)
    began = time.monotonic()
    for _ in range(min(FLIPS, SINGLE)):
        orders.flip()
    while oracle.begun < FLIPS:
        orders.flip(min(BURST, FLIPS - oracle.begun))
    seconds = time.monotonic() - began
    took = sorted(one * 1e3 for one in oracle.took)
    orders.send("auto")
    while not orders.acknowledged():
        pass
    for _ in range(PROBED):  # and what probes found
        oracle.flip(lambda state: endpoint.set(("pass", "fail")[state]))
    assert oracle.torn == [] and oracle.old == [] and oracle.begun == FLIPS + PROBED
    assert node.status()["generation"] >= generation + oracle.begun  # each was published
    report("A1" if threads == 1 else "A1-threads", 0, "torn",
           f"in {oracle.answers} answers, {oracle.begun} flips, {FLIPS} in {seconds:.0f} s; "
           f"to the first changed answer p50 {took[len(took) // 2]:.2f} ms "
           f"p99 {took[len(took) * 99 // 100]:.2f} ms")
