"""The tables of the page on trust, from what `calm.py` recorded.

python tests/trials/calm_figures.py tests/trials/results/calm-NAME ...

Of several folders, which are of one machine, together.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from calm import KINDS, SLOWER, TOPS
from trust_figures import Share

Record = dict[str, Any]


def main() -> None:
    for name, table in (("accepted", baselines), ("aa", unchanged), ("slow", slowdowns), ("crossed", crossed)):
        paths = [path for folder in sys.argv[1:] if (path := Path(folder, f"{name}.jsonl")).exists()]
        if paths:
            print(f"\n{name}\n")
            table([json.loads(line) for path in paths for line in path.read_text().splitlines()])


def baselines(records: list[Record]) -> None:
    for record in records:
        models, attempts = len(record["models"]), len(record["attempts"])
        print(f"| {record['kind']} | {models} models | {record['wall_s']:.0f} s | {attempts} |")


def unchanged(records: list[Record]) -> None:
    """Red sessions, and what a session takes, by kind of load and by what lies on top; pytest-benchmark beside."""
    for kind in KINDS:
        for top in TOPS:
            of_this = [record for record in records if (record["kind"], record["top"]) == (kind, top)]
            if not of_this:
                continue
            ours = [record["ours"] for record in of_this]
            red = sum(session["exit"] != 0 for session in ours)
            verdicts = Counter(check["verdict"] for session in ours for check in session["checks"])
            paired = sum(check["pairs"] > 0 for session in ours for check in session["checks"])
            print(
                f"| {kind}, {top} on top | {Share(red, len(ours))} | {_walls(ours)} "
                f"| {dict(verdicts)}, {paired} paired |"
            )
        peers = [
            record["pytest_benchmark"] for record in records if record["kind"] == kind and "pytest_benchmark" in record
        ]
        for rule in ("min", "median") if peers else ():
            alarms = sum(bool(peer["failed"][rule]) for peer in peers)
            print(f"| {kind}, pytest-benchmark {rule}:5% | {Share(alarms, len(peers))} | {_walls(peers)} | |")
        ratios = [
            record["ours"]["wall_s"] / record["pytest_benchmark"]["wall_s"]
            for record in records
            if record["kind"] == kind and "pytest_benchmark" in record
        ]
        if ratios:
            print(f"| {kind}: ours / pytest-benchmark | | {statistics.median(ratios):.1f} | |")
    _spreads(records)


def _spreads(records: list[Record]) -> None:
    """Standard deviations, in log: of processes beside the reference, model by model, and of pairs."""
    ratios: dict[str, list[float]] = {}
    changes: list[float] = []
    for check in (check for record in records for check in record["ours"]["checks"] if check["name"] == "latency"):
        ratios.setdefault(check["test"], []).extend(log_ratio for _, _, log_ratio, *_ in check["measured"])
        changes += check["changes"]
    of_models = sorted((statistics.stdev(found), name, len(found)) for name, found in ratios.items())
    print("\nprocesses:", ", ".join(f"{name} {sd:.1%} ({count})" for sd, name, count in of_models))
    print(f"pairs: {statistics.pstdev(changes):.1%} ({len(changes)})")


def slowdowns(records: list[Record]) -> None:
    """What became of each real change: sessions by their verdict on it."""
    for variant in SLOWER:
        for kind in ("quiet", "two a core"):
            ours = [record["ours"] for record in records if (record["variant"], record["kind"]) == (variant, kind)]
            if not ours:
                continue
            verdicts = Counter(_worst(session) for session in ours)
            logs = [_change(check) for session in ours for check in session["checks"] if check["ratio"]]
            print(
                f"| {variant}, {kind} | {dict(verdicts)} | {100 * math.expm1(statistics.fmean(logs)):+.1f} % "
                f"| {_walls(ours)} |"
            )


def crossed(records: list[Record]) -> None:
    for top in TOPS:
        ours = [record["ours"] for record in records if record["top"] == top]
        verdicts = Counter(check["verdict"] for session in ours for check in session["checks"])
        red = sum(session["exit"] != 0 for session in ours)
        print(f"| {top} on top | {Share(red, len(ours))} | {_walls(ours)} | {dict(verdicts)} |")


def _change(check: Record) -> float:
    log = math.log(check["ratio"])
    return -log if check["name"] == "throughput" else log


def _worst(session: Record) -> str:
    order = ("regressed", "inconclusive", "ok", "improved", "unchanged")
    verdicts = [check["verdict"] for check in session["checks"]]
    return min(verdicts, key=order.index)


def _walls(sessions: list[Record]) -> str:
    walls = [session["wall_s"] for session in sessions]
    return f"{statistics.median(walls):.0f} s ({min(walls):.0f}-{max(walls):.0f})"


if __name__ == "__main__":
    main()
