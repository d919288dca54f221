"""Random trees of record sets on running processes against the reference evaluator of tests/oracle:
every share that `explain` tells, every reply of the wire with its scope, how often each comes, and
all of that again while and after health changes.

HOLDFAST_TREES says how many, HOLDFAST_TREES_SEED which; tools/test --long takes 20,000 and more.
"""

import os

from holdfast_node import needs_programs
from random_trees import Batch
from watch import tell

pytestmark = needs_programs

TREES = int(os.environ.get("HOLDFAST_TREES", "600"))
SEED = int(os.environ.get("HOLDFAST_TREES_SEED", "1"))
OF_A_NODE = 200
FLIPS = 4  # of each node
FREQUENCIES = TREES // 100, 5000  # trees that draw, queries for each


def test_random_trees_are_answered_as_the_evaluator_says(tmp_path):
    counts, differences = None, []
    for number in range(-(-TREES // OF_A_NODE)):
        batch = Batch(tmp_path / str(number), SEED * 1_000_000 + number,
                      min(OF_A_NODE, TREES - number * OF_A_NODE))
        with batch.serving():
            batch.compare()
            for _ in range(FLIPS):
                batch.flip()
                batch.compare()
            wanted = max(0, FREQUENCIES[0] - (counts or batch.counts)["frequencies"])
            batch.compare_frequencies(min(wanted, 10), FREQUENCIES[1])
        counts = batch.counts if counts is None else counts + batch.counts
        differences += batch.differences
    tell(f"ORACLE trees ok {counts['trees']} trees, {counts['explains']} explains, "
           f"{counts['queries']} queries, {counts['flips']} flips, {counts['frequencies']} trees "
           f"by frequency, {len(differences)} differences; seed {SEED}")
    assert not differences, "\n".join(differences[:10])
    assert counts["frequencies"] == FREQUENCIES[0] and counts["queries"] >= 50 * TREES
