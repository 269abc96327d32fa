"""How many unchanged checks the stored comparison clears, by its looks and the processes that a baseline holds.

    python tests/trials/stored_looks.py BASELINES.json

Takes a baseline with many processes (recorded with ``update-rounds = 14`` in ``[tool.modelbench]``), draws sessions
from each of its entries, and asks the stored comparison itself. No difference between days is in it: it was one
session.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
from pathlib import Path

from machine import describe, write

from pytest_modelbench.judge.comparison import compare
from pytest_modelbench.judge.estimate import Edges
from pytest_modelbench.judge.procedure import ALPHA

BAND = 0.05
SESSIONS = 400
ANCHORS = (5, 8)
LOOKS = ((3, 5), (2, 3, 5), (2, 4, 6), (2, 3, 4, 5))


def main() -> None:
    machine, log_ratios = describe(), _log_ratios(Path(sys.argv[1]))
    spreads = {name: statistics.stdev(one) for name, one in log_ratios.items()}
    for name, spread in spreads.items():
        print(f"{name:32} {len(log_ratios[name])} processes, sd {spread:.4f}")
    found = []
    for anchor in ANCHORS:
        for looks in LOOKS:
            chance = random.Random(1)
            ends = [_cleared(one, anchor, looks, chance) for one in log_ratios.values() for _ in range(SESSIONS)]
            escalated = sum(end == 0 for end in ends) / len(ends)
            processes = statistics.fmean(end or looks[-1] for end in ends)
            found.append({"anchor": anchor, "looks": looks, "escalated": escalated, "processes": processes})
            print(f"baseline of {anchor}, looks {looks}: {escalated:.1%} escalated, {processes:.2f} processes a check")
    write("stored_looks", machine, {"log_ratios": log_ratios, "sessions": SESSIONS, "found": found})


def _log_ratios(path: Path) -> dict[str, list[float]]:
    """Log ratios of each timed test, one a process."""
    records = json.loads(path.read_text())["records"]
    return {
        record["test"].partition("[")[2].rstrip("]"): next(iter(record["sessions"].values()))["log_ratios"]
        for record in records
        if record and record.get("check") == "latency"
    }


def _cleared(log_ratios: list[float], anchor: int, looks: tuple[int, ...], chance: random.Random) -> int:
    """After how many processes a session drawn from ``log_ratios`` is cleared; 0 if it never is."""
    drawn = chance.sample(log_ratios, anchor + looks[-1])
    for look in looks:
        change = compare(drawn[anchor : anchor + look], drawn[:anchor]).change
        if change.upper(ALPHA / len(looks)) < Edges.of_band(BAND).fail_above:
            return look
    return 0


if __name__ == "__main__":
    main()
