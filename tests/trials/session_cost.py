"""How long sessions of unchanged code take by simulation: with other baselines, looks, and shares of the error rate.

Six models, unlike in their spreads, judged by the code that decides; a commit is new, so that nothing is unchanged.
Seconds are those of `tests/trials/calm.py` on two cores: both sides of a pair import side by side.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from machine import ROOT, describe, write

sys.path.insert(0, str(ROOT))
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.judge import paired, stored
from tests.unit.simulated import DEFAULTS, Ended, Spreads, session

SESSIONS = 150
MODELS, UNLIKE = 6, 0.4
#: Of processes, days and pairs: a quiet machine, a shared one, and a busy host.
MACHINES = {
    "quiet": Spreads(0.008, 0.005, 0.006),
    "shared": Spreads(0.015, 0.01, 0.010),
    "busy host": Spreads(0.022, 0.02, 0.015),
}
CONTROLLER_S, START_S, TEST_S, START_OF_PAIR_S, TEST_IN_PAIR_S = 2.0, 4.5, 1.8, 6.0, 3.6
DUETS = ((2, 3, 5, 8, 13, 20), (3, 5, 8, 13, 20), (2, 4, 8, 14, 20))


def main() -> None:
    machine, found = describe(), list[dict[str, Any]]()
    for processes in (4, 6, 8, 12):
        found += costs({"baseline_processes": processes}, replace(DEFAULTS, update_rounds=processes))
    for first in (2, 3, 4):
        found += costs({"first_look": first}, replace(DEFAULTS, rounds=(first, 9)))
    for pairs in DUETS:
        found += costs({"pairs": pairs}, replace(DEFAULTS, pairs=pairs))
    for share in (0.2, 0.8):
        stored.STORED_SHARE = paired.STORED_SHARE = share
        found += costs({"stored_share": share}, DEFAULTS)
    spreads = {name: [one.process, one.day, one.pair] for name, one in MACHINES.items()}
    write("session_cost", machine, {"sessions": SESSIONS, "unlike": UNLIKE, "machines": spreads, "found": found})


def costs(what: dict[str, Any], settings: Settings) -> list[dict[str, Any]]:
    """What many sessions take on each machine, without nights and with ten."""
    found = []
    for name, spreads in MACHINES.items():
        for nights in (0, 10):
            rng = random.Random(5)
            sessions = [
                session(rng, [0.0] * MODELS, spreads, nights=nights, unlike=UNLIKE, settings=settings)
                for _ in range(SESSIONS)
            ]
            took_s = sorted(map(seconds, sessions))
            found.append(
                {
                    **what,
                    "machine": name,
                    "nights": nights,
                    "median_s": round(statistics.median(took_s), 1),
                    "mean_s": round(statistics.fmean(took_s), 1),
                    "nine_in_ten_s": round(took_s[9 * SESSIONS // 10], 1),
                    "in_a_duet": statistics.fmean(sum(one.pairs > 0 for one in ended) for ended in sessions),
                }
            )
            print(found[-1], flush=True)
    return found


def seconds(ended: Sequence[Ended]) -> float:
    """What a session takes whose checks ended so."""
    rounds = range(1, max(one.processes for one in ended) + 1)
    pairs = range(1, max(one.pairs for one in ended) + 1)
    in_rounds = sum(START_S + TEST_S * sum(one.processes >= number for one in ended) for number in rounds)
    in_pairs = sum(START_OF_PAIR_S + TEST_IN_PAIR_S * sum(one.pairs >= number for one in ended) for number in pairs)
    return CONTROLLER_S + in_rounds + in_pairs


if __name__ == "__main__":
    main()
