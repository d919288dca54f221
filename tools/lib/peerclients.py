"""The clients of `tools/bench peers`: kxdpgun for throughput, dnsperf for latency. How they are run
is in peerlab.py; here is what they are asked for and what they print. Pure.
"""

import math
import re
from collections import namedtuple

from benchreport import BenchError, percentile
from benchwire import REPLY

LOSS = 0.001           # up to which a rate counts as clean
RANGE = 5              # clean_rate looks from the highest rate down to a fifth of it
TRIES = 2              # of a rate that loses at most ...
NEARLY = 0.02          # ... this, before it counts as lossy: that may have had another reason

# One run of kxdpgun: queries that left, replies that came, seconds it sent.
Burst = namedtuple("Burst", "sent answered seconds")


def kxdpgun(address, queries, rate, seconds):
    """Its words: `rate` queries/s, one thread on core 1, by XDP on its own interface."""
    return ["kxdpgun", "-t", str(seconds), "-Q", str(int(rate)), "-F", "1", "-i", str(queries),
            address]


def burst(text):
    """The Burst that kxdpgun printed; BenchError when it did not get so far, or when replies had
    another RCODE than NOERROR and NXDOMAIN."""
    sent, answered = (re.search(rf"^total {what}:\s+(\d+) \((\d+) pps\)", text, re.MULTILINE)
                      for what in ("queries", "replies"))
    if sent is None or answered is None:
        raise BenchError("kxdpgun printed no 'total queries' and 'total replies'")
    wrong = set(re.findall(r"^responded (\S+):", text, re.MULTILINE)) - {"NOERROR", "NXDOMAIN"}
    if wrong:
        raise BenchError(f"kxdpgun was answered {', '.join(sorted(wrong))};"
                         " expected NOERROR and NXDOMAIN")
    if not int(sent[1]) or not int(sent[2]):
        raise BenchError("kxdpgun sent nothing")
    # Its 'duration' is in whole seconds, however long it ran.
    return Burst(int(sent[1]), int(answered[1]), int(sent[1]) / int(sent[2]))


def lost(one):
    """The part (0..1) of the queries that no reply came to."""
    return max(0.0, 1 - one.answered / one.sent)


def clean_rate(probe, high, steps):
    """Answers/s of the highest rate that loses at most LOSS, by bisection in the logarithm.
    @param probe  runs a rate and returns its Burst.
    @param high   queries/s, where it starts: somewhat above what is answered at saturation.
    @param steps  how often the range is halved: 4 leave 11 % of uncertainty.
    @return None when no rate that was tried was clean.
    """
    def clean(rate):
        for _ in range(TRIES):
            one = probe(rate)
            if lost(one) <= LOSS:
                return one.answered / one.seconds
            if lost(one) > NEARLY:
                break
        return None

    best = clean(high)
    if best is not None:
        return best
    low = high / RANGE
    for _ in range(steps):
        rate = math.sqrt(low * high)
        found = clean(rate)
        if found is None:
            high = rate
        else:
            best, low = found, rate
    return best


def dnsperf(address, queries, seconds, rate=None):
    """Its words: as fast as 200 queries in flight go, or at a fixed rate with the latency of every
    reply."""
    # Not more in flight: dnsperf begins with as many at once as it may, and a veth's queue has room
    # for 256 frames.
    how = [] if rate is None else ["-Q", str(rate), "-v"]
    return ["dnsperf", "-s", address, "-d", str(queries), "-l", str(seconds), "-t", "1",
            "-q", "200", "-c", "2", "-O", "suppress=timeout,congestion", *how]


def dnsperf_rate(text):
    """Answers/s that dnsperf counted; BenchError when it counted none."""
    found = re.search(r"Queries per second:\s+(\d+(?:\.\d+)?)", text)
    if found is None:
        raise BenchError("dnsperf printed no 'Queries per second'")
    if not float(found[1]):
        raise BenchError("dnsperf: not one reply came")
    return float(found[1])


def latencies(text):
    """(p50, p99) in us, replies, and the part (0..1) that was lost, of a run at a fixed rate."""
    replies = REPLY.findall(text)
    wrong = sorted({code for code, _ in replies} - {"NOERROR", "NXDOMAIN"})
    if wrong:
        raise BenchError(f"dnsperf was answered {', '.join(wrong)}; expected NOERROR and NXDOMAIN")
    if not replies:
        raise BenchError("dnsperf: not one reply came")
    sent = re.search(r"Queries sent:\s+(\d+)", text)
    if sent is None:
        raise BenchError("dnsperf printed no 'Queries sent'")
    found = [float(seconds) * 1e6 for _, seconds in replies]
    return (percentile(found, 50), percentile(found, 99)), len(found), 1 - len(found) / int(sent[1])
