"""tools/bench peers, failover: how long after the death of a service the changed answer comes, of
gdnsd and of Holdfast. The same listener dies for both; each looks at it as often as it can.
"""

import random
import time

import benchreport
import peerzone
from benchreport import BenchError
from peerservers import SERVERS

COMPARED = ("holdfast-afxdp", "gdnsd")
DEATHS = 5
PAUSE = 0.005      # seconds between two queries
PATIENCE = 20.0    # seconds; gdnsd's slowest is about 3
INTERVAL = 2.0     # seconds, of the slowest check: deaths come at random within it


def until(ask, address):
    """Asks for SERVICE until its answer is `address`. BenchError past PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = ask(peerzone.SERVICE)
        if found is not None and found[1] == [address]:
            return
        if time.monotonic() > deadline:
            raise BenchError(f"{peerzone.SERVICE}.{peerzone.ORIGIN} is not answered {address}"
                             f" within {PATIENCE:g} s, but {found}")
        time.sleep(PAUSE)


def deaths(lab, server, count, draw):
    """Seconds from each death of the primary to the first answer with the secondary."""
    found = []
    # gdnsd looks at the secondary too, and keeps to the primary when both are down.
    with lab.listener(peerzone.SECONDARY), lab.serve(server) as running, lab.asking() as ask:
        lab.settle(running)
        for _ in range(count):
            with lab.listener(peerzone.PRIMARY) as listener:
                until(ask, peerzone.PRIMARY)
                time.sleep(draw.uniform(1.0, 1.0 + INTERVAL))
                began = time.monotonic()
                listener.kill()
                until(ask, peerzone.SECONDARY)
                found.append(time.monotonic() - began)
    return found


def measure(lab, count):
    """(rows, notes) of so many deaths for each server."""
    draw = random.Random(3)
    rows = []
    for name in COMPARED:
        benchreport.say(f"failover: {name}, {count} deaths")
        samples = [1000 * seconds for seconds in deaths(lab, SERVERS[name], count, draw)]
        rows.append(benchreport.row(f"failover/{name.removesuffix('-afxdp')}", samples, "ms",
                                    "<= 300" if name == COMPARED[0] else ""))
    return rows, ["failover: from the death of a TCP service, whose port then refuses, to the first"
                  " changed answer, one query in 5 ms; Holdfast looks every 100 ms and believes the"
                  " second failure, gdnsd every 2 s (its least that leaves room for its timeout)"
                  " and believes the first"]
