"""Random trees of record sets on running processes against the reference evaluator of tests/oracle:
every share that `explain` tells, every reply of the wire with its scope, how often each comes, and
all of that again while and after health changes.

HOLDFAST_TREES says how many, HOLDFAST_TREES_SEED which; tools/test --long takes 20,000 and more.
"""

import os
from collections import Counter

from holdfast_node import needs_programs
from random_trees import Batch
from watch import tell

pytestmark = needs_programs

TREES = int(os.environ.get("HOLDFAST_TREES", "600"))
SEED = int(os.environ.get("HOLDFAST_TREES_SEED", "1"))
OF_A_NODE = 200
FLIPS = 4  # of each node
DRAWN, DRAWS = TREES // 100, 5000  # trees whose frequencies are counted, queries for each


def test_random_trees_are_answered_as_the_evaluator_says(tmp_path):
    counts, differences = Counter(), []
    for number in range(-(-TREES // OF_A_NODE)):
        batch = Batch(tmp_path / str(number), SEED * 1_000_000 + number,
                      min(OF_A_NODE, TREES - number * OF_A_NODE))
        with batch.serving():
            batch.compare()
            for _ in range(FLIPS):
                batch.flip()
                batch.compare()
            batch.compare_frequencies(min(10, DRAWN - counts["frequencies"]), DRAWS)
        counts += batch.counts
        differences += batch.differences
    tell(f"ORACLE trees {'FAILED' if differences else 'ok'} {counts['trees']} trees, "
         f"{counts['explains']} explains, {counts['queries']} queries, {counts['meanwhile']} of "
         f"them during {counts['flips']} flips, {counts['frequencies']} trees by frequency, "
         f"{len(differences)} differences; seed {SEED}")
    assert not differences, "\n".join(differences[:10])
    assert counts["frequencies"] == DRAWN and \
        counts["queries"] - counts["meanwhile"] >= 50 * TREES
