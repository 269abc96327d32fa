"""How many checks of unchanged code the screen clears, by how many processes a baseline holds and when it looks.

    python tests/trials/screen_looks.py BASELINES.json

Takes a baseline with many processes (recorded with ``update-rounds = 14`` in ``[tool.modelbench]``), draws sessions
from each of its entries, and asks the screen itself. Without a difference between days: it was one session.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
from pathlib import Path

from machine import describe, write

from pytest_modelbench.core.verdicts import ALPHA
from pytest_modelbench.judge.comparison import compare
from pytest_modelbench.judge.estimate import Edges

BAND = 0.05
SESSIONS = 400
ANCHORS = (5, 8)
LOOKS = ((3, 5), (2, 3, 5), (2, 4, 6), (2, 3, 4, 5))


def main() -> None:
    machine, levels = describe(), _levels(Path(sys.argv[1]))
    spreads = {name: statistics.stdev(one) for name, one in levels.items()}
    for name, spread in spreads.items():
        print(f"{name:32} {len(levels[name])} processes, sd {spread:.4f}")
    found = []
    for anchor in ANCHORS:
        for looks in LOOKS:
            chance = random.Random(1)
            ends = [_settled(one, anchor, looks, chance) for one in levels.values() for _ in range(SESSIONS)]
            escalated = sum(end == 0 for end in ends) / len(ends)
            processes = statistics.fmean(end or looks[-1] for end in ends)
            found.append({"anchor": anchor, "looks": looks, "escalated": escalated, "processes": processes})
            print(f"baseline of {anchor}, looks {looks}: {escalated:.1%} escalated, {processes:.2f} processes a check")
    write("screen_looks", machine, {"levels": levels, "sessions": SESSIONS, "found": found})


def _levels(path: Path) -> dict[str, list[float]]:
    """Levels of each timed test, one a process."""
    entries = json.loads(path.read_text())["entries"]
    return {
        test.partition("[")[2].rstrip("]"): next(iter(checks["latency"]["sessions"].values()))["levels"]
        for test, checks in entries.items()
    }


def _settled(levels: list[float], anchor: int, looks: tuple[int, ...], chance: random.Random) -> int:
    """After how many processes the screen clears a session drawn from ``levels``; 0 if it never does."""
    drawn = chance.sample(levels, anchor + looks[-1])
    for look in looks:
        change = compare(drawn[anchor : anchor + look], drawn[:anchor]).change
        if change.upper(ALPHA / len(looks)) < Edges.of_band(BAND).fail_above:
            return look
    return 0


if __name__ == "__main__":
    main()
