"""Tables without room: what does not fit is refused and nothing else happens. A client watches all
answers meanwhile. Prints "FAULT A7 ...".
"""

import time

import dns.rcode
from answer_zone import ORIGIN, ZONES
from holdfast_node import ADDRESSES, Check, needs_programs, until
from watch import PLAN, Watch, report

pytestmark = needs_programs

# What the check decides may be in either state.
EITHER = {**PLAN, f"f.{ORIGIN}": [["198.51.100.1"], ["198.51.100.2"]],
          f"w.{ORIGIN}": [["198.51.100.11"], ["198.51.100.12"]],
          f"mv.{ORIGIN}": [["198.51.100.21", "198.51.100.22"], ["198.51.100.22"]]}
MOVES_MS = 2000  # 2 failed probes 50 ms apart, and a busy machine


class Filler:
    """Loads zones until nothing more goes in."""

    def __init__(self, node):
        self.node, self.loaded, self.refused = node, {}, []

    def load(self, origin, names):
        """@return whether it was taken."""
        file = self.node.folder / f"{origin}.zone"
        file.write_text(f"$ORIGIN {origin}.\n@ 60 IN SOA ns.example.net. h.example.net. "
                        f"{names} 2 3 4 5\n@ 60 IN NS ns.example.net.\n" +
                        "".join(f"n{n} 60 IN A 192.0.2.{n % 250}\n" for n in range(names)))
        done = self.node.run("zone", "load", origin, str(file))
        if done.returncode == 0:
            self.loaded[origin] = names
            return True
        assert done.returncode == 1, done
        assert "the tables are full" in done.stderr, done
        assert "raise [tables] size" in done.stderr, done
        self.refused.append(origin)
        return False

    def fill(self, most):
        """Zones of ever fewer names, then one more name in a zone that is there."""
        size = most
        while size:
            if not self.load(f"z{len(self.loaded)}x{size}.test", size):
                size //= 4
        last = next(reversed(self.loaded))
        for names in range(2, 200):
            if not self.load(last, names):
                return
        raise AssertionError("it never became full")

    def hold(self):
        """Every zone that was taken answers from its last load, no other one does."""
        for origin, names in self.loaded.items():
            assert self.node.addresses(f"n{names - 1}.{origin}") == [f"192.0.2.{(names - 1) % 250}"]
            assert self.node.ask(f"n{names}.{origin}").rcode() == dns.rcode.NXDOMAIN
        for origin in set(self.refused) - set(self.loaded):
            assert self.node.ask(f"n0.{origin}").rcode() == dns.rcode.REFUSED


def moves(node, endpoint, times):
    """@return the slowest way from a failing or recovered endpoint to the answer, ms."""
    slowest = 0.0
    for _ in range(times):
        for mode, wanted in (("fail", "198.51.100.2"), ("pass", "198.51.100.1")):
            began = endpoint.set(mode)
            until(lambda: node.addresses(f"f.{ORIGIN}") == [wanted], seconds=10)
            slowest = max(slowest, (time.monotonic() - began) * 1e3)
    return slowest


def test_A7_full_tables_refuse_a_load_and_go_on(make_one):
    endpoint = make_one.endpoint(mode="pass")
    node = make_one.node(ZONES, [Check("up", endpoint, fall=2),
                                 Check("down", make_one.endpoint(mode="fail"), fall=2)], size="2M")
    node.start()
    node.await_checks(up="healthy", down="unhealthy")
    filler = Filler(node)
    with Watch(ADDRESSES[0], node.port, EITHER) as watch:
        watch.mark("filling")
        filler.fill(4000)
        time.sleep(0.5)  # on a busy machine readers may hold what was replaced for a while
        filler.fill(400)
        filler.hold()
        watch.mark("full")
        slowest = moves(node, endpoint, 5)
        assert "transitions wait" not in node.log()
        watch.mark("restarted")
        before = node.kill("control")
        until(lambda: node.pid("control") not in (0, before) and
              node.log().count(" ready, control socket") == 2)
        node.await_checks(up="healthy", down="unhealthy")
        slowest = max(slowest, moves(node, endpoint, 2))
        filler.hold()
        assert not filler.load("again.test", 400)
        watch.mark("dropped")
        largest = max(filler.loaded, key=filler.loaded.get)
        node.call("zone", "drop", largest)
        del filler.loaded[largest]
        assert filler.load("again.test", 400)
        filler.hold()
    assert watch.total("lost") == 0
    assert slowest <= MOVES_MS
    tables = node.status()["tables"]
    assert node.stop() == 0
    node.start()  # what was refused is not in the store either
    filler.hold()
    report("A7", round(slowest), "ms", f"to the changed answer in full tables; "
           f"{tables['names']} names in {tables['total_octets'] >> 10} KiB, "
           f"{len(filler.refused)} loads refused, {watch.total('answered')} answers")
