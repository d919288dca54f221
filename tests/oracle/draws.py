"""One answer that came against all that may come. A draw is (CNAMEs, end): CNAMEs are (owner, TTL,
target) in their order, end is "NXDOMAIN", "NODATA", "LEFT" or (TTL, values).
"""

import math

from evaluator import AnyOf, Chased


def drawn_as(outcome, draw):
    """The answer of the outcome that a draw is; None when it is none of them."""
    links, end = draw
    for answer in outcome:
        cnames, wanted = (answer.cnames, answer.end) if isinstance(answer, Chased) else ((), answer)
        got = links, end
        if end == "LEFT" and len(links) == 1:  # told as the CNAME alone
            got = (), (links[0][1], frozenset([links[0][2]]))
        if cnames == got[0] and is_drawn(wanted, got[1]):
            return answer
    return None


def is_drawn(wanted, got):
    if isinstance(wanted, AnyOf):
        return not isinstance(got, str) and got[0] == wanted.ttl and \
            len(got[1]) == wanted.take and got[1] <= wanted.values
    return got == wanted


def is_near_share(count, total, share):
    """Within 6 sigma; a few more where so few are expected that sigma says little."""
    sigma = math.sqrt(total * share * (1 - share))
    return abs(count - total * share) <= 6 * sigma + 3


def hold_to_share(count, total, share, what):
    assert is_near_share(count, total, share), (what, count, total, share)
