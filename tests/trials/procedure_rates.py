"""How often the procedure errs, and what it costs, by simulation: the code that decides, on noise of known spreads.

Changes of nothing, of half the band, of the band and of twice the band; days that differ by no more than one stored
session makes believe (0.5 %), and by twice as much.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections import Counter

from machine import ROOT, describe, write

sys.path.insert(0, str(ROOT))
from tests.unit.simulated import EDGES, Spreads, whole

CHECKS = 2000
CHANGES = {"none": 0.0, "half the band": EDGES.ignore_below, "the band": EDGES.fail_above, "+10%": 0.0953}
SPREADS = [
    Spreads(process, day, pair)
    for process, pair in ((0.004, 0.005), (0.01, 0.007), (0.02, 0.01), (0.03, 0.03))
    for day in (0.005, 0.01)
]


def main() -> None:
    machine, found = describe(), []
    for spreads in SPREADS:
        rng = random.Random(1)
        for change, truth in CHANGES.items():
            outcomes = [whole(rng, truth, spreads) for _ in range(CHECKS)]
            found.append(
                {
                    "process_sd": spreads.process,
                    "day_sd": spreads.day,
                    "pair_sd": spreads.pair,
                    "change": change,
                    "verdicts": Counter(outcome.verdict.value for outcome in outcomes),
                    "processes": statistics.fmean(outcome.processes for outcome in outcomes),
                    "in_a_duet": sum(outcome.pairs > 0 for outcome in outcomes),
                    "pairs": statistics.fmean(outcome.pairs for outcome in outcomes),
                }
            )
            print(found[-1], flush=True)
    write("procedure_rates", machine, {"checks": CHECKS, "found": found})


if __name__ == "__main__":
    main()
