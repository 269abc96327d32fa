"""Damages, kills and worker faults by the thousand: does a gate open, is anything lost, does anything hang or stay?

    python tests/trials/faults/faults.py [--share 0.05] [--seed 1] [--only baselines ...] [--again]

All of it takes an hour on two cores and goes on where it was stopped; a share takes its share, and is kept nowhere. The
same seed does the same damages. Once a fault is mended, ``--again`` does the trials over that showed one.

Each trial tells of which kind its end was, and whether that is a fault: those are listed with what was done and said,
and make this end with 1. Counts go to ``results/faults.json``, and by ``--table`` from there to ``docs/faults.md``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.trials.faults import damaged_baselines, table
from tests.trials.faults.broken_workers import FAULTS, PLACES, BrokenWorkers
from tests.trials.faults.damaged_results import DamagedResults
from tests.trials.faults.gated_project import GatedProject
from tests.trials.faults.killed_sessions import KilledSessions
from tests.trials.faults.kills import Kills
from tests.trials.faults.told import Told
from tests.trials.faults.updates import AT_ONCE, SIZES, Updates
from tests.trials.machine import RESULTS, describe

PATH = RESULTS / "faults.json"
#: How many trials of each part, all of them together.
PARTS = {
    "baselines": 20_000,
    "results": 5_000,
    "kills": 400,
    "updates": 500,
    "workers": len(FAULTS) * len(PLACES),
    "sessions": 100,
}
#: Trials after which what came of them is kept.
_CHUNK = 100
#: A process makes a part's project once.
_made: dict[str, Callable[[str, int], list[Told]]] = {}


def _project(folder: Path, sizes: Sequence[str] = ("small", "large")) -> GatedProject:
    project = GatedProject(folder, sizes)
    project.make()
    return project


def _baselines(folder: Path) -> Callable[[str, int], list[Told]]:
    project = _project(folder)
    return lambda seed, _: [damaged_baselines.trial(project, seed)]


def _results(folder: Path) -> Callable[[str, int], list[Told]]:
    damaged = DamagedResults(_project(folder))
    return lambda seed, _: [damaged.trial(seed)]


def _kills(folder: Path) -> Callable[[str, int], list[Told]]:
    kills = Kills(_project(folder))
    return lambda seed, _: [kills.trial(seed)]


def _updates(folder: Path) -> Callable[[str, int], list[Told]]:
    updates = Updates(_project(folder, SIZES))
    return lambda seed, number: [] if number % AT_ONCE else updates.trial(seed)


def _workers(folder: Path) -> Callable[[str, int], list[Told]]:
    workers = BrokenWorkers(folder / "project")
    trials = [(fault, place) for fault in FAULTS for place in PLACES]
    return lambda seed, number: [workers.trial(seed, *trials[number])]


def _sessions(folder: Path) -> Callable[[str, int], list[Told]]:
    sessions = KilledSessions(folder / "project")
    return lambda seed, number: [sessions.trial(seed), *([sessions.last()] if number % _CHUNK == _CHUNK - 1 else [])]


_MAKERS = {
    "baselines": _baselines, "results": _results, "kills": _kills, "updates": _updates, "workers": _workers,
    "sessions": _sessions,
}  # fmt: skip


def _trial(part: str, seed: int, folder: str, number: int) -> list[Told]:
    """What came of trial ``number`` of ``part``, in one of the processes that do them."""
    if part not in _made:
        _made[part] = _MAKERS[part](Path(tempfile.mkdtemp(prefix=f"{part}-", dir=folder)))
    return _made[part](f"{seed} {part} {number}", number)


def run(part: str, seed: int, numbers: Sequence[int], processes: int, heard: Callable[[int, list[Told]], None]) -> None:
    """Tell ``heard`` what came of each trial of ``part``, in order."""
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, context.Pool(processes) as pool:
        for number, told in zip(numbers, pool.imap(partial(_trial, part, seed, folder), numbers), strict=True):
            heard(number, told)


class _Kept:
    """What came of all trials so far, in the file."""

    def __init__(self, seed: int, share: float) -> None:
        self._whole = share == 1
        there = PATH.exists() and self._whole
        self.content: dict[str, Any] = json.loads(PATH.read_text()) if there else {"seed": seed, "parts": {}}
        if self.content["seed"] != seed:
            raise SystemExit(f"{PATH} is of seed {self.content['seed']}: remove it, or go on with that")

    def part(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.content["parts"].setdefault(
            name, {"machine": describe(), "done": 0, "counts": {}, "faults": []}
        )
        return found

    def add(self, name: str, number: int, told: list[Told]) -> None:
        part = self.part(name)
        part["counts"] = dict(sorted((Counter(part["counts"]) + Counter(one.kind for one in told)).items()))
        part["faults"] += [{"number": number, **vars(one)} for one in told if one.fault]
        part["done"] = max(part["done"], number + 1)
        for one in told:
            if one.fault:
                print(f"{name} {number}: {one.kind}: {one.what}\n{one.text[-2000:]}", flush=True)
        if part["done"] % _CHUNK == 0:
            print(f"{name}: {part['done']} done, {len(part['faults'])} faults", flush=True)
            self.write()

    def forget_faults(self, name: str) -> list[int]:
        """The numbers of trials that showed faults, which are to be done over."""
        part = self.part(name)
        numbers = sorted({fault["number"] for fault in part["faults"]})
        part["counts"] = dict(Counter(part["counts"]) - Counter(fault["kind"] for fault in part["faults"]))
        part["faults"] = []
        return numbers

    def write(self) -> None:
        if self._whole:
            PATH.write_text(json.dumps(self.content, indent=1) + "\n")


def main() -> int:
    """Run what is asked for; 1 if there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--share", type=float, default=1.0, help="of all trials, the first ones")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--again", action="store_true", help="do the trials over that showed a fault")
    parser.add_argument("--table", action="store_true", help="only write the page from the counts that there are")
    options = parser.parse_args()
    if options.table:
        table.write(json.loads(PATH.read_text()), json.loads((RESULTS / "scale.json").read_text()))
        return 0
    kept = _Kept(options.seed, options.share)
    for name in options.only:
        rest = range(kept.part(name)["done"], round(PARTS[name] * options.share))
        numbers = kept.forget_faults(name) if options.again else rest
        run(name, options.seed, numbers, options.processes, partial(kept.add, name))
        kept.write()
        print(name, json.dumps(kept.part(name)["counts"], indent=1))
    return int(any(kept.part(name)["faults"] for name in options.only))


if __name__ == "__main__":
    sys.exit(main())
